//! Where replies end, for whoever hands them on without a look into them.

use memchr::memchr;

use crate::number::parse_i64;
use crate::protocol_error::ProtocolError;

/// The longest string of a reply, in bytes.
const MAX_BULK: i64 = 512 << 20;
/// The longest line, in bytes.
const MAX_LINE: usize = 1 << 20;

/// Finds where a reply ends, and remembers how far it came within an incomplete one. No value is built, and aggregates may be nested
/// as deep as they like: only the elements that are missing are counted.
#[derive(Debug, Default)]
pub struct ReplyEnd {
    /// Bytes of the input that belong to elements which are complete.
    at: usize,
    /// Elements that are missing; 0: none of the reply has been seen.
    missing: usize,
}

impl ReplyEnd {
    /// The length of the reply at the front of `input`, to be dropped before the next call; `None` while it is incomplete, when the
    /// next call must bring the same input and more.
    ///
    /// # Errors
    /// Bytes that are no reply; the connection must then be closed.
    pub fn next(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        if self.missing == 0 {
            self.missing = 1;
        }
        while self.missing > 0 {
            let Some((next, opened)) = element(input, self.at)? else { return Ok(None) };
            self.at = next;
            self.missing = self.missing.saturating_sub(1).saturating_add(opened);
        }
        Ok(Some(std::mem::take(self).at))
    }

    /// The elements of an array, each as its bytes; none, where it is no array or not complete.
    pub fn elements(array: &[u8]) -> Vec<&[u8]> {
        let Ok(Some((mut at, count))) = element(array, 0) else { return Vec::new() };
        let mut elements = Vec::with_capacity(count.min(array.len()));
        while let Some(rest) = array.get(at..).filter(|rest| !rest.is_empty() && elements.len() < count) {
            let Ok(Some(len)) = ReplyEnd::default().next(rest) else { break };
            elements.push(&rest[..len]);
            at = at.saturating_add(len);
        }
        elements
    }
}

/// Where the element at `at` ends, or its head where it is an aggregate, with how many elements that opens.
fn element(input: &[u8], at: usize) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(&kind) = input.get(at) else { return Ok(None) };
    let bad = ProtocolError::InvalidReply(kind);
    let start = at.saturating_add(1);
    let rest = input.get(start..).unwrap_or(&[]);
    let Some(len) = memchr(b'\r', rest) else {
        return if rest.len() > MAX_LINE { Err(bad) } else { Ok(None) };
    };
    let (line, next) = (&rest[..len], start.saturating_add(len).saturating_add(2));
    if next > input.len() {
        return Ok(None);
    }
    let number = || parse_i64(line).filter(|number| *number >= -1).ok_or(bad);
    let count = || number().map(|number| usize::try_from(number).unwrap_or(0));
    match kind {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Ok(Some((next, 0))),
        b'$' | b'=' | b'!' => {
            let len = number()?;
            if len > MAX_BULK {
                return Err(bad);
            }
            let Ok(len) = usize::try_from(len) else { return Ok(Some((next, 0))) };
            let end = next.saturating_add(len).saturating_add(2);
            Ok((end <= input.len()).then_some((end, 0)))
        }
        b'*' | b'~' | b'>' => Ok(Some((next, count()?))),
        b'%' => Ok(Some((next, count()?.checked_mul(2).ok_or(bad)?))),
        // The value that follows them belongs to them.
        b'|' => Ok(Some((next, count()?.checked_mul(2).and_then(|all| all.checked_add(1)).ok_or(bad)?))),
        _ => Err(bad),
    }
}

#[cfg(test)]
mod tests {
    use super::ReplyEnd;
    use crate::Reader;

    const REPLIES: [&[u8]; 14] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":12\r\n",
        b"$5\r\nhe\r\no\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"_\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
        b"%1\r\n+a\r\n*2\r\n,1.5\r\n#t\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"|1\r\n+a\r\n:1\r\n~2\r\n+x\r\n(12345678901234567890\r\n",
        b">2\r\n+a\r\n+b\r\n",
    ];

    #[test]
    fn it_ends_where_the_reader_ends_however_the_bytes_arrive() {
        for reply in REPLIES {
            let followed = [reply, b"+NEXT\r\n"].concat();
            let (_, len) = Reader::new().next(&followed).expect("a reply").expect("a whole one");
            assert_eq!(len, reply.len());
            let mut end = ReplyEnd::default();
            for upto in 0..reply.len() {
                assert_eq!(end.next(&reply[..upto]), Ok(None), "{reply:?} to {upto}");
            }
            assert_eq!(end.next(&followed), Ok(Some(len)), "{reply:?}");
            assert_eq!(end.next(b"+NEXT\r\n"), Ok(Some(7)), "it begins anew");
        }
        assert!(ReplyEnd::default().next(b"hello\r\n").is_err());
        assert!(ReplyEnd::default().next(b"$999999999999\r\n").is_err());
    }

    #[test]
    fn elements_of_an_array_stand_apart() {
        let array = [&b"*3\r\n"[..], REPLIES[3], REPLIES[9], REPLIES[1]].concat();
        assert_eq!(ReplyEnd::elements(&array), [REPLIES[3], REPLIES[9], REPLIES[1]]);
        assert!(ReplyEnd::elements(b"-ERR\r\n").is_empty());
        assert!(ReplyEnd::elements(b"").is_empty());
    }
}
