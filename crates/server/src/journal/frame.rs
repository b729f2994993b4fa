//! Bytes of a segment: a header, twice, and records.
//!
//! Header: `CWJOURNL`, version (u32), the first record's seq (u64), a salt (u64), CRC32 of all before it.
//! Record: mark (u32), length of the payload (u32), CRC32 (u32), seq (u64), group (u64), payload. The group is the seq of the
//! first record that was synced together with this one: all before that were durable when this one was written. The CRC covers
//! salt, length, seq, group and payload; the salt is random, so that a client cannot write bytes that pass for a record.
//! Numbers are little-endian.

use crc32fast::Hasher;

const MAGIC: &[u8; 8] = b"CWJOURNL";
const VERSION: u32 = 1;
const ONE_HEADER: usize = 32;
/// Bytes of both headers.
pub const HEADER: usize = 2 * ONE_HEADER;
/// What a record begins with: makes the next one findable behind damage.
pub const MARK: [u8; 4] = [0xC1, 0xEA, 0x12, 0x9D];
/// Bytes of a record besides its payload.
pub const FRAME: usize = 28;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub first: u64,
    pub salt: u64,
}

/// Why a header cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadHeader {
    /// It is cut or damaged, both times.
    Damaged,
    /// It is of another version of this program.
    Version(u32),
}

impl Header {
    pub fn encode(self, out: &mut Vec<u8>) {
        for _ in 0..2 {
            let start = out.len();
            out.extend_from_slice(MAGIC);
            out.extend_from_slice(&VERSION.to_le_bytes());
            out.extend_from_slice(&self.first.to_le_bytes());
            out.extend_from_slice(&self.salt.to_le_bytes());
            let crc = crc32fast::hash(&out[start..]);
            out.extend_from_slice(&crc.to_le_bytes());
        }
    }

    /// The header, and whether one of its two copies is damaged.
    pub fn decode(bytes: &[u8]) -> Result<(Header, bool), BadHeader> {
        let first = Header::decode_one(bytes);
        let second = Header::decode_one(bytes.get(ONE_HEADER..).unwrap_or_default());
        match (first, second) {
            (Ok(header), other) => Ok((header, other != Ok(header))),
            (Err(_), Ok(header)) => Ok((header, true)),
            (Err(version @ BadHeader::Version(_)), _) | (_, Err(version @ BadHeader::Version(_))) => {
                Err(version)
            }
            _ => Err(BadHeader::Damaged),
        }
    }

    fn decode_one(bytes: &[u8]) -> Result<Header, BadHeader> {
        let bytes = bytes.get(..ONE_HEADER).ok_or(BadHeader::Damaged)?;
        if !bytes.starts_with(MAGIC) || crc32fast::hash(&bytes[..28]) != u32_at(bytes, 28) {
            return Err(BadHeader::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => Ok(Header { first: u64_at(bytes, 12), salt: u64_at(bytes, 20) }),
            version => Err(BadHeader::Version(version)),
        }
    }
}

/// An undamaged record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed<'b> {
    pub seq: u64,
    pub group: u64,
    pub payload: &'b [u8],
}

/// Appends a record. The payload is at most `u32::MAX` bytes, which whoever takes it in has checked.
pub fn encode(out: &mut Vec<u8>, salt: u64, record: &Framed<'_>) {
    let len = u32::try_from(record.payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&crc(salt, len, record).to_le_bytes());
    out.extend_from_slice(&record.seq.to_le_bytes());
    out.extend_from_slice(&record.group.to_le_bytes());
    out.extend_from_slice(record.payload);
}

/// The record that `bytes` begin with, if there is an undamaged one.
pub fn decode(bytes: &[u8], salt: u64) -> Option<Framed<'_>> {
    let frame = bytes.get(..FRAME)?;
    if frame[..4] != MARK {
        return None;
    }
    let len = u32_at(frame, 4);
    let payload = bytes.get(FRAME..FRAME.checked_add(usize::try_from(len).ok()?)?)?;
    let record = Framed { seq: u64_at(frame, 12), group: u64_at(frame, 20), payload };
    (crc(salt, len, &record) == u32_at(frame, 8)).then_some(record)
}

fn crc(salt: u64, len: u32, record: &Framed<'_>) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&len.to_le_bytes());
    hasher.update(&record.seq.to_le_bytes());
    hasher.update(&record.group.to_le_bytes());
    hasher.update(record.payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes are four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
}
