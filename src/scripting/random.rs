//! The numbers of `math.random`: Redis's own generator, so that a seed gives the same sequence everywhere.
//!
//! It is the linear congruence of `lrand48`, x' = (a x + c) mod 2^48, of which the upper 31 bits are used.

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const STATE_BITS: u32 = 48;
/// The low bits of a seeded state.
const SEED_LOW: u64 = 0x330E;
/// What 31 bits can hold at most.
const VALUE_MAX: u32 = i32::MAX as u32;

/// State of the generator.
pub(super) struct Random(u64);

impl Default for Random {
    /// Somewhere in the sequence: each thread has a generator, and they are not to tell the same numbers.
    fn default() -> Self {
        Self(fastrand::u64(..1 << STATE_BITS))
    }
}

impl Random {
    /// Restarts the sequence that belongs to `seed`.
    pub(super) fn seed(&mut self, seed: i32) {
        self.0 = u64::from(seed as u32) << 16 | SEED_LOW;
    }

    /// The next number, from 0 up to 1, which it never is.
    pub(super) fn next(&mut self) -> f64 {
        let state = self.0.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        self.0 = state & ((1 << STATE_BITS) - 1);
        let value = (self.0 >> (STATE_BITS - 31)) as u32;
        f64::from(value % VALUE_MAX) / f64::from(VALUE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_redis() {
        let check = |seed: i32, expected: [&str; 3]| {
            let mut random = Random::default();
            random.seed(seed);
            let numbers = expected.map(|_| format!("{:.14}", random.next()));
            assert_eq!(numbers, expected, "seed {seed}");
        };
        check(5, ["0.52483957937213", "0.27285430173988", "0.78859946866920"]);
        check(-5, ["0.81681649285220", "0.22694965928185", "0.40414384305670"]);
    }

    #[test]
    fn two_generators_differ() {
        let first_of = |mut random: Random| random.next();
        assert_ne!(first_of(Random::default()), first_of(Random::default()));
    }
}
