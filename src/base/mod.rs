//! Layer 0: what knows nothing of Redis's server. Hashing, numbers, globs, time, randomness.

pub mod alloc;
pub mod cgroup;
pub mod clock;
pub mod crc16;
pub mod descriptors;
pub mod extended;
pub mod glob;
pub mod hash;
pub mod heap;
pub mod latency;
pub mod log;
pub mod number;
pub mod partial_sort;
pub mod progress;
pub mod quoting;
mod shortest;
pub mod sync;
