//! Who a node is: its cluster, its number in it, and which of its starts this is. On the disk before anything of it is spoken.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::str::FromStr;

use clearwell_words::{NodeId, Peer};

use super::{MemberDisk, NEW_NODE, identity_text as text};
use crate::journal::{Folder, JournalDisk};

/// The file, in the folder of the cluster.
const FILE: &str = "identity";
/// What is written before it takes the file's place.
const NEW: &str = "identity.new";
/// Stands beside it when the node has left: nobody goes on under that identity.
const LEFT: &str = "left";
/// Node ids are below this: every JSON reader has them exactly.
const NODES: u64 = 1 << 53;

/// The number of a cluster, drawn when it begins: two clusters of one name have two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u64);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ClusterId {
    type Err = String;

    fn from_str(text: &str) -> Result<ClusterId, String> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number
            .map(ClusterId)
            .ok_or_else(|| format!("{text:?} is no cluster's id, which has 16 hexadecimal digits"))
    }
}

/// A node's place in its cluster, of which this process has made the next incarnation its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub(super) cluster: ClusterId,
    pub(super) name: String,
    pub(super) peer: Peer,
}

impl Identity {
    /// Begins a cluster of this name, of which this node is the first member.
    ///
    /// # Errors
    /// In words: the data folder belongs to a cluster already, or cannot be written to.
    pub fn found(folder: &Path, name: &str) -> Result<Identity, String> {
        let mut there = IdentityFolder::open(folder)?;
        there.is_free()?;
        MemberDisk::begin(folder)?;
        there.found(name, &mut chance)
    }

    /// Makes this node one of a cluster that there is; goes on with its identity when it is one of it already.
    ///
    /// # Errors
    /// In words: the data folder belongs to another cluster, its identity is damaged, or it cannot be written to.
    pub fn join(folder: &Path, name: &str, cluster: ClusterId) -> Result<Identity, String> {
        let mut there = IdentityFolder::open(folder)?;
        match there.read()? {
            None => MemberDisk::begin(folder)?,
            Some(_) => there.has_log(folder)?,
        }
        there.join(name, cluster, &mut chance)
    }

    /// Starts a node again that has been in a cluster of this name; `None`: it never was in one.
    ///
    /// # Errors
    /// In words: the data folder belongs to a cluster of another name, its identity is damaged, or it cannot be written to.
    pub fn again(folder: &Path, name: &str) -> Result<Option<Identity>, String> {
        let mut there = IdentityFolder::open(folder)?;
        let identity = there.again(name)?;
        if identity.is_some() {
            there.has_log(folder)?;
        }
        Ok(identity)
    }

    /// Notes that the node has left: a start goes on under this identity no more.
    ///
    /// # Errors
    /// In words: the data folder cannot be written to.
    pub fn leave(&self, folder: &Path) -> Result<(), String> {
        let mut there = IdentityFolder::open(folder)?;
        there.leave().map_err(|error| format!("{}/{LEFT}: {error}", there.shown))
    }

    /// Puts aside what a node that has left was, so that another can begin in its folder. Of one that has not left nothing is touched.
    ///
    /// # Errors
    /// In words: the data folder cannot be written to.
    pub fn make_room(folder: &Path) -> Result<(), String> {
        if !folder.join("cluster").join(LEFT).exists() {
            return Ok(());
        }
        let (was, aside) = (folder.join("cluster"), folder.join("cluster.left"));
        let gone = match std::fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => std::fs::rename(&was, &aside),
        };
        gone.map_err(|error| format!("{}: {error}", was.display()))
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The cluster's name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node, and this start of it.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The same node, started once more.
    fn next(mut self, place: &str) -> Result<Identity, String> {
        let next = self.peer.incarnation.checked_add(1);
        self.peer.incarnation =
            next.ok_or_else(|| format!("{place}: this node was started too often: {NEW_NODE}"))?;
        Ok(self)
    }
}

/// What the system has of chance: two machines that start at one moment draw different numbers.
fn chance() -> u64 {
    RandomState::new().hash_one(0)
}

/// The folder in which an identity lies.
pub(super) struct IdentityFolder<'d> {
    disk: Box<dyn JournalDisk + 'd>,
    /// Its path, for people.
    shown: String,
}

impl<'d> IdentityFolder<'d> {
    fn open(data: &Path) -> Result<IdentityFolder<'static>, String> {
        let path = data.join("cluster");
        let shown = path.display().to_string();
        let disk = Folder::open(&path).map_err(|error| format!("{shown}: {error}"))?;
        Ok(IdentityFolder { disk: Box::new(disk), shown })
    }

    /// The same on any disk.
    #[cfg(test)]
    pub fn over(disk: impl JournalDisk + 'd) -> IdentityFolder<'d> {
        IdentityFolder { disk: Box::new(disk), shown: "cluster".to_owned() }
    }

    /// The log of a node that has an identity was begun before that was written.
    fn has_log(&self, data: &Path) -> Result<(), String> {
        match MemberDisk::is_begun(data) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!(
                "{}/member: the log of this node's member is gone, and with it what the node promised to its cluster: put it back, or {NEW_NODE}",
                self.shown
            )),
            Err(error) => Err(format!("{}/member: {error}", self.shown)),
        }
    }

    pub fn leave(&mut self) -> std::io::Result<()> {
        self.disk.create(LEFT)?;
        self.disk.sync(LEFT)?;
        self.disk.sync_folder()
    }

    /// Refuses to go on as a node that has left.
    fn has_not_left(&self, identity: &Identity) -> Result<(), String> {
        let files = self.disk.list().map_err(|error| format!("{}: {error}", self.shown))?;
        match files.iter().any(|file| file == LEFT) {
            false => Ok(()),
            true => Err(format!(
                "{}: node {} has left the cluster {} and cannot be it again: start it with --join HOST:PORT, the address of another node's links, and it is a \
                 new one; or with a data folder of its own",
                self.shown, identity.peer.node.0, identity.name
            )),
        }
    }

    fn is_free(&self) -> Result<(), String> {
        if let Some(identity) = self.read()? {
            self.has_not_left(&identity)?;
            let Identity { cluster, name, peer } = identity;
            return Err(format!(
                "{}: this is node {} of the cluster {name} ({cluster}) already: start it without --bootstrap, or with a data folder of its own to \
                 begin another cluster",
                self.shown, peer.node.0
            ));
        }
        Ok(())
    }

    pub fn found(&mut self, name: &str, chance: &mut dyn FnMut() -> u64) -> Result<Identity, String> {
        self.is_free()?;
        let cluster = ClusterId(chance());
        self.begin(name, cluster, chance)
    }

    pub fn join(
        &mut self,
        name: &str,
        cluster: ClusterId,
        chance: &mut dyn FnMut() -> u64,
    ) -> Result<Identity, String> {
        match self.again(name)? {
            None => self.begin(name, cluster, chance),
            Some(identity) if identity.cluster == cluster => Ok(identity),
            Some(identity) => Err(format!(
                "{}: this is node {} of another cluster of the name {name}: of {}, and those that it is to join are of {cluster}. If it is to leave \
                 that one for good, {NEW_NODE}",
                self.shown, identity.peer.node.0, identity.cluster
            )),
        }
    }

    pub fn again(&mut self, name: &str) -> Result<Option<Identity>, String> {
        let Some(identity) = self.read()? else { return Ok(None) };
        self.has_not_left(&identity)?;
        if identity.name != name {
            return Err(format!(
                "{}: this is a node of the cluster {:?}, and its configuration names {name:?}: correct the name, or give it a data folder of its own",
                self.shown, identity.name
            ));
        }
        let identity = identity.next(&self.shown)?;
        self.write(&identity)?;
        Ok(Some(identity))
    }

    fn begin(
        &mut self,
        name: &str,
        cluster: ClusterId,
        chance: &mut dyn FnMut() -> u64,
    ) -> Result<Identity, String> {
        text::check_name(name)?;
        let node = NodeId(chance() % (NODES - 1) + 1);
        let identity = Identity { cluster, name: name.to_owned(), peer: Peer { node, incarnation: 1 } };
        self.write(&identity)?;
        Ok(identity)
    }

    fn read(&self) -> Result<Option<Identity>, String> {
        let failed = |error: std::io::Error| format!("{}/{FILE}: {error}", self.shown);
        if !self.disk.list().map_err(failed)?.iter().any(|file| file == FILE) {
            return Ok(None);
        }
        let bytes = self.disk.read(FILE).map_err(failed)?;
        let identity = text::parse(&bytes).map_err(|why| {
            format!("{}/{FILE} is damaged ({why}). Put back what was in it, or {NEW_NODE}", self.shown)
        })?;
        Ok(Some(identity))
    }

    /// The file is the old one or the new one, whenever the process dies; when this returns, it is the new one for good.
    fn write(&mut self, identity: &Identity) -> Result<(), String> {
        self.replace(text::of(identity).as_bytes()).map_err(|error| format!("{}/{FILE}: {error}", self.shown))
    }

    fn replace(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.disk.create(NEW)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.disk.append(NEW, rest) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Without the zeros that may stand behind it.
        self.disk.truncate(NEW, bytes.len() as u64)?;
        self.disk.sync(NEW)?;
        self.disk.rename(NEW, FILE)?;
        self.disk.sync_folder()
    }
}
