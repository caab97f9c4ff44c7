//! Rows of COPY TO STDOUT into fields.
//!
//! Specification: PostgreSQL manual, "COPY", sections "Text Format" and "Binary Format".

use bytes::Bytes;

use super::DecodeError;
use super::part::Part;
use super::reader::Reader;

/// Signature of the binary format.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Hands the fields of a row in text format (default delimiter and null marker) to `field`, with their numbers; None: NULL. A
/// field without escapes, nearly every one, is a part of the row. The row may end with its newline.
pub fn copy_text_row<E: From<DecodeError>>(
    row: Part<'_>,
    mut field: impl FnMut(usize, Option<Part<'_>>) -> Result<(), E>,
) -> Result<(), E> {
    let text = row.bytes();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut start = 0;
    for number in 0.. {
        let rest = text.get(start..).unwrap_or_default();
        let (length, escaped) = match memchr::memchr2(b'\t', b'\\', rest) {
            None => (rest.len(), false),
            Some(at) if rest.get(at) == Some(&b'\t') => (at, false),
            // a tab inside a field is written \t, so the next tab ends it
            Some(at) => (memchr::memchr(b'\t', rest.get(at..).unwrap_or_default()).map_or(rest.len(), |tab| at + tab), true),
        };
        match rest.get(..length).unwrap_or_default() {
            br"\N" => field(number, None)?,
            text if escaped => {
                let plain = unescape(text).ok_or(DecodeError {
                    what: "row of a text COPY",
                    offset: start + length,
                    expected: "the rest of an escape",
                })?;
                field(number, Some(Part::from(&Bytes::from(plain))))?;
            }
            text => field(number, Some(row.part(text)))?,
        }
        if length == rest.len() {
            break;
        }
        start += length + 1;
    }
    Ok(())
}

/// Undoes the backslash sequences of COPY's text format. None: the last one has no end.
fn unescape(field: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, after) = rest.split_at(at);
        plain.extend_from_slice(before);
        // after[0] is the backslash
        let escape = *after.get(1)?;
        let (byte, taken) = match escape {
            b'b' => (8, 2),
            b'f' => (12, 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'v' => (11, 2),
            b'x' => numeric(after, 2, 16, 2).unwrap_or((b'x', 2)),
            b'0'..=b'7' => numeric(after, 1, 8, 3).unwrap_or((escape, 2)),
            other => (other, 2),
        };
        plain.push(byte);
        rest = after.get(taken..).unwrap_or_default();
    }
    plain.extend_from_slice(rest);
    Some(plain)
}

/// Up to `most` digits of `radix` from `start` on: the byte, and how long the whole sequence is. As the server does, only
/// the low eight bits count.
fn numeric(sequence: &[u8], start: usize, radix: u32, most: usize) -> Option<(u8, usize)> {
    let digits = sequence.get(start..)?.iter().take(most).map_while(|&byte| char::from(byte).to_digit(radix));
    let (value, count) = digits.fold((0u32, 0), |(value, count), digit| (value * radix + digit, count + 1));
    if count == 0 { None } else { Some(((value & 0xff) as u8, start + count)) }
}

/// Takes the rows of a COPY in binary format, in the order in which they come.
#[derive(Clone, Debug, Default)]
pub struct BinaryCopy {
    begun: bool,
}

impl BinaryCopy {
    /// One CopyData message. None: it holds the trailer, and no row. The header comes in front of the first row.
    pub fn row<'a>(&mut self, message: &'a [u8]) -> Result<Option<BinaryFields<'a>>, DecodeError> {
        let mut r = Reader::new("row of a binary COPY", message);
        if !self.begun {
            if r.bytes(SIGNATURE.len(), "the signature")? != SIGNATURE {
                return Err(Reader::new("binary COPY", message).error("the signature"));
            }
            let flags = r.u32("flags")?;
            // bits 16 to 31 are critical; 16 says that rows begin with OIDs, as servers before 12 could
            if flags & 0xffff_0000 != 0 {
                return Err(r.error("no critical flag"));
            }
            let extension = r.u32("the length of the header extension")?;
            r.bytes(extension as usize, "the header extension")?;
            self.begun = true;
        }
        let count = r.u16("the number of fields")?;
        if count == u16::MAX {
            r.end()?;
            return Ok(None);
        }
        let fields = BinaryFields { rest: r.rest(), left: count };
        for _ in 0..count {
            field(&mut r)?;
        }
        r.end()?;
        Ok(Some(fields))
    }
}

fn field<'a>(r: &mut Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
    match r.i32("the length of a field")? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| r.error("a length, or -1 for NULL"))?;
            r.bytes(length, "a field of that length").map(Some)
        }
    }
}

/// The fields of a row in binary format. None: NULL.
#[derive(Clone, Debug)]
pub struct BinaryFields<'a> {
    /// checked when the row was taken
    rest: &'a [u8],
    left: u16,
}

impl<'a> Iterator for BinaryFields<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut r = Reader::new("row of a binary COPY", self.rest);
        let value = field(&mut r).ok()?;
        self.rest = r.rest();
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.into(), Some(self.left.into()))
    }
}

impl ExactSizeIterator for BinaryFields<'_> {}
