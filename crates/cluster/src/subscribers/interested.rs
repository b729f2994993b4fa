//! Who is interested in which name: most names have one holder, which stands beside the name itself.

use super::holders::Number;
use crate::Ticket;
use crate::name::Name;
use crate::packed::{Packed, joined, split};

/// A holder by its number, and the ticket of its interest.
type Holder = (Number, Ticket);

/// A name with several holders has this bit, and in place of one holder where they are among [`Interested::many`].
const MANY: u32 = 1 << 31;

/// The holders of all names.
#[derive(Debug, Default)]
pub(super) struct Interested {
    /// Each with the number and the ticket of its holder.
    names: Packed<3>,
    /// Sorted.
    many: Vec<Vec<Holder>>,
    /// Places there that are free.
    free: Vec<u32>,
}

/// What the numbers of a name say.
enum Noted {
    One(Holder),
    Many(usize),
}

fn noted([holder, low, high]: [u32; 3]) -> Noted {
    match holder & MANY {
        0 => Noted::One((holder, Ticket(joined(low, high)))),
        _ => Noted::Many((holder & !MANY) as usize),
    }
}

fn one((holder, ticket): Holder) -> [u32; 3] {
    let [low, high] = split(ticket.0);
    [holder, low, high]
}

impl Interested {
    /// Notes a holder of a name; of two tickets the later one counts.
    pub fn note(&mut self, name: &Name, holder: Number, ticket: Ticket) {
        let Some(numbers) = self.names.get(name) else {
            return self.names.set(name, one((holder, ticket)));
        };
        match noted(numbers) {
            Noted::One((other, before)) if other == holder => {
                self.names.set(name, one((other, ticket.max(before))));
            }
            Noted::One(first) => {
                let mut holders = vec![first, (holder, ticket)];
                holders.sort_unstable();
                let place = self.add_many(holders);
                self.names.set(name, [MANY | place, 0, 0]);
            }
            Noted::Many(place) => {
                let holders = &mut self.many[place];
                match holders.binary_search_by_key(&holder, |(other, _)| *other) {
                    Ok(at) => {
                        let (_, before) = &mut holders[at];
                        *before = ticket.max(*before);
                    }
                    Err(at) => holders.insert(at, (holder, ticket)),
                }
            }
        }
    }

    fn add_many(&mut self, holders: Vec<Holder>) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.many.push(Vec::new());
            self.many.len() as u32 - 1
        });
        self.many[place as usize] = holders;
        place
    }

    /// Whether a name has holders.
    pub fn has(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// How many names have holders.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Forgets those holders of a name that do not stay.
    pub fn release(&mut self, name: &Name, stays: impl Fn(Number, Ticket) -> bool) {
        if let Some(numbers) = self.names.get(name)
            && !self.stay(numbers, stays)
        {
            self.names.remove(name);
        }
    }

    /// Forgets all holders of a name and adds them to others.
    pub fn take(&mut self, name: &Name, taken: &mut Vec<Number>) {
        let Some(numbers) = self.names.remove(name) else { return };
        match noted(numbers) {
            Noted::One((number, _)) => taken.push(number),
            Noted::Many(place) => {
                self.free.push(place as u32);
                let holders = std::mem::take(&mut self.many[place]);
                taken.extend(holders.into_iter().map(|(number, _)| number));
            }
        }
    }

    /// Forgets names, and holders of those that stay. For what happens seldom: it takes a while.
    pub fn retain(&mut self, names: impl Fn(&[u8]) -> bool, holders: impl Fn(Number) -> bool) {
        let mut all = std::mem::take(&mut self.names);
        all.retain(|name, numbers| {
            let stays = names(name);
            self.stay(*numbers, |number, _| stays && holders(number))
        });
        self.names = all;
    }

    /// Forgets those holders that do not stay. False when none stays.
    fn stay(&mut self, numbers: [u32; 3], stays: impl Fn(Number, Ticket) -> bool) -> bool {
        match noted(numbers) {
            Noted::One((number, ticket)) => stays(number, ticket),
            Noted::Many(place) => {
                self.many[place].retain(|(number, ticket)| stays(*number, *ticket));
                let any = !self.many[place].is_empty();
                if !any {
                    self.many[place] = Vec::new();
                    self.free.push(place as u32);
                }
                any
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(all: &mut Interested, name: &Name) -> Vec<Number> {
        let mut taken = Vec::new();
        all.take(name, &mut taken);
        taken
    }

    #[test]
    fn one_holder_or_more_are_noted_released_and_taken() {
        let name = |text: &str| Name::Tag(text.as_bytes().into());
        let mut all = Interested::default();
        all.note(&name("a"), 1, Ticket(5));
        all.note(&name("a"), 1, Ticket(3));
        all.release(&name("a"), |_, ticket| ticket > Ticket(4));
        all.note(&name("a"), 2, Ticket(1));
        all.note(&name("a"), 2, Ticket(7));
        all.note(&name("b"), 1, Ticket(9));
        all.release(&name("a"), |other, ticket| other != 1 || ticket > Ticket(5));
        assert_eq!(taken(&mut all, &name("a")), [2], "a later interest of 2, none of 1");
        assert!(taken(&mut all, &name("a")).is_empty());
        for holder in [2, 1, 4, 3, 1] {
            all.note(&name("c"), holder, Ticket(1));
        }
        all.retain(|_| true, |other| other != 1);
        assert!(taken(&mut all, &name("b")).is_empty());
        assert_eq!(taken(&mut all, &name("c")), [2, 3, 4]);
        assert_eq!((all.len(), all.many.len() - all.free.len()), (0, 0));
    }
}
