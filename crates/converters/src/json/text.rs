//! JSON text as Jackson's `UTF8JsonGenerator` writes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Bytes that are looked at together: as many as a vector register holds.
const BLOCK: usize = 16;

/// JSON that is written often, such as a member's name. A short one is copied as a block of one size, which takes a few
/// instructions where a copy of any length takes a call.
pub(super) enum Literal {
    Short([u8; 2 * BLOCK], u8),
    Long(Box<[u8]>),
}

impl Literal {
    pub(super) fn new(json: &[u8]) -> Self {
        let mut block = [0; 2 * BLOCK];
        match block.get_mut(..json.len()) {
            Some(start) => {
                start.copy_from_slice(json);
                Self::Short(block, json.len() as u8)
            }
            None => Self::Long(json.into()),
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short(block, length) => {
                let end = out.len() + usize::from(*length);
                out.extend_from_slice(block);
                out.truncate(end);
            }
            Self::Long(json) => out.extend_from_slice(json),
        }
    }
}

/// A quoted string. Jackson escapes control characters, quotes, backslashes, and what lies outside of the basic plane (as
/// a pair of surrogates); everything else is plain UTF-8.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    // Most strings are written as they are, so this one is looked at after it was copied, in whole blocks: spaces fill the last.
    out.extend_from_slice(&[b' '; BLOCK]);
    if out[start..].as_chunks::<BLOCK>().0.iter().any(has_special) {
        out.truncate(start);
        escaped(text.as_bytes(), out);
    } else {
        out.truncate(start + text.len());
    }
    out.push(b'"');
}

/// A string's bytes where some have to be escaped.
fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    if escaped_short(bytes, out) {
        return;
    }
    let mut done = 0;
    loop {
        let special = next_special(bytes, done);
        out.extend_from_slice(&bytes[done..special]);
        let Some(byte) = bytes.get(special) else { break };
        done = special + escape(*byte, &bytes[special..], out);
    }
}

/// The same of a short text in which nothing but quotes and backslashes has to be escaped: `source.sequence` is in every event. False: it is another one.
fn escaped_short(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    const MOST: usize = 4 * BLOCK;
    let mut text = [0; 2 * MOST];
    let mut end = 0;
    if bytes.len() > MOST {
        return false;
    }
    for byte in bytes {
        if is_special(*byte) {
            if !matches!(byte, b'"' | b'\\') {
                return false;
            }
            text[end % (2 * MOST)] = b'\\';
            end += 1;
        }
        // the remainder, which it always is, needs no look at the bounds
        text[end % (2 * MOST)] = *byte;
        end += 1;
    }
    out.extend_from_slice(&text[..end]);
    true
}

/// Position of the next byte that is not written as it is, or the length.
fn next_special(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    let plain = BLOCK * rest.as_chunks::<BLOCK>().0.iter().take_while(|block| !has_special(block)).count();
    let tail = rest[plain..].iter().position(|byte| is_special(*byte));
    from + tail.map_or(rest.len(), |offset| plain + offset)
}

/// Without branches, so that [`has_special`] becomes vector instructions.
fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0xF0)
}

fn has_special(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |found, byte| found | is_special(*byte))
}

/// Writes the escape of the character at the head of `rest` and answers its length there.
fn escape(byte: u8, rest: &[u8], out: &mut Vec<u8>) -> usize {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        0..0x20 => {
            unit(byte.into(), out);
            return 1;
        }
        _ => {
            let length = rest.len().min(4);
            for unit_of_pair in String::from_utf8_lossy(&rest[..length]).encode_utf16() {
                unit(unit_of_pair, out);
            }
            return length;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
    1
}

/// `\u00AB`
fn unit(code: u16, out: &mut Vec<u8>) {
    let digit = |shift: u16| HEX[usize::from(code >> shift & 0xF)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Quoted base64 without line breaks, with padding.
pub(crate) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // the length is the exact one, so that this cannot fail
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// A whole number.
pub(crate) fn whole(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A double; what is not a number in JSON is quoted.
pub(crate) fn double(number: f64, out: &mut Vec<u8>) {
    floating(crate::number::double(number).as_str(), number.is_finite(), out);
}

/// A float, with a float's digits.
pub(crate) fn float(number: f32, out: &mut Vec<u8>) {
    floating(crate::number::float(number).as_str(), number.is_finite(), out);
}

fn floating(text: &str, finite: bool, out: &mut Vec<u8>) {
    if finite {
        out.extend_from_slice(text.as_bytes());
    } else {
        string(text, out);
    }
}
