//! Group commit: one thread writes what waits and syncs once for all of it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::log::Log;
use super::{Entry, Figures, Job};

/// Bytes that one sync covers at most: bounds the memory and the wait of the first of them.
const GROUP_BYTES: usize = 8 << 20;
/// Records that one sync covers at most.
const GROUP_RECORDS: usize = 8192;

/// Works until nobody is left who could append.
pub fn run(mut log: Log, jobs: &Receiver<Job>, figures: &Arc<Figures>) {
    let mut group = Vec::new();
    while let Ok(job) = jobs.recv() {
        let mut job = Some(job);
        while let Some(taken) = job.take() {
            match taken {
                Job::Append(entry) => {
                    group.push(entry);
                    job = gather(&mut group, jobs);
                    write(&mut log, std::mem::take(&mut group), figures);
                }
                Job::Rewrite(entries) => write(&mut log, entries(), figures),
                Job::Trim(keep) => {
                    let keep = keep().unwrap_or(u64::MAX);
                    if let Err(error) = log.trim(keep) {
                        tracing::warn!(%error, "the journal keeps what it no longer needs");
                    }
                }
            }
        }
        figures.bytes.store(log.bytes(), Relaxed);
    }
}

/// Adds what waits already; the first job that is no append, which comes after the group.
fn gather(group: &mut Vec<Entry>, jobs: &Receiver<Job>) -> Option<Job> {
    let mut bytes = group.iter().map(|entry| entry.payload.len()).sum::<usize>();
    while bytes < GROUP_BYTES && group.len() < GROUP_RECORDS {
        match jobs.try_recv() {
            Ok(Job::Append(entry)) => {
                bytes += entry.payload.len();
                group.push(entry);
            }
            Ok(other) => return Some(other),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    None
}

fn write(log: &mut Log, group: Vec<Entry>, figures: &Figures) {
    if group.is_empty() {
        return;
    }
    let written = log.write(group.iter().map(|entry| &entry.payload[..]));
    match &written {
        Ok(_) => {
            figures.syncs.fetch_add(1, Relaxed);
            figures.records.fetch_add(group.len() as u64, Relaxed);
            figures.failing.store(false, Relaxed);
        }
        Err(error) => {
            figures.failures.fetch_add(1, Relaxed);
            if !figures.failing.swap(true, Relaxed) {
                tracing::error!(%error, "writes are refused");
            }
        }
    }
    for (entry, place) in group.into_iter().zip(0..) {
        (entry.then)(written.clone().map(|first| first + place));
    }
}
