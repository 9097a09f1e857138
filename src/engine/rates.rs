//! Rates for INFO's `instantaneous_*` fields: what the counters have grown by, averaged over the last samples.

use parking_lot::Mutex;

use super::node::Node;
use crate::base::clock;

/// Samples that an average is taken over, as in Redis.
const SAMPLES_MAX: usize = 16;

/// A counter's growth per second.
#[derive(Default)]
struct Rate {
    last: u64,
    samples: [u64; SAMPLES_MAX],
    place: usize,
}

impl Rate {
    fn note(&mut self, count: u64, elapsed_us: u64) {
        // Counters go back when statistics are reset.
        let grown = count.saturating_sub(self.last);
        self.last = count;
        self.samples[self.place % SAMPLES_MAX] = grown.saturating_mul(1_000_000) / elapsed_us.max(1);
        self.place += 1;
    }

    fn average(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES_MAX as u64
    }
}

#[derive(Default)]
struct Sampled {
    at_us: u64,
    commands: Rate,
    input_bytes: Rate,
    output_bytes: Rate,
    turns: Rate,
}

/// The rates of a server.
#[derive(Default)]
pub struct Rates(Mutex<Sampled>);

/// The rates at one moment, per second.
#[derive(Clone, Copy, Default)]
pub struct RatesNow {
    /// Commands.
    pub commands: u64,
    /// Bytes received.
    pub input_bytes: u64,
    /// Bytes sent.
    pub output_bytes: u64,
    /// Turns of connections.
    pub turns: u64,
}

impl Rates {
    /// Takes a sample; to be called some ten times a second.
    pub fn sample(&self, node: &Node) {
        let mut sampled = self.0.lock();
        let now_us = clock::monotonic_us();
        let elapsed_us = now_us - sampled.at_us;
        sampled.at_us = now_us;
        sampled.commands.note(node.sum(|stats| stats.processed.get()), elapsed_us);
        sampled.input_bytes.note(node.sum(|stats| stats.input_bytes.get()), elapsed_us);
        sampled.output_bytes.note(node.sum(|stats| stats.output_bytes.get()), elapsed_us);
        sampled.turns.note(node.sum(|stats| stats.turns.get()), elapsed_us);
    }

    /// The present averages.
    pub fn now(&self) -> RatesNow {
        let sampled = self.0.lock();
        RatesNow {
            commands: sampled.commands.average(),
            input_bytes: sampled.input_bytes.average(),
            output_bytes: sampled.output_bytes.average(),
            turns: sampled.turns.average(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_average_growth_per_second() {
        let mut rate = Rate::default();
        (1..=SAMPLES_MAX as u64).for_each(|step| rate.note(10 * step, 100_000));
        assert_eq!(rate.average(), 100);
        rate.note(0, 100_000);
        assert_eq!(rate.average(), 93);
    }
}
