//! The links: what gets lost, comes late, comes twice, or does not get through at all. Each message is a frame on its way, the
//! same bytes as between machines: whatever the codec loses breaks a world.

use std::collections::BTreeMap;

use clearwell_cluster::{Message, Planted};
use clearwell_wire::{Decoder, Error, encode};

use crate::queue::Micros;
use crate::rng::Rng;

/// A set of hosts by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set(Vec<u64>);

impl Set {
    /// Puts a host in.
    pub fn insert(&mut self, host: usize) {
        let word = host / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (host % 64);
    }

    /// Whether it is in.
    pub fn has(&self, host: usize) -> bool {
        self.0.get(host / 64).is_some_and(|word| word >> (host % 64) & 1 == 1)
    }
}

/// How bad the links are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Lost, of a million.
    pub loss_ppm: u32,
    /// Delivered twice, of a million.
    pub twice_ppm: u32,
    /// Overtaken by later ones, of a million: these take up to `late_us`.
    pub late_ppm: u32,
    /// How late those come at most.
    pub late_us: Micros,
    /// The least delay.
    pub delay_us: Micros,
    /// What is added to it at most in good weather.
    pub jitter_us: Micros,
    /// How many bytes of slots' contents pass a link in a second; 0 for as many as there are.
    pub bulk_bytes_s: u64,
    /// The same for each of the two connections that carry all else.
    pub link_bytes_s: u64,
    /// How many bytes wait before one of those.
    pub queue_bytes: u64,
}

impl Weather {
    /// Whether nothing gets lost, and nothing is overtaken.
    pub fn is_fair(&self) -> bool {
        self.loss_ppm == 0 && self.late_ppm == 0
    }
}

/// The connections of a link, so that contents of slots delay no record, and records no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Control,
    Stream,
    Bulk,
}

impl Lane {
    fn of(message: &Message) -> Lane {
        match message {
            Message::State(_) => Lane::Bulk,
            Message::Records(_) | Message::Applied(_) | Message::Heartbeat(_) | Message::Beat(_) => {
                Lane::Stream
            }
            _ => Lane::Control,
        }
    }
}

/// Whether a message is left out first where a queue is full: it comes again, or another one after it says the same.
fn comes_again(message: &Message) -> bool {
    matches!(message, Message::Records(_) | Message::Heartbeat(_) | Message::Beat(_) | Message::Gossip(_))
}

/// Nothing passes from one set to the other.
#[derive(Debug)]
struct Cut {
    id: u32,
    from: Set,
    to: Set,
}

/// A message on its way.
pub type Frame = Vec<u8>;

/// The links between hosts.
#[derive(Debug)]
pub struct Network {
    /// The weather now.
    pub weather: Weather,
    cuts: Vec<Cut>,
    rng: Rng,
    /// Until when each link's connections, from and to, are taken.
    busy: BTreeMap<(usize, usize, Lane), Micros>,
    decoder: Decoder,
    /// Frames that have arrived, to be written anew: as good as every event of a world is a message.
    spare: Vec<Frame>,
}

impl Network {
    /// Links with their own chance.
    pub fn new(weather: Weather, rng: Rng, planted: Option<Planted>) -> Network {
        let decoder = Decoder::for_many().with_fault(planted);
        let (cuts, spare) = (Vec::new(), Vec::new());
        Network { weather, cuts, rng, busy: BTreeMap::new(), decoder, spare }
    }

    /// Writes a message.
    ///
    /// # Errors
    /// A message that no frame can carry.
    pub fn write(&mut self, message: &Message) -> Result<Frame, Error> {
        let mut frame = self.spare.pop().unwrap_or_else(|| Frame::with_capacity(64));
        encode(message, &mut frame)?;
        Ok(frame)
    }

    /// The same frame again.
    pub fn copy(&mut self, frame: &Frame) -> Frame {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.extend_from_slice(frame);
        copy
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, frame: &Frame) -> Result<Message, Error> {
        self.decoder.decode(frame)
    }

    /// A frame is not needed any more.
    pub fn give_back(&mut self, mut frame: Frame) {
        const LARGE: usize = 4096;
        if frame.capacity() <= LARGE {
            frame.clear();
            self.spare.push(frame);
        }
    }

    /// Cuts the way from one set to another.
    pub fn cut(&mut self, id: u32, from: Set, to: Set) {
        self.cuts.push(Cut { id, from, to });
    }

    /// Ends a cut.
    pub fn mend(&mut self, id: u32) {
        self.cuts.retain(|cut| cut.id != id);
    }

    /// Ends all cuts, and the bad weather with them.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.weather = Weather { loss_ppm: 0, twice_ppm: 0, late_ppm: 0, link_bytes_s: 0, ..self.weather };
    }

    /// Whether a cut lies between them now.
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cuts.iter().any(|cut| cut.from.has(from) && cut.to.has(to))
    }

    /// After which delays a message that is sent now arrives: none, one or two.
    pub fn carry(&mut self, from: usize, to: usize) -> [Option<Micros>; 2] {
        if self.is_cut(from, to) || self.rng.ppm(self.weather.loss_ppm) {
            return [None, None];
        }
        let twice = self.rng.ppm(self.weather.twice_ppm);
        [Some(self.delay()), twice.then(|| self.delay())]
    }

    /// How long a message waits and takes on its connection, which passes one after another; `None`: the queue before that is full. What
    /// comes again is left out first. Contents of slots are asked for by parts, so that their queue has no end.
    pub fn queue(
        &mut self,
        now: Micros,
        (from, to): (usize, usize),
        message: &Message,
        bytes: u64,
    ) -> Option<Micros> {
        const SECOND: u64 = 1_000_000;
        /// So much more waits of what is left out last.
        const MORE: u64 = 4;
        let lane = Lane::of(message);
        let (rate, room) = match lane {
            Lane::Bulk => (self.weather.bulk_bytes_s, u64::MAX),
            _ if comes_again(message) => (self.weather.link_bytes_s, self.weather.queue_bytes),
            _ => (self.weather.link_bytes_s, MORE * self.weather.queue_bytes),
        };
        if rate == 0 {
            return Some(0);
        }
        let busy = self.busy.entry((from, to, lane)).or_default();
        let waits = busy.saturating_sub(now);
        if waits.saturating_mul(rate) / SECOND > room {
            return None;
        }
        *busy = now + waits + bytes * SECOND / rate;
        Some(*busy - now)
    }

    fn delay(&mut self) -> Micros {
        let most = match self.rng.ppm(self.weather.late_ppm) {
            true => self.weather.late_us,
            false => self.weather.jitter_us,
        };
        self.weather.delay_us + self.rng.below(most + 1)
    }
}

#[cfg(test)]
mod tests {
    use clearwell_cluster::message::State;
    use clearwell_cluster::{Epoch, Part, Position, Ticket};

    use super::*;

    fn network(weather: Weather) -> Network {
        Network::new(weather, Rng::new(1, 1), None)
    }

    #[test]
    fn a_cut_is_one_way_until_it_is_mended() {
        let mut network = network(Weather { delay_us: 5, ..Weather::default() });
        let (mut left, mut right) = (Set::default(), Set::default());
        left.insert(1);
        right.insert(70);
        network.cut(9, left, right);
        assert_eq!(network.carry(1, 70), [None, None]);
        assert_eq!(network.carry(70, 1), [Some(5), None]);
        network.mend(9);
        assert_eq!(network.carry(1, 70), [Some(5), None]);
    }

    fn state() -> Message {
        let part = Part { slots: Vec::new(), after: None, end: None };
        let (entries, intents, journal) = (Vec::new(), Vec::new(), Vec::new());
        let (base, as_of, ticket, epoch) = (Position(0), Default::default(), Ticket(1), Epoch(1));
        Message::State(Box::new(State {
            subscription: 1,
            part,
            base,
            entries,
            as_of,
            intents,
            journal,
            holds: Vec::new(),
            ticket,
            epoch,
        }))
    }

    #[test]
    fn contents_pass_a_narrow_link_one_after_another() {
        let mut network = network(Weather { bulk_bytes_s: 1000, ..Weather::default() });
        let mut queue = |now, link| network.queue(now, link, &state(), 500);
        assert_eq!(queue(0, (1, 2)), Some(500_000));
        assert_eq!(queue(100_000, (1, 2)), Some(900_000));
        assert_eq!(queue(100_000, (2, 1)), Some(500_000), "the way back is another");
        assert_eq!(queue(5_000_000, (1, 2)), Some(500_000));
    }

    #[test]
    fn a_full_queue_leaves_out_first_what_comes_again() {
        let mut network = network(Weather { link_bytes_s: 1000, queue_bytes: 300, ..Weather::default() });
        let (gossip, asks) = (Message::Gossip([].into()), Message::ViewAsk(Epoch(1)));
        let mut queue = |message: &Message| network.queue(0, (1, 2), message, 200);
        assert_eq!([queue(&gossip), queue(&gossip), queue(&gossip)], [Some(200_000), Some(400_000), None]);
        assert_eq!(queue(&state()), Some(0), "contents have a connection of their own");
        let others: Vec<_> = (0..8).map_while(|_| queue(&asks)).collect();
        assert_eq!(others, [600_000, 800_000, 1_000_000, 1_200_000, 1_400_000]);
    }

    #[test]
    fn loss_and_doubling_come_as_often_as_was_said() {
        let mut network = network(Weather { loss_ppm: 200_000, twice_ppm: 100_000, ..Weather::default() });
        let got: Vec<_> = (0..10_000).map(|_| network.carry(0, 1)).collect();
        let lost = got.iter().filter(|arrivals| arrivals[0].is_none()).count();
        let twice = got.iter().filter(|arrivals| arrivals[1].is_some()).count();
        assert!((1800..2200).contains(&lost) && (700..900).contains(&twice), "{lost} {twice}");
    }
}
