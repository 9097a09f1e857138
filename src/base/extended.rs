//! The 80-bit floating point of x86-64, in software: what INCRBYFLOAT and HINCRBYFLOAT compute with in Redis (`long
//! double`), so that results are equal to the last digit on every machine.
//!
//! A finite value is `mantissa * 2^exponent` with a 64-bit mantissa. The mantissa's top bit is set, unless the exponent is
//! the lowest one (subnormal values and zero). Every operation computes exactly, or exactly but for a *sticky* bit that stands
//! for everything below, and rounds once: to nearest, ties to even.

use num_bigint::BigUint;

use super::number;

/// Weight of the last mantissa bit of subnormal values.
const EXPONENT_MIN: i64 = -16_445;
/// Weight of the last mantissa bit of the largest values.
const EXPONENT_MAX: i64 = 16_320;
/// Redis refuses longer texts.
const TEXT_MAX: usize = 5 * 1024 - 1;
/// Decimal exponents beyond this overflow or vanish whatever the digits (of which there are at most `TEXT_MAX`).
const DECIMAL_EXPONENT_MAX: i64 = 20_000;
/// Digits behind the point that are printed.
const FRACTION_DIGITS: usize = 17;

/// An 80-bit floating point number; never NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extended {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Magnitude {
    Finite { mantissa: u64, exponent: i64 },
    Infinite,
}

impl Extended {
    /// Reads a number as Redis does for INCRBYFLOAT: the whole text, decimal, hexadecimal or `inf`; none for NaN, spaces,
    /// and what overflows or underflows to zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (negative, text) = number::split_sign(text);
        let magnitude = match text {
            [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
            [b'0'..=b'9' | b'.', ..] => parse_decimal(text)?,
            _ if number::is_infinity(text) => Magnitude::Infinite,
            _ => return None,
        };
        Some(Self { negative, magnitude })
    }

    /// The sum, rounded; none for infinities of opposite sign.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        match (self.magnitude, other.magnitude) {
            (
                Magnitude::Finite { mantissa, exponent },
                Magnitude::Finite { mantissa: other_mantissa, exponent: other_exponent },
            ) => {
                let (left, right) = ((mantissa, exponent), (other_mantissa, other_exponent));
                Some(add_finite((self.negative, left), (other.negative, right)))
            }
            (Magnitude::Infinite, Magnitude::Infinite) => (self.negative == other.negative).then_some(self),
            (Magnitude::Infinite, _) => Some(self),
            (_, Magnitude::Infinite) => Some(other),
        }
    }

    /// Whether it is a number proper.
    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// The text Redis stores and replies with: 17 digits behind the point, rounded to nearest even, then trailing zeros
    /// and a trailing point cut off. Zero has no sign.
    pub fn to_text(self) -> String {
        let text = match self.magnitude {
            Magnitude::Infinite => "inf".to_owned(),
            Magnitude::Finite { mantissa, exponent } if exponent >= 0 => {
                (BigUint::from(mantissa) << exponent.unsigned_abs()).to_string()
            }
            Magnitude::Finite { mantissa, exponent } => fraction_text(mantissa, exponent.unsigned_abs()),
        };
        if self.negative && text != "0" { format!("-{text}") } else { text }
    }
}

/// Text of `mantissa / 2^shift`. With 17 decimal places it stays below 2^121, so the arithmetic is exact.
fn fraction_text(mantissa: u64, shift: u64) -> String {
    let scaled = u128::from(mantissa) * 10_u128.pow(FRACTION_DIGITS as u32);
    let places = number::round_shift(scaled, shift as i64, false);
    let padded = format!("{places:0width$}", width = FRACTION_DIGITS + 1);
    let (whole, fraction) = padded.split_at(padded.len() - FRACTION_DIGITS);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

fn parse_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    let (mantissa, exponent) = number::scan_hexadecimal(text)?;
    accept(round(mantissa, exponent, false), mantissa == 0)
}

fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    let (digits, exponent) = scan_decimal(text)?;
    if digits.iter().all(|&digit| digit == b'0') {
        return Some(Magnitude::Finite { mantissa: 0, exponent: EXPONENT_MIN });
    }
    if exponent.abs() > DECIMAL_EXPONENT_MAX {
        return None;
    }
    let digits = BigUint::parse_bytes(&digits, 10)?;
    let power = BigUint::from(10_u8).pow(exponent.unsigned_abs() as u32);
    let (numerator, denominator) =
        if exponent >= 0 { (digits * power, BigUint::from(1_u8)) } else { (digits, power) };
    accept(divide(numerator, denominator), false)
}

/// All digits of a decimal text without the point, and the power of ten of the last one.
fn scan_decimal(text: &[u8]) -> Option<(Vec<u8>, i64)> {
    let exponent_at = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, stated) = match exponent_at {
        Some(at) => (&text[..at], number::parse_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.');
    let fraction_len = point.map_or(0, |at| mantissa.len() - at - 1);
    let digits: Vec<u8> =
        mantissa.iter().enumerate().filter(|(at, _)| Some(*at) != point).map(|(_, &byte)| byte).collect();
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    valid.then_some((digits, stated - fraction_len as i64))
}

/// `numerator / denominator`, rounded once: a quotient of 66 or 67 bits and what remains as the sticky bit.
fn divide(numerator: BigUint, denominator: BigUint) -> Magnitude {
    let shift = 66 + denominator.bits() as i64 - numerator.bits() as i64;
    let by = shift.unsigned_abs();
    let (numerator, denominator) =
        if shift >= 0 { (numerator << by, denominator) } else { (numerator, denominator << by) };
    let quotient = &numerator / &denominator;
    let sticky = &quotient * &denominator != numerator;
    let quotient =
        quotient.iter_u64_digits().rev().fold(0_u128, |value, digit| value << 64 | u128::from(digit));
    round(quotient, -shift, sticky)
}

/// Refuses what overflowed, and what became zero without being zero.
fn accept(magnitude: Magnitude, zero: bool) -> Option<Magnitude> {
    match magnitude {
        Magnitude::Infinite => None,
        Magnitude::Finite { mantissa: 0, .. } if !zero => None,
        finite => Some(finite),
    }
}

/// The nearest value to `mantissa * 2^exponent`, or to something just above it if `sticky`.
fn round(mantissa: u128, exponent: i64, sticky: bool) -> Magnitude {
    if mantissa == 0 {
        return Magnitude::Finite { mantissa: 0, exponent: EXPONENT_MIN };
    }
    let top = exponent.saturating_add(i64::from(mantissa.ilog2()));
    let mut last = top.saturating_sub(63).max(EXPONENT_MIN);
    let mut rounded =
        if last > EXPONENT_MAX { 0 } else { number::round_shift(mantissa, last - exponent, sticky) };
    if rounded >> 64 != 0 {
        // Rounding up reached the next power of two.
        rounded >>= 1;
        last += 1;
    }
    match u64::try_from(rounded) {
        Ok(mantissa) if last <= EXPONENT_MAX => Magnitude::Finite { mantissa, exponent: last },
        _ => Magnitude::Infinite,
    }
}

type Signed = (bool, (u64, i64));

/// The larger operand moves 62 bits up, the smaller one into line with it; what falls off its end is the sticky bit. It
/// takes a distance of more than 62 to lose a bit, and then a difference cancels at most one, so 62 are plenty.
fn add_finite(left: Signed, right: Signed) -> Extended {
    const GUARD_BITS: i64 = 62;
    let ((large_negative, large), (small_negative, small)) =
        if (left.1.1, left.1.0) >= (right.1.1, right.1.0) { (left, right) } else { (right, left) };
    let exponent = large.1 - GUARD_BITS;
    let high = u128::from(large.0) << GUARD_BITS;
    let (low, sticky) = align(small.0, small.1 - exponent);
    let sum = match (large_negative == small_negative, sticky) {
        (true, _) => high + low,
        (false, false) => high - low,
        // What was lost makes the subtrahend larger: one unit less, and something above it.
        (false, true) => high - low - 1,
    };
    let negative = if sum == 0 { large_negative && small_negative } else { large_negative };
    Extended { negative, magnitude: round(sum, exponent, sticky) }
}

/// `mantissa * 2^shift` cut to an integer, and whether anything was cut off.
fn align(mantissa: u64, shift: i64) -> (u128, bool) {
    let wide = u128::from(mantissa);
    match shift {
        0.. => (wide << shift, false),
        -63..0 => (wide >> -shift, wide & ((1 << -shift) - 1) != 0),
        _ => (0, mantissa != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> Option<String> {
        let sum = Extended::parse(left.as_bytes())?.checked_add(Extended::parse(right.as_bytes())?)?;
        sum.is_finite().then(|| sum.to_text())
    }

    fn check(left: &str, right: &str, expected: Option<&str>) {
        assert_eq!(sum(left, right).as_deref(), expected, "{left} + {right}");
    }

    /// Answers of redis-server 7.2.4 on x86-64 to `SET key left`, `INCRBYFLOAT key right`; `None` is an error.
    #[test]
    fn sums_are_those_of_redis() {
        check("3.0", "1.1", Some("4.1"));
        check("0.1", "0.2", Some("0.3"));
        check("5.0e3", "200", Some("5200"));
        check("10.50", "0.1", Some("10.6"));
        check("1", "5e-18", Some("1"));
        check("1", "4e-18", Some("1"));
        check("0", "1e-17", Some("0.00000000000000001"));
        check("0", "5e-18", Some("0"));
        check("0", "5.1e-18", Some("0.00000000000000001"));
        check("0", "-1e-20", Some("0"));
        check("-0.0", "-0", Some("0"));
        check("1e18", "0.5", Some("1000000000000000000.5"));
        check("1e19", "0.5", Some("10000000000000000000"));
        check("9223372036854775807", "1", Some("9223372036854775808"));
        check("18446744073709551615", "1", Some("18446744073709551616"));
        check("18446744073709551616", "1", Some("18446744073709551616"));
        check("18446744073709551617", "0", Some("18446744073709551616"));
        check("0.30000000000000004", "0", Some("0.30000000000000004"));
        check("3.14159265358979323846", "0", Some("3.14159265358979324"));
        check("2.71828182845904523536", "-2.7", Some("0.01828182845904524"));
        check("1e22", "1e-10", Some("10000000000000000000000"));
        check("123456789.123456789", "0.000000001", Some("123456789.12345678999554366"));
        check("0x10", "0x.8p1", Some("17"));
        check("0x1.8p-3", "0", Some("0.1875"));
        check("-0x1p70", "1", Some("-1180591620717411303424"));
        check("0.1", "-0.1", Some("0"));
        check("1.0000000000000000001", "-1", Some("0"));
        check("1e30", "-1e30", Some("0"));
        check("1e30", "1", Some("1000000000000000000024696061952"));
        check("99999999999999999999999", "1", Some("100000000000000000000000"));
        check(".5", "5.", Some("5.5"));
        check("+7", "-007.25", Some("-0.25"));
        check("1e-4950", "0", Some("0"));
        check("17179869184.000000001", "1e-9", Some("17179869184.0000000037252903"));
        check("1.5", "inf", None);
        check("inf", "-inf", None);
        check("nan", "1", None);
        check("1e4932", "1.1e4932", None);
        check("1e4933", "0", None);
        check("1e-4951", "0", None);
        check("0e-9999", "1", Some("1"));
        check(" 1", "1", None);
        check("1 ", "1", None);
        check("", "1", None);
        check("1e", "1", None);
        check("0x", "1", None);
        check("1", "0x1p", None);
        check("1e45", "0.1", Some("1000000000000000000010386253980881820456058880"));
        check("12345678901234567890.12345", "0.00001", Some("12345678901234567890"));
        check("0.000000000000000015", "0", Some("0.00000000000000002"));
        check("0.000000000000000005", "0.00000000000000001", Some("0.00000000000000002"));
        check("-702.2529411260086", "-2653917555191990082669333", Some("-2653917555191990082600960"));
        check("3.7314231926439198616662907e-18", "221186319.0000000000000000000002326", Some("221186319"));
        check("-3.4657139835829084e-273", "132425264.000000000000070084", Some("132425264"));
        check("-0.239399e-2608", "-0x1.759df3daab42fp+6", Some("-93.40425054235741698"));
        check("620309799.0000000012373", "1.908e11", Some("191420309799"));
        check("9269362322581419480", "-1.625e22", Some("-16240730637677418580992"));
        check("776.9880239351705", "-76011550570986595727", Some("-76011550570986594952"));
        check("878.7378957897445", "753029942.00000030878", Some("753030820.7378960985224694"));
        check("5.1033129627275624073945437e-2", "5.421e-5", Some("0.05108733962727562"));
        check("0x1.6ac1bc9e2f024p+6", "-2.5879664962163317909471516e-16", Some("90.68919608270567752"));
        check("-67.4382447767083", "9265803632474879760", Some("9265803632474879693"));
        check("3335249931794405752", "4.933e19", Some("52665249931794405752"));
        check("311078495.59209", "-630680245.0000000000000000088265", Some("-319601749.40791000000899658"));
        check("-542.1129378035785", "0x1.b0fac08a725e0p+2", Some("-535.34763310921023177"));
        check("9.6977182092157185877567827e7", "-0x1.aabb28a292920p+1", Some("96977178.75832055469072657"));
        check("1.254462718070537e-89", "-4.039043223002878e-169", Some("0"));
        check("70661129.000000000047071", "-7.669018e-4957", None);
        check("468848923.0000000000000000092691", "-0.5860524953549983706579951e-18", Some("468848923"));
        check("-6.540964e-4939", "-1.603474672970195e-175", Some("0"));
        check("-875649212.0000000008267", "0x1.1ed974e793986p+6", Some("-875649140.28763998264912516"));
        check(
            "6.1502147022654654051621037e-7",
            "-621720828.0000000000000000000013701",
            Some("-621720827.99999938497785479"),
        );
        check(
            "-2.9808516791948491686525813e8",
            "-8.5605031009545129450089007e-9",
            Some("-298085167.91948492542724125"),
        );
        check("83246225610829497", "-36982356.96811", Some("83246225573847140.03125"));
    }

    #[test]
    fn texts_have_a_limit() {
        let zeros = |count: usize| "0".repeat(count) + "1";
        check(&zeros(TEXT_MAX - 1), "1", Some("2"));
        check(&zeros(TEXT_MAX), "1", None);
        check(&("1".repeat(4900) + ".5e-4899"), "0", Some("1.11111111111111111"));
        check("1e999999999999999999999", "0", None);
        check("1e-999999999999999999999", "0", None);
        check("0x1p999999999999999999999", "0", None);
    }

    #[test]
    fn the_largest_value_prints_in_full() {
        let text = sum("1.18973149535723176502e4932", "0").unwrap_or_default();
        assert_eq!((text.len(), &text[..25]), (4933, "1189731495357231765021263"));
    }

    #[test]
    fn infinity_is_a_value_of_its_own() {
        let parsed = Extended::parse(b"-Infinity");
        assert_eq!(
            parsed.map(|value| (value.is_finite(), value.to_text())),
            Some((false, "-inf".to_owned()))
        );
    }
}
