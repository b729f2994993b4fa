//! The arguments of Clearwell's own commands: what they mean, and errors that say what would be right.

mod support;

use clearwell_protocol::options::*;
use clearwell_protocol::{Args, CommandError};
use support::args;

fn text<T>(result: Result<T, CommandError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn list(words: Option<Args<'_>>) -> Vec<String> {
    let words = words.expect("the list was given");
    words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[test]
fn cw_get_reads_its_options() {
    let request = args("CW.GET k lease META Level weak STALE");
    let options = CwGetOptions::parse(request.as_args());
    let expected =
        CwGetOptions { key: b"k", fill_lease: true, level: Some(Level::Weak), meta: true, stale: true };
    assert_eq!(options, Ok(expected));
    let parse = |line: &str| text(CwGetOptions::parse(args(line).as_args()));
    assert_eq!(parse("cw.get k LEVEL"), "ERR LEVEL needs a level after it");
    assert_eq!(
        parse("cw.get k LEVEL foo"),
        "ERR unknown level 'foo'; expected one of strong, session, causal, bounded(<duration>), eventual, weak"
    );
    assert_eq!(parse("cw.get k LEVEL weak LEVEL weak"), "ERR LEVEL was given twice");
    assert_eq!(parse("cw.get k FOO"), "ERR unknown option 'FOO'; expected one of LEASE, LEVEL, META, STALE");
}

#[test]
fn cw_set_reads_its_options() {
    let request = args(
        "cw.set k v LEASE t PX 5 TAGS 2 a b DEPENDS 1 user:1 EVENTS 0 PRIORITY -3 WRITE cache-only TYPE text/plain",
    );
    let options = CwSetOptions::parse(request.as_args()).expect("a good CW.SET");
    assert_eq!((options.key, options.value, options.fill_lease), (&b"k"[..], &b"v"[..], Some(&b"t"[..])));
    assert_eq!(options.expiry, Some(Expiry { unit: TimeUnit::Milliseconds, value: 5, absolute: false }));
    assert_eq!(list(options.tags), ["a", "b"]);
    assert_eq!(list(options.depends), ["user:1"]);
    assert_eq!(list(options.events), [""; 0]);
    assert_eq!((options.priority, options.write), (Some(-3), Some(Strategy::CacheOnly)));
    assert_eq!(options.content_type, Some(&b"text/plain"[..]));
}

#[test]
fn cw_set_says_what_is_wrong() {
    let parse = |line: &str| text(CwSetOptions::parse(args(line).as_args()));
    assert_eq!(parse("cw.set k v EX 0"), "ERR invalid expire time in 'cw.set' command");
    assert_eq!(parse("cw.set k v EX 1 PX 1"), "ERR the time to live was given twice");
    assert_eq!(parse("cw.set k v TAGS"), "ERR TAGS needs a count after it");
    assert_eq!(parse("cw.set k v TAGS -1"), "ERR TAGS needs a count of at least 0, not '-1'");
    assert_eq!(parse("cw.set k v TAGS 3 a b"), "ERR TAGS announces 3 words and 2 follow");
    assert_eq!(
        parse("cw.set k v TAGS 9223372036854775807 a"),
        "ERR TAGS announces 9223372036854775807 words and 1 follow"
    );
    assert_eq!(
        parse("cw.set k v WRITE foo"),
        "ERR unknown strategy 'foo'; expected one of write-through, write-invalidate, write-back, cache-only"
    );
    assert_eq!(
        parse("cw.set k v FOO"),
        "ERR unknown option 'FOO'; expected one of LEASE, EX, PX, EXAT, PXAT, TAGS, DEPENDS, EVENTS, PRIORITY, WRITE, TYPE"
    );
}

#[test]
fn cw_invalidate_reads_its_options() {
    let request = args(
        "cw.invalidate KEYS 2 a b TAGS 1 t DEPENDENCIES 1 d PATTERN user:* PREFIX p: EVENT e ATTRIBUTES 2 x 1 y 2 \
         CASCADE no MODE delayed:250ms COALESCE first DRYRUN",
    );
    let options = InvalidateOptions::parse(request.as_args()).expect("a good CW.INVALIDATE");
    assert_eq!(list(options.keys), ["a", "b"]);
    assert_eq!(list(options.tags), ["t"]);
    assert_eq!(list(options.dependencies), ["d"]);
    assert_eq!((options.pattern, options.prefix), (Some(&b"user:*"[..]), Some(&b"p:"[..])));
    let event = options.event.expect("the event was given");
    assert_eq!(
        (event.name, list(event.attributes)),
        (&b"e"[..], ["x", "1", "y", "2"].map(String::from).to_vec())
    );
    assert_eq!((options.cascade, options.mode), (Some(false), Some(Mode::Delayed(250))));
    assert_eq!(options.coalesce, Some(Coalesce::First));
    assert!(options.dry_run && !options.everything);
}

#[test]
fn cw_invalidate_says_what_is_wrong() {
    let parse = |line: &str| text(InvalidateOptions::parse(args(line).as_args()));
    assert_eq!(
        parse("cw.invalidate DRYRUN"),
        "ERR nothing to invalidate; give KEYS, TAGS, DEPENDENCIES, PATTERN, PREFIX, EVENT or EVERYTHING"
    );
    assert_eq!(parse("cw.invalidate EVERYTHING CASCADE maybe"), "ERR CASCADE is yes or no, not 'maybe'");
    assert_eq!(
        parse("cw.invalidate EVERYTHING MODE soon"),
        "ERR unknown mode 'soon'; expected one of immediate, lazy, delayed:2s, on-event:NAME"
    );
    assert_eq!(
        parse("cw.invalidate EVERYTHING MODE delayed soon"),
        "ERR invalid delay 'soon'; expected a duration as in delayed:2s, or milliseconds"
    );
    assert_eq!(
        parse("cw.invalidate EVERYTHING MODE on-event"),
        "ERR MODE on-event needs the event's name, as in on-event:NAME after it"
    );
    assert_eq!(
        parse("cw.invalidate EVENT e ATTRIBUTES 2 a 1 b"),
        "ERR ATTRIBUTES announces 4 words and 3 follow"
    );
    for mode in ["delayed 2s", "delayed:2s", "DELAYED:2000", "lazy", "on-event:go", "on-event go"] {
        assert_eq!(parse(&format!("cw.invalidate EVERYTHING MODE {mode}")), "", "{mode}");
    }
    assert_eq!(
        parse("cw.invalidate EVERYTHING MODE delayed:1s COALESCE last"),
        "ERR coalesce is restart or first, not 'last'"
    );
    assert_eq!(
        parse("cw.invalidate EVERYTHING MODE lazy:2s"),
        "ERR unknown mode 'lazy:2s'; expected one of immediate, lazy, delayed:2s, on-event:NAME"
    );
}

#[test]
fn events_and_warming_are_read() {
    let request = args("cw.event user_updated user_id 123");
    let event = EventOptions::parse(request.as_args()).expect("a good CW.EVENT");
    assert_eq!((event.name, event.attributes.len()), (&b"user_updated"[..], 2));
    assert_eq!(text(EventOptions::parse(args("cw.event e a").as_args())), "ERR attribute 'a' has no value");
    let request = args("cw.warm keys 2 a b TAGS 1 t Pattern p:* RATE 7 refresh WAIT");
    let warm = WarmOptions::parse(request.as_args()).expect("valid");
    assert_eq!((warm.keys.map(|keys| keys.len()), warm.tags.map(|tags| tags.len())), (Some(2), Some(1)));
    assert_eq!((warm.pattern, warm.rate, warm.refresh, warm.wait), (Some(&b"p:*"[..]), Some(7), true, true));
    for (request, wrong) in [
        ("cw.warm keys 2 a", "ERR KEYS announces 2 words and 1 follow"),
        ("cw.warm pattern", "ERR PATTERN needs a glob after it"),
        ("cw.warm pattern a pattern b", "ERR PATTERN was given twice"),
        (
            "cw.warm keys 1 a FAST",
            "ERR unknown option 'FAST'; expected one of KEYS, PATTERN, TAGS, RATE, REFRESH, WAIT",
        ),
    ] {
        assert_eq!(text(WarmOptions::parse(args(request).as_args())), wrong);
    }
}
