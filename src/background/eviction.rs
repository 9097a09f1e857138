//! Eviction in the background, so that memory comes back below `maxmemory` though nobody writes: after CONFIG SET, or when
//! replies and other buffers have taken what keys had.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::Node;
use crate::engine::blocking::serve_ready;
use crate::engine::evict::{excess_bytes, make_room};
use crate::engine::worker::Worker;

/// Between two steps, each of which lasts as long as `maxmemory-eviction-tenacity` allows (500 us by default).
const PAUSE: Duration = Duration::from_millis(1);

/// Whether memory is over its limit.
pub(super) fn is_due(node: &Node) -> bool {
    excess_bytes(node) > 0 && !node.is_loading()
}

/// Evicts in small steps whenever `due` says so, until memory is within its limit or nothing can be evicted.
pub(super) async fn run(worker: Worker, due: Arc<Notify>) {
    loop {
        due.notified().await;
        while is_due(&worker.node) {
            let more = make_room(&worker);
            serve_ready(&worker);
            worker.end_turn();
            if !more {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
