//! Nodes of a cluster as programs of their own, with real links and disks: how they come into it, what is said of it, how they go, and what
//! is left when one is gone.

#[path = "joining.rs"]
mod coming;
mod leaving;
mod load;
mod nodes;
mod page;
mod refused;
mod restarting;
mod standing;
#[path = "../support/mod.rs"]
mod support;
mod trying;
mod values;
