//! The bytes that redis-server 7.0.15 answered for a cluster of three (two of them with slots), read with its
//! CLUSTER commands on 30 November 2026; what 7.2 says of it is the same. `CRLF` is shown as a blank.

use clearwell_protocol::{Encoder, Resp};
use clearwell_words::{NodeId, Slot};

use super::{Announced, Health, SlotRange, Topology, count_keys_in_slot, key_slot, keys_in_slot, redis_id};

const ONE: &str = "888e647f1044bf0a22b853d3b4c439824762b259";
const TWO: &str = "8fed34abca00183675942e9a40cf16792ac23e42";
const THREE: &str = "5c8f12c915ddb58226ed850ddcbf3cf14a5da0bf";

fn announced(id: &str, port: u16, position: u64) -> Announced {
    Announced {
        id: id.to_owned(),
        ip: "127.0.0.1".to_owned(),
        hostname: None,
        port,
        tls_port: None,
        link_port: port + 10_000,
        health: Health::Online,
        heard_unix_ms: 1_796_040_164_000,
        position,
    }
}

fn range(first: u16, last: u16, owner: usize) -> SlotRange {
    SlotRange { first: Slot(first), last: Slot(last), owner }
}

/// In the order in which Redis told of them.
fn cluster() -> Topology {
    Topology {
        epoch: 2,
        me: 1,
        serves: false,
        nodes: vec![announced(TWO, 17402, 0), announced(ONE, 17401, 28), announced(THREE, 17403, 14)],
        ranges: vec![range(0, 100, 1), range(200, 5460, 1), range(5461, 16383, 0)],
        messages: (22, 22),
    }
}

fn said(resp: Resp, say: impl FnOnce(&mut Encoder<'_>)) -> String {
    let mut out = Vec::new();
    say(&mut Encoder::new(&mut out, resp));
    String::from_utf8(out).expect("text").replace("\r\n", " ")
}

#[test]
fn slots_are_told_as_redis_tells_them() {
    let one = format!("*4 $9 127.0.0.1 :17401 $40 {ONE} %0");
    let two = format!("*4 $9 127.0.0.1 :17402 $40 {TWO} %0");
    let whole = format!("*3 *3 :0 :100 {one} *3 :200 :5460 {one} *3 :5461 :16383 {two} ");
    assert_eq!(said(Resp::V3, |reply| cluster().slots(reply)), whole);
    assert_eq!(said(Resp::V2, |reply| cluster().slots(reply)), whole.replace('%', "*"));
}

#[test]
fn shards_are_told_as_redis_tells_them() {
    let member = |id: &str, port: u16, position: u64, health: &str| {
        format!(
            "%7 $2 id $40 {id} $4 port :{port} $2 ip $9 127.0.0.1 $8 endpoint $9 127.0.0.1 $4 role $6 master \
             $18 replication-offset :{position} $6 health ${} {health} ",
            health.len()
        )
    };
    let two = member(TWO, 17402, 0, "online");
    let one = member(ONE, 17401, 28, "online");
    let three = member(THREE, 17403, 14, "loading");
    let whole = format!(
        "*3 %2 $5 slots *2 :5461 :16383 $5 nodes *1 {two}%2 $5 slots *4 :0 :100 :200 :5460 $5 nodes *1 {one}%2 $5 slots *0 $5 nodes *1 {three}"
    );
    let mut loading = cluster();
    loading.nodes[2].health = Health::Loading;
    assert_eq!(said(Resp::V3, |reply| loading.shards(reply)), whole);
    let flat = whole.replace("%2", "*4").replace("%7", "*14");
    assert_eq!(said(Resp::V2, |reply| loading.shards(reply)), flat);
}

#[test]
fn nodes_are_told_in_lines_as_redis_tells_them() {
    let mut both = cluster();
    both.nodes.truncate(2);
    both.nodes[1].hostname = Some("one.example".to_owned());
    let two = format!("{TWO} 127.0.0.1:17402@27402 master - 0 1796040164000 2 connected 5461-16383\n");
    let one = format!(
        "{ONE} 127.0.0.1:17401@27401,one.example myself,master - 0 1796040164000 2 connected 0-100 200-5460\n"
    );
    let text = format!("{two}{one}");
    assert_eq!(said(Resp::V2, |reply| both.describe(reply)), format!("${} {text} ", text.len()));
    assert_eq!(said(Resp::V3, |reply| both.describe(reply)), format!("={} txt:{text} ", text.len() + 4));
    both.nodes[0].health = Health::Suspect;
    let suspect = "master,fail? - 1796040164000 1796040164000 2 disconnected 5461-16383";
    assert!(said(Resp::V2, |reply| both.describe(reply)).contains(suspect));
    both.ranges = vec![range(7, 7, 1)];
    assert!(said(Resp::V2, |reply| both.describe(reply)).contains(" connected 7\n"));
}

#[test]
fn info_counts_slots_by_how_their_owners_are() {
    let lines = |topology: &Topology| {
        let said = said(Resp::V2, |reply| topology.info(reply));
        said.split(' ').skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = [
        "cluster_state:fail",
        "cluster_slots_assigned:16285",
        "cluster_slots_ok:16285",
        "cluster_slots_pfail:0",
        "cluster_slots_fail:0",
        "cluster_known_nodes:3",
        "cluster_size:2",
        "cluster_current_epoch:2",
        "cluster_my_epoch:2",
        "cluster_stats_messages_sent:22",
        "cluster_stats_messages_received:22",
        "total_cluster_links_buffer_limit_exceeded:0",
    ];
    assert_eq!(lines(&cluster()), whole);
    let mut suspect = Topology { serves: true, ..cluster() };
    suspect.nodes[0].health = Health::Suspect;
    let lines = lines(&suspect);
    assert_eq!(lines[..1], ["cluster_state:ok"]);
    assert_eq!(lines[2..5], ["cluster_slots_ok:5362", "cluster_slots_pfail:10923", "cluster_slots_fail:0"]);
}

#[test]
fn names_and_ports_of_tls_are_told_where_they_are() {
    let mut topology = cluster();
    topology.nodes.truncate(1);
    (topology.me, topology.ranges) = (0, vec![range(0, 16383, 0)]);
    topology.nodes[0].hostname = Some("two.example".to_owned());
    topology.nodes[0].tls_port = Some(17502);
    let slots = said(Resp::V2, |reply| topology.slots(reply));
    assert!(slots.ends_with(&format!(":17402 $40 {TWO} *2 $8 hostname $11 two.example ")), "{slots}");
    let shards = said(Resp::V3, |reply| topology.shards(reply));
    assert!(
        shards.contains("%9 $2 id") && shards.contains("$4 port :17402 $8 tls-port :17502 $2 ip"),
        "{shards}"
    );
    assert!(shards.contains("$8 endpoint $9 127.0.0.1 $8 hostname $11 two.example $4 role"), "{shards}");
    topology.nodes[0].port = 0;
    let slots = said(Resp::V2, |reply| topology.slots(reply));
    assert!(slots.contains("127.0.0.1 :17502 "), "{slots}");
}

#[test]
fn slots_in_a_row_of_one_owner_are_one_range() {
    let rows = [(0, 0), (1, 0), (2, 0), (3, 1), (5, 1), (6, 1)].map(|(slot, owner)| (Slot(slot), owner));
    assert_eq!(SlotRange::all(rows), [range(0, 2, 0), range(3, 3, 1), range(5, 6, 1)]);
}

#[test]
fn keys_are_counted_in_slots_that_there_are() {
    let mut out = Vec::new();
    let mut count = |text: &str| {
        out.clear();
        let counted = count_keys_in_slot(&mut Encoder::new(&mut out, Resp::V2), text.as_bytes(), |slot| {
            u64::from(slot.0) + 1
        });
        counted
            .map(|()| String::from_utf8(out.clone()).expect("text"))
            .map_err(|error| String::from_utf8(error.as_bytes().to_vec()).expect("text"))
    };
    assert_eq!(count("16383"), Ok(":16384\r\n".to_owned()));
    for refused in ["16384", "-1", "70000"] {
        assert_eq!(count(refused), Err("ERR Invalid slot".to_owned()));
    }
    assert_eq!(count("x"), Err("ERR value is not an integer or out of range".to_owned()));
    let mut found = |slot: &str, most: &str| {
        out.clear();
        let keys = |slot: Slot, most: usize| vec![format!("{}:{most}", slot.0).into_bytes().into()];
        let found =
            keys_in_slot(&mut Encoder::new(&mut out, Resp::V2), slot.as_bytes(), most.as_bytes(), keys);
        found.map(|()| out.clone()).map_err(|error| error.as_bytes().to_vec())
    };
    assert_eq!(found("16383", "2"), Ok(b"*1\r\n$7\r\n16383:2\r\n".to_vec()));
    for (slot, most) in [("16384", "2"), ("1", "-2")] {
        assert_eq!(found(slot, most), Err(b"ERR Invalid slot or number of keys".to_vec()));
    }
    assert_eq!(said(Resp::V2, |reply| key_slot(reply, b"foo{bar}")), ":5061 ");
    assert_eq!(said(Resp::V2, |reply| cluster().my_id(reply)), format!("$40 {ONE} "));
}

#[test]
fn a_node_has_one_name_as_long_as_it_lives() {
    let id = redis_id(0x0123_4567_89ab_cdef, NodeId(0xbeef));
    assert_eq!(id, "000000000123456789abcdef000000000000beef");
    assert_eq!(id.len(), 40);
}
