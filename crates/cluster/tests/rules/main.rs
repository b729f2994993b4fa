//! The protocol's rules, each in the shortest story in which it decides something. Worlds of the simulator show what comes of all of them together; what needs
//! a chain of mishaps within a second comes there once in thousands (docs/mutations.md).

mod acks;
mod agreement;
mod disk;
mod fences;
mod heirs;
mod near;
mod order;
mod reads;
mod replicas;
mod restart;
mod shared;
mod takeover;
mod unflushed;
mod voters;
mod wide;
#[path = "../world/mod.rs"]
mod world;
