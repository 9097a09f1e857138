//! MEMORY: what a key takes.

use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyed, keyless, text};
use crate::store::Entry;
use crate::value::ValueRef;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] =
    &[Row::new("MEMORY|USAGE", keyed(usage)), Row::new("MEMORY|HELP", keyless(help))];

const SAMPLES_DEFAULT: usize = 5;

const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "USAGE <key> [SAMPLES <count>]",
    "    Tell the bytes that a key and its value take, the elements of a collection estimated from",
    "    <count> of them (default: 5, 0: all).",
    "HELP",
    "    Print this help.",
];

/// MEMORY USAGE key [SAMPLES count]
fn usage<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let samples = samples(args)?;
    match ctx.keys.peek(args.at(2)) {
        Some(entry) => ctx.reply.count(entry_bytes(entry, samples)),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn samples(args: Args<'_>) -> Result<usize, CommandError> {
    let mut samples = SAMPLES_DEFAULT;
    let mut index = 3;
    while index < args.len() {
        if !args.is(index, "SAMPLES") || index + 1 == args.len() {
            return Err(text::SYNTAX.into());
        }
        samples = usize::try_from(args.integer(index + 1)?).map_err(|_| text::SYNTAX)?;
        index += 2;
    }
    Ok(samples)
}

/// The entry with its value, and its place in the table: a slot and a tag in a bucket that is, on average, three quarters full.
fn entry_bytes(entry: &Entry, samples: usize) -> usize {
    const PLACE_BYTES: usize = 12;
    let value_bytes = match entry.value() {
        ValueRef::Integer(_) | ValueRef::Text(_) => 0,
        ValueRef::Large(large) => large.heap_bytes(),
        ValueRef::List(list) => list.heap_bytes(samples),
        ValueRef::Set(set) => set.heap_bytes(samples),
        ValueRef::Hash(hash) => hash.heap_bytes(samples),
        ValueRef::ZSet(zset) => zset.heap_bytes(samples),
        ValueRef::Stream(stream) => stream.heap_bytes(samples),
    };
    PLACE_BYTES + entry.entry_bytes() + value_bytes
}

/// MEMORY HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
