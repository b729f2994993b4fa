//! What a peer may send that has proved to be one, and who is reached.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use clearwell_cluster::{Epoch, Message, NodeId, Peer, Profile};
use clearwell_wire::encode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::dial::reach_one_of;
use crate::handshake::{dial, last_words};
use crate::hello::Hello;
use crate::hello_tests::{hello, secret};
use crate::lane::Lane;
use crate::links::Links;
use crate::receiver::{Receiver, Unreached};
use crate::refusal::HelloRefusal;
use crate::settings::Settings;

/// Until when something that must happen has happened.
const PATIENCE: Duration = Duration::from_secs(20);

struct Gives(Sender<(Peer, Message)>);

impl Receiver for Gives {
    fn receive(&self, from: Peer, message: Message) {
        // The test may be over.
        let _ = self.0.send((from, message));
    }
}

fn start(messages: Sender<(Peer, Message)>) -> Links {
    start_with(1, messages)
}

fn start_as(node: u64) -> Links {
    start_with(node, channel().0)
}

fn start_with(node: u64, messages: Sender<(Peer, Message)>) -> Links {
    let me = Peer { node: NodeId(node), incarnation: 1 };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let mut settings = Settings::new(me, hello(2, 2).cluster, listen, Profile::Lan);
    settings.keyspaces = 0x99;
    settings.secret = Some(secret());
    settings.wall_clock = Arc::new(|| hello(2, 2).wall_ms);
    Links::start(settings, Arc::new(Gives(messages))).expect("links")
}

/// A connection of a peer that speaks by hand.
async fn called(links: &Links) -> TcpStream {
    called_on(links, Lane::Control, hello(2, 2).peer.incarnation).await
}

async fn called_on(links: &Links, lane: Lane, incarnation: u32) -> TcpStream {
    let mut stream = TcpStream::connect(links.listening()).await.expect("a connection");
    let peer = Peer { incarnation, ..hello(2, 2).peer };
    let mine = Hello { lane: Some(lane), peer, addresses: Default::default(), ..hello(2, 2) };
    dial(&mut stream, &secret(), &mine, |_| Ok(())).await.expect("it is let in");
    stream
}

fn frame(message: &Message) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(message, &mut frame).expect("it is short");
    frame
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(PATIENCE, test()).await.expect("what must happen happens") });
}

#[test]
fn frames_that_cannot_be_read_are_counted_and_the_next_ones_read() {
    run(async || {
        let (messages, inbox) = channel();
        let links = start(messages);
        let mut stream = called(&links).await;
        let good = frame(&Message::ViewAsk(Epoch(300)));
        let mut newer = good.clone();
        newer[4] = 200;
        let mut damaged = frame(&Message::ViewAsk(Epoch(300)));
        damaged[6] = 0xff;
        // In pieces as small as they come.
        for byte in [newer, damaged, good].concat() {
            stream.write_all(&[byte]).await.expect("it is open");
        }
        let from = hello(2, 2).peer;
        assert_eq!(inbox.recv_timeout(PATIENCE), Ok((from, Message::ViewAsk(Epoch(300)))));
        let lane = &links.figures().peers[0].lanes[Lane::Control.index()];
        assert_eq!((lane.unreadable, lane.received_frames), (2, 3));
    });
}

#[test]
fn a_length_that_no_frame_has_ends_the_connection_in_words() {
    for head in [[0; 4], [0xff; 4], [1, 0, 0x10, 0]] {
        run(async || {
            let links = start(channel().0);
            let mut stream = called(&links).await;
            stream.write_all(&head).await.expect("it is open");
            assert_eq!(last_words(&mut stream).await, Some(HelloRefusal::Malformed));
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
        });
    }
}

#[test]
fn a_newer_connection_of_a_lane_takes_the_place_of_the_one_before_it() {
    run(async || {
        let (messages, inbox) = channel();
        let links = start(messages);
        let mut first = called(&links).await;
        let mut second = called(&links).await;
        assert_eq!(first.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
        second.write_all(&frame(&Message::ViewAsk(Epoch(2)))).await.expect("it is open");
        assert_eq!(inbox.recv_timeout(PATIENCE).map(|(_, message)| message), Ok(Message::ViewAsk(Epoch(2))));
        assert_eq!(links.figures().peers.len(), 1);
    });
}

#[test]
fn a_later_process_ends_all_connections_of_the_one_before_it() {
    run(async || {
        let links = start(channel().0);
        let mut old = called_on(&links, Lane::Control, 3).await;
        let _new = called_on(&links, Lane::Stream, 4).await;
        assert_eq!(old.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    });
}

#[test]
fn a_name_that_leads_to_this_node_too_leads_to_the_others() {
    run(async || {
        let (one, other) = (start(channel().0), start_as(5));
        let nobody = "127.0.0.1:1".parse().expect("an address");
        let all = [one.listening(), nobody, other.listening()];
        let found = reach_one_of(one.hub(), "name", all.into_iter(), None, None).await;
        assert_eq!(found.ok().map(|reached| reached.hello.peer.node), Some(NodeId(5)));
        let all = [nobody, one.listening()];
        let found = reach_one_of(one.hub(), "name", all.into_iter(), None, None).await;
        assert!(matches!(found, Err(Unreached::Broken(why)) if why.contains("127.0.0.1:1")));
        assert!(one.hub().figures().refused.iter().all(|refused| refused.why == HelloRefusal::Oneself));
    });
}
