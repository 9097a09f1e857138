//! Layer 6: what happens by itself. The loops run on the server's own thread, never on a worker.
//!
//! One ticker beats `hz` times a second; it keeps the coarse clock and looks whether there is anything to do. The loops that
//! expire and evict sleep until it wakes them, so an idle server wakes up for the beat alone. While they have work they pause
//! between short slices of it, which bounds both their share of the processor and how long they keep a stripe.

mod clients;
mod eviction;
mod expiry;
mod pause;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::base::{alloc, clock};
use crate::engine::Node;
use crate::engine::evict::excess_bytes;
use crate::engine::worker::Worker;

/// How often INFO's rates are sampled.
const RATES_PERIOD_US: u64 = 100_000;
/// Memory freed, in bytes, that is worth giving back to the system; an eighth of what is in use, if that is more.
const FREED_BYTES_MIN: usize = 16 << 20;
/// How often clients are looked at.
const CLIENTS_PERIOD_MS: i64 = 1000;

/// Starts the loops on the current runtime, which must be one that runs on a single thread: they share the last worker's
/// statistics and journal buffer. They end when the node shuts down.
pub fn start(node: &Arc<Node>) -> JoinSet<()> {
    let (expiry_due, eviction_due) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let worker = || Worker::new(node.workers(), node.clone());
    let mut loops = JoinSet::new();
    loops.spawn(until_shutdown(node.clone(), expiry::run(worker(), expiry_due.clone())));
    loops.spawn(until_shutdown(node.clone(), eviction::run(worker(), eviction_due.clone())));
    loops.spawn(until_shutdown(node.clone(), give_back_own(node.clone())));
    loops.spawn(until_shutdown(node.clone(), pause::run(node.clone())));
    loops.spawn(until_shutdown(node.clone(), beat(node.clone(), expiry_due, eviction_due)));
    loops
}

async fn until_shutdown(node: Arc<Node>, task: impl Future<Output = ()>) {
    tokio::select! {
        () = task => {}
        () = node.shutdown.cancelled() => {}
    }
}

async fn beat(node: Arc<Node>, expiry_due: Arc<Notify>, eviction_due: Arc<Notify>) {
    let mut clients_due_ms = clock::unix_ms() + CLIENTS_PERIOD_MS;
    let mut sampled_us = clock::monotonic_us();
    let mut peak = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(1000 / node.rounds_per_second())).await;
        let started_ns = clock::monotonic_ns();
        clock::tick();
        alloc::settle_thread();
        alloc::note_peak();
        give_back_freed(&node, &mut peak);
        node.upkeep.note_excess(excess_bytes(&node) > 0);
        if node.cron_paused.load(Relaxed) {
            continue;
        }
        if expiry::is_due(&node) {
            expiry_due.notify_one();
        }
        if eviction::is_due(&node) {
            eviction_due.notify_one();
        }
        node.saving.beat(&node);
        node.tracking.look_after(&node);
        node.client_memory.look_after(&node);
        if node.log.is_open() {
            // What nobody waits for: deletions of what has expired.
            node.log.nudge(node.journal.sequence() - 1);
        }
        if clock::monotonic_us() - sampled_us >= RATES_PERIOD_US {
            sampled_us = clock::monotonic_us();
            node.rates.sample(&node);
        }
        let now_ms = clock::unix_ms();
        if now_ms >= clients_due_ms {
            clients::look_after(&node, now_ms);
            node.peers.tidy(now_ms);
            clients_due_ms = now_ms + CLIENTS_PERIOD_MS;
        }
        let beat_us = (clock::monotonic_ns() - started_ns).div_ceil(1000);
        node.upkeep.beat_us.fetch_add(beat_us, Relaxed);
    }
}

/// Once much memory has been freed since its last `peak`, has every thread give it back to the system.
fn give_back_freed(node: &Node, peak: &mut usize) {
    let used = alloc::used_bytes();
    *peak = used.max(*peak);
    if *peak - used < FREED_BYTES_MIN.max(used / 8) {
        return;
    }
    *peak = used;
    node.give_back_memory();
}

/// Gives memory back when somebody asks for it.
async fn give_back_own(node: Arc<Node>) {
    loop {
        node.give_back[node.workers()].notified().await;
        alloc::give_back();
    }
}
