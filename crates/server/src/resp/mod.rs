//! The Redis protocol's surface: it only translates.
