//! What belongs to one worker thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::node::Node;
use super::stats::WorkerStats;
use crate::store::DbKey;

/// One worker's own state. It is not shared between threads.
pub struct Worker {
    /// Its number, from 0. Background tasks that run commands use the number after the last worker's.
    pub id: usize,
    /// The server's services.
    pub node: Arc<Node>,
    /// Its counters.
    pub stats: Arc<WorkerStats>,
    /// Keys that writes have made ready for somebody who waits, to be served before the writer's reply is sent.
    pub(super) ready: RefCell<VecDeque<DbKey>>,
}

impl Worker {
    /// The state of worker `id`.
    pub fn new(id: usize, node: Arc<Node>) -> Self {
        let stats = node.worker_stats[id].clone();
        Self { id, node, stats, ready: RefCell::default() }
    }
}
