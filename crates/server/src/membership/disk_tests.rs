//! The log of a member over a disk that fails, fills up and loses power: what was told to last is there, and a beginning of the rest.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use clearwell_cluster::decree::{Ballot, Word};
use clearwell_cluster::view::Seat;
use clearwell_cluster::{
    Awaited, Entry, Epoch, Hold, Meta, NodeId, Peer, Persist, Persisted, Slot, View, slot::slot_of,
};
use clearwell_words::{Cause, Effect, Scope, Version};
use fastrand::Rng;

use super::MemberDisk;
use super::disk::Growth;
use crate::journal::faults::{DiskFault, FaultyDisk};
use crate::journal::{Journal, JournalDisk, Order};

const SLOTS: u16 = 4;
const SEGMENT: u64 = 2_000;
const GROWTH: Growth = Growth { times: 2, bytes: 3_000 };

#[derive(Debug, PartialEq, Eq)]
enum Happened {
    Lasts(u64),
    /// The disk did not take something.
    Refused,
    /// The journal's thread has ended.
    Ended,
}

/// A disk that tells the test what happens to it.
struct Watched(FaultyDisk, Sender<Happened>);

impl Watched {
    fn told<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.is_err() {
            // Nobody listens at the test's end.
            let _ = self.1.send(Happened::Refused);
        }
        done
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.1.send(Happened::Ended);
    }
}

impl JournalDisk for Watched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.read(name)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let done = self.0.create(name);
        self.told(done)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<usize> {
        let done = self.0.append(name, bytes);
        self.told(done)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let done = self.0.sync(name);
        self.told(done)
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.0.truncate(name, len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let done = self.0.sync_folder();
        self.told(done)
    }
}

/// A process that has the disk.
struct Process {
    disk: Option<MemberDisk>,
    happened: Receiver<Happened>,
    handed: u64,
    lasting: u64,
}

impl Process {
    fn start(disk: &FaultyDisk) -> Result<(Process, Vec<Persist>), String> {
        let (told, happened) = channel();
        let watched = Watched(disk.clone(), told.clone());
        let opened = Journal::over(Box::new(watched), SEGMENT, Order::Strict { again: Duration::ZERO });
        let (member, there) = MemberDisk::over(opened, SLOTS, GROWTH)?;
        member.on_lasts(move |count| {
            let _ = told.send(Happened::Lasts(count));
        });
        Ok((Process { disk: Some(member), happened, handed: 0, lasting: 0 }, there))
    }

    fn member(&self) -> &MemberDisk {
        self.disk.as_ref().expect("it runs")
    }

    fn hand(&mut self, what: Persist) {
        self.handed += 1;
        self.member().hand(what);
    }

    /// Waits until all lasts that was handed over, or the disk is dead.
    fn settle(&mut self, disk: &FaultyDisk) {
        while self.lasting < self.handed {
            match self.happened.recv_timeout(Duration::from_secs(60)).expect("it runs, and something happens")
            {
                Happened::Lasts(count) => {
                    assert!((self.lasting..=self.handed).contains(&count));
                    self.lasting = count;
                }
                Happened::Refused if disk.is_dead() => return,
                Happened::Refused => {}
                Happened::Ended => panic!("it has not ended"),
            }
        }
    }

    /// Ends, and says how much it was told to last.
    fn end(mut self) -> u64 {
        self.disk = None;
        while let Ok(happened) = self.happened.recv() {
            match happened {
                Happened::Lasts(count) => self.lasting = count,
                Happened::Refused => {}
                Happened::Ended => break,
            }
        }
        self.lasting
    }
}

fn peer(node: u64) -> Peer {
    Peer { node: NodeId(node), incarnation: 1 }
}

fn ballot(round: u64) -> Persist {
    Persist::Ballot(Word { epoch: Epoch(2), promised: Ballot { round, node: NodeId(1) }, accepted: None })
}

fn view(epoch: u64) -> Persist {
    let mut parts = View::first(vec![Seat { peer: peer(1), weight: 1 }], 1, SLOTS).parts();
    parts.epoch = Epoch(epoch);
    Persist::View(Arc::new(View::from_parts(parts).expect("it is one")))
}

fn entry(key: u8, version: u64, bytes: usize) -> Entry {
    Entry {
        key: [key][..].into(),
        value: Some(vec![version as u8; bytes].into()),
        version: Version(version),
        tags: Arc::default(),
        dependencies: Arc::default(),
        events: Arc::default(),
        expiry: None,
        meta: Meta::default(),
    }
}

fn hold(tag: u8, id: u64, ms: u64) -> Hold {
    let scope = Arc::new(Scope::Tag([tag][..].into()));
    let (effect, cause, until) = (Effect::Gone, Cause::Command, Awaited::After(ms));
    Hold { id, scope, effect, cascade: false, cause, until }
}

/// Something of few keys, tags and epochs. The epochs of views rise.
fn any(rng: &mut Rng, epoch: &mut u64) -> Persist {
    let (few, version) = (rng.u8(..6), rng.u64(1..9));
    match rng.u8(..10) {
        0 => ballot(rng.u64(..)),
        1 => {
            *epoch += version / 5;
            view(*epoch)
        }
        2 => Persist::Granted(Epoch(*epoch + version - 5), peer(u64::from(few) + 1)),
        3 => Persist::Flushed([few][..].into(), Version(version)),
        4 => Persist::Hold(hold(few, version % 3, version)),
        5 => Persist::Released(hold(few, 0, 0).slot(SLOTS), version % 3),
        6 => {
            let slots = vec![slot_of(&[few], SLOTS)];
            Persist::Slots { slots, journal: vec![entry(few, version, 40)], holds: vec![hold(few, 1, 5)] }
        }
        _ => Persist::Journal(entry(few, version, rng.usize(..300))),
    }
}

/// What is left of a log.
fn left(log: &[Persist]) -> Vec<Persist> {
    let mut persisted = Persisted::new(SLOTS);
    log.iter().cloned().for_each(|what| persisted.keep(what));
    persisted.read().collect()
}

/// Of all that was handed over, so much was told to last; `there` is what a start found. How much that is, at least.
fn found(handed: &[Persist], lasting: usize, there: &[Persist]) -> Option<usize> {
    (lasting..=handed.len()).find(|&count| left(&handed[..count]) == there)
}

#[test]
fn a_start_finds_what_was_told_to_last_and_a_beginning_of_the_rest() {
    let (mut lost, mut kept, mut deaths) = (0, 0, 0);
    for seed in 0..400 {
        let mut rng = Rng::with_seed(seed);
        let disk = FaultyDisk::default();
        let (mut handed, mut lasting, mut epoch): (Vec<Persist>, usize, u64) = (Vec::new(), 0, 5);
        for life in 0..rng.usize(2..8) {
            if rng.bool() {
                disk.die(rng.u64(..60));
            }
            let (mut process, there) = match Process::start(&disk) {
                Ok(started) => started,
                Err(why) => {
                    assert!(disk.is_dead(), "seed {seed}, life {life}: {why}");
                    disk.revive();
                    Process::start(&disk).unwrap_or_else(|why| panic!("seed {seed}, life {life}: {why}"))
                }
            };
            let count = found(&handed, lasting, &there);
            let count =
                count.unwrap_or_else(|| panic!("seed {seed}, life {life}: {lasting} of {}", handed.len()));
            (kept, lost) = (kept + count - lasting, lost + handed.len() - count);
            handed.truncate(count);
            for _ in 0..rng.usize(..40) {
                if rng.u8(..8) == 0 {
                    let fault =
                        *rng.choice(&[DiskFault::Io, DiskFault::Full, DiskFault::Short]).expect("one");
                    disk.fail(rng.u64(..6), fault);
                }
                let what = any(&mut rng, &mut epoch);
                handed.push(what.clone());
                process.hand(what);
                process.settle(&disk);
                if disk.is_dead() && rng.bool() {
                    break;
                }
            }
            deaths += usize::from(disk.is_dead());
            lasting = count + process.end() as usize;
            disk.revive();
            if rng.bool() {
                disk.crash(&mut rng);
            }
        }
    }
    assert!(kept > 20 && lost > 100 && deaths > 100, "{kept} kept, {lost} lost, {deaths} deaths");
}

#[test]
fn a_full_disk_holds_everything_up_in_its_order() {
    let disk = FaultyDisk::default();
    let (mut process, _) = Process::start(&disk).expect("it opens");
    process.hand(ballot(1));
    process.settle(&disk);
    disk.limit(Some(400));
    for version in 1..5 {
        process.hand(Persist::Journal(entry(1, version, 300)));
    }
    process.hand(ballot(2));
    while process.happened.recv() != Ok(Happened::Refused) {}
    assert!(process.member().figures().failures.load(Relaxed) > 0 || process.lasting == 1);
    assert_eq!(process.lasting, 1, "nothing lasts, and what would fit does not overtake what does not");
    disk.limit(None);
    process.settle(&disk);
    assert_eq!(process.lasting, 6);
    assert!(!process.member().figures().failing.load(Relaxed));
    process.end();
    let (process, there) = Process::start(&disk).expect("it opens");
    assert_eq!(there, [ballot(2), Persist::Journal(entry(1, 4, 300))]);
    process.end();
}

#[test]
fn what_is_written_for_years_takes_no_more_of_the_disk() {
    let disk = FaultyDisk::default();
    let (mut process, _) = Process::start(&disk).expect("it opens");
    let mut most = 0;
    for round in 0..2_000 {
        process.hand(ballot(round));
        process.hand(Persist::Journal(entry((round % 7) as u8, round + 1, 100)));
        process.settle(&disk);
        most = most.max(process.member().figures().bytes.load(Relaxed));
    }
    assert!(most < 3 * SEGMENT + 2 * GROWTH.bytes, "{most} bytes");
    process.end();
    let files = disk.list().expect("a list").len();
    assert!(files < 6, "{files} files");
    let (process, there) = Process::start(&disk).expect("it opens");
    assert_eq!(there.len(), 8);
    process.end();
}

fn flipped(disk: &FaultyDisk, name: &str, at: usize) -> FaultyDisk {
    let names = disk.list().expect("a list");
    let mut files: Vec<(String, Vec<u8>)> =
        names.into_iter().map(|name| (name.clone(), disk.bytes(&name))).collect();
    let (_, bytes) = files.iter_mut().find(|(file, _)| file == name).expect("it is there");
    bytes[at] ^= 1;
    FaultyDisk::holding(files.iter().map(|(name, bytes)| (name, bytes)))
}

#[test]
fn damage_in_the_middle_is_told_and_the_node_does_not_go_on() {
    let disk = FaultyDisk::default();
    let (mut process, _) = Process::start(&disk).expect("it opens");
    for round in 0..5 {
        process.hand(ballot(round));
        process.settle(&disk);
    }
    process.end();
    let [name] = &disk.list().expect("a list")[..] else { panic!("one file") };
    let middle = disk.bytes(name).len() / 2;
    let why = Process::start(&flipped(&disk, name, middle)).err().expect("it is damaged");
    assert!(
        why.contains("1 acknowledged records are damaged") && why.contains("join as a new node"),
        "{why}"
    );
}

#[test]
fn what_a_newer_version_wrote_is_not_passed_over() {
    let disk = FaultyDisk::default();
    let order = Order::Strict { again: Duration::ZERO };
    let (told, happened) = channel();
    let watched = Watched(disk.clone(), told);
    let (journal, _) = Journal::over(Box::new(watched), SEGMENT, order).expect("it opens");
    journal.append(vec![200, 1], Box::new(|written| assert!(written.is_ok())));
    drop(journal);
    assert_eq!(happened.recv(), Ok(Happened::Ended));
    let why = Process::start(&disk).err().expect("it is not known");
    assert!(why.contains("record 1") && why.contains("newer version"), "{why}");
}

#[test]
fn a_member_starts_again_from_a_real_folder() {
    let data = tempfile::tempdir().expect("a folder");
    let granted = Persist::Granted(Epoch(1), peer(2));
    let released = Persist::Released(Slot(1), 1);
    let (disk, there) = MemberDisk::open(data.path(), SLOTS).expect("it opens");
    assert_eq!(there, []);
    let (told, lasting) = channel();
    [view(1), granted.clone(), released, ballot(3)].into_iter().for_each(|what| disk.hand(what));
    disk.on_lasts(move |count| {
        let _ = told.send(count);
    });
    assert!(lasting.iter().any(|count| count == 4));
    drop(disk);
    let (_, there) = MemberDisk::open(data.path(), SLOTS).expect("it opens");
    assert_eq!(there, [ballot(3), view(1), granted]);
}
