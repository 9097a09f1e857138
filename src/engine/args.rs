//! A command's arguments, as slices of the read buffer.

use super::error::{CommandError, echoed, text};
use crate::base::number;

/// The arguments of one command, its name at index 0. The arity has been checked before a handler sees them, so indices below
/// it are safe; the others go through [`Args::get`].
#[derive(Clone, Copy)]
pub struct Args<'a>(pub &'a [&'a [u8]]);

impl<'a> Args<'a> {
    /// Number of arguments, the name included.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "there is always a name")]
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// The argument at `index`, which the arity or the caller has made sure of.
    #[inline]
    pub fn at(self, index: usize) -> &'a [u8] {
        self.0[index]
    }

    /// The argument at `index`, if there is one.
    #[inline]
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        self.0.get(index).copied()
    }

    /// The arguments from `index` on.
    #[inline]
    pub fn from(self, index: usize) -> &'a [&'a [u8]] {
        self.0.get(index..).unwrap_or_default()
    }

    /// What Redis 7.2 says to a subcommand that it does not know, or with more arguments than it takes.
    pub fn wrong_subcommand(self) -> CommandError {
        const SHOWN_BYTES_MAX: usize = 128;
        CommandError::of(&[
            &"ERR unknown subcommand or wrong number of arguments for '",
            &echoed(self.at(1), SHOWN_BYTES_MAX),
            &"'. Try ",
            &echoed(self.at(0), usize::MAX).to_ascii_uppercase(),
            &" HELP.",
        ])
    }

    /// Whether the argument at `index` is this word, in any case.
    #[inline]
    pub fn is(self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The argument at `index` or a syntax error.
    pub fn need(self, index: usize) -> Result<&'a [u8], CommandError> {
        self.get(index).ok_or(CommandError::from(text::SYNTAX))
    }

    /// The argument at `index` as a 64-bit integer.
    ///
    /// # Errors
    /// `value is not an integer or out of range`.
    #[inline]
    pub fn integer(self, index: usize) -> Result<i64, CommandError> {
        self.get(index).and_then(number::parse_i64).ok_or(CommandError::from(text::NOT_INTEGER))
    }

    /// The argument at `index` as an integer within `min..=max`, else Redis's range text.
    ///
    /// # Errors
    /// Not an integer, or outside of the range.
    pub fn integer_within(self, index: usize, min: i64, max: i64) -> Result<i64, CommandError> {
        let value = self.integer(index)?;
        if (min..=max).contains(&value) {
            Ok(value)
        } else if min == 0 && max == i64::MAX {
            Err(text::NOT_POSITIVE.into())
        } else {
            Err(CommandError::new(format!("ERR value is out of range, value must between {min} and {max}")))
        }
    }

    /// The argument at `index` as a double.
    ///
    /// # Errors
    /// `value is not a valid float`.
    #[inline]
    pub fn float(self, index: usize) -> Result<f64, CommandError> {
        self.get(index).and_then(number::parse_f64).ok_or(CommandError::from(text::NOT_FLOAT))
    }
}
