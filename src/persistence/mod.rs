//! Layer 3: what is on disk. The append-only file in its parts, snapshots, and the tools that check files.

pub mod aof;
pub mod check;
mod paced;
pub mod snapshot;
