//! Holders whose word somebody waits for.

use std::sync::Arc;

use clearwell_words::Millis;

use super::holders::Number;
use crate::{Peer, Position};

/// Holders whose word somebody waits for.
#[derive(Debug, Default)]
pub struct Lagging(Vec<Share>);

/// Those who were told of one record.
#[derive(Debug)]
struct Share {
    /// What they have to apply.
    position: Position,
    /// Nobody waits for them any longer.
    until: Millis,
    /// Those at the end have been heard, or need not be.
    holders: Arc<[Number]>,
    left: usize,
}

/// A holder whose word somebody waits for.
#[derive(Debug, Clone, Copy)]
pub struct Unheard {
    /// The holder.
    pub holder: Peer,
    /// What it has to apply.
    pub position: Position,
    /// When its read lease ends.
    pub until: Millis,
}

impl Lagging {
    /// These have to apply what stands at a place, or count until a time.
    pub(super) fn add(&mut self, position: Position, until: Millis, holders: Arc<[Number]>) {
        let left = holders.len();
        self.0.push(Share { position, until, holders, left });
    }

    /// Each place with those who have to apply what stands there.
    pub(super) fn shares(&self) -> impl Iterator<Item = (Position, &Arc<[Number]>)> {
        self.0.iter().map(|share| (share.position, &share.holders))
    }

    /// What is told of the first of whom something is; nobody before it is asked for again.
    pub(super) fn first<T>(&mut self, of: impl Fn(Number, Position, Millis) -> Option<T>) -> Option<T> {
        while let Some(share) = self.0.last_mut() {
            while let Some(number) = share.left.checked_sub(1).map(|last| share.holders[last]) {
                let found = of(number, share.position, share.until);
                if found.is_some() {
                    return found;
                }
                share.left -= 1;
            }
            self.0.pop();
        }
        None
    }
}
