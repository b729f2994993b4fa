//! What things cost.

/// Bytes that an allocator takes for `bytes`, as the common ones do: a header word, then rounded up to sixteen,
/// and whole pages for what is large.
pub(crate) fn allocated(bytes: usize) -> u64 {
    const LARGE: u64 = 128 << 10;
    let bytes = bytes as u64;
    match bytes {
        0 => 0,
        bytes if bytes >= LARGE => bytes.saturating_add(16).saturating_add(4095) & !4095,
        bytes => (bytes + 8).next_multiple_of(16).max(32),
    }
}
