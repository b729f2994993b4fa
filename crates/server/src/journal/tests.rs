//! The log beside a naive model, with faults; and every bit of a small journal turned round.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use fastrand::Rng;

use super::faults::{DiskFault, FaultyDisk};
use super::log::Log;
use super::{Damage, Journal, JournalDisk, JournalRecord, Order};

const SEGMENT: u64 = 300;

fn open(disk: &FaultyDisk) -> (Log, Vec<JournalRecord>, Vec<Damage>) {
    Log::open(Box::new(disk.clone()), SEGMENT, Order::Apart, Rng::with_seed(1)).expect("the journal opens")
}

fn write(log: &mut Log, payloads: &[Vec<u8>]) -> Result<u64, super::JournalError> {
    log.write(payloads.iter().map(Vec::as_slice))
}

/// What must be there, and what may be.
#[derive(Default)]
struct Model {
    acknowledged: BTreeMap<u64, Vec<u8>>,
    /// Refused, or in flight at a crash: may come back as long as nothing was acknowledged after them.
    doubtful: BTreeMap<u64, Vec<Vec<u8>>>,
    keep: u64,
}

impl Model {
    fn check(&mut self, seed: u64, records: &[JournalRecord], damage: &[Damage]) {
        assert!(!damage.iter().any(|d| matches!(d, Damage::Lost { .. })), "seed {seed}: {damage:?}");
        let found: BTreeMap<u64, &Vec<u8>> = records.iter().map(|r| (r.seq, &r.payload)).collect();
        assert_eq!(found.len(), records.len(), "seed {seed}: a number twice");
        for (seq, payload) in self.acknowledged.range(self.keep..) {
            assert_eq!(found.get(seq), Some(&payload), "seed {seed}: record {seq} was acknowledged");
        }
        for (seq, payload) in found {
            let is_known = self.acknowledged.get(&seq) == Some(payload);
            let is_doubtful = self.doubtful.get(&seq).is_some_and(|all| all.contains(payload));
            assert!(is_known || is_doubtful, "seed {seed}: record {seq} was never written");
            self.acknowledged.insert(seq, payload.clone());
        }
        self.doubtful.clear();
    }
}

#[test]
fn what_was_acknowledged_survives_faults_and_crashes() {
    for seed in 0..1500 {
        let mut rng = Rng::with_seed(seed);
        let (disk, mut model) = (FaultyDisk::default(), Model::default());
        let (mut log, ..) = open(&disk);
        for _ in 0..rng.usize(5..60) {
            match rng.u32(0..12) {
                0 => disk.fail(
                    rng.u64(0..6),
                    *rng.choice(&[DiskFault::Io, DiskFault::Full, DiskFault::Short]).expect("one"),
                ),
                1 => {
                    model.keep = rng.u64(model.keep..=log.next().max(model.keep));
                    // A segment that stays costs space only.
                    let _ = log.trim(model.keep);
                }
                2 => {
                    drop(log);
                    if rng.bool() {
                        disk.crash(&mut rng);
                    }
                    let opened =
                        Log::open(Box::new(disk.clone()), SEGMENT, Order::Apart, Rng::with_seed(seed));
                    let (again, records, damage) = match opened {
                        Ok(opened) => opened,
                        // A fault that was left over; the next start is well.
                        Err(_) => {
                            disk.crash(&mut rng);
                            open(&disk)
                        }
                    };
                    model.check(seed, &records, &damage);
                    if records.is_empty() {
                        // Everything was trimmed, and numbers begin anew.
                        model.acknowledged.clear();
                        model.keep = 0;
                    }
                    log = again;
                }
                _ => {
                    let payloads: Vec<Vec<u8>> = (0..rng.usize(1..5))
                        .map(|_| (0..rng.usize(0..90)).map(|_| rng.u8(..)).collect())
                        .collect();
                    let first = log.next();
                    let written = write(&mut log, &payloads);
                    for (seq, payload) in (first..).zip(payloads) {
                        match written {
                            Ok(_) => drop(model.acknowledged.insert(seq, payload)),
                            Err(_) => model.doubtful.entry(seq).or_default().push(payload),
                        }
                    }
                }
            }
        }
        drop(log);
        disk.crash(&mut rng);
        let (_, records, damage) = open(&disk);
        model.check(seed, &records, &damage);
    }
}

#[test]
fn a_full_disk_refuses_writes_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let disk = FaultyDisk::default();
    let (mut log, ..) = open(&disk);
    disk.limit(Some(700));
    let payload = vec![vec![7; 50]];
    let acknowledged = (0..).take_while(|_| write(&mut log, &payload).is_ok()).count() as u64;
    assert!(acknowledged >= 5, "{acknowledged}");
    let refused = write(&mut log, &payload).expect_err("the disk is full");
    assert!(refused.0.contains("No space left"), "{refused}");
    assert_eq!(log.next(), acknowledged + 1);
    // Everything in it has reached its place: letting go of it needs no room.
    log.trim(u64::MAX).expect("removing needs no room");
    assert_eq!(log.bytes(), 0);
    assert_eq!(write(&mut log, &payload), Ok(acknowledged + 1));
    disk.limit(None);
    drop(log);
    let (_, records, damage) = open(&disk);
    assert_eq!((records.len(), damage), (1, vec![]));
}

/// A journal of three segments.
fn small() -> (BTreeMap<String, Vec<u8>>, Vec<JournalRecord>) {
    let disk = FaultyDisk::default();
    let (mut log, ..) = open(&disk);
    for n in 0..9u8 {
        write(&mut log, &[vec![n; 60 + usize::from(n)]]).expect("the disk is well");
    }
    let names = disk.list().expect("a list");
    assert!(names.len() >= 3, "{names:?}");
    let files = names.into_iter().map(|name| (name.clone(), disk.bytes(&name))).collect();
    let (_, records, damage) = open(&disk);
    assert_eq!((records.len(), damage), (9, vec![]));
    (files, records)
}

/// No record is altered, and none is missing unless that is told.
fn judge(files: &BTreeMap<String, Vec<u8>>, whole: &[JournalRecord], what: &str) -> Vec<Damage> {
    let (_, records, damage) = open(&FaultyDisk::holding(files.iter()));
    for record in &records {
        assert!(whole.contains(record), "{what}: record {} is altered", record.seq);
    }
    assert!(records.is_sorted_by_key(|record| record.seq), "{what}");
    let missing = (whole.len() - records.len()) as u64;
    let lost: u64 =
        damage.iter().map(|d| if let Damage::Lost { records, .. } = d { *records } else { 0 }).sum();
    let torn = damage.iter().any(|d| matches!(d, Damage::Torn { .. }));
    assert!(lost == missing || (torn && lost < missing), "{what}: {missing} missing, told {damage:?}");
    damage
}

#[test]
fn every_flipped_bit_is_found() {
    let (files, whole) = small();
    for (name, bytes) in &files {
        for bit in 0..bytes.len() * 8 {
            let mut files = files.clone();
            files.get_mut(name).expect("it is there")[bit / 8] ^= 1 << (bit % 8);
            let damage = judge(&files, &whole, &format!("{name} bit {bit}"));
            assert!(!damage.is_empty(), "{name} bit {bit} was not found");
        }
    }
}

#[test]
fn every_truncation_is_found_unless_it_is_a_shorter_journal() {
    let (files, whole) = small();
    let last = files.keys().last().expect("there are files").clone();
    for (name, bytes) in &files {
        for len in 0..bytes.len() {
            let mut files = files.clone();
            files.get_mut(name).expect("it is there").truncate(len);
            let (_, records, damage) = open(&FaultyDisk::holding(files.iter()));
            assert!(records.iter().all(|record| whole.contains(record)), "{name} at {len}");
            if *name == last {
                assert_eq!(records, whole[..records.len()], "{name} at {len}: a prefix");
            } else {
                judge(&files, &whole, &format!("{name} at {len}"));
                assert!(damage.iter().any(|d| matches!(d, Damage::Lost { .. })), "{name} at {len}");
            }
        }
    }
}

#[test]
fn a_missing_segment_is_told_and_a_damaged_one_is_set_aside() {
    let (mut files, whole) = small();
    let names: Vec<String> = files.keys().cloned().collect();
    let middle = files.get_mut(&names[1]).expect("it is there");
    let at = middle.len() - 10;
    middle[at] ^= 1;
    let disk = FaultyDisk::holding(files.iter());
    let (mut log, records, damage) = open(&disk);
    assert_eq!(records.len(), whole.len() - 1);
    assert_eq!(damage, [Damage::Lost { file: names[1].clone(), records: 1 }]);
    write(&mut log, &[vec![1]]).expect("the disk is well");
    log.trim(u64::MAX).expect("the disk is well");
    let left = disk.list().expect("a list");
    assert!(left.contains(&format!("{}.damaged", names[1])) && !left.contains(&names[0]), "{left:?}");
    files.remove(&names[1]);
    let (_, records, damage) = open(&FaultyDisk::holding(files.iter()));
    let missing = (whole.len() - records.len()) as u64;
    assert_eq!(
        damage,
        [Damage::Lost { file: names[0].clone(), records: missing }],
        "behind the one before it"
    );
}

#[test]
fn a_value_that_looks_like_a_record_is_not_taken_for_one() {
    let disk = FaultyDisk::default();
    let (mut log, ..) = open(&disk);
    let mut forged = Vec::new();
    super::frame::encode(&mut forged, 0, &super::frame::Framed { seq: 2, group: 2, payload: b"forged" });
    write(&mut log, &[forged]).expect("the disk is well");
    write(&mut log, &[b"true".to_vec()]).expect("the disk is well");
    let name = disk.list().expect("a list").remove(0);
    let mut bytes = disk.bytes(&name);
    bytes[super::frame::HEADER + 5] ^= 1;
    let (_, records, _) = open(&FaultyDisk::holding([(&name, &bytes)].into_iter()));
    assert_eq!(records, [JournalRecord { seq: 2, payload: b"true".to_vec() }]);
}

#[test]
fn the_thread_answers_in_order_and_syncs_once_for_many() {
    let disk = FaultyDisk::default();
    let (journal, _) = Journal::over(Box::new(disk.clone()), 1 << 20, Order::Apart).expect("it opens");
    let (told, answers) = channel();
    // While the thread is in the first `then`, all others queue up.
    let (go, gate) = channel::<()>();
    journal.append(b"first".to_vec(), Box::new(move |_| gate.recv().expect("the test lets it go")));
    for n in 0..500u64 {
        let told = told.clone();
        let then = move |seq| told.send((n, seq)).expect("the test waits");
        journal.append(n.to_le_bytes().to_vec(), Box::new(then));
    }
    go.send(()).expect("the thread waits");
    let answered: Vec<_> = answers.iter().take(500).collect();
    assert!(answered.iter().all(|(n, seq)| *seq == Ok(n + 2)), "{answered:?}");
    let syncs = journal.figures.syncs.load(std::sync::atomic::Ordering::Relaxed);
    assert!(syncs <= 3, "{syncs} syncs for 501 records");
}

fn open_strict(disk: &FaultyDisk) -> (Log, Vec<Vec<u8>>) {
    let order = Order::Strict { again: std::time::Duration::ZERO };
    let (log, records, damage) =
        Log::open(Box::new(disk.clone()), SEGMENT, order, Rng::with_seed(1)).expect("the journal opens");
    assert!(!damage.iter().any(|d| matches!(d, Damage::Lost { .. })), "{damage:?}");
    (log, records.into_iter().map(|record| record.payload).collect())
}

#[test]
fn a_strict_journal_has_all_that_was_acknowledged_and_a_beginning_of_the_rest() {
    let mut holes = 0;
    for seed in 0..1500 {
        let mut rng = Rng::with_seed(seed);
        let disk = FaultyDisk::default();
        let (mut log, _) = open_strict(&disk);
        let (mut acknowledged, mut group): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        for _ in 0..rng.usize(5..40) {
            match rng.u32(0..8) {
                0 => disk.die(rng.u64(0..4)),
                1 => disk.fail(rng.u64(0..4), *rng.choice(&[DiskFault::Io, DiskFault::Full]).expect("one")),
                2 => {
                    drop(log);
                    disk.revive();
                    disk.crash(&mut rng);
                    let (_, apart, _) = open(&disk);
                    let (again, records) = open_strict(&disk);
                    holes += usize::from(apart.len() > records.len());
                    let all = [&acknowledged[..], &group[..]].concat();
                    assert!((acknowledged.len()..=all.len()).contains(&records.len()), "seed {seed}");
                    assert_eq!(records, all[..records.len()], "seed {seed}");
                    (log, acknowledged) = (again, records);
                    group.clear();
                }
                _ => {
                    if group.is_empty() {
                        group = (0..rng.usize(1..8)).map(|_| vec![rng.u8(..); rng.usize(0..40)]).collect();
                    }
                    if write(&mut log, &group).is_ok() {
                        acknowledged.append(&mut group);
                    }
                }
            }
        }
    }
    assert!(holes > 20, "a crash left something behind a hole {holes} times");
}
