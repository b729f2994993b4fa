//! Where a node can be reached.

/// Where a node can be reached: hosts or addresses with ports, as others are to dial them. What it does not offer is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// Its links.
    pub link: String,
    /// The Redis protocol.
    pub resp: String,
    /// HTTP.
    pub http: String,
}
