//! What is wanted: by clients, by the settings, by `save` points and the growth of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::state::{History, Job, State};
use super::{Saving, replicas};
use crate::base::{clock, log};
use crate::config::{Id, save_points};
use crate::engine::blocking::BlockedCall;
use crate::engine::node::Node;
use crate::engine::reload::Source;

/// How long a failed snapshot or rewrite is left alone before `save` points or growth try it again, as in Redis.
const RETRY_MS: i64 = 5_000;
/// From so many failures of rewrites in a row on, growth starts one only after a minute, then two, four and so on, as in Redis.
const REWRITE_FAILURES_MAX: u64 = 3;
const REWRITE_PAUSE_MINUTES_MAX: i64 = 60;
/// How long switching the log on is left alone after it has failed.
const SWITCH_RETRY_MS: i64 = 1_000;
const SNAPSHOT_RUNS: &str = "ERR Background save already in progress";
const REWRITE_RUNS: &str = "ERR Background append only file rewriting already in progress";

impl Saving {
    /// Wants a snapshot. Says whether one begins now, or why not.
    pub fn want_snapshot(&self, node: &Arc<Node>, may_wait: bool) -> Result<bool, &'static str> {
        let mut state = self.state.lock();
        match state.running {
            Some((Job::Snapshot | Job::Sync, _)) => return Err(SNAPSHOT_RUNS),
            // The other jobs take no time, or none that anybody should know of.
            Some((Job::Rewrite | Job::SwitchOn | Job::Reload, _)) if !may_wait && !begins_now(&state) => {
                return Err(
                    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule \
                     a BGSAVE whenever possible.",
                );
            }
            _ => {}
        }
        state.snapshot_wanted = true;
        let now = begins_now(&state);
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
        if is_rewriting(&state) {
            return Err(REWRITE_RUNS);
        }
        state.rewrite_wanted = true;
        let now = begins_now(&state);
        self.start(node, &mut state);
        Ok(now)
    }

    /// Wants a rewrite that can't begin now (from within EXEC), unless one is being made.
    pub fn schedule_rewrite(&self) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        if is_rewriting(&state) {
            return Err(REWRITE_RUNS);
        }
        state.rewrite_wanted = true;
        Ok(())
    }

    /// Has the parts of the log deleted that were kept for `aof-disable-auto-gc`.
    pub fn collect_history(&self, node: &Arc<Node>) {
        let mut state = self.state.lock();
        state.collection_wanted = true;
        self.start(node, &mut state);
    }

    /// All data has been thrown away (FLUSHALL): a snapshot that runs is stopped, and with save points a new one is wanted at
    /// once, so that what is gone does not come back. Returns whether it is: then all changes so far count as saved, as in Redis,
    /// which makes it before it replies.
    pub fn flushed(&self, node: &Arc<Node>) -> bool {
        let mut state = self.state.lock();
        // One that a client waits for (SAVE) is of the time before.
        if matches!(state.running, Some((Job::Snapshot, _))) && state.waiting[0].is_empty() {
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
            state.rewrite_stopped = true;
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
}

/// Whether nothing is made that takes long.
fn begins_now(state: &State) -> bool {
    !is_rewriting(state) && !matches!(state.running, Some((Job::Snapshot | Job::Sync | Job::Reload, _)))
}

fn is_rewriting(state: &State) -> bool {
    matches!(state.running, Some((Job::Rewrite | Job::SwitchOn, _))) && !state.rewrite_stopped
}

/// What is to be done next, by what the settings and clients want.
pub(super) fn next_job(node: &Node, state: &State) -> Option<Job> {
    if !state.reloads.is_empty() {
        return Some(Job::Reload);
    }
    match (node.config.is_on(Id::AppendOnly), state.files.is_some()) {
        (true, false) if clock::unix_ms() - state.switch_failed_ms >= SWITCH_RETRY_MS => {
            return Some(Job::SwitchOn);
        }
        (false, true) => return Some(Job::SwitchOff),
        _ => {}
    }
    if replicas::are_waiting(node) {
        return Some(Job::Sync);
    }
    if state.rewrite_wanted {
        return Some(Job::Rewrite);
    }
    if state.collection_wanted && state.files.is_some() && !node.config.is_on(Id::AofDisableAutoGc) {
        return Some(Job::Collection);
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
