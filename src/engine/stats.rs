//! Counters that commands keep: one set per worker, written by that worker alone without locked instructions, summed on demand.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Histogram;

/// A counter that only one thread writes.
#[derive(Default)]
pub struct Counter(AtomicU64);

/// What one worker has counted, in cache lines (pairs) that no other worker writes.
#[repr(align(128))]
pub struct WorkerStats {
    /// Per command id.
    pub commands: Box<[CommandStats]>,
    /// Commands processed.
    pub processed: Counter,
    /// Key look-ups that found a key.
    pub hits: Counter,
    /// Key look-ups that did not.
    pub misses: Counter,
    /// Keys deleted because their time had come.
    pub expired: Counter,
    /// Keys evicted.
    pub evicted: Counter,
    /// Changes of the data set, for `rdb_changes_since_last_save`.
    pub dirty: Counter,
    /// Bytes received.
    pub input_bytes: Counter,
    /// Bytes sent.
    pub output_bytes: Counter,
    /// Reads from sockets.
    pub reads: Counter,
    /// Writes to sockets.
    pub writes: Counter,
    /// Errors replied.
    pub errors: Counter,
    /// Connections being served.
    pub connections: AtomicU64,
    /// Nanoseconds spent running commands.
    pub busy_ns: Counter,
    /// Turns of the worker's connections.
    pub turns: Counter,
    /// Nanoseconds of commands in the longest turn.
    pub turn_ns_max: Counter,
    /// Commands in the fullest turn.
    pub turn_commands_max: Counter,
}

/// One command's counters.
#[derive(Default)]
pub struct CommandStats {
    /// Calls.
    pub calls: Counter,
    /// Nanoseconds in calls.
    pub nanoseconds: Counter,
    /// Calls refused before they ran.
    pub rejected: Counter,
    /// Calls that ran and replied an error.
    pub failed: Counter,
    /// How long calls have taken (`latency-tracking`).
    pub latency: Histogram,
}

impl Counter {
    /// Adds; the caller is the only writer.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Makes it a greatest value; the caller is the only writer.
    #[inline]
    pub fn raise(&self, value: u64) {
        if value > self.get() {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    /// The present count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Starts again from zero (CONFIG RESETSTAT); a count that is being added may survive.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl WorkerStats {
    /// Counters for this many commands.
    pub fn new(commands: usize) -> Self {
        Self {
            commands: (0..commands).map(|_| CommandStats::default()).collect(),
            processed: Counter::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            expired: Counter::default(),
            evicted: Counter::default(),
            dirty: Counter::default(),
            input_bytes: Counter::default(),
            output_bytes: Counter::default(),
            reads: Counter::default(),
            writes: Counter::default(),
            errors: Counter::default(),
            connections: AtomicU64::new(0),
            busy_ns: Counter::default(),
            turns: Counter::default(),
            turn_ns_max: Counter::default(),
            turn_commands_max: Counter::default(),
        }
    }

    /// Counts a turn, which began when so much had been counted.
    #[inline]
    pub fn end_turn(&self, busy_ns_before: u64, processed_before: u64) {
        self.turns.add(1);
        self.turn_ns_max.raise(self.busy_ns.get() - busy_ns_before);
        self.turn_commands_max.raise(self.processed.get().saturating_sub(processed_before));
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for command in &self.commands {
            let counters = [&command.calls, &command.nanoseconds, &command.rejected, &command.failed];
            counters.into_iter().for_each(Counter::reset);
            command.latency.reset();
        }
        let keys = [&self.processed, &self.hits, &self.misses, &self.expired, &self.evicted];
        let traffic = [&self.input_bytes, &self.output_bytes, &self.reads, &self.writes, &self.errors];
        keys.into_iter().chain(traffic).for_each(Counter::reset);
    }
}
