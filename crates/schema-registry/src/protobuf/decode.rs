//! Bytes back to values. They come from outside: nothing here trusts a length.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::{Error, Kind, Result, SchemaRef, Struct, Value};

use super::connect;
use super::logical;
use super::schema::{Scalar, Types};
use super::{Settings, wire};
use crate::input::{Input, unzigzag};

/// Reads values of one message.
pub(crate) struct Decoder {
    schema: SchemaRef,
    shape: Shape,
}

enum Shape {
    Message(MessageReader),
    /// a wrapper that is read as what it wraps
    Raw(Item),
}

/// How a message becomes a struct.
pub(crate) struct MessageReader {
    pub schema: SchemaRef,
    /// by the numbers of the fields
    pub slots: HashMap<u32, Slot>,
}

/// A field of a message.
pub(crate) struct Slot {
    pub place: Place,
    pub repeated: bool,
    pub item: Item,
    /// what it is while it was not written
    pub missing: Value,
}

/// Where a field's value goes.
#[derive(Clone)]
pub(crate) enum Place {
    /// a field of the struct
    Field(usize),
    /// a field of the struct that stands for a oneof, the field within, and that struct's schema
    Union(usize, usize, SchemaRef),
}

/// How one value is read.
pub(crate) enum Item {
    Scalar(Scalar, Kind),
    /// the name of the enum, and those of its numbers
    Symbol(Arc<str>, HashMap<i32, Arc<str>>),
    Wrapper(Scalar, Kind),
    /// the scale of the schema
    Decimal(i32),
    Date,
    Time,
    Timestamp,
    Message(MessageReader),
    /// an entry of a map
    Entry(MessageReader),
}

impl Decoder {
    /// A decoder of the message of this full name.
    pub(crate) fn new(full: &str, types: &Types, settings: &Settings) -> Result<Self> {
        if let Some((schema, scalar)) = connect::raw(full, settings) {
            let item = Item::Wrapper(scalar, schema.kind.clone());
            return Ok(Self { schema: schema.shared(), shape: Shape::Raw(item) });
        }
        let reader = connect::reader(full, types, settings)?;
        Ok(Self { schema: reader.schema.clone(), shape: Shape::Message(reader) })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The value that these bytes hold.
    pub(crate) fn read(&self, bytes: &Bytes) -> Result<Value> {
        match &self.shape {
            Shape::Message(reader) => reader.read(bytes.clone()),
            Shape::Raw(item) => item.message(bytes.clone()),
        }
    }
}

impl MessageReader {
    fn read(&self, bytes: Bytes) -> Result<Value> {
        let mut values: Vec<Value> = self.nothing().values.iter().cloned().collect();
        let mut input = Input::new(bytes, misfit);
        while let Some((number, wire)) = input.key()? {
            let Some(slot) = self.slots.get(&number) else {
                input.skip(wire)?;
                continue;
            };
            match &slot.place {
                Place::Field(index) if slot.repeated => slot.append(wire, &mut input, &mut values[*index])?,
                Place::Field(index) => values[*index] = slot.item.read(wire, &mut input)?,
                Place::Union(index, inner, schema) => {
                    let mut fields = vec![Value::Null; schema.fields().len()];
                    fields[*inner] = slot.item.read(wire, &mut input)?;
                    values[*index] = Value::Struct(Struct::new(schema.clone(), fields));
                }
            }
        }
        Ok(Value::Struct(Struct::new(self.schema.clone(), values)))
    }
}

impl Slot {
    /// Another item, or several under one length.
    fn append(&self, wire: u8, input: &mut Input, to: &mut Value) -> Result<()> {
        match (&self.item, to) {
            (Item::Entry(reader), Value::Map(entries)) => {
                let Value::Struct(pair) = reader.read(input.delimited()?)? else { return Err(misfit("an entry is no message")) };
                let mut pair = pair.values.iter().cloned();
                entries.push((pair.next().unwrap_or_default(), pair.next().unwrap_or_default()));
            }
            (Item::Scalar(scalar, _), Value::Array(items)) if wire == wire::LENGTH && scalar.is_packed() => {
                let mut packed = Input::new(input.delimited()?, misfit);
                while !packed.rest.is_empty() {
                    items.push(self.item.read(scalar.wire(), &mut packed)?);
                }
            }
            (Item::Symbol(..), Value::Array(items)) if wire == wire::LENGTH => {
                let mut packed = Input::new(input.delimited()?, misfit);
                while !packed.rest.is_empty() {
                    items.push(self.item.read(wire::VARINT, &mut packed)?);
                }
            }
            (item, Value::Array(items)) => items.push(item.read(wire, input)?),
            _ => return Err(misfit("the schema is of another type")),
        }
        Ok(())
    }
}

impl Item {
    /// What it is where it was not written.
    pub(crate) fn zero(&self) -> Value {
        match self {
            Item::Scalar(_, kind) | Item::Wrapper(_, kind) => zero(kind),
            Item::Symbol(_, symbols) => symbols.get(&0).map(Value::from).unwrap_or_default(),
            Item::Decimal(_) => Value::Bytes(Bytes::from_static(&[0])),
            Item::Date => Value::Int32(0),
            Item::Time => Value::Int32(0),
            Item::Timestamp => Value::Int64(0),
            Item::Message(reader) | Item::Entry(reader) => Value::Struct(reader.nothing()),
        }
    }

    fn read(&self, wire: u8, input: &mut Input) -> Result<Value> {
        match self {
            Item::Scalar(scalar, kind) if wire == scalar.wire() => input.scalar(*scalar, kind),
            Item::Symbol(name, symbols) if wire == wire::VARINT => {
                let number = input.varint()? as i32;
                // enums are open: a newer writer knows more; the name is protobuf-java's for what it does not know
                let unknown = || Value::string(format!("UNKNOWN_ENUM_VALUE_{name}_{number}"));
                Ok(symbols.get(&number).map_or_else(unknown, Value::from))
            }
            Item::Scalar(..) | Item::Symbol(..) => Err(misfit("a field is of another type")),
            _ if wire == wire::LENGTH => self.message(input.delimited()?),
            _ => Err(misfit("a field is no message")),
        }
    }

    fn message(&self, bytes: Bytes) -> Result<Value> {
        match self {
            Item::Message(reader) | Item::Entry(reader) => reader.read(bytes),
            Item::Wrapper(scalar, kind) => wrapped(*scalar, kind, bytes),
            Item::Decimal(scale) => decimal(bytes, *scale),
            Item::Date => {
                let [year, month, day, _] = numbers(bytes)?;
                let inside = (1..=5_900_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
                let days = inside.then(|| logical::days(year, month, day)).and_then(|days| i32::try_from(days).ok());
                days.map(Value::Int32).ok_or_else(|| misfit("a date does not exist"))
            }
            Item::Time => {
                let [hours, minutes, seconds, nanos] = numbers(bytes)?;
                let inside = (0..=24).contains(&hours)
                    && (0..60).contains(&minutes)
                    && (0..=60).contains(&seconds)
                    && (0..1_000_000_000).contains(&nanos);
                let millis = inside.then(|| ((hours * 60 + minutes) * 60 + seconds) * 1000 + nanos / 1_000_000);
                let millis = millis.and_then(|millis| i32::try_from(millis).ok());
                millis.map(Value::Int32).ok_or_else(|| misfit("a time does not exist"))
            }
            Item::Timestamp => {
                let [seconds, nanos, ..] = numbers(bytes)?;
                let millis = seconds.checked_mul(1000).and_then(|millis| millis.checked_add(nanos / 1_000_000));
                millis.map(Value::Int64).ok_or_else(|| misfit("a timestamp is too large"))
            }
            Item::Scalar(..) | Item::Symbol(..) => Err(misfit("a field is no message")),
        }
    }
}

fn zero(kind: &Kind) -> Value {
    match kind {
        Kind::Int8 => Value::Int8(0),
        Kind::Int16 => Value::Int16(0),
        Kind::Int32 => Value::Int32(0),
        Kind::Int64 => Value::Int64(0),
        Kind::Float32 => Value::Float32(0.0),
        Kind::Float64 => Value::Float64(0.0),
        Kind::Boolean => Value::Boolean(false),
        Kind::String => Value::string(""),
        _ => Value::Bytes(Bytes::new()),
    }
}

/// A message of one field.
fn wrapped(scalar: Scalar, kind: &Kind, bytes: Bytes) -> Result<Value> {
    let mut input = Input::new(bytes, misfit);
    let mut found = zero(kind);
    while let Some((number, wire)) = input.key()? {
        match number {
            1 if wire == scalar.wire() => found = input.scalar(scalar, kind)?,
            _ => input.skip(wire)?,
        }
    }
    Ok(found)
}

/// The unscaled value at the scale of the schema: each message says its own, which others than Connect write as they like.
fn decimal(bytes: Bytes, wanted: i32) -> Result<Value> {
    let mut input = Input::new(bytes, misfit);
    let mut found = Bytes::from_static(&[0]);
    let mut scale = 0;
    while let Some((number, wire)) = input.key()? {
        match (number, wire) {
            (1, wire::LENGTH) => found = input.delimited()?,
            (3, wire::VARINT) => scale = input.varint()? as i32,
            _ => input.skip(wire)?,
        }
    }
    if scale == wanted {
        return Ok(Value::Bytes(found));
    }
    let rescaled = logical::rescaled(&found, scale, wanted).ok_or_else(|| {
        misfit(&format!("a decimal of scale {scale} does not fit the schema's scale {wanted}"))
            .remedy("say the scale in the field's option: (confluent.field_meta) = {params: [{key: \"scale\", value: \"…\"}]}, in a schema that is registered as text")
    })?;
    Ok(Value::Bytes(rescaled.into()))
}

/// Fields 1 to 4 of a message of whole numbers.
fn numbers(bytes: Bytes) -> Result<[i64; 4]> {
    let mut input = Input::new(bytes, misfit);
    let mut found = [0; 4];
    while let Some((number, wire)) = input.key()? {
        match (found.get_mut(number as usize - 1), wire) {
            (Some(place), wire::VARINT) => *place = input.varint()? as i64,
            _ => input.skip(wire)?,
        }
    }
    Ok(found)
}

fn misfit(why: &str) -> Error {
    Error::data(format!("the bytes are not of their Protobuf schema: {why}"))
}

/// The index of the message, which stands before its bytes, and how long it is.
pub(crate) fn message_index(bytes: &Bytes) -> Result<(Vec<usize>, usize)> {
    let mut input = Input::new(bytes.clone(), misfit);
    let mut index = || -> Result<usize> {
        let number = input.varint()?;
        usize::try_from(unzigzag(number)).map_err(|_| misfit("the index of a message is negative"))
    };
    let count = index()?;
    if count > 100 {
        return Err(misfit("messages are nested too deep"));
    }
    let indexes = (0..count).map(|_| index()).collect::<Result<Vec<_>>>()?;
    let length = bytes.len() - input.rest.len();
    Ok((if indexes.is_empty() { vec![0] } else { indexes }, length))
}

/// What Protobuf has beside (encoding guide, "Message Structure").
impl Input {
    fn delimited(&mut self) -> Result<Bytes> {
        let length = usize::try_from(self.varint()?).map_err(|_| misfit("a length is too large"))?;
        self.take(length)
    }

    /// Number and wire type of the next field; none at the end.
    fn key(&mut self) -> Result<Option<(u32, u8)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0);
        Ok(Some((number.ok_or_else(|| misfit("a field has no number"))?, (key & 7) as u8)))
    }

    fn skip(&mut self, wire: u8) -> Result<()> {
        match wire {
            wire::VARINT => self.varint().map(drop),
            wire::EIGHT => self.take(8).map(drop),
            wire::LENGTH => self.delimited().map(drop),
            wire::FOUR => self.take(4).map(drop),
            _ => Err(misfit("a group, which is not supported")),
        }
    }

    fn scalar(&mut self, scalar: Scalar, kind: &Kind) -> Result<Value> {
        let whole = match scalar {
            Scalar::Double => return Ok(Value::Float64(f64::from_le_bytes(self.array()?))),
            Scalar::Float => return Ok(Value::Float32(f32::from_le_bytes(self.array()?))),
            Scalar::Bool => return Ok(Value::Boolean(self.varint()? != 0)),
            Scalar::Bytes => return Ok(Value::Bytes(self.delimited()?)),
            Scalar::String => {
                let bytes = self.delimited()?;
                return Ok(Value::String(self.text(bytes)?));
            }
            Scalar::Int32 => i64::from(self.varint()? as i32),
            Scalar::Sint32 => unzigzag(self.varint()?),
            Scalar::Uint32 => i64::from(self.varint()? as u32),
            Scalar::Int64 | Scalar::Uint64 => self.varint()? as i64,
            Scalar::Sint64 => unzigzag(self.varint()?),
            Scalar::Fixed32 => u32::from_le_bytes(self.array()?).into(),
            Scalar::Sfixed32 => i32::from_le_bytes(self.array()?).into(),
            Scalar::Fixed64 | Scalar::Sfixed64 => i64::from_le_bytes(self.array()?),
        };
        // Java cuts what does not fit
        Ok(match kind {
            Kind::Int8 => Value::Int8(whole as i8),
            Kind::Int16 => Value::Int16(whole as i16),
            Kind::Int32 => Value::Int32(whole as i32),
            _ => Value::Int64(whole),
        })
    }
}
