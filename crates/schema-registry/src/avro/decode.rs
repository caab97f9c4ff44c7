//! Bytes back to values. They come from outside: nothing here trusts a length.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use rowtide_api::{Error, Kind, Result, SchemaRef, Struct, Value};

use super::connect::beside_null;
use super::schema::{AvroKind, AvroSchema, Record};
use super::word;
use crate::input::{Input, unzigzag};

/// Reads values of one schema.
pub(crate) struct Decoder {
    avro: Arc<AvroSchema>,
    names: HashMap<String, Arc<AvroSchema>>,
    schema: Option<SchemaRef>,
}

impl Decoder {
    /// `schema` is the Connect schema of `avro`; none for data without one.
    pub(crate) fn new(avro: Arc<AvroSchema>, schema: Option<SchemaRef>) -> Self {
        Self { names: avro.names(), avro, schema }
    }

    pub(crate) fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }

    /// The value that these bytes hold, and nothing else.
    pub(crate) fn read(&self, bytes: &Bytes) -> Result<Value> {
        let mut input = Input::new(bytes.clone(), misfit);
        let value = match &self.schema {
            Some(schema) => self.value(schema, &self.avro, &mut input)?,
            None => anything(&mut input, 0)?,
        };
        if input.rest.is_empty() { Ok(value) } else { Err(misfit("bytes are left over")) }
    }

    fn value(&self, schema: &SchemaRef, avro: &AvroSchema, input: &mut Input) -> Result<Value> {
        Ok(match (&avro.kind, &schema.kind) {
            (AvroKind::Reference(name), _) => match self.names.get(&name.full()) {
                Some(found) => self.value(schema, found, input)?,
                None => return Err(misfit("a type is not defined")),
            },
            (AvroKind::Union(branches), _) => self.branch(schema, branches, input)?,
            (AvroKind::Null, _) => Value::Null,
            (AvroKind::Boolean, Kind::Boolean) => match input.take(1)?[0] {
                0 => Value::Boolean(false),
                1 => Value::Boolean(true),
                _ => return Err(misfit("a boolean is neither 0 nor 1")),
            },
            (AvroKind::Int, kind) => int(kind, input.long()?)?,
            (AvroKind::Long, Kind::Int64) => Value::Int64(input.long()?),
            (AvroKind::Float, Kind::Float32) => Value::Float32(f32::from_le_bytes(input.array()?)),
            (AvroKind::Double, Kind::Float64) => Value::Float64(f64::from_le_bytes(input.array()?)),
            (AvroKind::Bytes, Kind::Bytes) => Value::Bytes(input.sized()?),
            (AvroKind::Fixed(_, size), Kind::Bytes) => Value::Bytes(input.take(*size)?),
            (AvroKind::String, Kind::String) => Value::String(input.string()?),
            (AvroKind::Enum(symbols), Kind::String) => {
                let index = usize::try_from(input.long()?).ok();
                let symbol = index.and_then(|index| symbols.symbols.get(index));
                Value::string(&**symbol.ok_or_else(|| misfit("an enum has no such symbol"))?)
            }
            (AvroKind::Array(items), Kind::Array(inner)) => Value::Array(input.block(|input| self.value(inner, items, input))?),
            (AvroKind::Array(entry), Kind::Map(keys, values)) => {
                Value::Map(input.block(|input| self.entry(entry, keys, values, input))?)
            }
            (AvroKind::Map(inner), Kind::Map(_, values)) => {
                Value::Map(input.block(|input| Ok((Value::String(input.string()?), self.value(values, inner, input)?)))?)
            }
            (AvroKind::Record(record), Kind::Struct(_)) => self.record(schema, record, input)?,
            _ => return Err(misfit("the schema is of another type")),
        })
    }

    fn branch(&self, schema: &SchemaRef, branches: &[Arc<AvroSchema>], input: &mut Input) -> Result<Value> {
        let index = usize::try_from(input.long()?).ok().filter(|index| *index < branches.len());
        let index = index.ok_or_else(|| misfit("a union has no such branch"))?;
        if matches!(branches[index].kind, AvroKind::Null) {
            return Ok(Value::Null);
        }
        if beside_null(branches).is_some() {
            return self.value(schema, &branches[index], input);
        }
        // one field for each branch but null
        let place = branches[..index].iter().filter(|branch| !matches!(branch.kind, AvroKind::Null)).count();
        let field = schema.fields().get(place).ok_or_else(|| misfit("the schema is of another type"))?;
        let mut values = vec![Value::Null; schema.fields().len()];
        values[place] = self.value(&field.schema, &branches[index], input)?;
        Ok(Value::Struct(Struct::new(schema.clone(), values)))
    }

    fn record(&self, schema: &SchemaRef, record: &Record, input: &mut Input) -> Result<Value> {
        let mut values = Vec::with_capacity(record.fields.len());
        for (field, written) in schema.fields().iter().zip(&record.fields) {
            values.push(self.value(&field.schema, &written.schema, input)?);
        }
        Ok(Value::Struct(Struct::new(schema.clone(), values)))
    }

    fn entry(&self, entry: &AvroSchema, keys: &SchemaRef, values: &SchemaRef, input: &mut Input) -> Result<(Value, Value)> {
        let AvroKind::Record(record) = &entry.kind else { return Err(misfit("the schema is of another type")) };
        let of = |name: &str| record.fields.iter().find(|field| &*field.name == name).map(|field| &field.schema);
        match (of(word::KEY), of(word::VALUE)) {
            (Some(key), Some(value)) => Ok((self.value(keys, key, input)?, self.value(values, value, input)?)),
            _ => Err(misfit("an entry has no key and value")),
        }
    }
}

fn int(kind: &Kind, number: i64) -> Result<Value> {
    let narrow = |_| misfit("a number is too large for its type");
    Ok(match kind {
        Kind::Int8 => Value::Int8(i8::try_from(number).map_err(narrow)?),
        Kind::Int16 => Value::Int16(i16::try_from(number).map_err(narrow)?),
        Kind::Int32 => Value::Int32(i32::try_from(number).map_err(narrow)?),
        _ => return Err(misfit("the schema is of another type")),
    })
}

/// Data without a schema, see `wire::anything`.
fn anything(input: &mut Input, depth: usize) -> Result<Value> {
    if depth > 200 {
        return Err(misfit("it is nested too deep"));
    }
    let mut found = Value::Null;
    for field in 0..9 {
        if input.long()? == 0 {
            continue;
        }
        found = match field {
            0 => Value::Boolean(input.take(1)?[0] == 1),
            1 => Value::Bytes(input.sized()?),
            2 => Value::Float64(f64::from_le_bytes(input.array()?)),
            3 => Value::Float32(f32::from_le_bytes(input.array()?)),
            4 => int(&Kind::Int32, input.long()?)?,
            5 => Value::Int64(input.long()?),
            6 => Value::String(input.string()?),
            7 => Value::Array(input.block(|input| anything(input, depth + 1))?),
            _ => Value::Map(input.block(|input| Ok((anything(input, depth + 1)?, anything(input, depth + 1)?)))?),
        };
    }
    Ok(found)
}

fn misfit(why: &str) -> Error {
    Error::data(format!("the bytes are not of their Avro schema: {why}"))
}

/// What Avro has beside (specification, "Binary Encoding").
impl Input {
    fn long(&mut self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    fn sized(&mut self) -> Result<Bytes> {
        let length = usize::try_from(self.long()?).map_err(|_| misfit("a length is negative"))?;
        self.take(length)
    }

    fn string(&mut self) -> Result<ByteString> {
        let bytes = self.sized()?;
        self.text(bytes)
    }

    /// The items of all blocks. An item takes a byte at least, so that the counts together say nothing that is not there.
    fn block<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let most = self.rest.len() as u64;
        loop {
            let mut count = self.long()?;
            if count == 0 {
                return Ok(items);
            }
            if count < 0 {
                // the block's size in bytes stands after its count
                count = count.checked_neg().ok_or_else(|| misfit("a count is too large"))?;
                self.long()?;
            }
            if count as u64 > most - items.len() as u64 {
                return Err(misfit("a count is too large"));
            }
            for _ in 0..count {
                items.push(item(self)?);
            }
        }
    }
}
