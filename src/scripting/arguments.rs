//! Arguments of `redis.call`: strings as they are, numbers as Redis 7.2 writes them.

use mlua::{BorrowedBytes, MultiValue, Value};
use smallvec::SmallVec;

use crate::base::number;

use super::raised::Raised;

/// Commands mostly have fewer arguments than this.
const ARGUMENTS_INLINE: usize = 8;
/// Whole numbers below this never have an exponent, as before Redis 7.2, which writes 7e15 as `7e+15`: queues keep times and
/// priorities in such numbers, and read them back as text.
const WHOLE_MAX: f64 = 1e17;

enum Argument {
    Text(BorrowedBytes),
    Number(String),
}

impl Argument {
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::String(text) => Self::Text(text.as_bytes()),
            Value::Integer(number) => Self::Number(integer_text(*number)),
            Value::Number(number) => Self::Number(number_text(*number)),
            _ => return None,
        })
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Number(text) => text.as_bytes(),
        }
    }
}

/// Calls `action` with the arguments of a command.
pub(super) fn with_arguments<R>(
    values: &MultiValue,
    action: impl FnOnce(&[&[u8]]) -> R,
) -> Result<R, Raised> {
    if values.is_empty() {
        return Err(Raised::refusal("Please specify at least one argument for this redis lib call"));
    }
    let arguments: Option<SmallVec<[Argument; ARGUMENTS_INLINE]>> = values.iter().map(Argument::of).collect();
    let arguments = arguments
        .ok_or_else(|| Raised::refusal("Lua redis lib command arguments must be strings or integers"))?;
    let argv: SmallVec<[&[u8]; ARGUMENTS_INLINE]> = arguments.iter().map(Argument::bytes).collect();
    Ok(action(&argv))
}

fn integer_text(number: i64) -> String {
    if number.unsigned_abs() < WHOLE_MAX as u64 { number.to_string() } else { number_text(number as f64) }
}

fn number_text(number: f64) -> String {
    if number.is_nan() && number.is_sign_negative() {
        return "-nan".to_owned();
    }
    if number.trunc() == number && number.abs() < WHOLE_MAX {
        return format!("{number:.0}");
    }
    number::format_f64_by_digits(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_redis_writes_them() {
        let check = |value: Value, expected: &str| {
            let text = with_arguments(&[value].into_iter().collect(), |argv| argv[0].to_vec()).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        };
        check(Value::Integer(0), "0");
        check(Value::Integer(-999_999), "-999999");
        check(Value::Integer(123_456_789_012), "123456789012");
        check(Value::Integer(1_000_000_000_000_000), "1000000000000000");
        check(Value::Integer(100_000_000_000_000_000), "1e+17");
        check(Value::Number(-7_180_288_000_000_000.0), "-7180288000000000");
        check(Value::Integer(9_007_199_254_740_992), "9007199254740992");
        check(Value::Number(1.5), "1.5");
        check(Value::Number(1.0 / 3.0), "0.3333333333333333");
        check(Value::Number(-0.0), "-0");
        check(Value::Number(1e-7), "1e-7");
        check(Value::Number(1e300), "1e+300");
        check(Value::Number(f64::INFINITY), "inf");
        check(Value::Number(-f64::NAN), "-nan");
    }
}
