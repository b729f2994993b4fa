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

    /// What is told of the first of whom something is; nobody before it is asked for again. Each look is taken off `looks`, and there
    /// are no more than these.
    pub(super) fn first<T>(
        &mut self,
        looks: &mut usize,
        of: impl Fn(Number, Position, Millis) -> Option<T>,
    ) -> Option<T> {
        while let Some(share) = self.0.last_mut() {
            while let Some(number) = share.left.checked_sub(1).map(|last| share.holders[last]) {
                *looks = looks.checked_sub(1)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_who_were_heard_are_looked_at_some_at_a_time() {
        let mut lagging = Lagging::default();
        lagging.add(Position(1), Millis(9), (0..1_000).collect());
        let (mut steps, looked_at) = (0, std::cell::Cell::new(0));
        let left = |lagging: &Lagging| lagging.0.iter().map(|share| share.left).sum::<usize>();
        while left(&lagging) > 0 {
            let mut looks = 64;
            let nobody: Option<()> = lagging.first(&mut looks, |_, _, _| {
                looked_at.set(looked_at.get() + 1);
                None
            });
            assert!(nobody.is_none());
            steps += 1;
            assert!(looked_at.get() <= 64 * steps, "in step {steps}");
        }
        assert_eq!((steps, looked_at.get()), (16, 1_000));
        assert_eq!(lagging.first(&mut 1, |_, _, _| Some(())), None);
    }
}
