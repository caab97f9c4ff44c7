//! A piece of a message that nobody has taken out of it yet.

use std::ops::{Deref, Range};

use bytes::Bytes;

/// Bytes within a shared buffer. To look at them costs nothing; to keep them counts a reference, which threads that drop their rows elsewhere contend for.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    whole: &'a Bytes,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// This range of a buffer, which must have it.
    pub fn new(whole: &'a Bytes, range: Range<usize>) -> Self {
        Self { whole, bytes: &whole[range] }
    }

    /// `bytes` are a slice of `whole`.
    pub(super) fn within(whole: &'a Bytes, bytes: &'a [u8]) -> Self {
        Self { whole, bytes }
    }

    /// `bytes` are a slice of these ones.
    pub(super) fn part(self, bytes: &'a [u8]) -> Self {
        Self { bytes, ..self }
    }

    /// The bytes, as long as the buffer lives.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes, not copied.
    pub fn keep(self) -> Bytes {
        self.whole.slice_ref(self.bytes)
    }
}

impl<'a> From<&'a Bytes> for Part<'a> {
    fn from(whole: &'a Bytes) -> Self {
        Self { whole, bytes: whole }
    }
}

impl Deref for Part<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Part<'_> {}
