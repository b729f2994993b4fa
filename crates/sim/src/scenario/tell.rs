//! From what happened to lines for people: who asked, what mattered between the nodes, what was lost, refused and served.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_cluster::{Event, Message, Request, Slot, View};

use super::book::{Book, list};
use super::told::{answer_text, asked_text, at_text, record_text};
use crate::history::{Deed, History};
use crate::names::number;
use crate::options::SECOND;
use crate::queue::Micros;
use crate::seen::{Seen, SeenAll};

/// What is said again within this time is not told again.
const AGAIN: Micros = 10 * SECOND;

/// What is gathered from several hosts into one line: what is said, and who.
#[derive(Debug, PartialEq, Eq)]
struct Gathered {
    at: Micros,
    before: String,
    who: Vec<String>,
    /// The verb, for one and for several.
    verbs: (&'static str, &'static str),
    after: String,
}

struct Teller<'a> {
    book: &'a Book,
    history: &'a History,
    lines: Vec<String>,
    told: BTreeMap<String, Micros>,
    gathered: Option<Gathered>,
    sent: BTreeSet<(usize, usize, u64)>,
    begins: Micros,
    epoch: u64,
}

/// Tells it.
pub fn tell(book: &Book, history: &History, seen: &SeenAll) -> Vec<String> {
    let is_story = |what: &Seen| {
        matches!(what, Seen::Asked(_) | Seen::Script(_))
            || matches!(what, Seen::Committed { through: false, .. })
    };
    let begins = seen.iter().find(|(_, what)| is_story(what)).map_or(0, |(at, _)| *at);
    let mut teller = Teller {
        book,
        history,
        lines: Vec::new(),
        told: BTreeMap::new(),
        gathered: None,
        sent: BTreeSet::new(),
        begins,
        epoch: 1,
    };
    for (place, (at, what)) in seen.iter().enumerate() {
        teller.one(*at, what, &seen[place..]);
    }
    teller.flush();
    teller.lines
}

impl Teller<'_> {
    fn host(&self, host: usize) -> String {
        self.book.host_text(host)
    }

    fn line(&mut self, at: Micros, deep: bool, text: &str) {
        self.flush();
        let indent = if deep { "  " } else { "" };
        self.lines.push(format!("{:>8}  {indent}{text}", at_text(at)));
    }

    /// A line that is told once in a while.
    fn once(&mut self, at: Micros, text: String) {
        if self.told.get(&text).is_some_and(|last| at - last < AGAIN) {
            return;
        }
        self.line(at, true, &text);
        self.told.insert(text, at);
    }

    /// A line about several, as long as they do the same at the same time.
    fn gather(
        &mut self,
        at: Micros,
        before: String,
        who: String,
        verbs: (&'static str, &'static str),
        after: String,
    ) {
        if let Some(gathered) = &mut self.gathered
            && (gathered.at, &gathered.before, gathered.verbs, &gathered.after)
                == (at, &before, verbs, &after)
        {
            if !gathered.who.contains(&who) {
                gathered.who.push(who);
            }
            return;
        }
        self.flush();
        self.gathered = Some(Gathered { at, before, who: vec![who], verbs, after });
    }

    fn flush(&mut self) {
        if let Some(Gathered { at, before, who, verbs: (one, several), after }) = self.gathered.take() {
            let verb = if who.len() == 1 { one } else { several };
            self.line(at, true, &format!("{before}{}{verb}{after}", list(&who)));
        }
    }

    fn one(&mut self, at: Micros, what: &Seen, rest: &[(Micros, Seen)]) {
        if at < self.begins && !matches!(what, Seen::Heard { .. }) {
            return;
        }
        match what {
            Seen::Script(text) => self.line(at, false, &format!("-- {text}")),
            Seen::Asked(op) => self.asked(at, *op),
            Seen::Answered(op) => self.answered(at, *op),
            Seen::Asks { host, key } => {
                let text = format!("{} asks the source for {}", self.host(*host), self.book.key_text(*key));
                self.line(at, true, &text);
            }
            Seen::Took { host, keys, stale } => self.took(at, *host, keys, *stale, rest),
            Seen::Kept { host, key, write, kept, .. } => {
                let value = format!("{} = {}", self.book.key_text(*key), self.book.value_text(*write));
                let verbs = if *kept { (" keeps ", " keep ") } else { (" may not keep ", " may not keep ") };
                self.gather(at, String::new(), self.host(*host), verbs, value);
            }
            Seen::Loaded { host, key, write, read } => self.loaded((*host, *key, *write, *read), rest),
            Seen::Committed { key, write, through } => {
                let key = self.book.key_text(*key);
                let row = match self.book.texts.get(write) {
                    Some(text) => format!("{key} = \"{text}\""),
                    None => format!("that {key} is gone"),
                };
                let text = if *through {
                    format!("the source commits {row}")
                } else {
                    format!("psql commits {row}")
                };
                self.line(at, *through, &text);
            }
            Seen::Fed { reader, key } => {
                let text = format!(
                    "the feed tells {} that {} changed",
                    self.host(*reader),
                    self.book.key_text(*key)
                );
                self.once(at, text);
            }
            Seen::Fenced(key) => {
                let text = format!("the source refuses a late statement for {}", self.book.key_text(*key));
                self.line(at, true, &text);
            }
            Seen::Sent { from, to, lost, message } => self.sent(at, (*from, *to), *lost, message),
            Seen::Heard { host, event, view } => self.heard(at, *host, event, view.as_deref()),
            Seen::Down(host) => self.line(at, true, &format!("{} is down", self.host(*host))),
            Seen::Up(host) => self.line(at, true, &format!("{} runs", self.host(*host))),
        }
    }

    fn asked(&mut self, at: Micros, op: u32) {
        let lazy = self.is_lazy(op);
        let op = &self.history.ops[op as usize];
        let client = &self.book.clients[usize::from(op.client)];
        let text = format!(
            "client {client} at {} {}",
            self.host(usize::from(op.host)),
            asked_text(self.book, self.history, op, lazy)
        );
        self.line(at, false, &text);
    }

    fn is_lazy(&self, op: u32) -> bool {
        self.book.lazy.contains(&op)
    }

    fn answered(&mut self, at: Micros, index: u32) {
        let op = &self.history.ops[index as usize];
        let client = &self.book.clients[usize::from(op.client)];
        let answer = answer_text(self.book, op);
        let text = match op.deed {
            Deed::Read(_) => format!("client {client} gets {answer}"),
            _ => format!("client {client} hears: {answer}"),
        };
        self.line(at, false, &text);
    }

    /// What is taken away only to be replaced is not told of.
    fn took(&mut self, at: Micros, host: usize, keys: &[u32], stale: bool, rest: &[(Micros, Seen)]) {
        let soon = rest.iter().take_while(|(later, _)| *later == at);
        let replaced: Vec<u32> = soon
            .filter_map(|(_, seen)| match seen {
                Seen::Kept { host: other, key, kept: true, .. } if *other == host => Some(*key),
                _ => None,
            })
            .collect();
        let left: Vec<u32> = keys.iter().copied().filter(|key| !replaced.contains(key)).collect();
        if !left.is_empty() {
            let verbs = if stale { (" marks as stale: ", " mark as stale: ") } else { (" drops ", " drop ") };
            let keys = self.book.keys_text(left.into_iter());
            self.gather(at, String::new(), self.host(host), verbs, keys);
        }
    }

    /// The source's answer is told of when it is not kept, or was long on its way.
    fn loaded(&mut self, what: (usize, u32, u32, Micros), rest: &[(Micros, Seen)]) {
        const LONG: Micros = 50_000;
        const DECIDED_WITHIN: Micros = SECOND;
        let (host, key, write, read) = what;
        let at = rest[0].0;
        let soon = rest.iter().take_while(|(later, _)| *later <= at + DECIDED_WITHIN);
        let is_it = |seen: &Seen| matches!(seen, Seen::Kept { host: h, key: k, write: w, read: r, .. } if (*h, *k, *w, *r) == what);
        let kept = soon.into_iter().any(|(_, seen)| is_it(seen));
        if at - read > LONG || !kept {
            let (value, key) = (self.book.value_text(write), self.book.key_text(key).to_string());
            let fate = if kept { "" } else { ", and may not keep it" };
            let text = format!(
                "{} gets {key} = {value} of {} from the source{fate}",
                self.host(host),
                at_text(read)
            );
            self.line(at, true, &text);
        }
    }

    fn sent(&mut self, at: Micros, (from, to): (usize, usize), lost: bool, message: &Message) {
        let fate = if lost { ", which gets lost" } else { "" };
        match message {
            Message::Request(_, request) => {
                let what = match request {
                    Request::Read(read) => format!("asked for {}", self.book.key_text(number(&read.key))),
                    Request::Fill(fill) => {
                        format!("given a value of {}", self.book.key_text(number(&fill.key)))
                    }
                    Request::Write(write) => {
                        format!("given the write of {}", self.book.key_text(number(&write.key)))
                    }
                    Request::Touch(touch) => {
                        format!("given a new end of {}", self.book.key_text(number(&touch.key)))
                    }
                    Request::Invalidate(_) => "given the invalidation".into(),
                    Request::Hold(_) => "given an invalidation to hold".into(),
                    Request::Cancel(_) => "told to hold one no more".into(),
                };
                let text = format!("{what} by {}{fate}", self.host(from));
                self.gather(at, String::new(), self.host(to), (" is ", " are "), text);
            }
            Message::Reply(..) if lost => {
                let text = format!("{} answers {}{fate}", self.host(from), self.host(to));
                self.once(at, text);
            }
            Message::Records(records) => {
                for record in &records.records {
                    if let Some(text) = record_text(self.book, record) {
                        let again = !self.sent.insert((from, to, record.position.0));
                        let again = if again { " again" } else { "" };
                        let before = format!("{} tells ", self.host(from));
                        let after = format!("{again}: {text}{fate}");
                        self.gather(at, before, self.host(to), ("", ""), after);
                    }
                }
            }
            Message::State(state) if !state.entries.is_empty() => {
                let keys = self.book.keys_text(state.entries.iter().map(|entry| number(&entry.key)));
                self.line(at, true, &format!("{} hands {keys} to {}{fate}", self.host(from), self.host(to)));
            }
            _ => {}
        }
    }

    fn keys_in(&self, slots: &[Slot]) -> Option<String> {
        let keys: Vec<u32> = (0..self.book.keys.len() as u32)
            .filter(|&key| slots.contains(&self.book.slots[key as usize]))
            .collect();
        (!keys.is_empty()).then(|| self.book.keys_text(keys.into_iter()))
    }

    fn heard(&mut self, at: Micros, host: usize, event: &Event, view: Option<&View>) {
        let node = |peer: &clearwell_cluster::Peer| self.host(crate::host::index_of(peer.node));
        match event {
            Event::View(epoch) if epoch.0 > self.epoch => {
                self.epoch = epoch.0;
                if let Some(text) = view.map(|view| self.view_text(view)) {
                    self.line(at, true, &text);
                }
            }
            Event::View(_) | Event::Suspect(_) | Event::Judged(..) => {}
            Event::Dead(peer) => {
                let text = format!("{} takes {} for dead", self.host(host), node(peer));
                self.once(at, text);
            }
            Event::Owns(_, slots) if at >= self.begins => {
                if let Some(keys) = self.keys_in(slots) {
                    self.line(
                        at,
                        true,
                        &format!("{} may acknowledge for {keys} from now on", self.host(host)),
                    );
                }
            }
            Event::Owns(..) => {}
            Event::Lost(slots) => {
                if let Some(keys) = self.keys_in(slots) {
                    self.line(
                        at,
                        true,
                        &format!("all who had {keys} are gone: {} begins empty", self.host(host)),
                    );
                }
            }
            Event::Doubted(peer, count) => {
                let copies = if *count == 1 { "a copy".into() } else { format!("{count} copies") };
                let text =
                    format!("{} has missed words of {}, and doubts {copies}", self.host(host), node(peer));
                self.line(at, true, &text);
            }
            Event::TookEffect(_) => {
                let text = format!("{} lets an invalidation take effect that was held", self.host(host));
                self.line(at, true, &text);
            }
            Event::Parked(_) => self.line(at, true, &format!("{} parks a write", self.host(host))),
            Event::Lacked(_) => self.line(at, true, &format!("{} gives a slot once more", self.host(host))),
            Event::Differed(_) => {
                self.line(
                    at,
                    true,
                    &format!("{} gives an entry that a replica has otherwise", self.host(host)),
                );
            }
        }
    }

    /// A view, as far as the story's keys are concerned.
    fn view_text(&self, view: &View) -> String {
        let node = |peer: clearwell_cluster::Peer| self.host(crate::host::index_of(peer.node));
        let members: Vec<String> = view.members().into_iter().map(node).collect();
        let mut text = format!("view {}: {}", view.epoch.0, list(&members));
        for (key, &slot) in self.book.keys.iter().zip(&self.book.slots) {
            let replicas: Vec<String> = view.replicas(slot).map(node).collect();
            text += &format!("; {} is owned by {}", key.name, node(view.owner(slot)));
            if !replicas.is_empty() {
                text += &format!(", copied by {}", list(&replicas));
            }
        }
        text
    }
}
