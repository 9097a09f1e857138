//! How long calls take: buckets of two significant digits between a nanosecond and a second, those of Redis's histograms.
//!
//! Up to 255 ns each value has its bucket; above, an octave has 128. An octave's counters are made when the first value falls
//! into it, so a command costs a few kilobytes a worker. One thread writes, any may read.

use std::sync::OnceLock;

use super::stats::Counter;

/// Buckets of an octave.
const OCTAVE: usize = 128;
/// Two for the values below 256, then one for each doubling.
const OCTAVES: usize = 24;
/// Longer calls count as this long.
const NANOSECONDS_MAX: u64 = 1_000_000_000;
/// LATENCY HISTOGRAM's first step, in nanoseconds; each other is twice the one before.
const FIRST_STEP_NS: u64 = 1024;

/// What one thread has recorded.
#[derive(Default)]
pub struct Histogram(OnceLock<Box<[Octave; OCTAVES]>>);

/// The counters of one doubling.
type Octave = OnceLock<Box<[Counter; OCTAVE]>>;

/// What several histograms come to together.
pub struct Distribution {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Counts a call; the caller is the only writer.
    #[inline]
    pub fn record(&self, nanoseconds: u64) {
        let index = index_of(nanoseconds.clamp(1, NANOSECONDS_MAX));
        let octaves = self.0.get_or_init(Box::default);
        let octave =
            octaves[index / OCTAVE].get_or_init(|| Box::new(std::array::from_fn(|_| Counter::default())));
        octave[index % OCTAVE].add(1);
    }

    /// Starts again from nothing.
    pub fn reset(&self) {
        let octaves = self.0.get().into_iter().flat_map(|octaves| octaves.iter());
        octaves.filter_map(OnceLock::get).flat_map(|octave| octave.iter()).for_each(Counter::reset);
    }
}

impl Distribution {
    /// The sum of histograms; None if nothing has been recorded.
    pub fn of<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Option<Self> {
        let mut counts = vec![0; OCTAVE * OCTAVES];
        for octaves in histograms.filter_map(|histogram| histogram.0.get()) {
            for (place, octave) in octaves.iter().enumerate() {
                for (count, counter) in counts[place * OCTAVE..]
                    .iter_mut()
                    .zip(octave.get().into_iter().flat_map(|octave| octave.iter()))
                {
                    *count += counter.get();
                }
            }
        }
        let total = counts.iter().sum();
        (total > 0).then_some(Self { counts, total })
    }

    /// Number of calls.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest that `percent` of the calls have taken, in nanoseconds, as the upper end of its bucket; of 0%, the lower.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent / 100.0 * self.total as f64 + 0.5) as u64).max(1);
        let mut sum = 0;
        let found = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        let index = found.unwrap_or(self.counts.len() - 1);
        if percent == 0.0 { bounds(index).0 } else { bounds(index).1 }
    }

    /// For each doubling in which calls have fallen: its upper end in microseconds, and the calls up to there.
    pub fn steps(&self) -> Vec<(u64, u64)> {
        let mut steps = Vec::new();
        let (mut begun, mut sum) = (0, 0);
        for power in 0.. {
            let last = index_of(FIRST_STEP_NS << power).min(self.counts.len() - 1);
            let count: u64 = self.counts[begun..=last].iter().sum();
            sum += count;
            if count > 0 {
                steps.push((bounds(last).1 / 1000, sum));
            }
            begun = last + 1;
            if begun == self.counts.len() {
                break;
            }
        }
        steps
    }
}

/// The bucket of a value.
#[inline]
fn index_of(value: u64) -> usize {
    let doublings = (value | (2 * OCTAVE as u64 - 1)).ilog2() - OCTAVE.ilog2();
    OCTAVE * doublings as usize + (value >> doublings) as usize
}

/// The least and greatest value of a bucket.
fn bounds(index: usize) -> (u64, u64) {
    let doublings = (index / OCTAVE).saturating_sub(1);
    let least = ((index - OCTAVE * doublings) as u64) << doublings;
    (least, least + (1 << doublings) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_meet_and_have_two_digits() {
        for index in 0..OCTAVE * OCTAVES {
            let (least, greatest) = bounds(index);
            assert_eq!((index_of(least), index_of(greatest)), (index, index));
            assert!(index == 0 || bounds(index - 1).1 + 1 == least);
            assert!((greatest - least) * 100 <= least);
        }
        assert!(index_of(NANOSECONDS_MAX) < OCTAVE * OCTAVES);
    }

    /// Values as redis-server 7.2.4 showed them for calls of whole microseconds.
    #[test]
    fn percentiles_are_upper_ends() {
        let check = |nanoseconds: u64, percent: f64, expected: u64| {
            let histogram = Histogram::default();
            histogram.record(nanoseconds);
            assert_eq!(Distribution::of([&histogram].into_iter()).unwrap().percentile(percent), expected);
        };
        check(0, 50.0, 1);
        check(2_000, 99.9, 2_007);
        check(6_000, 50.0, 6_015);
        check(17_000, 50.0, 17_023);
        check(61_000, 100.0, 61_183);
        check(135_000, 50.0, 135_167);
        check(17_000, 0.0, 16_896);
        check(u64::MAX, 50.0, 1_002_438_655);
    }

    #[test]
    fn steps_double_and_add_up() {
        let (one, other) = (Histogram::default(), Histogram::default());
        for value in [500, 700, 4_000, 15_000, 33_000] {
            one.record(value);
        }
        other.record(700_000);
        other.record(u64::MAX);
        let sum = || Distribution::of([&one, &other].into_iter());
        assert_eq!(sum().unwrap().steps(), [(1, 2), (4, 3), (16, 4), (33, 5), (1056, 6), (1_073_741, 7)]);
        assert_eq!(sum().unwrap().total(), 7);
        one.reset();
        assert_eq!(sum().unwrap().total(), 2);
        other.reset();
        assert!(sum().is_none());
    }
}
