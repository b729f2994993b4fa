//! Writes the parts of a frame to the end of a buffer.

use std::fmt;

use crate::varint;
use crate::wire::Wire;

/// Writes to the end of a buffer that the caller reuses.
pub(crate) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub fn new(bytes: &'a mut Vec<u8>) -> Writer<'a> {
        Writer { bytes }
    }

    /// One byte as it is.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// A number of variable length.
    #[inline]
    pub fn number(&mut self, number: u64) {
        // Most numbers are small.
        if number < 0x80 {
            return self.bytes.push(number as u8);
        }
        let mut digits = [0; varint::LONGEST];
        let length = varint::write(number, &mut digits);
        self.bytes.extend_from_slice(&digits[..length]);
    }

    /// Bytes as they are, without their length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes after their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Elements after their count.
    pub fn list<T: Wire>(&mut self, elements: &[T]) {
        self.number(elements.len() as u64);
        elements.iter().for_each(|element| element.put(self));
    }

    /// What `fill` writes, after its length.
    pub fn block(&mut self, fill: impl FnOnce(&mut Writer<'_>)) {
        let at = self.bytes.len();
        self.bytes.push(0);
        fill(self);
        let length = self.bytes.len() - at - 1;
        if length < 0x80 {
            self.bytes[at] = length as u8;
            return;
        }
        // The length takes more than the byte that was left for it; what is behind it moves.
        let mut digits = [0; varint::LONGEST];
        let digits_length = varint::write(length as u64, &mut digits);
        self.bytes.splice(at..=at, digits[..digits_length].iter().copied());
    }

    /// An element of a tail. Tags rise within a tail.
    pub fn tagged(&mut self, tag: u64, fill: impl FnOnce(&mut Writer<'_>)) {
        self.number(tag);
        self.block(fill);
    }
}

/// Text that is written piece by piece, into a block.
impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}
