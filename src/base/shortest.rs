//! The decimal digits of a double as Redis 7.2 finds them: Grisu2, from Florian Loitsch, "Printing Floating-Point Numbers Quickly
//! and Accurately with Integers" (2010).
//!
//! The digits read back as the same double. Mostly they are the fewest that do, and the nearest of these, but for about one
//! double in a thousand they are not; replies shall be equal to Redis's even then, so a better algorithm would be wrong here.
//!
//! 1. The double and its two boundaries (half way to its neighbors) are scaled by a power of ten that brings the binary exponent
//!    between -60 and -32. Scaling rounds, so each boundary is drawn in by one.
//! 2. Digits of the upper boundary are generated, those above the binary point first, until what is left is within the
//!    distance of the boundaries.
//! 3. The last digit is lowered while that brings the result nearer to the double.

use std::sync::LazyLock;

use num_bigint::BigUint;
use smallvec::SmallVec;

/// The digits of a positive finite double, and the power of ten of the last one.
pub(super) fn digits(value: f64) -> (SmallVec<[u8; 20]>, i32) {
    let exact = Binary::of(value);
    let (lower, upper) = exact.boundaries();
    let (power, scale) = power_for(upper.exponent);
    let scaled = exact.normalized().times(scale);
    let (mut lower, mut upper) = (lower.times(scale), upper.times(scale));
    lower.mantissa += 1;
    upper.mantissa -= 1;
    let (digits, last) = generate(scaled, lower, upper);
    (digits, last - power)
}

const HIDDEN_BIT: u64 = 1 << 52;
/// Weight of the last mantissa bit of subnormal doubles.
const SUBNORMAL_EXPONENT: i32 = -1074;

/// `mantissa * 2^exponent`.
#[derive(Clone, Copy)]
struct Binary {
    mantissa: u64,
    exponent: i32,
}

impl Binary {
    fn of(value: f64) -> Self {
        let bits = value.to_bits();
        let (fraction, exponent) = (bits & (HIDDEN_BIT - 1), (bits >> 52 & 0x7ff) as i32);
        match exponent {
            0 => Self { mantissa: fraction, exponent: SUBNORMAL_EXPONENT },
            _ => Self { mantissa: fraction | HIDDEN_BIT, exponent: SUBNORMAL_EXPONENT - 1 + exponent },
        }
    }

    /// With the top bit of the mantissa set.
    fn normalized(self) -> Self {
        let shift = self.mantissa.leading_zeros();
        Self { mantissa: self.mantissa << shift, exponent: self.exponent - shift as i32 }
    }

    /// What lies half way to the next lower and the next higher double, with one exponent. Below a power of two doubles lie
    /// twice as close.
    fn boundaries(self) -> (Self, Self) {
        let upper = Self { mantissa: self.mantissa * 2 + 1, exponent: self.exponent - 1 }.normalized();
        let shift = if self.mantissa == HIDDEN_BIT { 2 } else { 1 };
        let lower = (self.mantissa << shift) - 1;
        let lower = lower << (self.exponent - shift - upper.exponent);
        (Self { mantissa: lower, exponent: upper.exponent }, upper)
    }

    /// The product, its mantissa rounded to 64 bits.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa) + (1 << 63);
        Self { mantissa: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;
const POWER_COUNT: usize = 87;

/// Every eighth power of ten, normalized, rounded to nearest.
static POWERS: LazyLock<[Binary; POWER_COUNT]> =
    LazyLock::new(|| std::array::from_fn(|index| power_of_ten(POWER_FIRST + POWER_STEP * index as i32)));

fn power_of_ten(power: i32) -> Binary {
    let magnitude = BigUint::from(10_u8).pow(power.unsigned_abs());
    let bits = magnitude.bits() as i32;
    // The quotient or the shifted power has one or two bits more than 64: enough to round it.
    let (wide, exponent) = if power < 0 {
        ((BigUint::from(1_u8) << (bits + 65)) / magnitude, -(bits + 65))
    } else if bits > 66 {
        (magnitude >> (bits - 66), bits - 66)
    } else {
        (magnitude << (66 - bits), bits - 66)
    };
    let excess = wide.bits() as i32 - 64;
    let rounded: BigUint = (wide + (BigUint::from(1_u8) << (excess - 1))) >> excess;
    let mantissa = rounded.iter_u64_digits().next().unwrap_or(0);
    Binary { mantissa, exponent: exponent + excess }
}

/// The power of ten (rule 1) for a binary exponent, and its value. Where two would do, it is the one that is met first from the
/// estimate.
fn power_for(exponent: i32) -> (i32, Binary) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    let estimate = (f64::from(-(exponent + POWER_COUNT as i32)) * LOG10_OF_2) as i32;
    let mut index = (estimate - POWER_FIRST) / POWER_STEP;
    loop {
        let power = POWERS[index as usize];
        match exponent + power.exponent + 64 {
            ..-60 => index += 1,
            -60..=-32 => return (POWER_FIRST + POWER_STEP * index, power),
            _ => index -= 1,
        }
    }
}

/// Rules 2 and 3: the digits, and the power of ten of the last one before the scaling is undone.
fn generate(value: Binary, lower: Binary, upper: Binary) -> (SmallVec<[u8; 20]>, i32) {
    let mut digits = SmallVec::new();
    let mut distance = upper.mantissa - lower.mantissa;
    let mut to_value = upper.mantissa - value.mantissa;
    let point = -upper.exponent as u32;
    let one = 1_u64 << point;
    let (mut whole, mut fraction) = (upper.mantissa >> point, upper.mantissa & (one - 1));
    for power in (0..10).rev() {
        let unit = 10_u64.pow(power);
        push(&mut digits, whole / unit);
        whole %= unit;
        let rest = (whole << point) + fraction;
        if rest <= distance {
            lower_last(&mut digits, rest, distance, unit << point, to_value);
            return (digits, power as i32);
        }
    }
    let mut power = 0;
    loop {
        fraction *= 10;
        distance *= 10;
        to_value = to_value.wrapping_mul(10);
        power -= 1;
        push(&mut digits, fraction >> point);
        fraction &= one - 1;
        if fraction < distance {
            lower_last(&mut digits, fraction, distance, one, to_value);
            return (digits, power);
        }
    }
}

/// Zeros in front are none.
fn push(digits: &mut SmallVec<[u8; 20]>, digit: u64) {
    if digit != 0 || !digits.is_empty() {
        digits.push(b'0' + digit as u8);
    }
}

/// Rule 3. All are distances below the upper boundary: of the digits so far (`rest`), of the lower boundary, and of the
/// double; `unit` is what one step of the last digit adds.
fn lower_last(digits: &mut [u8], mut rest: u64, distance: u64, unit: u64, to_value: u64) {
    let Some(last) = digits.last_mut() else { return };
    while rest < to_value
        && distance - rest >= unit
        && (rest + unit < to_value || to_value - rest > rest + unit - to_value)
    {
        *last -= 1;
        rest += unit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits as redis-server 7.2.4 sends them; the last two are not the fewest or not the nearest.
    #[test]
    fn digits_are_those_of_redis() {
        let check = |value: f64, expected: &str, power: i32| {
            let (digits, last) = digits(value);
            assert_eq!((std::str::from_utf8(&digits).unwrap(), last), (expected, power), "{value:e}");
        };
        check(0.1, "1", -1);
        check(5e-324, "5", -324);
        check(f64::MAX, "17976931348623157", 292);
        check(f64::MIN_POSITIVE, "22250738585072014", -324);
        check(1e23, "9999999999999999", 7);
        check(1_234_567_890_123_456.0 + 0.75, "12345678901234567", -1);
    }

    #[test]
    fn digits_read_back() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..100_000 {
            let value = f64::from_bits(rng.u64(1..0x7ff << 52));
            let (digits, last) = digits(value);
            let text = format!("{}e{last}", std::str::from_utf8(&digits).unwrap());
            assert_eq!(text.parse(), Ok(value), "{text}");
        }
    }
}
