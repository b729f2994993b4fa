//! Another server behind the same port: one that was promoted, one that was restored; neither has the slot.

use std::time::{Duration, Instant};

use crate::load::KEYS;
use crate::support::wait_for;
use crate::surfaces::Events;
use crate::world::World;

fn to_another_server(promoted: bool) {
    let mut world = World::new("bypass");
    let mut connection = world.node.connect();
    let mut read = |key: usize| {
        let reply = connection.call(&["GET", &format!("item:{key}")]);
        String::from_utf8(reply).expect("text")
    };
    world.database.copy();
    let mut session = world.session();
    // The copy does not have these: they are lost with the server, as after any failover without a synchronous standby.
    for key in 0..KEYS {
        session.bump(key, 1).expect("a version");
        wait_for("the version that will be lost", || read(key).contains("\r\n2\r\n").then_some(()));
    }
    let events = Events::of(world.http());
    let killed = Instant::now();
    world.database.kill9();
    events.wait("unverified", killed);
    let away = read(1);
    assert!(away.starts_with("-SOURCE "), "nothing is served that nobody can vouch for: {away}");
    world.database.fail_over(promoted);
    let mut session = world.session();
    for key in 0..KEYS {
        session.bump(key, 1000).expect("a version");
        let committed = Instant::now();
        wait_for("an answer", || {
            let (began, reply) = (Instant::now(), read(key));
            let fresh = reply.contains("\r\n1001\r\n");
            let late = began.duration_since(committed) > Duration::from_secs(1);
            assert!(fresh || reply.starts_with('-') || !late, "promoted = {promoted}: {reply}");
            fresh.then_some(())
        });
    }
    let health = world.until(true);
    assert_eq!(health["gaps"], 1, "{health}");
    events.wait("verified", killed);
    let version = session.bump(5, 1).expect("a version").to_string();
    wait_for("the new feed to tell", || read(5).contains(&format!("\r\n{version}\r\n")).then_some(()));
}

#[test]
fn a_standby_that_was_promoted() {
    to_another_server(true);
}

#[test]
fn a_server_that_was_restored() {
    to_another_server(false);
}
