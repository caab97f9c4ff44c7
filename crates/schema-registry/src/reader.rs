//! The other way: what the converters of this crate wrote, as Connect's data again. For sinks and tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rowtide_api::{Datum, Error, Props, Result, SchemaRef};
use rowtide_converters::json::Dialect;

use crate::apicurio;
use crate::apicurio::IdOption;
use crate::avro::{self, connect, parse};
use crate::confluent;
use crate::converter::apicurio_options::{self, IdPlace};
use crate::converter::{apicurio_json_options, confluent_avro_options, confluent_json_options, confluent_protobuf_options};
use crate::json_schema::{self, decode, kconnect};
use crate::protobuf;
use crate::protobuf::schema::{File, Message, Types, within};

/// The datum that these bytes hold by a schema of Avro that is at hand: no registry is asked, and nothing stands before the value.
///
/// # Errors
/// Of data, when the schema cannot be read or the bytes are not of it.
pub fn by_avro_schema(schema: &str, bytes: &Bytes) -> Result<Datum> {
    let parsed = parse::parse(schema)?;
    let schema = connect::schema(&parsed, None, &avro::Settings::default())?;
    let decoder = avro::decode::Decoder::new(parsed, schema);
    Ok(Datum { schema: decoder.schema().cloned(), value: decoder.read(bytes)? })
}

/// Reads keys or values by the options of the converter that wrote them. Each schema is asked for once.
pub struct Reader {
    registry: Registry,
    format: Format,
    known: Mutex<HashMap<Place, Arc<Decoder>>>,
}

/// The id of a schema; and in a schema of Protobuf the place of a message: each index is one among the messages within the message before.
type Place = (i64, Vec<usize>);

/// What the bytes are.
enum Format {
    Avro(avro::Settings),
    /// with JSON Schema
    Json(json_schema::Settings),
    /// `{"schemaId":…,"payload":…}` of Apicurio's `ExtJsonConverter`
    ExtJson,
    Protobuf(protobuf::Settings),
}

/// Reads values of one schema.
enum Decoder {
    Avro(avro::decode::Decoder),
    Json(Option<SchemaRef>, Dialect),
    Protobuf(protobuf::decode::Decoder),
}

enum Registry {
    Confluent(confluent::Registry),
    Apicurio(apicurio::Registry, IdOption, IdPlace),
}

impl Reader {
    /// What `io.confluent.connect.avro.AvroConverter` writes with these options.
    ///
    /// # Errors
    /// When an option is wrong.
    pub fn confluent(props: &Props, is_key: bool) -> Result<Self> {
        let options = confluent_avro_options::Options::read(props, is_key)?;
        let registry = confluent::Registry { http: options.common.http, kind: confluent::AVRO };
        Ok(Self::new(Registry::Confluent(registry), Format::Avro(options.settings)))
    }

    /// What `io.confluent.connect.json.JsonSchemaConverter` writes with these options.
    ///
    /// # Errors
    /// When an option is wrong.
    pub fn confluent_json(props: &Props, is_key: bool) -> Result<Self> {
        let options = confluent_json_options::Options::read(props, is_key)?;
        let registry = confluent::Registry { http: options.common.http, kind: confluent::JSON };
        Ok(Self::new(Registry::Confluent(registry), Format::Json(options.settings)))
    }

    /// What `io.confluent.connect.protobuf.ProtobufConverter` writes with these options.
    ///
    /// # Errors
    /// When an option is wrong.
    pub fn confluent_protobuf(props: &Props, is_key: bool) -> Result<Self> {
        let options = confluent_protobuf_options::Options::read(props, is_key)?;
        let registry = confluent::Registry { http: options.common.http, kind: confluent::PROTOBUF };
        Ok(Self::new(Registry::Confluent(registry), Format::Protobuf(options.settings)))
    }

    /// What `io.apicurio.registry.utils.converter.ExtJsonConverter` writes with these options.
    ///
    /// # Errors
    /// When an option is wrong.
    pub fn apicurio_json(props: &Props) -> Result<Self> {
        let options = apicurio_json_options::Options::read(props)?;
        let registry = apicurio::Registry { http: options.http, version: options.version, kind: apicurio::KCONNECT };
        // where the id stands is not asked: it is in the value
        let registry = Registry::Apicurio(registry, IdOption::Global, IdPlace::Prefix { long: true });
        Ok(Self::new(registry, Format::ExtJson))
    }

    /// What `io.apicurio.registry.utils.converter.AvroConverter` writes with these options.
    ///
    /// # Errors
    /// When an option is wrong.
    pub fn apicurio(props: &Props, is_key: bool) -> Result<Self> {
        let options = apicurio_options::Options::read(props, is_key)?;
        let registry = apicurio::Registry { http: options.http, version: options.version, kind: apicurio::AVRO };
        Ok(Self::new(Registry::Apicurio(registry, options.id, options.place), Format::Avro(options.settings)))
    }

    fn new(registry: Registry, format: Format) -> Self {
        Self { registry, format, known: Mutex::default() }
    }

    /// The datum that these bytes hold; headers are those of the record. Null without a schema where there are no bytes.
    ///
    /// # Errors
    /// Of data, when the bytes are not of their schema; transient, when the registry is away; else what it refuses.
    pub async fn read(&self, headers: &[(Arc<str>, Option<Bytes>)], bytes: Option<&Bytes>) -> Result<Datum> {
        let Some(bytes) = bytes else { return Ok(Datum::null()) };
        let (id, mut body) = self.id(headers, bytes)?;
        let mut place = (id, Vec::new());
        if matches!(self.format, Format::Protobuf(_)) {
            let (indexes, length) = protobuf::decode::message_index(&body)?;
            place.1 = indexes;
            body = body.slice(length..);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        let decoder = match known {
            Some(decoder) => decoder,
            None => {
                let decoder = Arc::new(self.ask(&place).await?);
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(place, decoder.clone());
                decoder
            }
        };
        decoder.read(&body)
    }

    /// The id that goes with the bytes, and what is behind it.
    fn id(&self, headers: &[(Arc<str>, Option<Bytes>)], bytes: &Bytes) -> Result<(i64, Bytes)> {
        if matches!(self.format, Format::ExtJson) {
            return decode::ext_json(bytes);
        }
        let length = match &self.registry {
            Registry::Apicurio(_, _, IdPlace::Header(name)) => {
                let found = headers.iter().rev().find(|(have, _)| **have == **name).and_then(|(_, value)| value.as_deref());
                let id = found.and_then(|value| Some(i64::from_be_bytes(value.try_into().ok()?)));
                return id
                    .map(|id| (id, bytes.clone()))
                    .ok_or_else(|| Error::data(format!("the record has no header {name} with an id")));
            }
            Registry::Apicurio(_, _, IdPlace::Prefix { long: true }) => 8,
            Registry::Confluent(_) | Registry::Apicurio(..) => 4,
        };
        match bytes.split_at_checked(1 + length) {
            Some(([0, id @ ..], _)) => {
                let id = id.iter().fold(0, |id, byte| id << 8 | i64::from(*byte));
                Ok((id, bytes.slice(1 + length..)))
            }
            _ => Err(Error::data("Unknown magic byte!")),
        }
    }

    async fn ask(&self, (id, indexes): &Place) -> Result<Decoder> {
        let (text, references) = match &self.registry {
            Registry::Confluent(registry) => {
                let found =
                    registry.by_id(u32::try_from(*id).map_err(|_| Error::data("the id of a schema is negative"))?).await?;
                (found.text, found.references)
            }
            Registry::Apicurio(registry, option, _) => (registry.content(*option, *id).await?, Vec::new()),
        };
        Ok(match &self.format {
            Format::Avro(settings) => {
                let avro = parse::with_references(&text, &references)?;
                let schema = connect::schema(&avro, None, settings)?;
                Decoder::Avro(avro::decode::Decoder::new(avro, schema))
            }
            Format::Json(_) if !references.is_empty() => {
                return Err(Error::data(format!("the JSON Schema {id} refers to others in the registry, which is not read"))
                    .remedy("let the writer register one schema that holds the others under definitions, and refer to them by #/definitions/…"));
            }
            Format::Json(settings) => Decoder::Json(Some(json_schema::connect::parse(&text, settings)?), Dialect::Confluent),
            Format::ExtJson => Decoder::Json(kconnect::parse(&text)?, Dialect::Kafka),
            Format::Protobuf(settings) => {
                let file = protobuf::parse::parse(&text)?;
                let others: Vec<File> = references.iter().map(|text| protobuf::parse::parse(text)).collect::<Result<_>>()?;
                let full = message_at(&file, indexes)
                    .ok_or_else(|| Error::data(format!("the schema {id} has no message {indexes:?}")))?;
                Decoder::Protobuf(protobuf::decode::Decoder::new(&full, &Types::of(others.iter().chain([&file])), settings)?)
            }
        })
    }
}

/// The datum that a JSON text is by the text of its JSON Schema, as `Reader::confluent_json` reads it: for whoever has both at hand.
///
/// # Errors
/// Of data, when the schema cannot be read, or the text is not of it.
pub fn by_json_schema(schema: &str, json: &Bytes) -> Result<Datum> {
    let schema = json_schema::connect::parse(schema, &json_schema::Settings::default())?;
    Decoder::Json(Some(schema), Dialect::Confluent).read(json)
}

/// The same by the text of a Connect schema, as Kafka's `JsonConverter` describes it and `Reader::apicurio_json` reads it.
///
/// # Errors
/// As above.
pub fn by_connect_schema(schema: &str, json: &Bytes) -> Result<Datum> {
    Decoder::Json(kconnect::parse(schema)?, Dialect::Kafka).read(json)
}

/// The same of the first message of a Protobuf schema.
///
/// # Errors
/// As above.
pub fn by_protobuf_schema(schema: &str, bytes: &Bytes) -> Result<Datum> {
    let file = protobuf::parse::parse(schema)?;
    let full = message_at(&file, &[0]).ok_or_else(|| Error::data("the Protobuf schema has no message"))?;
    let decoder = protobuf::decode::Decoder::new(&full, &Types::of([&file]), &protobuf::Settings::default())?;
    Decoder::Protobuf(decoder).read(bytes)
}

/// The full name of the message at this place.
fn message_at(file: &File, indexes: &[usize]) -> Option<String> {
    let mut messages: &[Arc<Message>] = &file.messages;
    let mut full = file.package.as_deref().unwrap_or_default().to_owned();
    for index in indexes {
        let message = messages.get(*index)?;
        full = within(&full, &message.name);
        messages = &message.messages;
    }
    Some(full)
}

impl Decoder {
    fn read(&self, body: &Bytes) -> Result<Datum> {
        match self {
            Self::Avro(decoder) => Ok(Datum { schema: decoder.schema().cloned(), value: decoder.read(body)? }),
            Self::Json(Some(schema), dialect) => {
                Ok(Datum { schema: Some(schema.clone()), value: decode::read(schema, body, *dialect)? })
            }
            Self::Protobuf(decoder) => Ok(Datum::new(decoder.schema().clone(), decoder.read(body)?)),
            Self::Json(None, _) => Err(Error::data("the registered schema is null")),
        }
    }
}
