//! The same of what a member keeps on its disk.

use clearwell_cluster::Persist;
use clearwell_wire::{decode_persist, encode_persist};

use super::any::Any;
use super::counted::most_while;
use super::seeds;

fn encoded(what: &Persist) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_persist(what, &mut bytes);
    bytes
}

#[test]
fn what_is_kept_is_read_back() {
    for seed in seeds() {
        let mut any = Any(fastrand::Rng::with_seed(seed));
        let what = any.persist();
        let mut bytes = encoded(&what);
        assert_eq!(decode_persist(&bytes).as_ref(), Ok(&what), "seed {seed}");
        let cut = any.0.usize(..bytes.len());
        assert!(decode_persist(&bytes[..cut]).is_err(), "seed {seed}, cut at {cut}: {what:?}");
        // What a newer version might add.
        bytes.extend([99, 3, 1, 2, 3]);
        assert_eq!(decode_persist(&bytes), Ok(what), "seed {seed}, with a tail");
    }
}

/// What still can be read is something that can be kept; nothing panics, and nothing makes room for what is not there.
#[test]
fn damage_is_refused_or_read_and_takes_no_memory() {
    let mut read = 0u64;
    for seed in seeds() {
        let mut any = Any(fastrand::Rng::with_seed(seed));
        let mut bytes = encoded(&any.persist());
        for _ in 0..any.0.usize(1..4) {
            super::mutate(&mut any, &mut bytes);
        }
        // In envelopes serde makes room for a MiB before it looks.
        let is_enveloped = matches!(bytes.first(), Some(1 | 2));
        let allowed = 64 * bytes.len() + if is_enveloped { 3 << 20 } else { 1024 };
        let (result, most) = most_while(|| decode_persist(&bytes));
        assert!(most <= allowed, "seed {seed}: {most} bytes for {}: {bytes:02x?}", bytes.len());
        match result {
            Ok(what) => {
                read += 1;
                assert_eq!(decode_persist(&encoded(&what)), Ok(what), "seed {seed}");
            }
            Err(error) => assert!(error.at <= bytes.len(), "seed {seed}: {error}"),
        }
    }
    println!("{read} could be read still");
    assert!(read > 0);
}
