//! The REST surface: it only translates.
