//! The tables of shared options, in the order of the original.

use rowtide_api::Importance::{High, Low, Medium};
use rowtide_api::Rule::{
    Boolean, Check, Dependents, Hidden, Integer, ListOfPairs, ListOfRegex, NonNegativeInteger, NonNegativeLong, OneOf,
    PositiveInteger, PositiveLong,
};
use rowtide_api::Width;
use rowtide_api::config::ConfigKey;

use super::checks::*;
use super::{boolean, class, int, list, long, string};

/// Names of options that hold secrets, as the original lists them.
const SECRET_NAMES: &str = concat!(
    ".*secret$|.*password$|.*sasl\\.jaas\\.config$|.*basic\\.auth\\.user\\.info",
    "|.*registry\\.auth\\.client-secret|.*credentials\\.json$|.*connectionstring$|.*connection\\.string$",
);

/// Group `Connector`, of every database.
pub const COMMON_CONNECTOR: &[ConfigKey] = &[
    string("event.processing.failure.handling.mode", Medium, "Event deserialization failure handling")
        .width(Width::Short)
        .default_value("fail")
        .rules(&[OneOf(&["warn", "fail", "ignore", "skip"])])
        .doc("Without effect: an event that cannot be processed stops the task, as with fail.")
        .idle(),
    int("max.batch.size", Medium, "Change event batch size")
        .width(Width::Short)
        .default_value("2048")
        .rules(&[PositiveInteger])
        .doc("Most records that one batch holds."),
    int("max.queue.size", Medium, "Change event buffer size")
        .width(Width::Short)
        .default_value("8192")
        .rules(&[Check(queue_size)])
        .doc("Most records that wait between source and sink; more than max.batch.size. One batch waits at a time, so that fewer do."),
    long("poll.interval.ms", Medium, "Poll interval (ms)")
        .width(Width::Short)
        .default_value("500")
        .rules(&[PositiveInteger])
        .doc("How long a poll waits for records."),
    long("max.queue.size.in.bytes", Medium, "Change event buffer size in bytes")
        .width(Width::Long)
        .default_value("0")
        .rules(&[NonNegativeLong])
        .doc("Most bytes that wait between source and sink; 0: no bound of the user's."),
    boolean("provide.transaction.metadata", Low, "Store transaction metadata information in a dedicated topic.")
        .width(Width::Short)
        .default_value("false")
        .doc("Emit BEGIN/END records on the transaction topic and fill the envelope transaction block."),
    long("snapshot.delay.ms", Low, "Snapshot Delay (milliseconds)")
        .default_value("0")
        .rules(&[NonNegativeLong])
        .doc("Wait before starting the snapshot."),
    long("streaming.delay.ms", Low, "Streaming Delay (milliseconds)")
        .default_value("0")
        .rules(&[NonNegativeLong])
        .doc("Wait after snapshot completion before streaming starts."),
    list("snapshot.include.collection.list", Medium, "Snapshot mode include data collection")
        .width(Width::Long)
        .rules(&[ListOfRegex])
        .doc("Regular expressions of captured tables whose rows a snapshot reads; default = all captured tables."),
    int("snapshot.fetch.size", Medium, "Snapshot fetch size")
        .rules(&[NonNegativeInteger])
        .doc("Without effect: rows of a snapshot are handed on as the server sends them, none are gathered.")
        .idle(),
    int("snapshot.max.threads", Medium, "Snapshot maximum threads")
        .width(Width::Short)
        .default_value("1")
        .rules(&[PositiveInteger])
        .doc("Connections that read a snapshot in parallel."),
    int("snapshot.max.threads.multiplier", Medium, "Snapshot maximum thread multiplier")
        .width(Width::Short)
        .default_value("1")
        .rules(&[PositiveInteger])
        .doc("Chunks of a table for each connection; snapshot.max.threads.multiplier.<table> for single tables."),
    boolean("legacy.snapshot.max.threads", Low, "Enforces using a single thread per table regardless of table size")
        .width(Width::Short)
        .default_value("false")
        .doc("Reads each table whole on one of the connections."),
    boolean("internal.legacy.snapshot.max.threads", Low, "Enforces using a single thread per table regardless of table size")
        .width(Width::Short)
        .default_value("false")
        .alias()
        .doc("Deprecated name of legacy.snapshot.max.threads."),
    string("snapshot.mode.custom.name", Medium, "Snapshot Mode Custom Name")
        .doc("Name of a custom snapshotter; a Java class, not offered.")
        .idle(),
    boolean("snapshot.mode.configuration.based.snapshot.data", Medium, "Snapshot mode property based snapshot data")
        .default_value("false")
        .doc("For snapshot.mode=configuration_based: take data."),
    boolean("snapshot.mode.configuration.based.snapshot.schema", Medium, "Snapshot mode property based snapshot schema")
        .default_value("false")
        .doc("For configuration_based: take schema."),
    boolean("snapshot.mode.configuration.based.start.stream", Medium, "Snapshot mode property based start stream")
        .default_value("false")
        .doc("For configuration_based: stream afterwards."),
    boolean(
        "snapshot.mode.configuration.based.snapshot.on.schema.error",
        Medium,
        "Snapshot mode property based snapshot on schema error",
    )
    .default_value("false")
    .doc("For configuration_based: re-take the schema when the schema history is missing/unusable."),
    boolean(
        "snapshot.mode.configuration.based.snapshot.on.data.error",
        Medium,
        "Snapshot mode property based snapshot on data error",
    )
    .default_value("false")
    .doc("For configuration_based: re-take data when the stored position is no longer in the log."),
    long("retriable.restart.connector.wait.ms", Low, "Retriable restart wait (ms)")
        .default_value("10000")
        .rules(&[PositiveLong])
        .doc("Pause before a task is restarted after an error that may pass; from the second failure in a row on it is longer, up to six times."),
    int("query.fetch.size", Medium, "Query fetch size")
        .default_value("0")
        .rules(&[NonNegativeInteger])
        .doc("Without effect: rows of other queries are few.")
        .idle(),
    int("errors.max.retries", Low, "The maximum number of retries")
        .default_value("-1")
        .rules(&[Integer])
        .doc("How often an error that may pass restarts the task; -1: without end."),
    string("incremental.snapshot.watermarking.strategy", Low, "Incremental snapshot watermarking strategy")
        .default_value("INSERT_INSERT")
        .rules(&[OneOf(&["insert_delete", "insert_insert"])])
        .doc("How an incremental snapshot marks its windows in the signal table."),
    boolean("internal.log.position.check.enable", Medium, "Enable/Disable log position check")
        .default_value("true")
        .doc("Without effect: at a start the stored position is always held against the log.")
        .idle(),
    boolean("internal.advanced.metrics.enable", Medium, "Enable/Disable advance metrics")
        .default_value("false")
        .doc("Without effect: there are no metrics yet.")
        .idle(),
    long("connection.validation.timeout.ms", Low, "Connection validation timeout (ms)")
        .width(Width::Short)
        .default_value("60000")
        .rules(&[PositiveLong])
        .doc("How long the test of the connection may take when a configuration is validated."),
    long("executor.shutdown.timeout.ms", Medium, "Executor shutdown timeout (ms)")
        .default_value("4000")
        .rules(&[PositiveLong])
        .doc("Without effect: task.shutdown.graceful.timeout.ms of the worker bounds a stop.")
        .idle(),
    boolean("openlineage.integration.enabled", Low, "Enables OpenLineage integration")
        .width(Width::Short)
        .default_value("false")
        .rules(&[Check(no_openlineage)])
        .doc("OpenLineage events; not offered."),
    string("openlineage.integration.config.file.path", Low, "Path to OpenLineage file configuration")
        .width(Width::Long)
        .default_value("./openlineage.yml")
        .doc("OpenLineage; not offered.")
        .idle(),
    string("openlineage.integration.job.namespace", Low, "Namespace used for Debezium job")
        .width(Width::Long)
        .doc("OpenLineage; not offered.")
        .idle(),
    string("openlineage.integration.job.description", Low, "Description used for Debezium job")
        .width(Width::Long)
        .default_value("Debezium change data capture job")
        .doc("OpenLineage; not offered.")
        .idle(),
    list("openlineage.integration.job.tags", Low, "Debezium job tags")
        .width(Width::Long)
        .rules(&[ListOfPairs])
        .doc("OpenLineage; not offered.")
        .idle(),
    list("openlineage.integration.job.owners", Low, "Debezium job owners")
        .width(Width::Long)
        .rules(&[ListOfPairs])
        .doc("OpenLineage; not offered.")
        .idle(),
    string(
        "openlineage.integration.dataset.kafka.bootstrap.servers",
        Low,
        "Kafka bootstrap server used in Kafka Connect deployment",
    )
    .width(Width::Long)
    .doc("OpenLineage; not offered.")
    .idle(),
    boolean("extended.headers.enabled", Low, "Enable/Disable extended headers")
        .width(Width::Short)
        .default_value("true")
        .rules(&[Boolean])
        .doc("Adds the four __debezium.context.* headers to data records and tombstones."),
    int("guardrail.collections.max", Medium, "Maximum number of collections or tables")
        .width(Width::Short)
        .default_value("0")
        .rules(&[NonNegativeInteger])
        .doc("How many tables may be captured; 0: any number."),
    string("guardrail.collections.limit.action", Medium, "Guardrail collections limit action")
        .width(Width::Short)
        .default_value("warn")
        .rules(&[OneOf(&["warn", "fail"])])
        .doc("What to do when more tables are captured."),
    string("custom.sanitize.pattern", Low, "Custom pattern for masking sensitive configuration")
        .width(Width::Long)
        .default_value(SECRET_NAMES)
        .doc("Without effect: values of properties are never logged.")
        .idle(),
    boolean("statistics.metrics.enabled", Medium, "Enable collecting statistics metrics like latencies")
        .width(Width::Short)
        .default_value("true")
        .doc("Without effect: there are no metrics yet.")
        .idle(),
];

/// Group `Connector`, of relational databases.
pub const RELATIONAL_CONNECTOR: &[ConfigKey] = &[
    string("decimal.handling.mode", Medium, "Decimal Handling")
        .width(Width::Short)
        .default_value("precise")
        .rules(&[OneOf(&["string", "double", "precise"])])
        .doc("Decimals as Connect's Decimal, as text or as floating-point numbers."),
    string("time.precision.mode", Medium, "Time Precision")
        .width(Width::Short)
        .default_value("adaptive")
        .rules(&[OneOf(&["adaptive", "adaptive_time_microseconds", "isostring", "microseconds", "nanoseconds", "connect"])])
        .doc("How dates and times are represented."),
    long("snapshot.lock.timeout.ms", Medium, "Snapshot lock timeout (ms)")
        .width(Width::Long)
        .default_value("10000")
        .doc("Max wait for snapshot table locks; on expiry the snapshot fails. Where it takes no locks, it goes on waiting for a table that another \
             session has locked, and the log says so each time."),
    class("memory.management.schemas.class", Low, "Schema storage class")
        .width(Width::Long)
        .default_value("io.debezium.relational.ConcurrentMapTableMappingStorage")
        .rules(&[Check(no_table_storage)])
        .doc("Java class that holds schemas; only the built-in one."),
    class("memory.management.tables.class", Low, "Table storage class")
        .width(Width::Long)
        .default_value("io.debezium.relational.ConcurrentMapTableMappingStorage")
        .rules(&[Check(no_table_storage)])
        .doc("Java class that holds tables; only the built-in one."),
];

/// Group `Events`, of every database.
pub const COMMON_EVENTS: &[ConfigKey] = &[
    string("converters", Low, "List of prefixes defining custom values converters.")
        .rules(&[Check(no_converters)])
        .doc("Names of custom converters; Java classes, not offered."),
    string("post.processors", Low, "List of change event post processors.")
        .rules(&[Check(no_post_processors)])
        .doc("Names of post processors; Java classes, not offered."),
    boolean("tombstones.on.delete", Medium, "Change the behaviour of Debezium with regards to delete operations")
        .width(Width::Short)
        .default_value("true")
        .rules(&[Boolean])
        .doc("After each delete emits a record of the same key without value."),
    int("heartbeat.interval.ms", Medium, "Connector heartbeat interval (milli-seconds)")
        .default_value("0")
        .rules(&[NonNegativeInteger])
        .doc("How often a heartbeat is emitted; 0: never."),
    string("heartbeat.topics.prefix", Low, "A prefix used for naming of heartbeat topics")
        .default_value("__debezium-heartbeat")
        .doc("Old name of topic.heartbeat.prefix; without effect, as in the original.")
        .idle(),
    list("signal.data.collection", Medium, "Signaling data collection")
        .rules(&[Check(one_signal_table)])
        .doc("Table through which signals are sent; it is captured too."),
    long("signal.poll.interval.ms", Medium, "Signal processor poll interval")
        .width(Width::Short)
        .default_value("5000")
        .rules(&[PositiveInteger])
        .doc("How often the signal channels are read."),
    list("signal.enabled.channels", Medium, "Enabled channels names")
        .width(Width::Long)
        .default_value("source")
        .doc("Channels through which signals may come."),
    class("topic.naming.strategy", Medium, "Topic naming strategy class")
        .default_value("io.debezium.schema.SchemaTopicNamingStrategy")
        .rules(&[Check(naming_strategy)])
        .doc("How topics are named: one of the six strategies of io.debezium.schema."),
    list("notification.enabled.channels", Medium, "Enabled notification channels names")
        .width(Width::Long)
        .doc("Channels through which notifications go."),
    string("notification.sink.topic.name", High, "Notification topic name")
        .width(Width::Long)
        .rules(&[Check(notification_topic)])
        .doc("Topic of the sink notification channel."),
    class("transaction.metadata.factory", Low, "Factory class to create transaction context & transaction struct maker classes")
        .default_value("io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory")
        .rules(&[Check(no_transaction_factory)])
        .doc("Java class of transaction metadata; only the built-in one."),
    list("custom.metric.tags", Low, "Customize metric tags")
        .rules(&[ListOfPairs])
        .doc("Without effect: there are no metrics yet.")
        .idle(),
];

/// Group `Events`, of relational databases.
pub const RELATIONAL_EVENTS: &[ConfigKey] = &[
    list("column.include.list", Medium, "Include Columns")
        .width(Width::Long)
        .rules(&[ListOfRegex])
        .doc("Regular expressions of columns to keep in rows: <schema>.<table>.<column>. Keys keep theirs."),
    list("column.exclude.list", Medium, "Exclude Columns")
        .width(Width::Long)
        .rules(&[ListOfRegex, Check(columns_excluded)])
        .doc("Regular expressions of columns dropped from values."),
    list("table.include.list", High, "Include Tables")
        .width(Width::Long)
        .rules(&[ListOfRegex])
        .doc("Regular expressions of fully qualified table names to capture."),
    list("table.exclude.list", Medium, "Exclude Tables")
        .width(Width::Long)
        .rules(&[ListOfRegex, Check(tables_excluded)])
        .doc("Regular expressions of tables not to capture."),
    boolean("table.ignore.builtin", Low, "Ignore system databases")
        .width(Width::Short)
        .default_value("true")
        .rules(&[Boolean])
        .doc("Ignore the system tables of the database regardless of the lists."),
    list("schema.include.list", High, "Include Schemas")
        .width(Width::Long)
        .rules(&[ListOfRegex, Dependents(&["table.include.list"])])
        .doc("Regular expressions of schemas. Exclusive with schema.exclude.list."),
    list("schema.exclude.list", Medium, "Exclude Schemas")
        .width(Width::Long)
        .rules(&[ListOfRegex, Check(schemas_excluded), Hidden])
        .doc("Regular expressions of schemas not captured (system schemas always excluded)."),
    string("message.key.columns", Medium, "Columns PK mapping")
        .width(Width::Long)
        .rules(&[Check(message_key_columns)])
        .doc("<table regex>:<col>[,<col>...] entries separated by ; overriding the record key."),
    string(
        "snapshot.select.statement.overrides",
        Medium,
        "List of tables where the default select statement used during snapshotting should be overridden.",
    )
    .width(Width::Long)
    .doc("Tables whose snapshot reads the statement of snapshot.select.statement.overrides.<table> instead."),
    string("column.mask.hash.([^.]+).with.salt.(.+)", Medium, "Mask Columns Using Hash and Salt")
        .width(Width::Long)
        .doc("column.mask.hash[.v2].<algorithm>.with.salt.<salt>: replaces text of these columns by a hash."),
    string("column.mask.with.(d+).chars", Medium, "Mask Columns With n Asterisks")
        .width(Width::None)
        .rules(&[Integer])
        .doc("column.mask.with.<n>.chars: replaces text of these columns by n asterisks."),
    int("column.truncate.to.(d+).chars", Medium, "Truncate Columns To n Characters")
        .width(Width::None)
        .rules(&[Integer])
        .doc("column.truncate.to.<n>.chars: cuts text or bytes of these columns."),
    boolean("include.schema.comments", Medium, "Include Table and Column Comments")
        .width(Width::Short)
        .default_value("false")
        .rules(&[Boolean])
        .doc("Without effect, as in the original, which reads no comments of PostgreSQL.").idle(),
    list("column.propagate.source.type", Medium, "Propagate Source Types by Columns")
        .width(Width::None)
        .rules(&[ListOfRegex])
        .doc("Regular expressions of columns whose field schema gets the __debezium.source.column.* parameters."),
    list("datatype.propagate.source.type", Medium, "Propagate Source Types by Data Type")
        .width(Width::None)
        .rules(&[ListOfRegex])
        .doc("Regular expressions of <db/schema…>.<TYPE> names of types, to the same effect."),
    boolean("internal.snapshot.scan.all.columns.force", Low, "Snapshot force scan all columns of all tables")
        .width(Width::Short)
        .default_value("false")
        .doc("Reads the columns of every table at once; without effect here.").idle(),
    string("snapshot.tables.order.by.row.count", Medium, "Initial snapshot tables order by row count")
        .width(Width::None)
        .default_value("disabled")
        .rules(&[OneOf(&["disabled", "ascending", "descending"])])
        .doc("Order tables by row count in the snapshot. PostgreSQL's tables keep the order of the filters all the same, as in the original.").idle(),
    string("heartbeat.action.query", Low, "An optional query to execute with every heartbeat")
        .doc("SQL that runs with every heartbeat."),
];

/// Honoured, though the original does not list them either.
pub const UNLISTED: &[ConfigKey] = &[
    boolean("read.only", Low, "Read only").default_value("false").doc("Writes nothing to the database for signals.").unlisted(),
    boolean("include.schema.changes", Low, "Include schema changes")
        .default_value("true")
        .doc("Without effect: the log of PostgreSQL has no statements that change schemas.").idle()
        .unlisted(),
    string("queue.provider.type", Low, "Queue provider")
        .default_value("memory")
        .rules(&[Check(memory_queue)])
        .doc("Where records wait between source and sink: memory.")
        .unlisted(),
    long("poll.dispatch.interval.ms", Low, "Poll dispatch interval (ms)")
        .doc("Without effect: batches are handed over as soon as they may be.").idle()
        .unlisted(),
    string("signal.file", Low, "Signal file")
        .default_value("file-signals.txt")
        .doc("File of the signal channel 'file': a signal as JSON on each line; it is emptied once what they ask for is stored, so that a crash loses none and may take one twice.")
        .unlisted(),
    string("signal.kafka.topic", Low, "Signal topic")
        .doc("Topic of the signal channel 'kafka', with one partition; without it <topic.prefix>-signal. Keys are the topic.prefix.")
        .unlisted(),
    string("signal.kafka.bootstrap.servers", Low, "Brokers of the signal topic")
        .doc("Brokers of the signal topic; their client takes its other properties from signal.consumer.*.")
        .unlisted(),
    string("signal.kafka.groupId", Low, "Group of the signal topic")
        .default_value("kafka-signal")
        .doc("Without effect: how far the signal topic was read is part of the connector's offset. After a Java worker it is read from its end: Debezium commits to the group only when it is stopped, and not in the offset.").idle()
        .unlisted(),
    long("signal.kafka.poll.timeout.ms", Low, "Poll timeout of the signal topic")
        .default_value("100")
        .doc("How long one look into the signal topic waits for signals; the next one follows at once.")
        .unlisted(),
    boolean("incremental.snapshot.allow.schema.changes", Low, "Schema changes in incremental snapshots")
        .default_value("false")
        .doc("Without effect: tables may change while an incremental snapshot reads them, and rows that were read before are read again.").idle()
        .unlisted(),
    boolean("skip.messages.without.change", Medium, "Skip updates without change")
        .default_value("false")
        .doc("Drops updates that change no captured column; needs the whole row before.")
        .unlisted(),
    string("field.name.adjustment.mode", Low, "Field Name Adjustment")
        .default_value("none")
        .rules(&[OneOf(&["none", "avro_unicode", "avro"])])
        .doc("Makes field names fit for Avro, as schema.name.adjustment.mode does schema names.")
        .unlisted(),
    string("internal.custom.retriable.exception", Low, "Retriable errors")
        .doc("Without effect: which errors are tried again is decided by what they are; the log says so of each.").idle()
        .unlisted(),
    string("event.converting.failure.handling.mode", Medium, "Conversion failures")
        .default_value("warn")
        .rules(&[OneOf(&["fail", "skip", "warn"])])
        .doc("What to do when a value does not fit its schema: stop, null with a warning, null.")
        .unlisted(),
    string("topic.delimiter", Low, "Topic delimiter")
        .default_value(".")
        .rules(&[Check(topic_name)])
        .doc("Stands between the parts of a topic's name.")
        .unlisted(),
    int("topic.cache.size", Low, "Topic cache size")
        .default_value("10000")
        .doc("Without effect: names are kept with their tables.").idle()
        .unlisted(),
    string("topic.heartbeat.prefix", Low, "Prefix of the heartbeat topic")
        .default_value("__debezium-heartbeat")
        .rules(&[Check(topic_name)])
        .doc("First part of the heartbeat topic's name.")
        .unlisted(),
    string("topic.heartbeat.name", Low, "Heartbeat topic")
        .rules(&[Check(topic_name)])
        .doc("Whole name of the heartbeat topic.")
        .unlisted(),
    string("topic.transaction", Low, "Transaction topic")
        .default_value("transaction")
        .rules(&[Check(topic_name)])
        .doc("Last part of the transaction topic's name.")
        .unlisted(),
    string("topic.regex", Low, "Topic regex")
        .doc("Regular expression over topic names, of the regex naming strategies.")
        .unlisted(),
    string("topic.replacement", Low, "Topic replacement").doc("What takes its place.").unlisted(),
    boolean("topic.key.enforce.uniqueness", Low, "Source topic in the key")
        .default_value("true")
        .doc("Whether the regex naming strategies add a field to keys that tells tables apart.")
        .unlisted(),
    string("topic.key.field.name", Low, "Key field")
        .default_value("__dbz__physicalTableIdentifier")
        .doc("Name of that field.")
        .unlisted(),
    string("topic.key.field.regex", Low, "Key field regex")
        .doc("Regular expression over the original topic name that gives the field's value.")
        .unlisted(),
    string("topic.key.field.replacement", Low, "Key field replacement").doc("What takes its place.").unlisted(),
    string("column.mask.hash.<algorithm>.with.salt.<salt>", Medium, "Mask by hash")
        .doc("Replaces text of these columns by a hash.")
        .unlisted(),
    string("column.mask.with.<n>.chars", Medium, "Mask").doc("Replaces text of these columns by n asterisks.").unlisted(),
    string("column.truncate.to.<n>.chars", Medium, "Truncate").doc("Cuts text or bytes of these columns.").unlisted(),
    string("snapshot.select.statement.overrides.<table>", Medium, "Select statement")
        .doc("Statement that a snapshot reads this table with.")
        .unlisted(),
    int("snapshot.max.threads.multiplier.<table>", Low, "Chunks of a table")
        .doc("Chunks of this table for each connection of a snapshot.")
        .unlisted(),
];
