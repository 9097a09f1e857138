//! Ends CLIENT PAUSE when its time is over.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock;
use crate::engine::Node;

/// Sleeps until a pause begins, then until it ends.
pub(super) async fn run(node: Arc<Node>) {
    loop {
        match node.pause.ends_ms().map(|at_ms| at_ms - clock::unix_ms()) {
            None => node.pause.changed.notified().await,
            Some(..=0) => node.pause.end_if_due(&node.lane, clock::unix_ms()),
            Some(left_ms) => {
                let left = Duration::from_millis(left_ms as u64);
                // It may have been made longer meanwhile.
                let _ = tokio::time::timeout(left, node.pause.changed.notified()).await;
            }
        }
    }
}
