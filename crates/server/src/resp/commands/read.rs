//! Commands that read values. Keys with a source are loaded, whatever is asked about their value.

use clearwell_engine::{Reader, Seq, View};
use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError, Encoder, Resp, parse_i64};
use clearwell_source::Later;

use crate::node::{Answer, Demand, ReadError, ReadOutcome, Turn};
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};

/// A read that asks about a value without the intention to fill it.
const LOOK: Demand = Demand { remember: false, ..Demand::PLAIN };
/// A single reply may not outgrow this many bytes: it is built in memory.
const REPLY_MOST: usize = 512 << 20;

/// GET.
#[inline]
pub fn get(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let demand = filling(context);
    read_one(context, &args[1], demand, |reply, value| reply.bulk_or_null(value))
}

/// A read whose miss a SET may follow, over this connection or another of its pool.
#[inline]
pub fn filling(context: &Context<'_>) -> Demand {
    let reader = Reader { client: context.session.client.id, looks: context.session.place.only_looks() };
    Demand { reader, ..Demand::PLAIN }
}

/// Remembers a miss that a SET may follow.
pub fn note_miss(context: &mut Context<'_>, key: &[u8], began: Seq) {
    context.node().note_missed_near(key);
    context.session.misses.note(context.node().hash_of(key), began);
    context.session.place.missed();
}

/// STRLEN.
pub fn strlen(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    read_one(context, &args[1], LOOK, |reply, value| {
        reply.integer(i64::try_from(value.map_or(0, <[u8]>::len)).unwrap_or(i64::MAX));
    })
}

/// GETRANGE and SUBSTR.
pub fn getrange(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut words = Words::new(args, 2);
    let (start, end) = (words.integer()?, words.integer()?);
    read_one(context, &args[1], LOOK, move |reply, value| reply.bulk(slice(value.unwrap_or(&[]), start, end)))
}

/// The part of `value` from `start` to `end`, both included; negative ones count from the end.
fn slice(value: &[u8], start: i64, end: i64) -> &[u8] {
    let len = i64::try_from(value.len()).unwrap_or(i64::MAX);
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end).min(len.saturating_sub(1)));
    if start > end || len == 0 {
        return &[];
    }
    value.get(start as usize..=end as usize).unwrap_or(&[])
}

/// Reads one key and replies what `encode` makes of its value; a hit goes straight from the entry to the output.
#[inline]
pub fn read_one<F>(context: &mut Context<'_>, key: &[u8], demand: Demand, encode: F) -> Outcome
where
    F: Fn(&mut Encoder<'_>, Option<&[u8]>) + Send + 'static,
{
    let resp = context.session.resp;
    if context.session.no_touch && peeked(context, key, &encode) {
        return Ok(Step::Done);
    }
    let out = &mut *context.out;
    let seen = |view: &View<'_>, _stale: bool| encode(&mut Encoder::new(out, resp), view.value());
    match context.server.node.get(key, demand, seen) {
        Turn::Now(Ok(ReadOutcome::Seen(()))) => Ok(Step::Done),
        Turn::Now(Ok(ReadOutcome::Miss(began))) => {
            if demand.remember {
                note_miss(context, key, began);
            }
            encode(&mut context.reply(), None);
            Ok(Step::Done)
        }
        Turn::Now(Ok(ReadOutcome::Loaded(answer))) => {
            encode(&mut context.reply(), answer.value.as_deref());
            Ok(Step::Done)
        }
        Turn::Now(Err(error)) => Err(step::read_error(&error)),
        Turn::Later(later) => Ok(Step::Wait(Box::pin(async move {
            let got = later.await;
            encoded(resp, |reply| match got {
                Ok(got) => encode(reply, value_of(&got)),
                Err(error) => reply.error(step::read_error(&error)),
            })
        }))),
    }
}

/// CLIENT NO-TOUCH: a fresh entry in memory is served without counting as used.
fn peeked(context: &mut Context<'_>, key: &[u8], encode: &impl Fn(&mut Encoder<'_>, Option<&[u8]>)) -> bool {
    // A declared keyspace has levels, and only the node's own read keeps them.
    if context.node().is_declared(key) {
        return false;
    }
    let (resp, out) = (context.session.resp, &mut *context.out);
    let peeked = context.server.node.peek(key, |view| {
        let fresh = !view.stale();
        if fresh {
            encode(&mut Encoder::new(out, resp), view.value());
        }
        fresh
    });
    peeked == Some(true)
}

/// A value that was waited for. What is served from memory is never waited for, so only a load brings one.
fn value_of(got: &ReadOutcome<()>) -> Option<&[u8]> {
    match got {
        ReadOutcome::Loaded(Answer { value, .. }) => value.as_deref(),
        ReadOutcome::Seen(()) | ReadOutcome::Miss(_) => None,
    }
}

/// The bytes that `write` writes.
pub fn encoded(resp: Resp, write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Encoder::new(&mut bytes, resp));
    bytes
}

type Loading = Later<Result<ReadOutcome<()>, ReadError>>;

/// MGET. What is in memory is read at once; what has to be loaded is loaded side by side. A key that cannot be read has its error in
/// its own place, as EXEC has them: its neighbours have their values, and it is not taken for a row that is not there. When no
/// key can be read the reply is the error.
pub fn mget(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (resp, start, demand) = (context.session.resp, context.out.len(), filling(context));
    context.reply().array(args.len() - 1);
    // Where in the output each value that has to be waited for belongs.
    let mut loading: Vec<(usize, Loading)> = Vec::new();
    let mut failed = FailedKeys::default();
    for key in args.from(1).iter() {
        let out = &mut *context.out;
        let seen = |view: &View<'_>, _| Encoder::new(out, resp).bulk_or_null(view.value());
        match context.server.node.get(key, demand, seen) {
            Turn::Now(Ok(ReadOutcome::Seen(()))) => {}
            Turn::Now(Ok(ReadOutcome::Miss(began))) => {
                note_miss(context, key, began);
                context.reply().null();
            }
            Turn::Now(Ok(ReadOutcome::Loaded(answer))) => context.reply().bulk_or_null(answer.value),
            Turn::Now(Err(error)) => {
                let error = failed.note(&error);
                context.reply().error(error);
            }
            Turn::Later(later) => loading.push((context.out.len() - start, later)),
        }
        if context.out.len() - start > REPLY_MOST {
            return Err(TOO_MUCH);
        }
    }
    let asked = args.len() - 1;
    if loading.is_empty() {
        return failed.of_all(asked).map_or(Ok(Step::Done), Err);
    }
    let there = context.out.split_off(start);
    Ok(Step::Wait(Box::pin(async move {
        let (places, loads): (Vec<usize>, Vec<Loading>) = loading.into_iter().unzip();
        let loaded = step::all(loads).await;
        loaded.iter().filter_map(|loaded| loaded.as_ref().err()).for_each(|error| drop(failed.note(error)));
        match failed.of_all(asked) {
            None => interleave(&there, &places, &loaded, resp),
            Some(error) => encoded(resp, |reply| reply.error(error)),
        }
    })))
}

/// The keys of a request that could not be read.
#[derive(Default)]
struct FailedKeys {
    count: usize,
    first: Option<CommandError>,
}

impl FailedKeys {
    fn note(&mut self, error: &ReadError) -> CommandError {
        let error = step::read_error(error);
        self.count += 1;
        self.first.get_or_insert_with(|| error.clone());
        error
    }

    /// The error of the whole request, when none of its keys could be read.
    fn of_all(&mut self, asked: usize) -> Option<CommandError> {
        self.first.take().filter(|_| self.count == asked)
    }
}

const TOO_MUCH: CommandError =
    CommandError::literal("ERR the reply would be larger than 512 MiB; ask for fewer keys at a time");

/// Puts what was loaded between what was there.
fn interleave(
    there: &[u8],
    places: &[usize],
    loaded: &[Result<ReadOutcome<()>, ReadError>],
    resp: Resp,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(there.len());
    let mut copied = 0;
    for (&place, got) in places.iter().zip(loaded) {
        bytes.extend_from_slice(&there[copied..place]);
        copied = place;
        let mut reply = Encoder::new(&mut bytes, resp);
        match got {
            Ok(got) => reply.bulk_or_null(value_of(got)),
            Err(error) => reply.error(step::read_error(error)),
        }
    }
    bytes.extend_from_slice(&there[copied..]);
    bytes
}

/// EXISTS and TOUCH: how many of the keys there are, each as often as it is named.
pub fn exists(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let resp = context.session.resp;
    let mut found = 0i64;
    let mut loading: Vec<Later<Result<ReadOutcome<bool>, ReadError>>> = Vec::new();
    for key in args.from(1).iter() {
        match context.node().get(key, LOOK, |view, _| view.value().is_some()) {
            Turn::Now(Ok(got)) => found += i64::from(is_there(&got)),
            Turn::Now(Err(error)) => return Err(step::read_error(&error)),
            Turn::Later(later) => loading.push(later),
        }
    }
    if loading.is_empty() {
        context.reply().integer(found);
        return Ok(Step::Done);
    }
    Ok(Step::Wait(Box::pin(async move {
        let loaded: Result<Vec<_>, _> = step::all(loading).await.into_iter().collect();
        encoded(resp, |reply| match loaded {
            Ok(loaded) => {
                let more = loaded.iter().filter(|got| is_there(got)).count();
                reply.integer(found.saturating_add(i64::try_from(more).unwrap_or(i64::MAX)));
            }
            Err(error) => reply.error(step::read_error(&error)),
        })
    })))
}

fn is_there(got: &ReadOutcome<bool>) -> bool {
    match got {
        ReadOutcome::Seen(there) => *there,
        ReadOutcome::Loaded(answer) => answer.value.is_some(),
        ReadOutcome::Miss(_) => false,
    }
}

/// An integer argument.
pub fn integer(text: &[u8]) -> Result<i64, CommandError> {
    parse_i64(text).ok_or(CommandError::NOT_AN_INTEGER)
}

#[cfg(test)]
mod tests {
    use super::slice;

    #[test]
    fn ranges_count_from_both_ends_as_in_redis() {
        let value = b"Hello World";
        let cases: [(i64, i64, &[u8]); 9] = [
            (0, 4, b"Hello"),
            (-5, -1, b"World"),
            (0, -1, value),
            (5, 3, b""),
            (-1, -5, b""),
            (0, 1000, value),
            (-1000, 2, b"Hel"),
            (11, 20, b""),
            (i64::MIN, i64::MAX, value),
        ];
        for (start, end, expected) in cases {
            assert_eq!(slice(value, start, end), expected, "{start} {end}");
        }
        assert_eq!(slice(b"", 0, -1), b"");
    }
}
