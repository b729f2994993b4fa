//! Reads the parts of a frame. It believes no number before it has compared it with the bytes that are left.

use crate::error::{Error, Result, Wrong};
use crate::known::Known;
use crate::tags::ByteTag;
use crate::varint;
use crate::wire::Wire;

/// Reads a frame from its front to its end, or to the end of the block within.
pub(crate) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    end: usize,
    /// What was read before.
    pub known: &'a mut Known,
}

impl<'a> Reader<'a> {
    /// Reads `frame` from a byte on.
    pub fn new(frame: &'a [u8], at: usize, known: &'a mut Known) -> Reader<'a> {
        Reader { frame, at, end: frame.len(), known }
    }

    /// Where it is.
    pub fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.end - self.at
    }

    /// Something is wrong at a byte.
    pub fn wrong<T>(at: usize, wrong: Wrong) -> Result<T> {
        Err(Error { at, wrong })
    }

    /// What was read from a byte on makes no sense.
    pub fn malformed<T>(at: usize, why: &'static str) -> Result<T> {
        Self::wrong(at, Wrong::Malformed(why))
    }

    /// One byte as it is.
    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        self.raw(1).map(|bytes| bytes[0])
    }

    /// So many bytes as they are.
    #[inline]
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8]> {
        let (at, left) = (self.at, self.left());
        if count > left {
            return Self::wrong(at, Wrong::Truncated { wanted: count - left, left });
        }
        self.at += count;
        Ok(&self.frame[at..self.at])
    }

    /// A number of variable length.
    #[inline]
    pub fn number(&mut self) -> Result<u64> {
        // Most numbers are small.
        if let [byte @ 0..0x80, ..] = self.frame[self.at..self.end] {
            self.at += 1;
            return Ok(u64::from(byte));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Result<u64> {
        match varint::read(&self.frame[self.at..self.end]) {
            varint::VarintRead::Number(number, length) => {
                self.at += length;
                Ok(number)
            }
            varint::VarintRead::Truncated => {
                Self::wrong(self.at, Wrong::Truncated { wanted: 1, left: self.left() })
            }
            varint::VarintRead::Bad => Self::wrong(self.at, Wrong::BadVarint),
        }
    }

    /// A number of at most `most`.
    #[inline]
    pub fn number_to(&mut self, most: u64) -> Result<u64> {
        let at = self.at;
        let number = self.number()?;
        if number > most { Self::wrong(at, Wrong::OutOfRange { number, most }) } else { Ok(number) }
    }

    /// How many bytes or elements follow: never more than bytes are left.
    pub fn count(&mut self) -> Result<usize> {
        let at = self.at;
        let claimed = self.number()?;
        let left = self.left();
        match usize::try_from(claimed) {
            Ok(count) if count <= left => Ok(count),
            _ => Self::wrong(at, Wrong::Count { claimed, left }),
        }
    }

    /// Bytes after their length.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let count = self.count()?;
        self.raw(count)
    }

    /// Text after its length.
    pub fn text(&mut self) -> Result<&'a str> {
        let at = self.at;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).or_else(|_| Self::malformed(at, "a text that is not UTF-8"))
    }

    /// All that is left of an element of a tail, as text.
    pub fn rest_as_text(&mut self) -> Result<&'a str> {
        let at = self.at;
        let bytes = self.raw(self.left())?;
        std::str::from_utf8(bytes).or_else(|_| Self::malformed(at, "a text that is not UTF-8"))
    }

    /// Elements after their count. Room is made for no more than the bytes that are left, or some few elements, so that a
    /// peer's word alone makes nobody allocate.
    pub fn list<T: Wire>(&mut self) -> Result<Vec<T>> {
        let count = self.count()?;
        const FEW: usize = 2048;
        let room = self.left().max(FEW) / size_of::<T>().max(1);
        let mut elements = Vec::with_capacity(count.min(room));
        for _ in 0..count {
            elements.push(T::get(self)?);
        }
        Ok(elements)
    }

    /// Which variant of something follows.
    pub fn tag<T: ByteTag>(&mut self) -> Result<T> {
        let at = self.at;
        let tag = self.byte()?;
        #[cfg(test)]
        crate::tags::seen::note(T::WHAT, tag);
        match T::from_byte(tag) {
            Some(found) => Ok(found),
            None => Self::wrong(at, Wrong::Unknown { what: T::WHAT, tag }),
        }
    }

    /// A block with its length, which is yet to be read.
    pub fn next_block(&mut self) -> Result<&'a [u8]> {
        let from = self.at;
        let end = self.count()? + self.at;
        self.at = from;
        Ok(&self.frame[from..end])
    }

    /// Goes on after bytes that need not be read.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<()> {
        self.raw(bytes.len()).map(|_| ())
    }

    /// A block: its length, what `read` reads of it, and a tail.
    pub fn block<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let end = self.count()? + self.at;
        let outer = std::mem::replace(&mut self.end, end);
        let value = read(self)?;
        self.skip_tail()?;
        self.end = outer;
        Ok(value)
    }

    /// The tail of a block or of the frame: `known` reads what it knows by its tag and denies what it does not, which is
    /// skipped.
    pub fn tail(&mut self, mut known: impl FnMut(u64, &mut Self) -> Result<bool>) -> Result<()> {
        let mut last = None;
        while self.at < self.end {
            let at = self.at;
            let tag = self.number()?;
            if last.replace(tag).is_some_and(|last| last >= tag) {
                return Self::wrong(at, Wrong::TagOrder(tag));
            }
            let end = self.count()? + self.at;
            let outer = std::mem::replace(&mut self.end, end);
            match known(tag, self)? {
                true if self.at < end => return Self::wrong(self.at, Wrong::Trailing(end - self.at)),
                _ => self.at = end,
            }
            self.end = outer;
        }
        Ok(())
    }

    /// A tail of which nothing is known.
    pub fn skip_tail(&mut self) -> Result<()> {
        self.tail(|_, _| Ok(false))
    }
}
