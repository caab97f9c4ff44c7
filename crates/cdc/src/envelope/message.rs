//! Records of logical messages (`pg_logical_emit_message`), with `op` `m`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use bytestring::ByteString;
use rowtide_api::config::Config;
use rowtide_api::{Datum, Field, Kind, Schema, SchemaRef, Struct, Value};

use crate::adjust::NameAdjuster;

/// `binary.handling.mode`
#[derive(Clone, Copy, Debug)]
enum Binary {
    Bytes,
    Base64,
    Base64UrlSafe,
    Hex,
}

/// Schemas and topic of messages.
pub struct MessageShape {
    topic: Arc<str>,
    key: SchemaRef,
    block: SchemaRef,
    value: SchemaRef,
    binary: Binary,
}

impl MessageShape {
    /// Reads the options that shape messages; `transaction` is the schema of the transaction block.
    pub fn read(config: &Config<'_>, connector: &str, source: SchemaRef, transaction: SchemaRef) -> Self {
        let names = NameAdjuster::of_schemas(config);
        let name = |simple: &str| names.adjust(&format!("io.debezium.connector.{connector}.{simple}"));
        let binary = match config.props().get("binary.handling.mode").unwrap_or_default().to_ascii_lowercase().as_str() {
            "base64" => Binary::Base64,
            "base64-url-safe" => Binary::Base64UrlSafe,
            "hex" => Binary::Hex,
            _ => Binary::Bytes,
        };
        let content = Schema::new(if matches!(binary, Binary::Bytes) { Kind::Bytes } else { Kind::String }).optional();
        let text = || Schema::new(Kind::String);
        let prefix = || Field::new("prefix", text().optional());
        let key = Schema::structure(vec![prefix()]).named(name("MessageKey")).versioned(1).shared();
        let block =
            Schema::structure(vec![prefix(), Field::new("content", content)]).named(name("Message")).versioned(1).shared();
        let value = Schema::structure(vec![
            Field::new("op", text()),
            Field::new("ts_ms", Schema::new(Kind::Int64).optional()),
            Field::new("source", source),
            Field::new("transaction", transaction),
            Field::new("message", block.clone()),
        ]);
        let value = value.named(name("MessageValue")).versioned(1).shared();
        // the delimiter is a dot whatever `topic.delimiter` says
        let topic = format!("{}.message", config.opt("topic.prefix").unwrap_or_default());
        Self { topic: topic.into(), key, block, value, binary }
    }

    /// Topic of messages.
    pub fn topic(&self) -> Arc<str> {
        self.topic.clone()
    }

    /// Key and value of one message.
    pub fn record(&self, prefix: ByteString, content: Bytes, source: Struct, transaction: Value, now: i64) -> (Datum, Datum) {
        let content = match self.binary {
            Binary::Bytes => Value::Bytes(content),
            Binary::Base64 => Value::string(STANDARD.encode(content)),
            Binary::Base64UrlSafe => Value::string(URL_SAFE.encode(content)),
            Binary::Hex => Value::string(content.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        };
        let prefix = Value::String(prefix);
        let key = Struct::new(self.key.clone(), vec![prefix.clone()]);
        let block = Struct::new(self.block.clone(), vec![prefix, content]);
        let values = vec![
            Value::String(ByteString::from_static("m")),
            Value::Int64(now),
            Value::Struct(source),
            transaction,
            Value::Struct(block),
        ];
        let value = Struct::new(self.value.clone(), values);
        (Datum::new(self.key.clone(), Value::Struct(key)), Datum::new(self.value.clone(), Value::Struct(value)))
    }
}
