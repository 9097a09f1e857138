//! REPLICAOF and FAILOVER, as a primary without replicas answers them.

use crate::engine::{Args, CommandResult, Context, Handling, Row, keyless, text};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("REPLICAOF", keyless(replicaof)),
    Row::new("SLAVEOF", keyless(replicaof)),
    Row::new("FAILOVER", keyless(failover)),
];

/// REPLICAOF (host port | NO ONE)
fn replicaof<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.is(1, "NO") && args.is(2, "ONE") {
        ctx.reply.ok();
        return Ok(());
    }
    args.integer_within(2, 0, u16::MAX.into()).map_err(|_| "ERR Invalid master port")?;
    Err("ERR Replication is not available in this server".into())
}

/// FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]: what is wrong with the options is told first.
fn failover<'a>(_ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() == 2 && args.is(1, "ABORT") {
        return Err("ERR No failover in progress.".into());
    }
    let (mut index, mut forces, mut has_timeout, mut has_target) = (1, false, false, false);
    while index < args.len() {
        if args.is(index, "TIMEOUT") && index + 1 < args.len() && !has_timeout {
            if args.integer(index + 1)? <= 0 {
                return Err("ERR FAILOVER timeout must be greater than 0".into());
            }
            (has_timeout, index) = (true, index + 2);
        } else if args.is(index, "TO") && index + 2 < args.len() && !has_target {
            args.integer(index + 2)?;
            (has_target, index) = (true, index + 3);
        } else if args.is(index, "FORCE") && !forces {
            (forces, index) = (true, index + 1);
        } else {
            return Err(text::SYNTAX.into());
        }
    }
    Err("ERR FAILOVER requires connected replicas.".into())
}
