//! The first words of both sides of a connection.

use clearwell_words::{Addresses, NodeId, Peer};

use crate::lane::Lane;
use crate::packet::{PacketReader, put_text};
use crate::refusal::HelloRefusal;

/// How every hello begins, whatever its version.
const MAGIC: [u8; 8] = *b"CW link\n";

/// The versions that this one speaks: its own and the one before it, of which there is none yet.
pub const VERSIONS: Versions = Versions { oldest: 1, newest: 1 };

/// A number that is used once.
pub type Nonce = [u8; 32];

/// The versions of the protocol that somebody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The oldest.
    pub oldest: u16,
    /// The newest.
    pub newest: u16,
}

impl Versions {
    /// The newest that both speak.
    pub fn common(self, other: Versions) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

/// Which cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterIdent {
    /// Its name, which operators choose: at most 255 bytes.
    pub name: String,
    /// Its number, drawn when it began. A node that is yet to join does not know it.
    pub id: Option<u64>,
}

/// Who opens a connection or answers there, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The versions that it speaks.
    pub versions: Versions,
    /// The cluster that it belongs to.
    pub cluster: ClusterIdent,
    /// Who it is.
    pub peer: Peer,
    /// A number that this very process drew: two processes that take themselves for the same one differ in it.
    pub instance: u64,
    /// What the connection is for; `None` asks who is there and nothing else.
    pub lane: Option<Lane>,
    /// Where it can be reached.
    pub addresses: Addresses,
    /// A hash of the keyspaces' configuration.
    pub keyspaces: u64,
    /// Its wall clock, in milliseconds since 1970.
    pub wall_ms: u64,
    /// Drawn for this connection.
    pub nonce: Nonce,
}

impl Hello {
    /// As bytes. Magic and versions keep their places in all versions; a newer one adds fields at the end.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.versions.oldest.to_le_bytes());
        out.extend_from_slice(&self.versions.newest.to_le_bytes());
        self.cluster.encode(&mut out);
        out.extend_from_slice(&self.peer.node.0.to_le_bytes());
        out.extend_from_slice(&self.peer.incarnation.to_le_bytes());
        out.extend_from_slice(&self.instance.to_le_bytes());
        out.push(self.lane.map_or(0, Lane::byte));
        put_text(&self.addresses.link, &mut out);
        put_text(&self.addresses.resp, &mut out);
        put_text(&self.addresses.http, &mut out);
        out.extend_from_slice(&self.keyspaces.to_le_bytes());
        out.extend_from_slice(&self.wall_ms.to_le_bytes());
        out.extend_from_slice(&self.nonce);
        out
    }

    /// From bytes. What a newer version adds is skipped.
    ///
    /// # Errors
    /// Bytes that are no hello, or one of versions that have none in common with `mine`.
    pub fn decode(bytes: &[u8], mine: Versions) -> Result<Hello, HelloRefusal> {
        let mut r = PacketReader::new(bytes);
        let versions = Self::versions(&mut r).ok_or(HelloRefusal::Malformed)?;
        if mine.common(versions).is_none() {
            return Err(HelloRefusal::Version { here: mine, there: versions });
        }
        Self::fields(versions, &mut r).ok_or(HelloRefusal::Malformed)
    }

    fn versions(r: &mut PacketReader<'_>) -> Option<Versions> {
        if r.array()? != MAGIC {
            return None;
        }
        let versions = Versions { oldest: r.u16()?, newest: r.u16()? };
        (versions.oldest <= versions.newest).then_some(versions)
    }

    fn fields(versions: Versions, r: &mut PacketReader<'_>) -> Option<Hello> {
        Some(Hello {
            versions,
            cluster: ClusterIdent::decode(r)?,
            peer: Peer { node: NodeId(r.u64()?), incarnation: r.u32()? },
            instance: r.u64()?,
            lane: match r.byte()? {
                0 => None,
                byte => Some(Lane::from_byte(byte)?),
            },
            addresses: Addresses { link: r.text()?, resp: r.text()?, http: r.text()? },
            keyspaces: r.u64()?,
            wall_ms: r.u64()?,
            nonce: r.array()?,
        })
    }
}

impl ClusterIdent {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_text(&self.name, out);
        out.push(u8::from(self.id.is_some()));
        out.extend_from_slice(&self.id.unwrap_or_default().to_le_bytes());
    }

    pub(crate) fn decode(r: &mut PacketReader<'_>) -> Option<ClusterIdent> {
        let (name, has_id, id) = (r.text()?, r.byte()?, r.u64()?);
        (has_id <= 1).then_some(ClusterIdent { name, id: (has_id == 1).then_some(id) })
    }

    /// Whether the two can be one cluster. Who has no number yet takes the other's.
    pub fn agrees_with(&self, other: &ClusterIdent) -> bool {
        let differ = self.id.zip(other.id).is_some_and(|(mine, theirs)| mine != theirs);
        self.name == other.name && !differ
    }
}
