//! Which keys are meant: lists, and the queries that list the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_engine::Glob;
use clearwell_source::{Row, Statement};

use super::AskedWarming;
use super::asked::Numbers;
use crate::keyspace::{Keyspace, Keyspaces};

/// What a job goes through.
#[derive(Default)]
pub struct Plan {
    /// One after the other.
    pub parts: VecDeque<PlanPart>,
    /// How many keys or rows there are, where no query has to be asked for that.
    pub total: Option<u64>,
}

/// Keys of one origin.
pub enum PlanPart {
    /// These.
    Keys(Vec<Box<[u8]>>),
    /// These, counted.
    Numbers(Numbers),
    /// Of what a keyspace's query lists.
    Listed(Listed),
}

/// What is meant of a keyspace's keys.
pub struct Listed {
    /// The keyspace.
    pub keyspace: Arc<Keyspace>,
    wanted: WantedKeys,
}

enum WantedKeys {
    Matching(Glob),
    /// Those that carry one of these tags.
    Tagged(Vec<Box<[u8]>>),
}

impl Plan {
    /// What is meant.
    ///
    /// # Errors
    /// It cannot be told: what is to be declared, and for which keyspaces.
    pub fn of(keyspaces: &Keyspaces, asked: &AskedWarming) -> Result<Plan, String> {
        let mut parts = VecDeque::new();
        if !asked.keys.is_empty() {
            parts.push_back(PlanPart::Keys(asked.keys.clone()));
        }
        parts.extend(asked.numbers.clone().map(PlanPart::Numbers));
        if let Some(glob) = &asked.pattern {
            matching(keyspaces, glob, &mut parts)?;
        }
        if !asked.tags.is_empty() {
            tagged(keyspaces, &asked.tags, &mut parts)?;
        }
        let count = |part: &PlanPart| match part {
            PlanPart::Keys(keys) => Some(keys.len() as u64),
            PlanPart::Numbers(numbers) => Some(numbers.count),
            PlanPart::Listed(_) => None,
        };
        let total = parts.iter().map(count).sum();
        Ok(Plan { parts, total })
    }
}

fn matching(keyspaces: &Keyspaces, glob: &Glob, parts: &mut VecDeque<PlanPart>) -> Result<(), String> {
    let shown = String::from_utf8_lossy(glob.as_bytes()).into_owned();
    let meant: Vec<_> = loadable(keyspaces).filter(|keyspace| keyspace.meets(glob)).collect();
    if meant.is_empty() {
        return Err(format!(
            "pattern {shown:?} matches no key of a keyspace with a source{}",
            known(keyspaces)
        ));
    }
    let silent: Vec<_> = meant.iter().filter(|k| k.keys.is_none() && k.only_key().is_none()).collect();
    if !silent.is_empty() {
        let names = silent.iter().map(|keyspace| &*keyspace.name).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "which keys match pattern {shown:?} is not known: declare keys = \"SELECT ..\" in the [[keyspace]] of {names}, a query \
             that returns what the pattern captures, by name, for each key"
        ));
    }
    for keyspace in meant {
        parts.push_back(match keyspace.only_key().filter(|_| keyspace.keys.is_none()) {
            Some(key) => PlanPart::Keys(vec![key.into()]),
            None => PlanPart::Listed(Listed {
                keyspace: keyspace.clone(),
                wanted: WantedKeys::Matching(glob.clone()),
            }),
        });
    }
    Ok(())
}

fn tagged(keyspaces: &Keyspaces, tags: &[Box<[u8]>], parts: &mut VecDeque<PlanPart>) -> Result<(), String> {
    for tag in tags {
        let shown = String::from_utf8_lossy(tag);
        let mut carriers = loadable(keyspaces).filter(|keyspace| keyspace.can_carry(tag)).peekable();
        if carriers.peek().is_none() {
            return Err(format!("tag {shown:?} is made by the tags of no keyspace with a source"));
        }
        for keyspace in carriers {
            let name = &keyspace.name;
            if keyspace.keys.is_none() {
                return Err(format!(
                    "which keys carry tag {shown:?} is not known: declare keys = \"SELECT ..\" in the [[keyspace]] of {name}, a \
                     query that returns what the pattern captures and what its tags are made of, by name, for each key"
                ));
            }
            if let Some((column, hint)) = keyspace.lacks_for(tag) {
                return Err(format!(
                    "which keys carry tag {shown:?} is not known: keys of keyspace {name} returns no column {column}{hint}"
                ));
            }
        }
    }
    for keyspace in loadable(keyspaces) {
        let own: Vec<_> = tags.iter().filter(|tag| keyspace.can_carry(tag)).cloned().collect();
        if !own.is_empty() {
            parts.push_back(PlanPart::Listed(Listed {
                keyspace: keyspace.clone(),
                wanted: WantedKeys::Tagged(own),
            }));
        }
    }
    Ok(())
}

fn loadable(keyspaces: &Keyspaces) -> impl Iterator<Item = &Arc<Keyspace>> {
    keyspaces.all.iter().filter(|keyspace| keyspace.backing.is_some())
}

/// The keyspaces that there are, for who named none of them.
fn known(keyspaces: &Keyspaces) -> String {
    let names: Vec<_> = loadable(keyspaces).take(10).map(|keyspace| &*keyspace.name).collect();
    if names.is_empty() { "; there is none".to_owned() } else { format!(": {}", names.join(", ")) }
}

impl Listed {
    /// The query that lists the keyspace's keys.
    pub fn statement(&self) -> Option<&Statement> {
        self.keyspace.keys.as_ref().map(|listing| &listing.statement)
    }

    /// The key of a row that the query returned; `None`: it is not meant.
    ///
    /// # Errors
    /// The row makes no key of the keyspace.
    pub fn key(&self, keyspaces: &Keyspaces, row: &Row) -> Result<Option<Box<[u8]>>, String> {
        let key = self.keyspace.key_of(row)?;
        let is_meant = match &self.wanted {
            WantedKeys::Matching(glob) => glob.matches(&key),
            WantedKeys::Tagged(tags) => tags.iter().any(|tag| self.keyspace.carries(row, tag)),
        };
        if !is_meant {
            return Ok(None);
        }
        match keyspaces.find(&key) {
            Some((keyspace, _)) if !Arc::ptr_eq(keyspace, &self.keyspace) => {
                let shown = String::from_utf8_lossy(&key);
                Err(format!("{shown:?} is a key of {}, which stands before it", keyspace.name))
            }
            _ => Ok(Some(key)),
        }
    }
}
