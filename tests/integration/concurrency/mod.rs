//! Many clients at once: invariants that no interleaving may break, and histories that must be linearizable; both also of
//! scripts. A call that never returns fails by the client's time-out of a minute.
//! Each runs with 1, 2 and 8 workers.

mod histories;
mod invariants;
mod scripts;

use std::sync::Barrier;
use std::thread;

use crate::support::{Client, Server};

const WORKERS: [usize; 3] = [1, 2, 8];
const CONNECTIONS: usize = 32;

/// Runs `work(number, client)` on as many connections at once and returns what each gave.
fn on_connections<T: Send>(
    server: &Server,
    connections: usize,
    work: impl Fn(usize, &mut Client) -> T + Sync,
) -> Vec<T> {
    let barrier = Barrier::new(connections);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|number| {
                let (work, barrier) = (&work, &barrier);
                let mut client = server.client();
                scope.spawn(move || {
                    barrier.wait();
                    work(number, &mut client)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
