//! What a member costs that is a cluster of one: `cargo run --release -p clearwell-cluster --example alone [TAIL]`.
//! It owns 16384 slots. Each figure is the mean of a loop of a second or so, as CPU time where the system tells it.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures; it decides nothing")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use clearwell_cluster::request::Invalidate;
use clearwell_cluster::{Config, Input, Member, NodeId, Outbox, Peer, Request, Start, Ticket};
use clearwell_words::{Cause, Effect, Invalidation, Millis, Scope};

fn main() {
    let me = Peer { node: NodeId(7), incarnation: 1 };
    let begun = Instant::now();
    let mut member =
        Member::new(Config { tail_most: tail(), ..Config::new(me) }, Start::default(), Millis(1));
    member.step(Millis(1), Input::Tick, &mut Outbox::default());
    println!("begin             {:>9.1} µs", begun.elapsed().as_secs_f64() * 1e6);
    let mut now = 1;
    measure("tick, each 100 ms", |_| {
        now += 100;
        member.step(Millis(now), Input::Tick, &mut Outbox::default());
    });
    let mut ticket = 0;
    let mut ask = |name: &str, scope: &dyn Fn(u64) -> Scope| {
        measure(name, |n| {
            ticket += 1;
            let mut out = Outbox::default();
            member.step(Millis(now), Input::Request(Ticket(ticket), invalidate(scope(n))), &mut out);
            assert_eq!((out.apply.len(), out.answer.len()), (1, 1));
        });
    };
    ask("one key again", &|_| Scope::Key(b"post:1"[..].into()));
    ask("a million keys", &|n| Scope::Key(format!("post:{}", n % 1_000_000).into_bytes().into()));
    ask("a million tags", &|n| Scope::Tag(format!("author:{}", n % 1_000_000).into_bytes().into()));
    ask("everything", &|_| Scope::Everything);
}

fn tail() -> usize {
    std::env::args()
        .nth(1)
        .and_then(|words| words.parse().ok())
        .unwrap_or(Config::new(Peer::default()).tail_most)
}

fn invalidate(scope: Scope) -> Request {
    let (scope, effect, cause) = (Arc::new(scope), Effect::Gone, Cause::Command);
    let invalidation = Invalidation { scope, effect, cascade: true, version: None, cause };
    Request::Invalidate(Invalidate { invalidation, wait: false, depth: 0 })
}

fn measure(what: &str, mut once: impl FnMut(u64)) {
    let (begun, cpu) = (Instant::now(), cpu_ns());
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(1) {
        for _ in 0..10 {
            once(rounds);
            rounds += 1;
        }
    }
    let ns = match (cpu, cpu_ns()) {
        (Some(before), Some(after)) => after - before,
        _ => begun.elapsed().as_nanos() as u64,
    };
    println!("{what:<17} {:>9.2} µs", ns as f64 / 1e3 / rounds as f64);
}

/// How long this process has run on a processor, as Linux tells it.
fn cpu_ns() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok()
}
