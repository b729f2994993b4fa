//! The edges along which invalidations cascade.
