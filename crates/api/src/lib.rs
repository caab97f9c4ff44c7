//! The vocabulary and the contracts that all of Rowtide shares.
//!
//! What belongs here: Connect's schema and value model, the records that cross the three waists
//! ([`SourceRecord`], [`EncodedRecord`]; the first waist, `Change`, is `rowtide-cdc`'s), offsets, option
//! declarations ([`ConfigDef`]), the plug-in traits and the one error type.
//! What does not: IO, clocks, tokio, and anything that knows a database, a converter or a sink.

pub mod config;
pub mod difference;
pub mod error;
pub mod failpoint;
pub mod java_regex;
pub mod offset;
pub mod plugin;
pub mod progress;
pub mod record;
pub mod schema;
pub mod sink;
pub mod source;
pub mod suggest;
pub mod transform;
pub mod value;

pub use config::{ConfigDef, ConfigKey, ConfigType, ConfigValue, Importance, Props, Rule, Validator, Width};
pub use difference::{Difference, differences};
pub use error::{Error, ErrorKind, Result};
pub use java_regex::{JavaRegex, Replacement};
pub use offset::{OffsetMap, OffsetValue, SourcePartition, SourcePosition, ToOffset};
pub use plugin::{PluginInfo, PluginKind};
pub use progress::{IncrementalProgress, SharedProgress, SnapshotKind, SnapshotProgress, SnapshotStatus, TableProgress};
pub use record::{Datum, EncodedRecord, Header, SourceRecord};
pub use schema::{Field, Kind, Schema, SchemaRef};
pub use sink::{Ack, Sink};
pub use source::{
    Batch, ExactlyOnce, Loss, Outlook, Remark, Signal, SourceConnector, SourceTask, TaskContext, Trial, TrialTable,
};
pub use transform::{
    Asking, Converter, EncodePlan, HeaderConverter, Lookup, Opinion, Outcome, Plan, Predicate, Told, Transform, Verdict,
};
pub use value::{Common, Struct, Value, Values};
