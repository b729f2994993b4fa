//! Values that say what they are: which run wrote them, for which key, at which version.

use std::io::Write;

use super::checker::WriteCounts;

/// Appends a value of `size` bytes, or of as many as its head needs.
pub fn write(out: &mut Vec<u8>, run: u64, key: u32, version: WriteCounts, size: usize) {
    let began = out.len();
    write!(out, "{run:x}.{key}.{}.{};", version.key, version.group).expect("a Vec takes all bytes");
    let length = out.len() - began;
    out.resize(began + size.max(length), b'.');
}

/// What a value says of itself: the run, the key, the version. `None`: no replay wrote it.
pub fn read(value: &[u8]) -> Option<(u64, u32, WriteCounts)> {
    let head = &value[..value.iter().take(64).position(|&byte| byte == b';')?];
    let mut words = std::str::from_utf8(head).ok()?.split('.');
    let run = u64::from_str_radix(words.next()?, 16).ok()?;
    let key = words.next()?.parse().ok()?;
    let version = WriteCounts { key: words.next()?.parse().ok()?, group: words.next()?.parse().ok()? };
    words.next().is_none().then_some((run, key, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_what_was_written_and_has_the_size_asked_for() {
        let version = WriteCounts { key: 12, group: 3 };
        for size in [0, 5, 24, 1_000] {
            let mut out = Vec::new();
            write(&mut out, 0xfeed, 77, version, size);
            assert!(out.len() == size || (size < 24 && out.len() < 24), "{size} {}", out.len());
            assert_eq!(read(&out), Some((0xfeed, 77, version)));
        }
    }

    #[test]
    fn what_no_replay_wrote_is_not_read() {
        for other in [&b""[..], b";", b"1.2.3;", b"1.2.3.4", b"1.2.3.4.5;", b"x.y.z.w;", &[0xff; 100]] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }
}
