//! RESP for Clearwell.

pub mod options;
