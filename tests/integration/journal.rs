//! The journal's order is the execution order (design 4.1): what several workers have done to few keys, replayed by one, gives
//! the same data. The commands are chosen not to commute, so any exchange of two records of a key shows.

use std::sync::Arc;

use tartan::commands::FAMILIES;
use tartan::config::Config;
use tartan::engine::Node;
use tartan::engine::pipeline;
use tartan::engine::session::{ClientHandle, Session};
use tartan::engine::table::CommandTable;
use tartan::engine::worker::Worker;
use tartan::journal::{Journal, Merger, Reader};
use tartan::resp::{Parser, Protocol, Reply, encode_command};

use super::support::workload;

const WORKERS: usize = 4;
const COMMANDS_PER_WORKER: usize = 20_000;

/// A client of a node without sockets.
pub struct Client {
    worker: Worker,
    session: Session,
    reply: Reply,
}

impl Client {
    pub fn new(node: &Arc<Node>, worker: usize) -> Self {
        let handle =
            ClientHandle::new(node.next_client_id(), "test:0".into(), "test:0".into(), 0, false, worker);
        Self {
            worker: Worker::new(worker, node.clone()),
            session: Session::new(Arc::new(handle), true),
            reply: Reply::new(Protocol::Resp2),
        }
    }

    /// Runs commands in RESP and returns their replies.
    pub fn run(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut parser = Parser::default();
        while !bytes.is_empty() {
            pipeline::run_batch(&self.worker, &mut self.session, &mut parser, &mut bytes, &mut self.reply);
        }
        self.reply.output().take().iter().flat_map(|segment| segment.bytes().to_vec()).collect()
    }

    /// The record that the replies so far wait for.
    pub fn gate(&self) -> u64 {
        self.session.gate
    }

    pub fn call(&mut self, command: &str) -> Vec<u8> {
        self.run(encoded(command))
    }
}

fn encoded(command: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let words: Vec<&str> = command.split(' ').collect();
    encode_command(&mut bytes, words.iter());
    bytes
}

pub fn node(workers: usize) -> Arc<Node> {
    let table = CommandTable::new(FAMILIES).expect("the rows are right");
    Arc::new(Node::new(Config::default(), table, workers))
}

fn random_command(rng: &mut fastrand::Rng) -> String {
    let (key, other, number) = (rng.u8(0..4), rng.u8(0..4), rng.u16(0..1000));
    workload::write(rng.u8(0..16), key, other, number)
}

fn work(mut client: Client, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..COMMANDS_PER_WORKER {
        if rng.u8(0..8) == 0 {
            client.call("MULTI");
            (0..rng.u8(1..4)).for_each(|_| drop(client.call(&random_command(&mut rng))));
            client.call("EXEC");
        } else {
            client.call(&random_command(&mut rng));
        }
    }
}

/// What the journal holds from its beginning: runs of records, each of one database.
pub fn journaled(journal: &Journal, mut merger: Merger) -> Vec<(usize, Vec<u8>)> {
    merger.collect(journal);
    let mut runs = Vec::new();
    while let Some(run) = merger.next_run(u64::MAX) {
        let mut bytes = Vec::new();
        run.write(Reader::Log, &mut Some(run.db), &mut bytes);
        runs.push((run.db, bytes));
    }
    assert_eq!(merger.next_sequence(), journal.sequence(), "no number was left unpublished");
    runs
}

/// Everything in a node, in an order of its own.
fn dump(client: &mut Client) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for key in 0..4 {
        for command in ["GET s", "LRANGE l", "SORTED t", "ZRANGE z", "HGETALL h"] {
            let (name, prefix) = command.split_once(' ').expect("two words");
            let full = match name {
                "LRANGE" | "ZRANGE" => format!("{name} {prefix}{key} 0 -1"),
                "SORTED" => format!("SMEMBERS {prefix}{key}"),
                _ => format!("{name} {prefix}{key}"),
            };
            let reply = client.call(&full);
            all.push((full, if name == "SORTED" { sorted(&reply) } else { reply }));
        }
    }
    all
}

/// A set's members have no order.
fn sorted(reply: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = reply.split(|&byte| byte == b'\n').collect();
    lines.sort_unstable();
    lines.concat()
}

#[test]
fn a_replay_of_the_journal_gives_the_same_data() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let live = node(WORKERS);
    let merger = Merger::new(&live.journal, Reader::Log);
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let node = live.clone();
            scope.spawn(move || work(Client::new(&node, worker), seed.wrapping_add(worker as u64)));
        }
    });
    let records = live.journal.sequence() as usize;
    assert!(records > WORKERS * COMMANDS_PER_WORKER / 4, "only {records} records");
    let copy = node(1);
    let mut replayer = Client::new(&copy, 0);
    for (_, bytes) in journaled(&live.journal, merger) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let replies = replayer.run(bytes);
        assert!(!replies.contains(&b'-') || !String::from_utf8_lossy(&replies).contains("-ERR"), "{text}");
    }
    assert_eq!(dump(&mut Client::new(&live, 0)), dump(&mut replayer), "seed {seed}");
}
