//! What the tests share: a server of their own, a client that speaks RESP, and the linearizability checker.

pub mod client;
pub mod linearizability;
pub mod redis;
pub mod server;
pub mod workload;

use std::thread::sleep;
use std::time::{Duration, Instant};

pub use client::{Client, Reply};
pub use redis::Redis;
pub use server::Server;

/// Waits until a condition holds, far longer than a busy machine takes.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        sleep(Duration::from_millis(2));
    }
}

/// `count` times the environment's `TARTAN_TEST_SCALE`.
pub fn scaled(count: usize) -> usize {
    let scale =
        std::env::var("TARTAN_TEST_SCALE").ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(1.0);
    (count as f64 * scale) as usize
}

/// A seed from the environment's `TARTAN_TEST_SEED`, or a fresh one; printed, so that a failure can be repeated.
pub fn seed() -> u64 {
    let seed = std::env::var("TARTAN_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed: TARTAN_TEST_SEED={seed}");
    seed
}
