//! What a script does to a world, besides asking its hosts.

use clearwell_cluster::record::Record;
use clearwell_cluster::{Message, Operation};

use super::World;
use crate::names::KeyId;
use crate::network::Set;
use crate::queue::Micros;
use crate::seen::Seen;
use crate::value::WriteId;

impl World {
    /// Notes what happens, when somebody wants to know.
    pub(super) fn see(&mut self, what: impl FnOnce(&World) -> Option<Seen>) {
        if self.watch.is_none() {
            return;
        }
        if let (Some(seen), now) = (what(self), self.now)
            && let Some(watch) = &mut self.watch
        {
            watch.push((now, seen));
        }
    }

    /// A line of the script for the story.
    pub fn see_script(&mut self, line: String) {
        self.see(|_| Some(Seen::Script(line)));
    }

    /// Nothing passes from one set to another until the cut of this number is mended.
    pub fn cut_one_way(&mut self, id: u32, from: Set, to: Set) {
        self.network.cut(id, from, to);
    }

    /// Ends that.
    pub fn mend(&mut self, id: u32) {
        self.network.mend(id);
    }

    /// The next message with a record that makes something old gets lost between these.
    pub fn lose_next_record(&mut self, from: usize, to: usize) {
        self.to_lose.push((from, to));
    }

    /// Whether a message is the one that is to be lost.
    pub(super) fn is_to_be_lost(&mut self, from: usize, to: usize, message: &Message) -> bool {
        let Message::Records(records) = message else { return false };
        let matters = |record: &Record| record.is_wide() || record.makes_old().is_some();
        if !records.records.iter().any(|record| matters(record)) {
            return false;
        }
        let at = self.to_lose.iter().position(|&pair| pair == (from, to));
        at.map(|at| self.to_lose.swap_remove(at)).is_some()
    }

    /// A process stands still for a while; its clock goes on.
    pub fn pause(&mut self, host: usize, us: Micros) {
        let until = self.now + us;
        self.hosts[host].stopped_until = until.max(self.hosts[host].stopped_until);
    }

    /// A process dies now; its disk stays.
    pub fn crash_now(&mut self, host: usize) {
        self.crash(host);
    }

    /// It starts again.
    pub fn start_again(&mut self, host: usize) {
        self.start(host);
    }

    /// A new node joins.
    pub fn join(&mut self) -> usize {
        self.add_host(false)
    }

    /// A node leaves in order. False when it cannot: it does not run, or fewer than three would stay.
    pub fn leave_in_order(&mut self, host: usize) -> bool {
        self.leave(host);
        self.hosts[host].leaves
    }

    /// An operator changes the replication factor.
    pub fn set_replicas(&mut self, replicas: u8) {
        self.operate(Operation::Replicas(replicas), None);
    }

    /// Somebody commits behind the cluster's back.
    pub fn commit_unseen(&mut self, key: KeyId, removes: bool) -> WriteId {
        let write = self.history.source.intend(key, removes);
        self.history.source.commit(write, false, true, self.now);
        self.see(|_| Some(Seen::Committed { key, write, through: false }));
        write
    }

    /// So many bytes of slots' contents pass a link in a second from now on.
    pub fn narrow_links(&mut self, bulk_bytes_s: u64) {
        self.network.weather.bulk_bytes_s = bulk_bytes_s;
    }

    /// Statements are on their way to the source for so long from now on.
    pub fn slow_statements(&mut self, us: Micros) {
        self.statements_after = us;
    }

    /// The source takes this long for each answer from now on.
    pub fn slow_answers(&mut self, us: Micros) {
        self.answers_after = us;
    }

    /// The source fails for a while.
    pub fn fail_source(&mut self, us: Micros) {
        self.failing_until = self.now + us;
    }

    /// The feed stands still for a while.
    pub fn stall_feed(&mut self, us: Micros) {
        self.feed.stalled_until = self.now + us;
    }

    /// A session takes over what another has seen.
    pub fn take_token(&mut self, client: u16, from: u16) {
        self.hand_on(client, from);
    }
}
