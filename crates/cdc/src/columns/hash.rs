//! `column.mask.hash…`: salted hashes as the original computes them, in lower-case hexadecimal.

use std::fmt::Write;

use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};

type DigestOf = fn(&[&[u8]]) -> Vec<u8>;

/// Names as Java's `MessageDigest` knows them.
const ALGORITHMS: [(&str, DigestOf); 13] = [
    ("MD5", digest::<Md5>),
    ("SHA-1", digest::<Sha1>),
    ("SHA", digest::<Sha1>),
    ("SHA-224", digest::<Sha224>),
    ("SHA-256", digest::<Sha256>),
    ("SHA-384", digest::<Sha384>),
    ("SHA-512", digest::<Sha512>),
    ("SHA-512/224", digest::<Sha512_224>),
    ("SHA-512/256", digest::<Sha512_256>),
    ("SHA3-224", digest::<Sha3_224>),
    ("SHA3-256", digest::<Sha3_256>),
    ("SHA3-384", digest::<Sha3_384>),
    ("SHA3-512", digest::<Sha3_512>),
];

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut state = D::new();
    parts.iter().for_each(|part| state.update(part));
    state.finalize().to_vec()
}

/// A salted hash.
#[derive(Clone)]
pub struct Hash {
    digest: DigestOf,
    salt: Vec<u8>,
    /// hashes the text's bytes; else Java's serialisation of the text
    v2: bool,
}

impl Hash {
    /// The hash of this name, in any case.
    pub fn new(algorithm: &str, salt: &str, v2: bool) -> Option<Self> {
        let (_, digest) = ALGORITHMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(algorithm))?;
        Some(Self { digest: *digest, salt: salt.as_bytes().to_vec(), v2 })
    }

    /// The names there are.
    pub fn names() -> Vec<&'static str> {
        ALGORITHMS.iter().map(|(name, _)| *name).collect()
    }

    /// The hash of a text.
    pub fn of(&self, text: &str) -> String {
        let digest = if self.v2 {
            (self.digest)(&[&self.salt, text.as_bytes()])
        } else {
            (self.digest)(&[&self.salt, &java_serialized(text)])
        };
        let mut hex = String::with_capacity(2 * digest.len());
        for byte in digest {
            // writing into a string cannot fail
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

/// What `ObjectOutputStream.writeObject` writes of a string (Java Object Serialization Specification, chapter 6):
/// magic, version, then the text with its length, of 2 or of 8 bytes.
fn java_serialized(text: &str) -> Vec<u8> {
    let content = modified_utf8(text);
    let mut stream = vec![0xac, 0xed, 0x00, 0x05];
    match u16::try_from(content.len()) {
        Ok(length) => {
            stream.push(0x74);
            stream.extend(length.to_be_bytes());
        }
        Err(_) => {
            stream.push(0x7c);
            stream.extend((content.len() as u64).to_be_bytes());
        }
    }
    stream.extend(content);
    stream
}

/// Java's modified UTF-8: NUL takes two bytes, a letter beyond the basic plane two surrogates of three bytes each.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            0x01..=0x7f => out.push(unit as u8),
            0 | 0x80..=0x7ff => out.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            _ => out.extend([0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_serialised_as_java_does_it() {
        assert_eq!(java_serialized("Ab"), [0xac, 0xed, 0, 5, 0x74, 0, 2, b'A', b'b']);
        assert_eq!(modified_utf8("\0é€😀"), [0xc0, 0x80, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]);
        let long = java_serialized(&"x".repeat(70_000));
        assert_eq!(long[4..13], [0x7c, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    }

    #[test]
    fn the_second_version_hashes_salt_and_text() {
        let hash = Hash::new("sha-256", "", true).unwrap();
        assert_eq!(hash.of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let salted = Hash::new("SHA-256", "ab", true).unwrap();
        assert_eq!(salted.of("c"), hash.of("abc"));
        assert_eq!(Hash::new("MD5", "", true).unwrap().of("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(Hash::new("SHA", "", true).unwrap().of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(Hash::new("SHA3-512", "", true).is_some());
        assert!(Hash::new("CRC32", "", true).is_none());
    }

    /// Recorded from Debezium 3.6.1.Final.
    #[test]
    fn hashes_are_those_of_the_original() {
        let greeting = "Grüße 😀";
        for (algorithm, salt, v2, text, expected) in [
            ("SHA-256", "my.salt", false, greeting, "687c2a00b9971fc542755f45cef0cfe1c298ef7a9a6fd1805d5b19dbc0c8e56c"),
            ("SHA-256", "my.salt", false, "", "c43012350be3fe5b2f38c35468ca25e48f4a115243ac6c5e556786899c22b954"),
            ("MD5", "pepper", true, greeting, "512d4ec7f67c438b771f08cb8756e9dd"),
            ("SHA3-224", "s", true, "x", "71b09ed5e3f9717d9c820f8b565d50c422d268afd39eacfda17cad6c"),
        ] {
            assert_eq!(Hash::new(algorithm, salt, v2).unwrap().of(text), expected, "{algorithm} {text}");
        }
        let cut = Hash::new("sha-512/256", "x", false).unwrap().of("hello");
        assert_eq!(&cut[..20], "9f572cc4ba2a8b627553");
    }
}
