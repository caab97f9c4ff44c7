//! `bytea`, bit strings, and text of unknown types as bytes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use rowtide_api::Value;

use super::ValueError;
use crate::types::BinaryMode;

/// `\x` and hexadecimal digits (PostgreSQL manual, "Binary Data Types", hex format).
pub fn bytea(raw: &[u8], mode: BinaryMode) -> Result<Value, ValueError> {
    let digits = raw.strip_prefix(b"\\x").ok_or(ValueError("bytea in hex format"))?;
    Ok(match mode {
        // the server writes lower-case digits, and so do we
        BinaryMode::Hex => Value::string(super::as_str(digits)?.to_owned()),
        _ => represent(from_hex(digits)?.into(), mode),
    })
}

/// Bytes in the representation of `binary.handling.mode`.
pub fn represent(raw: Bytes, mode: BinaryMode) -> Value {
    match mode {
        BinaryMode::Bytes => Value::Bytes(raw),
        BinaryMode::Base64 => Value::string(STANDARD.encode(raw)),
        BinaryMode::Base64UrlSafe => Value::string(URL_SAFE.encode(raw)),
        BinaryMode::Hex => Value::string(to_hex(&raw)),
    }
}

/// Bytes of an even number of hexadecimal digits.
pub fn from_hex(digits: &[u8]) -> Result<Vec<u8>, ValueError> {
    let wrong = ValueError("hexadecimal");
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong);
    }
    let digit = |letter: u8| char::from(letter).to_digit(16).ok_or(wrong);
    pairs.iter().map(|[high, low]| Ok((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}

fn to_hex(raw: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    raw.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]).collect()
}

/// A bit string as the original has it: the last bit is bit 0 of the first byte, zero bytes at the end are left out.
pub fn bits(raw: &[u8]) -> Result<Value, ValueError> {
    let mut bytes = vec![0_u8; raw.len().div_ceil(8)];
    for (index, bit) in raw.iter().rev().enumerate() {
        match bit {
            b'1' => bytes[index / 8] |= 1 << (index % 8),
            b'0' => {}
            _ => return Err(ValueError("a bit string")),
        }
    }
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used);
    Ok(Value::Bytes(bytes.into()))
}

/// Java's `UUID.nameUUIDFromBytes`: version 3, of the MD5 of the bytes (RFC 9562, section 5.3).
pub fn name_uuid(name: &[u8]) -> String {
    use md5::Digest;
    let mut hash: [u8; 16] = md5::Md5::digest(name).into();
    hash[6] = hash[6] & 0x0F | 0x30;
    hash[8] = hash[8] & 0x3F | 0x80;
    let hex = to_hex(&hash);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_little_endian_without_zero_bytes_at_the_end() {
        let bytes = |text: &str| match bits(text.as_bytes()).unwrap() {
            Value::Bytes(bytes) => bytes.to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes("10100101"), [0xA5]);
        assert_eq!(bytes("101001010001"), [0x51, 0x0A]);
        assert!(bytes("00000000").is_empty());
        assert!(bytes("").is_empty());
        assert!(bits(b"102").is_err());
    }

    #[test]
    fn bytea_in_every_mode() {
        let raw = b"\\xdeadbeef00";
        assert_eq!(bytea(raw, BinaryMode::Hex), Ok(Value::string("deadbeef00")));
        assert_eq!(bytea(raw, BinaryMode::Base64), Ok(Value::string("3q2+7wA=")));
        assert_eq!(bytea(raw, BinaryMode::Base64UrlSafe), Ok(Value::string("3q2-7wA=")));
        assert!(bytea(b"\\x1", BinaryMode::Bytes).is_err() && bytea(b"12", BinaryMode::Bytes).is_err());
    }

    #[test]
    fn the_placeholder_of_uuids_is_javas() {
        // MD5 of "a" is 0cc175b9c0f1b6a831c399e269772661 (RFC 1321); version and variant are put in
        assert_eq!(name_uuid(b"a"), "0cc175b9-c0f1-36a8-b1c3-99e269772661");
    }
}
