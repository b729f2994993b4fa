//! All names of one shape at once: what is old when any row of a table may have changed.

use clearwell_engine::{Glob, Scope};

use crate::syntax::HOLE;

/// The scope of all keys of a shape: the key itself, all that begins so, or a pattern.
pub fn keys(shape: &[u8]) -> Scope {
    let Some(hole) = hole(shape) else { return Scope::Key(shape.into()) };
    let (prefix, behind) = (&shape[..hole], &shape[hole + HOLE.len()..]);
    match glob(shape) {
        Some(glob) if !behind.is_empty() => Scope::Pattern(glob),
        _ if prefix.is_empty() => Scope::Everything,
        _ => Scope::Prefix(prefix.into()),
    }
}

/// The pattern that names of this shape match; `None` when it has no hole, or is longer than a pattern may be.
pub fn glob(shape: &[u8]) -> Option<Glob> {
    hole(shape)?;
    let mut pattern = Vec::with_capacity(shape.len());
    for byte in shape {
        match byte {
            byte if HOLE == [*byte] => pattern.push(b'*'),
            b'*' | b'?' | b'[' | b']' | b'\\' => pattern.extend_from_slice(&[b'\\', *byte]),
            byte => pattern.push(*byte),
        }
    }
    Glob::new(&pattern).ok()
}

/// Where the first hole is.
fn hole(shape: &[u8]) -> Option<usize> {
    shape.windows(HOLE.len()).position(|window| window == HOLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Pattern, Template};

    #[test]
    fn a_shape_is_as_narrow_a_scope_as_it_can_be() {
        let scope = |pattern| keys(&Pattern::parse(pattern).expect("a pattern").shape());
        assert_eq!(scope("top"), Scope::Key(b"top".as_slice().into()));
        assert_eq!(scope("post:{id:int}"), Scope::Prefix(b"post:".as_slice().into()));
        assert_eq!(scope("{id}"), Scope::Everything);
        let Scope::Pattern(glob) = scope("a*[{{:{id}:{name}:b") else { panic!("a pattern") };
        assert_eq!(glob.as_bytes(), br"a\*\[{:*:*:b");
        assert!(glob.matches(b"a*[{:1:x:y:b") && !glob.matches(b"aa[{:1:x:b"));
    }

    #[test]
    fn names_without_slots_need_no_pattern() {
        let glob = |template| glob(&Template::parse(template).expect("a template").shape());
        assert_eq!(glob("posts"), None);
        assert!(
            glob("author:{id}").is_some_and(|glob| glob.matches(b"author:7") && !glob.matches(b"post:7"))
        );
    }
}
