//! The timing loop of the layer benches.
//!
//! `cargo bench` measures: each bench is repeated for a while, and the median of its rounds is printed with the least and the
//! greatest. Under `cargo test`, which does not pass `--bench`, every bench runs once on tiny data, so that none rots.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::hint::black_box;

use tartan::base::clock::monotonic_ns;

const ROUNDS: usize = 11;
const ROUND_NS_MIN: u64 = 20_000_000;
const TINY: usize = 200;

/// The benches of one layer.
pub struct Bench {
    layer: &'static str,
    measures: bool,
    /// Only benches whose name contains one of these run; all if there are none.
    wanted: Vec<String>,
}

impl Bench {
    /// Reads the command line: `--bench` to measure, and parts of names.
    pub fn of(layer: &'static str) -> Self {
        let (flags, wanted): (Vec<_>, Vec<_>) =
            std::env::args().skip(1).partition(|text| text.starts_with('-'));
        Self { layer, measures: flags.iter().any(|flag| flag == "--bench"), wanted }
    }

    /// `full` when measuring, else a number that takes no time.
    pub fn size(&self, full: usize) -> usize {
        if self.measures { full } else { full.min(TINY) }
    }

    /// Times `body`, which does `operations` operations and can be repeated.
    pub fn time<R>(&self, name: &str, operations: usize, mut body: impl FnMut() -> R) {
        self.time_fresh(name, operations, || (), |()| body());
    }

    /// Times `body` on what `prepare` makes for each repetition; neither making nor dropping it counts.
    pub fn time_fresh<S, R>(
        &self,
        name: &str,
        operations: usize,
        mut prepare: impl FnMut() -> S,
        mut body: impl FnMut(&mut S) -> R,
    ) {
        let name = format!("{}/{name}", self.layer);
        if !self.wanted.is_empty() && !self.wanted.iter().any(|part| name.contains(part.as_str())) {
            return;
        }
        let mut once = || {
            let mut state = prepare();
            let started = monotonic_ns();
            let result = body(black_box(&mut state));
            let elapsed = monotonic_ns() - started;
            black_box(result);
            elapsed
        };
        let first = once();
        if !self.measures {
            return println!("{name}: ok");
        }
        let repetitions = ROUND_NS_MIN / first.max(1) + 1;
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| (0..repetitions).map(|_| once()).sum::<u64>())
            .map(|elapsed| elapsed as f64 / (repetitions * operations as u64) as f64)
            .collect();
        rounds.sort_by(f64::total_cmp);
        let (least, median, greatest) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
        println!("{name:<44} {median:>10.1} ns  [{least:.1} - {greatest:.1}]");
    }
}

/// `count` texts of one length, in order.
pub fn texts(prefix: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("{prefix}{number:012}").into_bytes()).collect()
}
