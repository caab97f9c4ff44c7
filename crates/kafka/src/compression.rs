//! The compression codecs of record batches, one call per batch. Pure Rust throughout.
//!
//! All four of Kafka's codecs are read and written. zstd is written at ruzstd's only finished level ("fastest"), so
//! `compression.zstd.level` has no effect. Not here: the batch around the compressed bytes.

use flate2::{Compression as Level, read::GzDecoder, write::GzEncoder};
use std::io::{self, Read, Write};

/// `compression.type` of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// DEFLATE with a gzip header.
    Gzip,
    /// Snappy in xerial's framing, as Java's clients write it.
    Snappy,
    /// LZ4 frames with independent blocks.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Xerial's stream header: magic, version 1, compatible version 1.
const XERIAL: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_BLOCK: usize = 32 * 1024;

impl Compression {
    /// The value of the attribute bits 0–2 of a batch (Kafka's `CompressionType.id`).
    pub fn id(self) -> i16 {
        self as i16
    }

    /// The codec of a batch's attributes.
    pub fn from_attributes(attributes: i16) -> Option<Self> {
        Some(match attributes & 7 {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// The codec that `compression.type` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// Appends the compressed form of `input` to `out`.
    pub fn compress(self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::None => out.extend_from_slice(input),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Level::default());
                encoder.write_all(input)?;
                encoder.finish()?;
            }
            Self::Snappy => return snappy_compress(input, out),
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
                encoder.write_all(input)?;
                encoder.finish().map_err(io::Error::other)?;
            }
            Self::Zstd => ruzstd::encoding::compress(input, out, ruzstd::encoding::CompressionLevel::Fastest),
        }
        Ok(())
    }

    /// The original bytes; fails on damaged input and on more than `limit` bytes of output.
    pub fn decompress(self, input: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(input.to_vec()),
            Self::Gzip => read_bounded(GzDecoder::new(input), limit),
            Self::Snappy => snappy_decompress(input, limit),
            Self::Lz4 => read_bounded(lz4_flex::frame::FrameDecoder::new(input), limit),
            Self::Zstd => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(input).map_err(io::Error::other)?;
                read_bounded(decoder, limit)
            }
        }
    }
}

fn too_long(limit: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a compressed batch unfolds to more than {limit} bytes"))
}

fn read_bounded(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut out)?;
    if out.len() > limit { Err(too_long(limit)) } else { Ok(out) }
}

fn snappy_compress(input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = snap::raw::Encoder::new();
    out.extend_from_slice(&XERIAL);
    for block in input.chunks(XERIAL_BLOCK) {
        let at = out.len();
        out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
        let written = encoder.compress(block, &mut out[at + 4..]).map_err(io::Error::other)?;
        out[at..at + 4].copy_from_slice(&(written as u32).to_be_bytes());
        out.truncate(at + 4 + written);
    }
    Ok(())
}

fn snappy_block(input: &[u8], out: &mut Vec<u8>, limit: usize) -> io::Result<()> {
    let size = snap::raw::decompress_len(input).map_err(io::Error::other)?;
    if out.len().saturating_add(size) > limit {
        return Err(too_long(limit));
    }
    let block = snap::raw::Decoder::new().decompress_vec(input).map_err(io::Error::other)?;
    out.extend_from_slice(&block);
    Ok(())
}

fn snappy_decompress(input: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    if !input.starts_with(&XERIAL[..8]) {
        snappy_block(input, &mut out, limit)?;
        return Ok(out);
    }
    let mut rest = input.get(XERIAL.len()..).unwrap_or_default();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((block, tail)) = tail.split_at_checked(length) else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a snappy block is cut off"));
        };
        snappy_block(block, &mut out, limit)?;
        rest = tail;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_codec_gives_back_what_it_took(data in proptest::collection::vec(0u8..8, 0..80_000)) {
            for codec in ALL {
                let mut packed = Vec::new();
                codec.compress(&data, &mut packed).unwrap();
                prop_assert_eq!(&codec.decompress(&packed, data.len()).unwrap(), &data, "{:?}", codec);
            }
        }

        #[test]
        fn damaged_input_is_an_error_and_never_a_panic(data in proptest::collection::vec(any::<u8>(), 0..400)) {
            for codec in ALL {
                let _ = codec.decompress(&data, 10_000);
            }
        }
    }

    #[test]
    fn output_is_bounded() {
        for codec in &ALL[1..] {
            let mut packed = Vec::new();
            codec.compress(&vec![0; 100_000], &mut packed).unwrap();
            assert!(codec.decompress(&packed, 99_999).is_err(), "{codec:?}");
        }
    }
}
