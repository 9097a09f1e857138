//! The server itself: what it is, how it is set, how much it holds, and its end.

pub mod config;
pub(super) mod debug;
mod debug_protocol;
mod digest;
mod figures;
pub(super) mod flush;
pub mod info;
pub(super) mod latency;
pub(super) mod lolwut;
pub(super) mod memory;
pub(super) mod modules;
pub(super) mod monitor;
pub mod persist;
mod process;
pub(super) mod replication;
pub(super) mod slowlog;
pub mod title;

use std::sync::atomic::Ordering;

use crate::base::log;
use crate::commands::command_docs;
use crate::engine::node::{Manner, ShutdownRequest};
use crate::engine::{
    Args, BlockRequest, CommandError, CommandResult, Context, Handling, Row, keyless, text, walking,
};

pub use crate::base::REDIS_VERSION;

/// The rows of this file.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("DBSIZE", walking(db_size)),
    Row::new("TIME", keyless(time)),
    Row::new("SHUTDOWN", keyless(shutdown)),
    Row::new("COMMAND", keyless(command)),
    Row::new("COMMAND|COUNT", keyless(command_count)),
    Row::new("COMMAND|LIST", keyless(command_list)),
    Row::new("COMMAND|INFO", keyless(command_info)),
    Row::new("COMMAND|DOCS", keyless(command_docs_of)),
    Row::new("COMMAND|GETKEYS", keyless(command_get_keys)),
    Row::new("COMMAND|GETKEYSANDFLAGS", keyless(command_get_keys_and_flags)),
    Row::new("COMMAND|HELP", keyless(command_help)),
];

/// DBSIZE
fn db_size<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let db = ctx.keys.db();
    let keys_of =
        |index| ctx.keys.with_stripe(index, |stripe| stripe.db(db).map_or(0, |part| part.table().len()));
    ctx.reply.count((0..ctx.keys.store().stripes()).map(keys_of).sum());
    Ok(())
}

/// TIME
fn time<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let now_us = ctx.keys.now_us();
    ctx.reply.array(2);
    ctx.reply.bulk_integer(now_us / 1_000_000);
    ctx.reply.bulk_integer(now_us % 1_000_000);
    Ok(())
}

/// What SHUTDOWN asks for.
#[derive(Default)]
struct ShutdownOptions {
    saves: bool,
    skips_saving: bool,
    forces: bool,
    now: bool,
    aborts: bool,
}

impl ShutdownOptions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        for index in 1..args.len() {
            let known = [
                ("SAVE", &mut options.saves),
                ("NOSAVE", &mut options.skips_saving),
                ("FORCE", &mut options.forces),
                ("NOW", &mut options.now),
                ("ABORT", &mut options.aborts),
            ];
            let Some((_, asked)) = known.into_iter().find(|(word, _)| args.is(index, word)) else {
                return Err(text::SYNTAX.into());
            };
            *asked = true;
        }
        let others = options.saves || options.skips_saving || options.forces || options.now;
        if options.aborts && others || options.saves && options.skips_saving {
            return Err(text::SYNTAX.into());
        }
        Ok(options)
    }
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]. While it waits for replicas nothing runs: only DEBUG PAUSE-CRON leaves time to
/// abort.
fn shutdown<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = ShutdownOptions::parse(args)?;
    if options.aborts {
        if !ctx.node.ending_soon.swap(false, Ordering::SeqCst) {
            return Err("ERR No shutdown in progress.".into());
        }
        log::notice!("Shutdown manually aborted.");
        ctx.reply.ok();
        return Ok(());
    }
    let node = ctx.worker.node.clone();
    let saves = if options.saves { Some(true) } else { options.skips_saving.then_some(false) };
    ctx.block(BlockRequest::for_answer(move |call| {
        let manner = Manner { saves, forces: options.forces, waits: !options.now };
        node.request_shutdown(ShutdownRequest { manner, call });
    }));
    Ok(())
}

/// COMMAND
fn command<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    command_docs::all(&ctx.node.table, ctx.reply);
    Ok(())
}

/// COMMAND COUNT
fn command_count<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    command_docs::count(&ctx.node.table, ctx.reply);
    Ok(())
}

/// COMMAND LIST [FILTERBY (MODULE module-name | ACLCAT category | PATTERN pattern)]
fn command_list<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let filter = command_docs::parse_list_filter(args.from(2)).ok_or(CommandError::from(text::SYNTAX))?;
    command_docs::list(&ctx.node.table, filter, ctx.reply);
    Ok(())
}

/// COMMAND INFO [command-name ...]
fn command_info<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    command_docs::info(&ctx.node.table, args.from(2), ctx.reply);
    Ok(())
}

/// COMMAND DOCS [command-name ...]
fn command_docs_of<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    command_docs::docs(&ctx.node.table, args.from(2), ctx.reply);
    Ok(())
}

/// COMMAND GETKEYS command [arg ...]
fn command_get_keys<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    command_docs::get_keys(&ctx.node.table, args.from(2), ctx.reply);
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS command [arg ...]
fn command_get_keys_and_flags<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    command_docs::get_keys_and_flags(&ctx.node.table, args.from(2), ctx.reply);
    Ok(())
}

/// COMMAND HELP
fn command_help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(command_docs::HELP);
    Ok(())
}
