//! A cursor over big-endian fields that answers errors instead of panicking.

use super::DecodeError;

/// What is left of an input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(what: &'static str, input: &'a [u8]) -> Self {
        Self { what, rest: input, whole: input.len() }
    }

    /// From here on errors name `what`.
    pub(super) fn reading(&mut self, what: &'static str) {
        self.what = what;
    }

    pub(super) fn error(&self, expected: &'static str) -> DecodeError {
        DecodeError { what: self.what, offset: self.whole - self.rest.len(), expected }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    #[inline]
    pub(super) fn bytes(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.error(expected))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.error(expected))?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn u8(&mut self, expected: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(expected).map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self, expected: &'static str) -> Result<u16, DecodeError> {
        self.array(expected).map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self, expected: &'static str) -> Result<u32, DecodeError> {
        self.array(expected).map(u32::from_be_bytes)
    }

    #[inline]
    pub(super) fn i32(&mut self, expected: &'static str) -> Result<i32, DecodeError> {
        self.array(expected).map(i32::from_be_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self, expected: &'static str) -> Result<u64, DecodeError> {
        self.array(expected).map(u64::from_be_bytes)
    }

    #[inline]
    pub(super) fn i64(&mut self, expected: &'static str) -> Result<i64, DecodeError> {
        self.array(expected).map(i64::from_be_bytes)
    }

    /// Text that ends with a zero byte.
    pub(super) fn string(&mut self, expected: &'static str) -> Result<&'a str, DecodeError> {
        let end = memchr::memchr(0, self.rest).ok_or_else(|| self.error(expected))?;
        let (text, rest) = self.rest.split_at_checked(end).ok_or_else(|| self.error(expected))?;
        let text = std::str::from_utf8(text).map_err(|_| self.error("text in UTF-8"))?;
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(text)
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error("the end of the message")) }
    }
}
