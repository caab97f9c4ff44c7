//! Bytes that are read from the front, as far as the binary formats have it in common: pieces, numbers of seven bits a byte, signs in the last bit.
//!
//! They come from outside: nothing here trusts a length. What the bytes mean is `avro`'s and `protobuf`'s.

use bytes::Bytes;
use bytestring::ByteString;
use rowtide_api::{Error, Result};

/// What is left of the bytes.
pub(crate) struct Input {
    pub rest: Bytes,
    /// the error of bytes that are not of their schema, with the reason
    misfit: fn(&str) -> Error,
}

impl Input {
    /// `misfit` makes the format's own error of a reason.
    pub(crate) fn new(rest: Bytes, misfit: fn(&str) -> Error) -> Self {
        Self { rest, misfit }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<Bytes> {
        if count > self.rest.len() {
            return Err((self.misfit)("they end too early"));
        }
        Ok(self.rest.split_to(count))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        <[u8; N]>::try_from(&*taken).map_err(|_| (self.misfit)("they end too early"))
    }

    /// A number of seven bits a byte, the lowest first.
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut number = 0u64;
        for (place, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7F) << (7 * place);
            if *byte < 0x80 {
                self.rest = self.rest.slice(place + 1..);
                return Ok(number);
            }
        }
        Err((self.misfit)("a number does not end"))
    }

    pub(crate) fn text(&self, bytes: Bytes) -> Result<ByteString> {
        ByteString::try_from(bytes).map_err(|_| (self.misfit)("a text is no UTF-8"))
    }
}

/// A number whose sign is its last bit.
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
