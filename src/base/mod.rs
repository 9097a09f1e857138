//! Layer 0: what knows nothing of Redis's server. Hashing, numbers, globs, time, randomness.

pub mod affinity;
pub mod alloc;
pub mod cgroup;
pub mod clock;
pub mod crash;
pub mod crc16;
pub mod descriptors;
pub mod extended;
pub mod glob;
pub mod hash;
pub mod heap;
pub mod latency;
pub mod log;
pub mod number;
pub mod oom_score;
pub mod os_error;
pub mod partial_sort;
pub mod priority;
pub mod process_title;
pub mod progress;
pub mod quoting;
pub mod replace;
mod shortest;
pub mod sync;
mod syslog;

/// The version of Redis whose behavior is kept.
pub const REDIS_VERSION: &str = "7.2.4";
