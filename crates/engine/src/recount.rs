//! The books of names, counted again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Seq;
use crate::names::{Mark, MarkReach, NameKind, NameTable, is_tagged};

/// Compares the books of `names` with a recount, given every entry's marks and `began`; nothing else may be using
/// them meanwhile. Says what differs.
pub(crate) fn check<'e>(
    names: &NameTable,
    entries: impl Iterator<Item = (&'e [Arc<Mark>], Seq)>,
) -> Result<(), String> {
    let mut counted: BTreeMap<*const Mark, (u64, MarkReach)> = BTreeMap::new();
    for (held, began) in entries {
        for mark in held {
            let (holders, alive) = counted.entry(Arc::as_ptr(mark)).or_default();
            *holders += 1;
            if mark.last().gone <= began {
                alive.entries += 1;
                alive.tagged += u64::from(is_tagged(held, mark));
            }
        }
    }
    let mut wrong: Vec<String> = Vec::new();
    let (mut bytes, mut kinds) = (0, [0; NameKind::COUNT]);
    let graph = names.graph.lock();
    names.each(|mark, holders, linked| {
        bytes += mark.memory_bytes();
        kinds[mark.kind() as usize] += 1;
        let books = (holders, mark.members());
        let found = counted.remove(&Arc::as_ptr(mark)).unwrap_or_default();
        if books != found {
            let name = String::from_utf8_lossy(mark.name());
            wrong.push(format!(
                "{:?} {name:?}: (held, alive) {found:?}, the books say {books:?}",
                mark.kind()
            ));
        }
        if linked != (mark.kind().is_held_by_graph() && graph.leads(mark.kind(), mark.name()))
            || holders == 0 && !linked
        {
            let name = String::from_utf8_lossy(mark.name());
            wrong.push(format!("{:?} {name:?}: {holders} holders, held by the graph: {linked}", mark.kind()));
        }
    })?;
    if !counted.is_empty() {
        wrong.push(format!("{} marks are held that are not in use", counted.len()));
    }
    let all = [NameKind::Tag, NameKind::Dependency, NameKind::Event, NameKind::AnyDependency];
    if all.iter().any(|kind| names.count(*kind) != kinds[*kind as usize]) {
        wrong.push(format!("names by kind {kinds:?} are not what the books say"));
    }
    if names.books() != (bytes, kinds[NameKind::Dependency as usize]) {
        wrong.push(format!("marks of {bytes} bytes, the books say {:?}", names.books()));
    }
    graph.check()?;
    let unneeded = |node: &&[u8]| !graph.unneeded(node, usize::MAX, |name| names.is_held(name)).is_empty();
    if let Some(node) = graph.nodes().find(unneeded) {
        wrong.push(format!("{:?} has edges and no dependents", String::from_utf8_lossy(node)));
    }
    wrong.into_iter().next().map_or(Ok(()), Err)
}
