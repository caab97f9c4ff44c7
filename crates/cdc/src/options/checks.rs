//! Checks of single options against the whole configuration, worded as the original words them; and the refusals of
//! what only a Java virtual machine could load, which name what is offered instead.

use rowtide_api::Props;

use crate::naming;

/// The class that holds tables and schemas in memory.
const TABLE_STORAGE: &str = "io.debezium.relational.ConcurrentMapTableMappingStorage";
/// The class of the usual transaction metadata.
const TRANSACTION_FACTORY: &str = "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory";

/// `topic.prefix`, `topic.delimiter` and the other parts of topic names.
pub fn topic_name(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    if let Some(name) = value
        && !is_topic_name(name)
    {
        out.push(format!("{name} has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)"));
    }
}

/// `database.hostname`; a blank one is missing, which is for `Required` to say.
pub fn hostname(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    topic_name(value.filter(|name| !name.trim().is_empty()), props, out);
}

fn is_topic_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter))
}

/// `max.queue.size`
pub fn queue_size(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let (Some(queue), Some(batch)) = (value.and_then(number), number(props.get("max.batch.size").unwrap_or("2048"))) else {
        return;
    };
    if queue <= 0 {
        out.push("A positive queue size is required".to_owned());
    }
    if queue <= batch {
        out.push("Must be larger than the maximum batch size".to_owned());
    }
}

/// `skipped.operations`
pub fn skipped_operations(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    let words: Vec<&str> = value.unwrap_or("none").split(',').map(str::trim).collect();
    if words.iter().any(|word| !["none", "r", "c", "u", "d", "t"].contains(word)) {
        out.push("Invalid operation".to_owned());
    } else if words.len() > 1 && words.contains(&"none") && words.iter().any(|word| *word != "none") {
        out.push("'none' cannot be specified with other skipped operation types".to_owned());
    }
}

/// A list that must not stand beside another: the reason, when both are given.
fn exclusive(excluded: Option<&str>, include: &str, props: &Props, out: &mut Vec<String>) {
    if excluded.is_some() && props.get(include).is_some() {
        out.push(format!("\"{include}\" is already specified"));
    }
}

/// `column.exclude.list`
pub fn columns_excluded(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    exclusive(value, "column.include.list", props, out);
}

/// `table.exclude.list`
pub fn tables_excluded(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    exclusive(value, "table.include.list", props, out);
}

/// `schema.exclude.list`
pub fn schemas_excluded(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    exclusive(value, "schema.include.list", props, out);
}

/// `message.key.columns`: each entry is `<table regex>:<column>,<column>`.
pub fn message_key_columns(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    let Some(text) = value else { return };
    if text.is_empty() {
        out.push("Must not be empty".to_owned());
    }
    // as Java splits: empty entries at the end are none
    for entry in text.trim_end_matches(';').split(';') {
        let wrong = match entry.split_once(':') {
            Some((tables, columns)) => {
                tables.is_empty() || columns.contains(':') || columns.split(',').any(|column| column.trim_end().is_empty())
            }
            None => true,
        };
        if wrong {
            out.push(format!(r"{entry} has an invalid format (expecting '^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$')"));
        }
    }
}

/// `signal.data.collection`
pub fn one_signal_table(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    if props.get("connector.class").is_some() && value.is_some_and(|text| text.contains(',')) {
        out.push("For single task connector only one signal data collection is permitted.".to_owned());
    }
}

/// `notification.sink.topic.name`
pub fn notification_topic(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    let channels = props.get("notification.enabled.channels").unwrap_or_default();
    if value.is_none() && channels.split(',').any(|channel| channel.trim() == "sink") {
        out.push("Notification topic name must be provided when kafka notification channel is enabled".to_owned());
    }
}

/// `topic.naming.strategy` with the options of the regex strategies.
pub fn naming_strategy(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    let class = value.unwrap_or_default();
    if naming::Strategy::parse(class).is_none() {
        out.push(format!(
            "{class} is not a strategy that Rowtide has, and Java classes cannot be loaded; there are {}",
            naming::Strategy::names().join(", ")
        ));
    }
    if class.ends_with("RegexTopicNamingStrategy")
        && let Err(error) = naming::check_regex_options(props)
    {
        out.push(error.message().to_owned());
    }
}

/// `converters`
pub fn no_converters(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    refuse_any(
        value,
        "custom converters are Java classes",
        "single message transforms change values after the event is made",
        out,
    );
}

/// `post.processors`
pub fn no_post_processors(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    let instead = "REPLICA IDENTITY FULL makes the server send the values that reselecting would fetch";
    refuse_any(value, "post processors are not offered", instead, out);
}

/// `memory.management.schemas.class`, `memory.management.tables.class`
pub fn no_table_storage(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    refuse_other(value, TABLE_STORAGE, "schemas are held in memory", out);
}

/// `transaction.metadata.factory`
pub fn no_transaction_factory(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    refuse_other(value, TRANSACTION_FACTORY, "the built-in transaction metadata is offered", out);
}

/// `queue.provider.type`
pub fn memory_queue(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    if value.is_some_and(|text| !text.trim().eq_ignore_ascii_case("memory")) {
        out.push("only 'memory' is offered: records wait in a bounded queue in memory".to_owned());
    }
}

/// `openlineage.integration.enabled`
pub fn no_openlineage(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    if value.is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
        out.push("OpenLineage is not offered; remove the option or set it to false".to_owned());
    }
}

/// The word `custom` of an option whose custom form is a Java class.
pub fn no_custom(value: Option<&str>, words: &str, out: &mut Vec<String>) {
    if value.is_some_and(|text| text.trim().eq_ignore_ascii_case("custom")) {
        out.push(format!("'custom' names a Java class, which cannot be loaded; use one of {words}"));
    }
}

fn refuse_any(value: Option<&str>, why: &str, instead: &str, out: &mut Vec<String>) {
    if value.is_some_and(|text| !text.trim().is_empty()) {
        out.push(format!("{why}, which cannot be loaded; remove the option ({instead})"));
    }
}

/// Refuses any class but the built-in one.
pub fn refuse_other(value: Option<&str>, builtin: &str, offered: &str, out: &mut Vec<String>) {
    if let Some(class) = value.map(str::trim)
        && class != builtin
    {
        out.push(format!("the Java class {class} cannot be loaded; remove the option ({offered})"));
    }
}
