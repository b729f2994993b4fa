//! Group commit: all writes that wait, in one transaction.

use std::time::Instant;

use super::convert::SqliteFault;
use super::log::{LogRead, MOST_AT_ONCE};
use super::session::{Ran, version};
use super::writer::{QueuedWrite, WriterThread};
use crate::{Commit, Heard, RowChange, SourceError};

/// The most writes in one transaction.
const MOST: usize = 128;

/// Which part of the timeout a write may take that shares its transaction with others before it.
const SHARE: u64 = 8;

/// The writes of one transaction, with what became of each.
#[derive(Default)]
pub struct SqliteBatch {
    done: Vec<(QueuedWrite, Ran)>,
    refused: Vec<(QueuedWrite, SourceError)>,
}

/// What others committed before the transaction began, and where the log ended then.
type Foreign = (Vec<RowChange>, i64, Heard);

impl SqliteBatch {
    /// Runs the writes that wait. They stay waiting when somebody else holds the lock.
    pub fn run(writer: &mut WriterThread) {
        if writer.pending.is_empty() {
            return;
        }
        match SqliteBatch::begin(writer) {
            Ok(Some(foreign)) => {
                let mut batch = SqliteBatch::default();
                let intact = batch.fill(writer, foreign.1);
                batch.finish(writer, foreign, intact);
            }
            Ok(None) | Err(SqliteFault::Busy(_)) => {}
            Err(fault) => writer.close(&fault.told(0).to_string()),
        }
    }

    /// Begins the transaction. `None`: the news have to be looked at first.
    fn begin(writer: &mut WriterThread) -> Result<Option<Foreign>, SqliteFault> {
        let Some(session) = &mut writer.session else { return Ok(None) };
        session.check_file()?;
        if !session.begin()? {
            return Ok(None);
        }
        let after = session.log.last;
        match session.log.read(&session.connection, after, MOST_AT_ONCE) {
            Ok(LogRead::Changes(news, last)) => {
                let heard = writer.heard(&news);
                Ok(Some((news.changes, last, heard)))
            }
            Ok(LogRead::Gap(why, last)) => {
                session.rollback();
                session.log.last = last;
                writer.tell_lost(&why);
                Ok(None)
            }
            Err(fault) => {
                session.rollback();
                Err(fault)
            }
        }
    }

    /// Runs the writes one by one. `false`: one of them ended the transaction, and what was done before it is undone.
    ///
    /// SQLite takes the whole transaction back when it ends a statement that is too slow. So that a slow write does not take its
    /// neighbours down, only the first of a batch may use all its time; another one that is slow gets a batch of its own.
    fn fill(&mut self, writer: &mut WriterThread, mut last: i64) -> bool {
        for _ in 0..MOST {
            let Some(pending) = writer.pending.pop_front() else { break };
            let now = writer.shared.now_ms();
            let Some(session) = &mut writer.session else { return false };
            if pending.deadline_ms <= now {
                self.refused.push((pending, SourceError::TooSlow(writer.shared.timeout_ms)));
                continue;
            }
            if pending.alone && !self.done.is_empty() {
                writer.pending.push_front(pending);
                break;
            }
            let share_ms = now + writer.shared.timeout_ms / SHARE;
            let alone = pending.alone;
            let limit_ms = if self.done.is_empty() { u64::MAX } else { share_ms }.min(pending.deadline_ms);
            session.deadline.set(limit_ms);
            let done = session.run(&pending.write, last);
            session.deadline.clear();
            let ended = session.connection.is_autocommit();
            match done {
                Ok(ran) if !ended => {
                    last = ran.last;
                    self.done.push((pending, ran));
                }
                Ok(_) => {
                    let message = "the write ended the transaction that it ran in".into();
                    self.refused.push((pending, SourceError::Refused(message)));
                }
                Err(SqliteFault::Interrupted) if limit_ms < pending.deadline_ms => {
                    writer.pending.push_front(QueuedWrite { alone: true, ..pending });
                }
                Err(fault) => self.refused.push((pending, fault.told(writer.shared.timeout_ms))),
            }
            if ended {
                return false;
            }
            if alone {
                break;
            }
        }
        true
    }

    fn finish(self, writer: &mut WriterThread, foreign: Foreign, intact: bool) {
        let committed = match &writer.session {
            Some(session) if intact => session.commit(),
            _ => Err(SqliteFault::Busy("the transaction was ended by another write in it".into())),
        };
        writer.tell_foreign(foreign.0, foreign.1, foreign.2);
        match committed {
            Ok(()) => tell(writer, self.done),
            // Nothing of it was done: those that are not at fault have another turn.
            Err(SqliteFault::Busy(_)) => {
                if let Some(session) = &writer.session {
                    session.rollback();
                }
                for (pending, _) in self.done.into_iter().rev() {
                    writer.pending.push_front(pending);
                }
            }
            Err(fault) => fail(writer, self.done, fault),
        }
        for (pending, error) in self.refused {
            let _gone = pending.answer.send(Err(error));
        }
    }
}

/// Tells of commits in their order, and answers when all of them were told.
fn tell(writer: &mut WriterThread, done: Vec<(QueuedWrite, Ran)>) {
    // They were committed just now, and here.
    let heard = Some(Heard { received: Instant::now(), after_us: Some(0) });
    let mut answers = Vec::with_capacity(done.len());
    for (pending, ran) in done {
        writer.tell(&Commit { version: version(ran.last), own: true, changes: ran.changes, heard });
        if let Some(session) = &mut writer.session {
            session.log.last = ran.last;
        }
        (pending.write.committed)(&ran.receipt);
        answers.push((pending.answer, ran.receipt));
    }
    let settled = writer.settle().map_err(|_| SourceError::TooSlow(writer.shared.timeout_ms));
    for (answer, receipt) in answers {
        let _gone = answer.send(settled.clone().map(|()| receipt));
    }
}

/// The commit failed, and whether it is on the disk nobody can say: the file is opened anew and everything distrusted.
fn fail(writer: &mut WriterThread, done: Vec<(QueuedWrite, Ran)>, fault: SqliteFault) {
    let error = fault.told(writer.shared.timeout_ms);
    writer.close(&format!("a commit failed: {error}"));
    for (pending, _) in done {
        let _gone = pending.answer.send(Err(error.clone()));
    }
}
