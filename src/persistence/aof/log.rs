//! The AOF being written: the journal's records, in order, into the last increment.
//!
//! *Who writes* (design 4.2). With `appendfsync` `everysec` or `no` a worker that has replies to let go leads: it collects all
//! workers' records and hands them to the kernel in one write. While an fsync is going on, which could hold it up, and when
//! somebody else leads already, it leaves the work to the thread `aof-write` or to the leader. With `always` that thread does
//! all: one write and one fsync for everyone who waits.
//! fsync otherwise belongs to the thread `aof-sync`: within a second of the first byte that it has not covered. Both threads sleep
//! when there is nothing to do.
//!
//! *When a write fails*, the file is cut back to the last whole record, what was to be written stays in memory and is tried again
//! every [`RETRY`], and the journal says that it is failing: clients are told so and nobody waits. A file that can't be cut back
//! is continued where the write stopped. So the file never holds half a record followed by others.
//!
//! *Cut* (design 5): [`Log::switch_at`] names the record from which on another file is written; the old one is synced before
//! anything in the new one is. The new file begins with the length of the old one ([`LENGTH_MARK`]), and says later that the
//! old one is on the disk ([`SYNCED_MARK`]): should a power cut leave the old file short, and no such word in the new one, then
//! nothing in the new one was promised to anybody, and it can't be used, since what was before it is missing.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::base::latency::LatencyMonitor;
use crate::base::{affinity, alloc, clock, log, os_error};
use crate::journal::{Journal, Merger, Reader};

/// Begins an increment: the length of the one before it follows.
pub const LENGTH_MARK: &[u8] = b"#PREVIOUS-BYTES:";
/// Stands in an increment once the one before it is on the disk as a whole.
pub const SYNCED_MARK: &[u8] = b"#PREVIOUS-SYNCED";

/// How long a worker waits for another one that writes before it leaves its records to that one.
const PATIENCE: Duration = Duration::from_micros(50);
/// Bytes in one write, about.
const WRITE_BYTES_MAX: usize = 8 << 20;
/// Memory of the write buffer that is kept.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// How often a failed write is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How often a lasting failure is logged.
const COMPLAINT_PERIOD_MS: i64 = 30_000;
/// An fsync that takes longer counts as delayed (`aof_delayed_fsync`), as in Redis.
const FSYNC_PATIENCE_MS: i64 = 2_000;
/// An fsync begins so long after the one before it, less what that has taken: what is a second old is on the disk.
const SYNC_PERIOD_US: u64 = 900_000;

/// `appendfsync`: what is done before a reply leaves. The order is the setting's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// A write; an fsync follows within about a second.
    EverySecond = 0,
    /// An fsync.
    Always = 1,
    /// A write.
    No = 2,
}

impl Fsync {
    /// The setting's value.
    pub fn from_setting(value: i64) -> Self {
        match value {
            0 => Self::EverySecond,
            1 => Self::Always,
            _ => Self::No,
        }
    }
}

/// A file to go on in.
pub struct Target {
    /// Opened for appending.
    pub file: File,
    /// Its name, for messages.
    pub name: String,
    /// Bytes that are in it.
    pub len: u64,
}

/// What INFO and the metrics say of the log.
#[derive(Default)]
pub struct LogStats {
    /// Writes handed to the kernel.
    pub writes: AtomicU64,
    /// fsyncs done.
    pub fsyncs: AtomicU64,
    /// Writes made while an fsync had taken longer than two seconds.
    pub delayed_fsyncs: AtomicU64,
    /// Microseconds that writing has taken.
    pub write_us: AtomicU64,
    /// Bytes of the file being written.
    pub file_bytes: AtomicU64,
    /// Bytes collected and not written.
    pub buffered_bytes: AtomicU64,
}

/// The log. It is open while `appendonly` is on.
pub struct Log {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Told after every fsync, up to which record it has covered all.
pub type OnSync = Box<dyn Fn(u64) + Send + Sync>;

struct Shared {
    journal: Arc<Journal>,
    latency: Arc<LatencyMonitor>,
    on_sync: OnSync,
    policy: AtomicU8,
    /// Whether records are marked with the time (`aof-timestamp-enabled`).
    stamps: AtomicBool,
    /// Microseconds to wait before a write (DEBUG AOF-FLUSH-SLEEP).
    delay_us: AtomicU64,
    /// The CPUs that its threads may run on; empty: all.
    cpus: Mutex<Arc<[u8]>>,
    /// fsync is suspended (`no-appendfsync-on-rewrite`).
    suspended: AtomicBool,
    writer: Mutex<Option<Writer>>,
    /// Records from which on another file is written.
    switches: Mutex<VecDeque<(u64, Target)>>,
    /// The highest record that somebody wants written, and the highest that is.
    wanted: AtomicU64,
    written: AtomicU64,
    /// The highest record that an fsync has covered.
    synced: AtomicU64,
    open: AtomicBool,
    sync_turn: Mutex<()>,
    /// Since when an fsync has been going on, in Unix milliseconds; 0 for none.
    syncing_since_ms: AtomicI64,
    sync_failed: AtomicBool,
    /// An fsync has failed since the last rewrite: what the kernel has dropped is on no disk.
    distrusted: AtomicBool,
    orders: Mutex<Orders>,
    write_work: Condvar,
    sync_work: Condvar,
    error: Mutex<Option<String>>,
    complained_ms: AtomicI64,
    stats: LogStats,
}

#[derive(Default)]
struct Orders {
    write: bool,
    /// There are bytes that no fsync has covered.
    sync: bool,
    /// Files that were written to and have been left: to be synced first.
    left: Vec<Arc<File>>,
    /// They have been, which the present file does not say yet.
    owes_mark: bool,
    stop: bool,
}

/// The file and what is on its way into it.
struct Writer {
    merger: Merger,
    file: Arc<File>,
    name: String,
    /// Bytes of whole records in the file.
    len: u64,
    /// Bytes to be written, and the record that they end with.
    out: Vec<u8>,
    out_last: u64,
    /// Bytes of `out` that are in the file already and could not be cut off again.
    done: usize,
    db: Option<usize>,
    stamp_seconds: i64,
    /// The mark goes in front of the next record.
    owes_mark: bool,
}

impl Log {
    /// A log that is not open.
    pub fn new(journal: Arc<Journal>, latency: Arc<LatencyMonitor>, policy: Fsync, on_sync: OnSync) -> Self {
        let shared = Shared {
            journal,
            latency,
            on_sync,
            policy: AtomicU8::new(policy as u8),
            stamps: AtomicBool::new(false),
            delay_us: AtomicU64::new(0),
            cpus: Mutex::default(),
            suspended: AtomicBool::new(false),
            writer: Mutex::new(None),
            switches: Mutex::default(),
            wanted: AtomicU64::new(0),
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            open: AtomicBool::new(false),
            sync_turn: Mutex::new(()),
            syncing_since_ms: AtomicI64::new(0),
            sync_failed: AtomicBool::new(false),
            distrusted: AtomicBool::new(false),
            orders: Mutex::default(),
            write_work: Condvar::new(),
            sync_work: Condvar::new(),
            error: Mutex::new(None),
            complained_ms: AtomicI64::new(0),
            stats: LogStats::default(),
        };
        Self { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// Joins the journal: begins to write to `target` with the next record. Whoever calls holds every stripe.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn open(&self, target: Target) -> io::Result<()> {
        let shared = &self.shared;
        shared.stats.file_bytes.store(target.len, Ordering::Relaxed);
        let before = shared.journal.sequence() - 1;
        for done in [&shared.written, &shared.synced, &shared.wanted] {
            done.store(before, Ordering::SeqCst);
        }
        shared.sync_failed.store(false, Ordering::Release);
        shared.distrusted.store(false, Ordering::Release);
        *shared.writer.lock() = Some(Writer::new(&shared.journal, target));
        shared.open.store(true, Ordering::Release);
        let mut threads = self.threads.lock();
        if threads.is_empty() {
            shared.orders.lock().stop = false;
            let (one, other) = (shared.clone(), shared.clone());
            let named = |name: &str| std::thread::Builder::new().name(name.into());
            let bind = |cpus: Arc<[u8]>| affinity::try_bind_thread("bio_cpulist", &cpus);
            let cpus = shared.cpus.lock().clone();
            let same = cpus.clone();
            threads.push(named("aof-write").spawn(move || {
                bind(cpus);
                alloc::told_at_end(move || one.write_loop());
            })?);
            threads.push(named("aof-sync").spawn(move || {
                bind(same);
                alloc::told_at_end(move || other.sync_loop());
            })?);
        }
        Ok(())
    }

    /// Writes and syncs what there is and closes the file. Whoever calls has had the log leave the journal, or nobody writes any
    /// more.
    ///
    /// # Errors
    /// When something could not be written or synced.
    pub fn close(&self) -> io::Result<()> {
        let shared = &self.shared;
        let outcome = shared.write_out().and_then(|()| shared.sync_now());
        {
            let mut orders = shared.orders.lock();
            orders.stop = true;
            shared.write_work.notify_all();
            shared.sync_work.notify_all();
        }
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                log::warning!("A thread of the AOF had panicked");
            }
        }
        *shared.writer.lock() = None;
        shared.open.store(false, Ordering::Release);
        shared.switches.lock().clear();
        shared.journal.set_failing(false);
        shared.journal.leave(Reader::Log);
        shared.journal.release_all();
        outcome
    }

    /// Whether a file is open.
    pub fn is_open(&self) -> bool {
        self.shared.open.load(Ordering::Acquire)
    }

    /// `appendfsync`.
    pub fn set_policy(&self, policy: Fsync) {
        self.shared.policy.store(policy as u8, Ordering::Relaxed);
        self.shared.order_write();
        self.shared.order_sync();
    }

    /// Has everything up to record `sequence` written soon, which nobody waits for.
    pub fn nudge(&self, sequence: u64) {
        if !self.shared.is_done(sequence) && !self.shared.journal.is_failing() {
            self.shared.order_write();
        }
    }

    /// `aof-timestamp-enabled`.
    pub fn set_stamps(&self, on: bool) {
        self.shared.stamps.store(on, Ordering::Relaxed);
    }

    /// Names the CPUs that its threads shall run on from the next time the log is opened, as `bio_cpulist` does.
    pub fn set_cpus(&self, cpus: Arc<[u8]>) {
        *self.shared.cpus.lock() = cpus;
    }

    /// Has every write wait so long before it begins, for tests.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.delay_us.store(delay.as_micros() as u64, Ordering::Relaxed);
    }

    /// Leaves fsync to the kernel for a while (`no-appendfsync-on-rewrite`).
    pub fn suspend_fsync(&self, on: bool) {
        if self.shared.suspended.swap(on, Ordering::Relaxed) && !on {
            self.shared.order_sync();
        }
    }

    /// Has everything up to record `sequence` written (and synced, as the policy asks): now if that can be done here, else soon.
    pub fn push(&self, sequence: u64) {
        self.shared.push(sequence);
    }

    /// From record `sequence` on, `target` is written. Whoever calls holds every stripe, and `sequence` is the next number.
    pub fn switch_at(&self, sequence: u64, target: Target) {
        self.shared.switches.lock().push_back((sequence, target));
    }

    /// The file being written has another name now.
    pub fn renamed(&self, name: String) {
        if let Some(writer) = self.shared.writer.lock().as_mut() {
            writer.name = name;
        }
    }

    /// Writes all that has been published and syncs it.
    ///
    /// # Errors
    /// When that fails; it is tried again by itself.
    pub fn flush(&self) -> io::Result<()> {
        self.shared.write_out().and_then(|()| self.shared.sync_now())
    }

    /// The highest record such that the disk has all up to it.
    pub fn synced(&self) -> u64 {
        self.shared.synced.load(Ordering::Acquire)
    }

    /// Why the log can't be written at the moment.
    pub fn error(&self) -> Option<String> {
        if !self.shared.journal.is_failing() { None } else { self.shared.error.lock().clone() }
    }

    /// Whether an fsync is going on.
    pub fn is_syncing(&self) -> bool {
        self.shared.syncing_since_ms.load(Ordering::Relaxed) != 0
    }

    /// Whether an fsync has failed, so that only a rewrite makes the files certain again. Asking takes the answer.
    pub fn take_distrust(&self) -> bool {
        self.shared.distrusted.swap(false, Ordering::AcqRel)
    }

    /// Whether one has failed, without taking the answer.
    pub fn is_distrusted(&self) -> bool {
        self.shared.distrusted.load(Ordering::Acquire)
    }

    /// The rewrite that was to make the files certain has failed too.
    pub fn distrust(&self) {
        self.shared.distrusted.store(true, Ordering::Release);
    }

    /// Counters.
    pub fn stats(&self) -> &LogStats {
        &self.shared.stats
    }
}

impl Shared {
    fn policy(&self) -> Fsync {
        Fsync::from_setting(self.policy.load(Ordering::Relaxed).into())
    }

    fn push(&self, sequence: u64) {
        if self.is_done(sequence) {
            return;
        }
        self.wanted.fetch_max(sequence, Ordering::SeqCst);
        let delegates = self.policy() == Fsync::Always
            || self.syncing_since_ms.load(Ordering::Relaxed) != 0
            || self.journal.is_failing();
        if delegates {
            return self.order_write();
        }
        let mut patience = PATIENCE;
        // Who finds a leader at work leaves its records to it: the leader looks at `wanted` again after unlocking.
        while self.written.load(Ordering::SeqCst) < self.wanted.load(Ordering::SeqCst) {
            let Some(mut writer) = self.writer.try_lock_for(patience) else { return };
            patience = Duration::ZERO;
            let before = self.written.load(Ordering::SeqCst);
            if self.write(&mut writer).is_err() {
                drop(writer);
                return self.order_write();
            }
            drop(writer);
            if self.written.load(Ordering::SeqCst) == before {
                return;
            }
        }
    }

    /// Whether record `sequence` is where the policy wants it before a reply leaves.
    fn is_done(&self, sequence: u64) -> bool {
        let done = if self.policy() == Fsync::Always { &self.synced } else { &self.written };
        done.load(Ordering::Acquire) >= sequence
    }

    fn order_sync(&self) {
        let mut orders = self.orders.lock();
        orders.sync = true;
        self.sync_work.notify_one();
    }

    fn order_write(&self) {
        let mut orders = self.orders.lock();
        if !orders.write {
            orders.write = true;
            self.write_work.notify_one();
        }
    }

    /// Writes what has been published, and releases it if no fsync is asked for.
    fn write(&self, slot: &mut MutexGuard<'_, Option<Writer>>) -> io::Result<()> {
        let Some(writer) = slot.as_mut() else {
            // Closed: nothing is to be waited for.
            self.written.fetch_max(self.wanted.load(Ordering::SeqCst), Ordering::SeqCst);
            return Ok(());
        };
        let (started_ns, waits) = (clock::monotonic_ns(), self.syncing_since_ms.load(Ordering::Relaxed) != 0);
        let outcome = writer.write_all(self);
        self.latency.note_since("aof-write", started_ns);
        let micros = (clock::monotonic_ns() - started_ns) / 1000;
        self.stats.write_us.fetch_add(micros, Ordering::Relaxed);
        if waits {
            self.latency.note_since("aof-write-pending-fsync", started_ns);
        }
        self.stats.buffered_bytes.store((writer.out.len() - writer.done) as u64, Ordering::Relaxed);
        match &outcome {
            Ok(()) => self.heal(),
            Err(error) => self.fail("Error writing to the AOF file", &writer.name, error),
        }
        outcome
    }

    /// These bytes are with the kernel.
    fn wrote(&self, last: u64, file_bytes: u64) {
        self.stats.writes.fetch_add(1, Ordering::Relaxed);
        self.stats.file_bytes.store(file_bytes, Ordering::Relaxed);
        self.written.store(last, Ordering::SeqCst);
        let since = self.syncing_since_ms.load(Ordering::Relaxed);
        if since != 0 && clock::unix_ms() - since > FSYNC_PATIENCE_MS {
            self.stats.delayed_fsyncs.fetch_add(1, Ordering::Relaxed);
        }
        if self.policy() != Fsync::Always {
            self.journal.release(last);
            let mut orders = self.orders.lock();
            if !orders.sync {
                orders.sync = true;
                self.sync_work.notify_one();
            }
        }
    }

    /// Records up to `last` were none of the log's.
    fn passed(&self, last: u64) {
        let before = self.written.swap(last, Ordering::SeqCst);
        if self.policy() != Fsync::Always {
            self.journal.release(last);
        }
        if self.synced.compare_exchange(before, last, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.journal.release(last);
            (self.on_sync)(last);
        }
    }

    fn fail(&self, what: &str, name: &str, error: &io::Error) {
        *self.error.lock() = Some(os_error::reason(error));
        let now_ms = clock::unix_ms();
        let complained_ms = self.complained_ms.load(Ordering::Relaxed);
        if !self.journal.is_failing() || now_ms - complained_ms > COMPLAINT_PERIOD_MS {
            self.complained_ms.store(now_ms, Ordering::Relaxed);
            log::warning!(
                "{what} {name}: {}. Writes are refused and reads served until it succeeds; it is tried again by itself. \
                 Free space on the disk or repair it",
                os_error::reason(error)
            );
        }
        self.journal.set_failing(true);
    }

    fn heal(&self) {
        if self.journal.is_failing() && !self.sync_failed.load(Ordering::Acquire) {
            log::warning!("AOF write error looks solved. The server can write again.");
            self.journal.set_failing(false);
        }
    }

    /// Writes all that has been published, waiting for whoever writes.
    fn write_out(&self) -> io::Result<()> {
        self.write(&mut self.writer.lock())
    }

    /// Syncs what is written.
    fn sync_now(&self) -> io::Result<()> {
        // One at a time, or a file that somebody else syncs would count as synced.
        let _turn = self.sync_turn.lock();
        let (left, file, name, written) = {
            let writer = self.writer.lock();
            let Some(writer) = writer.as_ref() else { return Ok(()) };
            let left = std::mem::take(&mut self.orders.lock().left);
            (left, writer.file.clone(), writer.name.clone(), self.written.load(Ordering::SeqCst))
        };
        self.syncing_since_ms.store(clock::unix_ms(), Ordering::Relaxed);
        let started_ns = clock::monotonic_ns();
        let outcome = left.iter().chain([&file]).try_for_each(|file| file.sync_data());
        if self.policy() == Fsync::Always {
            self.latency.note_since("aof-fsync-always", started_ns);
        }
        self.syncing_since_ms.store(0, Ordering::Relaxed);
        self.stats.fsyncs.fetch_add(1, Ordering::Relaxed);
        match &outcome {
            Ok(()) => {
                let mut orders = self.orders.lock();
                orders.owes_mark |= !left.is_empty() && orders.left.is_empty();
                drop(orders);
                self.sync_failed.store(false, Ordering::Release);
                self.synced.fetch_max(written, Ordering::AcqRel);
                self.journal.release(written);
                (self.on_sync)(written);
            }
            Err(error) => {
                // Files that have been left must not be forgotten.
                self.orders.lock().left.extend(left);
                self.sync_failed.store(true, Ordering::Release);
                self.distrusted.store(true, Ordering::Release);
                self.fail("Error syncing the AOF file", &name, error);
            }
        }
        outcome
    }

    /// The thread `aof-write`: what is ordered, and what has failed.
    fn write_loop(&self) {
        while self.await_order() {
            let mut outcome = self.write_out();
            if outcome.is_ok() && self.policy() != Fsync::Always {
                // It may have been written while the policy was another one.
                self.journal.release(self.written.load(Ordering::SeqCst));
            }
            let lags = || self.written.load(Ordering::SeqCst) > self.synced.load(Ordering::Acquire);
            let syncs = self.policy() == Fsync::Always && lags() || self.sync_failed.load(Ordering::Acquire);
            if outcome.is_ok() && syncs {
                outcome = self.sync_now();
                if outcome.is_ok() {
                    self.heal();
                }
            }
        }
    }

    /// Sleeps until there is an order; while writing fails, until it is to be tried again, whatever is ordered. False when the
    /// thread is to end.
    fn await_order(&self) -> bool {
        let retry_us = clock::monotonic_us() + RETRY.as_micros() as u64;
        let mut orders = self.orders.lock();
        while !orders.stop {
            if self.journal.is_failing() {
                let left_us = retry_us.saturating_sub(clock::monotonic_us());
                if left_us == 0 {
                    break;
                }
                self.write_work.wait_for(&mut orders, Duration::from_micros(left_us));
            } else if orders.write {
                break;
            } else {
                self.write_work.wait(&mut orders);
            }
        }
        orders.write = false;
        !orders.stop
    }

    /// The thread `aof-sync`: within a second of the first byte that is not synced.
    fn sync_loop(&self) {
        let mut due_us = 0;
        loop {
            {
                let mut orders = self.orders.lock();
                while !orders.stop && !orders.sync {
                    self.sync_work.wait(&mut orders);
                }
                while !orders.stop && clock::monotonic_us() < due_us {
                    let left = Duration::from_micros(due_us.saturating_sub(clock::monotonic_us()));
                    self.sync_work.wait_for(&mut orders, left);
                }
                if orders.stop {
                    return;
                }
                orders.sync = false;
            }
            let started_us = clock::monotonic_us();
            let is_left = !self.orders.lock().left.is_empty();
            if is_left || self.policy() == Fsync::EverySecond && !self.suspended.load(Ordering::Relaxed) {
                // A failure is kept and tried again by `aof-write`.
                if self.sync_now().is_err() {
                    self.order_write();
                }
            }
            let took_us = clock::monotonic_us() - started_us;
            due_us = started_us + SYNC_PERIOD_US - took_us.min(SYNC_PERIOD_US / 2);
        }
    }
}

impl Writer {
    fn new(journal: &Journal, target: Target) -> Self {
        Self {
            merger: Merger::new(journal, Reader::Log),
            file: Arc::new(target.file),
            name: target.name,
            len: target.len,
            out: Vec::new(),
            out_last: 0,
            done: 0,
            db: None,
            stamp_seconds: 0,
            owes_mark: false,
        }
    }

    /// Collects records and writes them, file by file.
    fn write_all(&mut self, shared: &Shared) -> io::Result<()> {
        self.merger.collect(&shared.journal);
        self.owes_mark |= std::mem::take(&mut shared.orders.lock().owes_mark);
        loop {
            self.fill(shared);
            if !self.out.is_empty() {
                let delay_us = shared.delay_us.load(Ordering::Relaxed);
                if delay_us > 0 {
                    std::thread::sleep(Duration::from_micros(delay_us));
                }
                self.write_once()?;
                shared.wrote(self.out_last, self.len);
                continue;
            }
            if self.out_last > shared.written.load(Ordering::SeqCst) {
                shared.passed(self.out_last);
            }
            let target = {
                let mut switches = shared.switches.lock();
                match switches.front() {
                    Some((at, _)) if *at <= self.merger.next_sequence() => switches.pop_front(),
                    _ => None,
                }
            };
            match target {
                Some((_, target)) => self.switch(shared, target),
                None => return Ok(()),
            }
        }
    }

    /// Puts the records that come next, and belong into this file, into the buffer.
    fn fill(&mut self, shared: &Shared) {
        let limit = shared.switches.lock().front().map_or(u64::MAX, |(at, _)| *at);
        while self.out.len() < WRITE_BYTES_MAX
            && let Some(run) = self.merger.next_run(limit)
        {
            if std::mem::take(&mut self.owes_mark) {
                self.out.extend_from_slice(SYNCED_MARK);
                self.out.extend_from_slice(b"\r\n");
            }
            if shared.stamps.load(Ordering::Relaxed) {
                let seconds = clock::unix_ms() / 1000;
                if seconds > self.stamp_seconds {
                    self.stamp_seconds = seconds;
                    self.out.extend_from_slice(format!("#TS:{seconds}\r\n").as_bytes());
                }
            }
            run.write(Reader::Log, &mut self.db, &mut self.out);
            self.out_last = run.last;
        }
    }

    fn write_once(&mut self) -> io::Result<()> {
        while self.done < self.out.len() {
            match (&*self.file).write(&self.out[self.done..]) {
                Ok(0) => return self.take_back(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.done += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.take_back(error),
            }
        }
        self.len += self.out.len() as u64;
        self.done = 0;
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES_MAX);
        Ok(())
    }

    /// Cuts off what a failed write has left in the file. If that fails too, the next write goes on behind it.
    fn take_back(&mut self, error: io::Error) -> io::Result<()> {
        if self.done > 0 && self.file.set_len(self.len).is_ok() {
            self.done = 0;
        }
        Err(error)
    }

    fn switch(&mut self, shared: &Shared, target: Target) {
        let left = std::mem::replace(&mut self.file, Arc::new(target.file));
        self.out.extend_from_slice(LENGTH_MARK);
        self.out.extend_from_slice(format!("{}\r\n", self.len).as_bytes());
        (self.name, self.len, self.db, self.stamp_seconds) = (target.name, target.len, None, 0);
        self.owes_mark = false;
        shared.stats.file_bytes.store(self.len, Ordering::Relaxed);
        let mut orders = shared.orders.lock();
        orders.left.push(left);
        orders.owes_mark = false;
        orders.sync = true;
        shared.sync_work.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_do_not_hurry_what_fails() {
        let journal = Arc::new(Journal::new(1));
        let log =
            Log::new(journal.clone(), Arc::new(LatencyMonitor::new(0)), Fsync::EverySecond, Box::new(|_| ()));
        journal.set_failing(true);
        let shared = log.shared.clone();
        let started_us = clock::monotonic_us();
        std::thread::scope(|scope| {
            let waits = scope.spawn(move || shared.await_order());
            while !waits.is_finished() {
                log.shared.order_write();
                log.shared.orders.lock().write = false;
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(waits.join().unwrap());
        });
        assert!(clock::monotonic_us() - started_us >= RETRY.as_micros() as u64);
    }
}
