//! The commands of a replay, in the words of the server that it talks to.

use clearwell_protocol::Value;

use super::checker::group_of;
use super::keys::Keys;
use crate::cli::wire::{RemoteError, RemoteLink, request};

/// Which commands the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Clearwell: tags, patterns and fill leases beside the Redis commands.
    Clearwell,
    /// Redis and its kin: an invalidation is a DEL.
    Redis,
}

/// One group in so many is tagged, and read and filled with leases; the others are plain GET and SET.
const TAGGED: u32 = 4;

/// Bytes of the requests of one batch, with how many they are, and scratch space for their words.
#[derive(Default)]
pub struct RequestBatch {
    /// What is sent.
    pub bytes: Vec<u8>,
    name: Vec<u8>,
    names: Vec<Vec<u8>>,
}

impl Dialect {
    /// Asks the server; also empties what an earlier replay left under the prefix.
    ///
    /// # Errors
    /// The server refuses, or the connection ends.
    pub async fn prepare(wire: &mut RemoteLink, prefix: &str) -> Result<Dialect, RemoteError> {
        match wire.call(&[b"CW.INVALIDATE", b"PREFIX", prefix.as_bytes()]).await {
            Ok(_) => Ok(Dialect::Clearwell),
            Err(RemoteError::Refused(error)) if error.contains("unknown command") => {
                empty(wire, prefix).await?;
                Ok(Dialect::Redis)
            }
            Err(error) => Err(error),
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Clearwell => "clearwell",
            Dialect::Redis => "redis",
        }
    }

    /// Whether a key is read and filled with leases and carries its group's tag.
    pub fn tags(self, group: u32) -> bool {
        self == Dialect::Clearwell && group.is_multiple_of(TAGGED)
    }

    /// Reads a key; `leased` asks for a fill lease on a miss.
    pub fn read(self, batch: &mut RequestBatch, keys: &Keys, key: u32, leased: bool) {
        keys.name(key, &mut batch.name);
        match leased {
            true => request(&mut batch.bytes, &[b"CW.GET", &batch.name, b"LEASE"]),
            false => request(&mut batch.bytes, &[b"GET", &batch.name]),
        }
    }

    /// Fills a key; with a lease the entry gets its group's tag.
    pub fn fill(self, batch: &mut RequestBatch, keys: &Keys, key: u32, lease: Option<&[u8]>, value: &[u8]) {
        keys.name(key, &mut batch.name);
        let Some(lease) = lease else { return request(&mut batch.bytes, &[b"SET", &batch.name, value]) };
        let mut tag = Vec::new();
        keys.group_name(group_of(key), &mut tag);
        request(&mut batch.bytes, &[b"CW.SET", &batch.name, value, b"LEASE", lease, b"TAGS", b"1", &tag]);
    }

    /// Invalidates a key after a write of it. `plainly`: by DEL, as any client would.
    pub fn write(self, batch: &mut RequestBatch, keys: &Keys, key: u32, plainly: bool) {
        keys.name(key, &mut batch.name);
        match self == Dialect::Clearwell && !plainly {
            true => request(&mut batch.bytes, &[b"CW.INVALIDATE", b"KEYS", b"1", &batch.name]),
            false => request(&mut batch.bytes, &[b"DEL", &batch.name]),
        }
    }

    /// Invalidates a group: by its tag, or by a pattern, or key by key.
    pub fn change(self, batch: &mut RequestBatch, keys: &Keys, group: u32, by_pattern: bool) {
        keys.group_name(group, &mut batch.name);
        if self.tags(group) {
            request(&mut batch.bytes, &[b"CW.INVALIDATE", b"TAGS", b"1", &batch.name]);
        } else if self == Dialect::Clearwell && by_pattern {
            let pattern = glob_of(&batch.name);
            request(&mut batch.bytes, &[b"CW.INVALIDATE", b"PATTERN", &pattern]);
        } else {
            self.change_by_keys(batch, keys, group);
        }
    }

    fn change_by_keys(self, batch: &mut RequestBatch, keys: &Keys, group: u32) {
        let mut count = 0;
        for key in keys.of_group(group) {
            if batch.names.len() == count {
                batch.names.push(Vec::new());
            }
            keys.name(key, &mut batch.names[count]);
            count += 1;
        }
        let number = count.to_string();
        let mut words: Vec<&[u8]> = match self {
            Dialect::Clearwell => vec![b"CW.INVALIDATE", b"KEYS", number.as_bytes()],
            Dialect::Redis => vec![b"DEL"],
        };
        words.extend(batch.names[..count].iter().map(Vec::as_slice));
        request(&mut batch.bytes, &words);
    }
}

/// A pattern for all that begins with `text`.
fn glob_of(text: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len() + 1);
    for &byte in text {
        if b"*?[]\\^-".contains(&byte) {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

/// Removes every key under the prefix, with what any Redis server has.
async fn empty(wire: &mut RemoteLink, prefix: &str) -> Result<(), RemoteError> {
    let pattern = glob_of(prefix.as_bytes());
    let mut cursor = b"0".to_vec();
    loop {
        let reply = wire.call(&[b"SCAN", &cursor, b"MATCH", &pattern, b"COUNT", b"1000"]).await?;
        let Value::Array(mut parts) = reply else { return Err(strange("SCAN")) };
        let (Some(Value::Array(found)), Some(Value::Bulk(next))) = (parts.pop(), parts.pop()) else {
            return Err(strange("SCAN"));
        };
        let mut words: Vec<&[u8]> = vec![b"DEL"];
        words.extend(found.iter().filter_map(Value::as_bytes));
        if words.len() > 1 {
            wire.call(&words).await?;
        }
        if next == b"0" {
            return Ok(());
        }
        cursor = next;
    }
}

fn strange(command: &str) -> RemoteError {
    RemoteError::Broken(format!("the answer to {command} is none that a Redis server gives"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(write: impl FnOnce(&mut RequestBatch, &Keys)) -> String {
        let mut keys = Keys::new("p*:");
        for n in 0..40_u8 {
            keys.number(&[b'A' + n], 8);
        }
        let mut batch = RequestBatch::default();
        write(&mut batch, &keys);
        let words = batch.bytes.split(|&byte| byte == b'\n').skip(1).skip(1).step_by(2);
        words
            .map(|word| String::from_utf8_lossy(word.trim_ascii()).into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_tagged_group_goes_by_lease_and_tag() {
        let dialect = Dialect::Clearwell;
        assert_eq!(sent(|out, keys| dialect.read(out, keys, 0, true)), "CW.GET p*:0:A LEASE");
        assert_eq!(
            sent(|out, keys| dialect.fill(out, keys, 0, Some(b"L"), b"v")),
            "CW.SET p*:0:A v LEASE L TAGS 1 p*:0:"
        );
        assert_eq!(sent(|out, keys| dialect.change(out, keys, 0, true)), "CW.INVALIDATE TAGS 1 p*:0:");
    }

    #[test]
    fn a_plain_group_goes_by_plain_commands_and_its_change_by_pattern_or_keys() {
        let dialect = Dialect::Clearwell;
        assert_eq!(sent(|out, keys| dialect.fill(out, keys, 8, None, b"v")), "SET p*:1:I v");
        assert_eq!(sent(|out, keys| dialect.change(out, keys, 1, true)), "CW.INVALIDATE PATTERN p\\*:1:*");
        let by_keys = sent(|out, keys| dialect.change(out, keys, 1, false));
        assert!(by_keys.starts_with("CW.INVALIDATE KEYS 8 p*:1:I p*:1:J"), "{by_keys}");
    }

    #[test]
    fn redis_hears_only_its_own_commands() {
        let dialect = Dialect::Redis;
        assert!(!dialect.tags(0));
        assert_eq!(sent(|out, keys| dialect.write(out, keys, 0, false)), "DEL p*:0:A");
        assert!(sent(|out, keys| dialect.change(out, keys, 4, true)).starts_with("DEL p*:4:a p*:4:b"));
    }
}
