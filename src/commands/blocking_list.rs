//! The list commands that wait: what [`super::list`] does when there is something to take, and a request to wait when not.

use super::list::{MultiPop, Outcome, end_at, move_element, pop_from_first};
use crate::engine::blocking::deadline_from_seconds;
use crate::engine::{
    Args, BlockRequest, CommandError, CommandResult, Context, Handling, Row, TimeoutReply, keyed,
};
use crate::value::ValueType;
use crate::value::list::End;

/// The rows of this family that may wait.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("BLPOP", keyed(blpop)),
    Row::new("BRPOP", keyed(brpop)),
    Row::new("BLMOVE", keyed(blmove)),
    Row::new("BRPOPLPUSH", keyed(brpoplpush)),
    Row::new("BLMPOP", keyed(blmpop)),
];

/// BLPOP key [key ...] timeout
fn blpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop_or_wait(ctx, args, End::Front)
}

/// BRPOP key [key ...] timeout
fn brpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop_or_wait(ctx, args, End::Back)
}

fn pop_or_wait<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, end: End) -> CommandResult {
    let last = args.len() - 1;
    let deadline_ms = deadline(ctx, args, last)?;
    let keys = &args.from(1)[..last - 1];
    if pop_from_first(ctx, keys, end, None)? == Outcome::NothingFound {
        wait(ctx, keys, deadline_ms);
    }
    Ok(())
}

/// BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count]
fn blmpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let request = MultiPop::parse(args, 2)?;
    let deadline_ms = deadline(ctx, args, 1)?;
    if pop_from_first(ctx, request.keys, request.end, Some(request.count))? == Outcome::NothingFound {
        wait(ctx, request.keys, deadline_ms);
    }
    Ok(())
}

/// BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout
fn blmove<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let ends = (end_at(args, 3)?, end_at(args, 4)?);
    let deadline_ms = deadline(ctx, args, 5)?;
    move_or_wait(ctx, args, ends, deadline_ms, b"LMOVE")
}

/// BRPOPLPUSH source destination timeout
fn brpoplpush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let deadline_ms = deadline(ctx, args, 3)?;
    move_or_wait(ctx, args, (End::Back, End::Front), deadline_ms, b"RPOPLPUSH")
}

/// Moves an element, journaled as `unblocking`: the command that does not wait, with the arguments before the time-out.
fn move_or_wait<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    ends: (End, End),
    deadline_ms: Option<i64>,
    unblocking: &[u8],
) -> CommandResult {
    match move_element(ctx, args, ends)? {
        Outcome::Taken => {
            let arguments = args.0[1..args.len() - 1].iter().copied();
            ctx.keys.effects.propagate_instead(std::iter::once(unblocking).chain(arguments));
        }
        // After its time a null array, in a transaction a null: so does Redis.
        Outcome::NothingFound if !ctx.may_block() => ctx.reply.null(),
        Outcome::NothingFound => wait(ctx, &args.0[1..2], deadline_ms),
        Outcome::Unwanted => {}
    }
    Ok(())
}

fn wait<'a>(ctx: &mut Context<'_, 'a>, keys: &[&'a [u8]], deadline_ms: Option<i64>) {
    ctx.block(BlockRequest {
        keys: keys.to_vec(),
        wants: ValueType::List,
        on_removal: false,
        deadline_ms,
        arguments: None,
        timeout_reply: TimeoutReply::NullArray,
        is_work: false,
        then: None,
    });
}

fn deadline(ctx: &Context<'_, '_>, args: Args<'_>, index: usize) -> Result<Option<i64>, CommandError> {
    deadline_from_seconds(args.at(index), ctx.keys.now_ms())
}
