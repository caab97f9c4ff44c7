//! JSON text as Jackson's `UTF8JsonGenerator` writes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A quoted string. Jackson escapes control characters, quotes, backslashes, and what lies outside of the basic plane (as
/// a pair of surrogates); everything else is plain UTF-8.
pub(crate) fn string(text: &str, out: &mut BytesMut) {
    out.reserve(text.len() + 2);
    out.put_u8(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    loop {
        let special = next_special(bytes, done);
        out.extend_from_slice(&bytes[done..special]);
        let Some(byte) = bytes.get(special) else { break };
        done = special + escape(*byte, &bytes[special..], out);
    }
    out.put_u8(b'"');
}

/// Position of the next byte that is not written as it is, or the length.
fn next_special(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    let mut at = 0;
    for chunk in rest.as_chunks::<8>().0 {
        if has_special(u64::from_le_bytes(*chunk)) {
            break;
        }
        at += 8;
    }
    let tail = rest[at..].iter().position(|byte| is_special(*byte));
    from + tail.map_or(rest.len(), |offset| at + offset)
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte >= 0xF0
}

/// [`is_special`] of any of eight bytes at once.
fn has_special(eight: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(ONES * limit) & !bytes & HIGH;
    let outside_of_basic_plane = eight & (eight << 1) & (eight << 2) & (eight << 3) & HIGH;
    let quote = below(eight ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(eight ^ (ONES * u64::from(b'\\')), 1);
    (below(eight, 0x20) | quote | backslash | outside_of_basic_plane) != 0
}

/// Writes the escape of the character at the head of `rest` and answers its length there.
fn escape(byte: u8, rest: &[u8], out: &mut BytesMut) -> usize {
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
fn unit(code: u16, out: &mut BytesMut) {
    let digit = |shift: u16| HEX[usize::from(code >> shift & 0xF)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Quoted base64 without line breaks, with padding.
pub(crate) fn base64(bytes: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // the length is the exact one, so that this cannot fail
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.put_u8(b'"');
}

/// A whole number.
pub(crate) fn whole(number: impl itoa::Integer, out: &mut BytesMut) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A double; what is not a number in JSON is quoted.
pub(crate) fn double(number: f64, out: &mut BytesMut) {
    floating(crate::number::double(number).as_str(), number.is_finite(), out);
}

/// A float, with a float's digits.
pub(crate) fn float(number: f32, out: &mut BytesMut) {
    floating(crate::number::float(number).as_str(), number.is_finite(), out);
}

fn floating(text: &str, finite: bool, out: &mut BytesMut) {
    if finite {
        out.extend_from_slice(text.as_bytes());
    } else {
        string(text, out);
    }
}
