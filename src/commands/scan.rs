//! What SCAN, HSCAN, SSCAN and ZSCAN share: their cursor, their options, and their reply.
//!
//! 1. A cursor is whatever C's `strtoul` takes whole, up to the first zero byte: also nothing (0) and a minus, which wraps.
//! 2. COUNT is about elements looked at, not about those that match.
//! 3. A call ends after ten times COUNT steps even if it has found nothing: buckets may be empty.
//! 4. The pattern `*` counts as none; so the empty element, which no pattern but the empty one matches, is listed.

use crate::base::glob::{self, Case};
use crate::engine::{Args, CommandError, text};
use crate::resp::Reply;

/// COUNT when the client says nothing.
const COUNT_DEFAULT: usize = 10;
/// Steps for each element asked for (rule 3).
const STEPS_PER_ELEMENT: usize = 10;

/// The options of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions<'a> {
    /// MATCH.
    pub pattern: Option<&'a [u8]>,
    /// COUNT, at least 1.
    pub count: usize,
    /// TYPE, of SCAN only.
    pub type_name: Option<&'a [u8]>,
}

/// Reads a cursor (rule 1).
///
/// # Errors
/// `invalid cursor`.
pub fn cursor(argument: &[u8]) -> Result<u64, CommandError> {
    let text = argument.split(|byte| *byte == 0).next().unwrap_or_default();
    let invalid = || CommandError::from(text::INVALID_CURSOR);
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid());
    }
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')))
    });
    let value = value.ok_or_else(invalid)?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

impl<'a> ScanOptions<'a> {
    /// Reads the options of HSCAN, SSCAN or ZSCAN, which begin at `first`. To be called when the key has been found and is of
    /// the right type: before that, Redis does not look at them.
    ///
    /// # Errors
    /// Syntax, or COUNT is no integer.
    pub fn of_collection(args: Args<'a>, first: usize) -> Result<Self, CommandError> {
        Self::parse(args, first, false)
    }

    /// Reads the options of SCAN.
    ///
    /// # Errors
    /// Syntax, or COUNT is no integer.
    pub fn of_keys(args: Args<'a>, first: usize) -> Result<Self, CommandError> {
        Self::parse(args, first, true)
    }

    fn parse(args: Args<'a>, first: usize, with_type: bool) -> Result<Self, CommandError> {
        let mut options = Self { pattern: None, count: COUNT_DEFAULT, type_name: None };
        for index in (first..args.len()).step_by(2) {
            let value = args.need(index + 1)?;
            if args.is(index, "COUNT") {
                let count = args.integer(index + 1)?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                options.count = count.ok_or(text::SYNTAX)?;
            } else if args.is(index, "MATCH") {
                options.pattern = (value != b"*").then_some(value);
            } else if args.is(index, "TYPE") && with_type {
                options.type_name = Some(value);
            } else {
                return Err(text::SYNTAX.into());
            }
        }
        Ok(options)
    }

    /// Whether an element is wanted.
    pub fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element, Case::Sensitive))
    }
}

/// The elements that a call has found so far, written in the client's protocol.
pub struct Page<'a> {
    options: ScanOptions<'a>,
    elements: Reply,
    strings: usize,
    seen: usize,
}

impl<'a> Page<'a> {
    /// A page with nothing on it, for a client that is replied to by `reply`.
    pub fn new(options: ScanOptions<'a>, reply: &Reply) -> Self {
        Self { options, elements: Reply::new(reply.protocol()), strings: 0, seen: 0 }
    }

    /// Looks at an element: counts it and, if it matches, lists it. Whether it was listed: then its value may follow.
    pub fn offer(&mut self, element: &[u8]) -> bool {
        self.seen += 1;
        let wanted = self.options.matches(element);
        if wanted {
            self.push(element);
        }
        wanted
    }

    /// Lists a string as it is.
    pub fn push(&mut self, string: &[u8]) {
        self.elements.bulk(string);
        self.strings += 1;
    }

    /// Counts elements that are not offered.
    pub fn skip(&mut self, elements: usize) {
        self.seen += elements;
    }

    /// Goes on from `cursor` until enough has been seen (rules 2 and 3), and returns the cursor to go on with; `step` visits some
    /// elements and returns the next cursor, 0 at the end.
    pub fn fill(&mut self, mut cursor: u64, mut step: impl FnMut(u64, &mut Self) -> u64) -> u64 {
        for _ in 0..=self.options.count.saturating_mul(STEPS_PER_ELEMENT) {
            cursor = step(cursor, self);
            if cursor == 0 || self.seen >= self.options.count {
                break;
            }
        }
        cursor
    }

    /// Replies with the next cursor and what is on the page.
    pub fn send(mut self, reply: &mut Reply, cursor: u64) {
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
        reply.array(self.strings);
        reply.append(self.elements.output());
    }
}

/// The reply for a collection that is not there.
pub fn send_nothing(reply: &mut Reply) {
    reply.array(2);
    reply.bulk_integer(0);
    reply.array(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Protocol;

    #[test]
    fn cursors_are_what_strtoul_takes() {
        let check = |text: &[u8], expected: Option<u64>| assert_eq!(cursor(text).ok(), expected, "{text:?}");
        check(b"0", Some(0));
        check(b"", Some(0));
        check(b"007", Some(7));
        check(b"+7", Some(7));
        check(b"-1", Some(u64::MAX));
        check(b"18446744073709551615", Some(u64::MAX));
        check(b"18446744073709551616", None);
        check(b"-18446744073709551616", None);
        check(b"7\0x", Some(7));
        check(b"\0x", Some(0));
        check(b" 7", None);
        check(b"7 ", None);
        check(b"-", None);
        check(b"+-7", None);
        check(b"x", None);
    }

    #[test]
    fn options_come_in_any_order() {
        let check = |words: &str, expected: Result<(Option<&str>, usize, Option<&str>), &'static str>| {
            let argv: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
            let options = ScanOptions::of_keys(Args(&argv), 2);
            let expected = expected.map_err(CommandError::from).map(|(pattern, count, type_name)| {
                let (pattern, type_name) = (pattern.map(str::as_bytes), type_name.map(str::as_bytes));
                ScanOptions { pattern, count, type_name }
            });
            assert_eq!(options, expected, "{words}");
        };
        check("SCAN 0", Ok((None, 10, None)));
        check("SCAN 0 count 5 MATCH a* Type hash", Ok((Some("a*"), 5, Some("hash"))));
        check("SCAN 0 MATCH a MATCH *", Ok((None, 10, None)));
        check("SCAN 0 COUNT 0", Err(text::SYNTAX));
        check("SCAN 0 COUNT x", Err(text::NOT_INTEGER));
        check("SCAN 0 COUNT x MATCH", Err(text::NOT_INTEGER));
        check("SCAN 0 MATCH", Err(text::SYNTAX));
        check("SCAN 0 NOVALUES", Err(text::SYNTAX));
        let argv: [&[u8]; 5] = [b"HSCAN", b"k", b"0", b"TYPE", b"hash"];
        assert_eq!(ScanOptions::of_collection(Args(&argv), 3), Err(text::SYNTAX.into()));
    }

    #[test]
    fn a_page_ends_by_elements_seen_or_by_steps() {
        let check = |per_step: usize, steps_expected: u64| {
            let options = ScanOptions { pattern: Some(b"none"), count: 4, type_name: None };
            let mut page = Page::new(options, &Reply::new(Protocol::Resp2));
            let cursor = page.fill(0, |cursor, page| {
                (0..per_step).for_each(|_| assert!(!page.offer(b"some")));
                cursor + 1
            });
            assert_eq!(cursor, steps_expected);
        };
        check(5, 1);
        check(3, 2);
        check(0, 41);
    }
}
