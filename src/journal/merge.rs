//! Puts the workers' buffers back in order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Batch, Journal, MULTI, Private, Reader};
use crate::resp::encode_command;

/// Records that follow on, each in the database that the one before it leaves: bytes for a file or a socket.
#[derive(Debug, PartialEq, Eq)]
pub struct Run<'m> {
    /// The database that the first command runs in.
    pub db: usize,
    /// The database that the last one leaves.
    pub left_db: usize,
    /// The sequence number of the last record.
    pub last: u64,
    /// Commands in RESP: all of the batch, and where the run's own are.
    bytes: &'m [u8],
    start: usize,
    end: usize,
    /// Those within the run.
    private: &'m [Private],
}

impl Run<'_> {
    /// Writes what is for `reader`, and before it a SELECT if another database is `selected`.
    pub fn write(&self, reader: Reader, selected: &mut Option<usize>, out: &mut Vec<u8>) {
        let begun = out.len();
        let mut at = self.start;
        for other in self.private.iter().filter(|private| private.reader != reader) {
            self.copy(at..other.start, begun, *selected, out);
            at = other.end;
        }
        self.copy(at..self.end, begun, *selected, out);
        if out.len() > begun {
            *selected = Some(self.left_db);
        }
    }

    /// Copies commands; the first ones that are copied come behind a SELECT if they need it.
    fn copy(&self, range: std::ops::Range<usize>, begun: usize, selected: Option<usize>, out: &mut Vec<u8>) {
        let mut bytes = &self.bytes[range];
        if out.len() == begun && !bytes.is_empty() && selected != Some(self.db) {
            if let Some(rest) = bytes.strip_prefix(MULTI) {
                out.extend_from_slice(MULTI);
                bytes = rest;
            }
            encode_command(out, [b"SELECT".as_slice(), self.db.to_string().as_bytes()].iter());
        }
        out.extend_from_slice(bytes);
    }
}

/// A reader's view of the journal. Each record is handed on once, in order.
pub struct Merger {
    reader: Reader,
    queues: Vec<Queue>,
    next: u64,
    /// Emptied batches, to be exchanged for full ones.
    spare: Vec<Batch>,
}

/// What has been collected from one worker: batches in order, the first one handed on up to a place.
#[derive(Default)]
struct Queue {
    batches: VecDeque<Arc<Batch>>,
    /// Records, bytes and private ranges of the first batch that have been handed on.
    records: usize,
    bytes: usize,
    private: usize,
}

impl Merger {
    /// A reader that joins now: it begins with what is published from now on. Every stripe must be held.
    pub fn new(journal: &Journal, reader: Reader) -> Self {
        let queues = (0..journal.workers()).map(|_| Queue::default()).collect();
        Self { reader, queues, next: journal.join(reader), spare: Vec::new() }
    }

    /// Whose it is.
    pub fn reader(&self) -> Reader {
        self.reader
    }

    /// How many emptied buffers it keeps.
    #[cfg(test)]
    pub fn spares(&self) -> usize {
        self.spare.len()
    }

    /// The number of the record that comes next.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Collects what has been published. Afterwards all records below any number published before are here: whoever took a
    /// number held its buffer's lock until the record was in.
    pub fn collect(&mut self, journal: &Journal) {
        for (worker, batch) in journal.collect(self.reader, &mut self.spare) {
            self.queues[worker].batches.push_back(batch);
        }
    }

    /// The records that come next and are numbered below `limit`, as many as stand together; None when the next one is not
    /// here.
    pub fn next_run(&mut self, limit: u64) -> Option<Run<'_>> {
        let (next, kept) = (self.next, self.queues.len());
        let index = self.queues.iter_mut().position(|queue| {
            queue.drop_done(next, &mut self.spare, kept);
            queue.front().is_some_and(|sequence| sequence == next && sequence < limit)
        })?;
        let run = self.queues[index].take_run(limit);
        self.next = run.last + 1;
        Some(run)
    }
}

impl Queue {
    /// The number of its first record.
    fn front(&self) -> Option<u64> {
        Some(self.batches.front()?.records.get(self.records)?.sequence)
    }

    /// Drops batches that are done with, and records from before the reader joined. No more are kept than one collection may
    /// want: the last reader of a batch gets it, though it may be another who collects.
    fn drop_done(&mut self, next: u64, spare: &mut Vec<Batch>, kept: usize) {
        while let Some(first) = self.batches.front() {
            if let Some(record) = first.records.get(self.records) {
                if record.sequence >= next {
                    return;
                }
                (self.records, self.bytes) = (self.records + 1, record.end);
                self.private = private_until(first, self.private, record.end);
                continue;
            }
            (self.records, self.bytes, self.private) = (0, 0, 0);
            // Another reader may not be done with it.
            if let Some(mut done) = self.batches.pop_front().and_then(Arc::into_inner)
                && spare.len() < kept
            {
                done.clear();
                spare.push(done);
            }
        }
    }

    /// Takes the first record and those behind it that follow on. There must be one.
    fn take_run(&mut self, limit: u64) -> Run<'_> {
        let batch = &self.batches[0];
        let start = self.bytes;
        let first = batch.records[self.records];
        let mut last = first;
        self.records += 1;
        while let Some(&record) = batch.records.get(self.records)
            && record.sequence == last.sequence + 1
            && record.db == last.left_db
            && record.sequence < limit
        {
            last = record;
            self.records += 1;
        }
        self.bytes = last.end;
        let private = self.private;
        self.private = private_until(batch, private, last.end);
        Run {
            db: first.db,
            left_db: last.left_db,
            last: last.sequence,
            bytes: &batch.bytes,
            start,
            end: last.end,
            private: &batch.private[private..self.private],
        }
    }
}

/// The first private range from `at` on that does not end by `end`.
fn private_until(batch: &Batch, at: usize, end: usize) -> usize {
    at + batch.private[at..].iter().take_while(|private| private.end <= end).count()
}
