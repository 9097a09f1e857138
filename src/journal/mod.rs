//! Layer 2: one ordered stream of effects, for whoever follows it (AOF and replicas, once they exist).
//!
//! A write, still holding its stripe locks, builds its record, takes the next global sequence number and publishes the record
//! into its worker's buffer, the last two in one step under the buffer's lock and without any way to fail (a number taken and
//! not published would stall every reader). A reader collects the buffers and hands on contiguous runs of numbers. So the
//! stream's order is the execution order of every key, and workers share one counter and nothing else (design 4.1).
//!
//! With no reader nothing is built at all: [`Journal::is_on`] is the one load that a write pays.

use std::collections::BTreeMap;

use crate::base::sync::Mutex;
use crate::base::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one command, transaction or deletion has done: commands as Redis propagates them, in RESP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The database that the commands run in.
    pub db: usize,
    /// The commands' bytes; more than one stand between MULTI and EXEC.
    pub bytes: Vec<u8>,
}

/// A worker's records that no reader has collected yet, with their sequence numbers.
type Buffer = Mutex<Vec<(u64, Record)>>;

/// The journal: buffers of the workers and the counter that orders them.
pub struct Journal {
    on: AtomicBool,
    next: AtomicU64,
    buffers: Box<[Buffer]>,
}

/// Puts the workers' buffers back in order. There is one reader.
#[derive(Default)]
pub struct Reader {
    pending: BTreeMap<u64, Record>,
    next: u64,
}

impl Journal {
    /// A journal that is off, with a buffer for each worker (the last one for background tasks).
    pub fn new(workers: usize) -> Self {
        Self {
            on: AtomicBool::new(false),
            next: AtomicU64::new(0),
            buffers: (0..=workers).map(|_| Mutex::new(Vec::new())).collect(),
        }
    }

    /// Whether anyone reads: if not, no record need be built.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Turns recording on or off. A whole-store operation: the caller holds every stripe (design 2.11).
    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// The buffer that tasks other than workers write to.
    pub fn background_buffer(&self) -> usize {
        self.buffers.len() - 1
    }

    /// Publishes a record. The caller holds the stripes of all keys in it. Returns its sequence number.
    pub fn publish(&self, worker: usize, record: Record) -> u64 {
        let mut buffer = self.buffers[worker].lock();
        buffer.reserve(1);
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        buffer.push((sequence, record));
        sequence
    }

    /// The number that the next record will get.
    pub fn sequence(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }
}

impl Reader {
    /// Collects what has been published and returns the records that follow on, in order.
    pub fn read(&mut self, journal: &Journal) -> Vec<Record> {
        for buffer in &journal.buffers {
            self.pending.extend(std::mem::take(&mut *buffer.lock()));
        }
        let mut run = Vec::new();
        while let Some(record) = self.pending.remove(&self.next) {
            run.push(record);
            self.next += 1;
        }
        run
    }

    /// Records that wait for an earlier one.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(all(test, not(tartan_loom)))]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn record(text: &str) -> Record {
        Record { db: 0, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn runs_are_contiguous_and_in_order() {
        let journal = Arc::new(Journal::new(4));
        let key = Arc::new(Mutex::new(0u64));
        let writers: Vec<_> = (0..4)
            .map(|worker| {
                let (journal, key) = (journal.clone(), key.clone());
                std::thread::spawn(move || {
                    for _ in 0..5_000 {
                        let mut value = key.lock();
                        *value += 1;
                        journal.publish(worker, record(&value.to_string()));
                    }
                })
            })
            .collect();
        let mut reader = Reader::default();
        let mut values = Vec::new();
        while values.len() < 20_000 {
            values.extend(
                reader.read(&journal).into_iter().map(|record| String::from_utf8(record.bytes).unwrap()),
            );
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(values.iter().enumerate().all(|(place, value)| *value == (place + 1).to_string()));
        assert_eq!((reader.pending(), journal.sequence()), (0, 20_000));
    }
}

#[cfg(all(test, tartan_loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// The execution order of a key is the order of its records, and no number stays unpublished.
    #[test]
    fn loom_order_of_records_is_order_of_execution() {
        loom::model(|| {
            let journal = Arc::new(Journal::new(2));
            let key = Arc::new(Mutex::new(0u8));
            let write = |journal: &Journal, key: &Mutex<u8>, worker| {
                let mut value = key.lock();
                *value += 1;
                journal.publish(worker, Record { db: 0, bytes: vec![*value] });
            };
            let other = {
                let (journal, key) = (journal.clone(), key.clone());
                thread::spawn(move || write(&journal, &key, 0))
            };
            let mut reader = Reader::default();
            let mut seen = reader.read(&journal);
            write(&journal, &key, 1);
            other.join().expect("no panic");
            seen.extend(reader.read(&journal));
            let order: Vec<u8> = seen.into_iter().map(|record| record.bytes[0]).collect();
            assert_eq!(order, [1, 2]);
        });
    }
}
