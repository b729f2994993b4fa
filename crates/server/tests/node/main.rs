//! The node's policies over a source that the tests hold in their hands: what is loaded when, who waits for whom,
//! and what a reader may get.

mod altered;
mod claims;
mod conditions;
mod order;
mod reads;
mod source;
mod unverified;
mod writes;
