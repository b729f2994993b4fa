use super::*;

/// Writers of one pool that SET what nobody SET before, and delete in between, while others of the pool poll: nobody fills.
/// Their own order proves nothing, since any thread may use any connection; their values and their number do.
#[test]
fn honest_writers_of_a_pool_lose_little() {
    let worlds = [
        (1, 0, 3),
        (1, 3, 3),
        (2, 1, 3),
        (4, 1, 3),
        (4, 4, 3),
        (16, 2, 3),
        (1, 3, 6),
        (2, 1, 6),
        (4, 2, 6),
        (16, 1, 6),
    ];
    for (connections, polls, deletes) in worlds {
        let mut draw = fastrand::Rng::with_seed(connections + 100 * polls);
        let mut outstanding = Outstanding::new(8, WINDOW);
        let mut own = vec![Past::default(); connections as usize];
        let (mut seq, mut invalidated, mut put, mut stored) = (Seq(0), Seq(0), Seq(0), None);
        let (mut dropped, mut missing_since, mut longest) = (0, None, 0);
        for n in 0..20_000u64 {
            // Eight writes a millisecond.
            let now = Millis(n / 8);
            if draw.u8(..10) < deletes {
                seq.0 += 1;
                (invalidated, stored) = (seq, None);
                outstanding.invalidated(1, seq);
                let past = &mut own[draw.usize(..connections as usize)];
                (past.wrote, past.writes) = (true, true);
            }
            for _ in 0..draw.u64(..=polls) {
                if stored.is_none() {
                    let client = draw.usize(..connections as usize);
                    let reader = Reader { client: client as u64 + 1, looks: false };
                    outstanding.miss(reader, 1, invalidated, seq, now);
                    (own[client].miss, own[client].wrote) = (Some(seq), false);
                }
            }
            let client = draw.usize(..connections as usize);
            let past = own[client];
            own[client] =
                Past { miss: None, wrote: true, writes: past.writes || past.miss.is_none() || past.wrote };
            let origin = Origin {
                miss: past.miss,
                wrote: past.wrote,
                writes: past.writes,
                client: client as u64 + 1,
                ..Origin::default()
            };
            let told = Offer {
                value: n + 1,
                origin,
                put,
                seq,
                now,
                stored_same: stored.map(|_| false),
                ..offer(0, None, invalidated.0)
            };
            match outstanding.decided(&told) {
                Decision::Put => {
                    seq.0 += 1;
                    (put, stored, missing_since) = (seq, Some(n), None);
                }
                Decision::Fill { began } if began >= put => (stored, missing_since) = (Some(n), None),
                _ => {
                    dropped += 1;
                    stored = None;
                    longest = longest.max(now.since(*missing_since.get_or_insert(now)));
                }
            }
        }
        println!(
            "{connections} connections, {polls} polls, {deletes} deletes: {dropped} of 20000 dropped, {longest} ms"
        );
        assert!(
            dropped <= 40 && longest <= 100,
            "{connections} connections, {polls} polls: {dropped}, {longest} ms"
        );
    }
}
