use super::*;

/// What the threads of a program do at a time: a crowd that misses at once, a busy writer, fills that come back.
const PHASES: [[u32; 5]; 4] =
    [[90, 4, 4, 1, 1], [20, 20, 20, 20, 20], [2, 40, 50, 4, 4], [10, 10, 40, 20, 20]];

/// Hundreds of threads of a pool miss one key while its source is slow. They look like clients that only poll: there are many more
/// misses than SETs, until the fills arrive.
#[test]
fn herds_of_a_pool_bring_back_nothing_old() {
    let mut accepted = 0;
    for seed in 0..4_000 {
        let mut draw = fastrand::Rng::with_seed(seed);
        let connections = [1, 3, 16, 200][draw.usize(..4)];
        let tags = [0, 1, 7][draw.usize(..3)];
        let mut world = World::new(8, connections);
        let mut phase = PHASES[0];
        for _ in 0..600 {
            if draw.u8(..40) == 0 {
                phase = PHASES[draw.usize(..PHASES.len())];
            }
            let (key, connection) = (usize::from(draw.u8(..8) == 0), draw.usize(..connections));
            let thread = draw.usize(..1_000);
            let mut chosen = draw.u32(..phase.iter().sum::<u32>());
            let step = phase.iter().position(|weight| {
                let here = chosen < *weight;
                chosen = chosen.saturating_sub(*weight);
                here
            });
            world.take(match step {
                Some(0) => Step::Get { key, connection },
                Some(1) => Step::Read(thread),
                Some(2) => Step::Set { thread, connection },
                Some(3) => Step::Commit { key },
                _ => Step::Invalidate { key, connection, by_tag: draw.u8(..8) < tags },
            });
            if draw.u8(..100) == 0 {
                world.take(Step::Wait(draw.u64(..20)));
            }
        }
        accepted += world.accepted;
    }
    assert!(accepted > 5_000, "fills are kept as well: {accepted}");
}

/// A key that was polled, and is filled now by those who miss it, is not taken for a written one for good.
#[test]
fn what_showed_that_a_key_is_polled_does_not_show_it_for_ever() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    let miss = |outstanding: &mut Outstanding, client, at, now| {
        let reader = Reader { client, looks: false };
        outstanding.miss(reader, 1, Seq(0), Seq(at), Millis(now));
    };
    // Nobody fills them, for two windows.
    (0..80).for_each(|n| miss(&mut outstanding, n + 1, 0, n * WINDOW / 40));
    let set = |outstanding: &mut Outstanding, value, now| {
        let offer = Offer { now: Millis(now), seq: Seq(9), ..offer(value, None, 1) };
        outstanding.decided(&offer)
    };
    for value in 0..20 {
        outstanding.invalidated(1, Seq(value + 2));
        set(&mut outstanding, value << 32 | value, 2 * WINDOW);
    }
    assert_eq!(set(&mut outstanding, 99 << 32 | 99, 2 * WINDOW), Decision::Put, "it is known to be polled");
    // Fills of one value, for twice as long as that is remembered; a reader is always under way.
    for round in 0..24 {
        let now = 2 * WINDOW + round * WINDOW / 2;
        (0..2).for_each(|_| miss(&mut outstanding, 7, 9, now));
        set(&mut outstanding, 5, now);
    }
    let late = Offer { now: Millis(13 * WINDOW + WINDOW * 3 / 4), seq: Seq(10), ..offer(6, None, 10) };
    assert!(matches!(outstanding.decided(&late), Decision::Refuse { .. }), "the fill of a miss before 10");
}
