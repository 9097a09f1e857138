//! What took long: per kind of event the worst of each second, as LATENCY tells it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::clock;

/// Samples kept of an event, as in Redis.
const SAMPLES_MAX: usize = 160;
const NANOSECONDS: u64 = 1_000_000;

/// Notes events that last as long as its threshold.
pub struct LatencyMonitor {
    /// In nanoseconds; the greatest number: nothing is noted.
    threshold_ns: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Spikes>>,
}

/// The spikes of one kind of event.
#[derive(Clone, Default)]
pub struct Spikes {
    /// Oldest first.
    pub samples: VecDeque<Spike>,
    /// The longest since the last reset, in milliseconds.
    pub worst_ms: u64,
}

/// The longest event of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// When, in Unix seconds.
    pub at_seconds: i64,
    /// How long, in milliseconds.
    pub ms: u64,
}

impl LatencyMonitor {
    /// With a threshold in milliseconds; 0 notes nothing.
    pub fn new(threshold_ms: u64) -> Self {
        let monitor = Self { threshold_ns: AtomicU64::default(), events: Mutex::default() };
        monitor.set_threshold(threshold_ms);
        monitor
    }

    /// `latency-monitor-threshold`.
    pub fn set_threshold(&self, threshold_ms: u64) {
        let threshold_ns = if threshold_ms == 0 {
            u64::MAX
        } else {
            threshold_ms.saturating_mul(NANOSECONDS).min(u64::MAX - 1)
        };
        self.threshold_ns.store(threshold_ns, Ordering::Relaxed);
    }

    /// Whether anything is noted.
    pub fn is_on(&self) -> bool {
        self.threshold_ns.load(Ordering::Relaxed) != u64::MAX
    }

    /// Notes an event if it has lasted long enough.
    #[inline]
    pub fn note(&self, event: &'static str, elapsed_ns: u64) {
        if elapsed_ns >= self.threshold_ns.load(Ordering::Relaxed) {
            self.add(event, clock::unix_ms() / 1000, elapsed_ns / NANOSECONDS);
        }
    }

    /// As [`LatencyMonitor::note`], since a reading of [`clock::monotonic_ns`].
    pub fn note_since(&self, event: &'static str, started_ns: u64) {
        self.note(event, clock::monotonic_ns() - started_ns);
    }

    #[cold]
    fn add(&self, event: &'static str, at_seconds: i64, ms: u64) {
        let mut events = self.events.lock();
        let spikes = events.entry(event).or_default();
        spikes.worst_ms = spikes.worst_ms.max(ms);
        match spikes.samples.back_mut() {
            Some(last) if last.at_seconds == at_seconds => last.ms = last.ms.max(ms),
            _ => {
                spikes.samples.push_back(Spike { at_seconds, ms });
                if spikes.samples.len() > SAMPLES_MAX {
                    spikes.samples.pop_front();
                }
            }
        }
    }

    /// All events, by name.
    pub fn events(&self) -> Vec<(&'static str, Spikes)> {
        self.events.lock().iter().map(|(name, spikes)| (*name, spikes.clone())).collect()
    }

    /// The event of that name.
    pub fn event(&self, name: &[u8]) -> Option<(&'static str, Spikes)> {
        self.events().into_iter().find(|(event, _)| event.as_bytes() == name)
    }

    /// Forgets the event of that name in any case, or all; returns how many there were.
    pub fn reset(&self, name: Option<&[u8]>) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|event, _| name.is_some_and(|name| !name.eq_ignore_ascii_case(event.as_bytes())));
        before - events.len()
    }
}

impl Spikes {
    /// The mean of the samples and their mean distance from it, in milliseconds.
    pub fn mean_and_deviation(&self) -> (u64, u64) {
        let count = self.samples.len().max(1) as u64;
        let mean = self.samples.iter().map(|spike| spike.ms).sum::<u64>() / count;
        (mean, self.samples.iter().map(|spike| spike.ms.abs_diff(mean)).sum::<u64>() / count)
    }

    /// From the first sample until now.
    pub fn period(&self) -> Duration {
        let first = self.samples.front().map_or(0, |spike| spike.at_seconds);
        Duration::from_secs((clock::unix_ms() / 1000 - first).max(1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spikes(monitor: &LatencyMonitor, event: &str) -> Vec<(i64, u64)> {
        let found = monitor.event(event.as_bytes());
        found.map_or(Vec::new(), |(_, spikes)| {
            spikes.samples.iter().map(|spike| (spike.at_seconds, spike.ms)).collect()
        })
    }

    #[test]
    fn the_worst_of_each_second_is_kept() {
        let monitor = LatencyMonitor::new(1);
        for (second, ms) in [(10, 5), (10, 9), (10, 7), (11, 3)] {
            monitor.add("command", second, ms);
        }
        assert_eq!(spikes(&monitor, "command"), [(10, 9), (11, 3)]);
        for second in 0..200 {
            monitor.add("fork", second, 1);
        }
        assert_eq!(spikes(&monitor, "fork").len(), SAMPLES_MAX);
        assert_eq!(spikes(&monitor, "fork")[0], (40, 1));
        assert_eq!(monitor.event(b"command").unwrap().1.worst_ms, 9);
        assert_eq!(monitor.reset(Some(b"COMMAND")), 1);
        assert_eq!((monitor.reset(None), monitor.events().len()), (1, 0));
    }

    #[test]
    fn the_threshold_counts_and_zero_is_never() {
        let check = |threshold_ms: u64, elapsed_ns: u64, noted: bool| {
            let monitor = LatencyMonitor::new(threshold_ms);
            monitor.note("command", elapsed_ns);
            assert_eq!(!monitor.events().is_empty(), noted, "{threshold_ms} {elapsed_ns}");
            assert_eq!(monitor.is_on(), threshold_ms != 0);
        };
        check(0, u64::MAX - 1, false);
        check(2, 1_999_999, false);
        check(2, 2_000_000, true);
        check(u64::MAX, u64::MAX - 2, false);
    }

    #[test]
    fn means() {
        let mut spikes = Spikes::default();
        assert_eq!(spikes.mean_and_deviation(), (0, 0));
        spikes.samples.extend([10, 20, 60].map(|ms| Spike { at_seconds: 0, ms }));
        assert_eq!(spikes.mean_and_deviation(), (30, 20));
    }
}
