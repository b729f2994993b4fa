//! Which members a slot lies on: weighted rendezvous hashing.
//!
//! Each member draws a number for each group of neighbouring slots; the highest own them. A member's draw depends on nobody else, so a change of
//! membership moves only what it must. Groups keep the ranges few in which clients are told of slots: [`GROUPS`]. (Thaler, Ravishankar: «Using Name-Based Mappings to Increase Hit Rates», 1998;
//! weights by the logarithmic method of Schindelhauer and Schomaker, 2005.)

use crate::view::Seat;

/// Into how many groups of the same size the slots fall; fewer slots are placed one by one. More groups make shares more even and the
/// cluster's map longer: three nodes have some 1,700 ranges of slots, and a share is within 4 % of what its weight is due (one standard deviation).
const GROUPS: u16 = 2048;

/// For each slot, the indexes of the `copies` best members, best first; rows of equal length, one after another.
/// Returns the length of a row and the rows.
pub fn place(seats: &[Seat], copies: usize, slots: u16) -> (usize, Vec<u16>) {
    let able: Vec<usize> = (0..seats.len()).filter(|&index| seats[index].weight > 0).collect();
    let width = copies.min(able.len());
    let mut rows = Vec::with_capacity(width * usize::from(slots));
    let mut best: Vec<(f64, u16)> = Vec::with_capacity(width + 1);
    let group = (slots / GROUPS).max(1);
    for first in (0..slots).step_by(usize::from(group)) {
        best.clear();
        for &index in &able {
            let seat = &seats[index];
            let score = f64::from(seat.weight) / -ln(draw(seat, first));
            let at = best.iter().position(|&(other, _)| score > other).unwrap_or(best.len());
            if at < width {
                best.insert(at, (score, index as u16));
                best.truncate(width);
            }
        }
        for _ in first..first.saturating_add(group).min(slots) {
            rows.extend(best.iter().map(|&(_, index)| index));
        }
    }
    (width, rows)
}

/// A number in (0, 1) that only the node and the first slot of a group decide: a restarted node gets its slots back.
fn draw(seat: &Seat, first: u16) -> f64 {
    let hash = mix(mix(seat.peer.node.0) ^ u64::from(first).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    ((hash >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Natural logarithm by operations that IEEE 754 rounds alike on every machine; the standard library's may differ in the
/// last bit between machines, and then two members would disagree about an owner. Exact to 1e-9 for positive numbers.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let (exponent, mantissa) = match mantissa > std::f64::consts::SQRT_2 {
        true => (exponent + 1, mantissa / 2.0),
        false => (exponent, mantissa),
    };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0))));
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::SLOTS;
    use crate::{NodeId, Peer};

    fn seats(weights: &[u32]) -> Vec<Seat> {
        let seat = |(n, &weight): (usize, &u32)| Seat {
            peer: Peer { node: NodeId(n as u64 + 1), incarnation: 1 },
            weight,
        };
        weights.iter().enumerate().map(seat).collect()
    }

    #[test]
    fn the_logarithm_is_one() {
        for n in 1..1000 {
            let x = f64::from(n) / 1000.0;
            assert!((ln(x) - x.ln()).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn shares_follow_weights() {
        let (width, rows) = place(&seats(&[100, 100, 200, 0]), 2, SLOTS);
        assert_eq!((width, rows.len()), (2, 2 * 16384));
        let mut owned = [0u32; 4];
        rows.chunks(2).for_each(|row| owned[usize::from(row[0])] += 1);
        let near = |owned: u32, wanted: u32| owned.abs_diff(wanted) < wanted / 12;
        assert!(near(owned[0], 4096) && near(owned[1], 4096) && near(owned[2], 8192), "{owned:?}");
        assert_eq!(owned[3], 0);
    }

    #[test]
    fn neighbouring_slots_lie_together() {
        let (_, rows) = place(&seats(&[100; 3]), 2, SLOTS);
        let rows: Vec<&[u16]> = rows.chunks(2).collect();
        assert!(rows.chunks(8).all(|group| group.iter().all(|row| *row == group[0])));
        let ranges = rows.chunk_by(|one, next| one == next).count();
        assert!((1600..1800).contains(&ranges), "{ranges}");
        // Fewer slots than groups are placed one by one, and what is left over behind the last whole group as well.
        assert_eq!(place(&seats(&[100; 3]), 1, 16).1.len(), 16);
        assert_eq!(place(&seats(&[100; 3]), 1, 3 * 2048 + 1).1.len(), 3 * 2048 + 1);
    }

    #[test]
    fn a_member_that_goes_or_comes_moves_only_its_own_slots() {
        let all = seats(&[100; 10]);
        for slots in [1024, SLOTS] {
            let (_, with) = place(&all, 2, slots);
            let (_, without) = place(&all[..9], 2, slots);
            for (with, without) in with.chunks(2).zip(without.chunks(2)) {
                match with {
                    [9, second] => assert_eq!(without[0], *second),
                    [first, 9] => assert_eq!(without[0], *first),
                    _ => assert_eq!(with, without),
                }
            }
        }
    }

    /// What a fourth node takes over, as a multiple of the quarter that it is due, for so many drawn sets of nodes: mean, the one in a hundred,
    /// and the most.
    fn taken_by_a_fourth(draws: u64) -> (f64, f64, f64) {
        let mut taken: Vec<f64> = (0..draws)
            .map(|draw| {
                let seat = |n| Seat {
                    peer: Peer { node: NodeId(mix(mix(4 * draw + n))), incarnation: 1 },
                    weight: 100,
                };
                let four: Vec<Seat> = (0..4).map(seat).collect();
                let (_, before) = place(&four[..3], 1, SLOTS);
                let (_, after) = place(&four, 1, SLOTS);
                let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
                moved as f64 / f64::from(SLOTS / 4)
            })
            .collect();
        taken.sort_by(f64::total_cmp);
        let mean = taken.iter().sum::<f64>() / draws as f64;
        (mean, taken[taken.len() * 99 / 100], taken[taken.len() - 1])
    }

    #[test]
    fn a_fourth_node_takes_about_a_quarter() {
        let (mean, one_in_a_hundred, most) = taken_by_a_fourth(500);
        println!("{mean:.3} {one_in_a_hundred:.3} {most:.3}");
        assert!((0.99..1.01).contains(&mean) && one_in_a_hundred < 1.1 && most < 1.15);
    }
}
