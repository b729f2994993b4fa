//! Asking at addresses who is there, before a node begins.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use clearwell_cluster::{Message, Peer};
use clearwell_links::{Hello, Links, Notice, Receiver, RefusedLink, Settings, Unreached};

use crate::node::StartError;

/// How long the nodes that are asked who they are have time to say so.
const SEEK: Duration = Duration::from_secs(10);
/// The same when this node is one of theirs already, and does not need their answer: they may all be down.
const SEEK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked at who could not be reached.
const OFTEN: Duration = Duration::from_millis(50);

/// What is known of those who were asked.
struct Found {
    there: Vec<Hello>,
    refused: Option<RefusedLink>,
    unreached: Vec<(String, Option<Unreached>)>,
}

/// Who is at these addresses. One answer is enough, if the others do not come soon.
pub(super) fn who_is_there(settings: Settings, seeds: &[String]) -> Result<Vec<Hello>, StartError> {
    let Found { there, refused, unreached } = seek(settings, seeds, SEEK, false)?;
    if !there.is_empty() {
        return Ok(there);
    }
    if let Some(refused) = refused {
        return Err(StartError(refused.to_string()));
    }
    let why = unreached.into_iter().map(|(address, why)| match why {
        Some(why) => format!("{address}: {why}"),
        None => format!("{address}: no answer"),
    });
    Err(StartError(format!(
        "no node of the cluster was reached ({}); is one running there?",
        why.collect::<Vec<_>>().join("; ")
    )))
}

/// Refuses a start when somebody at these addresses refuses, and nobody takes it.
pub(super) fn is_refused(settings: Settings, seeds: &[String]) -> Result<(), StartError> {
    match seek(settings, seeds, SEEK_AGAIN, true)? {
        Found { there, refused: Some(refused), .. } if there.is_empty() => {
            Err(StartError(refused.to_string()))
        }
        _ => Ok(()),
    }
}

/// Asks until each address has said something, or until the time is over; `once`: nobody is asked again who cannot be reached.
fn seek(settings: Settings, seeds: &[String], patience: Duration, once: bool) -> Result<Found, StartError> {
    struct SeekNotices(Sender<Notice>);

    impl Receiver for SeekNotices {
        fn receive(&self, _: Peer, _: Message) {}

        fn notice(&self, notice: Notice) {
            let _nobody_asks_any_more = self.0.send(notice);
        }
    }

    let (told, hears) = channel();
    let listen = SocketAddr::new(settings.listen.ip(), 0);
    let links = Links::start(Settings { listen, ..settings }, Arc::new(SeekNotices(told)));
    let links = links.map_err(StartError)?;
    seeds.iter().for_each(|seed| links.seek(seed));
    let (mut there, mut refused, until) = (Vec::new(), None, Instant::now() + patience);
    loop {
        let unreached = links.figures().seeking;
        let is_silent = |why: &Option<Unreached>| match why {
            Some(Unreached::Refused(_)) => false,
            Some(Unreached::Broken(_)) => !once,
            None => true,
        };
        let is_found = there.iter().any(|hello: &Hello| hello.cluster.id.is_some());
        let waits = unreached.iter().any(|(_, why)| is_silent(why)) && !is_found;
        if !waits || Instant::now() >= until {
            let from_seeks = unreached.iter().find_map(|(_, why)| match why {
                Some(Unreached::Refused(refused)) => Some(refused.clone()),
                _ => None,
            });
            // What was told and not taken yet.
            for notice in hears.try_iter() {
                take(notice, &mut there, &mut refused);
            }
            return Ok(Found { there, refused: refused.or(from_seeks), unreached });
        }
        if let Ok(notice) = hears.recv_timeout(OFTEN) {
            take(notice, &mut there, &mut refused);
        }
    }
}

fn take(notice: Notice, there: &mut Vec<Hello>, refused: &mut Option<RefusedLink>) {
    match notice {
        Notice::Met(hello) => there.push(*hello),
        Notice::Refused(why) => *refused = Some(why),
        Notice::Opened(..) | Notice::Closed(..) => {}
    }
}
