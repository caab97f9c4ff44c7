//! What is wrong with undecodable bytes.

/// Where decoding stopped, and what should have been there. Holds no bytes of the input: they may be a user's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of a {what}: expected {expected}")]
pub struct DecodeError {
    /// the message or format that was being read
    pub what: &'static str,
    /// from the start of the input
    pub offset: usize,
    /// what should have been there
    pub expected: &'static str,
}
