//! Numbers in text, as Redis 7.2 reads and writes them.
//!
//! Replies, encodings and error cases depend on these rules, so none of them may be "improved":
//!
//! 1. An integer is canonical: no sign but a leading minus, no leading zeros, no spaces, no `-0`.
//! 2. A double is what C's `strtod` takes, whole text, without leading space: also hexadecimal and `inf`; not NaN, not
//!    what overflows, not what underflows to zero.
//! 3. A double is written as an integer if it is one of magnitude up to 2^62, otherwise with about the fewest digits that
//!    read back the same (see `shortest`), in positional notation while that is short (see `push_decimal`).

use std::io::Write;

use smallvec::SmallVec;

use super::shortest;

/// The integer whose canonical text this is (rule 1).
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let magnitude = digits.iter().try_fold(0_u64, |value, digit| {
        // Nineteen digits stay below 2^64.
        digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0'))
    })?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// An unsigned integer as Redis takes it in stream identifiers and counts: canonical, or else whatever C's `strtoull`
/// takes: leading spaces, zeros, `+`, and `-` before anything not canonical, which wraps around.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    let (negative, digits) = split_sign(text.trim_ascii_start());
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// The double that a text stands for (rule 2).
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, magnitude) = split_sign(text);
    let value = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
        [b'0'..=b'9' | b'.', ..] => parse_decimal(magnitude)?,
        _ if is_infinity(magnitude) => f64::INFINITY,
        _ => return None,
    };
    Some(if negative { -value } else { value })
}

/// The double at the start of `text` as C's `strtod` reads it, and its length: also hexadecimal, infinite and NaN, overflowing
/// to infinity and underflowing to zero. Space before it is not skipped.
pub fn read_f64(text: &[u8]) -> Option<(f64, usize)> {
    let (negative, magnitude) = split_sign(text);
    let (value, length) = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => match read_hexadecimal(digits) {
            Some((value, length)) => (value, length + 2),
            None => (0.0, 1),
        },
        [b'0'..=b'9' | b'.', ..] => read_decimal(magnitude)?,
        _ => read_name(magnitude)?,
    };
    Some((if negative { -value } else { value }, text.len() - magnitude.len() + length))
}

/// The text that Redis 7.2 sends for a double (rule 3).
pub fn format_f64(value: f64) -> String {
    let is_integer = value.abs() <= INTEGER_TEXT_MAX && value.fract() == 0.0 && value != 0.0;
    if is_integer { (value as i64).to_string() } else { format_f64_by_digits(value) }
}

/// As [`format_f64`], but integers are not set apart: a long row of zeros at their end becomes an exponent. DEBUG DIGEST is
/// computed from this.
pub fn format_f64_by_digits(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let mut text = String::with_capacity(25);
    if value < 0.0 {
        text.push('-');
    }
    let (digits, exponent) = shortest::digits(value.abs());
    push_decimal(&mut text, &digits, exponent);
    text
}

/// The text of C's `%.17g`: up to 17 digits, whether the double needs them or not.
pub fn format_f64_17(value: f64) -> String {
    let mut text = Vec::with_capacity(24);
    push_general(&mut text, value, 17);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends the text of C's `%.*g`: up to `digits` digits (at least one), correctly rounded, no zeros at the end of a fraction.
pub fn push_general(target: &mut Vec<u8>, value: f64, digits: usize) {
    if !value.is_finite() {
        return target.extend_from_slice(format_f64(value).as_bytes());
    }
    let mut scientific = SmallVec::<[u8; 32]>::new();
    if write!(scientific, "{value:.*e}", digits.max(1) - 1).is_err() {
        return;
    }
    let mark = scientific.iter().position(|&byte| byte == b'e').unwrap_or(scientific.len());
    let (mantissa, exponent) = scientific.split_at(mark);
    let exponent = exponent.get(1..).and_then(parse_exponent).unwrap_or(0);
    let (negative, mantissa) = split_sign(mantissa);
    if negative {
        target.push(b'-');
    }
    let count = mantissa.iter().rposition(|byte| matches!(byte, b'1'..=b'9')).map_or(1, |at| at + 1);
    let significant = &mut mantissa[..count].iter().copied().filter(|&byte| byte != b'.');
    if exponent < -4 || exponent >= digits as i64 {
        push_digits(target, significant, 1);
        target.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let exponent = exponent.abs();
        target.extend_from_slice(if exponent < 10 { b"0" } else { b"" });
        push_integer(target, exponent);
    } else if exponent < 0 {
        target.extend_from_slice(&b"0.000"[..(1 - exponent) as usize]);
        target.extend(significant);
    } else {
        push_digits(target, significant, exponent as usize + 1);
    }
}

/// Appends `whole` digits, zeros if there are too few, then a point and the rest of them, if any.
fn push_digits(target: &mut Vec<u8>, digits: &mut impl Iterator<Item = u8>, whole: usize) {
    target.extend((0..whole).map(|_| digits.next().unwrap_or(b'0')));
    if let Some(digit) = digits.next() {
        target.extend_from_slice(&[b'.', digit]);
        target.extend(digits);
    }
}

/// A number in 17 digits behind the point, without the zeros that end them; zero has no sign.
pub fn format_f64_fraction(value: f64) -> String {
    let text = format!("{value:.17}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// A number that is not negative in 4 digits behind the point. It is rounded once multiplied, as Redis does.
pub fn format_f64_in_4(value: f64) -> String {
    let rounded = (value * 10_000.0).round_ties_even() as u64;
    format!("{}.{:04}", rounded / 10_000, rounded % 10_000)
}

/// Calls `action` with the decimal text of `value`.
#[inline]
pub fn with_integer_text<R>(value: i64, action: impl FnOnce(&[u8]) -> R) -> R {
    action(itoa::Buffer::new().format(value).as_bytes())
}

/// Appends the decimal text of `value`.
#[inline]
pub fn push_integer(target: &mut Vec<u8>, value: i64) {
    with_integer_text(value, |text| target.extend_from_slice(text));
}

/// Up to here (2^62) an integral double is written through the integer path.
const INTEGER_TEXT_MAX: f64 = 4_611_686_018_427_387_904.0;

fn parse_decimal(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next()?;
    let underflow = value == 0.0 && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    (value.is_finite() && !underflow).then_some(value)
}

fn count_digits(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> usize {
    text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len())
}

/// How long the digits at the start of `text` are, with their point; None if there is no digit.
fn mantissa_length(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> Option<usize> {
    let whole = count_digits(text, &is_digit);
    let fraction = match text.get(whole) {
        Some(b'.') => count_digits(&text[whole + 1..], &is_digit) + 1,
        _ => 0,
    };
    (whole + fraction.saturating_sub(1) > 0).then_some(whole + fraction)
}

/// How long the exponent at the start of `text` is; 0 without a digit in it.
fn exponent_length(text: &[u8], marks: [u8; 2]) -> usize {
    let Some((_, rest)) = text.split_first().filter(|(mark, _)| marks.contains(mark)) else { return 0 };
    let (_, digits) = split_sign(rest);
    match count_digits(digits, u8::is_ascii_digit) {
        0 => 0,
        count => 1 + rest.len() - digits.len() + count,
    }
}

fn read_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let mantissa = mantissa_length(text, u8::is_ascii_digit)?;
    let length = mantissa + exponent_length(&text[mantissa..], *b"eE");
    Some((std::str::from_utf8(&text[..length]).ok()?.parse().ok()?, length))
}

fn read_hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let mantissa = mantissa_length(text, u8::is_ascii_hexdigit)?;
    let length = mantissa + exponent_length(&text[mantissa..], *b"pP");
    let (mantissa, exponent) = scan_hexadecimal(&text[..length])?;
    Some((scale(mantissa, exponent), length))
}

/// Infinity, or NaN with or without something in parentheses.
fn read_name(text: &[u8]) -> Option<(f64, usize)> {
    let begins = |name: &[u8]| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if begins(b"infinity") {
        return Some((f64::INFINITY, 8));
    }
    if begins(b"inf") {
        return Some((f64::INFINITY, 3));
    }
    if !begins(b"nan") {
        return None;
    }
    let note = text
        .get(4..)
        .map_or(0, |note| count_digits(note, |byte| byte.is_ascii_alphanumeric() || *byte == b'_'));
    let in_parentheses = text.get(3) == Some(&b'(') && text.get(4 + note) == Some(&b')');
    Some((f64::NAN, if in_parentheses { 5 + note } else { 3 }))
}

fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let (mantissa, exponent) = scan_hexadecimal(text)?;
    let value = scale(mantissa, exponent);
    (value.is_finite() && (value != 0.0 || mantissa == 0)).then_some(value)
}

/// Whether a text begins with a minus, and what follows its sign.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// Whether this is a name of infinity.
pub(super) fn is_infinity(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")
}

/// Reads what follows `0x`: hexadecimal digits with at most one point, then optionally `p` and a binary exponent. The
/// answer is a mantissa and its exponent; digits that do not fit are kept as a set last bit.
pub(super) fn scan_hexadecimal(text: &[u8]) -> Option<(u128, i64)> {
    let exponent_at = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (digits, mut exponent) = match exponent_at {
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut mantissa, mut sticky, mut seen_digit, mut seen_point) = (0_u128, false, false, false);
    for &byte in digits {
        if byte == b'.' && !seen_point {
            seen_point = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        seen_digit = true;
        if mantissa >> 124 == 0 {
            mantissa = mantissa << 4 | u128::from(digit);
            exponent -= if seen_point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if seen_point { 0 } else { 4 };
        }
    }
    seen_digit.then_some((mantissa | u128::from(sticky), exponent))
}

/// A signed decimal exponent, held within what can still matter.
pub(super) fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 40)
    });
    Some(if negative { -magnitude } else { magnitude })
}

/// `mantissa * 2^exponent`, rounded once, to nearest, ties to even.
fn scale(mantissa: u128, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let top = exponent + i64::from(mantissa.ilog2());
    if top > 1023 {
        return f64::INFINITY;
    }
    // The weight of the last bit the result can hold: 52 below the top, but never below the subnormal limit.
    let last = (top - 52).max(-1074);
    let rounded = round_shift(mantissa, last - exponent, false);
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    // Two exact factors, because a subnormal weight is no normal power of two.
    let half = last / 2;
    rounded as f64 * power(half) * power(last - half)
}

/// `mantissa / 2^shift` to nearest, ties to even; `sticky` says that the true mantissa lies a little above. A negative
/// shift is exact and must fit.
pub(super) fn round_shift(mantissa: u128, shift: i64, sticky: bool) -> u128 {
    match shift {
        ..=0 => mantissa << -shift,
        1..=127 => {
            let (quotient, rest, half) = (mantissa >> shift, mantissa & ((1 << shift) - 1), 1 << (shift - 1));
            let up = rest > half || (rest == half && (sticky || quotient & 1 == 1));
            quotient + u128::from(up)
        }
        // Half of the weight is 2^127.
        128 => u128::from(mantissa > 1 << 127 || (mantissa == 1 << 127 && sticky)),
        _ => 0,
    }
}

/// Redis's choice of notation for `digits * 10^exponent`: positional while at most 6 zeros have to be added behind the
/// digits, or while the point falls inside or not far before them; otherwise scientific, exponent unpadded.
fn push_decimal(text: &mut String, digits: &[u8], exponent: i32) {
    let count = digits.len() as i32;
    let scientific = exponent + count - 1;
    let digits = digits.iter().map(|&digit| char::from(digit));
    let zeros = |count: i32| std::iter::repeat_n('0', count.max(0) as usize);
    if exponent >= 0 && scientific < count + 7 {
        text.extend(digits.chain(zeros(exponent)));
    } else if exponent < 0 && (exponent > -7 || scientific.abs() < 4) {
        let whole = count + exponent;
        if whole <= 0 {
            text.push_str("0.");
            text.extend(zeros(-whole).chain(digits));
        } else {
            text.extend(digits.clone().take(whole as usize).chain(['.']));
            text.extend(digits.skip(whole as usize));
        }
    } else {
        text.extend(digits.clone().take(1));
        if count > 1 {
            text.push('.');
            text.extend(digits.skip(1));
        }
        text.push_str(if scientific < 0 { "e-" } else { "e+" });
        text.push_str(&scientific.unsigned_abs().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_canonical() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(parse_i64(text.as_bytes()), expected, "{text:?}");
        check("0", Some(0));
        check("7", Some(7));
        check("-7", Some(-7));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        for text in ["", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "--1"] {
            check(text, None);
        }
        check("9223372036854775808", None);
        check("-9223372036854775809", None);
        check("9999999999999999999", None);
        check("10000000000000000000", None);
        check("18446744073709551617", None);
    }

    #[test]
    fn unsigned_integers_are_lenient() {
        let check =
            |text: &str, expected: Option<u64>| assert_eq!(parse_u64(text.as_bytes()), expected, "{text:?}");
        check("0", Some(0));
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
        check("007", Some(7));
        check("+7", Some(7));
        check(" 7", Some(7));
        check("7 ", None);
        check("-7", None);
        check("-07", Some(7_u64.wrapping_neg()));
        check("", None);
        check("+", None);
        check("x", None);
    }

    #[test]
    fn doubles_are_read_as_strtod_does() {
        let check = |text: &str, expected: f64| {
            assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(expected.to_bits()), "{text:?}");
        };
        check("3", 3.0);
        check("-0", -0.0);
        check("+5", 5.0);
        check("5.", 5.0);
        check(".5", 0.5);
        check("1e5", 1e5);
        check("1E-5", 1e-5);
        check("007.50", 7.5);
        check("inf", f64::INFINITY);
        check("+Inf", f64::INFINITY);
        check("-INFINITY", f64::NEG_INFINITY);
        check("1e-310", 1e-310);
        check("0e-5000", 0.0);
        check("0x10", 16.0);
        check("-0X1p3", -8.0);
        check("0x.8p1", 1.0);
        check("0xap-1", 5.0);
        check("0x1.fffffffffffff8p0", 2.0);
        check("0x1.00000000000008p0", 1.0);
        check("0x1.000000000000080000000000000001p0", 1.000_000_000_000_000_2);
        check("0x1p-1074", 5e-324);
        check("0x1.8p-1074", 1e-323);
        check("0x1.8p-1075", 5e-324);
        check("0x0p99999999999999999999", 0.0);
        for text in
            ["", " 5", "5 ", ".", "1e", "1e+", "nan", "-nan", "nan(1)", "0x", "0x.", "0x1p", "0x1.1.1", "1_0"]
        {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        for text in
            ["1e400", "-1e400", "1e-400", "0x1p1024", "0x1p-1075", "0x1p99999999999999999999", "in", "++1"]
        {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
    }

    /// Texts as redis-server 7.2.4 answers ZSCORE.
    #[test]
    fn doubles_are_written_as_redis_does() {
        let check = |value: f64, expected: &str| assert_eq!(format_f64(value), expected);
        check(3.0, "3");
        check(3.1, "3.1");
        check(-0.0, "-0");
        check(0.0, "0");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "nan");
        check(1e18, "1000000000000000000");
        check(1e19, "1e+19");
        check(1.2e20, "1.2e+20");
        check(1e25, "1e+25");
        check(1.234_567_890_123_456_8e20, "123456789012345680000");
        check(1.234_567_890_123_456_8e22, "12345678901234568000000");
        check(4_611_686_018_427_387_904.0, "4611686018427387904");
        check(9_223_372_036_854_775_807.0, "9223372036854776000");
        check(123_456.789, "123456.789");
        check(0.300_000_000_000_000_04, "0.30000000000000004");
        check(1.5e-5, "0.000015");
        check(1e-6, "0.000001");
        check(1.2e-6, "1.2e-6");
        check(1e-7, "1e-7");
        check(1.234e-4, "1.234e-4");
        check(0.0095, "0.0095");
        check(-3.5e-10, "-3.5e-10");
        check(9.536_743_164_062_5e-7, "9.5367431640625e-7");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
    }

    #[test]
    fn integers_may_have_exponents() {
        let check = |value: f64, expected: &str| assert_eq!(format_f64_by_digits(value), expected);
        check(100.0, "100");
        check(-1e7, "-10000000");
        check(1e17, "1e+17");
        check(0.1, "0.1");
    }

    /// Texts as redis-server 7.2.4 answers ZSCAN of a large sorted set.
    #[test]
    fn doubles_are_written_with_17_digits() {
        let check = |value: f64, expected: &str| assert_eq!(format_f64_17(value), expected, "{value:e}");
        check(0.0, "0");
        check(-0.0, "-0");
        check(3.0, "3");
        check(3.1, "3.1000000000000001");
        check(0.1, "0.10000000000000001");
        check(1e-7, "9.9999999999999995e-08");
        check(0.0001, "0.0001");
        check(0.00001, "1.0000000000000001e-05");
        check(123_456_789_012.0, "123456789012");
        check(4_611_686_018_427_387_904.0, "4.6116860184273879e+18");
        check(1e16, "10000000000000000");
        check(1e17, "1e+17");
        check(1_125_899_906_842_624.0 + 0.25, "1125899906842624.2");
        check(1_125_899_906_842_624.0 + 0.75, "1125899906842624.8");
        check(-1.5e300, "-1.5000000000000001e+300");
        check(f64::NEG_INFINITY, "-inf");
    }

    #[test]
    fn doubles_are_read_from_the_start_of_a_text() {
        let check = |text: &str, expected: f64, length: usize| {
            let (value, read) = read_f64(text.as_bytes()).unwrap();
            assert_eq!((value.to_bits(), read), (expected.to_bits(), length), "{text:?}");
        };
        check("12,", 12.0, 2);
        check("-1.5e3e4", -1500.0, 6);
        check("1e", 1.0, 1);
        check("1e+", 1.0, 1);
        check("1.]", 1.0, 2);
        check("+.5", 0.5, 3);
        check("0x", 0.0, 1);
        check("0x.g", 0.0, 1);
        check("0x1fz", 31.0, 4);
        check("-0X.8p1p", -1.0, 7);
        check("0x1p+", 1.0, 3);
        check("1e400", f64::INFINITY, 5);
        check("-0x1p2000", f64::NEG_INFINITY, 9);
        check("1e-400", 0.0, 6);
        check("0x1p-2000", 0.0, 9);
        check("infinit", f64::INFINITY, 3);
        check("-Infinity", f64::NEG_INFINITY, 9);
        check("NaN", f64::NAN, 3);
        check("nan(a_1)x", f64::NAN, 8);
        check("nan(a-1)", f64::NAN, 3);
        for text in ["", "-", "+", ".", "-.", ".e5", "x", " 1", "in", "na", "--1"] {
            assert_eq!(read_f64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn integers_become_text() {
        let mut target = b"x".to_vec();
        push_integer(&mut target, i64::MIN);
        assert_eq!(target, b"x-9223372036854775808");
        assert_eq!(with_integer_text(7, <[u8]>::to_vec), b"7");
    }
}
