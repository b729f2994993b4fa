//! Hellos, proofs and refusals byte by byte, and who is let in.

use clearwell_words::{Addresses, NodeId, Peer};
use proptest::prelude::*;

use crate::check::{Expectation, Process};
use crate::hello::{ClusterIdent, Hello, VERSIONS, Versions};
use crate::lane::Lane;
use crate::refusal::HelloRefusal;
use crate::secret::{ProofRole, SharedSecret};

/// A hello of a node, with a nonce of this byte alone.
pub(crate) fn hello(node: u64, nonce: u8) -> Hello {
    let peer = Peer { node: NodeId(node), incarnation: 3 };
    let cluster = ClusterIdent { name: "shop".into(), id: Some(0x1122_3344_5566_7788) };
    let addresses = Addresses { link: "a:1".into(), resp: "a:2".into(), http: String::new() };
    let (lane, keyspaces, wall_ms) = (Some(Lane::Stream), 0x99, 1_796_000_000_000);
    let (versions, instance, nonce) = (VERSIONS, 0xabcd, [nonce; 32]);
    Hello { versions, cluster, peer, instance, lane, addresses, keyspaces, wall_ms, nonce }
}

pub(crate) fn secret() -> SharedSecret {
    SharedSecret::new(b"sixteen bytes at least").expect("they are")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As they are on the wire. What is changed here is changed for nodes that run.
#[test]
fn hellos_are_written_so() {
    let spelled = concat!(
        "4357206c696e6b0a", // magic
        "01000100",         // versions
        "040073686f70",
        "018877665544332211", // cluster: name, id
        "0700000000000000",
        "03000000",         // node, incarnation
        "cdab000000000000", // instance
        "02",               // lane
        "0300613a31",
        "0300613a32",
        "0000",             // addresses: link, RESP, HTTP
        "9900000000000000", // keyspaces
        "0028f129a2010000", // wall clock
        "0505050505050505050505050505050505050505050505050505050505050505",
    );
    assert_eq!(hex(&hello(7, 5).encode()), spelled);
    let joiner = Hello { lane: None, cluster: ClusterIdent { name: "shop".into(), id: None }, ..hello(7, 5) };
    let spelled = spelled.replace("018877665544332211", "000000000000000000");
    assert_eq!(hex(&joiner.encode()), spelled.replacen("cdab00000000000002", "cdab00000000000000", 1));
}

/// Computed once more by Python's `hmac`.
#[test]
fn proofs_are_made_so() {
    let (dialer, listener) = (hello(1, 1).encode(), hello(2, 2).encode());
    let proof = |role| hex(&secret().prove(role, &dialer, &listener));
    assert_eq!(proof(ProofRole::Dialer), "11006c282f2c5be16d6369480fe4168a410b038f441190bbdb2c139a6e15168a");
    assert_eq!(
        proof(ProofRole::Listener),
        "da8ff7f9454eca4e3117b4653506578c0bea8bafd733818ff84115874dce53ca"
    );
    assert!(SharedSecret::new(b"fifteen letters").is_err());
    assert_eq!(format!("{:?}", secret()), "SharedSecret");
}

fn refusals() -> Vec<(HelloRefusal, &'static str)> {
    let cluster = |name: &str, id| ClusterIdent { name: name.into(), id };
    let versions = |oldest, newest| Versions { oldest, newest };
    let node = NodeId(7);
    vec![
        (
            HelloRefusal::OtherCluster { here: cluster("a", Some(1)), there: cluster("b", None) },
            "01010061010100000000000000010062000000000000000000",
        ),
        (HelloRefusal::WrongSecret, "02"),
        (HelloRefusal::OtherKeyspaces { here: 1, there: 2 }, "0301000000000000000200000000000000"),
        (
            HelloRefusal::ClockOff { here_ms: 1, there_ms: 2, most_ms: 3 },
            "04010000000000000002000000000000000300000000000000",
        ),
        (HelloRefusal::NodeIdInUse { node, incarnation: 2 }, "05070000000000000002000000"),
        (
            HelloRefusal::TooOldIncarnation { node, known: 3, refused: 2 },
            "0607000000000000000300000002000000",
        ),
        (HelloRefusal::Version { here: versions(1, 2), there: versions(3, 4) }, "070100020003000400"),
        (HelloRefusal::Malformed, "08"),
        (HelloRefusal::OtherNode { wanted: node, found: NodeId(8) }, "0907000000000000000800000000000000"),
        (HelloRefusal::Oneself, "0a"),
        (HelloRefusal::Full { most: 9 }, "0b09000000"),
        (HelloRefusal::Forged, "0c"),
    ]
}

#[test]
fn refusals_are_written_so_and_read_back_and_turned_around() {
    for (at, (refusal, spelled)) in refusals().into_iter().enumerate() {
        let bytes = refusal.encode();
        assert_eq!((hex(&bytes).as_str(), usize::from(bytes[0])), (spelled, at + 1));
        assert_eq!(HelloRefusal::decode(&bytes).as_ref(), Some(&refusal));
        assert_eq!(refusal.clone().turned().turned(), refusal);
        assert!(refusal.to_string().len() > 20, "{refusal}");
        for cut in 0..bytes.len() {
            assert_eq!(HelloRefusal::decode(&bytes[..cut]), None);
        }
    }
    assert_eq!(HelloRefusal::decode(&[13]), None);
}

/// What `theirs` is refused for by `hello(1, ..)`.
fn judged(theirs: &Hello) -> Result<(), HelloRefusal> {
    Expectation { mine: &hello(1, 1), node: Some(NodeId(2)), clock_off_most_ms: 300_000 }.judge(theirs)
}

#[test]
fn a_hello_is_refused_for_what_is_wrong_with_it() {
    let good = hello(2, 2);
    assert_eq!(judged(&good), Ok(()));
    let joiner = Hello { cluster: ClusterIdent { id: None, ..good.cluster.clone() }, ..good.clone() };
    assert_eq!(judged(&joiner), Ok(()));
    let late = Hello { wall_ms: good.wall_ms + 300_000, ..good.clone() };
    assert_eq!(judged(&late), Ok(()));

    let refused = |theirs: Hello| judged(&theirs).expect_err("it is wrong").encode()[0];
    let renamed = ClusterIdent { name: "shops".into(), ..good.cluster.clone() };
    assert_eq!(refused(Hello { cluster: renamed, ..good.clone() }), 1);
    assert_eq!(refused(Hello { keyspaces: 1, ..good.clone() }), 3);
    assert_eq!(refused(Hello { wall_ms: good.wall_ms + 300_001, ..good.clone() }), 4);
    assert_eq!(refused(Hello { wall_ms: good.wall_ms - 300_001, ..good.clone() }), 4);
    assert_eq!(refused(Hello { instance: 1, ..hello(1, 2) }), 5);
    assert_eq!(refused(Hello { versions: Versions { oldest: 2, newest: 3 }, ..good }), 7);
    assert_eq!(refused(hello(3, 2)), 9);
    assert_eq!(refused(hello(1, 2)), 10);
}

#[test]
fn neighbouring_versions_speak_to_one_another() {
    let versions = |newest: u16| Versions { oldest: newest - 1, newest };
    assert_eq!(versions(5).common(versions(5)), Some(5));
    assert_eq!(versions(5).common(versions(6)), Some(5));
    assert_eq!(versions(6).common(versions(5)), Some(5));
    assert_eq!(versions(5).common(versions(7)), None);
    // A newer one may say more behind what is known.
    let mut longer = Hello { versions: Versions { oldest: 1, newest: 2 }, ..hello(2, 2) };
    let mut bytes = longer.encode();
    bytes.extend_from_slice(b"and more");
    assert_eq!(Hello::decode(&bytes, VERSIONS).as_ref(), Ok(&longer));
    // One too new is refused for that, whatever stands behind its versions.
    longer.versions = Versions { oldest: 2, newest: 3 };
    let refused = Hello::decode(&longer.encode()[..12], VERSIONS);
    assert_eq!(refused, Err(HelloRefusal::Version { here: VERSIONS, there: longer.versions }));
}

#[test]
fn a_process_takes_the_place_of_one_before_it_alone() {
    let process = |incarnation, instance| Process { incarnation, instance };
    let succeed = |new: Process, known| new.succeed(known, NodeId(1)).map_err(|refusal| refusal.encode()[0]);
    assert_eq!(succeed(process(1, 1), None), Ok(()));
    assert_eq!(succeed(process(1, 1), Some(process(1, 1))), Ok(()));
    assert_eq!(succeed(process(2, 9), Some(process(1, 1))), Ok(()));
    assert_eq!(succeed(process(1, 9), Some(process(1, 1))), Err(5));
    assert_eq!(succeed(process(1, 1), Some(process(2, 1))), Err(6));
}

proptest! {
    #[test]
    fn no_bytes_panic_a_decoder(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Hello::decode(&bytes, VERSIONS);
        let _ = HelloRefusal::decode(&bytes);
    }

    /// Neither do those of a hello that was damaged, or cut; and what is read of it is what would be written.
    #[test]
    fn no_damage_panics_a_decoder(at in 0usize..200, byte: u8, cut in 0usize..200) {
        let mut bytes = hello(7, 5).encode();
        let cut = cut.min(bytes.len());
        bytes.truncate(bytes.len() - cut);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        if let Ok(read) = Hello::decode(&bytes, VERSIONS) {
            let again = read.encode();
            prop_assert!(bytes.starts_with(&again) || read.cluster.id.is_none());
        }
    }

    #[test]
    fn hellos_are_read_back(node: u64, incarnation: u32, name in ".{0,80}", id: Option<u64>, link in ".{0,80}", nonce: [u8; 32], lane in 0usize..4) {
        let peer = Peer { node: NodeId(node), incarnation };
        let name: String = name.chars().take(60).collect();
        let addresses = Addresses { link: link.chars().take(60).collect(), ..Addresses::default() };
        let lane = Lane::ALL.get(lane).copied();
        let written = Hello { peer, cluster: ClusterIdent { name, id }, addresses, nonce, lane, ..hello(1, 1) };
        prop_assert_eq!(Hello::decode(&written.encode(), VERSIONS), Ok(written));
    }

    /// No proof counts for another secret, another role, or other hellos, of which a nonce alone is enough.
    #[test]
    fn a_proof_counts_once(secret_byte: u8, nonce: u8, mine in 0u64..3, theirs in 0u64..3, flip in 0usize..256, by_dialer: bool) {
        let (dialer, listener) = (hello(mine, 1).encode(), hello(theirs, 2).encode());
        let (role, other) = match by_dialer {
            true => (ProofRole::Dialer, ProofRole::Listener),
            false => (ProofRole::Listener, ProofRole::Dialer),
        };
        let proof = secret().prove(role, &dialer, &listener);
        prop_assert!(secret().verify(role, &dialer, &listener, &proof));
        prop_assert!(!secret().verify(other, &dialer, &listener, &proof), "sent back");
        prop_assert!(!secret().verify(role, &listener, &dialer, &proof), "sent back the other way");
        let another = SharedSecret::new(&[secret_byte; 16]).unwrap();
        prop_assert!(!another.verify(role, &dialer, &listener, &proof));
        prop_assert!(!SharedSecret::none().verify(role, &dialer, &listener, &proof));
        if nonce != 2 {
            prop_assert!(!secret().verify(role, &dialer, &hello(theirs, nonce).encode(), &proof), "replayed");
        }
        if nonce != 1 {
            prop_assert!(!secret().verify(role, &hello(mine, nonce).encode(), &listener, &proof), "replayed");
        }
        let mut damaged = proof;
        damaged[flip / 8] ^= 1 << (flip % 8);
        prop_assert!(!secret().verify(role, &dialer, &listener, &damaged));
    }
}
