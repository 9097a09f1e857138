//! FLUSHALL, FLUSHDB and SWAPDB: whole databases at once, under all locks.

use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, text, whole};
use crate::store::Mode;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("FLUSHALL", whole(flush_all, Mode::Write)),
    Row::new("FLUSHDB", whole(flush_db, Mode::Write)),
    Row::new("SWAPDB", whole(swap_db, Mode::Write)),
];

/// FLUSHALL [ASYNC | SYNC]
fn flush_all<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    flush(ctx, args, None)
}

/// FLUSHDB [ASYNC | SYNC]
fn flush_db<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    flush(ctx, args, Some(ctx.keys.db()))
}

/// Only a SYNC that is said makes the client wait for the memory: freeing it here would hold up the worker's other clients.
fn flush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, db: Option<usize>) -> CommandResult {
    let frees_in_place = match args.len() {
        1 => false,
        2 if args.is(1, "SYNC") => true,
        2 if args.is(1, "ASYNC") => false,
        _ => return Err(text::SYNTAX.into()),
    };
    let removed = ctx.flush(db, frees_in_place);
    let saves = db.is_none() && !ctx.session.replays && ctx.node.saving.flushed(&ctx.worker.node);
    if !saves {
        ctx.keys.effects.add_dirty(removed as i64);
    }
    // Also when there was nothing: a replica may hold something yet.
    ctx.keys.effects.propagate_instead(args.0.iter().copied());
    ctx.reply.ok();
    Ok(())
}

/// SWAPDB index1 index2
fn swap_db<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let one = index(args, 1, "ERR invalid first DB index")?;
    let other = index(args, 2, "ERR invalid second DB index")?;
    let within = |index: i32| usize::try_from(index).ok().filter(|&index| index < ctx.node.databases());
    let (Some(one), Some(other)) = (within(one), within(other)) else { return Err(text::DB_RANGE.into()) };
    if one != other {
        ctx.swap_dbs(one, other);
    }
    ctx.keys.effects.add_dirty(1);
    ctx.reply.ok();
    Ok(())
}

fn index(args: Args<'_>, place: usize, refusal: &'static str) -> Result<i32, CommandError> {
    args.integer(place).ok().and_then(|index| i32::try_from(index).ok()).ok_or(refusal.into())
}
