//! What has arrived, decoded and run request after request, without waiting for anything.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use clearwell_engine::Millis;
use clearwell_protocol::{Command, Encoder, Limits, Parser, ProtocolError, Resp, Step as Parsed};
use clearwell_source::Later;
use parking_lot::MutexGuard;

use super::commands::transactions;
use super::dispatch::{self, Context};
use super::refused;
use super::server::{Server, Worker};
use super::session::{Replies, Session};
use super::slowlog;
use super::step::Step;
use crate::metrics::RequestEnded;

/// Output beyond this leaves before another command runs, so that a client that does not read holds no memory.
const OUTPUT_MOST: usize = 1 << 20;
/// Requests of one batch that run by the same time.
const REQUESTS_A_LOOK: u32 = 16;

/// What has to happen before more can be run.
pub enum NextStep {
    /// More input, so many bytes at least. The output is complete.
    Input {
        /// Bytes missing.
        at_least: usize,
    },
    /// The output must leave.
    Flush,
    /// A reply must come; hand it to [`Batch::finish`].
    Wait(Later<Vec<u8>>),
    /// CLIENT PAUSE holds the next command.
    Paused,
    /// The connection ends when the output has left.
    Close {
        /// Whether the client may still be sending, and must get to read the reason.
        linger_on: bool,
    },
}

/// A connection's buffers and state.
pub struct Batch {
    /// What arrived and was not run yet; the front may be consumed.
    pub input: Vec<u8>,
    /// Replies that have not left.
    pub out: Vec<u8>,
    consumed: usize,
    parser: Parser,
    session: Session,
    server: Arc<Server>,
    worker: usize,
    waiting: Option<WaitingReply>,
}

/// What holds for the requests that are run in one go.
struct OneGo<'a> {
    server: &'a Arc<Server>,
    now: Millis,
    /// When the latest command ended.
    mark: Instant,
    limits: Limits,
    gate: Option<MutexGuard<'a, ()>>,
}

/// A command whose reply comes.
struct WaitingReply {
    command: &'static Command,
    began: Instant,
    args: Vec<Vec<u8>>,
}

impl Batch {
    /// Nothing arrived yet.
    pub fn new(server: Arc<Server>, worker: usize, session: Session) -> Batch {
        Batch {
            input: Vec::new(),
            out: Vec::new(),
            consumed: 0,
            parser: Parser::new(),
            session,
            server,
            worker,
            waiting: None,
        }
    }

    /// Runs what it can. This worker's gate is held throughout, so that an EXEC elsewhere sees none of it half done.
    pub fn run(&mut self) -> NextStep {
        let server = self.server.clone();
        let mark = Instant::now();
        let mut round = OneGo {
            server: &server,
            now: server.node.wake(mark),
            mark,
            limits: self.limits(),
            gate: Some(server.gates.enter(self.worker)),
        };
        let mut requests = 0u32;
        let next = loop {
            if self.out.len() > OUTPUT_MOST {
                break NextStep::Flush;
            }
            // Nobody else may be moving the clock. The time at which the latest command ended costs no other look at it.
            requests = requests.wrapping_add(1);
            if requests.is_multiple_of(REQUESTS_A_LOOK) {
                round.now = server.node.wake(round.mark);
            }
            let next = match self.session.exec {
                None => self.run_request(&mut round),
                Some(_) => self.go_on(&mut round),
            };
            if let Some(next) = next {
                break next;
            }
        };
        self.session.publish(round.now.0);
        next
    }

    /// Decodes and runs one request; `None` when the next can follow.
    #[inline]
    fn run_request(&mut self, round: &mut OneGo<'_>) -> Option<NextStep> {
        let input = self.input.get(self.consumed..).unwrap_or(&[]);
        let consumed = match self.parser.next(input, &round.limits) {
            Ok(Parsed::Request { consumed }) => consumed,
            Ok(Parsed::Incomplete { at_least }) => return Some(NextStep::Input { at_least }),
            Ok(Parsed::Empty { consumed }) => {
                self.consumed = self.consumed.saturating_add(consumed);
                return None;
            }
            Err(error) => {
                round.server.metrics.bad_input(refused::of_bytes(error));
                return Some(refuse_input(&mut self.out, error));
            }
        };
        let args = self.parser.args(input);
        let start = self.out.len();
        let mut context = Context {
            server: round.server,
            worker: self.worker,
            session: &mut self.session,
            out: &mut self.out,
            now: round.now,
            mark: round.mark,
            in_exec: false,
        };
        let step = match dispatch::admit(&mut context, args) {
            None => Step::Done,
            Some(command) if round.server.pause.is_on() && dispatch::is_held(&context, command) => {
                return Some(NextStep::Paused);
            }
            Some(command) => {
                let began = context.mark;
                let step = if dispatch::is_lone(command) {
                    round.gate = None;
                    let _alone = round.server.gates.alone();
                    dispatch::run_or_queue(&mut context, command, args)
                } else {
                    dispatch::run_or_queue(&mut context, command, args)
                };
                if matches!(step, Step::Wait(_)) {
                    self.waiting = Some(WaitingReply { command, began, args: slowlog::shortened(args) });
                }
                step
            }
        };
        round.mark = context.mark;
        self.consumed = self.consumed.saturating_add(consumed);
        if round.gate.is_none() {
            round.gate = Some(round.server.gates.enter(self.worker));
        }
        self.muffle(start);
        let logged_in = self.session.authenticated && !round.limits.authenticated;
        match step {
            Step::Wait(reply) => Some(NextStep::Wait(reply)),
            Step::Close => Some(NextStep::Close { linger_on: false }),
            // Other limits hold from here on.
            Step::Done => logged_in.then_some(NextStep::Flush),
        }
    }

    /// Goes on with an EXEC that waited.
    fn go_on(&mut self, round: &mut OneGo<'_>) -> Option<NextStep> {
        let start = self.out.len();
        let mut context = Context {
            server: round.server,
            worker: self.worker,
            session: &mut self.session,
            out: &mut self.out,
            now: round.now,
            mark: round.mark,
            in_exec: true,
        };
        let step = transactions::go_on(&mut context);
        round.mark = context.mark;
        if self.session.replies == Replies::Off {
            self.out.truncate(start);
        }
        match step {
            Step::Wait(reply) => Some(NextStep::Wait(reply)),
            Step::Done | Step::Close => None,
        }
    }

    /// Takes the reply that was waited for.
    pub fn finish(&mut self, reply: &[u8]) {
        if let Some(WaitingReply { command, began, args }) = self.waiting.take() {
            let nanos = crate::clock::nanos(began.elapsed());
            let ended = if reply.first() == Some(&b'-') { RequestEnded::Failed } else { RequestEnded::Well };
            if ended == RequestEnded::Failed {
                self.server.note_error(&reply[1..]);
            }
            self.figures().count(command, nanos, ended);
            dispatch::note_slow(&self.server, &self.session, command, nanos, || args);
        }
        match &mut self.session.exec {
            Some(exec) => exec.replies[exec.waiting].extend_from_slice(reply),
            None => {
                let start = self.out.len();
                self.out.extend_from_slice(reply);
                self.muffle(start);
            }
        }
    }

    /// The connection has ended. What it missed will not be filled any more, unless another connection of its pool does.
    pub fn leave(&mut self) {
        let node = &self.server.node;
        if self.session.place.is_one_client() {
            self.session.misses.unanswered().for_each(|(hash, began)| node.withdraw(hash, began));
        }
    }

    /// Waits until the pause may have ended.
    pub async fn paused(&self) {
        self.server.pause.wait(self.server.node.clock().tick()).await;
    }

    /// This worker's figures.
    pub fn figures(&self) -> &Worker {
        &self.server.workers[self.worker]
    }

    /// Whether this worker has other connections.
    pub fn has_company(&self) -> bool {
        self.figures().connections.load(Relaxed) > 1
    }

    /// Drops what was consumed and makes room for `wanted` bytes more; `kept` is what an empty buffer may keep.
    pub fn make_room(&mut self, wanted: usize, kept: usize) {
        self.input.drain(..self.consumed);
        self.consumed = 0;
        if self.input.is_empty() && self.input.capacity() > kept.saturating_mul(4) {
            self.input = Vec::new();
        }
        let free = self.input.capacity().saturating_sub(self.input.len());
        if free < kept.min(wanted) {
            // Exactly: the room doubles with what has arrived, and does not follow what a client announces.
            self.input.reserve_exact(wanted);
        }
        let activity = &self.session.client.activity;
        activity.input_bytes.store(self.input.len(), Relaxed);
        activity.input_free.store(self.input.capacity().saturating_sub(self.input.len()), Relaxed);
        activity.output_bytes.store(self.out.capacity(), Relaxed);
    }

    fn limits(&self) -> Limits {
        let settings = &self.server.settings;
        Limits {
            max_bulk: settings.max_bulk.load(Relaxed),
            max_request: settings.max_request.load(Relaxed),
            authenticated: self.session.authenticated,
            ..Limits::default()
        }
    }

    /// Takes a reply back that the client does not want.
    #[inline]
    fn muffle(&mut self, start: usize) {
        match self.session.replies {
            Replies::On => return,
            Replies::Off => {}
            // The reply to SKIP itself; the next command's is skipped as well.
            Replies::SkipNext => self.session.replies = Replies::Skip,
            Replies::Skip if self.waiting.is_some() => {}
            Replies::Skip => self.session.replies = Replies::On,
        }
        self.out.truncate(start);
    }
}

/// Tells what broke the protocol, unless it was a browser.
fn refuse_input(out: &mut Vec<u8>, error: ProtocolError) -> NextStep {
    if !error.is_silent() {
        Encoder::new(out, Resp::V2).error(error.to_string());
    }
    NextStep::Close { linger_on: !error.is_silent() }
}
