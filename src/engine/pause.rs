//! CLIENT PAUSE: requests that wait until they may run again (design 2.11).
//!
//! A pause begins while every stripe is held, and is looked at under the locks. So when it has been answered, nothing is changed
//! any more: no command, no client served, no key expired or evicted. Requests look before they lock as well, and leave their
//! connections as errands, which the lane runs when the pause has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::errand::Errand;
use super::lane::Lane;

/// What has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// Nothing.
    Nothing = 0,
    /// What may change the data.
    Writes = 1,
    /// Every request.
    Everything = 2,
}

/// The pause, and who waits for its end.
#[derive(Default)]
pub struct Pause {
    /// [`Paused`] as a number.
    level: AtomicU8,
    state: Mutex<State>,
    /// There is another end to wait for.
    pub changed: Notify,
}

#[derive(Default)]
struct State {
    /// In Unix milliseconds.
    ends_ms: i64,
    waiting: Vec<Arc<Errand>>,
}

impl Pause {
    /// Whether a request has to wait that `changes` the data or does not.
    #[inline]
    pub fn holds(&self, changes: impl FnOnce() -> bool) -> bool {
        const NOTHING: u8 = Paused::Nothing as u8;
        const WRITES: u8 = Paused::Writes as u8;
        match self.level.load(Ordering::Relaxed) {
            NOTHING => false,
            WRITES => changes(),
            _ => true,
        }
    }

    /// Whether nothing may change the data: keys neither expire nor are evicted.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.level.load(Ordering::Relaxed) != Paused::Nothing as u8
    }

    /// Begins or goes on until the later end, with what is more. The caller holds every stripe.
    pub fn begin(&self, paused: Paused, ends_ms: i64) {
        let mut state = self.state.lock();
        self.level.fetch_max(paused as u8, Ordering::Relaxed);
        state.ends_ms = state.ends_ms.max(ends_ms);
        self.changed.notify_one();
    }

    /// Ends it; who has waited is left to the lane, in order.
    pub fn end(&self, lane: &Lane) {
        self.end_if_due(lane, i64::MAX);
    }

    /// The same, unless it has been made longer than until `now_ms`.
    pub fn end_if_due(&self, lane: &Lane, now_ms: i64) {
        let waiting = {
            let mut state = self.state.lock();
            if state.ends_ms > now_ms {
                return;
            }
            self.level.store(Paused::Nothing as u8, Ordering::Relaxed);
            state.ends_ms = 0;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(|errand| lane.push(errand));
    }

    /// When it ends by itself, in Unix milliseconds.
    pub fn ends_ms(&self) -> Option<i64> {
        self.is_on().then(|| self.state.lock().ends_ms)
    }

    /// Keeps an errand until the end; false if that has come.
    pub(super) fn park(&self, errand: Arc<Errand>) -> bool {
        let mut state = self.state.lock();
        if !self.is_on() {
            return false;
        }
        // Those whose clients have gone are forgotten whenever there are twice as many as before.
        if state.waiting.len().is_power_of_two() {
            state.waiting.retain(|errand| errand.is_pending());
        }
        state.waiting.push(errand);
        true
    }

    /// Number of clients whose requests wait.
    pub fn clients(&self) -> usize {
        let state = self.state.lock();
        state
            .waiting
            .iter()
            .filter(|errand| matches!(***errand, Errand::Request(_)) && errand.is_pending())
            .count()
    }
}
