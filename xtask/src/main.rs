//! Every automation.
fn main() {}
