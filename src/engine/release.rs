//! Replies that wait until the log has taken what they reveal (design 4.2).
//!
//! A connection whose replies reveal a record that is not released waits here. One task for each worker, the *releaser*, runs when
//! the connections that were ready have had their turn: it has all their records written at once and lets them go. What takes
//! an fsync, or another thread, comes back by the journal's wake-up.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::worker::Worker;
use crate::journal::Journal;

/// The connections of one worker that wait.
#[derive(Default)]
pub struct Waiting {
    connections: RefCell<Vec<(u64, Waker)>>,
    releaser: RefCell<Option<Waker>>,
    called: Cell<bool>,
}

impl Waiting {
    /// Waits until record `gate` is released, or can't be written for now: then true. False as soon as `interrupted` says so,
    /// which is asked whenever the task is woken.
    pub async fn wait(
        &self,
        journal: &Journal,
        gate: u64,
        mut interrupted: impl FnMut(&Waker) -> bool,
    ) -> bool {
        let mut entered = false;
        poll_fn(|context| {
            if entered && (journal.released() >= gate || journal.is_failing()) {
                return Poll::Ready(true);
            }
            if interrupted(context.waker()) {
                return Poll::Ready(false);
            }
            if !entered || !self.stands(gate, context.waker()) {
                entered = true;
                self.connections.borrow_mut().push((gate, context.waker().clone()));
                self.call();
            }
            Poll::Pending
        })
        .await
    }

    /// Whether a task that was woken by something else still waits here.
    fn stands(&self, gate: u64, waker: &Waker) -> bool {
        self.connections.borrow().iter().any(|(of, other)| *of == gate && other.will_wake(waker))
    }

    fn call(&self) {
        if !self.called.replace(true)
            && let Some(waker) = &*self.releaser.borrow()
        {
            waker.wake_by_ref();
        }
    }

    fn highest(&self) -> Option<u64> {
        self.connections.borrow().iter().map(|(gate, _)| *gate).max()
    }

    fn let_go(&self, journal: &Journal) {
        let (released, failing) = (journal.released(), journal.is_failing());
        self.connections.borrow_mut().retain(|(gate, waker)| {
            let done = failing || *gate <= released;
            if done {
                waker.wake_by_ref();
            }
            !done
        });
    }
}

/// The releaser of a worker. Never ends.
pub async fn run(worker: Rc<Worker>) {
    poll_fn(|context| -> Poll<()> { poll(&worker, context) }).await;
}

fn poll(worker: &Worker, context: &Context<'_>) -> Poll<()> {
    let (waiting, journal) = (&worker.waiting, &worker.node.journal);
    if waiting.releaser.borrow().is_none() {
        *waiting.releaser.borrow_mut() = Some(context.waker().clone());
    }
    waiting.called.set(false);
    if let Some(highest) = waiting.highest() {
        worker.node.log.push(highest);
        waiting.let_go(journal);
        if !waiting.connections.borrow().is_empty() {
            journal.sleep(worker.id, context.waker());
            // What was released before the waker stood there has woken nobody.
            waiting.let_go(journal);
        }
    }
    Poll::Pending
}
