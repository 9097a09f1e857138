//! Layer 3: what survives the process: the append-only file and snapshots.

pub mod aof;
