//! The slow lane: threads for requests that take long, while their connections sleep (design 2.10).
//!
//! Threads start when they are first needed, up to [`THREADS_MAX`]: one of them may be held by a script for long. They also run
//! errands that their workers have no time for.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::errand::{self, Errand};
use super::node::Node;
use super::worker::Worker;
use crate::base::{alloc, log};
use crate::scripting::STACK_BYTES;

/// The most threads of the lane.
pub const THREADS_MAX: usize = 4;
/// The thread that runs functions which keep state. It stays.
const HOME: usize = 0;
/// A thread that has had nothing to do for so long ends.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Between two tries of what the end of the server holds up.
const CLOSING_PAUSE: Duration = Duration::from_millis(1);

/// What the threads share.
#[derive(Default)]
pub struct Lane {
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Errand>>,
    /// Errands for the thread at [`HOME`] alone.
    home: VecDeque<Arc<Errand>>,
    /// Errands that are left with the locks are to be run.
    woken: bool,
    /// Which threads there are.
    threads: [bool; THREADS_MAX],
    idle: usize,
    /// What threads are made of; none while there is no server around it.
    node: Option<Weak<Node>>,
}

impl Lane {
    /// Leaves an errand to the lane.
    pub fn push(&self, errand: Arc<Errand>) {
        let mut state = self.state.lock();
        state.queue.push_back(errand);
        self.call(state);
    }

    /// Leaves an errand to the thread that keeps the state of functions.
    pub fn push_home(&self, errand: Arc<Errand>) {
        let mut state = self.state.lock();
        state.home.push_back(errand);
        if !state.threads[HOME] {
            return self.start(state, HOME);
        }
        drop(state);
        self.called.notify_all();
    }

    /// Has the errands run that wait with the locks.
    pub fn wake(&self) {
        let mut state = self.state.lock();
        state.woken = true;
        self.call(state);
    }

    /// Says whose threads they are.
    pub fn open(node: &Arc<Node>) {
        node.lane.state.lock().node = Some(Arc::downgrade(node));
        let weak = Arc::downgrade(node);
        node.store.locks().on_errands(move || {
            if let Some(node) = weak.upgrade() {
                node.lane.wake();
            }
        });
    }

    fn call(&self, state: MutexGuard<'_, State>) {
        let wanted = state.queue.len() + usize::from(state.woken);
        if state.idle < wanted
            && let Some(place) = state.threads.iter().rposition(|&there| !there)
        {
            return self.start(state, place);
        }
        drop(state);
        self.called.notify_one();
    }

    fn start(&self, mut state: MutexGuard<'_, State>, place: usize) {
        let Some(node) = state.node.as_ref().and_then(Weak::upgrade) else { return };
        state.threads[place] = true;
        drop(state);
        let thread = std::thread::Builder::new().name(format!("lane-{place}")).stack_size(STACK_BYTES);
        if let Err(error) = thread.spawn(move || run(&node, place)) {
            log::warning!("Can't start a thread for slow commands: {error}");
            self.state.lock().threads[place] = false;
        }
    }

    /// The next thing to do: an errand, or None for those that wait with the locks; nothing when the thread may end.
    fn next(&self, place: usize) -> Option<Option<Arc<Errand>>> {
        let mut state = self.state.lock();
        loop {
            if std::mem::take(&mut state.woken) {
                return Some(None);
            }
            let own = if place == HOME { state.home.pop_front() } else { None };
            if let Some(errand) = own.or_else(|| state.queue.pop_front()) {
                return Some(Some(errand));
            }
            state.idle += 1;
            let idled = self.called.wait_for(&mut state, IDLE_MAX).timed_out();
            state.idle -= 1;
            if idled && !state.woken && state.queue.is_empty() && place != HOME {
                state.threads[place] = false;
                return None;
            }
        }
    }
}

fn run(node: &Arc<Node>, place: usize) {
    let worker = Worker::of_lane(node.workers() + 1 + place, node.clone(), place == HOME);
    while let Some(errand) = node.lane.next(place) {
        if node.is_closing() {
            std::thread::sleep(CLOSING_PAUSE);
        }
        if let Some(errand) = errand {
            errand::run_one(&worker, &errand);
        }
        errand::run(&worker);
        alloc::settle_idle_thread();
    }
}
