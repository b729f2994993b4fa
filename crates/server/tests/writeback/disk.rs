//! A disk that is full under the journal: a small file system of its own.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clearwell::config::Strategy;
use clearwell::node::WriteError;

use crate::support::wait_for;
use crate::world::{Database, Kind, NEVER, World};

/// A tmpfs; gone when dropped.
struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    /// `None`: this user may not mount. The journal's own tests fill a disk in memory in any case.
    fn mount(size: &str) -> Option<Small> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Small { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::options().create(true).append(true).open(&path).expect("it is made");
        for size in [65_536, 4096, 512] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).output();
        drop(unmounted);
    }
}

async fn write_until_full(world: &World, from: u32) -> (u32, WriteError) {
    let mut id = from;
    loop {
        match world.set(id, &format!("{id} {}", "v".repeat(5000))).await {
            Ok(_) => id += 1,
            Err(refused) => return (id, refused),
        }
        assert!(id < from + 2000, "the disk is never full");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_keeps_what_was_acknowledged() {
    let Some(small) = Small::mount("3m") else {
        println!("no file system can be mounted here");
        return;
    };
    let database = Database::new(Kind::Sqlite);
    let world = database.node_in(small.path(), NEVER);
    let (end, refused) = write_until_full(&world, 1).await;
    assert!(end > 20, "{end}");
    assert!(
        matches!(&refused, WriteError::Journal(why) if why.contains("No space left on device")),
        "{refused:?}"
    );
    assert_eq!(world.get(end).await, None, "a refused write is not seen");
    assert!(world.node.write_back_status().journal_failures > 0);
    // Killed as it is: all that was acknowledged is there, and flushing needs no room.
    drop(world);
    let filler = small.fill();
    let world = database.node_in(small.path(), NEVER);
    assert_eq!(world.dirty(), u64::from(end - 1));
    for id in 1..end {
        assert_eq!(world.get(id).await, Some(format!("{id} {}", "v".repeat(5000))));
    }
    assert!(world.set(end, "still full").await.is_err());
    std::fs::remove_file(filler).expect("it goes");
    world.flush().await;
    for id in 1..end {
        assert_eq!(database.row(id), Some(format!("{id} {}", "v".repeat(5000))), "post:{id}");
    }
    // There is room again once the journal lets go of what was flushed.
    let mut again = world.set(end, "room again").await;
    for _ in 0..100 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        again = world.set(end, "room again").await;
    }
    again.expect("there is room");
    drop(world);
    let world = database.node_in(small.path(), NEVER);
    // In the journal or in the source: what waits goes along when the journal is told what is over.
    assert!(world.dirty() <= 1, "{}", world.dirty());
    assert_eq!(world.get(end).await.as_deref(), Some("room again"));
}

/// As long as the journal cannot keep that a write is over, a restart would do it again: so no other strategy's write may
/// follow it.
#[tokio::test]
async fn a_flush_that_the_journal_cannot_note_is_not_written_over() {
    // Too small for zeros ahead of the records, which would take what the filler is to take.
    let Some(small) = Small::mount("512k") else {
        println!("no file system can be mounted here");
        return;
    };
    let database = Database::new(Kind::Sqlite);
    let world = database.node_in(small.path(), NEVER);
    world.set(1, "back").await.expect("a write");
    world.set(2, "stays").await.expect("a write");
    // So many that their note does not fit into what is left of the journal's last page.
    for id in 100..500 {
        world.set(id, "more").await.expect("a write");
    }
    let filler = small.fill();
    database.sql("CREATE TRIGGER wait BEFORE INSERT ON posts WHEN new.id = 2 BEGIN SELECT raise(ABORT, 'not now'); END");
    // The refused one cannot be parked, so that the journal keeps the segment with both of them.
    let node = world.node.clone();
    let flushing = tokio::spawn(async move { node.flush_write_back().await });
    while database.row(1).as_deref() != Some("back") {
        tokio::task::yield_now().await;
    }
    let refused = world.set_by(1, "through", Some(Strategy::Through)).await;
    assert!(matches!(&refused, Err(WriteError::Full(_))), "{refused:?}");
    assert_eq!((database.row(1).as_deref(), world.get(1).await.as_deref()), (Some("back"), Some("back")));
    std::fs::remove_file(filler).expect("it goes");
    flushing.await.expect("no panic").expect("the refused one is parked");
    world.set_by(1, "through", Some(Strategy::Through)).await.expect("the journal keeps it now");
    drop(world);
    let world = database.node_in(small.path(), NEVER);
    assert_eq!(world.get(1).await.as_deref(), Some("through"));
    world.flush().await;
    assert_eq!(database.row(1).as_deref(), Some("through"));
    wait_for("nothing to be wrong", || (world.node.write_back_status().journal_damaged == 0).then_some(()));
}
