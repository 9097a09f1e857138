//! The keyed hash of keys and members.
//!
//! Seeded once per process from the operating system, so that a client cannot choose colliding keys. The value never leaves
//! the process: nothing on disk or on the wire depends on it, except SCAN cursors, which live as long as the process.

use std::sync::OnceLock;

use ahash::RandomState;

/// Hash of `bytes` under this process's seed. All 64 bits are usable.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    state().hash_one(bytes)
}

#[inline]
fn state() -> &'static RandomState {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new)
}
