//! Handshakes between two sides, and with whoever only seems to be one.

use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::runtime::Builder;

use crate::check::Expectation;
use crate::handshake::{HandshakeError, RefusedBy, dial, listen};
use crate::hello::Hello;
use crate::hello_tests::{hello, secret};
use crate::packet;
use crate::refusal::HelloRefusal;
use crate::secret::{ProofRole, SharedSecret};

type Outcome = Result<Hello, (HelloRefusal, RefusedBy)>;

/// Bytes that a pipe takes while nobody reads.
const PIPE: usize = 64 << 10;

fn run<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

fn judge(mine: &Hello) -> impl FnOnce(&Hello) -> Result<(), HelloRefusal> {
    let mine = mine.clone();
    move |theirs| Expectation { mine: &mine, node: None, clock_off_most_ms: 300_000 }.judge(theirs)
}

fn outcome(result: Result<Hello, HandshakeError>) -> Outcome {
    result.map_err(|error| match error {
        HandshakeError::Refused { refusal, by, .. } => (refusal, by),
        HandshakeError::Broken(error) => panic!("{error}"),
    })
}

/// A handshake of two sides, each with its secret and its hello. Who is refused closes the connection.
fn meet(dialer: (SharedSecret, Hello), listener: (SharedSecret, Hello)) -> (Outcome, Outcome) {
    run(async {
        let (mut near, mut far) = duplex(PIPE);
        let dialing = async move { dial(&mut near, &dialer.0, &dialer.1, judge(&dialer.1)).await };
        let listening = async move { listen(&mut far, &listener.0, &listener.1, judge(&listener.1)).await };
        let (dialed, listened) = tokio::join!(dialing, listening);
        (outcome(dialed), outcome(listened))
    })
}

#[test]
fn both_sides_learn_who_is_there() {
    let (dialed, listened) = meet((secret(), hello(1, 1)), (secret(), hello(2, 2)));
    assert_eq!((dialed, listened), (Ok(hello(2, 2)), Ok(hello(1, 1))));
}

#[test]
fn both_sides_learn_that_their_secrets_differ() {
    let other = SharedSecret::new(b"another secret of theirs").unwrap();
    let wrong = Err((HelloRefusal::WrongSecret, RefusedBy::Here));
    let (dialed, listened) = meet((other, hello(1, 1)), (secret(), hello(2, 2)));
    assert_eq!((dialed, listened), (wrong.clone(), wrong));
}

#[test]
fn each_side_hears_what_is_wrong_with_its_own_words_first() {
    let mut theirs = hello(2, 2);
    theirs.keyspaces = 1;
    let (here, there) = (0x99, 1);
    let (dialed, listened) = meet((secret(), hello(1, 1)), (secret(), theirs));
    assert_eq!(dialed, Err((HelloRefusal::OtherKeyspaces { here, there }, RefusedBy::Here)));
    let turned = HelloRefusal::OtherKeyspaces { here: there, there: here };
    assert_eq!(listened, Err((turned, RefusedBy::There)));
}

/// What a listener makes of somebody who says these packets, whatever it answers.
fn listened(packets: &[Vec<u8>]) -> Outcome {
    run(async {
        let (mut near, mut far) = duplex(PIPE);
        for packet in packets {
            packet::write(&mut near, packet).await.expect("there is room");
        }
        let mine = hello(2, 2);
        outcome(listen(&mut far, &secret(), &mine, judge(&mine)).await)
    })
}

#[test]
fn who_only_repeats_what_others_said_is_nobody() {
    let (dialer, listener) = (hello(1, 1).encode(), hello(2, 2).encode());
    let earlier = hello(2, 9).encode();
    let proof = |role, listener: &[u8]| {
        let mut words = secret().prove(role, &dialer, listener).to_vec();
        words.push(1);
        words
    };
    let right = [dialer.clone(), proof(ProofRole::Dialer, &listener)];
    assert_eq!(listened(&right), Ok(hello(1, 1)), "else this would prove nothing");
    let wrong = Err((HelloRefusal::WrongSecret, RefusedBy::Here));
    // What the dialer said to an earlier hello of this listener.
    assert_eq!(listened(&[dialer.clone(), proof(ProofRole::Dialer, &earlier)]), wrong);
    // The listener's own proof, sent back.
    assert_eq!(listened(&[dialer.clone(), proof(ProofRole::Listener, &listener)]), wrong);
    // The listener's own hello, and then its proof of that.
    let mut words = secret().prove(ProofRole::Listener, &listener, &listener).to_vec();
    words.push(1);
    assert_eq!(listened(&[listener.clone(), words]), wrong);
    // No proof at all.
    assert_eq!(listened(&[dialer.clone(), vec![1]]), wrong);
    assert_eq!(listened(&[dialer, vec![0; 33]]), wrong);
}

/// Runs both sides of a handshake against these bytes and an end.
fn against(bytes: &[u8]) -> (Result<Hello, HandshakeError>, Result<Hello, HandshakeError>) {
    run(async {
        let mine = hello(1, 1);
        let (mut near, mut far) = duplex(PIPE);
        far.write_all(bytes).await.expect("there is room");
        far.shutdown().await.expect("it is open");
        let dialed = dial(&mut near, &secret(), &mine, judge(&mine)).await;
        let (mut near, mut far) = duplex(PIPE);
        far.write_all(bytes).await.expect("there is room");
        far.shutdown().await.expect("it is open");
        let listened = listen(&mut near, &secret(), &mine, judge(&mine)).await;
        (dialed, listened)
    })
}

/// Bytes that look as if they were packets.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![Just(vec![1]), Just(vec![0]), Just(hello(2, 2).encode()), Just(Vec::new())];
    let packet = (first, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(mut first, rest)| {
        first.extend(rest);
        let mut packet = (first.len() as u16).to_le_bytes().to_vec();
        packet.extend(first);
        packet
    });
    prop::collection::vec(packet, 0..4).prop_map(|packets| packets.concat())
}

proptest! {
    #[test]
    fn no_bytes_let_anybody_in(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (dialed, listened) = against(&bytes);
        prop_assert!(dialed.is_err() && listened.is_err());
    }

    #[test]
    fn no_packets_without_a_proof_let_anybody_in(bytes in packets()) {
        let (dialed, listened) = against(&bytes);
        prop_assert!(dialed.is_err() && listened.is_err());
    }
}
