//! An identity as a file for people, with a sum that finds a changed digit.

use clearwell_words::{NodeId, Peer};
use serde::Deserialize;

use super::identity::Identity;

const ABOUT: &str = "\
# Which node of which cluster this is, and how often it was started. The node writes this file, and nobody else:
# a copy of it elsewhere makes two nodes that take one another for one.
";

/// The longest that a cluster's name may be.
const NAME_BYTES: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    format: u32,
    cluster: String,
    name: String,
    node: u64,
    incarnation: u32,
    sum: String,
}

/// The file's text.
pub fn of(identity: &Identity) -> String {
    let Identity { cluster, name, peer: Peer { node: NodeId(node), incarnation } } = identity;
    format!(
        "{ABOUT}format = 1\ncluster = \"{cluster}\"\nname = \"{name}\"\nnode = {node}\nincarnation = {incarnation}\nsum = \"{}\"\n",
        sum(identity)
    )
}

/// Reads it.
///
/// # Errors
/// Why it is none.
pub fn parse(bytes: &[u8]) -> Result<Identity, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let file: IdentityFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    if file.format != 1 {
        return Err(format!("it is of format {}, which this program does not read", file.format));
    }
    check_name(&file.name)?;
    let peer = Peer { node: NodeId(file.node), incarnation: file.incarnation };
    let identity = Identity { cluster: file.cluster.parse()?, name: file.name, peer };
    match file.sum == sum(&identity) && file.node > 0 {
        true => Ok(identity),
        false => Err("its sum is not that of what stands in it".to_owned()),
    }
}

/// Whether a cluster may be called so.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no name for a cluster: it takes 1 to {NAME_BYTES} of the letters a to z, digits, `-`, `_` and `.`"
        )),
    }
}

fn sum(identity: &Identity) -> String {
    let Identity { cluster, name, peer } = identity;
    let what = format!("{cluster} {name} {} {}", peer.node.0, peer.incarnation);
    format!("{:08x}", crc32fast::hash(what.as_bytes()))
}
