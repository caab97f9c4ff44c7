//! The options of both sinks.

use std::sync::LazyLock;

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Importance, Validator, Width};

pub(crate) const PATH: &str = "rowtide.sink.file.path";
pub(crate) const MAX_BYTES: &str = "rowtide.sink.file.max.bytes";
pub(crate) const MAX_AGE: &str = "rowtide.sink.file.max.age.ms";
pub(crate) const MAX_FILES: &str = "rowtide.sink.file.max.files";
pub(crate) const FORMAT: &str = "rowtide.sink.stdout.format";

const PATH_KEY: ConfigKey = ConfigKey {
    name: PATH,
    kind: ConfigType::String,
    default: None,
    required: true,
    importance: Importance::High,
    group: "File",
    order: 0,
    width: Width::Long,
    display_name: "File",
    doc: "The file that records are appended to, one JSON object a line. A rotated file gets the moment of its rotation (UTC) into its name, before the extension.",
    validator: Validator::Required,
    listed: true,
    idle: false,
};

/// Options of `file`.
pub(crate) fn file() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let number = ConfigKey {
            kind: ConfigType::Long,
            required: false,
            importance: Importance::Medium,
            width: Width::Medium,
            validator: Validator::AtLeast(0),
            ..PATH_KEY
        };
        let bytes = ConfigKey {
            name: MAX_BYTES,
            default: Some("268435456"),
            order: 1,
            display_name: "Largest file",
            doc: "The file is rotated before it would grow larger than this; 0 never rotates by size.",
            ..number
        };
        let age = ConfigKey {
            name: MAX_AGE,
            default: Some("0"),
            order: 2,
            display_name: "Oldest file",
            doc: "The file is rotated this many milliseconds after its first record; 0 never rotates by age.",
            ..number
        };
        let files = ConfigKey {
            name: MAX_FILES,
            default: Some("0"),
            order: 3,
            display_name: "Rotated files kept",
            doc: "The oldest rotated files beyond this number are deleted; 0 deletes none.",
            ..number
        };
        ConfigDef { keys: vec![PATH_KEY, bytes, age, files], prefixes: Vec::new() }
    });
    &DEF
}

/// Options of `stdout`.
pub(crate) fn stdout() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let format = ConfigKey {
            name: FORMAT,
            default: Some("json"),
            required: false,
            group: "Standard output",
            display_name: "Format",
            doc: "json: the lines that the file sink writes. pretty: a short line a record, and once a second the throughput and the lag on standard error.",
            validator: Validator::OneOf(&["json", "pretty"]),
            ..PATH_KEY
        };
        ConfigDef { keys: vec![format], prefixes: Vec::new() }
    });
    &DEF
}
