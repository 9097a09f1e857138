//! BITFIELD: integers of any width within a string, most significant bit first.

use super::{Bytes, bit_offset};
use crate::base::number;
use crate::commands::string::write_at;
use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, text};

const INVALID_TYPE: &str =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

/// The integers that a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    signed: bool,
    bits: u32,
}

/// What becomes of a result that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

struct Operation {
    action: Action,
    kind: Kind,
    offset: u64,
    overflow: Overflow,
}

/// BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset increment ...]
pub(super) fn bitfield<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let operations = parse(ctx, args)?;
    if operations.iter().all(|operation| operation.action == Action::Get) {
        return read(ctx, args.at(1), &operations);
    }
    write(ctx, args.at(1), &operations)
}

/// BITFIELD_RO key [GET type offset ...]
pub(super) fn bitfield_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let operations = parse(ctx, args)?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        return Err("ERR BITFIELD_RO only supports the GET subcommand".into());
    }
    read(ctx, args.at(1), &operations)
}

fn parse(ctx: &Context<'_, '_>, args: Args<'_>) -> Result<Vec<Operation>, CommandError> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut index = 2;
    while index < args.len() {
        let after = args.len() - index - 1;
        if args.is(index, "OVERFLOW") && after >= 1 {
            overflow = parse_overflow(args, index + 1)?;
            index += 2;
            continue;
        }
        let gets = args.is(index, "GET");
        let known = gets || args.is(index, "SET") || args.is(index, "INCRBY");
        if !known || after < if gets { 2 } else { 3 } {
            return Err(text::SYNTAX.into());
        }
        let kind = Kind::parse(args.at(index + 1))?;
        let offset = bit_offset(ctx, args.at(index + 2), Some(kind.bits.into()))?;
        let action = match () {
            () if gets => Action::Get,
            () if args.is(index, "SET") => Action::Set(args.integer(index + 3)?),
            () => Action::Add(args.integer(index + 3)?),
        };
        operations.push(Operation { action, kind, offset, overflow });
        index += if gets { 3 } else { 4 };
    }
    Ok(operations)
}

fn parse_overflow(args: Args<'_>, index: usize) -> Result<Overflow, CommandError> {
    match () {
        () if args.is(index, "WRAP") => Ok(Overflow::Wrap),
        () if args.is(index, "SAT") => Ok(Overflow::Saturate),
        () if args.is(index, "FAIL") => Ok(Overflow::Fail),
        () => Err("ERR Invalid OVERFLOW type specified".into()),
    }
}

fn read(ctx: &mut Context<'_, '_>, key: &[u8], operations: &[Operation]) -> CommandResult {
    let bytes = Bytes::of(ctx.keys.find(key))?;
    ctx.reply.array(operations.len());
    for operation in operations {
        ctx.reply.integer(operation.kind.load(&bytes, operation.offset));
    }
    Ok(())
}

fn write<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], operations: &[Operation]) -> CommandResult {
    let grown = grow(ctx, key, operations)?;
    let mut changes = 0;
    ctx.reply.array(operations.len());
    for operation in operations {
        let bytes = Bytes::of(ctx.keys.peek(key))?;
        let old = operation.kind.load(&bytes, operation.offset);
        match operation.result(old) {
            None => ctx.reply.null(),
            Some(new) => {
                let returned = if matches!(operation.action, Action::Add(_)) { new } else { old };
                ctx.reply.integer(returned);
                if new != old {
                    let (place, patch) = operation.kind.store(&bytes, operation.offset, new);
                    write_at(ctx, key, place, &patch)?;
                }
                changes += i64::from(operation.action != Action::Get && (grown || new != old));
            }
        }
    }
    if changes > 0 {
        ctx.keys.changed(key, event::STRING, "setbit");
        ctx.keys.effects.add_dirty(changes.max(1) - 1);
    }
    Ok(())
}

/// Makes the string long enough for all that is to be written; true if it was not.
fn grow<'a>(
    ctx: &mut Context<'_, 'a>,
    key: &'a [u8],
    operations: &[Operation],
) -> Result<bool, CommandError> {
    let writes = operations.iter().filter(|operation| operation.action != Action::Get);
    let last = writes.map(|operation| (operation.offset + u64::from(operation.kind.bits) - 1) / 8).max();
    let last = last.unwrap_or(0) as usize;
    let byte = Bytes::of(ctx.keys.find_mut(key).map(|entry| &*entry))?.byte(last);
    write_at(ctx, key, last, &[byte.unwrap_or(0)])?;
    Ok(byte.is_none())
}

impl Operation {
    /// The value after the operation; None if it does not fit and that is to fail.
    fn result(&self, old: i64) -> Option<i64> {
        let (value, increment) = match self.action {
            Action::Get => return Some(old),
            Action::Set(value) => (value, 0),
            Action::Add(increment) => (old, increment),
        };
        let wrapped = self.kind.wrap(value.wrapping_add(increment));
        match (self.kind.limit_passed(value, increment), self.overflow) {
            (None, _) | (_, Overflow::Wrap) => Some(wrapped),
            (Some(limit), Overflow::Saturate) => Some(limit),
            (Some(_), Overflow::Fail) => None,
        }
    }
}

impl Kind {
    fn parse(argument: &[u8]) -> Result<Self, CommandError> {
        let (signed, digits) = match argument {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return Err(INVALID_TYPE.into()),
        };
        let bits_max = if signed { 64 } else { 63 };
        let bits = number::parse_i64(digits).filter(|bits| (1..=bits_max).contains(bits));
        Ok(Self { signed, bits: bits.ok_or(INVALID_TYPE)? as u32 })
    }

    fn max(self) -> i64 {
        let magnitude = if self.signed { self.bits - 1 } else { self.bits };
        ((1u64 << magnitude) - 1) as i64
    }

    fn min(self) -> i64 {
        if self.signed { -self.max() - 1 } else { 0 }
    }

    /// The limit that `value + increment` passes. As in Redis, a SET of an unsigned field takes a negative value for a very
    /// large one, and a SET of a signed field one so small that its distance to the maximum has no 64 bits, too.
    fn limit_passed(self, value: i64, increment: i64) -> Option<i64> {
        let (max, min) = (self.max(), self.min());
        let below =
            |value: i64, limit: i64| if self.signed { value < limit } else { (value as u64) < limit as u64 };
        if below(max, value) {
            return Some(max);
        }
        if self.bits < 64 && increment > max.wrapping_sub(value) {
            return Some(max);
        }
        let sum = i128::from(value) + i128::from(increment);
        if sum > i128::from(max) {
            return Some(max);
        }
        (sum < i128::from(min)).then_some(min)
    }

    /// The lowest bits of a number, as this kind understands them.
    fn wrap(self, value: i64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { value << unused >> unused } else { ((value as u64) << unused >> unused) as i64 }
    }

    /// The field at a bit's offset; what lies beyond the end reads as zero.
    fn load(self, bytes: &Bytes<'_>, offset: u64) -> i64 {
        let window = window(bytes, offset);
        self.wrap((window >> (72 - offset % 8 - u64::from(self.bits))) as i64)
    }

    /// The bytes that the field touches, with this value in it, and where they begin.
    fn store(self, bytes: &Bytes<'_>, offset: u64, value: i64) -> (usize, Vec<u8>) {
        let shift = 72 - offset % 8 - u64::from(self.bits);
        let field = u128::from(u64::MAX >> (64 - self.bits));
        let patched = window(bytes, offset) & !(field << shift) | (value as u128 & field) << shift;
        let touched = (offset % 8 + u64::from(self.bits)).div_ceil(8) as usize;
        ((offset / 8) as usize, patched.to_be_bytes()[7..7 + touched].to_vec())
    }
}

/// The nine bytes from the one with this bit on: enough for any field that begins in it.
fn window(bytes: &Bytes<'_>, offset: u64) -> u128 {
    let start = (offset / 8) as usize;
    (start..start + 9).fold(0, |window, place| window << 8 | u128::from(bytes.byte(place).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(text: &str) -> Kind {
        Kind::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn types_are_i1_to_i64_and_u1_to_u63() {
        for good in ["i1", "i64", "u1", "u63"] {
            assert!(Kind::parse(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", "i", "i0", "i65", "u64", "u-1", "I8", "8", "u8x"] {
            assert!(Kind::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn overflow_is_handled_as_asked() {
        let check = |text, action, old, expected: [Option<i64>; 3]| {
            for (overflow, expected) in
                [Overflow::Wrap, Overflow::Saturate, Overflow::Fail].into_iter().zip(expected)
            {
                let operation = Operation { action, kind: kind(text), offset: 0, overflow };
                assert_eq!(operation.result(old), expected, "{text} {old} {overflow:?}");
            }
        };
        check("u8", Action::Add(1), 255, [Some(0), Some(255), None]);
        check("u8", Action::Add(-1), 0, [Some(255), Some(0), None]);
        check("u8", Action::Set(-1), 0, [Some(255), Some(255), None]);
        check("i8", Action::Add(1), 127, [Some(-128), Some(127), None]);
        check("i8", Action::Add(-1), -128, [Some(127), Some(-128), None]);
        check("i8", Action::Set(-129), 0, [Some(127), Some(-128), None]);
        check("i64", Action::Add(1), i64::MAX, [Some(i64::MIN), Some(i64::MAX), None]);
        check("i64", Action::Add(i64::MIN), -1, [Some(i64::MAX), Some(i64::MIN), None]);
        check("u63", Action::Add(i64::MAX), 1, [Some(0), Some(i64::MAX), None]);
        check("i5", Action::Set(-16), 3, [Some(-16), Some(-16), Some(-16)]);
    }

    proptest! {
        #[test]
        fn what_is_stored_is_loaded_and_nothing_else_changes(
            content in prop::collection::vec(any::<u8>(), 20),
            offset in 0u64..80,
            signed: bool,
            bits in 1u32..=63,
            value: i64,
        ) {
            let kind = Kind { signed, bits };
            let value = kind.wrap(value);
            let (place, patch) = kind.store(&Bytes::Short(content.clone().into()), offset, value);
            let mut after = content.clone();
            after[place..place + patch.len()].copy_from_slice(&patch);
            let after = Bytes::Short(after.into());
            prop_assert_eq!(kind.load(&after, offset), value);
            let before = Bytes::Short(content.into());
            for bit in (0..160).filter(|bit| !(offset..offset + u64::from(bits)).contains(bit)) {
                prop_assert_eq!(before.bit(bit), after.bit(bit));
            }
        }
    }
}
