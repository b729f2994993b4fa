//! Values that are kept compressed. Who stores one gives both forms; who reads one sees the plain form, made when it is
//! asked for.

use std::fmt;
use std::io::Read as _;

/// How a value is compressed. Both are pure Rust (decision 0036).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// LZ4's block format: fast both ways.
    Lz4,
    /// Zstandard: smaller, slower.
    Zstd,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 2] = [Codec::Lz4, Codec::Zstd];

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The compressed form, if it pays: if it saves an eighth at least.
    pub fn pack(self, plain: &[u8]) -> Option<Vec<u8>> {
        let packed = match self {
            Codec::Lz4 => lz4_flex::block::compress(plain),
            Codec::Zstd => {
                ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
            }
        };
        (packed.len() <= plain.len() - plain.len() / 8).then_some(packed)
    }

    /// The plain form of `len` bytes; `None` when that is not what was compressed. No more than `len` is allocated for it.
    pub fn unpack(self, packed: &[u8], len: usize) -> Option<Vec<u8>> {
        let plain = match self {
            Codec::Lz4 => lz4_flex::block::decompress(packed, len).ok()?,
            Codec::Zstd => {
                let mut plain = Vec::with_capacity(len);
                let decoder = ruzstd::decoding::StreamingDecoder::new(packed).ok()?;
                decoder.take(len as u64 + 1).read_to_end(&mut plain).ok()?;
                plain
            }
        };
        (plain.len() == len).then_some(plain)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The compressed form of a draft's value.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// How it was compressed.
    pub codec: Codec,
    /// What [`Codec::pack`] made of the value.
    pub bytes: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_only_if_it_pays() {
        let mut random = fastrand::Rng::with_seed(7);
        for codec in Codec::ALL {
            for len in [0, 1, 100, 1_000, 70_000, 1 << 20] {
                let noise: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                let text: Vec<u8> = (0..len).map(|n| b"all work and no play "[n % 21]).collect();
                if len >= 100 {
                    assert!(codec.pack(&noise).is_none(), "{codec} of {len}");
                    let packed = codec.pack(&text).unwrap_or_else(|| panic!("{codec} of {len}"));
                    assert!(packed.len() < len, "{codec} of {len}");
                    assert_eq!(codec.unpack(&packed, len), Some(text), "{codec} of {len}");
                    // A wrong length, as if it were a bomb, and a cut are refused.
                    assert_eq!(codec.unpack(&packed, len - 1), None);
                    assert_eq!(codec.unpack(&packed, len + 1), None);
                    assert_eq!(codec.unpack(&packed[..packed.len() / 2], len), None);
                } else if let Some(packed) = codec.pack(&text) {
                    assert_eq!(codec.unpack(&packed, len), Some(text));
                }
            }
        }
    }
}
