//! Who is there: gossip and failure detection by foca (SWIM with suspicion), given its time and its chance by us.

use std::collections::BTreeMap;
use std::iter;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use clearwell_words::{Addresses, Millis};
use foca::{
    Codec, Foca, Header, Identity, Notification, PeriodicParams, PostcardCodec, Runtime, State, Timer,
};
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::message::Message;
use crate::outbox::{Event, Outbox, To};
use crate::view::{Seat, View};
use crate::{Config, NodeId, Peer};

/// What a member tells of itself.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
struct Card {
    node: u64,
    incarnation: u32,
    /// Raised to refute a death, and with every change of what follows.
    edition: u32,
    weight: u32,
    leaving: bool,
    /// Where its links, its Redis protocol and its HTTP are, as others are to dial them.
    link: String,
    resp: String,
    http: String,
}

impl Card {
    /// One of which no more is known.
    fn of(peer: Peer, weight: u32) -> Card {
        let Peer { node, incarnation } = peer;
        let (link, resp, http) = Default::default();
        Card { node: node.0, incarnation, edition: 0, weight, leaving: false, link, resp, http }
    }

    fn peer(&self) -> Peer {
        Peer { node: NodeId(self.node), incarnation: self.incarnation }
    }
}

/// An edition has one set of addresses, so these need not be compared: gossip does little else than compare cards.
impl PartialEq for Card {
    fn eq(&self, other: &Card) -> bool {
        let short = |card: &Card| (card.node, card.incarnation, card.edition, card.weight, card.leaving);
        short(self) == short(other)
    }
}

impl Identity for Card {
    type Addr = u64;

    fn renew(&self) -> Option<Card> {
        Some(Card { edition: self.edition + 1, ..self.clone() })
    }

    fn addr(&self) -> u64 {
        self.node
    }

    fn win_addr_conflict(&self, other: &Card) -> bool {
        (self.incarnation, self.edition) > (other.incarnation, other.edition)
    }
}

/// A member as gossip knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its present process.
    pub peer: Peer,
    /// Its share.
    pub weight: u32,
    /// Whether it wants to go.
    pub leaving: bool,
    /// Whether it answers.
    pub alive: bool,
}

/// Who sent a message of gossip, as it says itself; `None` of one that cannot be read, which nobody takes.
pub fn sender(data: &[u8]) -> Option<Peer> {
    let header: foca::Header<Card> = PostcardCodec.decode_header(data).ok()?;
    Some(header.src.peer())
}

/// This member's part in gossip.
pub struct Membership {
    foca: Foca<Card, PostcardCodec, Chance, foca::NoCustomBroadcast>,
    agenda: Agenda,
    /// This member's last card to which somebody has sent something.
    answered: Card,
    seeds: Vec<NodeId>,
    announced: Option<Millis>,
    /// When members of which only a view told were spoken to last.
    greeted: Option<Millis>,
    announce_ms: u64,
    probe_ms: u64,
    known: BTreeMap<NodeId, Known>,
    edition: u64,
    stale: bool,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("known", &self.known).finish_non_exhaustive()
    }
}

/// What foca wants done; carried over into the outbox.
#[derive(Default)]
struct Agenda {
    now: Millis,
    timers: BTreeMap<(Millis, u64), Timer<Card>>,
    timers_made: u64,
    sends: Vec<(u64, Vec<u8>)>,
    changed: bool,
    died: Vec<Peer>,
}

impl Runtime<Card> for &mut Agenda {
    fn notify(&mut self, notification: Notification<'_, Card>) {
        self.changed = true;
        if let Notification::MemberDown(card) = notification {
            self.died.push(card.peer());
        }
    }

    fn send_to(&mut self, to: Card, data: &[u8]) {
        self.sends.push((to.node, data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<Card>, after: Duration) {
        let due = self.now.plus(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self.timers.insert((due, self.timers_made), event);
        self.timers_made += 1;
    }
}

impl Membership {
    /// Begins alone, with the nodes of `config.seeds` to announce itself to.
    pub fn new(config: &Config) -> Membership {
        let Addresses { link, resp, http } = config.addresses.clone();
        // What others assume of it from a view, without its addresses, is an edition before this one.
        let edition = u32::from(config.addresses != Addresses::default());
        let card = Card { edition, link, resp, http, ..Card::of(config.me, config.weight) };
        let foca = Foca::new(card.clone(), settings(config), Chance::new(config.seed), PostcardCodec);
        Membership {
            foca,
            agenda: Agenda::default(),
            answered: card,
            seeds: config.seeds.clone(),
            announced: None,
            greeted: None,
            announce_ms: 2500,
            probe_ms: (config.suspect_ms / 2).max(1),
            known: BTreeMap::new(),
            edition: 0,
            stale: true,
        }
    }

    /// Knows the nodes of a view from the start, without having heard of them: those that it removed are dead until they are heard. Else
    /// a process that is back would give slots and votes to nodes that never are.
    pub fn assume(&mut self, now: Millis, view: &View) {
        self.agenda.now = now;
        let me = self.foca.identity().node;
        let seats = view.base.seats.iter().chain(&view.next.seats).filter(|seat| seat.peer.node.0 != me);
        let cards = seats.map(|&Seat { peer, weight }| {
            let is_gone = view.is_removed(peer) && !view.next.has(peer);
            foca::Member::new(Card::of(peer, weight), 0, if is_gone { State::Down } else { State::Alive })
        });
        // An update that foca refuses is one it knows better; it comes again by gossip.
        let _ = self.foca.apply_many(cards, false, &mut self.agenda);
        self.stale = true;
    }

    /// Takes a message of another member.
    pub fn message(&mut self, now: Millis, data: &[u8], out: &mut Outbox) {
        self.agenda.now = now;
        let header: Result<Header<Card>, _> = PostcardCodec.decode_header(&mut &*data);
        if let Ok(header) = header
            && header.dst == *self.foca.identity()
        {
            self.answered = header.dst;
        }
        // Damaged or outdated data are dropped, as a lossy network would.
        let _ = self.foca.handle_data(data, &mut self.agenda);
        self.stale = true;
        self.flush(out);
    }

    /// Lets due timers run, and announces this member to a seed from time to time: two sides that took each other for dead
    /// would else stay apart for ever.
    pub fn tick(&mut self, now: Millis, out: &mut Outbox) {
        self.agenda.now = now;
        while let Some(entry) = self.agenda.timers.first_entry()
            && entry.key().0 <= now
        {
            let timer = entry.remove();
            let _ = self.foca.handle_timer(timer, &mut self.agenda);
        }
        // With a new card foca rests until it hears something, and would not notice who dies meanwhile.
        let _ = self.foca.apply_many(iter::empty(), false, &mut self.agenda);
        self.announce(now);
        self.greet(now);
        self.flush(out);
    }

    /// Members that are assumed from a view, whose cards are not known, take nothing that is sent to what is assumed, and would be found dead in no
    /// time. What announces is taken whatever the card.
    fn greet(&mut self, now: Millis) {
        const MOST: usize = 16;
        let since = self.greeted.map_or(u64::MAX, |at| now.since(at));
        if self.foca.identity().link.is_empty() || since < self.probe_ms {
            return;
        }
        let cards = self.foca.iter_members().map(foca::Member::id);
        let assumed = cards.filter(|card| card.link.is_empty()).map(|card| card.node);
        let assumed: Vec<u64> = assumed.take(MOST).collect();
        for node in assumed {
            self.greeted = Some(now);
            let card = Card::of(Peer { node: NodeId(node), incarnation: 0 }, 0);
            // A packet that cannot be made is made at the next time.
            let _ = self.foca.announce(card, &mut self.agenda);
        }
    }

    /// Seldom once the seed is known to be there, so that a few seeds can serve many members. Often to those who are there while none
    /// of them has sent anything to a new card: what is sent to the old one is not taken, and two members that missed one another's cards
    /// would not hear each other.
    fn announce(&mut self, now: Millis) {
        const SELDOM: u64 = 12;
        let since = self.announced.map_or(u64::MAX, |at| now.since(at));
        let there: Vec<NodeId> = match self.answered == *self.foca.identity() {
            true => Vec::new(),
            false => self.foca.iter_members().map(|member| NodeId(member.id().node)).collect(),
        };
        let (nodes, often_ms) = match there.is_empty() {
            true => (&self.seeds, self.announce_ms),
            false => (&there, self.probe_ms),
        };
        if nodes.is_empty() || since < often_ms {
            return;
        }
        let node = nodes[(now.0 / often_ms) as usize % nodes.len()].0;
        let is_there = there.is_empty() && self.foca.iter_members().any(|member| member.id().node == node);
        if is_there && since < often_ms * SELDOM {
            return;
        }
        self.announced = Some(now);
        let card = Card::of(Peer { node: NodeId(node), incarnation: 0 }, 0);
        if node != self.foca.identity().node {
            // A packet that cannot be made is made at the next time.
            let _ = self.foca.announce(card, &mut self.agenda);
        }
    }

    /// Tells others of a new weight, or that this member wants to go.
    pub fn change(&mut self, now: Millis, weight: Option<u32>, leaving: bool, out: &mut Outbox) {
        self.agenda.now = now;
        let card = self.foca.identity().clone();
        let weight = weight.unwrap_or(card.weight);
        let card = Card { edition: card.edition + 1, weight, leaving: card.leaving || leaving, ..card };
        let _ = self.foca.change_identity(card, &mut self.agenda);
        self.stale = true;
        self.flush(out);
    }

    /// All that is known, this member included.
    pub fn known(&mut self) -> &BTreeMap<NodeId, Known> {
        if std::mem::take(&mut self.stale) {
            let known = |card: &Card, state: State| {
                let peer = card.peer();
                let alive = state != State::Down;
                (peer.node, Known { peer, weight: card.weight, leaving: card.leaving, alive })
            };
            let others = self.foca.iter_membership_state().map(|member| known(member.id(), member.state()));
            let mut all: BTreeMap<NodeId, Known> = others.collect();
            all.extend([known(self.foca.identity(), State::Alive)]);
            if all != self.known {
                self.known = all;
                self.edition += 1;
            }
        }
        &self.known
    }

    /// Where each process that is known, this one included, says that it can be reached.
    pub fn addresses(&self) -> impl Iterator<Item = (Peer, Addresses)> + '_ {
        let others = self.foca.iter_membership_state().map(foca::Member::id);
        others.chain([self.foca.identity()]).map(|card| {
            let Card { link, resp, http, .. } = card.clone();
            (card.peer(), Addresses { link, resp, http })
        })
    }

    /// Another number whenever something else is known.
    pub fn edition(&mut self) -> u64 {
        self.known();
        self.edition
    }

    /// Whether a node answers, as far as is known.
    pub fn is_alive(&mut self, node: NodeId) -> bool {
        self.known().get(&node).is_some_and(|known| known.alive)
    }

    fn flush(&mut self, out: &mut Outbox) {
        self.stale |= std::mem::take(&mut self.agenda.changed);
        out.tell.extend(self.agenda.died.drain(..).map(Event::Dead));
        let sends = self.agenda.sends.drain(..);
        out.send.extend(sends.map(|(to, data)| (To::Node(NodeId(to)), Message::Gossip(data.into()))));
    }
}

fn settings(config: &Config) -> foca::Config {
    let ms = |ms: u64| Duration::from_millis(ms.max(1));
    let often = |frequency: u64, members: usize| {
        let num_members = NonZeroUsize::new(members.max(1)).expect("at least one");
        Some(PeriodicParams { frequency: ms(frequency), num_members })
    };
    foca::Config {
        probe_period: ms(config.suspect_ms / 2),
        probe_rtt: ms(config.suspect_ms / 5),
        num_indirect_probes: NonZeroUsize::new(3).expect("not zero"),
        max_transmissions: NonZeroU8::new(10).expect("not zero"),
        suspect_to_down_after: ms(config.suspect_ms),
        remove_down_after: Some(Duration::from_secs(3600)),
        max_packet_size: NonZeroUsize::new(1400).expect("not zero"),
        notify_down_members: true,
        periodic_announce: None,
        periodic_announce_to_down_members: often(2500, 1),
        periodic_gossip: often(500, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Profile;

    /// Members that can be reached, and messages among them that take 5 ms.
    #[derive(Default)]
    struct Circle {
        now: u64,
        members: BTreeMap<NodeId, Membership>,
        mail: Vec<(u64, NodeId, std::sync::Arc<[u8]>)>,
        died: Vec<(NodeId, Peer)>,
    }

    fn config(node: u64, incarnation: u32, seeds: &[u64]) -> Config {
        let at = |port: u16| format!("10.0.0.{node}:{port}");
        let addresses = Addresses { link: at(1), resp: at(2), http: at(3) };
        let seeds = seeds.iter().map(|node| NodeId(*node)).collect();
        let me = Peer { node: NodeId(node), incarnation };
        Config { addresses, seeds, ..Config::of(me, Profile::Lan) }
    }

    impl Circle {
        fn run(&mut self, ms: u64) {
            for _ in 0..ms / 5 {
                self.now += 5;
                let due: Vec<_> = self.mail.extract_if(.., |(at, ..)| *at <= self.now).collect();
                for (_, to, data) in due {
                    self.turn(to, |member, now, out| member.message(now, &data, out));
                }
                if self.now.is_multiple_of(50) {
                    let all: Vec<NodeId> = self.members.keys().copied().collect();
                    all.into_iter().for_each(|node| self.turn(node, Membership::tick));
                }
            }
        }

        fn turn(&mut self, node: NodeId, take: impl FnOnce(&mut Membership, Millis, &mut Outbox)) {
            let (Some(member), mut out) = (self.members.get_mut(&node), Outbox::default()) else { return };
            take(member, Millis(self.now), &mut out);
            for sent in out.send {
                if let (To::Node(to), Message::Gossip(data)) = sent {
                    self.mail.push((self.now + 5, to, data));
                }
            }
            let dead = |event| if let Event::Dead(peer) = event { Some((node, peer)) } else { None };
            self.died.extend(out.tell.into_iter().filter_map(dead));
        }
    }

    /// Those that its disk names first are gone, so nobody tells it soon how the others call themselves by now.
    #[test]
    fn a_process_that_is_back_takes_nobody_for_dead_who_is_there() {
        let mut circle = Circle { now: 1_000, ..Circle::default() };
        let all = [1, 2, 3, 4, 5];
        for node in all {
            circle.members.insert(NodeId(node), Membership::new(&config(node, 1, &all)));
        }
        circle.run(5_000);
        let seats = all.map(|node| Seat { peer: Peer { node: NodeId(node), incarnation: 1 }, weight: 100 });
        let mut back = Membership::new(&config(4, 2, &[97, 98, 99]));
        back.assume(Millis(circle.now), &View::first(seats.to_vec(), 1, 64));
        circle.members.insert(NodeId(4), back);
        circle.died.clear();
        circle.run(3_000);
        circle.died.retain(|(_, peer)| peer.node != NodeId(4));
        assert_eq!(circle.died, []);
    }
}
