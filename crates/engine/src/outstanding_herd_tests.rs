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
