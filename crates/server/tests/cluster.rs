//! Nodes of a cluster as processes of their own, with real links and disks.

mod support;

#[path = "cluster/joining.rs"]
mod joining;
#[path = "cluster/nodes.rs"]
mod nodes;
#[path = "cluster/values.rs"]
mod values;
