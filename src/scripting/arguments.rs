//! Arguments of `redis.call`: strings as they are, numbers as Redis 7.2 writes them.

use smallvec::SmallVec;

use crate::base::number;

use super::stack::Stack;

/// Commands mostly have fewer arguments than this.
const ARGUMENTS_INLINE: usize = 16;
/// And fewer numbers among them.
const NUMBERS_INLINE: usize = 2;
/// Numbers are mostly shorter.
const NUMBER_BYTES: usize = 24;
/// Whole numbers below this never have an exponent, as before Redis 7.2, which writes 7e15 as `7e+15`: queues keep times and
/// priorities in such numbers, and read them back as text.
const WHOLE_MAX: f64 = 1e17;

type NumberText = SmallVec<[u8; NUMBER_BYTES]>;

/// Calls `action` with the arguments of a command, which are all there is on the stack. The error is for the script.
pub(super) fn with_arguments<R>(
    stack: &Stack<'_>,
    action: impl FnOnce(&[&[u8]]) -> R,
) -> Result<R, &'static str> {
    let count = stack.len();
    if count == 0 {
        return Err("Please specify at least one argument for this redis lib call");
    }
    let mut numbers = SmallVec::<[(usize, NumberText); NUMBERS_INLINE]>::new();
    let mut argv = SmallVec::<[&[u8]; ARGUMENTS_INLINE]>::new();
    for at in 1..=count {
        let text = stack.text(at);
        if text.is_none() {
            let number =
                stack.number(at).ok_or("Lua redis lib command arguments must be strings or integers")?;
            numbers.push((argv.len(), number_text(number)));
        }
        argv.push(text.unwrap_or_default());
    }
    // Only now do they stay where they are.
    for (place, text) in &numbers {
        argv[*place] = text;
    }
    Ok(action(&argv))
}

fn number_text(number: f64) -> NumberText {
    if number.is_nan() && number.is_sign_negative() {
        return NumberText::from_slice(b"-nan");
    }
    if number.trunc() != number || number.abs() >= WHOLE_MAX {
        return NumberText::from_slice(number::format_f64_by_digits(number).as_bytes());
    }
    if number == 0.0 && number.is_sign_negative() {
        return NumberText::from_slice(b"-0");
    }
    NumberText::from_slice(itoa::Buffer::new().format(number as i64).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_redis_writes_them() {
        let check = |number: f64, expected: &str| {
            assert_eq!(String::from_utf8(number_text(number).to_vec()).unwrap(), expected);
        };
        check(0.0, "0");
        check(-999_999.0, "-999999");
        check(123_456_789_012.0, "123456789012");
        check(1_000_000_000_000_000.0, "1000000000000000");
        check(1e17, "1e+17");
        check(-7_180_288_000_000_000.0, "-7180288000000000");
        check(9_007_199_254_740_992.0, "9007199254740992");
        check(1.5, "1.5");
        check(1.0 / 3.0, "0.3333333333333333");
        check(-0.0, "-0");
        check(1e-7, "1e-7");
        check(1e300, "1e+300");
        check(f64::INFINITY, "inf");
        check(-f64::NAN, "-nan");
    }
}
