//! The section `[cluster]`: this node as one of several.

use clearwell_cluster::Profile;
use clearwell_words::Ack;

use super::error::ConfigError;
use super::read::Outside;
use super::section::Section;
use super::variables::filled_in;

const KEYS: [&str; 10] =
    ["name", "listen", "redirect", "announce", "join", "secret", "replicas", "profile", "weight", "ack"];

/// What is said of the cluster that a node is one of.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// Its name: nodes of other names are refused.
    pub name: String,
    /// Where other nodes' links are listened for.
    pub listen: String,
    /// Where clients are listened for that know clusters, and are told where a key is; `None`: nowhere.
    pub redirect: Option<String>,
    /// The host under which others reach this node; `None`: the addresses that it listens on.
    pub announce: Option<String>,
    /// Addresses of links at which a node that is new asks who is there.
    pub join: Vec<String>,
    /// What all of its nodes know and nobody else does.
    pub secret: Option<String>,
    /// Replicas of each slot in a cluster that this node begins.
    pub replicas: u8,
    /// How far apart its nodes are.
    pub profile: Profile,
    /// This node's share of slots; 100 is usual. 0: it has none, and has a voice (a witness).
    pub weight: u32,
    /// Who has a write of a key without a source when it is acknowledged.
    pub ack: Ack,
}

impl Default for ClusterConfig {
    fn default() -> ClusterConfig {
        ClusterConfig {
            name: "clearwell".into(),
            listen: "127.0.0.1:7381".into(),
            redirect: None,
            announce: None,
            join: Vec::new(),
            secret: None,
            replicas: 1,
            profile: Profile::Lan,
            weight: 100,
            ack: Ack::Owner,
        }
    }
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>, outside: Outside<'_>) -> Result<ClusterConfig, ConfigError> {
    let own = |text: toml::Spanned<&str>| (*text.get_ref()).to_owned();
    let preset = ClusterConfig::default();
    Ok(ClusterConfig {
        name: section.read("name", name)?.unwrap_or(preset.name),
        listen: section.text("listen")?.map_or(preset.listen, str::to_owned),
        redirect: section.text("redirect")?.map(str::to_owned),
        announce: section.text("announce")?.map(str::to_owned),
        join: section.texts("join")?.into_iter().map(own).collect(),
        secret: section.read("secret", |text| filled_in(text, outside.variable))?,
        replicas: section.byte("replicas")?.unwrap_or(preset.replicas),
        profile: section.read("profile", profile)?.unwrap_or(preset.profile),
        weight: match section.count("weight")? {
            None => preset.weight,
            Some(weight) => u32::try_from(weight)
                .ok()
                .filter(|weight| *weight <= 10_000)
                .ok_or_else(|| section.error("weight", "weight in [cluster] must be from 0 to 10000"))?,
        },
        ack: section.read("ack", ack)?.unwrap_or(preset.ack),
    })
}

/// The keys that it may have.
pub(super) const fn keys() -> &'static [&'static str] {
    &KEYS
}

fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match text.bytes().all(fits) && (1..=64).contains(&text.len()) {
        true => Ok(text.into()),
        false => Err(format!("\"{text}\" may only have letters, digits, -, _ and ., 1 to 64 of them")),
    }
}

fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "lan" => Ok(Profile::Lan),
        "wan" => Ok(Profile::Wan),
        _ => Err(format!("\"{text}\" is neither \"lan\" (one network) nor \"wan\" (far apart)")),
    }
}

fn ack(text: &str) -> Result<Ack, String> {
    match text {
        "owner" => Ok(Ack::Owner),
        "replicas" => Ok(Ack::Replicas),
        _ => Err(format!("\"{text}\" is neither \"owner\" nor \"replicas\"")),
    }
}
