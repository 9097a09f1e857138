//! SAVE, BGSAVE, LASTSAVE and BGREWRITEAOF: [`crate::engine::saving`] does the work.

use crate::config::Id;
use crate::engine::{Args, BlockRequest, Call, CommandResult, Context, Handling, Row, keyless, text};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("SAVE", keyless(save)),
    Row::new("BGSAVE", keyless(background_save)),
    Row::new("LASTSAVE", keyless(last_save)),
    Row::new("BGREWRITEAOF", keyless(rewrite_log)),
];

/// SAVE. Its client waits, others do not.
fn save<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    if ctx.node.scripting.is_slow(ctx.node.config.get(Id::BusyReplyThreshold)) {
        return Err(text::BUSY.into());
    }
    let node = ctx.worker.node.clone();
    ctx.block(BlockRequest::for_answer(move |call| node.saving.wait_for_snapshot(&node, call)));
    Ok(())
}

/// BGSAVE [SCHEDULE]
fn background_save<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let may_wait = match args.len() {
        1 => false,
        2 if args.is(1, "SCHEDULE") => true,
        _ => return Err(text::SYNTAX.into()),
    };
    let node = &ctx.worker.node;
    let begins = if matches!(ctx.call, Call::Transaction) {
        node.saving.schedule_snapshot()?;
        false
    } else {
        node.saving.want_snapshot(node, may_wait)?
    };
    ctx.reply.simple(if begins { "Background saving started" } else { "Background saving scheduled" });
    Ok(())
}

/// LASTSAVE
fn last_save<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.integer(ctx.node.saving.look(|state| state.saved_seconds));
    Ok(())
}

/// BGREWRITEAOF
fn rewrite_log<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let node = &ctx.worker.node;
    let begins = if matches!(ctx.call, Call::Transaction) {
        node.saving.schedule_rewrite()?;
        false
    } else {
        node.saving.want_rewrite(node)?
    };
    ctx.reply.simple(if begins {
        "Background append only file rewriting started"
    } else {
        "Background append only file rewriting scheduled"
    });
    Ok(())
}
