//! The token from one script of a pipeline to the next.
//!
//! Two workers whose clients pipeline scripts that can't name their keys would take the token from each other with every script,
//! and each time a request would leave its connection (`errand`), which costs more than the script. So a worker keeps the token
//! while the next request of the batch is a script, too, for [`LEASE_US_MAX`] at most (rule 8 of `store::locks`).

use super::errand;
use super::plan::Plan;
use super::worker::Worker;
use crate::base::clock;
use crate::store::Ownership;

/// Scripts that begin later give the token back first.
const LEASE_US_MAX: u64 = 200;

/// What a batch has of the token.
pub(super) struct Lease<'w> {
    worker: &'w Worker,
    token: Option<Ownership<'w>>,
    since_us: u64,
}

impl<'w> Lease<'w> {
    /// None of it yet.
    pub(super) fn new(worker: &'w Worker) -> Self {
        Self { worker, token: None, since_us: 0 }
    }

    /// Before request `argv` of the batch: keeps the token, or takes it again, if the request before has had it and this one is
    /// a script, too; otherwise gives it back.
    #[inline]
    pub(super) fn renew(&mut self, argv: &[&[u8]]) {
        if self.worker.had_token.get() || self.token.is_some() {
            self.renew_for(argv);
        }
    }

    #[cold]
    fn renew_for(&mut self, argv: &[&[u8]]) {
        if !self.worker.had_token.get() || !is_script(self.worker, argv) {
            return self.end();
        }
        let now_us = clock::monotonic_us();
        if self.token.is_some() && now_us - self.since_us > LEASE_US_MAX {
            // Who waits gets it before it can be taken again.
            self.end();
        } else if self.token.is_none() {
            (self.token, self.since_us) = (self.worker.node.store.locks().lease(), now_us);
            self.worker.has_lease.set(self.token.is_some());
        }
    }

    /// Gives the token back, and runs what others have left meanwhile.
    fn end(&mut self) {
        self.worker.had_token.set(false);
        self.worker.has_lease.set(false);
        if self.token.take().is_some()
            && self.worker.node.store.locks().has_errands()
            && !std::thread::panicking()
        {
            errand::run(self.worker);
        }
    }
}

/// However the batch ends, nobody takes the token for leased.
impl Drop for Lease<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.worker.had_token.get() || self.token.is_some() {
            self.end();
        }
    }
}

fn is_script(worker: &Worker, argv: &[&[u8]]) -> bool {
    let command = argv.first().and_then(|name| worker.node.table.find(name));
    command.is_some_and(|command| matches!(worker.node.plan(command), Plan::Script))
}
