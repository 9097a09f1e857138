//! Ranges by score and by member, and how Redis reads them from arguments.
//!
//! 1. A score bound is whatever C's `strtod` reads whole: spaces in front, hexadecimal, infinities, overflow, even nothing (0)
//!    are taken; NaN isn't. `(` in front makes it exclusive.
//! 2. A member bound is `-`, `+`, or a member after `[` (inclusive) or `(` (exclusive).

use std::ops::Range;

use crate::base::number;

/// A range of scores. Empty if the minimum is above the maximum.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ScoreRange {
    /// Lower end.
    pub min: ScoreBound,
    /// Upper end.
    pub max: ScoreBound,
}

/// One end of a [`ScoreRange`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ScoreBound {
    /// Not NaN.
    pub score: f64,
    /// Whether the range ends before this score.
    pub exclusive: bool,
}

impl ScoreRange {
    /// Reads both ends (rule 1); none if one of them is not a number.
    pub fn parse(min: &[u8], max: &[u8]) -> Option<Self> {
        Some(Self { min: ScoreBound::parse(min)?, max: ScoreBound::parse(max)? })
    }

    /// Whether `score` is too low for the range.
    pub(super) fn is_above(&self, score: f64) -> bool {
        score < self.min.score || (self.min.exclusive && score == self.min.score)
    }

    /// Whether `score` is not too high for the range.
    pub(super) fn reaches(&self, score: f64) -> bool {
        score < self.max.score || (!self.max.exclusive && score == self.max.score)
    }
}

impl ScoreBound {
    /// Reads one end (rule 1).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (exclusive, text) = match text {
            [b'(', rest @ ..] => (true, rest),
            text => (false, text),
        };
        Some(Self { score: parse_like_strtod(text)?, exclusive })
    }
}

fn parse_like_strtod(text: &[u8]) -> Option<f64> {
    // It does not see what comes after a zero byte.
    let text = text.split(|&byte| byte == 0).next()?;
    if text.is_empty() {
        return Some(0.0);
    }
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let text = &text[spaces..];
    // The second attempt takes what overflows or underflows.
    number::parse_f64(text)
        .or_else(|| std::str::from_utf8(text).ok()?.parse().ok())
        .filter(|score: &f64| !score.is_nan())
}

/// A range of members in a sorted set whose scores are all the same. Empty if the minimum is above the maximum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LexRange<'a> {
    /// Lower end.
    pub min: LexBound<'a>,
    /// Upper end.
    pub max: LexBound<'a>,
}

/// One end of a [`LexRange`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Lowest,
    /// `+`: after every member.
    Highest,
    /// `[member`.
    Inclusive(&'a [u8]),
    /// `(member`.
    Exclusive(&'a [u8]),
}

impl<'a> LexRange<'a> {
    /// Reads both ends (rule 2); none if one of them is neither.
    pub fn parse(min: &'a [u8], max: &'a [u8]) -> Option<Self> {
        Some(Self { min: LexBound::parse(min)?, max: LexBound::parse(max)? })
    }

    /// Whether `member` is too low for the range.
    pub(super) fn is_above(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Inclusive(min) => member < min,
            LexBound::Exclusive(min) => member <= min,
        }
    }

    /// Whether `member` is not too high for the range.
    pub(super) fn reaches(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Inclusive(max) => member <= max,
            LexBound::Exclusive(max) => member < max,
        }
    }
}

impl<'a> LexBound<'a> {
    /// Reads one end (rule 2).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            [b'-'] => Some(Self::Lowest),
            [b'+'] => Some(Self::Highest),
            [b'[', member @ ..] => Some(Self::Inclusive(member)),
            [b'(', member @ ..] => Some(Self::Exclusive(member)),
            _ => None,
        }
    }
}

/// The ranks from `start` to `stop`, both inclusive, negative ones counting from the end (-1 is the last): ZRANGE's rules.
pub fn index_range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_start = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = from_start(start).max(0);
    let end = from_start(stop).min(len - 1) + 1;
    if start < end { start as usize..end as usize } else { 0..0 }
}

/// The same ranks counted from the other end of a sorted set of `len`.
pub fn reversed(ranks: Range<usize>, len: usize) -> Range<usize> {
    len - ranks.end..len - ranks.start
}

/// LIMIT: passes over `offset` of these ranks, then keeps `count` (all if negative); from the end if `reverse`. A negative
/// offset leaves nothing.
pub fn limited(ranks: Range<usize>, offset: i64, count: i64, reverse: bool) -> Range<usize> {
    let len = ranks.len();
    let skipped = usize::try_from(offset).map_or(len, |offset| offset.min(len));
    let kept = usize::try_from(count).map_or(len, |count| count.min(len)).min(len - skipped);
    if reverse {
        let end = ranks.end - skipped;
        return end - kept..end;
    }
    let start = ranks.start + skipped;
    start..start + kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_bounds() {
        fn check(text: &str, expected: Option<(f64, bool)>) {
            let bound = ScoreBound::parse(text.as_bytes()).map(|bound| (bound.score, bound.exclusive));
            assert_eq!(bound, expected, "{text}");
        }
        check("1.5", Some((1.5, false)));
        check("(1.5", Some((1.5, true)));
        check("", Some((0.0, false)));
        check("1.5\0x", Some((1.5, false)));
        check("(\0", Some((0.0, true)));
        check("(", Some((0.0, true)));
        check("( 1", Some((1.0, true)));
        check(" 1", Some((1.0, false)));
        check("1 ", None);
        check(" ", None);
        check("+1", Some((1.0, false)));
        check("--1", None);
        check("0x10", Some((16.0, false)));
        check("0x1.8p1", Some((3.0, false)));
        check("1e400", Some((f64::INFINITY, false)));
        check("1e-400", Some((0.0, false)));
        check("1e", None);
        check(".5", Some((0.5, false)));
        check("5.", Some((5.0, false)));
        check(".", None);
        check("INF", Some((f64::INFINITY, false)));
        check("(-inf", Some((f64::NEG_INFINITY, true)));
        check("+Infinity", Some((f64::INFINITY, false)));
        check("infinit", None);
        check("nan", None);
        check("(nan", None);
        check("((1", None);
        check("a", None);
    }

    #[test]
    fn lex_bounds() {
        fn check(text: &str, expected: Option<LexBound<'_>>) {
            assert_eq!(LexBound::parse(text.as_bytes()), expected, "{text}");
        }
        check("-", Some(LexBound::Lowest));
        check("+", Some(LexBound::Highest));
        check("[", Some(LexBound::Inclusive(b"")));
        check("(", Some(LexBound::Exclusive(b"")));
        check("[-", Some(LexBound::Inclusive(b"-")));
        check("(ab", Some(LexBound::Exclusive(b"ab")));
        check("", None);
        check("a", None);
        check("-a", None);
        check("+a", None);
    }

    #[test]
    fn index_ranges() {
        fn check(start: i64, stop: i64, expected: Range<usize>) {
            assert_eq!(index_range(start, stop, 5), expected, "{start} {stop}");
        }
        check(0, -1, 0..5);
        check(0, 0, 0..1);
        check(-2, -1, 3..5);
        check(-100, 1, 0..2);
        check(3, 100, 3..5);
        check(5, 6, 0..0);
        check(2, 1, 0..0);
        check(0, -6, 0..0);
        check(i64::MIN, i64::MAX, 0..5);
        check(i64::MAX, i64::MIN, 0..0);
        assert_eq!(index_range(0, -1, 0), 0..0);
        assert_eq!(reversed(1..3, 5), 2..4);
    }

    #[test]
    fn limits() {
        fn check(offset: i64, count: i64, forward: Range<usize>, backward: Range<usize>) {
            assert_eq!(limited(10..20, offset, count, false), forward, "{offset} {count}");
            assert_eq!(limited(10..20, offset, count, true), backward, "{offset} {count} reverse");
        }
        check(0, -1, 10..20, 10..20);
        check(2, 3, 12..15, 15..18);
        check(8, 5, 18..20, 10..12);
        check(0, 0, 10..10, 20..20);
        check(10, 1, 20..20, 10..10);
        check(-1, 2, 20..20, 10..10);
        check(i64::MAX, i64::MAX, 20..20, 10..10);
    }
}
