//! Small histories that keep a promise, and the same with one thing changed that breaks it.

use super::checker::{Bounds, check};
use super::history::{Change, Claim, Did, History, Key, Level, Op, Outcome, Scope, Seen, Strategy, Us};

const BOUNDS: Bounds = Bounds { feed: 1_000, quiet: 500, recovery: 100 };

/// A history of one row in group 0, which was there as version 1 before it began.
struct Story(History);

impl Story {
    fn begins() -> Story {
        let mut story = Story(History::default());
        story.log(0, 1, Some(0), Some(0));
        story
    }

    fn log(&mut self, row: u8, n: u64, id: Option<u32>, group: Option<u8>) -> &mut Story {
        self.0.log.push(Change { row, n, id, group });
        self
    }

    fn op(&mut self, connection: u8, at: Us, did: Did, outcome: Outcome) -> &mut Story {
        self.0.ops.push(Op { connection, began: at, ended: at + 10, did, outcome, claim: None });
        self
    }

    fn done(&mut self, at: Us, did: Did) -> &mut Story {
        self.op(0, at, did, Outcome::Done)
    }

    fn sql(&mut self, at: Us, id: u32) -> &mut Story {
        self.done(at, Did::Sql { id, text: String::new() })
    }

    fn write(&mut self, at: Us, key: Key, id: u32, strategy: Strategy) -> &mut Story {
        self.done(at, Did::Write { key, id, strategy, bad: false })
    }

    fn saw(&mut self, at: Us, key: Key, level: Level, seen: Seen) -> &mut Story {
        self.op(0, at, Did::Read(key, level), Outcome::Saw(seen))
    }

    fn told(&mut self, at: Us, key: Key, level: Level, seen: Seen, claim: Claim) -> &mut Story {
        self.saw(at, key, level, seen);
        self.0.ops.last_mut().expect("it was told just now").claim = Some(claim);
        self
    }

    fn holds(&self) {
        assert_eq!(check(&self.0, BOUNDS), Ok(()), "\n{}", self.0);
    }

    #[track_caller]
    fn breaks(&self, rule: &str) {
        let broken = check(&self.0, BOUNDS).expect_err("it breaks a promise");
        assert!(broken.rule.starts_with(rule), "{}: {}", broken.rule, broken.why);
    }
}

const DOC: Key = Key::Doc(0);
const OLD: Seen = Seen::Row(1, 0);
const NEW: Seen = Seen::Row(2, 1);

/// Version 2 is committed at 100.
fn updated() -> Story {
    let mut story = Story::begins();
    story.log(0, 2, Some(1), Some(0)).sql(100, 1);
    story
}

#[test]
fn a_commit_is_seen_when_the_level_says() {
    for (level, within, after, rule) in [
        (Level::Strong, 105, 111, "strong"),
        (Level::Bounded(1), 1_100, 1_111, "bounded"),
        (Level::Eventual, 1_100, 1_111, "eventual"),
        (Level::Session, 1_100, 1_111, "eventual"),
    ] {
        updated().saw(within, DOC, level, OLD).holds();
        updated().saw(after, DOC, level, OLD).breaks(rule);
        updated().saw(after, DOC, level, NEW).holds();
    }
    updated().saw(9_000, DOC, Level::Weak, OLD).holds();
    updated().saw(9_000, DOC, Level::AtRest, OLD).breaks("at rest");
}

#[test]
fn while_the_feed_is_away_only_eventual_reads_are_excused() {
    let away = || {
        let mut story = updated();
        story.0.outages.push((500, 2_000));
        story
    };
    away().saw(1_500, DOC, Level::Eventual, OLD).holds();
    away().saw(1_500, DOC, Level::Strong, OLD).breaks("strong");
    away().saw(3_500, DOC, Level::Eventual, OLD).breaks("eventual");
    let failed = |story: &mut Story, at| {
        story.op(0, at, Did::Read(DOC, Level::Strong), Outcome::Failed("away".into()));
    };
    let (mut within, mut outside) = (away(), away());
    failed(&mut within, 600);
    within.holds();
    failed(&mut outside, 2_200);
    outside.breaks("nothing fails");
}

#[test]
fn only_what_was_written_is_read() {
    updated().saw(50, DOC, Level::Eventual, NEW).breaks("only what was written");
    updated().saw(500, DOC, Level::Eventual, Seen::Row(3, 9)).breaks("only what was written");
    updated().saw(500, DOC, Level::Eventual, Seen::Row(2, 9)).breaks("only what was written");
    updated().saw(500, DOC, Level::Eventual, Seen::Raw(1)).breaks("only what was written");
    updated().saw(500, DOC, Level::Weak, Seen::Strange("?".into())).breaks("only what was written");
}

#[test]
fn what_one_has_read_all_know_to_be_committed() {
    let mut story = Story::begins();
    story.log(0, 2, Some(1), Some(0)).log(1, 3, Some(1), Some(0)).log(1, 1, Some(0), Some(0));
    story.op(0, 100, Did::Sql { id: 1, text: String::new() }, Outcome::Failed("no answer".into()));
    story.saw(200, DOC, Level::Eventual, NEW);
    // The other row of the same transaction.
    story.saw(300, Key::Doc(1), Level::Strong, Seen::Row(1, 0)).breaks("strong");
}

#[test]
fn acknowledged_writes_are_seen_and_not_lost() {
    for strategy in [Strategy::Through, Strategy::Invalidate] {
        let mut story = Story::begins();
        story.log(0, 2, Some(1), Some(0)).write(100, DOC, 1, strategy);
        story.saw(105, DOC, Level::Eventual, OLD).holds();
        story.saw(111, DOC, Level::Eventual, OLD).breaks("an acknowledged write is seen");
        Story::begins().write(100, DOC, 1, strategy).breaks("an acknowledged write is not lost");
    }
    let bad = Did::Write { key: DOC, id: 1, strategy: Strategy::Through, bad: true };
    Story::begins().op(0, 100, bad.clone(), Outcome::Failed("refused".into())).holds();
    Story::begins().done(100, bad).breaks("a refused write");
    let mut removed = Story::begins();
    removed.log(0, 2, None, None).done(100, Did::Remove(DOC));
    removed.saw(111, DOC, Level::Eventual, OLD).breaks("an acknowledged write is seen");
}

#[test]
fn a_session_does_not_go_back() {
    let mut story = updated();
    story.saw(120, DOC, Level::Eventual, NEW);
    story.op(1, 140, Did::Read(DOC, Level::Session), Outcome::Saw(OLD)).holds();
    story.saw(160, DOC, Level::Session, OLD).breaks("session");
}

#[test]
fn what_was_read_before_an_invalidation_is_not_read_after_it() {
    let cases = [
        (Scope::Keys(vec![Key::Aside(0)], false), Key::Aside(0)),
        (Scope::Keys(vec![DOC], true), Key::Card(0)),
        (Scope::Tag(0), DOC),
        (Scope::Docs { glob: true }, DOC),
    ];
    for (scope, key) in cases {
        let invalidated = |held| {
            let mut story = updated();
            story.done(200, Did::Invalidate { scope: scope.clone(), held });
            story
        };
        invalidated(false).saw(205, key, Level::Eventual, OLD).holds();
        invalidated(false).saw(211, key, Level::Eventual, OLD).breaks("what was read before");
        invalidated(true).saw(211, key, Level::Eventual, OLD).holds();
    }
}

#[test]
fn a_group_is_seen_whole_and_without_who_has_left() {
    let group = |rows: &[(u8, u64, u32)]| match rows {
        [] => Seen::Absent,
        rows => Seen::Group(rows.to_vec()),
    };
    let mut both = Story::begins();
    both.log(1, 1, Some(0), Some(0)).log(0, 2, Some(1), Some(0)).log(1, 3, Some(1), Some(0)).sql(100, 1);
    both.saw(120, Key::Group(0), Level::Eventual, group(&[(0, 1, 0), (1, 1, 0)]));
    both.saw(140, Key::Group(0), Level::Eventual, group(&[(0, 2, 1), (1, 3, 1)])).holds();
    both.saw(160, Key::Group(0), Level::Eventual, group(&[(0, 2, 1), (1, 1, 0)])).breaks("a transaction");
    let mut moved = Story::begins();
    moved.log(0, 2, Some(1), Some(1)).sql(100, 1);
    moved.saw(200, Key::Group(0), Level::Strong, group(&[])).holds();
    moved.saw(200, Key::Group(0), Level::Strong, group(&[(0, 1, 0)])).breaks("strong");
    updated().saw(200, Key::Group(0), Level::Strong, group(&[])).breaks("strong");
}

#[test]
fn absence_is_judged_as_a_version() {
    let mut story = Story::begins();
    story.log(0, 2, Some(1), None).sql(100, 1).log(0, 3, Some(2), Some(0)).sql(300, 2);
    story.saw(200, DOC, Level::Strong, Seen::Absent).holds();
    story.saw(400, DOC, Level::Eventual, Seen::Absent).holds();
    story.saw(400, DOC, Level::Strong, Seen::Absent).breaks("strong");
}

#[test]
fn written_back_values_are_seen_at_once_and_flushed() {
    let key = Key::Back(0);
    let back = || {
        let mut story = Story::begins();
        story.write(100, key, 1, Strategy::Back).write(200, key, 2, Strategy::Back).log(
            0,
            2,
            Some(2),
            Some(0),
        );
        story
    };
    back().saw(150, key, Level::Eventual, Seen::Raw(1)).saw(220, key, Level::Eventual, Seen::Raw(2)).holds();
    back().saw(220, key, Level::Eventual, Seen::Raw(1)).breaks("what was overwritten");
    back().saw(150, key, Level::Eventual, OLD).breaks("an acknowledged write is seen");
    back().saw(220, key, Level::AtRest, Seen::Raw(2)).breaks("at rest");
    back().write(300, key, 3, Strategy::Back).breaks("an acknowledged write is not lost");
    let mut refused = Story::begins();
    refused.write(100, key, 1, Strategy::Back);
    refused.done(200, Did::Write { key, id: 2, strategy: Strategy::Back, bad: true });
    refused.saw(300, key, Level::AtRest, OLD).holds();
    refused.saw(320, key, Level::AtRest, Seen::Raw(2)).breaks("at rest");
}

#[test]
fn without_a_source_the_last_write_counts() {
    let key = Key::Only(0);
    let story = || {
        let mut story = Story::begins();
        story.write(100, key, 1, Strategy::CacheOnly).write(200, key, 2, Strategy::CacheOnly);
        story
    };
    story().saw(205, key, Level::Eventual, Seen::Raw(1)).saw(220, key, Level::Eventual, Seen::Absent).holds();
    story().saw(220, key, Level::Eventual, Seen::Raw(1)).breaks("what was overwritten");
    let mut removed = story();
    removed
        .done(300, Did::Remove(key))
        .saw(320, key, Level::Eventual, Seen::Raw(2))
        .breaks("what was overwritten");
}

/// From memory, and so old.
fn claim(age: Us, stale: bool, level: &str) -> Claim {
    Claim { allowed_stale: true, stale, hit: true, age, level: level.into(), unverified: false }
}

#[test]
fn what_a_reply_says_about_itself_is_judged() {
    let (eventual, weak) = (Level::Eventual, Level::Weak);
    // Version 2 was committed between 100 and 110.
    let told = |seen: Seen, level, claim| {
        let mut story = updated();
        story.told(20_000, DOC, level, seen, claim);
        story
    };
    told(OLD, eventual, claim(19_900, true, "eventual")).holds();
    told(OLD, eventual, claim(9_900, true, "eventual")).breaks("age");
    told(OLD, weak, claim(9_900, true, "weak")).breaks("age");
    told(OLD, weak, claim(19_900, true, "weak")).holds();
    told(OLD, weak, claim(19_900, false, "weak")).breaks("not stale");
    told(Seen::Absent, weak, claim(19_900, false, "weak")).breaks("not stale");
    told(NEW, weak, claim(0, false, "weak")).holds();
    // An outage is no excuse for who says that nothing is hidden.
    let mut away = told(OLD, eventual, claim(19_900, false, "eventual"));
    away.0.outages.push((0, 30_000));
    away.breaks("not stale");
    told(NEW, eventual, claim(0, true, "strong")).breaks("a level is not claimed");
    told(NEW, Level::Session, claim(0, false, "strong")).breaks("a level is not claimed");
    told(NEW, Level::Session, claim(0, false, "session")).holds();
    // What is marked stale by an invalidation says so.
    let marked = |stale| {
        let mut story = updated();
        story.done(200, Did::Invalidate { scope: Scope::Keys(vec![DOC], false), held: false });
        story.told(220, DOC, weak, OLD, claim(200, stale, "weak"));
        story
    };
    marked(true).holds();
    marked(false).breaks("not stale");
    let only = |age| {
        let mut story = Story::begins();
        story.write(100, Key::Only(0), 1, Strategy::CacheOnly);
        story.told(20_110, Key::Only(0), eventual, Seen::Raw(1), claim(age, false, "strong"));
        story
    };
    only(20_000).holds();
    only(5_000).breaks("age");
}
