//! MONITOR: see [`crate::engine::monitor`].

use crate::engine::{Args, CommandResult, Context, Handling, Row, keyless};

/// The row of this family.
pub static COMMANDS: &[Row<Handling>] = &[Row::new("MONITOR", keyless(monitor))];

/// MONITOR
fn monitor<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    if !ctx.may_block() {
        return Err("ERR MONITOR isn't allowed for DENY BLOCKING client".into());
    }
    // As in Redis a second one has no reply.
    if !ctx.session.monitors {
        ctx.session.monitors = true;
        ctx.node.monitors.add(ctx.session.handle.clone());
        ctx.reply.ok();
    }
    Ok(())
}
