//! SLOWLOG: the commands that took long.

use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyless};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("SLOWLOG|GET", keyless(get)),
    Row::new("SLOWLOG|LEN", keyless(len)),
    Row::new("SLOWLOG|RESET", keyless(reset)),
    Row::new("SLOWLOG|HELP", keyless(help)),
];

const COUNT_DEFAULT: i64 = 10;

const HELP: &[&str] = &[
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Show the newest <count> slow commands (default: 10, -1: all), each with",
    "    its number, time, duration in microseconds, arguments, and the client's address",
    "    and name.",
    "LEN",
    "    Count the commands that are kept.",
    "RESET",
    "    Forget them.",
    "HELP",
    "    Print this help.",
];

/// SLOWLOG GET [count]
fn get<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = match args.len() {
        2 => COUNT_DEFAULT,
        3 => args
            .integer(2)
            .ok()
            .filter(|&count| count >= -1)
            .ok_or(CommandError::from("ERR count should be greater than or equal to -1"))?,
        _ => return Err("ERR wrong number of arguments for 'slowlog|get' command".into()),
    };
    let entries = ctx.node.slowlog.newest(usize::try_from(count).unwrap_or(usize::MAX));
    ctx.reply.array(entries.len());
    for entry in entries {
        ctx.reply.array(6);
        ctx.reply.integer(entry.id as i64);
        ctx.reply.integer(entry.unix_seconds);
        ctx.reply.integer(entry.microseconds as i64);
        ctx.reply.array(entry.arguments.len());
        entry.arguments.iter().for_each(|argument| ctx.reply.bulk(argument));
        ctx.reply.bulk(entry.address.as_bytes());
        ctx.reply.bulk(&entry.name);
    }
    Ok(())
}

/// SLOWLOG LEN
fn len<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.count(ctx.node.slowlog.len());
    Ok(())
}

/// SLOWLOG RESET
fn reset<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.node.slowlog.reset();
    ctx.reply.ok();
    Ok(())
}

/// SLOWLOG HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
