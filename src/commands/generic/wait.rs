//! WAIT and WAITAOF: until the client's last write is elsewhere, see [`crate::engine::durability`].

use crate::config::Id;
use crate::engine::durability::Wish;
use crate::engine::{Args, BlockRequest, CommandError, CommandResult, Context, TimeoutReply, text};

/// WAIT numreplicas timeout
pub(super) fn wait<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (replicas, sequence) = (args.integer(1)?, ctx.session.last_write);
    let deadline_ms = deadline(ctx, args, 2)?;
    wait_for(ctx, Wish { sequence, on_disk: false, local: 0, replicas }, deadline_ms)
}

/// WAITAOF numlocal numreplicas timeout
pub(super) fn waitaof<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let local = args.integer_within(1, 0, 1)?;
    let replicas = args.integer(2).ok().filter(|count| *count >= 0).ok_or(text::NOT_POSITIVE)?;
    let deadline_ms = deadline(ctx, args, 3)?;
    if local > 0 && !ctx.node.config.is_on(Id::AppendOnly) {
        return Err(text::NO_LOG.into());
    }
    let sequence = ctx.session.last_write;
    wait_for(ctx, Wish { sequence, on_disk: true, local, replicas }, deadline_ms)
}

fn wait_for(ctx: &mut Context<'_, '_>, wish: Wish, deadline_ms: Option<i64>) -> CommandResult {
    let by = ctx.node.durability.acknowledged(&ctx.node.log, &wish);
    if wish.is_met(by) {
        wish.reply(by, ctx.reply);
        return Ok(());
    }
    let node = ctx.worker.node.clone();
    let mut request = BlockRequest::without_keys(deadline_ms, TimeoutReply::Acknowledged(wish));
    request.then = Some(Box::new(move |call| node.durability.wait(&node, wish, call)));
    ctx.block(request);
    Ok(())
}

/// When a time-out in milliseconds will be over, None for never.
fn deadline(ctx: &Context<'_, '_>, args: Args<'_>, index: usize) -> Result<Option<i64>, CommandError> {
    let timeout_ms = args.integer(index).map_err(|_| CommandError::from(text::TIMEOUT_NOT_INTEGER))?;
    if timeout_ms < 0 {
        return Err(text::TIMEOUT_NEGATIVE.into());
    }
    let at = timeout_ms.checked_add(ctx.keys.now_ms()).ok_or("ERR timeout is out of range")?;
    Ok((timeout_ms > 0).then_some(at))
}
