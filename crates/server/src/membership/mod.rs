//! What a node of a cluster keeps in the folder `cluster` of its data: who it is (`identity.rs`), and what its member must find again after a
//! restart (`disk.rs`).
//!
//! Both are on the disk before anybody hears of them. Both are given up together: a node that has lost one of them has to join as a new one.

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
