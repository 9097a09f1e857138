//! Puts the workers' buffers back in order.

use std::collections::VecDeque;

use super::{Batch, Journal};

/// Records that follow on, of one database: bytes for a file or a socket.
#[derive(Debug, PartialEq, Eq)]
pub struct Run<'m> {
    /// The database that they run in.
    pub db: usize,
    /// Commands in RESP.
    pub bytes: &'m [u8],
    /// The sequence number of the last record.
    pub last: u64,
}

/// A reader's view of the journal. Each record is handed on once, in order.
pub struct Merger {
    queues: Vec<Queue>,
    next: u64,
    /// Emptied batches, to be exchanged for full ones.
    spare: Vec<Batch>,
}

/// What has been collected from one worker: batches in order, the first one handed on up to a place.
#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// Records and bytes of the first batch that have been handed on.
    records: usize,
    bytes: usize,
}

impl Merger {
    /// A reader that begins with what is published from now on. If the journal is on, every stripe must be held.
    pub fn new(journal: &Journal) -> Self {
        let queues = (0..journal.workers()).map(|_| Queue::default()).collect();
        Self { queues, next: journal.sequence(), spare: Vec::new() }
    }

    /// The number of the record that comes next.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Collects what has been published. Afterwards all records below any number published before are here: whoever took a
    /// number held its buffer's lock until the record was in.
    pub fn collect(&mut self, journal: &Journal) {
        for (worker, queue) in self.queues.iter_mut().enumerate() {
            let batch = journal.collect(worker, self.spare.pop().unwrap_or_default());
            if batch.records.is_empty() { self.spare.push(batch) } else { queue.batches.push_back(batch) }
        }
    }

    /// The records that come next and are numbered below `limit`, as many as stand together; None when the next one is not
    /// here.
    pub fn next_run(&mut self, limit: u64) -> Option<Run<'_>> {
        let next = self.next;
        let index = self.queues.iter_mut().position(|queue| {
            queue.drop_done(&mut self.spare);
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

    fn drop_done(&mut self, spare: &mut Vec<Batch>) {
        while let Some(first) = self.batches.front()
            && self.records == first.records.len()
            && let Some(mut done) = self.batches.pop_front()
        {
            (self.records, self.bytes) = (0, 0);
            done.clear();
            spare.push(done);
        }
    }

    /// Takes the first record and those behind it that follow on in number and share its database. There must be one.
    fn take_run(&mut self, limit: u64) -> Run<'_> {
        let batch = &self.batches[0];
        let start = self.bytes;
        let mut last = batch.records[self.records];
        self.records += 1;
        while let Some(&record) = batch.records.get(self.records)
            && record.sequence == last.sequence + 1
            && record.db == last.db
            && record.sequence < limit
        {
            last = record;
            self.records += 1;
        }
        self.bytes = last.end;
        Run { db: last.db, bytes: &batch.bytes[start..last.end], last: last.sequence }
    }
}
