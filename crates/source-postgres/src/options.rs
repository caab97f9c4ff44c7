//! The options of the PostgreSQL connector, in the order in which the original lists them, and what is wrong with a
//! configuration as far as it shows without a server.
//!
//! What an option's value then means belongs to `config`.

use std::sync::LazyLock;

use rowtide_api::Importance::{High, Low, Medium};
use rowtide_api::Rule::{
    Boolean, Check, Integer, ListOfRegex, NonNegativeInteger, NonNegativeLong, OneOf, PositiveInteger, Required,
};
use rowtide_api::config::ConfigKey;
use rowtide_api::{ConfigDef, ConfigType, JavaRegex, Props, Width};
use rowtide_cdc::options::checks::{hostname, no_custom, refuse_other, skipped_operations, topic_name};
use rowtide_cdc::options::{
    COMMON_CONNECTOR, COMMON_EVENTS, RELATIONAL_CONNECTOR, RELATIONAL_EVENTS, UNLISTED, assemble, boolean, class, int, list,
    long, password, string,
};

/// Every option of the connector, those first that the original lists.
pub fn postgres_config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef {
        keys: assemble(&[
            ("Postgres", &[POSTGRES]),
            ("Connector", &[COMMON_CONNECTOR, RELATIONAL_CONNECTOR, CONNECTOR]),
            ("Events", &[COMMON_EVENTS, RELATIONAL_EVENTS, EVENTS]),
            ("Unlisted", &[HONOURED, UNLISTED]),
        ]),
        prefixes: vec!["signal.", "notification.", "incremental.snapshot."],
    });
    &DEF
}

/// Group `Postgres`.
const POSTGRES: &[ConfigKey] = &[
    string("topic.prefix", High, "Topic prefix")
        .rules(&[Required, Check(topic_name)])
        .doc("Logical name of the source: first part of the names of its topics and schemas, unique for each connector."),
    string("database.hostname", High, "Hostname").rules(&[Check(hostname), Required]).doc("Host of the database server."),
    int("database.port", High, "Port").width(Width::Short).default_value("5432").rules(&[Integer]).doc("Port."),
    string("database.user", High, "User").width(Width::Short).rules(&[Required]).doc("Login user."),
    password("database.password", High, "Password").width(Width::Short).doc("Password; never shown."),
    string("database.dbname", High, "Database").rules(&[Required]).doc("Database to capture."),
    int("database.query.timeout.ms", Low, "Query timeout")
        .width(Width::None)
        .default_value("600000")
        .doc("Statement timeout for connector queries; 0 = none."),
    string("plugin.name", Medium, "Plugin")
        .default_value("decoderbufs")
        .rules(&[OneOf(&["decoderbufs", "pgoutput"])])
        .doc("Logical decoding output plugin: pgoutput, also where nothing is said; others are refused at the start."),
    string("slot.name", Medium, "Slot")
        .default_value("debezium")
        .rules(&[Check(slot_name)])
        .doc("Replication slot: at most 63 lower-case letters, digits and underscores."),
    string("publication.name", Medium, "Publication").default_value("dbz_publication").doc("Publication used by pgoutput."),
    string("publication.autocreate.mode", Medium, "Publication Auto Create Mode")
        .default_value("all_tables")
        .rules(&[OneOf(&["no_tables", "filtered", "disabled", "all_tables"])])
        .doc("Whether a missing publication is created, and for which tables: all, those captured, none."),
    string("replica.identity.autoset.values", Medium, "Replica Identity Auto Set Values")
        .width(Width::Long)
        .rules(&[Check(replica_identities)])
        .doc("Replica identities to set at the start: comma-separated <table regex>:<DEFAULT|FULL|NOTHING|INDEX name>."),
    boolean("slot.drop.on.stop", Medium, "Drop slot on stop")
        .width(Width::None)
        .default_value("false")
        .doc("Drop the slot on orderly stop; changes made while stopped are then lost."),
    boolean("slot.failover", Medium, "Create failover slot")
        .width(Width::None)
        .default_value("false")
        .doc("Create the slot for failover (PostgreSQL 17 and later, on a primary)."),
    string("slot.stream.params", Low, "Optional parameters to pass to the logical decoder when the stream is started.")
        .width(Width::Long)
        .doc("Further options of START_REPLICATION: k=v;k=v."),
    string("database.initial.statements", Low, "Initial statements")
        .width(Width::Long)
        .doc("SQL statements that run on each new connection, separated by ; (;; is a semicolon)."),
    string("database.sslmode", Medium, "SSL mode")
        .default_value("prefer")
        .rules(&[OneOf(&["allow", "prefer", "disable", "verify-ca", "require", "verify-full"])])
        .doc("Whether connections are encrypted and the server is verified, in the words of libpq."),
    string("database.sslcert", Medium, "SSL Client Certificate").width(Width::Long).doc("Client certificate file."),
    password("database.sslpassword", Medium, "SSL Client Key Password").doc("Password of the client key."),
    string("database.sslrootcert", Medium, "SSL Root Certificate")
        .width(Width::Long)
        .doc("File with the certificates of the authorities that are trusted."),
    string("database.sslkey", Medium, "SSL Client Key").width(Width::Long).doc("Client key file."),
    int("slot.max.retries", Low, "Retry count")
        .width(Width::None)
        .default_value("6")
        .rules(&[Integer])
        .doc("How often connecting to the slot is tried again."),
    long("slot.retry.delay.ms", Low, "Retry delay")
        .width(Width::None)
        .default_value("10000")
        .rules(&[Integer])
        .doc("Pause between slot retries."),
    string("database.sslfactory", Medium, "SSL Root Certificate")
        .width(Width::Long)
        .rules(&[Check(ssl_factory)])
        .doc("org.postgresql.ssl.NonValidatingFactory turns verification off; no other factory is offered."),
    int("status.update.interval.ms", Medium, "Status update interval (ms)")
        .width(Width::Short)
        .default_value("10000")
        .rules(&[PositiveInteger])
        .doc("How often the server is told what is durable."),
    long("lsn.flush.timeout.ms", Medium, "LSN flush timeout (ms)")
        .width(Width::Short)
        .default_value("30000")
        .rules(&[PositiveInteger])
        .doc("Without effect: the server is told what is durable without waiting for an answer.")
        .idle(),
    string("lsn.flush.timeout.action", Medium, "LSN flush timeout action")
        .default_value("fail")
        .rules(&[OneOf(&["fail", "warn", "ignore"])])
        .doc("Without effect: there is no answer to wait for.")
        .idle(),
    boolean("database.tcpKeepAlive", Medium, "TCP keep-alive probe")
        .width(Width::Short)
        .default_value("true")
        .rules(&[Boolean])
        .doc("Whether idle connections are probed."),
    long("xmin.fetch.interval.ms", Medium, "Xmin fetch interval (ms)")
        .width(Width::Short)
        .default_value("0")
        .rules(&[NonNegativeLong])
        .doc("How often the slot's xmin is read into source.xmin; 0: never."),
    list("skipped.operations", Low, "Skipped Operations")
        .width(Width::Short)
        .default_value("t")
        .rules(&[Check(skipped_operations)])
        .doc("Comma list of c,u,d,t or none; operations dropped while streaming."),
    string("lsn.flush.mode", Low, "LSN flush mode")
        .width(Width::Short)
        .rules(&[OneOf(&["connector_and_driver", "connector", "manual"])])
        .doc("Who moves the slot on: the connector once offsets are stored (default), or somebody else (manual)."),
    boolean("flush.lsn.source", Low, "Boolean to determine if Debezium should flush LSN in the source database")
        .width(Width::Short)
        .default_value("true")
        .rules(&[Boolean])
        .doc("Deprecated name of lsn.flush.mode: true is connector, false is manual."),
];

/// End of group `Connector`.
const CONNECTOR: &[ConfigKey] = &[
    string("snapshot.mode", Medium, "Snapshot mode")
        .width(Width::Short)
        .default_value("initial")
        .rules(&[
            OneOf(&["always", "initial_only", "configuration_based", "when_needed", "initial", "custom", "no_data"]),
            Check(snapshot_mode),
        ])
        .doc(
            "When rows that exist already are read. A snapshot that is killed goes on where it was; initial_only alone starts over, \
             because it has no log that would reconcile rows of different moments (with initial, and a stop after its end, it goes on). \
             Where the chunks that were left have no rows, no row is marked as the last one: it was sent before.",
        ),
    string("snapshot.isolation.mode", Low, "Snapshot isolation mode")
        .width(Width::Short)
        .default_value("serializable")
        .rules(&[OneOf(&["read_uncommitted", "repeatable_read", "read_committed", "serializable"])])
        .doc("Isolation level of the snapshot's transaction."),
    string("snapshot.query.mode", Low, "Snapshot query mode")
        .width(Width::Short)
        .default_value("select_all")
        .rules(&[OneOf(&["custom", "select_all"]), Check(query_mode)])
        .doc("How rows are read: select_all. (custom is a Java class and not offered.)"),
    string("snapshot.query.mode.custom.name", Medium, "Snapshot Query Mode Custom Name")
        .doc("Name of a custom snapshot query; a Java class, not offered.").idle(),
    string("snapshot.locking.mode.custom.name", Medium, "Snapshot Locking Mode Custom Name")
        .doc("Name of a custom snapshot lock; a Java class, not offered.").idle(),
    string("snapshot.locking.mode", Low, "Snapshot locking mode")
        .width(Width::Short)
        .default_value("none")
        .rules(&[OneOf(&["shared", "custom", "none"]), Check(locking_mode)])
        .doc("How tables are locked while a snapshot reads their schemas."),
    string("hstore.handling.mode", Low, "HStore Handling")
        .default_value("json")
        .rules(&[OneOf(&["json", "map"])])
        .doc("hstore as JSON text or as a map."),
    string("binary.handling.mode", Low, "Binary Handling")
        .default_value("bytes")
        .rules(&[OneOf(&["bytes", "base64", "hex", "base64-url-safe"])])
        .doc("Binary columns as bytes or as text."),
    string("schema.name.adjustment.mode", Low, "Schema Name Adjustment")
        .default_value("none")
        .rules(&[OneOf(&["none", "avro_unicode", "avro"])])
        .doc("Makes schema names fit for Avro: avro replaces a bad character by _, avro_unicode by _uXXXX."),
    string("interval.handling.mode", Low, "Interval Handling")
        .default_value("numeric")
        .rules(&[OneOf(&["string", "numeric"])])
        .doc("Intervals as microseconds or as ISO-8601 text."),
    string("schema.refresh.mode", Medium, "Schema refresh mode")
        .width(Width::Short)
        .default_value("columns_diff")
        .rules(&[OneOf(&["columns_diff", "columns_diff_exclude_unchanged_toast"])])
        .doc("Without effect: a table's schema is read anew whenever the log says that it changed.").idle(),
    int("incremental.snapshot.chunk.size", Medium, "Incremental snapshot chunk size")
        .default_value("1024")
        .rules(&[NonNegativeInteger])
        .doc("Rows read per incremental-snapshot chunk (all held in memory)."),
    string("unavailable.value.placeholder", Medium, "Unavailable value placeholder")
        .default_value("__debezium_unavailable_value")
        .doc("Stands for values that the server did not send because they did not change (TOAST); hex: begins bytes."),
    list("message.prefix.include.list", Medium, "Include Logical Decoding Message Prefixes")
        .width(Width::Long)
        .rules(&[ListOfRegex])
        .doc("Prefixes of logical messages to emit, as regular expressions."),
    list("message.prefix.exclude.list", Medium, "Exclude Logical Decoding Message Prefixes")
        .width(Width::Long)
        .rules(&[ListOfRegex, Check(message_prefixes)])
        .doc("Prefixes of logical messages to drop, as regular expressions."),
    boolean("publish.via.partition.root", Medium, "Publish via partition root")
        .width(Width::Short)
        .default_value("false")
        .rules(&[Boolean])
        .doc("Creates the publication so that changes of a partition are published as those of its root."),
];

/// End of group `Events`.
const EVENTS: &[ConfigKey] = &[
    boolean("include.unknown.datatypes", Medium, "Include unknown datatypes")
        .width(Width::Short)
        .default_value("false")
        .doc("Emits columns of unknown types as binary values instead of leaving them out."),
    class("sourceinfo.struct.maker", Low, "Source info struct maker class")
        .default_value("io.debezium.connector.postgresql.PostgresSourceInfoStructMaker")
        .rules(&[Check(struct_maker)])
        .doc("Java class that builds the source block; only the built-in one."),
];

/// Honoured, though the original does not list them either.
const HONOURED: &[ConfigKey] = &[
    boolean("internal.slot.seek.to.known.offset.on.start", Low, "Seek to known offset")
        .default_value("false")
        .doc("Deprecated name of offset.mismatch.strategy=trust_offset.")
        .unlisted(),
    string("offset.mismatch.strategy", Low, "Offset mismatch strategy")
        .default_value("no_validation")
        .rules(&[OneOf(&["no_validation", "trust_offset", "trust_slot", "trust_greater_lsn"])])
        .doc("What to do when the slot stands elsewhere than the stored offset.")
        .unlisted(),
    long("internal.create.slot.command.timeout", Low, "Create slot timeout")
        .default_value("90")
        .doc("Seconds that creating the slot may take.")
        .unlisted(),
    ConfigKey::new("money.fraction.digits", ConfigType::Short, Low, "Money fraction digits")
        .default_value("2")
        .rules(&[])
        .doc("Digits after the point of money.")
        .unlisted(),
    string("rowtide.accept.system.identifier", Low, "Accepted server")
        .rules(&[Check(system_identifier)])
        .doc("System identifier of a server that may take the place of the one in the stored offset.")
        .unlisted(),
    long("rowtide.stream.gather.ms", Low, "Gathering of small transactions")
        .default_value("3")
        .rules(&[NonNegativeLong, Check(gathering)])
        .doc(
            "After a read of the replication stream that left nothing unread, the next one waits so long for more: the small transactions of a busy \
             server are taken together. An event waits at most so long; where a server on the same machine, or next to it, sends without a break \
             twice as long, 6 ms at most, which spares it most of what sending costs it. More costs less CPU. 0 = nothing waits.",
        )
        .unlisted(),
    long("rowtide.stream.silence.timeout.ms", Low, "Silence of the stream")
        .default_value("60000")
        .rules(&[NonNegativeLong])
        .doc("How long the server may be silent on the replication stream although it is asked for a sign of life; then the connection is opened anew. 0 = for ever.")
        .unlisted(),
    boolean("rowtide.streaming.transactions", Low, "Receive transactions in progress")
        .default_value("false")
        .rules(&[Boolean])
        .doc(
            "Receive large transactions while they run (PostgreSQL 14 and later) and keep them here until they commit: the first record comes \
             sooner after COMMIT, and the server has no need to spill them. The records are the same, but for origin_lsn, which the server then does not send.",
        )
        .unlisted(),
    long("rowtide.streaming.memory.bytes", Low, "Memory for transactions in progress")
        .default_value("4194304")
        .rules(&[NonNegativeLong])
        .doc("Bytes of such transactions that are kept in memory; what exceeds them goes to files.")
        .unlisted(),
    long("rowtide.streaming.spill.bytes.max", Low, "Disk for transactions in progress")
        .default_value("10737418240")
        .rules(&[NonNegativeLong])
        .doc("Bytes of such transactions that files may hold; more than that stops the task. The server sends them again, so that nothing is lost.")
        .unlisted(),
    string("rowtide.streaming.spill.directory", Low, "Directory for transactions in progress")
        .doc("Where these files are; by default the data directory of rowtide run, and the system's temporary directory elsewhere. They have no names and vanish with the process.")
        .unlisted(),
    long("rowtide.snapshot.chunk.bytes", Low, "Snapshot chunk size")
        .default_value("67108864")
        .rules(&[PositiveInteger])
        .doc("Bytes of a table's file that a snapshot reads as one chunk; after a crash only unfinished chunks are read again.")
        .unlisted(),
    boolean("rowtide.snapshot.concurrent.stream", Low, "Stream beside the snapshot")
        .default_value("false")
        .doc("Reads the log in turns with the snapshot: the slot moves on, and no transaction stays open for the whole snapshot.")
        .unlisted(),
    long("rowtide.snapshot.round.ms", Low, "Snapshot round")
        .default_value("10000")
        .rules(&[PositiveInteger])
        .doc("How long a snapshot reads at a time before the log has its turn, with rowtide.snapshot.concurrent.stream.")
        .unlisted(),
];

fn slot_name(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if value.is_some_and(|name| !(1..=63).contains(&name.len()) || !name.chars().all(letter)) {
        out.push(
            "Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63"
                .to_owned(),
        );
    }
}

fn replica_identities(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    const PATTERN: &str =
        r"(?i)^\s*(?<tablepredicate>[^\s:]+):(?<replicaidentity>DEFAULT|(INDEX) (?<indexname>.\w*)|FULL|NOTHING)\s*$";
    let Some(text) = value else { return };
    if text.is_empty() {
        out.push("Must not be empty".to_owned());
    }
    let Ok(pattern) = JavaRegex::new(PATTERN, false) else { return };
    for entry in text.trim_end_matches(',').split(',').filter(|entry| !pattern.is_full_match(entry)) {
        out.push(format!("{entry} has an invalid format (expecting '{PATTERN}')"));
    }
}

fn message_prefixes(value: Option<&str>, props: &Props, out: &mut Vec<String>) {
    // the original names the option by another name than its own here
    if value.is_some() && props.get("message.prefix.include.list").is_some() {
        out.push("\"logical_decoding_message.prefix.include.list\" is already specified".to_owned());
    }
}

fn ssl_factory(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    let offered = "org.postgresql.ssl.NonValidatingFactory and the database.ssl* options are offered";
    refuse_other(value.filter(|class| !class.trim().is_empty()), "org.postgresql.ssl.NonValidatingFactory", offered, out);
}

fn struct_maker(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    let builtin = "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker";
    refuse_other(value, builtin, "the built-in source block is offered", out);
}

fn snapshot_mode(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    no_custom(value, "always, initial, initial_only, no_data, when_needed, configuration_based", out);
}

fn query_mode(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    no_custom(value, "select_all (snapshot.select.statement.overrides changes single tables' statements)", out);
}

fn locking_mode(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    no_custom(value, "none, shared", out);
}

/// A server that asks for a sign of life is heard after so long, too.
fn gathering(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    if value.and_then(|text| text.parse::<i64>().ok()).is_some_and(|millis| millis > 1000) {
        out.push("At most 1000 milliseconds are expected: every event waits so long on a busy server".to_owned());
    }
}

fn system_identifier(value: Option<&str>, _props: &Props, out: &mut Vec<String>) {
    if value.is_some_and(|text| text.parse::<u64>().is_err()) {
        out.push("A system identifier is expected: the whole number that pg_control_system() shows".to_owned());
    }
}

/// Options that are understood and not yet offered, one a line; `*` at the end stands for any rest, `=value` for a
/// value that is offered after all. Each is in the manual's list of what is missing.
const UNSUPPORTED: &str = include_str!("../unsupported.txt");

/// An option that the user set and that has no effect yet, or a contradiction that the original too only warns of: the option
/// and a sentence.
pub fn unsupported(props: &Props) -> Vec<(String, String)> {
    let lines = || UNSUPPORTED.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let covers = |line: &str, name: &str, value: &str| {
        let (pattern, offered) = line.split_once('=').map_or((line, None), |(pattern, offered)| (pattern, Some(offered)));
        let named = match pattern.strip_suffix('*') {
            Some(head) => name.starts_with(head),
            None => name == pattern,
        };
        named && offered.is_none_or(|offered| !offered.eq_ignore_ascii_case(value.trim()))
    };
    let idle = props
        .iter()
        .filter(|(name, value)| lines().any(|line| covers(line, name, value)))
        .map(|(name, _)| (name.to_owned(), format!("the property '{name}' is not supported yet and has no effect")));
    let overrides = props.get("snapshot.select.statement.overrides").unwrap_or_default();
    let missing = overrides
        .split(',')
        .map(|table| format!("snapshot.select.statement.overrides.{}", table.trim()))
        .filter(|name| !name.ends_with('.') && props.get(name).is_none())
        .map(|name| {
            let sentence = format!("'snapshot.select.statement.overrides' names a table, but its statement '{name}' is not set");
            ("snapshot.select.statement.overrides".to_owned(), sentence)
        });
    idle.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Answers that were recorded from the original.
    fn recorded(name: &str) -> Value {
        let path = format!("{}/../../lab/samples/postgres/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap()
    }

    /// Debezium's part of a recorded answer to `/config/validate`: everything from `topic.prefix` on.
    fn recorded_configs(answer: &Value) -> Vec<&Value> {
        let configs = answer["response"]["body"]["configs"].as_array().unwrap();
        configs.iter().skip_while(|config| config["definition"]["name"] != "topic.prefix").collect()
    }

    fn definition(key: &ConfigKey) -> Value {
        serde_json::json!({
            "name": key.name,
            "type": format!("{:?}", key.kind).to_uppercase(),
            "required": key.required,
            "default_value": key.default,
            "importance": format!("{:?}", key.importance).to_uppercase(),
            "group": key.group,
            "order_in_group": key.order,
            "width": format!("{:?}", key.width).to_uppercase(),
            "display_name": key.display_name,
            "dependents": key.dependents(),
        })
    }

    fn without_documentation(definition: &Value) -> Value {
        let mut definition = definition.clone();
        definition.as_object_mut().unwrap().remove("documentation");
        definition
    }

    #[test]
    fn every_option_is_declared_as_the_original_declares_it() {
        let answer = recorded("rest-GET-plugin-config-definition");
        let all = answer["response"]["body"].as_array().unwrap();
        let theirs: Vec<&Value> =
            all.iter().filter(|key| ["Postgres", "Connector", "Events"].contains(&key["group"].as_str().unwrap_or(""))).collect();
        let ours: Vec<&ConfigKey> = postgres_config_def().keys.iter().filter(|key| key.listed).collect();
        assert_eq!(ours.len(), 126);
        assert_eq!(theirs.len(), 126);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(definition(ours), without_documentation(theirs));
            assert!(!ours.doc.is_empty(), "{} has no description", ours.name);
        }
    }

    #[test]
    fn a_configuration_is_judged_as_the_original_judges_it() {
        for name in ["rest-PUT-validate-good", "rest-PUT-validate-missing-required", "rest-PUT-validate-bad-values"] {
            let answer = recorded(name);
            let theirs = recorded_configs(&answer);
            let body = answer["request"]["body"].as_object().unwrap();
            let props: Props = body.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or("").to_owned())).collect();
            let ours = postgres_config_def().validate(&props);
            let keys: Vec<&ConfigKey> = postgres_config_def().keys.iter().filter(|key| key.listed).collect();
            assert_eq!(keys.len(), theirs.len());
            for (key, theirs) in keys.iter().zip(theirs) {
                assert_eq!(definition(key), without_documentation(&theirs["definition"]), "{name}");
                let ours = ours.iter().find(|value| value.name == key.name).map(|value| {
                    serde_json::json!({
                        "name": value.name,
                        "value": value.value,
                        "recommended_values": value.recommended,
                        "errors": value.errors,
                        "visible": !value.hidden,
                    })
                });
                assert_eq!(ours.unwrap_or_default(), theirs["value"], "{name}: {}", key.name);
            }
        }
    }

    fn errors(entries: &[(&str, &str)]) -> Vec<String> {
        let props: Props = entries.iter().copied().collect();
        let required = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u"), ("database.dbname", "d")];
        let mut all: Props = required.into_iter().collect();
        props.iter().for_each(|(name, value)| all.set(name, value));
        postgres_config_def().validate(&all).into_iter().flat_map(|value| value.errors).collect()
    }

    #[test]
    fn contradictions_and_slips_are_named() {
        for (entries, expected) in [
            (
                vec![("table.include.list", "a"), ("table.exclude.list", "b")],
                "The 'table.exclude.list' value is invalid: \"table.include.list\" is already specified",
            ),
            (
                vec![("max.queue.size", "10"), ("max.batch.size", "10")],
                "The 'max.queue.size' value is invalid: Must be larger than the maximum batch size",
            ),
            (vec![("skipped.operations", "c,x")], "The 'skipped.operations' value is invalid: Invalid operation"),
            (
                vec![("skipped.operations", "none,c")],
                "The 'skipped.operations' value is invalid: 'none' cannot be specified with other skipped operation types",
            ),
            (
                vec![("topic.prefix", "a b")],
                "The 'topic.prefix' value is invalid: a b has invalid format (only the underscore, hyphen, dot and \
                 alphanumeric characters are allowed)",
            ),
            (
                vec![("slot.name", "Big")],
                "The 'slot.name' value is invalid: Valid replication slot name must contain only digits, lowercase characters \
                 and underscores with length <= 63",
            ),
            (
                vec![("message.key.columns", "nonsense")],
                r"The 'message.key.columns' value is invalid: nonsense has an invalid format (expecting '^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$')",
            ),
            (
                vec![("converters", "isbn")],
                "The 'converters' value is invalid: custom converters are Java classes, which cannot be loaded; remove the option \
                 (single message transforms change values after the event is made)",
            ),
            (
                vec![("rowtide.stream.gather.ms", "60000")],
                "The 'rowtide.stream.gather.ms' value is invalid: At most 1000 milliseconds are expected: every event waits so long on a busy server",
            ),
            (
                vec![("queue.provider.type", "jdbc")], // not listed, checked all the same
                "The 'queue.provider.type' value is invalid: only 'memory' is offered: records wait in a bounded queue in memory",
            ),
        ] {
            assert_eq!(errors(&entries), [expected], "{entries:?}");
        }
        assert!(
            errors(&[("table.include.list", "a(")])[0]
                .contains("A comma-separated list of valid regular expressions is expected")
        );
        assert!(errors(&[("snapshot.mode", "custom")])[0].contains("use one of always, initial"));
        assert!(errors(&[("replica.identity.autoset.values", "a.b:SOME")])[0].starts_with("The 'replica.identity"));
        assert_eq!(errors(&[("replica.identity.autoset.values", "a.b:FULL,c.*:INDEX i")]), [""; 0]);
        assert_eq!(errors(&[("message.key.columns", r"(.*).t:a,b; s.x:c ;")]), [""; 0]);
    }

    #[test]
    fn what_is_not_offered_yet_is_warned_of_when_the_user_sets_it() {
        let props: Props = [
            ("signal.kafka.topic", "signals"),
            ("signal.file", "f"),
            ("read.only", "false"),
            ("snapshot.select.statement.overrides", "s.t"),
        ]
        .into_iter()
        .collect();
        let warnings = unsupported(&props);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].1.contains("snapshot.select.statement.overrides.s.t"));
    }

    #[test]
    fn a_misspelt_option_is_recognised() {
        let props: Props = [("table.includ.list", "x"), ("column.mask.with.5.chars", "y")].into_iter().collect();
        let unknown = postgres_config_def().unknown(&props, &[]);
        assert_eq!(unknown.len(), 1);
        assert!(unknown[0].contains("'table.include.list'"));
    }
}
