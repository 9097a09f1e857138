//! Layer 2: one ordered stream of effects, for whoever follows it: the AOF, and the feed of replicas.
//!
//! A write, still holding its stripe locks, encodes its record into its worker's buffer and takes the next global sequence
//! number last, in one step under the buffer's lock and without any way to fail in between (a number taken and not published
//! would stall every reader). So the stream's order is the execution order of every key, and workers share one counter and
//! nothing else (design 4.1). The [`Merger`] of a reader puts the buffers back in order.
//!
//! With no reader nothing is built at all: [`Journal::is_on`] is the one load that a write pays.
//!
//! *Readers* join and leave while every stripe is held, so each begins and ends between two records. Whoever collects first takes
//! the workers' buffers for all who have joined; the others find them in their inboxes. What is for one reader alone (PUBLISH is
//! for replicas) stands in the same bytes and is passed over by the other ([`Run::write`]). What holds no stripe may publish
//! while somebody joins: its record then belongs to the reader or not, and nobody can tell.
//!
//! *What may be shown* (design 4.2): replies wait until the records that they reveal are *released*, that is, out of the process's
//! hands as far as `appendfsync` asks. [`Journal::released`] is the highest such number; sequence numbers begin at 1, so 0 is
//! "nothing to wait for", and without a log everything is released. Whoever waits sleeps by worker ([`Journal::sleep`]): a
//! release costs one wake-up for each worker.
//!
//! *The feed sleeps* while nothing is published ([`Journal::sleep_feed`]): it says so, collects once more, and sleeps. A record is
//! published and the word looked for under the lock of its buffer: either the collection finds the record, or the publisher finds
//! the word and wakes.

mod merge;

use std::sync::Arc;
use std::task::Waker;

pub use merge::{Merger, Run};

use crate::base::sync::Mutex;
use crate::base::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How a transaction begins and ends. The databases that its commands run in are selected behind its beginning, as Redis does it.
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";
/// Buffers that have grown beyond this are not kept for the next records.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Records of one worker: their bytes one after the other, and where each ends.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// In order.
    private: Vec<Private>,
}

/// One record: what a command, transaction or deletion has done, as commands in RESP; several stand between MULTI and EXEC.
#[derive(Clone, Copy)]
struct Record {
    sequence: u64,
    /// Where its bytes end.
    end: usize,
    /// The database that its first command runs in.
    db: usize,
    /// The database that its last command leaves selected.
    left_db: usize,
}

/// Who follows the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The append-only file.
    Log = 0,
    /// Replicas.
    Feed = 1,
}

const READERS: usize = 2;

/// Bytes that are for one reader alone: whole commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private {
    /// Where they begin.
    pub start: usize,
    /// Where they end.
    pub end: usize,
    /// Whose they are.
    pub reader: Reader,
}

/// Several commands, in RESP, that are one record.
#[derive(Clone, Copy, Debug)]
pub struct Block<'b> {
    /// The commands.
    pub bytes: &'b [u8],
    /// What of them is for one reader alone, in order.
    pub private: &'b [Private],
    /// The database that the first one runs in.
    pub db: usize,
    /// The database that the last one leaves selected.
    pub left_db: usize,
    /// How many there are: several stand between MULTI and EXEC.
    pub commands: usize,
}

/// What is collected from one worker, for all readers.
type Collected = (usize, Arc<Batch>);

#[derive(Default)]
struct Readers {
    joined: [bool; READERS],
    /// What others have collected for them.
    inboxes: [Vec<Collected>; READERS],
    suspended: bool,
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
    fed: AtomicBool,
    feed_sleeps: AtomicBool,
    next: AtomicU64,
    released: AtomicU64,
    failing: AtomicBool,
    parts: Box<[Part]>,
    readers: Mutex<Readers>,
    feed: Mutex<Option<Waker>>,
}

impl Block<'_> {
    /// For whom alone all of it is.
    fn owner(&self) -> Option<Reader> {
        let reader = self.private.first()?.reader;
        let own = self.private.iter().filter(|private| private.reader == reader);
        let bytes: usize = own.map(|private| private.end - private.start).sum();
        (bytes == self.bytes.len()).then_some(reader)
    }
}

impl Batch {
    fn clear(&mut self) {
        self.records.clear();
        self.private.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.records.shrink_to(KEPT_BYTES_MAX / size_of::<Record>());
        self.private.shrink_to(KEPT_BYTES_MAX / size_of::<Private>());
    }

    /// Takes away what a panic while encoding has left behind: it was never published.
    fn mend(&mut self) {
        let end = self.records.last().map_or(0, |record| record.end);
        self.bytes.truncate(end);
        while self.private.pop_if(|private| private.end > end).is_some() {}
    }
}

impl Journal {
    /// A journal that is off, with a buffer for each worker (the last one for background tasks).
    pub fn new(workers: usize) -> Self {
        Self {
            on: AtomicBool::new(false),
            fed: AtomicBool::new(false),
            feed_sleeps: AtomicBool::new(false),
            next: AtomicU64::new(1),
            released: AtomicU64::new(u64::MAX),
            failing: AtomicBool::new(false),
            parts: (0..=workers).map(|_| Part::default()).collect(),
            readers: Mutex::default(),
            feed: Mutex::default(),
        }
    }

    /// Whether anyone reads: if not, no record need be built.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Records nothing for a while, though there are readers (the data is loaded anew). The caller holds every stripe.
    pub fn suspend(&self, suspended: bool) {
        let mut readers = self.readers.lock();
        readers.suspended = suspended;
        self.update(&readers);
    }

    /// A reader begins with what is published from now on; returns the number of that. The caller holds every stripe.
    fn join(&self, reader: Reader) -> u64 {
        let mut readers = self.readers.lock();
        // What is there already is for those who were there.
        self.distribute(&mut readers, &mut Vec::new());
        readers.inboxes[reader as usize].clear();
        readers.joined[reader as usize] = true;
        let next = self.sequence();
        if reader == Reader::Log {
            self.released.store(next - 1, Ordering::Release);
        }
        self.update(&readers);
        next
    }

    /// A reader ends with what has been published, which it may still collect. The caller holds every stripe, or nobody
    /// publishes any more. Without the log nothing waits for its release once [`Journal::release_all`] has been called.
    pub fn leave(&self, reader: Reader) {
        let mut readers = self.readers.lock();
        self.distribute(&mut readers, &mut Vec::new());
        readers.joined[reader as usize] = false;
        self.update(&readers);
    }

    /// Whether replicas are fed.
    #[inline]
    pub fn is_fed(&self) -> bool {
        self.fed.load(Ordering::Relaxed)
    }

    fn update(&self, readers: &Readers) {
        self.fed.store(readers.joined[Reader::Feed as usize] && !readers.suspended, Ordering::Relaxed);
        self.on.store(readers.joined.contains(&true) && !readers.suspended, Ordering::Relaxed);
    }

    /// Publishes the record that `encode` writes, of commands that run in database `db`. The caller holds the stripes of all keys
    /// in it. Returns its sequence number.
    #[inline]
    pub fn publish(&self, worker: usize, db: usize, encode: impl FnOnce(&mut Vec<u8>)) -> u64 {
        self.publish_with(worker, db, db, |bytes, _| encode(bytes))
    }

    /// Publishes what is for one reader alone.
    pub fn publish_to(
        &self,
        reader: Reader,
        worker: usize,
        db: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> u64 {
        self.publish_with(worker, db, db, |bytes, private| {
            let start = bytes.len();
            encode(bytes);
            private.push(Private { start, end: bytes.len(), reader });
        })
    }

    /// Publishes several commands as one record.
    pub fn publish_block(&self, worker: usize, block: Block<'_>) -> u64 {
        let encode = |bytes: &mut Vec<u8>, private: &mut Vec<Private>| {
            let start = bytes.len();
            if block.commands > 1 {
                bytes.extend_from_slice(MULTI);
            }
            let shift = bytes.len();
            bytes.extend_from_slice(block.bytes);
            if block.commands > 1 {
                bytes.extend_from_slice(EXEC);
            }
            match block.owner() {
                Some(reader) => private.push(Private { start, end: bytes.len(), reader }),
                None => {
                    let shifted =
                        |of: &Private| Private { start: of.start + shift, end: of.end + shift, ..*of };
                    private.extend(block.private.iter().map(shifted));
                }
            }
        };
        self.publish_with(worker, block.db, block.left_db, encode)
    }

    fn publish_with(
        &self,
        worker: usize,
        db: usize,
        left_db: usize,
        encode: impl FnOnce(&mut Vec<u8>, &mut Vec<Private>),
    ) -> u64 {
        let mut batch = self.parts[worker].batch.lock();
        batch.mend();
        let Batch { bytes, records, private } = &mut *batch;
        encode(bytes, private);
        records.reserve(1);
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        records.push(Record { sequence, end: bytes.len(), db, left_db });
        // Looked at before the buffer is given back.
        let wakes = self.feed_sleeps.load(Ordering::Relaxed);
        drop(batch);
        if wakes {
            self.wake_feed();
        }
        sequence
    }

    /// Has `waker` woken at the next record. Collect again afterwards, then sleep.
    pub fn sleep_feed(&self, waker: &Waker) {
        *self.feed.lock() = Some(waker.clone());
        self.feed_sleeps.store(true, Ordering::Relaxed);
    }

    /// Wakes the feed if it sleeps.
    #[cold]
    pub fn wake_feed(&self) {
        if self.feed_sleeps.swap(false, Ordering::AcqRel)
            && let Some(waker) = self.feed.lock().take()
        {
            waker.wake();
        }
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

    /// There is no log any more: nothing is waited for.
    pub fn release_all(&self) {
        self.release(u64::MAX);
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

    /// Collects what has been published, for all readers, and returns what there is for this one. Memory is taken from `spare`.
    fn collect(&self, reader: Reader, spare: &mut Vec<Batch>) -> Vec<Collected> {
        let mut readers = self.readers.lock();
        if readers.joined[reader as usize] {
            self.distribute(&mut readers, spare);
        }
        std::mem::take(&mut readers.inboxes[reader as usize])
    }

    fn distribute(&self, readers: &mut Readers, spare: &mut Vec<Batch>) {
        let Readers { joined, inboxes, .. } = readers;
        for (worker, part) in self.parts.iter().enumerate() {
            let mut batch = part.batch.lock();
            if batch.records.is_empty() {
                continue;
            }
            let full = Arc::new(std::mem::replace(&mut *batch, spare.pop().unwrap_or_default()));
            drop(batch);
            let present = inboxes.iter_mut().zip(&*joined).filter(|(_, joined)| **joined);
            present.for_each(|(inbox, _)| inbox.push((worker, full.clone())));
        }
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
        let mut merger = Merger::new(&journal, Reader::Log);
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
                run.write(Reader::Log, &mut Some(0), &mut text);
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
        let mut merger = Merger::new(&journal, Reader::Log);
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
            let mut bytes = Vec::new();
            run.write(Reader::Log, &mut Some(run.db), &mut bytes);
            seen.push((run.db, bytes, run.last));
        }
        assert_eq!(seen, [(0, b"one ".to_vec(), 1), (3, b"two".to_vec(), 2)]);
    }

    /// All that a reader gets, with spaces for the ends of lines.
    fn read(journal: &Journal, merger: &mut Merger) -> String {
        merger.collect(journal);
        let (reader, mut bytes, mut db) = (merger.reader(), Vec::new(), None);
        while let Some(run) = merger.next_run(u64::MAX) {
            run.write(reader, &mut db, &mut bytes);
        }
        String::from_utf8(bytes).expect("text").replace("\r\n", " ")
    }

    #[test]
    fn each_reader_gets_its_own_from_where_it_joined() {
        let journal = Journal::new(1);
        let text = |text: &'static str| move |bytes: &mut Vec<u8>| bytes.extend(text.bytes());
        let mut log = Merger::new(&journal, Reader::Log);
        journal.publish(0, 0, text("before "));
        let mut feed = Merger::new(&journal, Reader::Feed);
        journal.publish_to(Reader::Feed, 1, 0, text("publish "));
        journal.publish(0, 0, text("both "));
        let bytes = b"log feed log ".to_vec();
        let private = [Private { start: 4, end: 9, reader: Reader::Feed }];
        let block = Block { bytes: &bytes, private: &private, db: 2, left_db: 3, commands: 3 };
        journal.publish_block(0, block);
        journal.publish(1, 3, text("three "));
        journal.leave(Reader::Log);
        journal.publish(0, 0, text("after "));
        const SELECT: &str = "*2 $6 SELECT $1 ";
        assert_eq!(
            read(&journal, &mut log),
            format!("{SELECT}0 before both *1 $5 MULTI {SELECT}2 log log *1 $4 EXEC three ")
        );
        assert_eq!(
            read(&journal, &mut feed),
            format!(
                "{SELECT}0 publish both *1 $5 MULTI {SELECT}2 log feed log *1 $4 EXEC three {SELECT}0 after "
            )
        );
    }

    #[test]
    fn emptied_buffers_do_not_pile_up() {
        let journal = Journal::new(1);
        let (mut log, mut feed) = (Merger::new(&journal, Reader::Log), Merger::new(&journal, Reader::Feed));
        for _ in 0..1000 {
            journal.publish(0, 0, |bytes| bytes.push(b'.'));
            // The one always collects first, and the other is always the last to have read.
            read(&journal, &mut log);
            read(&journal, &mut feed);
        }
        assert!(log.spares() + feed.spares() <= 2 * journal.workers(), "{} {}", log.spares(), feed.spares());
    }

    #[test]
    fn a_transaction_for_one_reader_leaves_nothing_for_the_other() {
        let journal = Journal::new(0);
        let (mut log, mut feed) = (Merger::new(&journal, Reader::Log), Merger::new(&journal, Reader::Feed));
        let private = [(0, 1), (1, 2)].map(|(start, end)| Private { start, end, reader: Reader::Feed });
        journal.publish_block(0, Block { bytes: b"ab", private: &private, db: 0, left_db: 0, commands: 2 });
        assert_eq!(read(&journal, &mut log), "");
        assert!(read(&journal, &mut feed).ends_with("ab*1 $4 EXEC "));
        assert_eq!(log.next_sequence(), 2);
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
            let mut merger = Merger::new(&journal, Reader::Log);
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
                    run.write(Reader::Log, &mut Some(0), &mut seen);
                }
            };
            read(&mut merger);
            write(&journal, &key, 1);
            other.join().expect("no panic");
            read(&mut merger);
            assert_eq!(seen, [1, 2]);
        });
    }

    fn note() -> std::sync::Arc<Note> {
        std::sync::Arc::new(Note(std::sync::atomic::AtomicBool::new(false)))
    }

    struct Note(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Note {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Two readers collect at once while somebody writes: each gets every record once and in order.
    #[test]
    fn loom_two_readers_get_the_same() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let journal = Arc::new(Journal::new(0));
            let (mut log, mut feed) =
                (Merger::new(&journal, Reader::Log), Merger::new(&journal, Reader::Feed));
            let read = |journal: &Journal, merger: &mut Merger, seen: &mut Vec<u8>| {
                let reader = merger.reader();
                merger.collect(journal);
                while let Some(run) = merger.next_run(u64::MAX) {
                    run.write(reader, &mut Some(0), seen);
                }
            };
            let other = {
                let journal = journal.clone();
                thread::spawn(move || {
                    let mut seen = Vec::new();
                    read(&journal, &mut feed, &mut seen);
                    (feed, seen)
                })
            };
            let mut seen = Vec::new();
            journal.publish(0, 0, |bytes| bytes.push(1));
            read(&journal, &mut log, &mut seen);
            journal.publish(0, 0, |bytes| bytes.push(2));
            let (mut feed, mut fed) = other.join().expect("no panic");
            read(&journal, &mut log, &mut seen);
            read(&journal, &mut feed, &mut fed);
            assert_eq!((seen.as_slice(), fed.as_slice()), ([1, 2].as_slice(), [1, 2].as_slice()));
        });
    }

    /// The feed says that it sleeps and looks once more: it finds the record, or is woken.
    #[test]
    fn loom_no_record_finds_the_feed_asleep() {
        loom::model(|| {
            let journal = Arc::new(Journal::new(0));
            let mut feed = Merger::new(&journal, Reader::Feed);
            let note = note();
            let writer = {
                let journal = journal.clone();
                thread::spawn(move || journal.publish(0, 0, |bytes| bytes.push(1)))
            };
            journal.sleep_feed(&note.clone().into());
            feed.collect(&journal);
            let found = feed.next_run(u64::MAX).is_some();
            writer.join().expect("no panic");
            assert!(found || note.0.load(Ordering::SeqCst), "neither found nor woken");
        });
    }

    /// Who goes to sleep and then sees that nothing is released is woken by the release.
    #[test]
    fn loom_no_release_is_missed() {
        loom::model(|| {
            let journal = Arc::new(Journal::new(1));
            // A log has joined, so that not everything is released.
            let _log = Merger::new(&journal, Reader::Log);
            let note = note();
            let writer = {
                let journal = journal.clone();
                thread::spawn(move || journal.release(1))
            };
            journal.sleep(0, &note.clone().into());
            let seen = journal.released() == 1;
            writer.join().expect("no panic");
            assert!(seen || note.0.load(Ordering::SeqCst), "neither seen nor woken");
        });
    }
}
