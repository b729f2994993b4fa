//! A request's way to the owner of its keys, and again where that failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clearwell_cluster::Slot;
use clearwell_protocol::{Args, Command, CommandError, Encoder, Flags, Resp};
use tokio::sync::oneshot;

use super::link::{LinkRequest, Lost};
use super::place::Placement;
use super::{NOBODY, OWNERS_APART};
use crate::resp::dispatch::Context;
use crate::resp::server::Server;

/// For how long a request that nobody serves is tried again: a failover takes less.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two attempts.
pub const PAUSE: Duration = Duration::from_millis(30);
/// How often a request on its way looks whether another node serves its keys by now.
const LOOK: Duration = Duration::from_millis(200);
/// How long a reply is waited for, and how long for that of a change whose keys have a new owner.
pub const REPLY_MOST: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(1);

const UNKNOWN: CommandError = CommandError::literal(
    "UNKNOWN the node that serves the key went away while the command was on its way: it may be done or not",
);

/// What is sent to one owner.
#[derive(Clone)]
pub struct Forwarded {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// How many replies it has.
    pub replies: usize,
    /// The slots of its keys; none, where it is asked of a node.
    pub slots: Vec<Slot>,
    /// Whether it changes nothing, and so may be sent twice.
    pub reads: bool,
}

impl Forwarded {
    /// One command.
    pub fn of(args: Args<'_>, slots: Vec<Slot>, command: &Command) -> Forwarded {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, Resp::V2).bulks(args.iter());
        Forwarded { bytes: bytes.into(), replies: 1, slots, reads: command.flags.has(Flags::READONLY) }
    }
}

/// How an attempt ended.
pub enum Tried {
    /// The replies.
    Answered(Vec<u8>),
    /// Nothing was done: to be tried again. What was said of it, if anything was.
    Again(Option<Vec<u8>>),
    /// It may be done or not.
    Unknown,
}

/// One client's errand to other nodes.
pub struct Errand {
    server: Arc<Server>,
    worker: usize,
    /// The protocol that the client speaks.
    pub resp: Resp,
    /// Whether its reads are kept from counting as use.
    no_touch: bool,
    /// The command that is sent.
    pub command: &'static Command,
    /// Since when.
    pub began: Instant,
}

impl Errand {
    /// For the connection whose request is run.
    pub fn new(context: &Context<'_>, command: &'static Command) -> Errand {
        Errand {
            server: context.server.clone(),
            worker: context.worker,
            resp: context.session.resp,
            no_touch: context.session.no_touch,
            command,
            began: Instant::now(),
        }
    }

    /// The node that sends.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a request until it is answered.
    pub async fn reply(self, request: Forwarded) -> Vec<u8> {
        let mut said = None;
        loop {
            match Placement::of(&self.server.node, &request.slots) {
                Placement::Apart => return error(&OWNERS_APART),
                Placement::Nobody => {}
                placement => match self.attempt(&request, &placement).await {
                    Tried::Answered(replies) => return replies,
                    Tried::Again(why) => said = why.or(said),
                    Tried::Unknown => return unknown(),
                },
            }
            if self.began.elapsed() > PATIENCE {
                return self.refusal(said);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The last word on a request that nobody took.
    pub fn refusal(&self, said: Option<Vec<u8>>) -> Vec<u8> {
        said.filter(|said| !said.starts_with(b"-MOVED")).unwrap_or_else(|| error(&NOBODY))
    }

    /// Sends a request once.
    pub async fn attempt(&self, request: &Forwarded, placement: &Placement) -> Tried {
        let own = || self.server.address.to_string();
        let address = match placement {
            Placement::At(_, address) => address.clone(),
            Placement::Here => own(),
            Placement::Apart | Placement::Nobody => return Tried::Again(None),
        };
        let password = self.server.settings.password.load_full();
        let peers = &self.server.workers[self.worker].peers;
        let link = peers.to(&address, self.resp, self.no_touch, password.as_deref().map(String::as_str));
        let (answer, answered) = oneshot::channel();
        let sent = LinkRequest { bytes: request.bytes.clone(), replies: request.replies, answer };
        if link.send(sent).await.is_err() {
            return Tried::Again(None);
        }
        match self.answered(request, placement, answered).await {
            Ok(replies) => match redirected(&replies, request.replies) {
                Some(why) => Tried::Again(Some(why)),
                None => Tried::Answered(replies),
            },
            Err(Lost::Unsent) => Tried::Again(None),
            Err(Lost::Underway) if request.reads => Tried::Again(None),
            Err(Lost::Underway) => Tried::Unknown,
        }
    }

    /// Waits for the replies; not any longer where the keys have another owner by now, whom a frozen one does not hear of.
    async fn answered(
        &self,
        request: &Forwarded,
        placement: &Placement,
        mut answered: oneshot::Receiver<Result<Vec<u8>, Lost>>,
    ) -> Result<Vec<u8>, Lost> {
        let (sent, mut left) = (Instant::now(), None);
        loop {
            match tokio::time::timeout(LOOK, &mut answered).await {
                Ok(Ok(replies)) => return replies,
                Ok(Err(_)) => return Err(Lost::Underway),
                Err(_) if sent.elapsed() > REPLY_MOST => return Err(Lost::Underway),
                Err(_) => {}
            }
            left = match self.has_moved(request, placement) {
                true => left.or(Some(Instant::now())),
                false => None,
            };
            if left.is_some_and(|left| request.reads || left.elapsed() > FAREWELL) {
                return Err(Lost::Underway);
            }
        }
    }
}

impl Errand {
    /// Whether others have what was sent there for by now: they serve its slots, or the node of which it is asked is none of the cluster.
    fn has_moved(&self, request: &Forwarded, placement: &Placement) -> bool {
        match placement {
            Placement::At(peer, _) if request.slots.is_empty() => {
                !self.server.node.view().is_some_and(|view| view.has(*peer))
            }
            _ if request.slots.is_empty() => false,
            _ => {
                let now = Placement::of(&self.server.node, &request.slots);
                now != *placement && now != Placement::Nobody
            }
        }
    }
}

/// The reply that says that nothing was done because the keys are elsewhere, if there is one.
pub fn redirected(replies: &[u8], count: usize) -> Option<Vec<u8>> {
    let says = |reply: &[u8]| {
        [&b"-MOVED "[..], b"-CLUSTERDOWN ", b"-TRYAGAIN "].iter().any(|word| reply.starts_with(word))
    };
    match count {
        1 => says(replies).then(|| replies.to_vec()),
        _ => super::block::replies(replies).into_iter().find(|reply| says(reply)).map(<[u8]>::to_vec),
    }
}

/// An error as a reply.
pub fn error(error: &CommandError) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, Resp::V2).error(error);
    bytes
}

/// The reply to a change that may be done or not.
pub fn unknown() -> Vec<u8> {
    error(&UNKNOWN)
}
