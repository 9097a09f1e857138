//! What is known of snapshots and of the log's files, for INFO and for decisions.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::clock;
use crate::engine::blocking::BlockedCall;
use crate::engine::reload::Source;
use crate::persistence::aof::AofFiles;

/// What the saver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// A snapshot.
    Snapshot,
    /// An image for replicas.
    Sync,
    /// A rewrite of the log.
    Rewrite,
    /// Switching the log on.
    SwitchOn,
    /// Switching the log off.
    SwitchOff,
    /// Loading the data anew.
    Reload,
    /// Deleting parts of the log that a rewrite has replaced.
    Collection,
}

/// Whether the log is being rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewriting {
    /// It is not, and nobody wants it.
    No,
    /// When something else has ended.
    Later,
    /// It is.
    Now,
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
    /// Bytes that writers copied for it meanwhile.
    pub copied_bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { ok: true, seconds: -1, count: 0, failures: 0, tried_ms: 0, copied_bytes: 0 }
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
    /// The rewrite that runs has been told to stop, since the log is to be switched off.
    pub(super) rewrite_stopped: bool,
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
    pub(super) waiting: [Vec<Arc<BlockedCall>>; 2],
    /// Who is told what when nothing runs any more: told sooner, the next wish would find the job still running.
    pub(super) answers: Vec<(Arc<BlockedCall>, Result<(), &'static str>)>,
    /// What is to be loaded anew, and who is told.
    pub(super) reloads: VecDeque<(Source, Arc<BlockedCall>)>,
    /// A FLUSHALL counts as saved that no snapshot has been made of yet.
    pub(super) flush_unsaved: bool,
    /// The parts that were kept for `aof-disable-auto-gc` may go.
    pub(super) collection_wanted: bool,
    /// Unix time in milliseconds of the last failure to switch the log on.
    pub(super) switch_failed_ms: i64,
    pub(super) rewrite_limit_told: u64,
    pub(super) stopping: bool,
}

impl State {
    /// Whether the log is being rewritten, or will be as soon as what keeps it from that has ended, which takes no time; else
    /// whether it will be later. A log that is wanted and has no base gets one by a rewrite.
    pub fn rewriting(&self, wants_log: bool) -> Rewriting {
        let lacks_log = match self.running {
            // Both have taken the files for as long as they last.
            Some((Job::Rewrite | Job::Collection, _)) => false,
            Some((Job::SwitchOn | Job::SwitchOff, _)) => true,
            _ => self.files.is_none(),
        };
        let is_wanted = self.rewrite_wanted || (wants_log && lacks_log);
        match self.running {
            Some((Job::Rewrite | Job::SwitchOn, _)) if !self.rewrite_stopped => Rewriting::Now,
            Some((Job::Rewrite | Job::SwitchOn | Job::SwitchOff | Job::Collection, _)) if is_wanted => {
                Rewriting::Now
            }
            _ if is_wanted => Rewriting::Later,
            _ => Rewriting::No,
        }
    }

    pub(super) fn new() -> Self {
        Self {
            running: None,
            snapshot_wanted: false,
            rewrite_wanted: false,
            rewrite_stopped: false,
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
            collection_wanted: false,
            switch_failed_ms: 0,
            rewrite_limit_told: 0,
            stopping: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewrite_that_nothing_long_keeps_back_is_under_way() {
        let check = |running: Option<Job>, stopped, wanted, wants_log, expected| {
            let mut state = State::new();
            state.running = running.map(|job| (job, 0));
            (state.rewrite_stopped, state.rewrite_wanted) = (stopped, wanted);
            assert_eq!(state.rewriting(wants_log), expected, "{running:?} {stopped} {wanted} {wants_log}");
        };
        check(None, false, false, false, Rewriting::No);
        check(None, false, true, false, Rewriting::Later);
        check(None, false, false, true, Rewriting::Later);
        check(Some(Job::Rewrite), false, false, true, Rewriting::Now);
        check(Some(Job::SwitchOn), false, false, true, Rewriting::Now);
        check(Some(Job::Rewrite), true, false, false, Rewriting::No);
        check(Some(Job::Rewrite), true, true, false, Rewriting::Now);
        check(Some(Job::SwitchOff), false, false, false, Rewriting::No);
        check(Some(Job::SwitchOff), false, false, true, Rewriting::Now);
        check(Some(Job::SwitchOff), false, true, false, Rewriting::Now);
        check(Some(Job::Snapshot), false, true, false, Rewriting::Later);
        check(Some(Job::Snapshot), false, false, true, Rewriting::Later);
        check(Some(Job::Collection), false, false, true, Rewriting::No);
    }
}
