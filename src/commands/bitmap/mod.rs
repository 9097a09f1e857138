//! Strings as arrays of bits. Bit 0 is the highest bit of the first byte.
//!
//! A large string is read chunk by chunk and never copied as a whole; SETBIT and BITFIELD write into the chunk concerned.

mod bitfield;

use std::borrow::Cow;
use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::string::write_at;
use crate::base::number;
use crate::config::{Id, keyspace_events as event};
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyed, text};
use crate::store::{Entry, NewValue};
use crate::value::{LargeString, ValueRef};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("SETBIT", keyed(setbit)),
    Row::new("GETBIT", keyed(getbit)),
    Row::new("BITCOUNT", keyed(bitcount)),
    Row::new("BITPOS", keyed(bitpos)),
    Row::new("BITOP", keyed(bitop)),
    Row::new("BITFIELD", keyed(bitfield::bitfield)),
    Row::new("BITFIELD_RO", keyed(bitfield::bitfield_ro)),
];

const OFFSET: &str = "ERR bit offset is not an integer or out of range";

/// A string's bytes as they lie in memory.
enum Bytes<'a> {
    Short(Cow<'a, [u8]>),
    Large(&'a LargeString),
}

impl<'a> Bytes<'a> {
    /// The bytes of a string, none for an absent key.
    ///
    /// # Errors
    /// WRONGTYPE.
    fn of(entry: Option<&'a Entry>) -> Result<Self, CommandError> {
        match entry.map(Entry::value) {
            Some(ValueRef::Large(large)) => Ok(Self::Large(large)),
            _ => super::string::bytes_of(entry).map(Self::Short),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Short(bytes) => bytes.len(),
            Self::Large(large) => large.len(),
        }
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        match self {
            Self::Short(bytes) => bytes.get(offset).copied(),
            Self::Large(large) => large.byte(offset),
        }
    }

    fn bit(&self, offset: u64) -> bool {
        self.byte((offset / 8) as usize).unwrap_or(0) & mask(offset) != 0
    }

    /// The slices that make up a range, which must lie within.
    fn slices(&self, range: Range<usize>) -> SmallVec<[&[u8]; 1]> {
        match self {
            Self::Short(bytes) => smallvec![&bytes[range]],
            Self::Large(large) => large.slices(range.start, range.end).collect(),
        }
    }
}

/// The bit at `offset`, within its byte.
fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// A bit's offset; `width` is what `#` counts in, where that is allowed.
fn bit_offset(ctx: &Context<'_, '_>, argument: &[u8], width: Option<i64>) -> Result<u64, CommandError> {
    let (text, width) = match (argument.strip_prefix(b"#"), width) {
        (Some(text), Some(width)) => (text, width),
        _ => (argument, 1),
    };
    let offset = number::parse_i64(text).and_then(|offset| offset.checked_mul(width)).ok_or(OFFSET)?;
    if offset < 0 || offset >> 3 >= ctx.node.config.get(Id::ProtoMaxBulkLen) {
        return Err(OFFSET.into());
    }
    Ok(offset as u64)
}

/// SETBIT key offset value
fn setbit<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let offset = bit_offset(ctx, args.at(2), None)?;
    let on = match number::parse_i64(args.at(3)) {
        Some(bit @ (0 | 1)) => bit == 1,
        _ => return Err("ERR bit is not an integer or out of range".into()),
    };
    let place = (offset / 8) as usize;
    let before = Bytes::of(ctx.keys.find_mut(key).map(|entry| &*entry))?.byte(place);
    let byte = before.unwrap_or(0);
    let after = if on { byte | mask(offset) } else { byte & !mask(offset) };
    write_at(ctx, key, place, &[after])?;
    if before != Some(after) {
        ctx.keys.changed(key, event::STRING, "setbit");
    }
    ctx.reply.integer((byte & mask(offset) != 0).into());
    Ok(())
}

/// GETBIT key offset
fn getbit<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let offset = bit_offset(ctx, args.at(2), None)?;
    let bit = Bytes::of(ctx.keys.find(args.at(1)))?.bit(offset);
    ctx.reply.integer(bit.into());
    Ok(())
}

/// The bits of `start` and `end`, which may count from the end, in units of so many bits; None when there are none.
fn bit_range(start: i64, end: i64, unit: u64, len: usize) -> Option<Range<u64>> {
    let total = len as i64 * 8 / unit as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(total).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(total - 1));
    (start <= end).then(|| start as u64 * unit..(end as u64 + 1) * unit)
}

/// BYTE or BIT, as the number of bits in a unit.
fn unit(args: Args<'_>, index: usize) -> Result<u64, CommandError> {
    match () {
        () if args.get(index).is_none() || args.is(index, "BYTE") => Ok(8),
        () if args.is(index, "BIT") => Ok(1),
        () => Err(text::SYNTAX.into()),
    }
}

/// BITCOUNT key [start end [BYTE | BIT]]
fn bitcount<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = match ctx.keys.find(args.at(1)) {
        None => 0,
        Some(entry) => {
            let bytes = Bytes::of(Some(entry))?;
            count_range(args, bytes.len())?.map_or(0, |range| count_ones(&bytes, range))
        }
    };
    ctx.reply.integer(count as i64);
    Ok(())
}

fn count_range(args: Args<'_>, len: usize) -> Result<Option<Range<u64>>, CommandError> {
    match args.len() {
        2 => Ok(bit_range(0, -1, 8, len)),
        4 | 5 => {
            let (start, end) = (args.integer(2)?, args.integer(3)?);
            if start < 0 && end < 0 && start > end {
                return Ok(None);
            }
            Ok(bit_range(start, end, unit(args, 4)?, len))
        }
        _ => Err(text::SYNTAX.into()),
    }
}

fn count_ones(bytes: &Bytes<'_>, bits: Range<u64>) -> u64 {
    let (first, last) = ((bits.start / 8) as usize, ((bits.end - 1) / 8) as usize);
    let whole: u64 = bytes.slices(first..last + 1).into_iter().map(ones).sum();
    let before = bytes.byte(first).unwrap_or(0) & !(0xff >> (bits.start % 8));
    let after = bytes.byte(last).unwrap_or(0) & (0x7f >> ((bits.end - 1) % 8));
    whole - u64::from(before.count_ones() + after.count_ones())
}

fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
fn bitpos<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let wanted = match args.integer(2)? {
        bit @ (0 | 1) => bit == 1,
        _ => return Err("ERR The bit argument must be 1 or 0.".into()),
    };
    let Some(entry) = ctx.keys.find(args.at(1)) else {
        ctx.reply.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let bytes = Bytes::of(Some(entry))?;
    let position = position_range(args, bytes.len())?.and_then(|range| {
        // Without an end the string counts as followed by zeros.
        let beyond = (!wanted && args.len() < 5).then_some(range.end);
        first_bit(&bytes, range, wanted).or(beyond)
    });
    ctx.reply.integer(position.map_or(-1, |position| position as i64));
    Ok(())
}

fn position_range(args: Args<'_>, len: usize) -> Result<Option<Range<u64>>, CommandError> {
    if args.len() > 6 {
        return Err(text::SYNTAX.into());
    }
    let start = if args.len() > 3 { args.integer(3)? } else { 0 };
    let unit = unit(args, 5)?;
    let end = if args.len() > 4 { args.integer(4)? } else { -1 };
    Ok(bit_range(start, end, unit, len))
}

/// The first bit of this value within a range: single bits up to a byte's border, bytes, single bits again.
fn first_bit(bytes: &Bytes<'_>, bits: Range<u64>, wanted: bool) -> Option<u64> {
    let single = |mut range: Range<u64>| range.find(|offset| bytes.bit(*offset) == wanted);
    let first = bits.start.next_multiple_of(8).min(bits.end);
    let last = (bits.end & !7).max(first);
    single(bits.start..first)
        .or_else(|| {
            let found = first_byte(bytes, (first / 8) as usize..(last / 8) as usize, wanted)? as u64 * 8;
            single(found..found + 8)
        })
        .or_else(|| single(last..bits.end))
}

/// The first byte with such a bit in it.
fn first_byte(bytes: &Bytes<'_>, range: Range<usize>, wanted: bool) -> Option<usize> {
    let without = if wanted { 0 } else { 0xff };
    let mut at = range.start;
    if range.is_empty() {
        return None;
    }
    for slice in bytes.slices(range) {
        let (words, _) = slice.as_chunks::<8>();
        let skipped = words.iter().take_while(|word| **word == [without; 8]).count() * 8;
        if let Some(place) = slice[skipped..].iter().position(|byte| *byte != without) {
            return Some(at + skipped + place);
        }
        at += slice.len();
    }
    None
}

/// What BITOP does with the bytes of its sources.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

/// BITOP AND | OR | XOR | NOT destkey key [key ...]
fn bitop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let operation = match () {
        () if args.is(1, "AND") => Operation::And,
        () if args.is(1, "OR") => Operation::Or,
        () if args.is(1, "XOR") => Operation::Xor,
        () if args.is(1, "NOT") => Operation::Not,
        () => return Err(text::SYNTAX.into()),
    };
    if operation == Operation::Not && args.len() != 4 {
        return Err("ERR BITOP NOT must be called with a single source key.".into());
    }
    let sources: Result<Vec<_>, _> = args.from(3).iter().map(|key| Bytes::of(ctx.keys.find(key))).collect();
    let result = combine(operation, &sources?);
    let target = args.at(2);
    if !result.is_empty() {
        ctx.keys.set_string(target, NewValue::Text { bytes: &result, raw: true }, false);
        ctx.keys.changed(target, event::STRING, "set");
    } else if ctx.keys.delete(target) {
        ctx.keys.changed(target, event::GENERIC, "del");
    }
    ctx.reply.count(result.len());
    Ok(())
}

/// Combines the sources; the shorter ones count as followed by zeros.
fn combine(operation: Operation, sources: &[Bytes<'_>]) -> Vec<u8> {
    let len = sources.iter().map(Bytes::len).max().unwrap_or(0);
    let mut result = Vec::with_capacity(len);
    if let Some(first) = sources.first() {
        first.slices(0..first.len()).iter().for_each(|slice| result.extend_from_slice(slice));
    }
    result.resize(len, 0);
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    for source in sources.iter().skip(1) {
        let mut at = 0;
        for slice in source.slices(0..source.len()) {
            apply(operation, &mut result[at..at + slice.len()], slice);
            at += slice.len();
        }
        if operation == Operation::And {
            result[at..].fill(0);
        }
    }
    result
}

fn apply(operation: Operation, target: &mut [u8], source: &[u8]) {
    let pairs = target.iter_mut().zip(source);
    match operation {
        Operation::And => pairs.for_each(|(target, source)| *target &= source),
        Operation::Or => pairs.for_each(|(target, source)| *target |= source),
        Operation::Xor | Operation::Not => pairs.for_each(|(target, source)| *target ^= source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_count_from_either_end() {
        let check = |start, end, unit, len, expected| {
            assert_eq!(bit_range(start, end, unit, len), expected, "{start} {end} {unit} {len}");
        };
        check(0, -1, 8, 3, Some(0..24));
        check(1, 1, 8, 3, Some(8..16));
        check(-2, -2, 1, 3, Some(22..23));
        check(-100, 100, 1, 3, Some(0..24));
        check(2, 1, 8, 3, None);
        check(3, 9, 8, 3, None);
        check(0, -1, 8, 0, None);
        check(i64::MIN, i64::MIN, 1, 3, Some(0..1));
    }

    /// Long enough to be a rope when asked for.
    fn check_against_bits(content: &[u8], bits: Range<u64>, large: bool) {
        let rope = LargeString::new(content);
        let bytes = if large { Bytes::Large(&rope) } else { Bytes::Short(content.into()) };
        let model = |offset: u64| content[(offset / 8) as usize] >> (7 - offset % 8) & 1 == 1;
        assert_eq!(count_ones(&bytes, bits.clone()), bits.clone().filter(|bit| model(*bit)).count() as u64);
        for wanted in [false, true] {
            let expected = bits.clone().find(|bit| model(*bit) == wanted);
            assert_eq!(first_bit(&bytes, bits.clone(), wanted), expected);
        }
    }

    proptest! {
        #[test]
        fn counting_and_finding_agree_with_single_bits(
            fill in prop::sample::select(vec![0u8, 0xff]),
            spots in prop::collection::vec((0usize..300, any::<u8>()), 0..4),
            len in 1usize..300,
            ends in any::<(u64, u64)>(),
            large: bool,
        ) {
            let mut content = vec![fill; len];
            spots.iter().for_each(|(place, byte)| content[place % len] = *byte);
            let (a, b) = (ends.0 % (len as u64 * 8), ends.1 % (len as u64 * 8));
            check_against_bits(&content, a.min(b)..a.max(b) + 1, large);
        }
    }

    #[test]
    fn ropes_are_read_across_their_chunks() {
        let mut content = vec![0; 200_000];
        content[131_072] = 0x10;
        check_against_bits(&content, 3..1_599_999, true);
    }

    #[test]
    fn operations_fill_the_shorter_sources_with_zeros() {
        let check = |operation, sources: &[&[u8]], expected: &[u8]| {
            let sources: Vec<_> = sources.iter().map(|bytes| Bytes::Short(Cow::Borrowed(*bytes))).collect();
            assert_eq!(combine(operation, &sources), expected);
        };
        check(Operation::And, &[b"\xf0\xff", b"\x3c"], b"\x30\0");
        check(Operation::And, &[b"\x3c", b"\xf0\xff", b"\xff\xff"], b"\x30\0");
        check(Operation::Or, &[b"\x01", b"\x10\x02"], b"\x11\x02");
        check(Operation::Xor, &[b"\x01\x02", b"\x01"], b"\x00\x02");
        check(Operation::Not, &[b"\x0f"], b"\xf0");
        check(Operation::Or, &[b""], b"");
    }
}
