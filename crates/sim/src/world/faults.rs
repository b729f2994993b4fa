//! Faults begin and end.

use clearwell_cluster::{Input, Message, NodeId, Operation, Persist, Slot, View};

use super::{Happening, World};
use crate::counts::Count;
use crate::fault::What;
use crate::host::{State, index_of, node_of};
use crate::network::Set;
use crate::options::SECOND;
use crate::queue::Micros;

impl World {
    pub(super) fn fault_begins(&mut self, at: u32) {
        let fault = self.options.faults[at as usize].clone();
        let until = self.now + fault.us;
        let line = fault.what;
        self.tell(None, |_| {
            format!("-- {}", crate::fault::Fault { what: line, ..fault.clone() }.to_string().trim())
        });
        match fault.what {
            What::Crash { host, outputs, disk } => self.light(usize::from(host), outputs, disk, until),
            What::Pause(host) => {
                if let Some(host) = self.hosts.get_mut(usize::from(host)) {
                    host.stopped_until = until.max(host.stopped_until);
                }
            }
            What::Cut { side, one_way } => self.cut_sides(at, side, one_way),
            What::Isolate { host, way } => self.isolate(at, usize::from(host), way),
            What::SlowSource => self.slow_until = until,
            What::FailingSource => self.failing_until = until,
            What::FeedStalls => self.feed.stalled_until = until,
            What::FeedGap => self.feed.gap_until = until,
            What::Join => {
                self.add_host(false);
            }
            What::Leave(host) => self.leave(usize::from(host)),
            What::Replicas(replicas) => self.operate(Operation::Replicas(replicas), None),
            What::Weight(host, weight) => self.operate(Operation::Weight(weight), Some(usize::from(host))),
            What::Turn(host, ppm) => {
                let now = self.now;
                if let Some(host) = self.hosts.get_mut(usize::from(host)) {
                    host.clock.turn(now, i64::from(ppm));
                }
            }
            What::Near(host) => self.replace_near(usize::from(host)),
            What::CrashInChoice { host, outputs } => {
                if let Some(host) = self.hosts.get_mut(usize::from(host)) {
                    host.choice_fuse = Some((outputs, fault.us));
                }
            }
            What::LostChoices(percent) => {
                (self.choices_lost_until, self.choices_lost_percent) = (until, u32::from(percent));
            }
            What::Outage => self.lose_power(fault.us),
            What::CrashInSync(host) => {
                if let Some(host) = self.hosts.get_mut(usize::from(host)) {
                    host.sync_fuse = Some(fault.us);
                }
            }
            What::FullDisk(host) => self.fill_disk(usize::from(host), until),
            What::Deaf(side) => (self.deaf_until, self.deaf_side) = (until, side),
        }
        if matches!(fault.what, What::Cut { .. } | What::Isolate { .. }) {
            self.queue.push(until, Happening::FaultEnds(at));
        }
    }

    pub(super) fn fault_ends(&mut self, at: u32) {
        self.network.mend(at);
        self.tell(None, |world| format!("-- over: {}", world.options.faults[at as usize].to_string().trim()));
    }

    /// The crash comes with the next outputs, or in a moment.
    fn light(&mut self, host: usize, outputs: u8, disk: bool, back: u64) {
        if !self.is_node(host) || (!disk && (self.staying() <= 3 || !self.may_lose_disk(host))) {
            return;
        }
        self.hosts[host].fuse = Some((outputs, disk));
        let incarnation = self.hosts[host].peer.incarnation;
        let index = host as u32;
        self.queue.push(self.now + 150_000, Happening::Crash { host: index, incarnation });
        match disk {
            true => self.queue.push(back.max(self.now + 200_000), Happening::Start { host: index }),
            false if host.is_multiple_of(2) => {
                self.queue.push(self.now + 3 * SECOND, Happening::Forget { host: index })
            }
            false => {}
        }
    }

    /// All nodes die at once; the disks stay.
    fn lose_power(&mut self, us: Micros) {
        for host in (0..self.hosts.len()).filter(|&host| self.is_node(host)).collect::<Vec<_>>() {
            self.crash(host);
            let back = self.now + us / 4 + self.choice_rng.below(us);
            self.queue.push(back, Happening::Start { host: host as u32 });
        }
    }

    /// A voter whose time has come crashes a few outputs after it has written down its word: before anybody has heard it, or after.
    pub(super) fn light_by_choice(&mut self, host: usize, what: &Persist) {
        if self.hosts[host].choice_fuse.is_none()
            || !matches!(what, Persist::Ballot(_))
            || !self.is_node(host)
        {
            return;
        }
        if let Some((outputs, us)) = self.hosts[host].choice_fuse.take()
            && self.hosts[host].fuse.is_none()
        {
            self.light(host, outputs, true, self.now + us);
        }
    }

    /// Whether a message about views gets lost now.
    pub(super) fn loses_choice(&mut self, message: &Message) -> bool {
        let is_about_views = matches!(message, Message::Decree(_) | Message::View(..));
        is_about_views
            && self.now < self.choices_lost_until
            && self.choice_rng.percent(self.choices_lost_percent)
    }

    /// Whether a host does not hear a message that reaches it: gossip, while it is deaf.
    pub(super) fn is_deaf_to(&mut self, host: usize, message: &Message) -> bool {
        let is_deaf = self.now < self.deaf_until && self.deaf_side >> (host % 64) & 1 == 1;
        let misses = is_deaf && matches!(message, Message::Gossip(_));
        self.counts.add(Count::GossipUnheard, u64::from(misses));
        misses
    }

    /// What is assumed of disks: in the newest view each slot has another holder whose disk is there, and a majority of the
    /// voters has theirs. The newest may be known to this host alone, and go with its disk: then the one before it counts. One that a
    /// voter has accepted may be chosen any moment.
    fn may_lose_disk(&self, host: usize) -> bool {
        let newest_of = |counts: &dyn Fn(usize) -> bool| {
            let views = self.hosts.iter().enumerate().filter(|(at, _)| counts(*at));
            views.filter_map(|(_, host)| host.view()).max_by_key(|view| view.epoch)
        };
        let views = [newest_of(&|_| true), newest_of(&|at| at != host)];
        let newest = views[0].as_ref().map(|view| view.epoch);
        let accepted = self.hosts.iter().filter_map(|host| host.disk.newest_ballot()?.accepted.as_ref());
        let mut to_come = accepted.map(|(_, view)| view).filter(|view| Some(view.epoch) > newest);
        to_come.all(|view| self.outlasts(view, host))
            && views.into_iter().all(|view| view.is_some_and(|view| self.outlasts(&view, host)))
    }

    /// Whether what a view needs is still there when a host's disk is lost.
    fn outlasts(&self, view: &View, host: usize) -> bool {
        let lost = node_of(host);
        let stays = |node: NodeId| {
            let host = &self.hosts[index_of(node)];
            node != lost && host.state != State::Gone && !matches!(host.fuse, Some((_, false)))
        };
        let is_kept = |slot: Slot| {
            let mut holders = view.holders(slot);
            !view.holders(slot).any(|peer| peer.node == lost) || holders.any(|peer| stays(peer.node))
        };
        view.voters.iter().filter(|voter| stays(**voter)).count() >= view.majority()
            && (0..view.slots).map(Slot).all(is_kept)
    }

    pub(super) fn is_node(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|host| !host.is_near && host.state == State::Up && !host.leaves)
    }

    fn cut_sides(&mut self, at: u32, side: u64, one_way: bool) {
        let (mut left, mut right) = (Set::default(), Set::default());
        for host in 0..self.hosts.len() {
            if side >> (host % 64) & 1 == 1 { left.insert(host) } else { right.insert(host) }
        }
        if !one_way {
            self.network.cut(at, right.clone(), left.clone());
        }
        self.network.cut(at, left, right);
    }

    /// Cuts two sets off from one another.
    pub fn cut_between(&mut self, one: Set, other: Set) {
        self.network.cut(u32::MAX, one.clone(), other.clone());
        self.network.cut(u32::MAX, other, one);
    }

    /// Ends that.
    pub fn mend_all(&mut self) {
        self.network.mend(u32::MAX);
    }

    fn isolate(&mut self, at: u32, host: usize, way: u8) {
        let (mut one, mut others) = (Set::default(), Set::default());
        (0..self.hosts.len())
            .for_each(|other| if other == host { one.insert(other) } else { others.insert(other) });
        if way != 1 {
            self.network.cut(at, others.clone(), one.clone());
        }
        if way != 2 {
            self.network.cut(at, one, others);
        }
    }

    pub(super) fn leave(&mut self, host: usize) {
        if !self.is_node(host) || !self.hosts[host].acts(self.now) || self.staying() <= 3 {
            return;
        }
        self.operate(Operation::Leave, Some(host));
        self.hosts[host].leaves = true;
        self.queue.push(self.now + 15 * SECOND, Happening::Stop { host: host as u32 });
    }

    pub(super) fn operate(&mut self, what: Operation, host: Option<usize>) {
        let acts = |&host: &usize| !self.hosts[host].is_near && self.hosts[host].acts(self.now);
        let first = (0..self.hosts.len()).find(acts);
        if let Some(host) = host.filter(|host| *host < self.hosts.len()).filter(acts).or(first) {
            self.step(host, Input::Operate(what));
        }
    }

    fn replace_near(&mut self, host: usize) {
        if self.hosts.get(host).is_some_and(|host| host.is_near && host.state == State::Up) {
            self.stop(host);
            self.add_host(true);
        }
    }

    /// All is well again: from now on only convergence counts.
    pub(super) fn heal(&mut self) {
        self.tell(None, |_| "-- all is well from now on".into());
        self.healed = true;
        self.network.heal();
        (self.slow_until, self.failing_until) = (0, 0);
        (self.choices_lost_until, self.deaf_until) = (0, 0);
        (self.feed.stalled_until, self.feed.gap_until) = (0, 0);
        (self.options.source_ppm, self.options.lag_us) = (0, 0);
        self.mend_disks();
        let now = self.now;
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            host.stopped_until = host.stopped_until.min(now);
            (host.choice_fuse, host.sync_fuse) = (None, None);
            if host.state == State::Down && host.peer.incarnation > 0 {
                self.start(index);
            }
        }
        // Who waits for what a lost disk had waits until an operator says that it will not come.
        for index in 0..self.hosts.len() {
            if self.hosts[index].state == State::Gone && !self.hosts[index].is_near {
                self.queue.push(now + SECOND, Happening::Forget { host: index as u32 });
            }
        }
        let quiet = self.options.quiet + SECOND + self.options.handing_over();
        self.history.audit_from = quiet;
        for host in 0..self.hosts.len() {
            self.queue.push(quiet + host as u64 * 1_000, Happening::Audit(host as u32));
        }
    }
}
