//! Protobuf's wire format, piece by piece, and the index of a message that Confluent writes before it.
//! <https://protobuf.dev/programming-guides/encoding/>

use rowtide_api::Value;
use rowtide_converters::misfit::Misfit;

use super::schema::Scalar;

/// Wire types.
pub(crate) const VARINT: u8 = 0;
pub(crate) const EIGHT: u8 = 1;
pub(crate) const LENGTH: u8 = 2;
pub(crate) const FOUR: u8 = 5;

/// Seven bits a byte, least significant first.
pub(crate) fn varint(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Small numbers of either sign become small.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// What stands before a field: its number and the wire type.
pub(crate) fn key(number: u32, wire: u8) -> Box<[u8]> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3 | u64::from(wire), &mut out);
    out.into()
}

/// Bytes, or text, after their length.
pub(crate) fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// What `write` appends, after its length.
pub(crate) fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Misfit>) -> Result<(), Misfit> {
    let at = out.len();
    // one byte is enough for most; else what was written moves on
    out.push(0);
    write(out)?;
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
    } else {
        let mut prefix = Vec::with_capacity(5);
        varint(length as u64, &mut prefix);
        out.splice(at..=at, prefix);
    }
    Ok(())
}

impl Scalar {
    pub(crate) fn wire(self) -> u8 {
        match self {
            Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => EIGHT,
            Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => FOUR,
            Scalar::String | Scalar::Bytes => LENGTH,
            _ => VARINT,
        }
    }

    /// Appends a value, without the field's key.
    pub(crate) fn write(self, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (self, value) {
            (Scalar::Bool, Value::Boolean(truth)) => out.push(u8::from(*truth)),
            (Scalar::Float, Value::Float32(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Scalar::Double, Value::Float64(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Scalar::String, Value::String(text)) => bytes(text.as_bytes(), out),
            (Scalar::Bytes, Value::Bytes(content)) => bytes(content, out),
            (_, value) => match value.as_i64() {
                Some(number) => return self.whole(number, out),
                None => return Err(Misfit::new(format!("Invalid type for {}", self.name()))),
            },
        }
        Ok(())
    }

    fn whole(self, number: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let narrow = || i32::try_from(number).map_err(|_| Misfit::new(format!("a number is too large for {}", self.name())));
        match self {
            Scalar::Int32 => varint(i64::from(narrow()?) as u64, out),
            Scalar::Sint32 => varint(zigzag(narrow()?.into()), out),
            Scalar::Sfixed32 => out.extend_from_slice(&narrow()?.to_le_bytes()),
            // Java casts what a Connect INT64 holds for them
            Scalar::Uint32 => varint((number as u32).into(), out),
            Scalar::Fixed32 => out.extend_from_slice(&(number as u32).to_le_bytes()),
            Scalar::Int64 | Scalar::Uint64 => varint(number as u64, out),
            Scalar::Sint64 => varint(zigzag(number), out),
            Scalar::Fixed64 | Scalar::Sfixed64 => out.extend_from_slice(&number.to_le_bytes()),
            _ => return Err(Misfit::new(format!("Invalid type for {}", self.name()))),
        }
        Ok(())
    }
}

/// Whether a field without presence leaves the value out, because readers see the same without it.
pub(crate) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Boolean(truth) => !truth,
        Value::Float32(number) => number.to_bits() == 0,
        Value::Float64(number) => number.to_bits() == 0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        value => value.as_i64() == Some(0),
    }
}

/// Where a message is among those of its file, as Confluent writes it after the id: how many indexes, and each of them, as zigzag
/// numbers; one zero byte for the first message.
pub(crate) fn message_index(index: usize, out: &mut Vec<u8>) {
    if index == 0 {
        return out.push(0);
    }
    varint(zigzag(1), out);
    varint(zigzag(index as i64), out);
}
