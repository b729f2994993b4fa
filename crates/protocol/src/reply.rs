//! The reply encoder: one call per answer, in the shape of the connection's protocol.

use memchr::memchr2;

/// The protocol that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Resp {
    /// RESP2, until HELLO 3.
    #[default]
    V2,
    /// RESP3: maps, sets, pushes, doubles, booleans, one null.
    V3,
}

/// Appends replies to `out`. What RESP2 has no word for is written in the shape that Redis gives it there.
pub struct Encoder<'a> {
    /// Where the bytes go: a connection's output buffer.
    pub out: &'a mut Vec<u8>,
    /// The protocol to write.
    pub resp: Resp,
}

impl<'a> Encoder<'a> {
    /// An encoder for one connection's output.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, resp: Resp) -> Self {
        Encoder { out, resp }
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string. CR and LF become spaces.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error: its code word, a space and its text (`ERR syntax error`). CR and LF become spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'-', text.as_ref());
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.out.reserve(bytes.len().saturating_add(32));
        self.header(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<impl AsRef<[u8]>>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// No value: `$-1`, in RESP3 `_`.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.resp {
            Resp::V2 => b"$-1\r\n",
            Resp::V3 => b"_\r\n",
        });
    }

    /// No array (EXEC refused by WATCH, an unknown command's entry): `*-1`, in RESP3 `_`.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.resp {
            Resp::V2 => b"*-1\r\n",
            Resp::V3 => b"_\r\n",
        });
    }

    /// Opens an array; `len` replies must follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// Opens a map; `len` pairs must follow. In RESP2 an array of twice the length.
    pub fn map(&mut self, len: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', len.saturating_mul(2)),
            Resp::V3 => self.header(b'%', len),
        }
    }

    /// Opens a set; `len` replies must follow. In RESP2 an array.
    pub fn set(&mut self, len: usize) {
        self.header(if self.resp == Resp::V3 { b'~' } else { b'*' }, len);
    }

    /// Opens a push message, which is no reply; `len` elements must follow. In RESP2 (pub/sub only) an array.
    pub fn push(&mut self, len: usize) {
        self.header(if self.resp == Resp::V3 { b'>' } else { b'*' }, len);
    }

    /// Text to be shown as it is; in RESP2 a bulk string.
    pub fn verbatim(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => {
                self.header(b'=', text.len().saturating_add(4));
                self.out.extend_from_slice(b"txt:");
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A double; in RESP2 a bulk string. The shortest text that reads back as the same number.
    pub fn double(&mut self, value: f64) {
        let text = if value.is_nan() { "nan".to_owned() } else { value.to_string() };
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => self.line(b',', text.as_bytes()),
        }
    }

    /// A boolean; in RESP2 the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(match (self.resp, value) {
            (Resp::V2, false) => b":0\r\n",
            (Resp::V2, true) => b":1\r\n",
            (Resp::V3, false) => b"#f\r\n",
            (Resp::V3, true) => b"#t\r\n",
        });
    }

    /// An array of bulk strings.
    pub fn bulks<I>(&mut self, items: I)
    where
        I: IntoIterator<IntoIter: ExactSizeIterator>,
        I::Item: AsRef<[u8]>,
    {
        let items = items.into_iter();
        self.array(items.len());
        items.for_each(|item| self.bulk(item));
    }

    /// An array of simple strings, as HELP answers.
    pub fn simples<I>(&mut self, items: I)
    where
        I: IntoIterator<IntoIter: ExactSizeIterator>,
        I::Item: AsRef<[u8]>,
    {
        let items = items.into_iter();
        self.array(items.len());
        items.for_each(|item| self.simple(item));
    }

    #[inline]
    fn header(&mut self, kind: u8, number: impl itoa::Integer) {
        let mut digits = itoa::Buffer::new();
        self.out.push(kind);
        self.out.extend_from_slice(digits.format(number).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        if memchr2(b'\r', b'\n', text).is_none() {
            self.out.extend_from_slice(text);
        } else {
            let one_line = |&byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
            self.out.extend(text.iter().map(one_line));
        }
        self.out.extend_from_slice(b"\r\n");
    }
}
