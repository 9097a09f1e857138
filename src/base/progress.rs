//! How far long work has come, for whoever looks at the log: on a terminal a line that is overwritten, elsewhere an event every
//! few seconds, and nothing for work that is done sooner.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{clock, log};

/// Between two updates of the line on a terminal.
const LINE_PERIOD_US: u64 = 100_000;
/// Between two events in the log; also how long work must last to be worth one.
const EVENT_PERIOD_US: u64 = 5_000_000;
/// Places of the bar.
const BAR_PLACES: u64 = 20;

/// Tells of one piece of work. Any thread may report.
pub struct Meter {
    what: &'static str,
    started_us: u64,
    line_due_us: AtomicU64,
    event_due_us: AtomicU64,
}

/// Work done and to be done, in whatever unit.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Done.
    pub done: u64,
    /// All.
    pub total: u64,
}

impl Share {
    /// In whole percent, at most 100; none of nothing.
    pub fn percent(self) -> u64 {
        match self.total {
            0 => 0,
            total => (u128::from(self.done.min(total)) * 100 / u128::from(total)) as u64,
        }
    }

    /// Seconds that the rest takes if it goes on as it has for so many seconds; none as long as nothing is done.
    pub fn seconds_left(self, seconds: f64) -> Option<u64> {
        let left = self.total.saturating_sub(self.done);
        (self.done > 0).then(|| (seconds * left as f64 / self.done as f64).ceil() as u64)
    }
}

/// The bar alone: `[####....]  50%`.
impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.percent();
        let full = (percent * BAR_PLACES / 100) as usize;
        let empty = BAR_PLACES as usize - full;
        write!(formatter, "[{}{}] {percent:3}%", "#".repeat(full), ".".repeat(empty))
    }
}

impl Meter {
    /// Work that begins now; `what` begins every line: `Loading`.
    pub fn new(what: &'static str) -> Self {
        let now_us = clock::monotonic_us();
        Self {
            what,
            started_us: now_us,
            line_due_us: AtomicU64::new(now_us),
            event_due_us: AtomicU64::new(now_us + EVENT_PERIOD_US),
        }
    }

    /// Tells how far it is, if it is time to; `detail` says more than the share does: `3.0 of 5.1 MB, 17 keys`.
    pub fn report(&self, share: Share, detail: impl Fn() -> String) {
        let now_us = clock::monotonic_us();
        let left = || {
            let seconds = now_us.saturating_sub(self.started_us) as f64 / 1e6;
            share.seconds_left(seconds).map_or_else(String::new, |left| format!(", {left} s left"))
        };
        if log::shows_status() {
            if is_due(&self.line_due_us, now_us, LINE_PERIOD_US) {
                log::show_status(&format!("{} {share} {}{}", self.what, detail(), left()));
            }
        } else if is_due(&self.event_due_us, now_us, EVENT_PERIOD_US) {
            log::notice!("{}: {}% done, {}{}", self.what, share.percent(), detail(), left());
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        log::clear_status();
    }
}

/// Whether `due` has come; if so it comes again after `period_us`, and nobody else is told.
fn is_due(due: &AtomicU64, now_us: u64, period_us: u64) -> bool {
    let at = due.load(Ordering::Relaxed);
    now_us >= at && due.compare_exchange(at, now_us + period_us, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// Bytes as text: `17.0 MB`.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_in_percent_and_seconds() {
        let check = |done, total, percent, left| {
            let share = Share { done, total };
            assert_eq!((share.percent(), share.seconds_left(10.0)), (percent, left), "{share:?}");
        };
        check(0, 0, 0, None);
        check(0, 7, 0, None);
        check(1, 3, 33, Some(20));
        check(3, 3, 100, Some(0));
        check(9, 3, 100, Some(0));
        check(1 << 62, 1 << 63, 50, Some(10));
    }

    #[test]
    fn the_bar_is_as_long_as_the_share() {
        let check = |done, full| {
            let text = Share { done, total: 200 }.to_string();
            assert_eq!(text.matches('#').count(), full, "{text}");
            assert_eq!(text.len(), BAR_PLACES as usize + 7, "{text}");
        };
        check(0, 0);
        check(100, 10);
        check(199, 19);
        check(200, 20);
    }

    #[test]
    fn one_report_a_period() {
        let due = AtomicU64::new(100);
        assert!(!is_due(&due, 99, 50));
        assert!(is_due(&due, 120, 50));
        assert!(!is_due(&due, 169, 50));
        assert!(is_due(&due, 170, 50));
    }
}
