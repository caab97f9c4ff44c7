//! Message types that every Protobuf library brings, and Confluent's decimal: what stands for Connect's logical types and for null.
//!
//! <https://protobuf.dev/reference/protobuf/google.protobuf/>, <https://github.com/googleapis/googleapis/tree/master/google/type>

use std::sync::Arc;

use super::schema::{Field, File, Label, Message, Scalar, Type};

pub(crate) const DECIMAL: &str = "confluent.type.Decimal";
pub(crate) const DATE: &str = "google.type.Date";
pub(crate) const TIME: &str = "google.type.TimeOfDay";
pub(crate) const TIMESTAMP: &str = "google.protobuf.Timestamp";

const DECIMAL_FILE: &str = "confluent/type/decimal.proto";
const DATE_FILE: &str = "google/type/date.proto";
const TIME_FILE: &str = "google/type/timeofday.proto";
const TIMESTAMP_FILE: &str = "google/protobuf/timestamp.proto";
const WRAPPER_FILE: &str = "google/protobuf/wrappers.proto";

/// The wrapper messages in the order in which their file has them.
const WRAPPERS: [(&str, Scalar); 9] = [
    ("DoubleValue", Scalar::Double),
    ("FloatValue", Scalar::Float),
    ("Int64Value", Scalar::Int64),
    ("UInt64Value", Scalar::Uint64),
    ("Int32Value", Scalar::Int32),
    ("UInt32Value", Scalar::Uint32),
    ("BoolValue", Scalar::Bool),
    ("StringValue", Scalar::String),
    ("BytesValue", Scalar::Bytes),
];

/// What a message type stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    /// a value that may be missing, as field 1
    Wrapper(Scalar),
    Decimal,
    Date,
    Time,
    Timestamp,
}

/// What a type of this full name stands for, if it is known.
pub(crate) fn of(full: &str) -> Option<Known> {
    match full {
        DECIMAL => Some(Known::Decimal),
        DATE => Some(Known::Date),
        TIME => Some(Known::Time),
        TIMESTAMP => Some(Known::Timestamp),
        _ => {
            let short = full.strip_prefix("google.protobuf.")?;
            WRAPPERS.iter().find(|(name, _)| *name == short).map(|(_, scalar)| Known::Wrapper(*scalar))
        }
    }
}

/// The full name of the message that wraps a type, and its place in its file.
pub(crate) fn wrapper(scalar: Scalar) -> (String, usize) {
    let place = WRAPPERS.iter().position(|(_, have)| *have == scalar).unwrap_or_default();
    (format!("google.protobuf.{}", WRAPPERS[place].0), place)
}

/// The file that defines a known type.
pub(crate) fn location(full: &str) -> Option<&'static str> {
    Some(match of(full)? {
        Known::Wrapper(_) => WRAPPER_FILE,
        Known::Decimal => DECIMAL_FILE,
        Known::Date => DATE_FILE,
        Known::Time => TIME_FILE,
        Known::Timestamp => TIMESTAMP_FILE,
    })
}

/// Messages that stand for nothing of Connect's but may be read without their file, which writers do not register (their `skip.known.types`).
const OTHERS: [(&str, &[(&str, Scalar)]); 3] = [
    ("Any", &[("type_url", Scalar::String), ("value", Scalar::Bytes)]),
    ("Duration", &[("seconds", Scalar::Int64), ("nanos", Scalar::Int32)]),
    ("Empty", &[]),
];

/// The definition of a message that every library brings.
pub(crate) fn definition(full: &str) -> Option<Arc<Message>> {
    if let Some(file) = location(full).and_then(file) {
        let short = full.rsplit('.').next()?;
        return file.messages.into_iter().find(|message| &*message.name == short);
    }
    let short = full.strip_prefix("google.protobuf.")?;
    let found = OTHERS.iter().find(|(name, _)| *name == short);
    found.map(|(name, fields)| Arc::new(message("google.protobuf", name, fields)))
}

/// The file of that name.
pub(crate) fn file(location: &str) -> Option<File> {
    use Scalar::{Bytes, Int32, Int64, Uint32};
    Some(match location {
        WRAPPER_FILE => wrappers(),
        TIMESTAMP_FILE => {
            let fields = &[("seconds", Int64), ("nanos", Int32)];
            one("google.protobuf", "Timestamp", fields, &TIMESTAMP_OPTIONS)
        }
        DECIMAL_FILE => {
            let fields = &[("value", Bytes), ("precision", Uint32), ("scale", Int32)];
            one("confluent.type", "Decimal", fields, &DECIMAL_OPTIONS)
        }
        DATE_FILE => one("google.type", "Date", &[("year", Int32), ("month", Int32), ("day", Int32)], &DATE_OPTIONS),
        TIME_FILE => {
            let fields = &[("hours", Int32), ("minutes", Int32), ("seconds", Int32), ("nanos", Int32)];
            one("google.type", "TimeOfDay", fields, &TIME_OPTIONS)
        }
        _ => return None,
    })
}

type Options = [(&'static str, &'static str)];

const DECIMAL_OPTIONS: [(&str, &str); 3] = [
    ("java_package", "\"io.confluent.protobuf.type\""),
    ("java_outer_classname", "\"DecimalProto\""),
    ("java_multiple_files", "true"),
];

const TIMESTAMP_OPTIONS: [(&str, &str); 7] = [
    ("java_package", "\"com.google.protobuf\""),
    ("java_outer_classname", "\"TimestampProto\""),
    ("java_multiple_files", "true"),
    ("go_package", "\"google.golang.org/protobuf/types/known/timestamppb\""),
    ("cc_enable_arenas", "true"),
    ("objc_class_prefix", "\"GPB\""),
    ("csharp_namespace", "\"Google.Protobuf.WellKnownTypes\""),
];

const WRAPPER_OPTIONS: [(&str, &str); 7] = [
    ("java_package", "\"com.google.protobuf\""),
    ("java_outer_classname", "\"WrappersProto\""),
    ("java_multiple_files", "true"),
    ("go_package", "\"google.golang.org/protobuf/types/known/wrapperspb\""),
    ("cc_enable_arenas", "true"),
    ("objc_class_prefix", "\"GPB\""),
    ("csharp_namespace", "\"Google.Protobuf.WellKnownTypes\""),
];

const DATE_OPTIONS: [(&str, &str); 6] = [
    ("java_package", "\"com.google.type\""),
    ("java_outer_classname", "\"DateProto\""),
    ("java_multiple_files", "true"),
    ("go_package", "\"google.golang.org/genproto/googleapis/type/date;date\""),
    ("cc_enable_arenas", "true"),
    ("objc_class_prefix", "\"GTP\""),
];

const TIME_OPTIONS: [(&str, &str); 6] = [
    ("java_package", "\"com.google.type\""),
    ("java_outer_classname", "\"TimeOfDayProto\""),
    ("java_multiple_files", "true"),
    ("go_package", "\"google.golang.org/genproto/googleapis/type/timeofday;timeofday\""),
    ("cc_enable_arenas", "true"),
    ("objc_class_prefix", "\"GTP\""),
];

fn one(package: &str, name: &str, fields: &[(&str, Scalar)], options: &Options) -> File {
    File {
        package: Some(package.into()),
        options: options.to_vec(),
        messages: vec![Arc::new(message(package, name, fields))],
        ..File::default()
    }
}

/// `google/protobuf/wrappers.proto`
pub(crate) fn wrappers() -> File {
    let wrapper = |(name, scalar): &(&str, Scalar)| Arc::new(message("google.protobuf", name, &[("value", *scalar)]));
    File {
        package: Some("google.protobuf".into()),
        options: WRAPPER_OPTIONS.to_vec(),
        messages: WRAPPERS.iter().map(wrapper).collect(),
        ..File::default()
    }
}

fn message(package: &str, name: &str, fields: &[(&str, Scalar)]) -> Message {
    let field = |(index, (name, scalar)): (usize, &(&str, Scalar))| Field {
        name: (*name).into(),
        number: index as u32 + 1,
        label: Label::None,
        kind: Type::Scalar(*scalar),
        oneof: None,
        params: Vec::new(),
        // as protobuf-java's own descriptors have it
        json_name: package.starts_with("google.protobuf").then(|| (*name).into()),
    };
    Message { name: name.into(), fields: fields.iter().enumerate().map(field).collect(), ..Message::default() }
}
