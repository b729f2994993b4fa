//! Scopes as they are kept by the thousand.

use std::sync::Arc;

use crate::Scope;
use crate::name::Bytes;

/// A scope that is kept for somebody who may ask for it, most often nobody. Short names lie in their place: whoever lets one of many go
/// that lay elsewhere would wait for memory that nobody has touched since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptScope {
    /// [`Scope::Key`].
    Key(ShortName),
    /// [`Scope::Tag`].
    Tag(ShortName),
    /// [`Scope::Dependents`].
    Dependents(ShortName),
    /// Any other, and names that are not short.
    Other(Arc<Scope>),
}

/// At most thirty bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortName {
    len: u8,
    bytes: [u8; Self::MOST],
}

impl ShortName {
    const MOST: usize = 30;

    /// A name; `None` when it is longer.
    pub fn of(name: &[u8]) -> Option<ShortName> {
        let mut bytes = [0; Self::MOST];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(ShortName { len: name.len() as u8, bytes })
    }

    fn bytes(&self) -> Bytes {
        self.bytes[..usize::from(self.len)].into()
    }
}

impl KeptScope {
    /// Keeps a scope.
    pub fn of(scope: &Arc<Scope>) -> KeptScope {
        let short = match &**scope {
            Scope::Key(name) => ShortName::of(name).map(KeptScope::Key),
            Scope::Tag(name) => ShortName::of(name).map(KeptScope::Tag),
            Scope::Dependents(name) => ShortName::of(name).map(KeptScope::Dependents),
            Scope::Pattern(_) | Scope::Prefix(_) | Scope::Event(_) | Scope::Everything => None,
        };
        short.unwrap_or_else(|| KeptScope::Other(scope.clone()))
    }

    /// What was kept.
    pub fn scope(&self) -> Arc<Scope> {
        match self {
            KeptScope::Key(name) => Scope::Key(name.bytes()).into(),
            KeptScope::Tag(name) => Scope::Tag(name.bytes()).into(),
            KeptScope::Dependents(name) => Scope::Dependents(name.bytes()).into(),
            KeptScope::Other(scope) => scope.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Glob};

    #[test]
    fn a_scope_is_found_again_as_it_was_kept() {
        let event = Event::new("deployed", Vec::new()).expect("a word");
        let long = Bytes::from([7u8; 31]);
        for scope in [
            Scope::Key(b"k".as_slice().into()),
            Scope::Key(b"".as_slice().into()),
            Scope::Tag([7u8; 30].into()),
            Scope::Dependents(b"d".as_slice().into()),
            Scope::Key(long.clone()),
            Scope::Tag(long.clone()),
            Scope::Dependents(long),
            Scope::Prefix(b"p".as_slice().into()),
            Scope::Pattern(Glob::new(b"k*").expect("a pattern")),
            Scope::Event(event),
            Scope::Everything,
        ] {
            let scope = Arc::new(scope);
            assert_eq!(KeptScope::of(&scope).scope(), scope);
        }
    }
}
