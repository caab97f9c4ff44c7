//! Memory for short values that are not slices of what the server sent: decimals, times in another form, `source.sequence`.
//!
//! Text that stands in the network buffer as it is needs none of it.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

/// Bytes that share an allocation, which is freed with the last value in it.
const PIECE: usize = 4096;

/// One allocation for many short values, which are slices of it.
#[derive(Debug, Default)]
pub struct Slab {
    piece: BytesMut,
}

impl Slab {
    /// A copy of these bytes.
    pub fn bytes(&mut self, content: &[u8]) -> Bytes {
        self.make_room(content.len());
        self.piece.extend_from_slice(content);
        self.piece.split().freeze()
    }

    /// A text of these parts.
    pub fn text(&mut self, parts: &[&str]) -> ByteString {
        self.make_room(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| self.piece.extend_from_slice(part.as_bytes()));
        // is UTF-8, as its parts are
        ByteString::try_from(self.piece.split().freeze()).unwrap_or_default()
    }

    fn make_room(&mut self, length: usize) {
        if self.piece.capacity() < length {
            self.piece = BytesMut::with_capacity(PIECE.max(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_share_memory_and_outlive_the_slab() {
        let mut slab = Slab::default();
        let (first, second) = (slab.bytes(b"first"), slab.text(&["sec", "", "ond"]));
        let large = slab.bytes(&[7; 2 * PIECE]);
        drop(slab);
        assert_eq!((&first[..], &*second, large.len()), (&b"first"[..], "second", 2 * PIECE));
        assert_eq!(first.as_ptr_range().end, second.as_ptr());
    }
}
