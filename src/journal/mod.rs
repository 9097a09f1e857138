//! Layer 2: one ordered stream of effects, for whoever follows it (the AOF; replicas, once they exist).
//!
//! A write, still holding its stripe locks, encodes its record into its worker's buffer and takes the next global sequence
//! number last, in one step under the buffer's lock and without any way to fail in between (a number taken and not published
//! would stall every reader). So the stream's order is the execution order of every key, and workers share one counter and
//! nothing else (design 4.1). The [`Merger`] of a reader puts the buffers back in order.
//!
//! With no reader nothing is built at all: [`Journal::is_on`] is the one load that a write pays.
//!
//! *What may be shown* (design 4.2): replies wait until the records that they reveal are *released*, that is, out of the process's
//! hands as far as `appendfsync` asks. [`Journal::released`] is the highest such number; sequence numbers begin at 1, so 0 is
//! "nothing to wait for". Whoever waits sleeps by worker ([`Journal::sleep`]): a release costs one wake-up for each worker.

mod merge;

use std::task::Waker;

pub use merge::{Merger, Run};

use crate::base::sync::Mutex;
use crate::base::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Buffers that have grown beyond this are not kept for the next records.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Records of one worker: their bytes one after the other, and where each ends.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// One record: what a command, transaction or deletion has done, as commands in RESP; several stand between MULTI and EXEC.
#[derive(Clone, Copy)]
struct Record {
    sequence: u64,
    /// Where its bytes end.
    end: usize,
    /// The database that the commands run in.
    db: usize,
}

/// A worker's part, in cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Part {
    batch: Mutex<Batch>,
    sleeper: Mutex<Option<Waker>>,
}

/// The journal: buffers of the workers, the counter that orders them, and how far the readers have come.
pub struct Journal {
    on: AtomicBool,
    next: AtomicU64,
    released: AtomicU64,
    failing: AtomicBool,
    parts: Box<[Part]>,
}

impl Batch {
    fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }
}

impl Journal {
    /// A journal that is off, with a buffer for each worker (the last one for background tasks).
    pub fn new(workers: usize) -> Self {
        Self {
            on: AtomicBool::new(false),
            next: AtomicU64::new(1),
            released: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            parts: (0..=workers).map(|_| Part::default()).collect(),
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

    /// Publishes the record that `encode` writes. The caller holds the stripes of all keys in it. Returns its sequence number.
    pub fn publish(&self, worker: usize, db: usize, encode: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let mut batch = self.parts[worker].batch.lock();
        let Batch { bytes, records } = &mut *batch;
        // What a panic in `encode` has left behind was never published.
        bytes.truncate(records.last().map_or(0, |record| record.end));
        encode(bytes);
        records.reserve(1);
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        records.push(Record { sequence, end: bytes.len(), db });
        sequence
    }

    /// The number that the next record will get. Exact while every stripe is held.
    pub fn sequence(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The highest number such that all up to it may be shown to clients.
    #[inline]
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Acquire)
    }

    /// Everything up to `sequence` may be shown. Wakes those who wait for it.
    pub fn release(&self, sequence: u64) {
        if self.released.fetch_max(sequence, Ordering::AcqRel) < sequence {
            self.wake();
        }
    }

    /// Whether records can't be written at the moment, so that nobody must wait for them.
    #[inline]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Says whether records can be written, and wakes those who wait.
    pub fn set_failing(&self, failing: bool) {
        if self.failing.swap(failing, Ordering::AcqRel) != failing {
            self.wake();
        }
    }

    /// Has `waker` woken, once, at the next release. Look at [`Journal::released`] again afterwards, not before.
    pub fn sleep(&self, worker: usize, waker: &Waker) {
        let mut sleeper = self.parts[worker].sleeper.lock();
        if sleeper.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            *sleeper = Some(waker.clone());
        }
    }

    fn wake(&self) {
        for part in &self.parts {
            let sleeper = part.sleeper.lock().take();
            if let Some(waker) = sleeper {
                waker.wake();
            }
        }
    }

    /// Exchanges a worker's records for an empty batch, whose memory it goes on with.
    fn collect(&self, worker: usize, empty: Batch) -> Batch {
        let mut batch = self.parts[worker].batch.lock();
        if batch.records.is_empty() { empty } else { std::mem::replace(&mut batch, empty) }
    }

    fn workers(&self) -> usize {
        self.parts.len()
    }
}

#[cfg(all(test, not(tartan_loom)))]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn runs_are_contiguous_and_in_order() {
        let journal = Arc::new(Journal::new(4));
        let mut merger = Merger::new(&journal);
        let key = Arc::new(Mutex::new(0u64));
        let writers: Vec<_> = (0..4)
            .map(|worker| {
                let (journal, key) = (journal.clone(), key.clone());
                std::thread::spawn(move || {
                    for _ in 0..5_000 {
                        let mut value = key.lock();
                        *value += 1;
                        journal.publish(worker, 0, |bytes| bytes.extend(format!("{value} ").bytes()));
                    }
                })
            })
            .collect();
        let mut text = Vec::new();
        while merger.next_sequence() <= 20_000 {
            merger.collect(&journal);
            while let Some(run) = merger.next_run(u64::MAX) {
                text.extend_from_slice(run.bytes);
            }
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let expected: String = (1..=20_000).map(|value| format!("{value} ")).collect();
        assert!(text == expected.as_bytes());
        assert_eq!(journal.sequence(), 20_001);
    }

    #[test]
    fn a_panic_while_encoding_leaves_nothing() {
        let journal = Journal::new(1);
        let mut merger = Merger::new(&journal);
        journal.publish(0, 0, |bytes| bytes.extend(b"one "));
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            journal.publish(0, 0, |bytes| {
                bytes.extend(b"half");
                panic!("as a test");
            })
        }));
        assert!(broken.is_err());
        assert_eq!(journal.publish(0, 3, |bytes| bytes.extend(b"two")), 2);
        merger.collect(&journal);
        let mut seen = Vec::new();
        while let Some(run) = merger.next_run(u64::MAX) {
            seen.push((run.db, run.bytes.to_vec(), run.last));
        }
        assert_eq!(seen, [(0, b"one ".to_vec(), 1), (3, b"two".to_vec(), 2)]);
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
            let mut merger = Merger::new(&journal);
            let key = Arc::new(Mutex::new(0u8));
            let write = |journal: &Journal, key: &Mutex<u8>, worker| {
                let mut value = key.lock();
                *value += 1;
                journal.publish(worker, 0, |bytes| bytes.push(*value));
            };
            let other = {
                let (journal, key) = (journal.clone(), key.clone());
                thread::spawn(move || write(&journal, &key, 0))
            };
            let mut seen = Vec::new();
            let mut read = |merger: &mut Merger| {
                merger.collect(&journal);
                while let Some(run) = merger.next_run(u64::MAX) {
                    seen.extend_from_slice(run.bytes);
                }
            };
            read(&mut merger);
            write(&journal, &key, 1);
            other.join().expect("no panic");
            read(&mut merger);
            assert_eq!(seen, [1, 2]);
        });
    }

    /// Who goes to sleep and then sees that nothing is released is woken by the release.
    #[test]
    fn loom_no_release_is_missed() {
        use std::sync::Arc as Shared;
        use std::sync::atomic::{AtomicBool as Flag, Ordering as Order};
        struct Note(Flag);
        impl std::task::Wake for Note {
            fn wake(self: Shared<Self>) {
                self.0.store(true, Order::SeqCst);
            }
        }
        loom::model(|| {
            let journal = Arc::new(Journal::new(1));
            let note = Shared::new(Note(Flag::new(false)));
            let writer = {
                let journal = journal.clone();
                thread::spawn(move || journal.release(1))
            };
            journal.sleep(0, &note.clone().into());
            let seen = journal.released() == 1;
            writer.join().expect("no panic");
            assert!(seen || note.0.load(Order::SeqCst), "neither seen nor woken");
        });
    }
}
