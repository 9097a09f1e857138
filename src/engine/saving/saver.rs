//! The threads `saver`: one for each job, one after the other until nothing is wanted. What a job does to its thread (the CPUs it
//! is bound to, how its sleeps end) ends with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::state::{History, Job, State};
use super::wishes::next_job;
use super::{Failure, Saving};
use crate::base::{affinity, alloc, clock, log, priority};
use crate::config::Id;
use crate::engine::node::Node;
use crate::engine::reload;
use crate::persistence::snapshot::Progress;
use crate::scripting::STACK_BYTES;

impl Saving {
    pub(super) fn start(&self, node: &Arc<Node>, state: &mut State) {
        if state.running.is_some() || state.stopping || node.is_loading() {
            return;
        }
        let Some(job) = next_job(node, state) else { return };
        state.running = Some((job, clock::unix_ms()));
        state.rewrite_stopped = false;
        *self.progress.lock() = Arc::new(Progress::in_background());
        let worker = node.clone();
        let spawned = std::thread::Builder::new()
            .name("saver".into())
            .stack_size(STACK_BYTES)
            .spawn(move || alloc::told_at_end(move || worker.saving.work(&worker, job)));
        if let Err(error) = spawned {
            log::warning!("Can't save in background: no thread: {error}");
            state.running = None;
        }
    }

    /// The thread of a job.
    fn work(&self, node: &Arc<Node>, job: Job) {
        {
            let mut state = self.state.lock();
            match job {
                Job::Snapshot => {
                    state.snapshot_wanted = false;
                    let next = std::mem::take(&mut state.waiting[1]);
                    state.waiting[0].extend(next);
                }
                Job::Rewrite | Job::SwitchOn => state.rewrite_wanted = false,
                Job::Collection => state.collection_wanted = false,
                Job::Sync | Job::SwitchOff | Job::Reload => {}
            }
        }
        affinity::reset_thread();
        priority::wake_in_time();
        bind_to_cpus(node, job);
        let run = || match job {
            Job::Snapshot => self.snapshot(node, &node.config.path(Id::DbFileName)),
            Job::Sync => self.serve_replicas(node),
            Job::Rewrite | Job::SwitchOn => self.rewrite(node, job),
            Job::SwitchOff => self.switch_off(node),
            Job::Collection => self.delete_history(),
            Job::Reload => self.reload_next(node),
        };
        // The thread must live to say that it has ended.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|_| {
            Err(Failure::Broken(format!("A bug: {job:?} has panicked; please report it")))
        });
        self.finish(node, job, outcome);
        let answers = {
            let mut state = self.state.lock();
            state.running = None;
            self.start(node, &mut state);
            if state.running.is_none() {
                self.idle.notify_all();
            }
            std::mem::take(&mut state.answers)
        };
        for (call, told) in answers {
            call.answer(|reply| match told {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error),
            });
        }
    }

    fn finish(&self, node: &Node, job: Job, outcome: Result<(), Failure>) {
        let mut state = self.state.lock();
        let now_ms = clock::unix_ms();
        let seconds = state.running.map_or(0, |(_, since)| (now_ms - since) / 1000);
        let note = |history: &mut History| {
            history.tried_ms = now_ms;
            history.seconds = seconds;
            history.copied_bytes = node.store.copied_bytes();
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
                if job == Job::SwitchOn && matches!(outcome, Err(Failure::Broken(_))) {
                    state.switch_failed_ms = now_ms;
                }
            }
            Job::Sync | Job::SwitchOff | Job::Reload | Job::Collection => {
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
}

/// The CPUs that Redis's child of this job would run on.
fn bind_to_cpus(node: &Node, job: Job) {
    let (setting, id) = match job {
        Job::Snapshot | Job::Sync => ("bgsave_cpulist", Id::BgsaveCpuList),
        Job::Rewrite | Job::SwitchOn => ("aof_rewrite_cpulist", Id::AofRewriteCpuList),
        Job::SwitchOff | Job::Collection | Job::Reload => return,
    };
    affinity::try_bind_thread(setting, &node.config.text(id));
}
