//! WAIT and WAITAOF, as a server without replicas answers them: none will ever acknowledge anything, so whoever asks for more
//! than nothing of them waits for the time to pass. Our own disk does: see [`crate::engine::durability`].

use crate::config::Id;
use crate::engine::{Args, BlockRequest, CommandError, CommandResult, Context, TimeoutReply, text};

/// WAIT numreplicas timeout
pub(super) fn wait<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let replicas = args.integer(1)?;
    let deadline_ms = deadline(ctx, args, 2)?;
    if replicas <= 0 {
        ctx.reply.integer(0);
    } else {
        ctx.block(BlockRequest::without_keys(deadline_ms, TimeoutReply::Integer(0)));
    }
    Ok(())
}

/// WAITAOF numlocal numreplicas timeout
pub(super) fn waitaof<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let local = args.integer_within(1, 0, 1)?;
    let replicas = args.integer(2).ok().filter(|count| *count >= 0).ok_or(text::NOT_POSITIVE)?;
    let deadline_ms = deadline(ctx, args, 3)?;
    if local > 0 && !ctx.node.config.is_on(Id::AppendOnly) {
        return Err(text::NO_LOG.into());
    }
    let (node, sequence) = (ctx.node, ctx.session.last_write);
    let acknowledged = i64::from(node.durability.covers(&node.log, sequence));
    if replicas == 0 && acknowledged >= local {
        ctx.reply.array(2);
        ctx.reply.integer(acknowledged);
        ctx.reply.integer(0);
        return Ok(());
    }
    let mut request = BlockRequest::without_keys(deadline_ms, TimeoutReply::Acknowledged(sequence));
    if local > 0 {
        let node = ctx.worker.node.clone();
        // What no replica will acknowledge only ends with the log.
        let awaited = if replicas == 0 { sequence } else { u64::MAX };
        request.then = Some(Box::new(move |call| node.durability.wait(&node, awaited, call)));
    }
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
