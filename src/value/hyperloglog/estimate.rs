//! From registers to the number of elements: the estimator of Otmar Ertl, "New cardinality estimation algorithms for
//! HyperLogLog sketches" (arXiv:1702.01284), formula 16.

use super::{RANK_BITS, REGISTERS};

/// 1 / (2 ln 2): the bias for any large number of registers.
const ALPHA: f64 = std::f64::consts::LOG2_E / 2.0;

/// The estimate for registers of which so many have each rank.
pub(super) fn from_histogram(histogram: &[u32; 64]) -> u64 {
    let registers = REGISTERS as f64;
    let full = f64::from(histogram[RANK_BITS as usize + 1]);
    let mut sum = registers * tau((registers - full) / registers);
    for rank in (1..=RANK_BITS as usize).rev() {
        sum = 0.5 * (sum + f64::from(histogram[rank]));
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    let estimate = (ALPHA * registers * registers / sum).round();
    // Only registers beyond the highest rank, which no element gives, leave nothing to divide by; the bit is C's answer.
    if estimate.is_finite() { estimate as u64 } else { 1 << 63 }
}

/// What registers of rank 0 contribute, for their share.
fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut factor, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * factor;
        factor += factor;
        if sum == before {
            return sum;
        }
    }
}

/// What registers of the highest rank contribute, for the share of the others.
fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut root, mut factor, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        factor *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}
