//! A scenario is played: line after line at its time, and then everything that was promised is looked at.

use std::collections::BTreeMap;

use clearwell_cluster::request::Strategy;
use clearwell_cluster::{Entry, Planted};

use super::book::{Book, Who};
use super::expect::{Answer, State};
use super::parse::{Line, Scenario};
use super::script::{Action, ClientWish};
use super::stage::build;
use super::tell::tell;
use super::told::answer_text;
use crate::check;
use crate::history::Deed;
use crate::names::KeyId;
use crate::network::Set;
use crate::options::SECOND;
use crate::queue::Micros;
use crate::seen::Seen;
use crate::value::write_of;
use crate::world::World;

/// What came of it.
#[derive(Debug)]
pub struct Played {
    /// What happened, for people.
    pub lines: Vec<String>,
    /// What was expected or promised, and did not come true.
    pub broken: Vec<String>,
}

/// What is still to be done.
enum Todo<'a> {
    Line(&'a Line),
    Mend(u32),
    Start(usize),
}

struct Play {
    world: World,
    book: Book,
    asked: Vec<(u32, usize, Answer)>,
    broken: Vec<String>,
    cuts: u32,
}

/// The story goes on for so long after its last line.
const AFTERWARDS: Micros = 2 * SECOND;

pub fn play(scenario: &Scenario, planted: Option<Planted>) -> Played {
    let mut book = scenario.book.clone();
    let heal = scenario.lines.iter().map(ends).max().unwrap_or(0) + AFTERWARDS;
    let world = build(scenario, &mut book, heal, planted);
    let mut play = Play { world, book, asked: Vec::new(), broken: Vec::new(), cuts: 0 };
    let mut todo: BTreeMap<(Micros, usize), Todo<'_>> =
        scenario.lines.iter().map(|line| ((line.at, line.number), Todo::Line(line))).collect();
    while let Some(((at, _), what)) = todo.pop_first() {
        play.world.run_until(at);
        if let Some((later, what)) = play.act(what) {
            let unique = scenario.source_lines.len() + todo.len() + at as usize;
            todo.insert((later, unique), what);
        }
    }
    play.end(scenario, heal)
}

/// When a line's effect is over.
fn ends(line: &Line) -> Micros {
    line.at
        + match line.action {
            Action::Cut { us, .. }
            | Action::Pause(_, us)
            | Action::Crash(_, Some(us))
            | Action::SourceFails(us)
            | Action::FeedStalls(us) => us,
            _ => 0,
        }
}

impl Play {
    /// Does one thing; tells what is to be done later because of it.
    fn act<'a>(&mut self, what: Todo<'a>) -> Option<(Micros, Todo<'a>)> {
        match what {
            Todo::Mend(id) => {
                self.world.see_script("the cut is over".into());
                self.world.mend(id);
                None
            }
            Todo::Start(host) => {
                self.world.start_again(host);
                None
            }
            Todo::Line(line) => self.line(line),
        }
    }

    fn line<'a>(&mut self, line: &'a Line) -> Option<(Micros, Todo<'a>)> {
        let later = ends(line);
        if !matches!(line.action, Action::Ask { .. } | Action::Psql(..) | Action::Expect(_)) {
            self.world.see_script(line.text.clone());
        }
        match &line.action {
            Action::Ask { client, at, wish, expect } => self.ask(line, *client, *at, wish, expect.as_ref()),
            Action::Token(client, from) => self.world.take_token(*client, *from),
            Action::Psql(key, text) => {
                let write = self.world.commit_unseen(*key, text.is_none());
                self.book.texts.extend(text.clone().map(|text| (write, text)));
            }
            Action::Cut { from, to, one_way, .. } => {
                let id = self.cut(from, to, *one_way);
                return Some((later, Todo::Mend(id)));
            }
            Action::LoseNext(from, to) => {
                self.world.lose_next_record(self.book.host(*from), self.book.host(*to));
            }
            Action::Pause(who, us) => self.world.pause(self.book.host(*who), *us),
            Action::Crash(who, back) => {
                let host = self.book.host(*who);
                self.world.crash_now(host);
                return back.map(|_| (later, Todo::Start(host)));
            }
            Action::Join(_) => {
                self.world.join();
            }
            Action::Leave(node) => {
                if !self.world.leave_in_order(self.book.host(Who::Node(*node))) {
                    self.broken
                        .push(format!("line {}: node {node} cannot leave: three must stay", line.number));
                }
            }
            Action::Replicas(replicas) => self.world.set_replicas(*replicas),
            Action::SlowStatements(us) => self.world.slow_statements(*us),
            Action::SlowAnswers(us) => self.world.slow_answers(*us),
            Action::SourceFails(us) => self.world.fail_source(*us),
            Action::FeedStalls(us) => self.world.stall_feed(*us),
            Action::NarrowLinks(bytes) => self.world.narrow_links(*bytes),
            Action::Expect(state) => {
                if !self.is_so(state) {
                    self.broken.push(format!("line {}: it is not so: {}", line.number, line.text));
                }
            }
        }
        None
    }

    fn ask(
        &mut self,
        line: &Line,
        client: u16,
        at: Who,
        wish: &ClientWish,
        expect: Option<&(usize, Answer)>,
    ) {
        if self.world.still_waits(client) {
            let name = &self.book.clients[usize::from(client)];
            self.broken.push(format!("line {}: client {name} still waits for an answer", line.number));
            return;
        }
        let (key, deed) = match wish {
            ClientWish::Read(key, level) => (*key, Deed::Read(*level)),
            ClientWish::Touch(key, ttl_ms) => (*key, Deed::Touch(*ttl_ms)),
            ClientWish::Write(key, text, ttl_ms, strategy) => {
                let write = self.world.history.source.intend(*key, text.is_none());
                self.world.history.source.writes[write as usize].ttl_ms = *ttl_ms;
                self.book.texts.extend(text.clone().map(|text| (write, text)));
                (*key, Deed::Write(*strategy, write))
            }
            ClientWish::Fill(key, text) => {
                let Some((of, write)) = self.world.begin_fill(client).filter(|(of, _)| of == key) else {
                    let name = &self.book.clients[usize::from(client)];
                    let key = self.book.key_text(*key);
                    self.broken.push(format!("line {}: client {name} had no miss of {key}", line.number));
                    return;
                };
                self.book.texts.insert(write, text.clone());
                (of, Deed::Write(Strategy::CacheOnly, write))
            }
            ClientWish::Invalidate { covered, lazy, waits } => {
                let next = self.world.history.ops.len() as u32;
                self.book.lazy.extend(lazy.then_some(next));
                self.world.lazy = Some(self.book.lazy.clone());
                (0, Deed::Invalidate(*covered, *waits))
            }
        };
        let op = self.world.ask_host(client, self.book.host(at), key, deed);
        if let Some((number, answer)) = expect {
            self.asked.push((op, *number, answer.clone()));
        }
    }

    fn cut(&mut self, from: &[Who], to: &[Who], one_way: bool) -> u32 {
        self.cuts += 1;
        let (mut one, mut other) = (Set::default(), Set::default());
        from.iter().for_each(|who| one.insert(self.book.host(*who)));
        to.iter().for_each(|who| other.insert(self.book.host(*who)));
        if !one_way {
            self.world.cut_one_way(self.cuts, other.clone(), one.clone());
        }
        self.world.cut_one_way(self.cuts, one, other);
        self.cuts
    }

    fn is_so(&self, state: &State) -> bool {
        match *state {
            State::Holds(who, key, ref text, wanted) => {
                let host = self.world.hosts.get(self.book.host(who));
                let is_it = |entry: &Entry| {
                    let write = entry.value.as_deref().map(write_of);
                    text.is_none() || write.and_then(|write| self.book.texts.get(&write)) == text.as_ref()
                };
                let key = self.world.history.names.key(key);
                host.and_then(|host| host.live(self.world.now, key)).is_some_and(|entry| is_it(&entry))
                    == wanted
            }
            State::Owner(key, node) => self.owner(key) == Some(self.book.host(Who::Node(node))),
            State::NoLoad(key, since) => {
                let seen = self.world.watch.iter().flatten();
                let asked = |what: &Seen| matches!(what, Seen::Asks { key: other, .. } if *other == key);
                !seen.into_iter().any(|(at, what)| *at >= since && asked(what))
            }
        }
    }

    /// Who may acknowledge for a key now.
    fn owner(&self, key: KeyId) -> Option<usize> {
        let slot = self.book.slots[key as usize];
        self.world.hosts.iter().position(|host| {
            let now = host.clock.read(self.world.now);
            host.owns(now, slot)
        })
    }

    fn end(mut self, scenario: &Scenario, heal: Micros) -> Played {
        self.world.run_until(heal - 1);
        for (op, number, answer) in &self.asked {
            let op = &self.world.history.ops[*op as usize];
            if !answer.fits(&self.book, op) {
                let expected = &scenario.source_lines[number - 1];
                let got = answer_text(&self.book, op);
                self.broken.push(format!("line {number}: {expected}, but the answer was: {got}"));
            }
        }
        let seen = self.world.watch.take().unwrap_or_default();
        let mut lines = tell(&self.book, &self.world.history, &seen);
        self.world.run_until(self.world.options.end);
        self.world.finish();
        let mut violations = std::mem::take(&mut self.world.violations);
        violations.extend(check::all(&self.world.history).violations);
        lines.push(String::new());
        lines.push(match violations.len() {
            0 => "After that every node answered, all copies were current, and no checker saw a broken promise.".into(),
            count => format!("{count} promises were broken."),
        });
        self.broken.extend(violations.iter().map(|one| format!("checker {}: {}", one.checker, one.text)));
        Played { lines, broken: self.broken }
    }
}
