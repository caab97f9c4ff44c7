//! Protobuf's schemas as Connect's: `ProtobufData.toConnectSchema`, with the reader of each message beside it.

use std::collections::HashMap;

use rowtide_api::{Error, Field as ConnectField, Kind, Result, Schema, SchemaRef, Struct, Value};

use super::decode::{Item, MessageReader, Place, Slot};
use super::known::{self, Known};
use super::names;
use super::schema::{Definition, Enumeration, Field, Label, Message, Scalar, Type, Types, within};
use super::{Settings, word};
use crate::avro::word::{DATE, DECIMAL, TIME, TIMESTAMP};

/// What reads a message of this full name.
pub(crate) fn reader(full: &str, types: &Types, settings: &Settings) -> Result<MessageReader> {
    let Some(Definition::Message(message)) = types.resolve("", full).1 else {
        return Err(Error::data(format!("the Protobuf schema does not define '{full}'")));
    };
    Reading { types, settings, open: Vec::new() }.message(&message, full)
}

/// The type of a wrapper message that is read as what it wraps, at the top.
pub(crate) fn raw(full: &str, settings: &Settings) -> Option<(Schema, Scalar)> {
    match known::of(full) {
        Some(Known::Wrapper(scalar)) if settings.wrapper_for_raw => Some((Schema::new(wrapped(scalar)), scalar)),
        _ => None,
    }
}

struct Reading<'a> {
    types: &'a Types,
    settings: &'a Settings,
    /// the messages around: Connect's schemas hold each other and cannot hold themselves
    open: Vec<String>,
}

/// A Connect schema under construction, and how its values are read.
struct Read {
    schema: Schema,
    item: Item,
}

impl Reading<'_> {
    fn message(&mut self, message: &Message, full: &str) -> Result<MessageReader> {
        if self.open.iter().any(|open| open == full) {
            return Err(Error::data(format!("the message {full} holds itself; reading such schemas is not supported"))
                .remedy("let the writer end the recursion in its schema, or hold what recurs as bytes"));
        }
        self.open.push(full.to_owned());
        let (mut fields, mut slots) = (Vec::new(), HashMap::new());
        for (oneof, name) in message.oneofs.iter().enumerate() {
            let members = message.fields.iter().filter(|field| field.oneof == Some(oneof));
            self.oneof(oneof, name, members, full, &mut fields, &mut slots)?;
        }
        for field in message.fields.iter().filter(|field| field.oneof.is_none()) {
            let (schema, slot) = self.field(field, full, Place::Field(fields.len()))?;
            slots.insert(field.number, slot);
            fields.push(ConnectField::new(field.name.clone(), schema));
        }
        self.open.pop();
        let name = if self.settings.enhanced { full } else { &message.name };
        Ok(MessageReader { schema: Schema::structure(fields).named(name).shared(), slots })
    }

    fn oneof<'a>(
        &mut self,
        number: usize,
        name: &str,
        members: impl Iterator<Item = &'a Field>,
        full: &str,
        fields: &mut Vec<ConnectField>,
        slots: &mut HashMap<u32, Slot>,
    ) -> Result<()> {
        let mut inner = Vec::new();
        let mut read = Vec::new();
        for (index, field) in members.enumerate() {
            let place = if self.settings.flatten_unions { Place::Field(fields.len() + index) } else { Place::Field(index) };
            let (schema, slot) = self.field(field, full, place)?;
            inner.push(ConnectField::new(field.name.clone(), schema));
            read.push((field.number, slot));
        }
        if self.settings.flatten_unions {
            fields.extend(inner);
            slots.extend(read);
            return Ok(());
        }
        let scope = if self.settings.enhanced { within(full, name) } else { name.to_owned() };
        let union = Schema::structure(inner).named(format!("{}.{scope}", word::UNION)).optional().shared();
        for (tag, slot) in read {
            if let Place::Field(index) = slot.place {
                slots.insert(tag, Slot { place: Place::Union(fields.len(), index, union.clone()), ..slot });
            }
        }
        let name = if self.settings.index_for_unions { format!("{name}_{number}") } else { name.to_owned() };
        fields.push(ConnectField::new(name, union));
        Ok(())
    }

    fn field(&mut self, field: &Field, full: &str, place: Place) -> Result<(SchemaRef, Slot)> {
        let Read { mut schema, item } = self.kind(field, full)?;
        let is_map = matches!(item, Item::Entry(..));
        let is_message = !matches!(item, Item::Scalar(..) | Item::Symbol(..));
        let repeated = field.label == Label::Repeated;
        if repeated && !is_map {
            schema = Schema::new(Kind::Array(Schema { optional: true, ..schema }.shared())).optional();
        }
        if field.oneof.is_some() {
            schema.optional = true;
            if self.settings.wrapper_for_nullables && matches!(item, Item::Wrapper(..)) {
                schema = schema.parameter(word::WRAPPER, "true");
            }
        } else if self.settings.optional_for_nullables {
            schema.optional |= field.label == Label::Optional;
        } else if !self.settings.wrapper_for_nullables {
            schema.optional = true;
        }
        let has_presence = field.oneof.is_some()
            || field.label == Label::Optional && self.settings.optional_for_proto2
            || is_message && !repeated;
        let schema = schema.parameter(word::TAG, field.number.to_string()).shared();
        let item = match item {
            // the struct is of its field's schema, number and all
            Item::Message(reader) if !repeated => Item::Message(MessageReader { schema: schema.clone(), ..reader }),
            item => item,
        };
        let missing = match (repeated, has_presence) {
            (true, _) if is_map => Value::Map(Vec::new()),
            (true, _) => Value::Array(Vec::new()),
            (false, false) => item.zero(),
            (false, true) if self.settings.struct_for_nulls && field.oneof.is_none() && is_message => item.zero(),
            (false, true) => Value::Null,
        };
        Ok((schema, Slot { place, repeated, item, missing }))
    }

    fn kind(&mut self, field: &Field, full: &str) -> Result<Read> {
        let name = match &field.kind {
            Type::Scalar(scalar) => return Ok(plain(field, *scalar)),
            Type::Named(name) => name,
        };
        let (found, definition) = self.types.resolve(full, name);
        match (known::of(&found), definition) {
            (Some(Known::Wrapper(scalar)), _) if self.settings.wrapper_for_nullables => {
                let schema = Schema::new(wrapped(scalar)).optional();
                Ok(Read { item: Item::Wrapper(scalar, schema.kind.clone()), schema })
            }
            (Some(known @ (Known::Decimal | Known::Date | Known::Time | Known::Timestamp)), _) => Ok(logical(field, known)),
            (_, Some(Definition::Enum(symbols))) => Ok(self.enumeration(&symbols, &found)),
            (_, Some(Definition::Message(message))) => self.inner(field, &message, &found),
            (_, None) => match known::definition(&found) {
                Some(message) => self.inner(field, &message, &found),
                None => Err(Error::data(format!("the Protobuf schema does not define '{found}'"))
                    .remedy("let the writer register the file that defines it as a reference: skip.known.types=false")),
            },
        }
    }

    fn enumeration(&self, symbols: &Enumeration, full: &str) -> Read {
        let as_number = self.settings.int_for_enums;
        let mut schema = Schema::new(if as_number { Kind::Int32 } else { Kind::String }).optional();
        schema =
            schema.named(if self.settings.enhanced { full } else { &symbols.name }).parameter(word::ENUM, symbols.name.clone());
        for (symbol, number) in &symbols.values {
            schema = schema.parameter(format!("{}.{symbol}", word::ENUM), number.to_string());
        }
        let item = match as_number {
            true => Item::Scalar(Scalar::Int32, Kind::Int32),
            false => {
                let known = symbols.values.iter().map(|(symbol, number)| (*number, symbol.clone())).collect();
                Item::Symbol(symbols.name.clone(), known)
            }
        };
        Read { schema, item }
    }

    fn inner(&mut self, field: &Field, message: &Message, full: &str) -> Result<Read> {
        let is_entry = field.label == Label::Repeated && message.name.ends_with(word::ENTRY) && is_pair(message);
        let reader = self.message(message, full)?;
        if !is_entry {
            let schema = Schema { optional: true, ..Schema::clone(&reader.schema) };
            return Ok(Read { item: Item::Message(MessageReader { schema: schema.clone().shared(), ..reader }), schema });
        }
        let name = names::map_field(if self.settings.enhanced { full } else { &message.name });
        let fields = reader.schema.fields();
        let map = Kind::Map(fields[0].schema.clone(), fields[1].schema.clone());
        Ok(Read { schema: Schema::new(map).named(name).optional(), item: Item::Entry(reader) })
    }
}

/// Whether a message has nothing but a key and a value.
fn is_pair(message: &Message) -> bool {
    match message.fields.as_slice() {
        [key, value] => {
            let alone = |field: &Field| field.label != Label::Repeated && field.oneof.is_none();
            &*key.name == word::KEY && &*value.name == word::VALUE && alone(key) && alone(value)
        }
        _ => false,
    }
}

fn wrapped(scalar: Scalar) -> Kind {
    match scalar {
        Scalar::Double => Kind::Float64,
        Scalar::Float => Kind::Float32,
        Scalar::Int32 => Kind::Int32,
        Scalar::Bool => Kind::Boolean,
        Scalar::String => Kind::String,
        Scalar::Bytes => Kind::Bytes,
        _ => Kind::Int64,
    }
}

fn plain(field: &Field, scalar: Scalar) -> Read {
    let kind = match scalar {
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => match param(field, word::CONNECT_TYPE) {
            Some("int8") => Kind::Int8,
            Some("int16") => Kind::Int16,
            _ => Kind::Int32,
        },
        other => wrapped(other),
    };
    let mut schema = Schema::new(kind.clone());
    if matches!(kind, Kind::Int32 | Kind::Int64) && !matches!(scalar, Scalar::Int32 | Scalar::Int64) {
        schema = schema.parameter(word::TYPE, scalar.name());
    }
    Read { schema, item: Item::Scalar(scalar, kind) }
}

fn logical(field: &Field, known: Known) -> Read {
    let of = |kind, name: &str| Schema::new(kind).named(name).versioned(1).optional();
    let whole = |name| param(field, name).and_then(|text| text.parse::<i32>().ok());
    match known {
        Known::Date => Read { schema: of(Kind::Int32, DATE), item: Item::Date },
        Known::Time => Read { schema: of(Kind::Int32, TIME), item: Item::Time },
        Known::Timestamp => Read { schema: of(Kind::Int64, TIMESTAMP), item: Item::Timestamp },
        Known::Decimal | Known::Wrapper(_) => {
            let scale = whole(word::SCALE).unwrap_or(0);
            let mut schema = of(Kind::Bytes, DECIMAL).parameter("scale", scale.to_string());
            if let Some(precision) = whole(word::PRECISION) {
                schema = schema.parameter(word::CONNECT_PRECISION, precision.to_string());
            }
            Read { schema, item: Item::Decimal(scale) }
        }
    }
}

fn param<'a>(field: &'a Field, name: &str) -> Option<&'a str> {
    field.params.iter().find(|(have, _)| &**have == name).map(|(_, value)| &**value)
}

impl MessageReader {
    /// A struct of what fields are that were not written.
    pub(crate) fn nothing(&self) -> Struct {
        let mut values = vec![Value::Null; self.schema.fields().len()];
        for slot in self.slots.values() {
            if let Place::Field(index) = slot.place {
                values[index] = slot.missing.clone();
            }
        }
        Struct::new(self.schema.clone(), values)
    }
}
