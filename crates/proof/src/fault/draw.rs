//! Which faults come, from the seed.

use fastrand::Rng;

use super::HostFault;

/// How many kinds there are.
const KINDS: u32 = 12;

/// What happens next among hosts 1 to `hosts`, each slot of which has so many replicas: one fault, or two that leave a majority of the hosts alone and do
/// not take the memory of more nodes than there are replicas. `spare` is a host without a node. Each kind comes once before one comes again.
pub fn draw(rng: &mut Rng, hosts: u32, replicas: u8, deck: &mut Vec<u32>) -> Vec<HostFault> {
    let kind = next(rng, deck);
    let first = one(rng, hosts, kind);
    let mut faults = vec![first];
    if rng.bool() && !is_alone(&faults[0]) {
        let kind = rng.u32(..KINDS);
        let second = one(rng, hosts, kind);
        if !is_alone(&second) && fits(&faults[0], &second, hosts, replicas) {
            faults.push(second);
        }
    }
    faults
}

fn next(rng: &mut Rng, deck: &mut Vec<u32>) -> u32 {
    if deck.is_empty() {
        deck.extend(0..KINDS);
        rng.shuffle(deck);
    }
    deck.pop().unwrap_or_default()
}

/// What takes several steps, between which the cluster has to settle.
fn is_alone(fault: &HostFault) -> bool {
    matches!(fault, HostFault::Rolling | HostFault::Added(_) | HostFault::Left(_) | HostFault::DiskLost(_))
}

fn fits(first: &HostFault, second: &HostFault, hosts: u32, replicas: u8) -> bool {
    let mut impaired = [first.hosts(), second.hosts()].concat();
    impaired.sort_unstable();
    let count = impaired.len();
    impaired.dedup();
    let forgets = usize::from(first.forgets()) + usize::from(second.forgets());
    impaired.len() == count && 2 * count < hosts as usize && forgets <= replicas.into()
}

fn one(rng: &mut Rng, hosts: u32, kind: u32) -> HostFault {
    let host = rng.u32(1..=hosts);
    match kind {
        0 => HostFault::Kill(host),
        1 => HostFault::Pause(host),
        2 => HostFault::OneWay { from: host, to: host % hosts + 1 },
        3 => HostFault::Apart(host),
        4 => {
            let mut side: Vec<u32> = (1..=hosts).collect();
            rng.shuffle(&mut side);
            side.truncate((hosts as usize - 1) / 2);
            side.sort_unstable();
            HostFault::Split(side)
        }
        5 => HostFault::Weather(host),
        6 => HostFault::Loss(host),
        7 => HostFault::FullDisk(host),
        8 => HostFault::Rolling,
        9 => HostFault::Added(hosts + 1),
        10 => HostFault::Left(host),
        _ => HostFault::DiskLost(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_and_a_majority_is_left() {
        let (mut rng, mut deck, mut seen) =
            (Rng::with_seed(7), Vec::new(), std::collections::BTreeSet::new());
        let mut pairs = 0;
        for _ in 0..400 {
            let faults = draw(&mut rng, 5, 1, &mut deck);
            let impaired: usize = faults.iter().map(|fault| fault.hosts().len()).sum();
            assert!(impaired <= 2, "{faults:?}");
            assert!(faults.iter().filter(|fault| fault.forgets()).count() <= 1, "{faults:?}");
            pairs += usize::from(faults.len() == 2);
            seen.extend(faults.iter().map(HostFault::name));
        }
        assert_eq!(seen.len() as u32, KINDS);
        assert!(pairs > 40, "{pairs}");
    }
}
