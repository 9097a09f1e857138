//! What comes from elsewhere: the end of a wait, requests that others have run, mail, the debugger of a script, time.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::Poll;

use super::{Connection, WRITE_BYTES};
use crate::base::clock;
use crate::config::Id;
use crate::engine::blocking::{BlockedCall, Outcome};
use crate::engine::errand::{self, Away, Request};
use crate::engine::session::ReplyMode;
use crate::engine::{execute, pipeline, text};
use crate::resp::Reply;

/// Replies wait for that of a request that runs elsewhere for as long: clients take half a pipeline's replies for its loss.
const HELD_BACK_MS_MAX: i64 = 5;
/// In a pause a client looks no more often whether a script keeps it waiting.
const PAUSED_LOOK_MS: i64 = 100;

impl Connection {
    /// What has come from elsewhere: the end of waiting, messages, or the order to close.
    pub(super) async fn signaled(&mut self) -> bool {
        if let Some(away) = &self.session.away {
            // What else the signal is for is looked at when the request is back.
            let away = away.clone();
            if !self.talk().await {
                return false;
            }
            return match away.take_back() {
                Some(request) => self.come_back(request).await,
                None => !self.session.handle.is_killed() && self.within_output_limit(),
            };
        }
        if self.session.handle.is_killed() {
            self.session.take_mail(&mut self.reply);
            if self.hold().await {
                self.flush();
            }
            return false;
        }
        if self.session.follows {
            return self.feed();
        }
        if let Some(call) = self.session.waiting.clone()
            && let Some(outcome) = call.take_outcome()
        {
            self.end_served(outcome);
            self.session.take_mail(&mut self.reply);
            return self.turn().await;
        }
        self.borrow_reply();
        if self.session.take_some_mail(&mut self.reply, WRITE_BYTES) {
            self.session.handle.signal.raise();
        }
        let open = self.hold().await && self.flush() && self.within_output_limit();
        self.return_reply();
        open
    }

    /// Has the client talk to the debugger of its script that runs, if there is one. False when the connection is to be closed.
    pub(super) async fn talk(&mut self) -> bool {
        let is_away = self.session.away.is_some();
        let Some(dialogue) = self.session.dialogue.clone().filter(|dialogue| is_away && dialogue.has_begun())
        else {
            return true;
        };
        let (worker, session) = (&self.worker, &self.session);
        let taken = pipeline::take_orders(worker, session, &mut self.parser, &mut self.buffer, &dialogue);
        self.reply.raw(&dialogue.take_said());
        // What came before may wait for the log.
        taken && self.hold().await && self.flush()
    }

    /// Goes on with the session that a request has brought back, and with its reply.
    async fn come_back(&mut self, mut request: Box<Request>) -> bool {
        if let Some(dialogue) = &self.session.dialogue {
            self.reply.raw(&dialogue.take_said());
        }
        let start = self.reply.mark();
        self.reply.append(request.reply.output());
        let stayed = std::mem::replace(&mut self.session, request.session);
        self.session.reveal(stayed.gate);
        let sequence = self.session.held.drain(..).map(|held| held.sequence).max();
        self.session.held = stayed.held;
        if let Some(sequence) = sequence {
            self.session.published = sequence;
            self.session.hold(start, self.reply.mark());
        }
        self.reply.set_protocol(self.session.protocol);
        self.session.handle.signal.raise();
        self.note_waiting();
        if !self.session.close {
            return self.turn().await;
        }
        self.session.handle.leave();
        if !self.session.overflowed && self.hold().await && self.flush() {
            self.linger().await;
        }
        false
    }

    /// Nothing can be ended while a request of the client is run by others.
    pub(super) async fn await_return(&mut self) {
        let Some(away) = self.session.away.clone() else { return };
        self.session.dialogue.iter().for_each(|dialogue| dialogue.end());
        let handle = self.session.handle.clone();
        let request = poll_fn(|context| {
            handle.signal.poll(context.waker());
            handle.drop_mail();
            away.recall().map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        self.session = request.session;
        self.note_waiting();
    }

    /// The client has waited too long for a script that holds what it needs.
    fn refuse_busy(&mut self, away: &Away) -> Option<Box<Request>> {
        let (scripting, config) = (&self.worker.node.scripting, &self.worker.node.config);
        let threshold_ms = config.get(Id::BusyReplyThreshold);
        if !scripting.is_slow(threshold_ms) {
            away.wait_on();
            return None;
        }
        let Some(mut request) = away.withdraw() else {
            away.wait_on();
            return None;
        };
        let is_function = scripting.is_slow_function(threshold_ms);
        let reason = if is_function { text::BUSY_FUNCTION } else { text::BUSY };
        errand::refuse(&self.worker, &mut request, reason);
        Some(request)
    }

    pub(super) async fn timed_out(&mut self) -> bool {
        if let Some(away) = self.session.away.clone() {
            if !self.reply.is_empty() {
                return self.hold().await && self.flush();
            }
            return match self.refuse_busy(&away) {
                Some(request) => self.come_back(request).await,
                None => true,
            };
        }
        let Some(call) = self.session.waiting.clone() else { return true };
        // Milliseconds are whole and sleeps are not: never answer before the time.
        if call.deadline_ms().is_some_and(|at| at > clock::unix_ms()) {
            return true;
        }
        if !call.end() {
            // Somebody serves it at this moment: the outcome comes by signal.
            return self.await_outcome(&call).await;
        }
        let worker = self.worker.clone();
        execute::account_waited(&worker, &self.session, &call, false);
        self.end_waiting(|reply| call.write_timeout(reply, &worker.node));
        self.turn().await
    }

    async fn await_outcome(&mut self, call: &BlockedCall) -> bool {
        let handle = &self.session.handle;
        let outcome = poll_fn(|context| {
            handle.signal.poll(context.waker());
            match call.take_outcome() {
                None if !handle.is_killed() => Poll::Pending,
                outcome => Poll::Ready(outcome),
            }
        });
        let Some(outcome) = outcome.await else { return false };
        // What else has come with the signal is looked at later.
        handle.signal.raise();
        self.end_served(outcome);
        self.turn().await
    }

    /// Ends waiting with the reply that somebody has delivered.
    fn end_served(&mut self, mut outcome: Outcome) {
        let start = self.reply.mark();
        if let Some(call) = &self.session.waiting {
            let failed = outcome.output.single().is_some_and(|reply| reply.first() == Some(&b'-'));
            execute::account_waited(&self.worker, &self.session, call, failed);
        }
        self.end_waiting(|reply| reply.append(&mut outcome.output));
        self.session.reveal(outcome.gate);
        if outcome.published != 0 {
            self.session.published = outcome.published;
            self.session.last_write = outcome.published;
            self.session.hold(start, self.reply.mark());
        }
    }

    /// Takes the call out of its queues and, as CLIENT REPLY has it, writes its reply.
    pub(super) fn end_waiting(&mut self, write: impl FnOnce(&mut Reply)) {
        let Some(call) = self.session.waiting.take() else { return };
        let node = &self.worker.node;
        call.leave(&self.worker);
        self.session.handle.set_blocked(None);
        node.blocked_clients.fetch_sub(1, Ordering::Relaxed);
        match self.session.reply_mode {
            ReplyMode::Off => {}
            ReplyMode::Skip => self.session.reply_mode = ReplyMode::On,
            ReplyMode::On | ReplyMode::SkipNext => write(&mut self.reply),
        }
    }

    pub(super) fn note_waiting(&self) {
        if let Some(call) = &self.session.waiting {
            self.session.handle.set_blocked(Some(call.clone()));
            self.worker.node.blocked_clients.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// When the client's wait ends by itself.
    pub(super) fn deadline_ms(&self) -> Option<i64> {
        if let Some(away) = &self.session.away {
            if !self.reply.is_empty() {
                return Some(away.since_ms() + HELD_BACK_MS_MAX);
            }
            let patience_ms = self.worker.node.config.get(Id::BusyReplyThreshold);
            let least_ms = if self.worker.node.pause.is_on() { PAUSED_LOOK_MS } else { 1 };
            return Some(away.since_ms() + patience_ms.max(least_ms));
        }
        self.session.waiting.as_ref()?.deadline_ms()
    }
}
