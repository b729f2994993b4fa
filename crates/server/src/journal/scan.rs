//! What the bytes of one segment hold.

use super::frame::{self, Framed, HEADER, MARK};

/// A segment, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan<'b> {
    /// Undamaged records, in their order.
    pub records: Vec<Framed<'b>>,
    /// Where the last undamaged record ends; what follows was cut off, or is damaged.
    pub end: usize,
}

/// Reads a segment's records; damage between them is passed over. A record whose seq is lower than that of one before it
/// does not count as one.
pub fn scan(bytes: &[u8], first: u64, salt: u64) -> Scan<'_> {
    let mut scan = Scan { records: Vec::new(), end: HEADER.min(bytes.len()) };
    let mut least = first;
    while let Some((at, record)) = next(bytes, scan.end, least, salt) {
        scan.end = at + frame::FRAME + record.payload.len();
        least = record.seq.saturating_add(1);
        scan.records.push(record);
    }
    scan
}

/// The first undamaged record at or behind `from`, and its place.
fn next(bytes: &[u8], from: usize, least: u64, salt: u64) -> Option<(usize, Framed<'_>)> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        if let Some(record) = frame::decode(rest, salt).filter(|record| record.seq >= least) {
            return Some((at, record));
        }
        let behind = rest.get(1..)?;
        at += 1 + behind.windows(MARK.len()).position(|window| window == MARK)?;
    }
}
