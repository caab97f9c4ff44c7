//! Writes the stream that Java would write of the same array.

use num_bigint::{BigInt, Sign};

use super::KeyValue;
use super::class::{self, *};

const MILLIS_A_DAY: i64 = 86_400_000;

/// What `new ObjectOutputStream(out).writeObject(key)` writes.
pub fn write(key: &[KeyValue]) -> Vec<u8> {
    let mut writer = Writer { out: STREAM_MAGIC.to_vec(), classes: Vec::new(), names: Vec::new(), cached: Vec::new(), next: 0 };
    writer.out.push(TC_ARRAY);
    writer.class(&class::OBJECTS);
    writer.next += 1;
    writer.out.extend((key.len() as u32).to_be_bytes());
    for value in key {
        writer.value(value);
    }
    writer.out
}

/// Everything written once has a handle (6.2), by which it is named when it comes again.
struct Writer {
    out: Vec<u8>,
    classes: Vec<(&'static str, u32)>,
    /// type names of fields, which are strings of the stream
    names: Vec<(&'static str, u32)>,
    /// small boxed numbers and booleans are one object each in Java
    cached: Vec<(KeyValue, u32)>,
    next: u32,
}

impl Writer {
    fn value(&mut self, value: &KeyValue) {
        if let Some((_, handle)) = self.cached.iter().find(|(have, _)| have == value) {
            return self.reference(*handle);
        }
        match value {
            KeyValue::Null => self.out.push(TC_NULL),
            KeyValue::Boolean(truth) => self.boxed(&class::BOOLEAN, value, &[u8::from(*truth)]),
            KeyValue::Short(number) => self.boxed(&class::SHORT, value, &number.to_be_bytes()),
            KeyValue::Integer(number) => self.boxed(&class::INTEGER, value, &number.to_be_bytes()),
            KeyValue::Long(number) => self.boxed(&class::LONG, value, &number.to_be_bytes()),
            KeyValue::Float(number) => self.boxed(&class::FLOAT, value, &number.to_be_bytes()),
            KeyValue::Double(number) => self.boxed(&class::DOUBLE, value, &number.to_be_bytes()),
            KeyValue::String(text) => self.string(text),
            KeyValue::Decimal(text) => self.decimal(text),
            KeyValue::Bytes(bytes) => self.bytes(bytes),
            KeyValue::Uuid(number) => self.object(&class::UUID, &number.rotate_left(64).to_be_bytes()),
            KeyValue::Date(days) => self.date(*days),
            KeyValue::Object { kind, value } => {
                self.object(&class::OBJECT, &[]);
                self.string(kind);
                match value {
                    Some(value) => self.string(value),
                    None => self.out.push(TC_NULL),
                }
            }
        }
    }

    fn boxed(&mut self, class: &'static Class, value: &KeyValue, field: &[u8]) {
        self.object(class, field);
        let small = match value {
            KeyValue::Boolean(_) => true,
            KeyValue::Short(number) => (-128..128).contains(number),
            KeyValue::Integer(number) => (-128..128).contains(number),
            KeyValue::Long(number) => (-128..128).contains(number),
            _ => false,
        };
        if small {
            self.cached.push((value.clone(), BASE_WIRE_HANDLE + self.next - 1));
        }
    }

    /// An object with its primitive fields; those that are objects follow.
    fn object(&mut self, class: &'static Class, fields: &[u8]) {
        self.out.push(TC_OBJECT);
        self.class(class);
        self.next += 1;
        self.out.extend(fields);
    }

    fn class(&mut self, class: &'static Class) {
        if let Some((_, handle)) = self.classes.iter().find(|(name, _)| *name == class.name) {
            return self.reference(*handle);
        }
        self.out.push(TC_CLASSDESC);
        self.utf(class.name);
        self.out.extend(class.uid.to_be_bytes());
        self.out.push(class.flags);
        self.classes.push((class.name, BASE_WIRE_HANDLE + self.next));
        self.next += 1;
        self.out.extend((class.fields.len() as u16).to_be_bytes());
        for (code, name, kind) in class.fields {
            self.out.push(*code);
            self.utf(name);
            if !kind.is_empty() {
                self.type_name(kind);
            }
        }
        self.out.push(TC_ENDBLOCKDATA);
        match class.parent {
            Some(parent) => self.class(parent),
            None => self.out.push(TC_NULL),
        }
    }

    fn type_name(&mut self, name: &'static str) {
        match self.names.iter().find(|(have, _)| *have == name) {
            Some((_, handle)) => self.reference(*handle),
            None => {
                self.names.push((name, BASE_WIRE_HANDLE + self.next));
                self.string(name);
            }
        }
    }

    fn reference(&mut self, handle: u32) {
        self.out.push(TC_REFERENCE);
        self.out.extend(handle.to_be_bytes());
    }

    fn string(&mut self, text: &str) {
        let bytes = modified_utf8(text);
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.out.push(TC_STRING);
                self.out.extend(length.to_be_bytes());
            }
            Err(_) => {
                self.out.push(TC_LONGSTRING);
                self.out.extend((bytes.len() as u64).to_be_bytes());
            }
        }
        self.out.extend(bytes);
        self.next += 1;
    }

    /// The names in [`class`] are short and plain.
    fn utf(&mut self, text: &str) {
        self.out.extend((text.len() as u16).to_be_bytes());
        self.out.extend(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.out.push(TC_ARRAY);
        self.class(&class::BYTES);
        self.next += 1;
        self.out.extend((bytes.len() as u32).to_be_bytes());
        self.out.extend(bytes);
    }

    /// `BigInteger` writes what its first versions kept beside sign and magnitude as -1, -1, -2, -2.
    fn decimal(&mut self, text: &str) {
        let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
        let unscaled: BigInt = text.replace('.', "").parse().unwrap_or_default();
        self.object(&class::DECIMAL, &scale.to_be_bytes());
        let (sign, magnitude) = match unscaled.to_bytes_be() {
            (Sign::NoSign, _) => (0, Vec::new()),
            (Sign::Plus, magnitude) => (1, magnitude),
            (Sign::Minus, magnitude) => (-1, magnitude),
        };
        let fields: Vec<u8> = [-1_i32, -1, -2, -2, sign].iter().flat_map(|field| field.to_be_bytes()).collect();
        self.object(&class::BIG_INTEGER, &fields);
        self.bytes(&magnitude);
        self.out.extend([TC_ENDBLOCKDATA, TC_ENDBLOCKDATA]);
    }

    /// The original's is midnight where its virtual machine is; this is midnight in UTC.
    fn date(&mut self, days: i64) {
        self.object(&class::DATE, &[]);
        self.out.extend([TC_BLOCKDATA, 8]);
        self.out.extend(days.saturating_mul(MILLIS_A_DAY).to_be_bytes());
        self.out.push(TC_ENDBLOCKDATA);
    }
}

/// `DataOutput.writeUTF`: UTF-16 units one by one, and NUL in two bytes.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        let low = |shift: u32| 0x80 | (unit >> shift & 0x3f) as u8;
        match unit {
            0x01..=0x7f => out.push(unit as u8),
            0 | 0x80..=0x7ff => out.extend([0xc0 | (unit >> 6) as u8, low(0)]),
            _ => out.extend([0xe0 | (unit >> 12) as u8, low(6), low(0)]),
        }
    }
    out
}
