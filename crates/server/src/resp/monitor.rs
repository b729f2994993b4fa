//! MONITOR: every command as it comes, to whoever asked.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use clearwell_protocol::{Args, Command, CommandId, Flags};
use parking_lot::Mutex;

use super::registry::ListedClient;

/// Who watches.
#[derive(Default)]
pub struct Monitors {
    count: AtomicUsize,
    clients: Mutex<Vec<Arc<ListedClient>>>,
}

impl Monitors {
    /// Whether anybody watches; cheap.
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Relaxed) > 0
    }

    /// Adds a watcher.
    pub fn add(&self, client: Arc<ListedClient>) {
        let mut clients = self.clients.lock();
        if !clients.iter().any(|known| known.id == client.id) {
            clients.push(client);
        }
        self.count.store(clients.len(), Relaxed);
    }

    /// Takes a watcher away.
    pub fn remove(&self, id: u64) {
        let mut clients = self.clients.lock();
        clients.retain(|client| client.id != id);
        self.count.store(clients.len(), Relaxed);
    }

    /// Shows a command, and tells how many watchers were too slow for it. Those for operators and those that carry passwords
    /// are not shown.
    pub fn show(&self, command: &Command, args: Args<'_>, from: &ListedClient, unix_us: i64) -> usize {
        let secret = matches!(command.id, CommandId::Auth | CommandId::Hello);
        if secret || command.flags.has(Flags::ADMIN) {
            return 0;
        }
        let line = line(args, &from.peer.to_string(), unix_us);
        self.clients.lock().iter().filter(|client| !client.post(line.as_bytes())).count()
    }
}

fn line(args: Args<'_>, peer: &str, unix_us: i64) -> String {
    // Writing to a string cannot fail.
    let mut line = String::new();
    let (seconds, micros) = (unix_us / 1_000_000, unix_us % 1_000_000);
    let _ = write!(line, "+{seconds}.{micros:06} [0 {peer}]");
    for arg in args.iter() {
        line.push_str(" \"");
        arg.iter().for_each(|&byte| escape(byte, &mut line));
        line.push('"');
    }
    line.push_str("\r\n");
    line
}

/// A byte as Redis prints it within quotes.
fn escape(byte: u8, line: &mut String) {
    match byte {
        b'\\' | b'"' => {
            line.push('\\');
            line.push(char::from(byte));
        }
        b'\n' => line.push_str("\\n"),
        b'\r' => line.push_str("\\r"),
        b'\t' => line.push_str("\\t"),
        7 => line.push_str("\\a"),
        8 => line.push_str("\\b"),
        b' '..=b'~' => line.push(char::from(byte)),
        _ => {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use clearwell_protocol::OwnedArgs;

    use super::*;

    #[test]
    fn a_line_is_escaped_as_redis_does() {
        let args: OwnedArgs = [&b"SET"[..], b"k\"\\", b"\x00\xff\r\n"].into_iter().collect();
        assert_eq!(
            line(args.as_args(), "127.0.0.1:9", 1_339_518_083_107_412),
            "+1339518083.107412 [0 127.0.0.1:9] \"SET\" \"k\\\"\\\\\" \"\\x00\\xff\\r\\n\"\r\n"
        );
    }
}
