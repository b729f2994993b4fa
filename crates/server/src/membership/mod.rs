//! What a node of a cluster keeps in the folder `cluster` of its data: who it is (`identity.rs`), and what its member must find again after a
//! restart (`disk.rs`).
//!
//! Both are on the disk before anybody hears of them. A node that has lost one of them has to join as a new one: the log is begun before the
//! identity is written, so a start that finds one alone knows that the other is gone.

mod book;
mod disk;
#[cfg(test)]
mod disk_tests;
mod identity;
#[cfg(test)]
mod identity_tests;
mod identity_text;

pub use book::AddressBook;
pub use disk::MemberDisk;
pub use identity::{ClusterId, Identity};

/// What helps a node that must not go on as who it was.
const NEW_NODE: &str = "remove the folder `cluster` from its data and let it join as a new node";
