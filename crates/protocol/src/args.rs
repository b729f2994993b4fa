//! The arguments of one request: slices of the input, or owned copies for requests that wait (MULTI).

use std::ops::Index;

/// Where an argument stands in its base bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

/// The arguments of one request, the command's name first. Copying it copies two references.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    base: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    pub(crate) fn new(base: &'a [u8], spans: &'a [Span]) -> Self {
        Args { base, spans }
    }

    /// How many arguments there are, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is nothing, not even a name.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`; 0 is the command's name.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| &self.base[span.start..span.end])
    }

    /// The arguments from `index` on; empty when there are none.
    #[inline]
    pub fn from(&self, index: usize) -> Args<'a> {
        Args { base: self.base, spans: self.spans.get(index..).unwrap_or(&[]) }
    }

    /// The first `count` arguments, or all when there are fewer.
    #[inline]
    pub fn take(&self, count: usize) -> Args<'a> {
        Args { base: self.base, spans: self.spans.get(..count).unwrap_or(self.spans) }
    }

    /// The arguments in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        let base = self.base;
        self.spans.iter().map(move |span| &base[span.start..span.end])
    }

    /// A copy that outlives the input, for queueing.
    pub fn to_owned(&self) -> OwnedArgs {
        self.iter().collect()
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        let span = self.spans[index];
        &self.base[span.start..span.end]
    }
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}

/// Arguments that own their bytes: a queued request, or one that did not come from a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedArgs {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// The arguments, to be read as those of a fresh request.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// Bytes of memory that this copy holds, for a connection's account.
    pub fn memory_bytes(&self) -> usize {
        let spans = self.spans.capacity().saturating_mul(size_of::<Span>());
        self.bytes.capacity().saturating_add(spans)
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        let mut owned = OwnedArgs::default();
        for arg in iter {
            let start = owned.bytes.len();
            owned.bytes.extend_from_slice(arg.as_ref());
            owned.spans.push(Span { start, end: owned.bytes.len() });
        }
        owned
    }
}
