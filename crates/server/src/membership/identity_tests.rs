//! An identity outlasts whatever happens to its node's starts, and no incarnation comes twice.

use clearwell_cluster::{Epoch, Persist};
use fastrand::Rng;

use super::MemberDisk;
use super::identity::{ClusterId, Identity, IdentityFolder};
use crate::journal::JournalDisk;
use crate::journal::faults::FaultyDisk;

const OURS: ClusterId = ClusterId(0x0123_4567_89ab_cdef);

fn founded(disk: &FaultyDisk) -> Result<Identity, String> {
    let mut drawn = 0;
    let mut chance = || {
        drawn += 1;
        drawn << 60 | 7
    };
    IdentityFolder::over(disk.clone()).found("shop", &mut chance)
}

fn again(disk: &FaultyDisk) -> Result<Option<Identity>, String> {
    IdentityFolder::over(disk.clone()).again("shop")
}

fn join(disk: &FaultyDisk, cluster: ClusterId) -> Result<Identity, String> {
    IdentityFolder::over(disk.clone()).join("shop", cluster, &mut || 5)
}

#[test]
fn no_incarnation_comes_twice_whenever_a_start_dies() {
    for (seed, after) in (0..200).flat_map(|seed| (0..12).map(move |after| (seed, after))) {
        let (mut rng, disk) = (Rng::with_seed(seed), FaultyDisk::default());
        let mut spoken: Option<Identity> = None;
        for _ in 0..6 {
            if rng.bool() {
                disk.die(after);
            }
            let started = match &spoken {
                None if rng.bool() => founded(&disk).map(Some),
                None => join(&disk, OURS).map(Some),
                Some(_) => again(&disk),
            };
            if let Ok(started) = started {
                let started = started.expect("it was there");
                if let Some(before) = &spoken {
                    assert_eq!((started.cluster(), started.name()), (before.cluster(), "shop"));
                    assert_eq!(started.peer().node, before.peer().node, "seed {seed}, {after}");
                    assert!(
                        started.peer() > before.peer(),
                        "seed {seed}, {after}: {started:?} after {before:?}"
                    );
                }
                spoken = Some(started);
            }
            disk.revive();
            if rng.bool() {
                disk.crash(&mut rng);
            }
            // The founding one may have died when all was done.
            if spoken.is_none() && again(&disk).expect("whole or not there").is_some() {
                break;
            }
        }
    }
}

#[test]
fn a_folder_belongs_to_one_cluster() {
    let disk = FaultyDisk::default();
    assert_eq!(again(&disk), Ok(None));
    let first = founded(&disk).expect("it is free");
    assert!(first.peer().node.0 > 0 && first.peer().incarnation == 1);
    let refused = founded(&disk).expect_err("it belongs to one");
    assert!(refused.contains("of the cluster shop") && refused.contains("without --bootstrap"), "{refused}");
    let refused = join(&disk, OURS).expect_err("that is another");
    assert!(
        refused.contains("another cluster of the name shop") && refused.contains(&OURS.to_string()),
        "{refused}"
    );
    let refused = IdentityFolder::over(disk.clone()).again("store").expect_err("that is another name");
    assert!(refused.contains("\"shop\"") && refused.contains("\"store\""), "{refused}");
    let joined = join(&disk, first.cluster()).expect("it is one of it already");
    assert_eq!(joined.peer().node, first.peer().node);
    assert!(joined.peer() > first.peer());
}

#[test]
fn names_of_clusters_are_plain() {
    for name in ["", "a b", "\"", "caf\u{e9}", &"a".repeat(65)] {
        let refused =
            IdentityFolder::over(FaultyDisk::default()).found(name, &mut || 5).expect_err("no name");
        assert!(refused.contains("no name for a cluster"), "{refused}");
    }
}

#[test]
fn damage_is_told_and_never_read_as_another_identity() {
    let disk = FaultyDisk::default();
    founded(&disk).expect("it is free");
    let whole = again(&disk).expect("it is there").expect("it is there");
    let bytes = disk.bytes("identity");
    let mut told = 0;
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let files = [("identity".to_owned(), bytes)];
        match again(&FaultyDisk::holding(files.iter().map(|(name, bytes)| (name, bytes)))) {
            Ok(read) => {
                let read = read.expect("the file is there");
                assert_eq!(
                    (read.cluster(), read.peer().node),
                    (whole.cluster(), whole.peer().node),
                    "bit {bit}"
                );
                assert_eq!(read.peer().incarnation, whole.peer().incarnation + 1, "bit {bit}");
            }
            Err(why) => {
                assert!(
                    why.contains("identity is damaged") && why.contains("as a new node"),
                    "bit {bit}: {why}"
                );
                told += 1;
            }
        }
    }
    assert!(told > 1_000, "{told}");
    for len in 0..bytes.len() - 1 {
        let files = [("identity".to_owned(), bytes[..len].to_vec())];
        let read = again(&FaultyDisk::holding(files.iter().map(|(name, bytes)| (name, bytes))));
        assert!(read.is_err(), "cut at {len}");
    }
}

#[test]
fn it_lies_in_a_file_for_people() {
    let data = tempfile::tempdir().expect("a folder");
    let first = Identity::found(data.path(), "shop").expect("it is free");
    let text = std::fs::read_to_string(data.path().join("cluster/identity")).expect("it is there");
    assert!(text.contains(&format!("cluster = \"{}\"\nname = \"shop\"\n", first.cluster())), "{text}");
    assert!(text.ends_with("\"\n"), "without zeros: {text}");
    let next = Identity::again(data.path(), "shop").expect("it is there").expect("it is there");
    assert_eq!((next.peer().node, next.peer().incarnation), (first.peer().node, 2));
    assert_eq!(Identity::join(data.path(), "shop", first.cluster()).expect("the same").peer().incarnation, 3);
    assert_eq!(first.cluster().to_string().parse(), Ok(first.cluster()));
    let other = tempfile::tempdir().expect("a folder");
    let other = Identity::found(other.path(), "shop").expect("it is free");
    assert!(other.cluster() != first.cluster() && other.peer().node != first.peer().node);
}

#[test]
fn a_new_file_is_no_identity_before_it_has_its_name() {
    let mut disk = FaultyDisk::default();
    disk.create("identity.new").expect("it is well");
    assert_eq!(again(&disk), Ok(None));
}

#[test]
fn an_identity_and_its_log_are_there_together_or_not_at_all() {
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path();
    // A first start that died before it had an identity.
    MemberDisk::begin(path).expect("it is free");
    let first = Identity::found(path, "shop").expect("nothing was promised");
    let (disk, there) = MemberDisk::open(path, 4).expect("it opens");
    assert_eq!(there, []);
    disk.hand(Persist::Granted(Epoch(1), first.peer()));
    drop(disk);
    Identity::again(path, "shop").expect("both are there").expect("it is one");
    let identity = path.join("cluster/identity");
    let kept = std::fs::read(&identity).expect("it is there");
    std::fs::remove_file(&identity).expect("it was there");
    for refused in [Identity::found(path, "shop"), Identity::join(path, "shop", first.cluster())] {
        let refused = refused.expect_err("whose log is it");
        assert!(refused.contains("identity is gone") && refused.contains("as a new node"), "{refused}");
    }
    assert_eq!(Identity::again(path, "shop"), Ok(None));
    std::fs::write(&identity, kept).expect("it is put back");
    std::fs::remove_dir_all(path.join("cluster/member")).expect("it was there");
    for refused in
        [Identity::again(path, "shop").map(drop), Identity::join(path, "shop", first.cluster()).map(drop)]
    {
        let refused = refused.expect_err("it has forgotten its word");
        assert!(refused.contains("log of this node's member is gone"), "{refused}");
    }
}

#[test]
fn a_node_that_has_left_is_nobody_until_another_begins_in_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Identity::found(folder.path(), "shop").expect("it is founded");
    Identity::make_room(folder.path()).expect("nothing is to be done");
    assert_eq!(
        Identity::again(folder.path(), "shop").expect("it is there").map(|it| it.peer().node),
        Some(first.peer().node)
    );
    first.leave(folder.path()).expect("it leaves");
    for refused in
        [Identity::again(folder.path(), "shop").err(), Identity::found(folder.path(), "shop").err()]
    {
        let refused = refused.expect("it has left");
        assert!(refused.contains("has left the cluster shop") && refused.contains("--join"), "{refused}");
    }
    Identity::make_room(folder.path()).expect("its folder is put aside");
    assert_eq!(Identity::again(folder.path(), "shop"), Ok(None));
    let next = Identity::join(folder.path(), "shop", first.cluster()).expect("it joins");
    assert_ne!(next.peer().node, first.peer().node);
    next.leave(folder.path()).expect("it leaves as well");
    Identity::make_room(folder.path()).expect("what was put aside before is no hindrance");
}
