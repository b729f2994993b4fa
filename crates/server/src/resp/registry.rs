//! All connections, as CLIENT LIST and CLIENT KILL see them, and the way to reach one from another thread.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::Waker;

use clearwell_engine::Millis;
use clearwell_protocol::options::{ClientKind, KillOptions};
use clearwell_protocol::{CommandId, table};
use parking_lot::Mutex;

/// Bytes that may wait for a connection besides its replies; one that reads slower than they come is closed.
const MOST_MAIL: usize = 8 << 20;

/// One connection, as others see it. Its own task keeps the figures fresh, a batch at a time.
pub struct ListedClient {
    /// Its number, never used twice.
    pub id: u64,
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    fd: i64,
    since: Millis,
    /// Names that the client gave.
    pub names: Mutex<ClientNames>,
    /// What it is doing.
    pub activity: Activity,
    killed: AtomicBool,
    has_mail: AtomicBool,
    mail: Mutex<Vec<u8>>,
    waker: Mutex<Option<Waker>>,
}

/// What a client says about itself.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ClientNames {
    pub name: String,
    pub lib_name: String,
    pub lib_ver: String,
}

/// Figures that a connection's task publishes.
#[derive(Default)]
#[allow(missing_docs)]
pub struct Activity {
    /// Milliseconds on the node's clock.
    pub last_active: AtomicU64,
    pub last_command: AtomicU16,
    /// Requests queued by MULTI; -1 outside of one.
    pub queued: AtomicI64,
    pub watched: AtomicUsize,
    pub resp3: AtomicBool,
    pub monitoring: AtomicBool,
    pub no_evict: AtomicBool,
    pub no_touch: AtomicBool,
    pub input_bytes: AtomicUsize,
    pub input_free: AtomicUsize,
    pub output_bytes: AtomicUsize,
    pub queued_bytes: AtomicUsize,
    pub channels: AtomicUsize,
    pub patterns: AtomicUsize,
}

/// Why a connection's task was woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// It must end.
    Killed,
    /// There is mail.
    Mail,
}

impl ListedClient {
    /// Ends the connection as soon as its task can.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        self.wake();
    }

    /// Puts bytes behind the replies that are there; `false`: the client does not read them, and is closed.
    pub fn post(&self, bytes: &[u8]) -> bool {
        let mut mail = self.mail.lock();
        if mail.len().saturating_add(bytes.len()) > MOST_MAIL {
            drop(mail);
            self.kill();
            return false;
        }
        mail.extend_from_slice(bytes);
        drop(mail);
        self.has_mail.store(true, Relaxed);
        self.wake();
        true
    }

    /// Takes the mail.
    pub fn take_mail(&self, out: &mut Vec<u8>) {
        let mut mail = self.mail.lock();
        self.has_mail.store(false, Relaxed);
        out.append(&mut mail);
    }

    /// What the task has to see to besides its socket.
    #[inline]
    pub fn call(&self) -> Option<Call> {
        match () {
            () if self.killed.load(Relaxed) => Some(Call::Killed),
            () if self.has_mail.load(Relaxed) => Some(Call::Mail),
            () => None,
        }
    }

    /// Remembers how to wake the task; it must look at [`ListedClient::call`] again afterwards.
    #[inline]
    pub fn park(&self, waker: &Waker) {
        let mut slot = self.waker.lock();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    fn wake(&self) {
        // The lock orders this after the flag's store for whoever parked before, and before `call` for who parks later.
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Notes how many channels and patterns it listens to.
    pub fn listens_to(&self, channels: usize, patterns: usize) {
        self.activity.channels.store(channels, Relaxed);
        self.activity.patterns.store(patterns, Relaxed);
    }

    /// How many channels and patterns it listens to.
    #[inline]
    pub fn subscriptions(&self) -> usize {
        let activity = &self.activity;
        activity.channels.load(Relaxed).saturating_add(activity.patterns.load(Relaxed))
    }

    /// What CLIENT KILL and CLIENT LIST call it.
    pub fn kind(&self) -> ClientKind {
        if self.subscriptions() > 0 { ClientKind::Pubsub } else { ClientKind::Normal }
    }

    /// Whether it has said nothing for longer than `timeout_ms`. One that watches commands or listens is never idle.
    pub fn is_idle(&self, now: Millis, timeout_ms: u64) -> bool {
        let idle_ms = now.since(Millis(self.activity.last_active.load(Relaxed)));
        idle_ms > timeout_ms && !self.activity.monitoring.load(Relaxed) && self.subscriptions() == 0
    }

    /// Whether part of a request is there and the rest is not.
    pub fn is_amid_request(&self) -> bool {
        self.activity.input_bytes.load(Relaxed) > 0
    }

    fn flags(&self) -> String {
        let mut flags = String::new();
        let marks = [
            (self.activity.monitoring.load(Relaxed), 'O'),
            (self.subscriptions() > 0, 'P'),
            (self.activity.queued.load(Relaxed) >= 0, 'x'),
            (self.activity.no_evict.load(Relaxed), 'e'),
            (self.activity.no_touch.load(Relaxed), 'T'),
        ];
        flags.extend(marks.into_iter().filter_map(|(is_set, mark)| is_set.then_some(mark)));
        if flags.is_empty() { "N".to_owned() } else { flags }
    }

    /// The line of CLIENT LIST, with its end.
    pub fn line(&self, now: Millis) -> String {
        let a = &self.activity;
        let names = self.names.lock().clone();
        let (input, input_free) = (a.input_bytes.load(Relaxed), a.input_free.load(Relaxed));
        let (output, queued_bytes) = (a.output_bytes.load(Relaxed), a.queued_bytes.load(Relaxed));
        let total =
            input.saturating_add(input_free).saturating_add(output).saturating_add(queued_bytes) + 1024;
        let mut line = String::with_capacity(400);
        // Writing to a string cannot fail.
        let _ = write!(line, "id={} addr={} laddr={} fd={} ", self.id, self.peer, self.local, self.fd);
        let age = now.since(self.since) / 1000;
        let idle = now.since(Millis(a.last_active.load(Relaxed))) / 1000;
        let flags = self.flags();
        let _ = write!(line, "name={} age={age} idle={idle} flags={flags} db=0 ", names.name);
        let (queued, watched) = (a.queued.load(Relaxed), a.watched.load(Relaxed));
        let (channels, patterns) = (a.channels.load(Relaxed), a.patterns.load(Relaxed));
        let _ = write!(line, "sub={channels} psub={patterns} ssub=0 multi={queued} watch={watched} ");
        let _ = write!(line, "qbuf={input} qbuf-free={input_free} argv-mem=0 multi-mem={queued_bytes} ");
        let _ = write!(line, "rbs={output} rbp={output} obl=0 oll=0 omem=0 tot-mem={total} events=r ");
        let command = command_name(a.last_command.load(Relaxed));
        let resp = if a.resp3.load(Relaxed) { 3 } else { 2 };
        let _ = write!(line, "cmd={command} user=default redir=-1 resp={resp} ");
        let _ = writeln!(line, "lib-name={} lib-ver={}", names.lib_name, names.lib_ver);
        line
    }

    /// Whether CLIENT KILL means this connection.
    pub fn matches(&self, options: &KillOptions<'_>) -> bool {
        let is = |wanted: Option<&[u8]>, addr: SocketAddr| {
            wanted.is_none_or(|wanted| wanted == addr.to_string().as_bytes())
        };
        options.id.is_none_or(|id| id == self.id)
            && options.kind.is_none_or(|kind| kind == self.kind())
            && options.user.is_none_or(|user| user == b"default")
            && is(options.addr, self.peer)
            && is(options.laddr, self.local)
    }
}

/// The name of a command by its id's number.
fn command_name(id: u16) -> &'static str {
    let known = table::all_with_subcommands().find(|command| command.id as u16 == id);
    known.map_or("NULL", |command| command.name)
}

/// All connections by number, that is by age.
#[derive(Default)]
pub struct Registry {
    next: AtomicU64,
    clients: Mutex<BTreeMap<u64, Arc<ListedClient>>>,
    /// Connections that were ever accepted.
    pub received: AtomicU64,
    /// Connections that were turned away because there were too many.
    pub rejected: AtomicU64,
}

impl Registry {
    /// The number of a connection that was just accepted.
    pub fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Adds a connection, unless there are `most` already.
    pub fn admit(
        &self,
        id: u64,
        peer: SocketAddr,
        local: SocketAddr,
        fd: i64,
        now: Millis,
        most: usize,
    ) -> Option<Arc<ListedClient>> {
        self.received.fetch_add(1, Relaxed);
        let mut clients = self.clients.lock();
        if clients.len() >= most {
            self.rejected.fetch_add(1, Relaxed);
            return None;
        }
        let activity = Activity {
            last_active: AtomicU64::new(now.0),
            last_command: AtomicU16::new(u16::MAX),
            queued: AtomicI64::new(-1),
            ..Activity::default()
        };
        let client = Arc::new(ListedClient {
            id,
            peer,
            local,
            fd,
            since: now,
            names: Mutex::default(),
            activity,
            killed: AtomicBool::new(false),
            has_mail: AtomicBool::new(false),
            mail: Mutex::default(),
            waker: Mutex::default(),
        });
        clients.insert(id, client.clone());
        Some(client)
    }

    /// Removes a connection that has ended.
    pub fn remove(&self, id: u64) {
        self.clients.lock().remove(&id);
    }

    /// Everybody, oldest first.
    pub fn all(&self) -> Vec<Arc<ListedClient>> {
        self.clients.lock().values().cloned().collect()
    }

    /// A command as [`Activity::last_command`] keeps it.
    pub fn command_number(id: CommandId) -> u16 {
        id as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_line_of_client_list_has_every_field_in_redis_order() {
        let registry = Registry::default();
        let client = registry
            .admit(registry.next_id(), address(5), address(6), 9, Millis(1_000), 10)
            .expect("there is room");
        client.names.lock().name = "worker".into();
        client.activity.last_command.store(Registry::command_number(CommandId::ClientList), Relaxed);
        client.activity.last_active.store(3_000, Relaxed);
        let line = client.line(Millis(5_500));
        assert!(
            line.starts_with(
                "id=1 addr=127.0.0.1:5 laddr=127.0.0.1:6 fd=9 name=worker age=4 idle=2 flags=N db=0 \
                 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 "
            ),
            "{line}"
        );
        assert!(
            line.ends_with("cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver=\n"),
            "{line}"
        );
        client.activity.queued.store(2, Relaxed);
        assert!(client.line(Millis(0)).contains(" flags=x db=0 "));
    }

    #[test]
    fn kill_filters_must_all_hold() {
        let registry = Registry::default();
        let client = registry
            .admit(registry.next_id(), address(5), address(6), 9, Millis(0), 10)
            .expect("there is room");
        let all = KillOptions {
            old_form: false,
            id: None,
            kind: None,
            user: None,
            addr: None,
            laddr: None,
            skip_me: true,
        };
        assert!(client.matches(&all));
        assert!(client.matches(&KillOptions { id: Some(1), addr: Some(b"127.0.0.1:5"), ..all.clone() }));
        assert!(!client.matches(&KillOptions { id: Some(1), addr: Some(b"127.0.0.1:6"), ..all.clone() }));
        assert!(!client.matches(&KillOptions { kind: Some(ClientKind::Pubsub), ..all.clone() }));
        assert!(!client.matches(&KillOptions { user: Some(b"alice"), ..all }));
    }

    #[test]
    fn one_beyond_the_most_is_turned_away_and_counted() {
        let registry = Registry::default();
        let first = registry
            .admit(registry.next_id(), address(1), address(2), 3, Millis(0), 1)
            .expect("there is room");
        assert!(registry.admit(registry.next_id(), address(1), address(2), 3, Millis(0), 1).is_none());
        assert_eq!((registry.received.load(Relaxed), registry.rejected.load(Relaxed)), (2, 1));
        registry.remove(first.id);
        assert_eq!(
            registry
                .admit(registry.next_id(), address(1), address(2), 3, Millis(0), 1)
                .map(|client| client.id),
            Some(3)
        );
    }

    #[test]
    fn mail_beyond_the_bound_ends_the_connection() {
        let registry = Registry::default();
        let client = registry
            .admit(registry.next_id(), address(1), address(2), 3, Millis(0), 1)
            .expect("there is room");
        assert!(client.post(b"+hello\r\n"));
        assert_eq!(client.call(), Some(Call::Mail));
        let mut out = Vec::new();
        client.take_mail(&mut out);
        assert_eq!((&out[..], client.call()), (&b"+hello\r\n"[..], None));
        assert!(!client.post(&vec![b'x'; MOST_MAIL + 1]));
        assert_eq!(client.call(), Some(Call::Killed));
    }
}
