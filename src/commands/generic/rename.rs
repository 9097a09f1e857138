//! Values that go to another name or another database, or are copied there.

use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, text};

const SAME_OBJECT: &str = "ERR source and destination objects are the same";

/// RENAME key newkey
pub(super) fn rename<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    rename_unless_taken(ctx, args, false)?;
    ctx.reply.ok();
    Ok(())
}

/// RENAMENX key newkey
pub(super) fn renamenx<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let renamed = rename_unless_taken(ctx, args, true)?;
    ctx.reply.integer(renamed.into());
    Ok(())
}

/// Renames, unless the new name must be free and is not.
fn rename_unless_taken<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    must_be_free: bool,
) -> Result<bool, CommandError> {
    let (from, to) = (args.at(1), args.at(2));
    if ctx.keys.find_mut(from).is_none() {
        return Err(text::NO_SUCH_KEY.into());
    }
    if from == to || must_be_free && ctx.keys.find_mut(to).is_some() {
        return Ok(false);
    }
    ctx.keys.delete(to);
    let Some(entry) = ctx.keys.take(from) else { return Ok(false) };
    ctx.keys.place(to, entry);
    ctx.keys.changed(from, event::GENERIC, "rename_from");
    ctx.keys.changed(to, event::GENERIC, "rename_to");
    // Two keys have changed, but it counts as one change.
    ctx.keys.effects.add_dirty(-1);
    Ok(true)
}

/// A database number, within `databases`.
fn database(ctx: &Context<'_, '_>, args: Args<'_>, index: usize) -> Result<usize, CommandError> {
    args.integer(index)?;
    let number = args.integer_within(index, i32::MIN.into(), i32::MAX.into())?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number < ctx.node.databases())
        .ok_or(CommandError::from(text::DB_RANGE))
}

/// MOVE key db
pub(super) fn move_key<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let (from, to) = (ctx.keys.db(), database(ctx, args, 2)?);
    if from == to {
        return Err(SAME_OBJECT.into());
    }
    let moves = ctx.keys.find_mut(key).is_some() && {
        ctx.keys.select(to);
        let free = ctx.keys.find_mut(key).is_none();
        ctx.keys.select(from);
        free
    };
    ctx.reply.integer(moves.into());
    let Some(entry) = moves.then(|| ctx.keys.take(key)).flatten() else { return Ok(()) };
    ctx.keys.changed(key, event::GENERIC, "move_from");
    ctx.keys.select(to);
    ctx.keys.place(key, entry);
    ctx.keys.changed(key, event::GENERIC, "move_to");
    ctx.keys.select(from);
    // As for RENAME.
    ctx.keys.effects.add_dirty(-1);
    Ok(())
}

struct CopyOptions {
    db: usize,
    replace: bool,
}

fn copy_options(ctx: &Context<'_, '_>, args: Args<'_>) -> Result<CopyOptions, CommandError> {
    let mut options = CopyOptions { db: ctx.keys.db(), replace: false };
    let mut index = 3;
    while index < args.len() {
        if args.is(index, "REPLACE") {
            options.replace = true;
        } else if args.is(index, "DB") && index + 1 < args.len() {
            options.db = database(ctx, args, index + 1)?;
            index += 1;
        } else {
            return Err(text::SYNTAX.into());
        }
        index += 1;
    }
    Ok(options)
}

/// COPY source destination [DB destination-db] [REPLACE]
pub(super) fn copy<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (source, destination) = (args.at(1), args.at(2));
    let options = copy_options(ctx, args)?;
    let db = ctx.keys.db();
    if db == options.db && source == destination {
        return Err(SAME_OBJECT.into());
    }
    let found = ctx.keys.find(source).map(|entry| (entry.clone_value(), entry.expiry()));
    let Some((value, expiry)) = found else {
        ctx.reply.integer(0);
        return Ok(());
    };
    ctx.keys.select(options.db);
    let free = options.replace || ctx.keys.find_mut(destination).is_none();
    if free {
        ctx.keys.delete(destination);
        ctx.keys.insert(destination, value, expiry);
        ctx.keys.changed(destination, event::GENERIC, "copy_to");
    }
    ctx.keys.select(db);
    ctx.reply.integer(free.into());
    Ok(())
}
