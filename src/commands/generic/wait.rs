//! WAIT and WAITAOF, as a server without replicas and without an append-only file answers them: nobody will ever acknowledge
//! anything, so whoever asks for more than nothing waits for the time to pass.

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
    if local > 0 {
        return Err("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.".into());
    }
    if replicas == 0 {
        ctx.reply.array(2);
        ctx.reply.integer(0);
        ctx.reply.integer(0);
    } else {
        ctx.block(BlockRequest::without_keys(deadline_ms, TimeoutReply::Integers(0, 0)));
    }
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
