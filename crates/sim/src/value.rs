//! What values say: which write made them, and when the source was read. So a checker can judge a value by itself.

use std::sync::Arc;

use clearwell_cluster::Bytes;

use crate::queue::Micros;

/// A write's number, from 1; 0 is no write.
pub type WriteId = u32;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Value {
    /// The write that made it.
    pub write: WriteId,
    /// When the source was read, in true time; 0 for a value that did not come from there.
    pub read: Micros,
}

impl Value {
    /// As bytes, `size` of them or the 12 that it needs.
    pub fn encode(self, size: usize) -> Bytes {
        let mut bytes = [0u8; 12];
        bytes[..4].copy_from_slice(&self.write.to_le_bytes());
        bytes[4..].copy_from_slice(&self.read.to_le_bytes());
        match size <= 12 {
            true => Arc::from(&bytes[..]),
            false => {
                let mut long = vec![0; size];
                long[..12].copy_from_slice(&bytes);
                Arc::from(long)
            }
        }
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Value {
        let mut write = [0; 4];
        let mut read = [0; 8];
        write.copy_from_slice(&bytes[..4]);
        read.copy_from_slice(&bytes[4..12]);
        Value { write: u32::from_le_bytes(write), read: u64::from_le_bytes(read) }
    }
}
