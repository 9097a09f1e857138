//! Entries by their identifiers: XLEN, XRANGE, XREVRANGE.

use super::options::{interval_end, interval_start, syntax, write_entries};
use crate::engine::{Args, CommandError, CommandResult, Context};
use crate::value::Stream;

/// XLEN key
pub fn xlen<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let stream = ctx.keys.read::<Stream>(args.at(1))?;
    ctx.reply.count(stream.map_or(0, |stream| stream.entries().len() as usize));
    Ok(())
}

/// COUNT of a range; none for no limit, and what is negative for nothing at all.
fn count(args: Args<'_>) -> Result<Option<usize>, CommandError> {
    let mut count = None;
    let mut index = 4;
    while index < args.len() {
        if !args.is(index, "COUNT") || index + 1 == args.len() {
            return Err(syntax());
        }
        count = Some(super::options::count(args, index + 1)?);
        index += 2;
    }
    Ok(count)
}

/// XRANGE key start end [COUNT count]
pub fn xrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (start, end) = (interval_start(args.at(2))?, interval_end(args.at(3))?);
    let count = count(args)?;
    match ctx.keys.read::<Stream>(args.at(1))? {
        None => ctx.reply.array(0),
        Some(_) if count == Some(0) => ctx.reply.null_array(),
        Some(stream) => {
            let entries = stream.entries().range(start, end);
            write_entries(ctx.reply, entries.take(count.unwrap_or(usize::MAX)));
        }
    }
    Ok(())
}

/// XREVRANGE key end start [COUNT count]
pub fn xrevrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (start, end) = (interval_start(args.at(3))?, interval_end(args.at(2))?);
    let count = count(args)?;
    match ctx.keys.read::<Stream>(args.at(1))? {
        None => ctx.reply.array(0),
        Some(_) if count == Some(0) => ctx.reply.null_array(),
        Some(stream) => {
            let entries = stream.entries().range_rev(start, end);
            write_entries(ctx.reply, entries.take(count.unwrap_or(usize::MAX)));
        }
    }
    Ok(())
}
