//! At rest: nobody writes, nothing is broken, all slots are where they belong.

use std::collections::BTreeMap;

use super::Violation;
use crate::history::{ClientKey, ClientOp, KeyClass};

pub const AGREE: &str = "at rest all nodes show the same";

/// All nodes show the same, but for what expires meanwhile.
pub fn agree(reads: &[ClientOp]) -> Vec<Violation> {
    let mut by_key: BTreeMap<ClientKey, Vec<&ClientOp>> = BTreeMap::new();
    for read in reads {
        if let (Some(key), Some(_)) = (read.did.key(), read.saw())
            && key.class != KeyClass::Expiring
        {
            by_key.entry(key).or_default().push(read);
        }
    }
    let differ = |(key, reads): (ClientKey, Vec<&ClientOp>)| {
        let first = reads.first()?;
        let other = reads.iter().find(|read| read.outcome != first.outcome)?;
        Some(Violation::new(AGREE, format!("{} differs", key.name()), &[first, other]))
    };
    by_key.into_iter().filter_map(differ).collect()
}
