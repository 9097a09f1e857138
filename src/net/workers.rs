//! The worker threads: each one OS thread with a current-thread runtime of its own.
//!
//! A connection belongs to one worker for life. The acceptor gives it to the worker with the fewest connections, not to
//! whichever the kernel's hash picks: at low connection counts that leaves workers idle (design 1).

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::stream::Accepted;
use crate::base::{alloc, log};
use crate::engine::Node;
use crate::engine::release;
use crate::engine::session::ClientHandle;
use crate::engine::worker::Worker;

/// Accepted sockets that wait for their worker to take them.
const QUEUE_MAX: usize = 1024;

/// All worker threads.
pub struct Workers {
    node: Arc<Node>,
    senders: Vec<mpsc::Sender<(Accepted, Arc<ClientHandle>)>>,
    threads: Vec<JoinHandle<()>>,
    connections: TaskTracker,
}

impl Workers {
    /// Starts the workers that the node was made for.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(node: &Arc<Node>) -> io::Result<Self> {
        let connections = TaskTracker::new();
        let mut workers = Self { node: node.clone(), senders: Vec::new(), threads: Vec::new(), connections };
        for id in 0..node.workers() {
            let (sender, receiver) = mpsc::channel(QUEUE_MAX);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (node, tracker) = (node.clone(), workers.connections.clone());
            let work = move || LocalSet::new().block_on(&runtime, serve(id, node, receiver, tracker));
            workers.threads.push(std::thread::Builder::new().name(format!("worker-{id}")).spawn(work)?);
            workers.senders.push(sender);
        }
        Ok(workers)
    }

    /// The worker with the fewest connections.
    pub fn least_loaded(&self) -> usize {
        let load = |id: &usize| self.node.worker_stats[*id].connections.load(Ordering::Relaxed);
        (0..self.senders.len()).min_by_key(load).unwrap_or(0)
    }

    /// Gives a connection to its worker.
    pub async fn hand_over(&self, accepted: Accepted, handle: Arc<ClientHandle>) {
        let id = handle.worker;
        self.node.worker_stats[id].connections.fetch_add(1, Ordering::Relaxed);
        if self.senders[id].send((accepted, handle)).await.is_err() {
            self.node.worker_stats[id].connections.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends all connections, waits until they have sent what they had to, and joins the threads.
    pub async fn stop(self) {
        self.node.shutdown.cancel();
        self.node.clients.iter().for_each(|client| client.kill());
        self.connections.close();
        self.connections.wait().await;
        drop(self.senders);
        for thread in self.threads {
            if thread.join().is_err() {
                log::warning!("A worker thread had panicked");
            }
        }
    }
}

async fn serve(
    id: usize,
    node: Arc<Node>,
    mut receiver: mpsc::Receiver<(Accepted, Arc<ClientHandle>)>,
    tracker: TaskTracker,
) {
    let worker = Rc::new(Worker::new(id, node));
    tokio::task::spawn_local(release::run(worker.clone()));
    loop {
        let received = tokio::select! {
            received = receiver.recv() => received,
            () = worker.node.give_back[id].notified() => {
                alloc::give_back();
                continue;
            }
        };
        let Some((accepted, handle)) = received else { return };
        match accepted.register() {
            Ok(stream) => {
                let connection = Connection::new(worker.clone(), stream, handle);
                // A panic ends this task alone; dropping the connection takes it out of all registries.
                tracker.spawn_local(connection.run());
            }
            Err(error) => {
                log::warning!("Can't serve a connection: {error}");
                worker.stats.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}
