//! What the nodes of a cluster know and nobody else does, and how it is proved without being told.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest secret. The proof can be tried against guesses by whoever saw a handshake.
pub const SECRET_LEAST: usize = 16;

/// The bytes of a proof.
pub const PROOF: usize = 32;

/// The secret of a cluster.
#[derive(Clone)]
pub struct SharedSecret(Arc<[u8]>);

/// Who proves that it knows the secret. It is part of the proof, so that none can be sent back to whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofRole {
    /// Who opened the connection.
    Dialer,
    /// Who was called.
    Listener,
}

impl ProofRole {
    fn label(self) -> &'static [u8] {
        match self {
            ProofRole::Dialer => b"clearwell link 1 dialer",
            ProofRole::Listener => b"clearwell link 1 listener",
        }
    }
}

impl SharedSecret {
    /// Bytes that are hard to guess.
    ///
    /// # Errors
    /// In words: they are too few.
    pub fn new(secret: &[u8]) -> Result<SharedSecret, String> {
        match secret.len() {
            length if length < SECRET_LEAST => Err(format!(
                "the cluster's secret has {length} bytes, and needs {SECRET_LEAST} at least: `openssl rand -hex 32` makes one"
            )),
            _ => Ok(SharedSecret(secret.into())),
        }
    }

    /// No secret: everybody knows it. For loopback, and for connections that prove themselves otherwise.
    pub(crate) fn none() -> SharedSecret {
        SharedSecret(Arc::new([]))
    }

    /// The proof of one side: of both hellos, byte by byte, and with them of both nonces.
    pub fn prove(&self, role: ProofRole, dialer: &[u8], listener: &[u8]) -> [u8; PROOF] {
        self.mac(role, dialer, listener).finalize().into_bytes().into()
    }

    /// Whether a proof is the other side's. It takes as long for every wrong one.
    pub fn verify(&self, role: ProofRole, dialer: &[u8], listener: &[u8], proof: &[u8; PROOF]) -> bool {
        self.mac(role, dialer, listener).verify_slice(proof).is_ok()
    }

    fn mac(&self, role: ProofRole, dialer: &[u8], listener: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [role.label(), dialer, listener] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}
