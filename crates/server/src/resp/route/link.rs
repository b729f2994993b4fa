//! One connection to another node: requests are written together, and replies are given to whoever waits, in order.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use clearwell_protocol::{Encoder, ReplyEnd, Resp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

/// How long a node may take to accept and to greet.
const CONNECT: Duration = Duration::from_secs(1);
/// Requests taken at a time.
const AT_ONCE: usize = 256;
/// Requests whose replies are waited for, and bytes that wait to be written, beyond which no more are taken.
const MOST_WAITING: usize = 4096;
const MOST_BYTES: usize = 1 << 20;
const INPUT: usize = 64 << 10;

/// A request on its way.
pub struct LinkRequest {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// How many replies it has.
    pub replies: usize,
    /// Whoever waits for them.
    pub answer: oneshot::Sender<Result<Vec<u8>, Lost>>,
}

/// Why a request has no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing of it was written: it is not done.
    Unsent,
    /// It may be done or not.
    Underway,
}

/// What a node says when it comes to another one.
pub struct Greeting {
    bytes: Vec<u8>,
    replies: usize,
}

impl Greeting {
    /// Logs in, chooses the protocol, and says that this is a node, and whether reads count as use.
    pub fn new(resp: Resp, no_touch: bool, password: Option<&str>) -> Greeting {
        let mut greeting = Greeting { bytes: Vec::new(), replies: 0 };
        if let Some(password) = password {
            greeting.say(&["AUTH", password]);
        }
        if resp == Resp::V3 {
            greeting.say(&["HELLO", "3"]);
        }
        greeting.say(&["CLIENT", "SETNAME", "cluster-node"]);
        greeting.say(&["CLIENT", "CAPA", "node"]);
        if no_touch {
            greeting.say(&["CLIENT", "NO-TOUCH", "ON"]);
        }
        greeting
    }

    fn say(&mut self, words: &[&str]) {
        Encoder::new(&mut self.bytes, Resp::V2).bulks(words);
        self.replies = self.replies.saturating_add(1);
    }
}

/// A request whose replies are waited for.
struct LinkWaiter {
    /// How much of the stream lies before it.
    from: u64,
    missing: usize,
    replies: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, Lost>>,
}

/// Connects, and carries requests until the connection breaks or nobody has any.
pub async fn run(address: String, greeting: Greeting, mut requests: mpsc::Receiver<LinkRequest>) {
    let opened = tokio::time::timeout(CONNECT, PeerLink::open(&address, greeting)).await;
    match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(mut link) => {
            if let Err(error) = link.carry(&mut requests).await {
                tracing::debug!(address, %error, "connection to another node ended");
            }
            link.lose();
        }
        Err(error) => tracing::debug!(address, %error, "cannot reach another node"),
    }
    requests.close();
    while let Ok(request) = requests.try_recv() {
        let _gone = request.answer.send(Err(Lost::Unsent));
    }
}

struct PeerLink {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    out: Vec<u8>,
    /// Bytes of all requests, and how many of them were written.
    taken: u64,
    written: u64,
    input: Vec<u8>,
    end: ReplyEnd,
    waiting: VecDeque<LinkWaiter>,
}

impl PeerLink {
    async fn open(address: &str, greeting: Greeting) -> io::Result<PeerLink> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (mut read, mut write) = socket.into_split();
        write.write_all(&greeting.bytes).await?;
        let (mut input, mut end) = (Vec::with_capacity(INPUT), ReplyEnd::default());
        for _ in 0..greeting.replies {
            let len = loop {
                match end.next(&input).map_err(io::Error::other)? {
                    Some(len) => break len,
                    None if read.read_buf(&mut input).await? == 0 => {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    None => {}
                }
            };
            if input.first() == Some(&b'-') {
                let why = String::from_utf8_lossy(&input[1..len]).trim_end().to_owned();
                tracing::warn!(address, why, "another node refuses what this one forwards");
                return Err(io::Error::other(why));
            }
            input.drain(..len);
        }
        Ok(PeerLink {
            read,
            write,
            out: Vec::new(),
            taken: 0,
            written: 0,
            input,
            end,
            waiting: VecDeque::new(),
        })
    }

    async fn carry(&mut self, requests: &mut mpsc::Receiver<LinkRequest>) -> io::Result<()> {
        let mut taken = Vec::new();
        loop {
            let has_room = self.waiting.len() < MOST_WAITING && self.out.len() < MOST_BYTES;
            tokio::select! {
                count = requests.recv_many(&mut taken, AT_ONCE), if has_room => {
                    if count == 0 {
                        return Ok(());
                    }
                    taken.drain(..).for_each(|request| self.take(request));
                }
                written = self.write.write(&self.out), if !self.out.is_empty() => {
                    let written = written?;
                    if written == 0 {
                        return Err(io::ErrorKind::WriteZero.into());
                    }
                    self.out.drain(..written);
                    self.written = self.written.saturating_add(written as u64);
                }
                read = self.read.read_buf(&mut self.input) => {
                    if read? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.hand_out()?;
                }
            }
        }
    }

    fn take(&mut self, request: LinkRequest) {
        let LinkRequest { bytes, replies, answer } = request;
        self.waiting.push_back(LinkWaiter {
            from: self.taken,
            missing: replies,
            replies: Vec::new(),
            answer,
        });
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        self.out.extend_from_slice(&bytes);
    }

    /// Gives what arrived to those who wait for it.
    fn hand_out(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Some(front) = self.waiting.front_mut() {
            let Some(len) = self.end.next(&self.input[at..]).map_err(io::Error::other)? else { break };
            front.replies.extend_from_slice(&self.input[at..at.saturating_add(len)]);
            front.missing = front.missing.saturating_sub(1);
            at = at.saturating_add(len);
            if front.missing == 0
                && let Some(answered) = self.waiting.pop_front()
            {
                let _gone = answered.answer.send(Ok(answered.replies));
            }
        }
        self.input.drain(..at);
        match self.waiting.is_empty() && !self.input.is_empty() {
            true => Err(io::Error::other("a reply that nobody asked for")),
            false => Ok(()),
        }
    }

    /// Tells all who wait that nothing comes any more.
    fn lose(&mut self) {
        for waiting in self.waiting.drain(..) {
            let lost = if waiting.from >= self.written { Lost::Unsent } else { Lost::Underway };
            let _gone = waiting.answer.send(Err(lost));
        }
    }
}
