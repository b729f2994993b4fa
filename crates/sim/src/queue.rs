//! The one queue of what is to happen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// True time in microseconds since the world began.
pub type Micros = u64;

/// Events in order of time, and at one time in the order in which they were put in.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<(Micros, u32, u32)>>,
    parked: Vec<Option<T>>,
    free: Vec<u32>,
    count: u32,
}

impl<T> Queue<T> {
    /// An empty one.
    pub fn new() -> Queue<T> {
        Queue {
            heap: BinaryHeap::with_capacity(1024),
            parked: Vec::with_capacity(1024),
            free: Vec::new(),
            count: 0,
        }
    }

    /// Something is to happen at a time.
    pub fn push(&mut self, at: Micros, what: T) {
        let place = match self.free.pop() {
            Some(place) => {
                self.parked[place as usize] = Some(what);
                place
            }
            None => {
                self.parked.push(Some(what));
                (self.parked.len() - 1) as u32
            }
        };
        self.heap.push(Reverse((at, self.count, place)));
        self.count += 1;
    }

    /// What happens next, and when.
    pub fn pop(&mut self) -> Option<(Micros, T)> {
        let Reverse((at, _, place)) = self.heap.pop()?;
        self.free.push(place);
        let what =
            self.parked[place as usize].take().expect("a place in the heap is filled until it is popped");
        Some((at, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_decides_and_then_the_order_of_coming() {
        let mut queue = Queue::new();
        for (at, what) in [(5, 'd'), (1, 'a'), (5, 'e'), (1, 'b'), (3, 'c')] {
            queue.push(at, what);
        }
        assert_eq!(queue.pop(), Some((1, 'a')));
        queue.push(5, 'f');
        let rest: String = std::iter::from_fn(|| queue.pop()).map(|(_, what)| what).collect();
        assert_eq!(rest, "bcdef");
    }
}
