//! Snapshots, and the life of the append-only file: when each begins, what is done at the cut, and what came of it.
//!
//! One thread at a time, `saver`, makes images: a snapshot (BGSAVE, SAVE, `save` points), a rewrite of the log, or the switching
//! on of the log, which is a rewrite whose increment is kept aside until the base is whole. What is wanted besides is noted and
//! comes next. The settings say what shall be; [`next_job`] compares that with what is.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::blocking::BlockedCall;
use super::evict::Policy;
use super::node::Node;
use super::reload::{self, Source};
use crate::base::{alloc, clock, log};
use crate::config::{Id, save_points};
use crate::persistence::aof::{AofDir, AofFiles, BaseFormat, Increment, Kept, Target};
use crate::persistence::snapshot::{self, Access, Format, Progress, SyncingFile};
use crate::rdb;
use crate::store::{Image, Stripes};

/// How long a failed snapshot or rewrite is left alone before `save` points or growth try it again, as in Redis.
const RETRY_MS: i64 = 5_000;
/// From so many failures of rewrites in a row on, growth starts one only after a minute, then two, four and so on, as in Redis.
const REWRITE_FAILURES_MAX: u64 = 3;
const REWRITE_PAUSE_MINUTES_MAX: i64 = 60;
/// How long switching the log on is left alone after it has failed.
const SWITCH_RETRY_MS: i64 = 1_000;

const SNAPSHOT_RUNS: &str = "ERR Background save already in progress";
const REWRITE_RUNS: &str = "ERR Background append only file rewriting already in progress";

/// What the saver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// A snapshot.
    Snapshot,
    /// A rewrite of the log.
    Rewrite,
    /// Switching the log on.
    SwitchOn,
    /// Switching the log off.
    SwitchOff,
    /// Loading the data anew.
    Reload,
}

/// What came of one kind of job so far.
#[derive(Clone, Debug)]
pub struct History {
    /// Whether the last one succeeded.
    pub ok: bool,
    /// Seconds that the last one took, -1 for none.
    pub seconds: i64,
    /// Successes.
    pub count: u64,
    /// Failures since the last success.
    pub failures: u64,
    /// Unix time in milliseconds of the last try.
    pub tried_ms: i64,
}

impl Default for History {
    fn default() -> Self {
        Self { ok: true, seconds: -1, count: 0, failures: 0, tried_ms: 0 }
    }
}

/// What there is to know, for INFO and for decisions.
pub struct State {
    /// What runs, and since when in Unix milliseconds.
    pub running: Option<(Job, i64)>,
    /// A snapshot is wanted.
    pub snapshot_wanted: bool,
    /// A rewrite is wanted.
    pub rewrite_wanted: bool,
    /// Of snapshots.
    pub snapshots: History,
    /// Of rewrites.
    pub rewrites: History,
    /// Unix time in seconds of the last snapshot that succeeded, or of the start.
    pub saved_seconds: i64,
    /// The files of the log while it is open.
    pub files: Option<AofFiles>,
    /// Bytes of the log after the last rewrite or at the start.
    pub base_bytes: u64,
    /// Bytes of the log's parts before the one being written.
    pub earlier_bytes: u64,
    /// Who waits for the snapshot that runs, and for the one after it.
    waiting: [Vec<Arc<BlockedCall>>; 2],
    /// Who is told what when nothing runs any more: told sooner, the next wish would find the job still running.
    answers: Vec<(Arc<BlockedCall>, Result<(), &'static str>)>,
    /// What is to be loaded anew, and who is told.
    reloads: VecDeque<(Source, Arc<BlockedCall>)>,
    /// A FLUSHALL counts as saved that no snapshot has been made of yet.
    flush_unsaved: bool,
    switch_tried_ms: i64,
    rewrite_limit_told: u64,
    stopping: bool,
}

/// The saver and what is known of it.
pub struct Saving {
    state: Mutex<State>,
    idle: Condvar,
    /// Changes counted when the last good snapshot was cut.
    dirty_saved: AtomicU64,
    /// Of the image being made.
    progress: Mutex<Arc<Progress>>,
    /// Whether the last snapshot failed; read by every write.
    failed: AtomicBool,
}

/// Why an image was not made.
enum Failure {
    /// Somebody wanted it to stop.
    Stopped,
    /// What was tried, with what, and what came in the way.
    Broken(String),
}

impl Saving {
    /// Nothing made yet.
    pub fn new() -> Self {
        let state = State {
            running: None,
            snapshot_wanted: false,
            rewrite_wanted: false,
            snapshots: History::default(),
            rewrites: History::default(),
            saved_seconds: clock::unix_ms() / 1000,
            files: None,
            base_bytes: 0,
            earlier_bytes: 0,
            waiting: Default::default(),
            answers: Vec::new(),
            reloads: VecDeque::new(),
            flush_unsaved: false,
            switch_tried_ms: 0,
            rewrite_limit_told: 0,
            stopping: false,
        };
        Self {
            state: Mutex::new(state),
            idle: Condvar::new(),
            dirty_saved: AtomicU64::new(0),
            progress: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    /// A look at the state.
    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.lock())
    }

    /// Changes since the last good snapshot.
    pub fn unsaved(&self, node: &Node) -> u64 {
        let dirty = node.sum(|stats| stats.dirty.get());
        dirty.saturating_sub(self.dirty_saved.load(Ordering::Relaxed))
    }

    /// Counts all changes so far as saved (what was loaded).
    pub fn count_as_saved(&self, node: &Node) {
        self.dirty_saved.store(node.sum(|stats| stats.dirty.get()), Ordering::Relaxed);
    }

    /// The last snapshot has failed and writes shall be refused for it.
    pub fn refuses_writes(&self, node: &Node) -> bool {
        self.failed.load(Ordering::Relaxed)
            && node.config.is_on(Id::StopWritesOnBgsaveError)
            && !node.config.text(Id::Save).is_empty()
    }

    /// Whether the last snapshot has failed: one load.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Keys written and to be written by what runs.
    pub fn progress(&self) -> (u64, u64) {
        let progress = self.progress.lock();
        (progress.keys.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed))
    }

    /// Wants a snapshot. Says whether one begins now, or why not.
    pub fn want_snapshot(&self, node: &Arc<Node>, may_wait: bool) -> Result<bool, &'static str> {
        let mut state = self.state.lock();
        match state.running {
            Some((Job::Snapshot, _)) => return Err(SNAPSHOT_RUNS),
            Some(_) if !may_wait => {
                return Err(
                    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule \
                     a BGSAVE whenever possible.",
                );
            }
            _ => {}
        }
        state.snapshot_wanted = true;
        let now = state.running.is_none();
        self.start(node, &mut state);
        Ok(now)
    }

    /// Has a client wait for the next snapshot (SAVE). It is refused while one is made that nobody waits for (BGSAVE).
    pub fn wait_for_snapshot(&self, node: &Arc<Node>, call: Arc<BlockedCall>) {
        let mut state = self.state.lock();
        if matches!(state.running, Some((Job::Snapshot, _))) && state.waiting[0].is_empty() {
            call.answer(|reply| reply.error(SNAPSHOT_RUNS));
            return;
        }
        state.snapshot_wanted = true;
        // Not for one that has made its cut already.
        state.waiting[1].push(call);
        self.start(node, &mut state);
    }

    /// Has the data loaded anew, and the client told of it (DEBUG RELOAD, DEBUG LOADAOF).
    pub fn reload(&self, node: &Arc<Node>, source: Source, call: Arc<BlockedCall>) {
        let mut state = self.state.lock();
        state.reloads.push_back((source, call));
        self.start(node, &mut state);
    }

    /// Wants a rewrite of the log. Says whether it begins now, or why not.
    pub fn want_rewrite(&self, node: &Arc<Node>) -> Result<bool, &'static str> {
        let mut state = self.state.lock();
        if matches!(state.running, Some((Job::Rewrite | Job::SwitchOn, _))) {
            return Err(REWRITE_RUNS);
        }
        state.rewrite_wanted = true;
        let now = state.running.is_none();
        self.start(node, &mut state);
        Ok(now)
    }

    /// Wants a snapshot that can't begin now (from within EXEC), unless one is being made.
    pub fn schedule_snapshot(&self) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        if matches!(state.running, Some((Job::Snapshot, _))) {
            return Err(SNAPSHOT_RUNS);
        }
        state.snapshot_wanted = true;
        Ok(())
    }

    /// Wants a rewrite that can't begin now (from within EXEC), unless one is being made.
    pub fn schedule_rewrite(&self) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        if matches!(state.running, Some((Job::Rewrite | Job::SwitchOn, _))) {
            return Err(REWRITE_RUNS);
        }
        state.rewrite_wanted = true;
        Ok(())
    }

    /// Deletes the parts of the log that were kept for `aof-disable-auto-gc`.
    pub fn collect_history(&self, node: &Node) {
        if let Some(files) = self.state.lock().files.as_mut()
            && !node.config.is_on(Id::AofDisableAutoGc)
            && let Err(error) = files.delete_history()
        {
            log::warning!("{error}");
        }
    }

    /// Begins whatever is wanted and has not begun, since settings may have changed; a rewrite of a log that is to be switched
    /// off is stopped.
    pub fn kick(&self, node: &Arc<Node>) {
        if !node.config.is_on(Id::AppendOnly) {
            node.durability.give_up();
        }
        let mut state = self.state.lock();
        let is_of_log = match state.running {
            Some((Job::SwitchOn, _)) => true,
            Some((Job::Rewrite, _)) => node.log.is_open(),
            _ => false,
        };
        if is_of_log && !node.config.is_on(Id::AppendOnly) {
            log::notice!("Killing the running AOF rewrite (a thread, not a child process)");
            self.progress.lock().stop.store(true, Ordering::Relaxed);
        }
        self.start(node, &mut state);
    }

    /// Ten times a second or so: save points, growth of the log, what was scheduled.
    pub fn beat(&self, node: &Arc<Node>) {
        let mut state = self.state.lock();
        if state.running.is_some() || state.stopping {
            return;
        }
        let now_ms = clock::unix_ms();
        let may_retry = |history: &History| history.ok || now_ms - history.tried_ms >= RETRY_MS;
        if may_retry(&state.snapshots)
            && let Some((seconds, changes)) = self.due_point(node, &state, now_ms)
        {
            log::notice!("{changes} changes in {seconds} seconds. Saving...");
            state.snapshot_wanted = true;
        }
        if state.files.is_some() {
            if node.log.is_distrusted() && may_retry(&state.rewrites) {
                log::warning!("The log is rewritten, since an fsync of it has failed");
                state.rewrite_wanted = true;
            }
            if may_retry(&state.rewrites) && self.has_grown(node, &state) && !is_limited(&mut state, now_ms) {
                log::notice!("Starting automatic rewriting of AOF");
                state.rewrite_wanted = true;
            }
        }
        self.start(node, &mut state);
    }

    fn due_point(&self, node: &Node, state: &State, now_ms: i64) -> Option<(u64, u64)> {
        let text = node.config.text(Id::Save);
        if text.is_empty() {
            return None;
        }
        let unsaved = self.unsaved(node);
        let since = (now_ms / 1000 - state.saved_seconds).max(0) as u64;
        save_points(&text).into_iter().find(|(seconds, changes)| unsaved >= *changes && since > *seconds)
    }

    fn has_grown(&self, node: &Node, state: &State) -> bool {
        let percentage = node.config.get_unsigned(Id::AutoAofRewritePercentage);
        let bytes = self.log_bytes(node, state);
        if percentage == 0 || bytes < node.config.get_unsigned(Id::AutoAofRewriteMinSize) {
            return false;
        }
        let base = state.base_bytes.max(1);
        (bytes.saturating_mul(100) / base).saturating_sub(100) >= percentage
    }

    /// Bytes of all parts of the log.
    pub fn log_bytes(&self, node: &Node, state: &State) -> u64 {
        state.earlier_bytes + node.log.stats().file_bytes.load(Ordering::Relaxed)
    }

    fn start(&self, node: &Arc<Node>, state: &mut State) {
        if state.running.is_some() || state.stopping || node.is_loading() {
            return;
        }
        let Some(job) = next_job(node, state) else { return };
        state.running = Some((job, clock::unix_ms()));
        *self.progress.lock() = Arc::default();
        let worker = node.clone();
        let spawned =
            std::thread::Builder::new().name("saver".into()).spawn(move || worker.saving.work(&worker));
        if let Err(error) = spawned {
            log::warning!("Can't save in background: no thread: {error}");
            state.running = None;
        }
    }

    /// The thread: one job after the other until nothing is wanted.
    fn work(&self, node: &Arc<Node>) {
        loop {
            let job = {
                let mut state = self.state.lock();
                let Some((job, _)) = state.running else { return };
                match job {
                    Job::Snapshot => {
                        state.snapshot_wanted = false;
                        let next = std::mem::take(&mut state.waiting[1]);
                        state.waiting[0].extend(next);
                    }
                    Job::Rewrite | Job::SwitchOn => state.rewrite_wanted = false,
                    Job::SwitchOff | Job::Reload => {}
                }
                job
            };
            let run = || match job {
                Job::Snapshot => self.snapshot(node, &node.config.path(Id::DbFileName)),
                Job::Rewrite | Job::SwitchOn => self.rewrite(node, job),
                Job::SwitchOff => switch_off(node, self),
                Job::Reload => self.reload_next(node),
            };
            // The thread must live to say that it has ended.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|_| {
                Err(Failure::Broken(format!("A bug: {job:?} has panicked; please report it")))
            });
            self.finish(node, job, outcome);
            let (answers, goes_on) = {
                let mut state = self.state.lock();
                let next = if state.stopping { None } else { next_job(node, &state) };
                state.running = next.map(|job| (job, clock::unix_ms()));
                match next {
                    Some(_) => *self.progress.lock() = Arc::default(),
                    None => {
                        self.idle.notify_all();
                    }
                }
                (std::mem::take(&mut state.answers), next.is_some())
            };
            for (call, told) in answers {
                call.answer(|reply| match told {
                    Ok(()) => reply.ok(),
                    Err(error) => reply.error(error),
                });
            }
            if !goes_on {
                return;
            }
        }
    }

    fn finish(&self, node: &Node, job: Job, outcome: Result<(), Failure>) {
        let mut state = self.state.lock();
        let now_ms = clock::unix_ms();
        let seconds = state.running.map_or(0, |(_, since)| (now_ms - since) / 1000);
        let note = |history: &mut History| {
            history.tried_ms = now_ms;
            history.seconds = seconds;
            match &outcome {
                Ok(()) => {
                    history.ok = true;
                    history.count += 1;
                    history.failures = 0;
                }
                // Redis too does not hold it against anybody.
                Err(Failure::Stopped) => {}
                Err(Failure::Broken(reason)) => {
                    log::warning!("{reason}");
                    history.ok = false;
                    history.failures += 1;
                }
            }
        };
        match job {
            Job::Snapshot => {
                note(&mut state.snapshots);
                self.failed.store(!state.snapshots.ok, Ordering::Relaxed);
                match &outcome {
                    Ok(()) => {
                        log::notice!("Background saving terminated with success");
                        state.saved_seconds = now_ms / 1000;
                        state.flush_unsaved = false;
                    }
                    Err(Failure::Stopped) => {
                        log::warning!("Background saving was stopped");
                        state.snapshot_wanted |= state.flush_unsaved;
                    }
                    Err(Failure::Broken(_)) => {
                        log::warning!("Background saving error");
                        if std::mem::take(&mut state.flush_unsaved) {
                            self.dirty_saved.fetch_sub(1, Ordering::Relaxed);
                        }
                    }
                }
                let told = outcome.as_ref().map_err(|_| "ERR Errors trying to save. Check logs.").copied();
                let waiting = std::mem::take(&mut state.waiting[0]);
                state.answers.extend(waiting.into_iter().map(|call| (call, told)));
            }
            Job::Rewrite | Job::SwitchOn => {
                note(&mut state.rewrites);
                match &outcome {
                    Ok(()) => log::notice!("Background AOF rewrite finished successfully"),
                    Err(Failure::Stopped) => log::warning!("Background AOF rewrite was stopped"),
                    Err(Failure::Broken(_)) => log::warning!("Background AOF rewrite terminated with error"),
                }
                if job == Job::SwitchOn {
                    state.switch_tried_ms = now_ms;
                }
            }
            Job::SwitchOff | Job::Reload => {
                if let Err(Failure::Broken(reason)) = outcome {
                    log::warning!("{reason}");
                }
            }
        }
        drop(state);
        node.log.suspend_fsync(false);
    }

    fn reload_next(&self, node: &Arc<Node>) -> Result<(), Failure> {
        let Some((source, call)) = self.state.lock().reloads.pop_front() else { return Ok(()) };
        let outcome = reload::run(node, source, || self.save_now(node));
        self.state.lock().answers.push((call, outcome));
        Ok(())
    }

    /// Makes a snapshot in the file `name` of the working directory.
    fn snapshot(&self, node: &Node, name: &Path) -> Result<(), Failure> {
        let temporary = temporary_snapshot();
        let mut dirty = 0;
        let result = self
            .image(node, &temporary, Job::Snapshot, || dirty = node.sum(|stats| stats.dirty.get()))
            .and_then(|_| {
                fs::rename(&temporary, name)
                    .and_then(|()| File::open(".")?.sync_all())
                    .map_err(|error| broken("move the snapshot to its place", name, &error))
            });
        match &result {
            Ok(()) => {
                self.dirty_saved.store(dirty, Ordering::Relaxed);
                log::notice!("DB saved on disk");
            }
            Err(_) => remove(&temporary),
        }
        result
    }

    /// Writes a base for the log as it was at the cut, from which on the log goes on in another increment.
    fn rewrite(&self, node: &Node, job: Job) -> Result<(), Failure> {
        let known = self.state.lock().files.take();
        let mut files = match known {
            Some(files) => files,
            None => AofFiles::open(aof_dir(node)).map_err(|error| Failure::Broken(error.to_string()))?,
        };
        let distrusted = node.log.take_distrust();
        let result = self.rewrite_files(node, &mut files, job);
        if result.is_err() {
            // It may be whole, and large, and of no use.
            remove(&files.place().temporary_base());
        }
        if job == Job::SwitchOn && result.is_err() {
            // Nothing that the manifest names has changed.
            turn_off(node);
            files.remove_unfinished();
            return result;
        }
        let mut state = self.state.lock();
        let current = node.log.stats().file_bytes.load(Ordering::Relaxed);
        let bytes = files.bytes().unwrap_or_default();
        state.earlier_bytes = bytes.saturating_sub(current);
        if result.is_ok() {
            state.base_bytes = bytes;
        }
        // A base alone, made while the log is off, is no log that is open.
        state.files = node.log.is_open().then_some(files);
        drop(state);
        if result.is_err() && distrusted {
            node.log.distrust();
        }
        result
    }

    fn rewrite_files(&self, node: &Node, files: &mut AofFiles, job: Job) -> Result<(), Failure> {
        let told = |error: crate::persistence::aof::FileError| Failure::Broken(error.to_string());
        let (increment, kept) = match job {
            Job::SwitchOn => (files.open_temporary_increment().map_err(told)?, Kept::Temporary),
            _ if node.log.is_open() => (files.open_increment().map_err(told)?, Kept::Last),
            _ => return self.rewrite_while_off(node, files),
        };
        node.log.suspend_fsync(node.config.is_on(Id::NoAppendFsyncOnRewrite));
        let base = files.place().temporary_base();
        let mut opened = Ok(());
        let format = self.image(node, &base, job, || match job {
            Job::SwitchOn => {
                node.durability.begin();
                opened = node.log.open(target(increment));
                node.journal.switch(opened.is_ok());
            }
            _ => node.log.switch_at(node.journal.sequence(), target(increment)),
        })?;
        opened.map_err(|error| broken("start the threads of the log for", &base, &error))?;
        // What the manifest is to name must be on the disk before it does.
        node.log.flush().map_err(|error| broken("flush the log before", &base, &error))?;
        files.finish_rewrite(format, kept).map_err(told)?;
        node.durability.complete(&node.log);
        if kept == Kept::Temporary
            && let Some(increment) = files.manifest().increments.last()
        {
            node.log.renamed(increment.name.to_string_lossy().into_owned());
        }
        if !node.config.is_on(Id::AofDisableAutoGc) {
            files.delete_history().map_err(told)?;
        }
        Ok(())
    }

    /// BGREWRITEAOF while the log is off: a base, and no increment.
    fn rewrite_while_off(&self, node: &Node, files: &mut AofFiles) -> Result<(), Failure> {
        let told = |error: crate::persistence::aof::FileError| Failure::Broken(error.to_string());
        files.place().create_folder().map_err(told)?;
        let base = files.place().temporary_base();
        let format = self.image(node, &base, Job::Rewrite, || ())?;
        files.finish_rewrite(format, Kept::Nothing).map_err(told)?;
        files.delete_history().map_err(told)
    }

    /// Makes an image in the file at `path`, which is on the disk afterwards. Returns how it is written.
    fn image(
        &self,
        node: &Node,
        path: &Path,
        job: Job,
        at_cut: impl FnOnce(),
    ) -> Result<BaseFormat, Failure> {
        let file = File::create(path).map_err(|error| broken("create", path, &error))?;
        let progress = self.progress.lock().clone();
        let mut sizes = Vec::new();
        let cut_us = clock::monotonic_us();
        let (image, ()) = node.store.cut(|held| {
            sizes = sizes_of(held, node.databases());
            at_cut();
        });
        let cut_us = clock::monotonic_us() - cut_us;
        let keys: u64 = sizes.iter().map(|(keys, _)| keys).sum();
        progress.total.store(keys, Ordering::Relaxed);
        log::verbose!("The cut of {keys} keys held the store for {cut_us} us at most");
        let format = format(node, job, sizes);
        let result = self.write(node, &image, file, &format, &progress, job);
        node.store.end_image(&image, result.is_ok());
        result.map(|_| format.base).map_err(|error| {
            remove(path);
            match error.kind() {
                io::ErrorKind::Interrupted => Failure::Stopped,
                _ => broken("write", path, &error),
            }
        })
    }

    fn write(
        &self,
        node: &Node,
        image: &Image,
        file: File,
        format: &Format,
        progress: &Progress,
        job: Job,
    ) -> io::Result<u64> {
        let incremental =
            if job == Job::Snapshot { Id::RdbSaveIncrementalFsync } else { Id::AofRewriteIncrementalFsync };
        let file = SyncingFile::new(file, progress, node.config.is_on(incremental));
        snapshot::write_image(&node.store, image, file, format, progress)?.finish()
    }

    /// Stops what runs and begins nothing any more. Returns when nothing runs.
    pub fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        self.progress.lock().stop.store(true, Ordering::Relaxed);
        while state.running.is_some() {
            self.idle.wait(&mut state);
        }
    }

    /// After [`Saving::stop`], when the server goes on after all.
    pub fn resume(&self) {
        self.state.lock().stopping = false;
    }

    /// All data has been thrown away (FLUSHALL): a snapshot that runs is stopped, and with save points a new one is wanted at
    /// once, so that what is gone does not come back. Returns whether it is: then all changes so far count as saved, as in Redis,
    /// which makes it before it replies.
    pub fn flushed(&self, node: &Arc<Node>) -> bool {
        let mut state = self.state.lock();
        if matches!(state.running, Some((Job::Snapshot, _))) {
            self.progress.lock().stop.store(true, Ordering::Relaxed);
        }
        let saves = !node.config.text(Id::Save).is_empty();
        if saves {
            state.snapshot_wanted = true;
            state.flush_unsaved = true;
            self.count_as_saved(node);
            self.start(node, &mut state);
        }
        saves
    }

    /// The log has been opened at the start of the server.
    pub fn opened(&self, node: &Node, files: AofFiles) {
        let mut state = self.state.lock();
        let bytes = files.bytes().unwrap_or_default();
        state.base_bytes = bytes;
        state.earlier_bytes = bytes.saturating_sub(node.log.stats().file_bytes.load(Ordering::Relaxed));
        state.files = Some(files);
    }

    /// Makes a snapshot here and now, when no other can be under way: the last one before the end. What came in the way is logged.
    pub fn save_now(&self, node: &Node) -> bool {
        *self.progress.lock() = Arc::default();
        let result = self.snapshot(node, &node.config.path(Id::DbFileName));
        match &result {
            Ok(()) => self.state.lock().saved_seconds = clock::unix_ms() / 1000,
            Err(Failure::Broken(reason)) => log::warning!("{reason}"),
            Err(Failure::Stopped) => {}
        }
        result.is_ok()
    }
}

impl Default for Saving {
    fn default() -> Self {
        Self::new()
    }
}

/// What is to be done next, by what the settings and clients want.
fn next_job(node: &Node, state: &State) -> Option<Job> {
    if !state.reloads.is_empty() {
        return Some(Job::Reload);
    }
    match (node.config.is_on(Id::AppendOnly), state.files.is_some()) {
        (true, false) if clock::unix_ms() - state.switch_tried_ms >= SWITCH_RETRY_MS => {
            return Some(Job::SwitchOn);
        }
        (false, true) => return Some(Job::SwitchOff),
        _ => {}
    }
    if state.rewrite_wanted {
        return Some(Job::Rewrite);
    }
    state.snapshot_wanted.then_some(Job::Snapshot)
}

/// Whether rewrites have failed so often that growth starts none for a while: each try begins another increment.
fn is_limited(state: &mut State, now_ms: i64) -> bool {
    let Some(times) = state.rewrites.failures.checked_sub(REWRITE_FAILURES_MAX) else { return false };
    let minutes = (1 << times.min(6)).min(REWRITE_PAUSE_MINUTES_MAX);
    if now_ms - state.rewrites.tried_ms >= minutes * 60_000 {
        return false;
    }
    if state.rewrite_limit_told != state.rewrites.failures {
        state.rewrite_limit_told = state.rewrites.failures;
        log::warning!(
            "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes"
        );
    }
    true
}

fn switch_off(node: &Node, saving: &Saving) -> Result<(), Failure> {
    turn_off(node);
    saving.state.lock().files = None;
    Ok(())
}

/// Ends the journal, then writes and closes the log.
fn turn_off(node: &Node) {
    let held = node.store.locks().hold_all(crate::store::Mode::Write);
    node.journal.switch(false);
    drop(held);
    if let Err(error) = node.log.close() {
        log::warning!("The log could not be written to its end while it was switched off: {error}");
    }
}

/// Where a snapshot is written until it is whole.
pub fn temporary_snapshot() -> PathBuf {
    PathBuf::from(format!("temp-{}.rdb", std::process::id()))
}

/// Where the settings say the log is.
pub fn aof_dir(node: &Node) -> AofDir {
    let config = &node.config;
    let (folder, file) = (config.path(Id::AppendDirName), config.path(Id::AppendFileName));
    AofDir::new(Path::new("."), folder.as_os_str(), file.as_os_str())
}

/// How the next base is to be written: `aof-use-rdb-preamble`.
fn base_format(node: &Node) -> BaseFormat {
    if node.config.is_on(Id::AofUseRdbPreamble) { BaseFormat::Rdb } else { BaseFormat::Commands }
}

/// An increment as the log takes it.
pub fn target(increment: Increment) -> Target {
    Target { file: increment.file, name: increment.name.to_string_lossy().into_owned(), len: increment.bytes }
}

/// How files are written now.
pub fn format(node: &Node, job: Job, sizes: Vec<(u64, u64)>) -> Format {
    let config = &node.config;
    let version = match config.get(Id::RdbVersion) {
        10 => rdb::Version::V10,
        _ => rdb::Version::V11,
    };
    let policy = Policy::of(config);
    let access = if policy.is_lfu() {
        Access::Frequency
    } else if policy.is_lru() {
        Access::Idle
    } else {
        Access::None
    };
    let is_base = job != Job::Snapshot;
    Format {
        base: if is_base { base_format(node) } else { BaseFormat::Rdb },
        options: rdb::Options { compress: config.is_on(Id::RdbCompression), version },
        checksum: config.is_on(Id::RdbChecksum),
        access,
        fields: vec![
            ("redis-ver", "7.2.4".into()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", (clock::unix_ms() / 1000).to_string()),
            ("used-mem", alloc::used_bytes().to_string()),
            ("aof-base", u8::from(is_base).to_string()),
        ],
        sizes,
        stamp_seconds: config.is_on(Id::AofTimestampEnabled).then(|| clock::unix_ms() / 1000),
        functions: node.libraries.lock().clone(),
        key_delay_us: config.get(Id::RdbKeySaveDelay),
    }
}

/// Keys, and those that expire, of each database.
fn sizes_of(held: &crate::store::Held<'_>, databases: usize) -> Vec<(u64, u64)> {
    let mut sizes = vec![(0, 0); databases];
    held.each(&mut |stripe| {
        for (db, part) in stripe.dbs() {
            let (keys, expires) = &mut sizes[db];
            *keys += part.table().len() as u64;
            *expires += part.expiry().len() as u64;
        }
    });
    sizes
}

fn broken(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Broken(format!("Can't {action} {}: {error}", path.display()))
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warning!("Can't delete {}: {error}", path.display());
    }
}
