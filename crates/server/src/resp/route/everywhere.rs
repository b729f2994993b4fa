//! Commands that concern all nodes: each answers for its own keys or for those who listen at it, and the replies are put together.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use clearwell_cluster::Epoch;
use clearwell_protocol::{Args, Command, CommandId, Encoder, ReplyEnd, Resp, parse_i64};
use clearwell_source::Later;

use super::forward::{Errand, Forwarded, PATIENCE, PAUSE, Tried};
use super::place::{Nodes, Placement};
use super::{Routing, block, tour};
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Step};

/// How long a node may take to tell of its listeners, or to send them a message.
const HEARD: Duration = Duration::from_secs(1);

/// How the nodes' replies make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gathered {
    /// All that any of them names, each once.
    Names,
    /// Their sum.
    Sum,
    /// The sum for each name.
    Counts,
    /// That of one of those who have any.
    Any,
}

impl Gathered {
    fn of(id: CommandId) -> Option<Gathered> {
        use CommandId as Id;
        match id {
            Id::Keys | Id::PubsubChannels => Some(Gathered::Names),
            Id::Dbsize | Id::Publish | Id::PubsubNumpat => Some(Gathered::Sum),
            Id::PubsubNumsub => Some(Gathered::Counts),
            Id::Randomkey => Some(Gathered::Any),
            _ => None,
        }
    }
}

/// A command of all nodes, if it is one that this connection may ask of them; `None`: it is run here. What comes alone from another node
/// is that node's question for a part; what comes from there in a transaction is a client's.
pub fn everywhere(context: &Context<'_>, command: &'static Command, args: Args<'_>) -> Option<Step> {
    let asks_all = match context.session.routing {
        Routing::Forward => true,
        Routing::Node => context.in_exec,
        // As in Redis Cluster: messages go everywhere, and all else is of the node.
        Routing::Redirect => command.id == CommandId::Publish,
    };
    if !asks_all {
        return None;
    }
    if command.id == CommandId::Scan {
        return tour::scan(context, command, args);
    }
    let how = Gathered::of(command.id)?;
    let request = Forwarded::of(args, Vec::new(), command);
    let errand = Errand::new(context, command);
    let which = if is_of_listeners(command.id) { Nodes::All } else { Nodes::Owners };
    let (_, nodes) = Placement::of_nodes(context.node(), which);
    if nodes.iter().all(|(_, place)| *place == Placement::Here) {
        return None;
    }
    Some(Step::Wait(match which {
        Nodes::All => Box::pin(heard(errand, how, request)),
        Nodes::Owners => Box::pin(gathered(errand, how, request)),
    }))
}

/// Whether listeners are concerned, who may be at any node, and of whom those are left out that cannot be reached just now.
fn is_of_listeners(id: CommandId) -> bool {
    use CommandId as Id;
    matches!(id, Id::Publish | Id::PubsubChannels | Id::PubsubNumsub | Id::PubsubNumpat)
}

/// Asks all owners, until each has answered in the view in which they were asked: else slots that change hands would be nobody's, or two
/// nodes'.
async fn gathered(errand: Errand, how: Gathered, request: Forwarded) -> Vec<u8> {
    let (errand, request) = (Arc::new(errand), in_one_view(request));
    loop {
        let (epoch, owners) = Placement::of_nodes(&errand.server().node, Nodes::Owners);
        let count = owners.len();
        let sent = owners.into_iter().map(|(_, place)| sent(errand.clone(), request.clone(), place));
        let answers: Vec<Vec<u8>> = step::all(sent.collect()).await.into_iter().filter_map(answer).collect();
        let parts: Vec<(bool, Vec<u8>)> = answers.iter().filter_map(|all| part(all, epoch)).collect();
        let is_late = errand.began.elapsed() > PATIENCE;
        let is_whole = count > 0 && parts.len() == count;
        if is_whole && (is_late || parts.iter().all(|(in_view, _)| *in_view)) {
            let parts: Vec<Vec<u8>> = parts.into_iter().map(|(_, part)| part).collect();
            return how.reply(&parts, errand.resp);
        }
        if is_late {
            return errand.refusal(None);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The request between two questions for the node's view.
fn in_one_view(request: Forwarded) -> Forwarded {
    let mut bytes = Vec::new();
    let ask = |bytes: &mut Vec<u8>| Encoder::new(bytes, Resp::V2).bulks(["CW.CLUSTER", "EPOCH"]);
    ask(&mut bytes);
    bytes.extend_from_slice(&request.bytes);
    ask(&mut bytes);
    Forwarded { bytes: bytes.into(), replies: 3, ..request }
}

/// The answer between two others, and whether both of these name this view.
fn part(all: &[u8], epoch: Epoch) -> Option<(bool, Vec<u8>)> {
    let [before, part, after] = *block::replies(all) else { return None };
    let is_that = |reply: &[u8]| u64::try_from(number(reply)).is_ok_and(|number| number == epoch.0);
    Some((is_that(before) && is_that(after), part.to_vec()))
}

/// Asks all nodes once, and goes without those that do not answer soon.
async fn heard(errand: Errand, how: Gathered, request: Forwarded) -> Vec<u8> {
    let errand = Arc::new(errand);
    let (_, nodes) = Placement::of_nodes(&errand.server().node, Nodes::All);
    let sent = nodes.into_iter().map(|(_, place)| -> Later<Option<Vec<u8>>> {
        let sent = sent(errand.clone(), request.clone(), place);
        Box::pin(async move { tokio::time::timeout(HEARD, sent).await.ok().and_then(answer) })
    });
    let parts: Vec<Vec<u8>> = step::all(sent.collect()).await.into_iter().flatten().collect();
    how.reply(&parts, errand.resp)
}

fn sent(errand: Arc<Errand>, request: Forwarded, place: Placement) -> Later<Tried> {
    Box::pin(async move { errand.attempt(&request, &place).await })
}

fn answer(tried: Tried) -> Option<Vec<u8>> {
    match tried {
        Tried::Answered(reply) => Some(reply),
        Tried::Again(_) | Tried::Unknown => None,
    }
}

impl Gathered {
    /// One reply; an error of one part is that of all.
    fn reply(self, parts: &[Vec<u8>], resp: Resp) -> Vec<u8> {
        if let Some(error) = parts.iter().find(|part| part.starts_with(b"-")) {
            return error.clone();
        }
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, resp);
        match self {
            Gathered::Names => {
                let mut seen = HashSet::new();
                let all = parts.iter().flat_map(|part| ReplyEnd::elements(part));
                let names: Vec<&[u8]> = all.filter(|name| seen.insert(*name)).collect();
                encoder.array(names.len());
                names.iter().for_each(|name| encoder.out.extend_from_slice(name));
            }
            Gathered::Sum => encoder.integer(parts.iter().map(|part| number(part)).sum()),
            Gathered::Counts => {
                let all: Vec<Vec<&[u8]>> = parts.iter().map(|part| ReplyEnd::elements(part)).collect();
                let len = all.iter().map(Vec::len).min().unwrap_or(0);
                encoder.array(len);
                for at in 0..len {
                    match at % 2 {
                        0 => encoder.out.extend_from_slice(all[0][at]),
                        _ => encoder.integer(all.iter().map(|part| number(part[at])).sum()),
                    }
                }
            }
            Gathered::Any => {
                let some = |part: &&Vec<u8>| part.starts_with(b"$") && !part.starts_with(b"$-1");
                let found: Vec<&Vec<u8>> = parts.iter().filter(some).collect();
                match found.is_empty() {
                    true => encoder.null(),
                    false => encoder.out.extend_from_slice(found[fastrand::usize(..found.len())]),
                }
            }
        }
        bytes
    }
}

fn number(reply: &[u8]) -> i64 {
    reply.strip_prefix(b":").and_then(|rest| parse_i64(rest.trim_ascii_end())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(how: Gathered, parts: &[&str]) -> String {
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        String::from_utf8(how.reply(&parts, Resp::V2)).expect("text")
    }

    #[test]
    fn a_part_is_of_the_view_that_stands_around_it() {
        let all = |before, after| format!(":{before}\r\n:60\r\n:{after}\r\n").into_bytes();
        assert_eq!(part(&all(7, 7), Epoch(7)), Some((true, b":60\r\n".to_vec())));
        assert_eq!(part(&all(6, 7), Epoch(7)), Some((false, b":60\r\n".to_vec())));
        assert_eq!(part(&all(7, 8), Epoch(7)), Some((false, b":60\r\n".to_vec())));
        assert_eq!(part(b":7\r\n", Epoch(7)), None);
    }

    #[test]
    fn parts_make_one_reply() {
        let names = of(Gathered::Names, &["*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*0\r\n", "*1\r\n$1\r\nb\r\n"]);
        assert_eq!(names, "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "a key on its way is named once");
        assert_eq!(of(Gathered::Sum, &[":2\r\n", ":40\r\n"]), ":42\r\n");
        let counts = ["*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n", "*4\r\n$1\r\na\r\n:2\r\n$1\r\nb\r\n:5\r\n"];
        assert_eq!(of(Gathered::Counts, &counts), "*4\r\n$1\r\na\r\n:3\r\n$1\r\nb\r\n:5\r\n");
        assert_eq!(of(Gathered::Any, &["$-1\r\n", "$1\r\na\r\n", "_\r\n"]), "$1\r\na\r\n");
        assert_eq!(of(Gathered::Any, &["$-1\r\n", "$-1\r\n"]), "$-1\r\n");
        assert_eq!(of(Gathered::Sum, &[":2\r\n", "-ERR no\r\n"]), "-ERR no\r\n");
        assert_eq!(of(Gathered::Sum, &[]), ":0\r\n");
    }
}
