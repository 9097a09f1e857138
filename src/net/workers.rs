//! The worker threads: each one OS thread with a current-thread runtime of its own.
//!
//! A connection belongs to one worker for life. The acceptor gives it to the worker with the fewest connections, not to
//! whichever the kernel's hash picks: at low connection counts that leaves workers idle (design 1). Where there are more
//! workers than CPUs, those beyond get none: connections that are spread thinner are ready one by one, and each wake-up of
//! a thread serves one of them (eight workers on two CPUs took a quarter more CPU time a request than two).

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::stream::Accepted;
use crate::base::{alloc, cgroup, log};
use crate::engine::Node;
use crate::engine::release;
use crate::engine::session::ClientHandle;
use crate::engine::worker::Worker;
use crate::scripting::STACK_BYTES;

/// Accepted sockets that wait for their worker to take them.
const QUEUE_MAX: usize = 1024;

/// All worker threads.
pub struct Workers {
    node: Arc<Node>,
    senders: Vec<mpsc::Sender<Arrival>>,
    /// Workers that get connections, from the first: no more than there are CPUs to run them.
    seated: usize,
    threads: Vec<JoinHandle<()>>,
    connections: TaskTracker,
}

/// A place in a worker's queue of accepted sockets.
pub struct Seat<'w> {
    /// The worker.
    pub worker: usize,
    permit: mpsc::Permit<'w, Arrival>,
}

/// An accepted socket on its way to its worker.
type Arrival = (Accepted, Arc<ClientHandle>);

impl Workers {
    /// Starts the workers that the node was made for.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(node: &Arc<Node>) -> io::Result<Self> {
        let mut workers = Self {
            node: node.clone(),
            senders: Vec::new(),
            seated: node.workers().min(cgroup::granted_cpus()),
            threads: Vec::new(),
            connections: TaskTracker::new(),
        };
        for id in 0..node.workers() {
            let (sender, receiver) = mpsc::channel(QUEUE_MAX);
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().on_thread_park(alloc::settle_idle_thread).build()?;
            let (node, tracker) = (node.clone(), workers.connections.clone());
            let work = move || LocalSet::new().block_on(&runtime, serve(id, node, receiver, tracker));
            let thread = std::thread::Builder::new().name(format!("worker-{id}"));
            workers.threads.push(thread.stack_size(STACK_BYTES).spawn(work)?);
            workers.senders.push(sender);
        }
        Ok(workers)
    }

    /// A seat with the worker that has the fewest connections, of those whose queue has room; waits for one if none has.
    pub async fn seat(&self) -> Option<Seat<'_>> {
        let load = |id: &usize| self.node.worker_stats[*id].connections.load(Ordering::Relaxed);
        let mut ids: SmallVec<[usize; 16]> = (0..self.seated).collect();
        ids.sort_by_key(|id| (self.node.scripting.is_stuck(*id), load(id)));
        for &worker in &ids {
            if let Ok(permit) = self.senders[worker].try_reserve() {
                return Some(Seat { worker, permit });
            }
        }
        let worker = *ids.first()?;
        let permit = self.senders[worker].reserve().await.ok()?;
        Some(Seat { worker, permit })
    }

    /// Gives a connection to the worker of its seat.
    pub fn hand_over(&self, seat: Seat<'_>, accepted: Accepted, handle: Arc<ClientHandle>) {
        self.node.worker_stats[seat.worker].connections.fetch_add(1, Ordering::Relaxed);
        seat.permit.send((accepted, handle));
    }

    /// Ends all connections, waits until they have sent what they had to, and joins the threads.
    pub async fn stop(self) {
        self.node.shutdown.cancel();
        self.node.clients.iter().for_each(|client| client.kill());
        self.connections.close();
        // A script that does not end keeps its client.
        const PATIENCE_MS: i64 = 1000;
        let node = self.node.clone();
        let stuck = async {
            while !node.scripting.is_slow(PATIENCE_MS) {
                tokio::time::sleep(Duration::from_millis(PATIENCE_MS as u64)).await;
            }
        };
        tokio::select! {
            () = self.connections.wait() => {}
            () = stuck => {}
        }
        drop(self.senders);
        for thread in self.threads {
            if thread.join().is_err() {
                log::warning!("A worker thread had panicked");
            }
        }
    }
}

async fn serve(id: usize, node: Arc<Node>, mut receiver: mpsc::Receiver<Arrival>, tracker: TaskTracker) {
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
