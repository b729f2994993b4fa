//! Loads: one a key, run to their end whoever still waits.
