//! The newest of what had ended, for whoever may see nothing older. What was lost with its owner counts until then.

use crate::queue::Micros;

/// The newest place in a key's order that must be seen.
#[derive(Debug, Clone, Default)]
pub struct Newest {
    kept: u64,
    /// Places of writes that were lost, each with when that began to count.
    lost: Vec<(u64, Micros)>,
}

impl Newest {
    /// Something of this place has ended.
    pub fn raise(&mut self, place: u64) {
        self.kept = place.max(self.kept);
    }

    /// The same for a write that may have been lost; `None`: it was not.
    pub fn raise_until(&mut self, place: u64, lost: Option<Micros>) {
        match lost {
            None => self.raise(place),
            Some(at) => self.lost.push((place, at)),
        }
    }

    /// What another one knows is known here as well.
    pub fn merge(&mut self, other: &Newest) {
        self.raise(other.kept);
        let new = other.lost.iter().filter(|one| !self.lost.contains(one));
        self.lost.extend(new.copied().collect::<Vec<_>>());
    }

    /// What an operation must see at least that ended at a time.
    pub fn at(&self, end: Micros) -> u64 {
        let counts = self.lost.iter().filter(|(_, lost)| end < *lost);
        counts.map(|(place, _)| *place).fold(self.kept, u64::max)
    }

    /// What is known to be lost for whoever was shown nothing newer than a place, at a time.
    pub fn lost_above(&self, place: u64, end: Micros) -> impl Iterator<Item = u64> + '_ {
        self.lost.iter().filter(move |(other, lost)| *other > place && *lost <= end).map(|(other, _)| *other)
    }
}
