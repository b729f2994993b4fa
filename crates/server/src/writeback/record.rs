//! The records of write-back's two journals, as bytes: unflushed writes, and refused ones.

use std::collections::HashMap;
use std::sync::Arc;

use crate::journal::JournalRecord;

const PUT: u8 = 1;
const TOMBSTONE: u8 = 2;
const DONE: u8 = 3;

/// A write that is still to be done, or one that the source refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingWrite {
    /// Its place in the journal.
    pub seq: u64,
    /// The key.
    pub key: Box<[u8]>,
    /// The value; `None` for a removal.
    pub value: Option<Arc<[u8]>>,
    /// When it was written, or refused: milliseconds since 1970.
    pub at_unix_ms: i64,
    /// Why the source refused it; empty for one that it was not asked to take yet.
    pub message: String,
}

/// The record of a write.
pub fn put(key: &[u8], value: Option<&[u8]>, at_unix_ms: i64, message: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + value.map_or(0, <[u8]>::len) + message.len() + 17);
    out.push(if value.is_some() { PUT } else { TOMBSTONE });
    out.extend_from_slice(&at_unix_ms.to_le_bytes());
    text(&mut out, key);
    text(&mut out, message.as_bytes());
    out.extend_from_slice(value.unwrap_or_default());
    out
}

/// The record that says: of these keys, the writes up to these records are over.
pub fn done(keys: &[(Box<[u8]>, u64)]) -> Vec<u8> {
    let mut out = vec![DONE];
    for (key, seq) in keys {
        out.extend_from_slice(&seq.to_le_bytes());
        text(&mut out, key);
    }
    out
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    let len = u32::try_from(text.len()).expect("the journal takes no record of 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text);
}

/// What a journal's records leave to be done, oldest first: the newest of each key unless it is over; and how many records
/// are not of this program's kinds.
pub fn fold(records: Vec<JournalRecord>) -> (Vec<PendingWrite>, u64) {
    let mut newest: HashMap<Box<[u8]>, PendingWrite> = HashMap::new();
    let mut unknown = 0;
    for JournalRecord { seq, payload } in records {
        if fold_one(&mut newest, seq, &payload).is_none() {
            unknown += 1;
        }
    }
    let mut pending: Vec<PendingWrite> = newest.into_values().collect();
    pending.sort_by_key(|pending| pending.seq);
    (pending, unknown)
}

fn fold_one(newest: &mut HashMap<Box<[u8]>, PendingWrite>, seq: u64, payload: &[u8]) -> Option<()> {
    let (kind, mut rest) = payload.split_first()?;
    if *kind == DONE {
        while !rest.is_empty() {
            let until = number(&mut rest)?;
            let key = take_text(&mut rest)?;
            if newest.get(key).is_some_and(|pending| pending.seq <= until) {
                newest.remove(key);
            }
        }
        return Some(());
    }
    let at_unix_ms = number(&mut rest)? as i64;
    let key: Box<[u8]> = take_text(&mut rest)?.into();
    let message = String::from_utf8_lossy(take_text(&mut rest)?).into_owned();
    let value = match *kind {
        PUT => Some(rest.into()),
        TOMBSTONE => None,
        _ => return None,
    };
    newest.insert(key.clone(), PendingWrite { seq, key, value, at_unix_ms, message });
    Some(())
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u64::from_le_bytes(*number))
}

fn take_text<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (len, behind) = rest.split_first_chunk()?;
    let (text, behind) = behind.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    *rest = behind;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_write_of_a_key_is_left_unless_it_is_over() {
        let key = |key: &str| -> Box<[u8]> { key.as_bytes().into() };
        let payloads = [
            put(b"a", Some(b"1"), 5, ""),
            put(b"b", Some(b""), 6, "why"),
            put(b"a", None, 7, ""),
            put(b"c", Some(b"1"), 8, ""),
            // Of `a` an older write is over, of `c` a newer one whose record is lost.
            done(&[(key("a"), 1), (key("c"), 9)]),
            vec![77, 1],
            vec![],
        ];
        let records = (1..).zip(payloads).map(|(seq, payload)| JournalRecord { seq, payload }).collect();
        let (left, unknown) = fold(records);
        let left: Vec<_> = left.iter().map(|p| (p.seq, &*p.key, p.value.as_deref(), &*p.message)).collect();
        assert_eq!(left, [(2, &b"b"[..], Some(&b""[..]), "why"), (3, b"a", None, "")]);
        assert_eq!(unknown, 2);
    }
}
