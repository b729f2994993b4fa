//! Whoever is no node.

use std::io::{Read, Write};
use std::net::TcpStream;

use clearwell_cluster::NodeId;
use clearwell_links::{HelloRefusal, Links, Receiver};
use std::sync::Arc;

use crate::node::{Node, settings};

pub struct Deaf;

impl Receiver for Deaf {
    fn receive(&self, _: clearwell_cluster::Peer, _: clearwell_cluster::Message) {}
}

#[test]
fn other_protocols_are_told_that_they_are_wrong_here() {
    for first in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"*1\r\n$4\r\nPING\r\n", b"\x10\x00sixteen letters.", b"\0\0"]
    {
        let node = Node::start(settings(1));
        let mut stranger = TcpStream::connect(node.links.listening()).unwrap();
        stranger.write_all(first).unwrap();
        let refused = node.refused();
        assert_eq!((refused.why, refused.node), (HelloRefusal::Malformed, None));
        // It is closed; what was left unread may take the words with it.
        let _ = stranger.read_to_end(&mut Vec::new());
    }
}

#[test]
fn a_stranger_that_calls_again_and_again_is_told_of_once() {
    let node = Node::start(settings(1));
    for count in 1..=20 {
        let mut stranger = TcpStream::connect(node.links.listening()).unwrap();
        stranger.write_all(b"PING\r\n").unwrap();
        // The last sixteen are kept.
        node.stands(|figures| figures.refused.len() == count.min(16));
        let _ = stranger.read_to_end(&mut Vec::new());
    }
    assert_eq!(node.refused().why, HelloRefusal::Malformed);
    assert!(node.has_no_notice());
}

#[test]
fn few_handshakes_are_under_way_at_once() {
    let mut few = settings(1);
    few.half_open_most = 2;
    let node = Node::start(few);
    let silent = [(); 2].map(|()| TcpStream::connect(node.links.listening()).unwrap());
    let mut third = TcpStream::connect(node.links.listening()).unwrap();
    assert_eq!(third.read(&mut [0; 8]).unwrap_or(0), 0);
    assert_eq!(node.links.figures().turned_away, 1);
    drop(silent);
}

#[test]
fn a_stranger_that_says_nothing_is_closed() {
    let mut hasty = settings(1);
    hasty.handshake_ms = 1;
    let node = Node::start(hasty);
    let mut silent = TcpStream::connect(node.links.listening()).unwrap();
    assert_eq!(silent.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn without_a_secret_only_loopback_is_spoken_to() {
    let mut open = settings(1);
    open.secret = None;
    let node = Node::start(open.clone());
    node.links.learn(NodeId(2), &["192.0.2.1:1".into()]).unwrap();
    node.stands(|figures| {
        figures
            .peers
            .iter()
            .any(|peer| peer.unreached.as_ref().is_some_and(|why| why.contains("needs a secret")))
    });
    open.listen = "0.0.0.0:0".parse().unwrap();
    let refused = Links::start(open.clone(), Arc::new(Deaf)).unwrap_err();
    assert!(refused.contains("listening on 0.0.0.0:0 needs a secret"), "{refused}");
    open.secret = settings(1).secret;
    let refused = Links::start(open.clone(), Arc::new(Deaf)).unwrap_err();
    assert!(refused.contains("announce"), "{refused}");
    open.announced.link = "127.0.0.1:1".into();
    Links::start(open, Arc::new(Deaf)).unwrap();
}
