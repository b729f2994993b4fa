//! What a command leaves behind, and the words for the node's refusals.

use std::pin::Pin;
use std::task::Poll;

use clearwell_engine::TooLarge;
use clearwell_protocol::CommandError;
use clearwell_source::Later;

use crate::node::{ReadError, Unordered, WriteError};

/// How a command ended.
pub enum Step {
    /// Its reply is in the output.
    Done,
    /// Its reply comes: these bytes, when they are here.
    Wait(Later<Vec<u8>>),
    /// Its reply is in the output, and nothing follows it.
    Close,
}

/// A command's end, or its refusal.
pub type Outcome = Result<Step, CommandError>;

/// The reply to a read that cannot be answered.
pub fn read_error(error: &ReadError) -> CommandError {
    CommandError::new(match error {
        ReadError::Unmet(..) => format!("LEVEL {error}"),
        ReadError::Source(error) => format!("SOURCE {error}"),
        ReadError::Unverified(..) => format!("UNVERIFIED {error}"),
    })
}

/// The reply to a write that was not done.
pub fn write_error(error: &WriteError) -> CommandError {
    match error {
        WriteError::Source(error) => CommandError::new(format!("SOURCE {error}")),
        WriteError::Unfit(unfit) => unfit_error(unfit),
        WriteError::Invalid(invalid) => CommandError::new(format!("INVALID {invalid}")),
        WriteError::Journal(why) => CommandError::new(format!("JOURNAL {why}")),
        WriteError::Full(why) => CommandError::new(format!("TRYAGAIN {why}")),
        WriteError::Unordered(why) => unordered(*why),
        other => CommandError::new(format!("ERR {other}")),
    }
}

/// The reply to a change that the cluster has not acknowledged.
pub fn unordered(why: Unordered) -> CommandError {
    let word = match why {
        Unordered::Nothing => "CLUSTERDOWN",
        Unordered::Unknown => "UNKNOWN",
    };
    CommandError::new(format!("{word} {why}"))
}

/// The reply to an entry that the engine does not take.
fn unfit_error(unfit: &TooLarge) -> CommandError {
    CommandError::new(match unfit {
        TooLarge::Entry { needed, allowed } => format!(
            "OOM the entry needs {needed} bytes and at most {allowed} fit; raise max_memory or store less"
        ),
        TooLarge::Cycle(names) => {
            let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
            format!(
                "ERR the entry would depend on itself: {}; leave one of these dependencies out",
                names.join(" -> ")
            )
        }
        TooLarge::Elsewhere => {
            "TRYAGAIN the key's slot is moving to another node: send the command again".into()
        }
        TooLarge::Depth(most) => {
            format!(
                "ERR the chain of dependencies would be deeper than {most}; depend on what is nearer to the root"
            )
        }
    })
}

/// Waits for all of them at once; the results stand in the futures' order.
pub async fn all<T>(futures: Vec<Later<T>>) -> Vec<T> {
    let mut waiting: Vec<Result<T, Later<T>>> = futures.into_iter().map(Err).collect();
    std::future::poll_fn(|context| {
        let mut left = false;
        for slot in &mut waiting {
            if let Err(future) = slot {
                match Pin::as_mut(future).poll(context) {
                    Poll::Ready(value) => *slot = Ok(value),
                    Poll::Pending => left = true,
                }
            }
        }
        if left { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    waiting.into_iter().filter_map(Result::ok).collect()
}
