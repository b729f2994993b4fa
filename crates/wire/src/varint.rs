//! Numbers of variable length: unsigned LEB128, seven bits a byte, the low ones first, the top bit set in all bytes but the
//! last (DWARF Debugging Information Format, version 5, section 7.6; also the varint of Protocol Buffers). Each number has
//! one spelling only: a last byte of zero after another is refused, so that equal messages have equal bytes.

/// The most bytes of a number.
pub const LONGEST: usize = 10;

/// Writes a number to the front of `bytes` and says how many it took.
pub fn write(mut number: u64, bytes: &mut [u8; LONGEST]) -> usize {
    let mut at = 0;
    while number >= 0x80 {
        bytes[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    bytes[at] = number as u8;
    at + 1
}

/// What a read of a number came to.
#[derive(Debug, PartialEq, Eq)]
pub enum VarintRead {
    /// The number, and how many bytes it took.
    Number(u64, usize),
    /// The bytes end in the middle of it.
    Truncated,
    /// It is none.
    Bad,
}

/// Reads the number that `bytes` begin with.
pub fn read(bytes: &[u8]) -> VarintRead {
    let mut number = 0u64;
    for (at, &byte) in bytes.iter().take(LONGEST).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            let overflows = at == LONGEST - 1 && byte > 1;
            let adds_nothing = at > 0 && byte == 0;
            return if overflows || adds_nothing {
                VarintRead::Bad
            } else {
                VarintRead::Number(number, at + 1)
            };
        }
    }
    if bytes.len() < LONGEST { VarintRead::Truncated } else { VarintRead::Bad }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: u64) -> Vec<u8> {
        let mut bytes = [0; LONGEST];
        let length = write(number, &mut bytes);
        bytes[..length].to_vec()
    }

    /// The examples of DWARF 5, table 7.8 (appendix C of the same has the algorithms).
    #[test]
    fn numbers_are_written_as_dwarf_says() {
        let examples: [(u64, &[u8]); 6] = [
            (2, &[2]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (129, &[0x81, 1]),
            (12857, &[57 | 0x80, 100]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ];
        for (number, bytes) in examples {
            assert_eq!(written(number), bytes);
            assert_eq!(read(bytes), VarintRead::Number(number, bytes.len()));
        }
    }

    #[test]
    fn every_length_is_read_back_and_no_other_spelling_is() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                let bytes = written(number);
                assert_eq!(read(&bytes), VarintRead::Number(number, bytes.len()));
                assert_eq!(read(&bytes[..bytes.len() - 1]), VarintRead::Truncated);
            }
        }
        assert_eq!(read(&[0x80, 0]), VarintRead::Bad, "a zero of two bytes");
        assert_eq!(read(&[0xff; 10]), VarintRead::Bad, "no end");
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
            VarintRead::Bad,
            "65 bits"
        );
    }
}
