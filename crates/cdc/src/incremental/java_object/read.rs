//! Reads a stream of Java's into the values of a key.

use std::rc::Rc;

use num_bigint::{BigInt, Sign};

use super::class::*;
use super::{KeyValue, Malformed};

const MILLIS_A_DAY: i64 = 86_400_000;
/// Objects within objects, and classes above classes; a decimal has three.
const DEPTH: usize = 16;
/// Objects and classes in all; a key of 32 columns has a few hundred.
const HANDLES: usize = 4096;

/// Reads an `Object[]` of the classes that [`KeyValue`] names.
pub fn read(bytes: &[u8]) -> Result<Vec<KeyValue>, Malformed> {
    let mut reader = Reader { bytes, at: 0, handles: Vec::new() };
    if reader.take(4)? != STREAM_MAGIC {
        return Err(Malformed { offset: 0, expected: "the header of a Java object stream (AC ED 00 05)" });
    }
    match &*reader.content(0)? {
        Content::Array(items) => {
            items.iter().map(|item| item.key_value().ok_or(reader.wrong("an object of a class that keys have"))).collect()
        }
        _ => Err(reader.wrong("an array of objects")),
    }
}

/// A class of the stream.
struct Described {
    name: String,
    flags: u8,
    fields: Vec<(u8, String)>,
    parent: Option<Rc<Described>>,
}

/// Shared, because a reference may name one any number of times.
enum Content {
    Null,
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Rc<Content>>),
    Object { class: String, fields: Vec<(String, Field)>, data: Vec<u8> },
}

enum Field {
    Whole(i64),
    Float(f32),
    Double(f64),
    Content(Rc<Content>),
}

/// What a reference may name (6.2).
enum Handle {
    /// what is still being read
    Open,
    Class(Rc<Described>),
    Content(Rc<Content>),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    handles: Vec<Handle>,
}

impl<'a> Reader<'a> {
    fn wrong(&self, expected: &'static str) -> Malformed {
        Malformed { offset: self.at, expected }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Malformed { offset: self.at, expected: "more bytes" })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self, width: usize) -> Result<u64, Malformed> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: u64) -> Result<String, Malformed> {
        let length = usize::try_from(length).map_err(|_| self.wrong("a shorter text"))?;
        let bytes = self.take(length)?;
        from_modified_utf8(bytes).ok_or(self.wrong("text in modified UTF-8"))
    }

    fn utf(&mut self) -> Result<String, Malformed> {
        let length = self.number(2)?;
        self.text(length)
    }

    /// Numbers what is about to be read.
    fn open(&mut self) -> Result<usize, Malformed> {
        if self.handles.len() >= HANDLES {
            return Err(self.wrong("fewer objects"));
        }
        self.handles.push(Handle::Open);
        Ok(self.handles.len() - 1)
    }

    fn close(&mut self, handle: usize, content: Content) -> Rc<Content> {
        let content = Rc::new(content);
        self.handles[handle] = Handle::Content(content.clone());
        content
    }

    fn referred(&mut self) -> Result<&Handle, Malformed> {
        let (at, handle) = (self.at, self.number(4)? as u32);
        let index = handle.checked_sub(BASE_WIRE_HANDLE).and_then(|index| self.handles.get(index as usize));
        index.ok_or(Malformed { offset: at, expected: "the handle of an earlier object" })
    }

    fn content(&mut self, depth: usize) -> Result<Rc<Content>, Malformed> {
        if depth > DEPTH {
            return Err(self.wrong("fewer objects within objects"));
        }
        match self.number(1)? as u8 {
            TC_NULL => Ok(Rc::new(Content::Null)),
            TC_REFERENCE => match self.referred()? {
                Handle::Content(content) => Ok(content.clone()),
                _ => Err(self.wrong("an object")),
            },
            tag @ (TC_STRING | TC_LONGSTRING) => {
                let handle = self.open()?;
                let length = self.number(if tag == TC_STRING { 2 } else { 8 })?;
                let text = self.text(length)?;
                Ok(self.close(handle, Content::Text(text)))
            }
            TC_ARRAY => self.array(depth),
            TC_OBJECT => self.object(depth),
            _ => Err(self.wrong("an object, an array, a text or null")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Rc<Content>, Malformed> {
        let class = self.class(depth)?.ok_or(self.wrong("a class"))?;
        let handle = self.open()?;
        let length = self.number(4)? as usize;
        let content = match class.name.as_str() {
            "[B" => Content::Bytes(self.take(length)?.to_vec()),
            "[Ljava.lang.Object;" => {
                let mut items = Vec::new();
                for _ in 0..length {
                    items.push(self.content(depth + 1)?);
                }
                Content::Array(items)
            }
            _ => return Err(self.wrong("an array of bytes or of objects")),
        };
        Ok(self.close(handle, content))
    }

    /// A class and those above it; none: null.
    fn class(&mut self, depth: usize) -> Result<Option<Rc<Described>>, Malformed> {
        if depth > DEPTH {
            return Err(self.wrong("fewer classes above classes"));
        }
        match self.number(1)? as u8 {
            TC_NULL => return Ok(None),
            TC_REFERENCE => {
                return match self.referred()? {
                    Handle::Class(class) => Ok(Some(class.clone())),
                    _ => Err(self.wrong("a class")),
                };
            }
            TC_CLASSDESC => {}
            _ => return Err(self.wrong("a class")),
        }
        let name = self.utf()?;
        self.take(8)?;
        let handle = self.open()?;
        let flags = self.number(1)? as u8;
        let mut fields = Vec::new();
        for _ in 0..self.number(2)? {
            let code = self.number(1)? as u8;
            fields.push((code, self.utf()?));
            if matches!(code, b'L' | b'[') {
                self.content(depth + 1)?;
            }
        }
        self.end()?;
        let parent = self.class(depth + 1)?;
        let class = Rc::new(Described { name, flags, fields, parent });
        self.handles[handle] = Handle::Class(class.clone());
        Ok(Some(class))
    }

    fn end(&mut self) -> Result<(), Malformed> {
        if self.number(1)? as u8 == TC_ENDBLOCKDATA { Ok(()) } else { Err(self.wrong("the end of an object's data")) }
    }

    /// The fields of the topmost class come first, each class's own data after its fields (6.4, `classdata`).
    fn object(&mut self, depth: usize) -> Result<Rc<Content>, Malformed> {
        let class = self.class(depth)?.ok_or(self.wrong("a class"))?;
        let handle = self.open()?;
        let lineage: Vec<Rc<Described>> =
            std::iter::successors(Some(class.clone()), |class| class.parent.clone()).take(DEPTH + 1).collect();
        let (mut fields, mut data) = (Vec::new(), Vec::new());
        for class in lineage.iter().rev() {
            if class.flags & SERIALIZABLE == 0 {
                return Err(self.wrong("a class that is serialized field by field"));
            }
            for (code, name) in &class.fields {
                fields.push((name.clone(), self.field(*code, depth)?));
            }
            if class.flags & WRITES_MORE != 0 {
                data.extend(self.block_data()?);
            }
        }
        Ok(self.close(handle, Content::Object { class: class.name.clone(), fields, data }))
    }

    fn field(&mut self, code: u8, depth: usize) -> Result<Field, Malformed> {
        Ok(match code {
            b'Z' | b'B' => Field::Whole((self.number(1)? as u8 as i8).into()),
            b'S' => Field::Whole((self.number(2)? as u16 as i16).into()),
            b'I' => Field::Whole((self.number(4)? as u32 as i32).into()),
            b'J' => Field::Whole(self.number(8)? as i64),
            b'F' => Field::Float(f32::from_bits(self.number(4)? as u32)),
            b'D' => Field::Double(f64::from_bits(self.number(8)?)),
            b'L' | b'[' => Field::Content(self.content(depth + 1)?),
            _ => return Err(self.wrong("a field of a known type")),
        })
    }

    /// What a class's own `writeObject` wrote beside its fields: bytes alone, in the classes that keys have.
    fn block_data(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut data = Vec::new();
        loop {
            match self.number(1)? as u8 {
                TC_BLOCKDATA => {
                    let length = self.number(1)? as usize;
                    data.extend(self.take(length)?);
                }
                TC_ENDBLOCKDATA => return Ok(data),
                _ => return Err(self.wrong("bytes, or the end of an object's data")),
            }
        }
    }
}

impl Content {
    /// The value of a key; none for a class that no key column has.
    fn key_value(&self) -> Option<KeyValue> {
        Some(match self {
            Content::Null => KeyValue::Null,
            Content::Text(text) => KeyValue::String(text.clone()),
            Content::Bytes(bytes) => KeyValue::Bytes(bytes.clone()),
            Content::Array(_) => return None,
            Content::Object { class, data, .. } => match class.as_str() {
                "java.lang.Boolean" => KeyValue::Boolean(self.whole("value")? != 0),
                "java.lang.Short" => KeyValue::Short(self.whole("value")? as i16),
                "java.lang.Integer" => KeyValue::Integer(self.whole("value")? as i32),
                "java.lang.Long" => KeyValue::Long(self.whole("value")?),
                "java.lang.Float" => match self.field("value")? {
                    Field::Float(number) => KeyValue::Float(*number),
                    _ => return None,
                },
                "java.lang.Double" => match self.field("value")? {
                    Field::Double(number) => KeyValue::Double(*number),
                    _ => return None,
                },
                "java.util.UUID" => {
                    let half = |name: &str| self.whole(name).map(|half| u128::from(half as u64));
                    KeyValue::Uuid(half("mostSigBits")? << 64 | half("leastSigBits")?)
                }
                "java.math.BigDecimal" => self.decimal()?,
                // midnight where the writer was: the nearest one in UTC is of the same day
                "java.sql.Date" => {
                    let millis = i64::from_be_bytes(data.as_slice().try_into().ok()?);
                    KeyValue::Date(millis.saturating_add(MILLIS_A_DAY / 2).div_euclid(MILLIS_A_DAY))
                }
                "org.postgresql.util.PGobject" => KeyValue::Object { kind: self.text("type")??, value: self.text("value")? },
                "org.postgresql.util.PGInterval" => self.interval()?,
                _ => return None,
            },
        })
    }

    fn field(&self, name: &str) -> Option<&Field> {
        let Content::Object { fields, .. } = self else { return None };
        fields.iter().find(|(have, _)| have == name).map(|(_, field)| field)
    }

    fn whole(&self, name: &str) -> Option<i64> {
        match self.field(name)? {
            Field::Whole(number) => Some(*number),
            _ => None,
        }
    }

    fn part(&self, name: &str) -> Option<&Content> {
        match self.field(name)? {
            Field::Content(content) => Some(content),
            _ => None,
        }
    }

    /// A text or null.
    fn text(&self, name: &str) -> Option<Option<String>> {
        match self.part(name)? {
            Content::Null => Some(None),
            Content::Text(text) => Some(Some(text.clone())),
            _ => None,
        }
    }

    fn decimal(&self) -> Option<KeyValue> {
        let unscaled = self.part("intVal")?;
        let Content::Bytes(magnitude) = unscaled.part("magnitude")? else { return None };
        let sign = if unscaled.whole("signum")? < 0 { Sign::Minus } else { Sign::Plus };
        let digits = BigInt::from_bytes_be(sign, magnitude);
        // PostgreSQL's decimals have at most 16383 digits after the point
        let scale = usize::try_from(self.whole("scale")?).ok().filter(|scale| *scale <= 16_383)?;
        let (minus, digits) = (if sign == Sign::Minus { "-" } else { "" }, digits.magnitude().to_string());
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale > 0 { "." } else { "" };
        Some(KeyValue::Decimal(format!("{minus}{whole}{point}{fraction}")))
    }

    fn interval(&self) -> Option<KeyValue> {
        let units = ["years", "months", "days", "hours", "minutes"];
        let mut parts = Vec::new();
        for unit in units {
            parts.push(format!("{} {unit}", self.whole(unit)?));
        }
        parts.push(format!("{} seconds", self.whole("wholeSeconds")?));
        parts.push(format!("{} microseconds", self.whole("microSeconds")?));
        Some(KeyValue::Object { kind: "interval".to_owned(), value: Some(parts.join(" ")) })
    }
}

/// `DataInput.readUTF`; lone halves of pairs are refused, PostgreSQL has none.
fn from_modified_utf8(bytes: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    let more =
        |rest: &mut dyn Iterator<Item = u8>| rest.next().filter(|byte| byte & 0xc0 == 0x80).map(|byte| u16::from(byte & 0x3f));
    while let Some(first) = rest.next() {
        units.push(match first {
            0..=0x7f => u16::from(first),
            0xc0..=0xdf => u16::from(first & 0x1f) << 6 | more(&mut rest)?,
            0xe0..=0xef => u16::from(first & 0x0f) << 12 | more(&mut rest)? << 6 | more(&mut rest)?,
            _ => return None,
        });
    }
    String::from_utf16(&units).ok()
}
