//! Times to live.

use crate::config::{Id, keyspace_events as event};
use crate::engine::error::echoed;
use crate::engine::{Args, CommandError, CommandResult, Context};
use crate::store::Entry;

/// How a time is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// What a time counts from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Now,
    Epoch,
}

/// What must hold for the new time to be set.
#[derive(Clone, Copy, Default)]
struct Conditions {
    absent: bool,
    present: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        for (index, argument) in args.0.iter().enumerate().skip(3) {
            let condition = match () {
                () if args.is(index, "NX") => &mut conditions.absent,
                () if args.is(index, "XX") => &mut conditions.present,
                () if args.is(index, "GT") => &mut conditions.greater,
                () if args.is(index, "LT") => &mut conditions.less,
                () => {
                    return Err(CommandError::of(&[
                        &"ERR Unsupported option ",
                        &echoed(argument, usize::MAX),
                    ]));
                }
            };
            *condition = true;
        }
        conditions.check()
    }

    fn check(self) -> Result<Self, CommandError> {
        if self.absent && (self.present || self.greater || self.less) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
        }
        if self.greater && self.less {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(self)
    }

    /// Whether `new` may replace `old`. No expiry counts as infinitely late.
    fn allow(self, old: Option<i64>, new: i64) -> bool {
        let refused = self.absent && old.is_some()
            || self.present && old.is_none()
            || self.greater && old.is_none_or(|old| new <= old)
            || self.less && old.is_some_and(|old| new >= old);
        !refused
    }
}

/// EXPIRE key seconds [NX | XX | GT | LT]
pub(super) fn expire<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    set(ctx, args, Unit::Seconds, Base::Now, "expire")
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
pub(super) fn pexpire<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    set(ctx, args, Unit::Milliseconds, Base::Now, "pexpire")
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
pub(super) fn expireat<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    set(ctx, args, Unit::Seconds, Base::Epoch, "expireat")
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
pub(super) fn pexpireat<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    set(ctx, args, Unit::Milliseconds, Base::Epoch, "pexpireat")
}

fn set<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    unit: Unit,
    base: Base,
    command: &str,
) -> CommandResult {
    let key = args.at(1);
    let conditions = Conditions::parse(args)?;
    let time = args.integer(2)?;
    let at = absolute_ms(time, unit, if base == Base::Now { ctx.keys.now_ms() } else { 0 })
        .ok_or_else(|| CommandError::new(format!("ERR invalid expire time in '{command}' command")))?;
    let allowed = ctx.keys.find_mut(key).is_some_and(|entry| conditions.allow(entry.expiry(), at));
    ctx.reply.integer(allowed.into());
    if !allowed {
        return Ok(());
    }
    if ctx.keys.is_past(at) {
        delete(ctx, key);
        return Ok(());
    }
    ctx.keys.set_expiry(key, Some(at));
    ctx.keys.changed(key, event::GENERIC, "expire");
    let at = at.to_string();
    let record = [b"PEXPIREAT", key, at.as_bytes()].into_iter().chain(args.from(3).iter().copied());
    ctx.keys.effects.propagate_instead(record);
    Ok(())
}

/// A time in the past deletes the key at once, and says so to those who follow.
fn delete<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8]) {
    ctx.keys.delete(key);
    ctx.keys.changed(key, event::GENERIC, "del");
    let command: &[u8] = if ctx.node.config.is_on(Id::LazyFreeExpire) { b"UNLINK" } else { b"DEL" };
    ctx.keys.effects.propagate_instead([command, key]);
}

/// A time as Unix milliseconds, None when they overflow.
fn absolute_ms(time: i64, unit: Unit, base_ms: i64) -> Option<i64> {
    let milliseconds = match unit {
        Unit::Seconds => time.checked_mul(1000)?,
        Unit::Milliseconds => time,
    };
    milliseconds.checked_add(base_ms)
}

/// TTL key
pub(super) fn ttl<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    reply(ctx, args, Unit::Seconds, Base::Now)
}

/// PTTL key
pub(super) fn pttl<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    reply(ctx, args, Unit::Milliseconds, Base::Now)
}

/// EXPIRETIME key
pub(super) fn expiretime<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    reply(ctx, args, Unit::Seconds, Base::Epoch)
}

/// PEXPIRETIME key
pub(super) fn pexpiretime<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    reply(ctx, args, Unit::Milliseconds, Base::Epoch)
}

fn reply<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, unit: Unit, base: Base) -> CommandResult {
    let time = match ctx.keys.look(args.at(1)).map(Entry::expiry) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let milliseconds = if base == Base::Now { (at - ctx.keys.now_ms()).max(0) } else { at };
            if unit == Unit::Milliseconds { milliseconds } else { rounded_seconds(milliseconds) }
        }
    };
    ctx.reply.integer(time);
    Ok(())
}

fn rounded_seconds(milliseconds: i64) -> i64 {
    ((milliseconds as u64 + 500) / 1000) as i64
}

/// PERSIST key
pub(super) fn persist<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let expires = ctx.keys.find_mut(key).is_some_and(|entry| entry.expiry().is_some());
    if expires {
        ctx.keys.set_expiry(key, None);
        ctx.keys.changed(key, event::GENERIC, "persist");
    }
    ctx.reply.integer(expires.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_64_bits_are_refused() {
        let check =
            |time, unit, base, expected| assert_eq!(absolute_ms(time, unit, base), expected, "{time}");
        check(7, Unit::Seconds, 100, Some(7100));
        check(-7, Unit::Milliseconds, 100, Some(93));
        check(i64::MAX, Unit::Milliseconds, 0, Some(i64::MAX));
        check(i64::MAX, Unit::Milliseconds, 1, None);
        check(i64::MAX / 1000 + 1, Unit::Seconds, 0, None);
        check(i64::MIN, Unit::Milliseconds, 5, Some(i64::MIN + 5));
    }

    #[test]
    fn conditions_compare_with_the_present_expiry() {
        let check = |words: &[&str], old, new, expected| {
            let argv: Vec<&[u8]> =
                ["EXPIRE", "k", "1"].iter().chain(words).map(|word| word.as_bytes()).collect();
            let conditions = Conditions::parse(Args(&argv)).unwrap();
            assert_eq!(conditions.allow(old, new), expected, "{words:?} {old:?} {new}");
        };
        check(&[], None, 5, true);
        check(&["nx"], None, 5, true);
        check(&["NX"], Some(1), 5, false);
        check(&["XX"], None, 5, false);
        check(&["xx", "gt"], Some(4), 5, true);
        check(&["GT"], None, 5, false);
        check(&["GT"], Some(5), 5, false);
        check(&["LT"], None, 5, true);
        check(&["LT"], Some(5), 5, false);
        check(&["LT"], Some(6), 5, true);
    }
}
