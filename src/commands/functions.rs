//! FCALL and FUNCTION: function libraries, and calls of their functions.

use std::sync::atomic::Ordering;

use super::scripting::{answer_kill, keys_and_arguments};
use crate::base::glob::{self, Case};
use crate::config::Id;
use crate::engine::acl;
use crate::engine::errand::Place;
use crate::engine::scripting::libraries::{self, Catalog, Drafts, LOAD_TIME_MAX, Library, LibraryFunction};
use crate::engine::scripting::{self, Invocation, elsewhere_loading};
use crate::engine::spec::{Facts, Flags};
use crate::engine::worker::Worker;
use crate::engine::{
    Args, Call, CommandError, CommandResult, Context, Handling, Node, Row, keyless, script, telling, whole,
};
use crate::rdb::{self, LibrariesError, Options, Version};
use crate::resp::Reply;
use crate::scripting::{Failure, Interpreter};
use crate::store::Mode;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("FCALL", telling(script(fcall, elsewhere), flags_of)),
    Row::new("FCALL_RO", telling(script(fcall_ro, elsewhere), flags_of)),
    Row::new("FUNCTION|DELETE", whole(delete, Mode::Write)),
    Row::new("FUNCTION|DUMP", keyless(dump)),
    Row::new("FUNCTION|FLUSH", whole(flush, Mode::Write)),
    Row::new("FUNCTION|HELP", keyless(help)),
    Row::new("FUNCTION|KILL", keyless(kill)),
    Row::new("FUNCTION|LIST", keyless(list)),
    Row::new("FUNCTION|LOAD", script(load, |worker, _| elsewhere_loading(worker))),
    Row::new("FUNCTION|RESTORE", script(restore, |worker, _| elsewhere_loading(worker))),
    Row::new("FUNCTION|STATS", keyless(stats)),
];

/// FCALL function numkeys [key [key ...]] [arg [arg ...]]
fn fcall<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    call(ctx, args, false)
}

/// FCALL_RO function numkeys [key [key ...]] [arg [arg ...]]
fn fcall_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    call(ctx, args, true)
}

fn call<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, read_only: bool) -> CommandResult {
    let catalog = ctx.node.scripting.catalog();
    ctx.session.reveal(ctx.node.scripting.libraries_record());
    let (library, known) = catalog.function(args.at(1)).ok_or("ERR Function not found")?;
    args.integer(2).map_err(|_| "ERR Bad number of keys provided")?;
    let (keys, arguments) = keys_and_arguments(args)?;
    let LibraryFunction { function, script } = known;
    let (stamp, flags) = (Some(catalog.stamp()), Some(function.flags));
    let call = Invocation { script, function: &function.name, stamp, flags, read_only, keys, arguments };
    let prepare = |interpreter: &mut Interpreter| library.ensure_loaded(interpreter);
    scripting::run(ctx, &call, args.from(0), prepare, |interpreter, host, reply| {
        // A function without keys holds nothing: the libraries may have changed since.
        library.ensure_loaded(interpreter).map_err(|text| Failure { text, counted: false })?;
        interpreter.call_function(library.number(), &function.name, keys, arguments, host, reply)
    })
}

fn elsewhere(worker: &Worker, argv: &[&[u8]]) -> Option<Place> {
    let catalog = worker.node.scripting.catalog();
    let (_, known) = catalog.function(argv.get(1)?)?;
    scripting::elsewhere(worker, &known.script)
}

fn flags_of(node: &Node, facts: &Facts, argv: &[&[u8]]) -> Flags {
    let catalog = node.scripting.catalog();
    let known = argv.get(1).and_then(|name| catalog.function(name));
    scripting::flags_of(facts, known.map(|(_, function)| function.function.flags))
}

/// Sends the request where libraries are loaded; false if that is here.
fn leave(ctx: &mut Context<'_, '_>) -> bool {
    if matches!(ctx.call, Call::Direct) && !ctx.session.replays {
        ctx.session.parking = elsewhere_loading(ctx.worker);
    }
    ctx.session.parking.is_some()
}

/// FUNCTION LOAD [REPLACE] function-code
fn load<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let source = args.len() - 1;
    if let Some(option) = (2..source).find(|&index| !args.is(index, "REPLACE")) {
        return Err(CommandError::of(&[&"ERR Unknown option given: ", &args.at(option)]));
    }
    if leave(ctx) {
        return Ok(());
    }
    let (node, replaces) = (ctx.node, source > 2);
    let catalog = node.scripting.catalog();
    ctx.session.reveal(ctx.node.scripting.libraries_record());
    let time_limit = (!ctx.session.replays).then_some(LOAD_TIME_MAX);
    let mut drafts = Drafts::new(node);
    let library = drafts.load(args.at(source), time_limit, &catalog, replaces)?;
    if !scripting::lock_everything(ctx) {
        return Ok(());
    }
    acl::recheck_call(ctx, args.from(0))?;
    change(ctx, |catalog| catalog.add(&library, replaces))?;
    ctx.reply.bulk(library.name.as_bytes());
    Ok(())
}

/// Changes the libraries; every stripe is held. The command is the journal's record.
fn change(
    ctx: &mut Context<'_, '_>,
    edit: impl FnOnce(&mut Catalog) -> Result<(), CommandError>,
) -> CommandResult {
    libraries::change(ctx.node, edit)?;
    ctx.keys.effects.add_dirty(1);
    Ok(())
}

/// FUNCTION DELETE library-name
fn delete<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let remove = |catalog: &mut Catalog| catalog.remove(args.at(2)).then_some(());
    change(ctx, |catalog| remove(catalog).ok_or("ERR Library not found".into()))?;
    ctx.reply.ok();
    Ok(())
}

/// FUNCTION FLUSH [ASYNC | SYNC]
///
/// Threads forget what they have loaded when they next run a script, whichever is said.
fn flush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 3 {
        return Err(args.wrong_subcommand());
    }
    if args.len() == 3 && !args.is(2, "SYNC") && !args.is(2, "ASYNC") {
        return Err("ERR FUNCTION FLUSH only supports SYNC|ASYNC option".into());
    }
    change(ctx, |catalog| {
        catalog.clear();
        Ok(())
    })?;
    ctx.reply.ok();
    Ok(())
}

/// FUNCTION DUMP
fn dump<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let options = Options { compress: ctx.node.config.is_on(Id::RdbCompression), version: Version::V11 };
    let catalog = ctx.node.scripting.catalog();
    ctx.session.reveal(ctx.node.scripting.libraries_record());
    ctx.reply.bulk(&rdb::dump_libraries(catalog.libraries().map(|library| &*library.source), &options));
    Ok(())
}

/// What FUNCTION RESTORE does with the libraries that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Flush,
    Append,
    Replace,
}

impl Policy {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        match () {
            () if args.len() == 3 || args.is(3, "APPEND") => Ok(Self::Append),
            () if args.is(3, "REPLACE") => Ok(Self::Replace),
            () if args.is(3, "FLUSH") => Ok(Self::Flush),
            () => {
                Err("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.".into())
            }
        }
    }
}

/// FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]
fn restore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 4 {
        return Err(args.wrong_subcommand());
    }
    let (node, policy) = (ctx.node, Policy::parse(args)?);
    if leave(ctx) {
        return Ok(());
    }
    let verify = !node.skips_checksums.load(Ordering::Relaxed);
    let sources = rdb::parse_libraries(args.at(2), verify).map_err(|error| match error {
        LibrariesError::VersionOrChecksum => "ERR DUMP payload version or checksum are wrong",
        LibrariesError::PreRelease => "ERR Pre-GA function format not supported",
        LibrariesError::Other => "ERR given type is not a function",
        LibrariesError::Broken => "ERR Failed loading library payload",
    })?;
    let time_limit = (!ctx.session.replays).then_some(LOAD_TIME_MAX);
    let mut drafts = Drafts::new(node);
    for source in &sources {
        drafts.load(source, time_limit, &Catalog::default(), false)?;
    }
    if !scripting::lock_everything(ctx) {
        return Ok(());
    }
    acl::recheck_call(ctx, args.from(0))?;
    ctx.session.reveal(node.scripting.libraries_record());
    change(ctx, |catalog| {
        if policy == Policy::Flush {
            catalog.clear();
        }
        catalog.join(drafts.catalog(), policy == Policy::Replace)
    })?;
    ctx.reply.ok();
    Ok(())
}

/// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]
fn list<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (mut pattern, mut with_code, mut index) = (None, false, 2);
    while index < args.len() {
        if !with_code && args.is(index, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.is(index, "LIBRARYNAME") {
            index += 1;
            pattern = Some(args.get(index).ok_or("ERR library name argument was not given")?);
        } else {
            return Err(CommandError::of(&[&"ERR Unknown argument ", &args.at(index)]));
        }
        index += 1;
    }
    let catalog = ctx.node.scripting.catalog();
    ctx.session.reveal(ctx.node.scripting.libraries_record());
    let is_wanted = |library: &Library| {
        pattern.is_none_or(|pattern| glob::matches(pattern, library.name.as_bytes(), Case::Insensitive))
    };
    let wanted: Vec<&Library> =
        catalog.libraries().map(|library| &**library).filter(|library| is_wanted(library)).collect();
    ctx.reply.array(wanted.len());
    wanted.into_iter().for_each(|library| describe(ctx.reply, library, with_code));
    Ok(())
}

fn describe(reply: &mut Reply, library: &Library, with_code: bool) {
    reply.map(if with_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(library.name.as_bytes());
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for LibraryFunction { function, .. } in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(function.name.as_bytes());
        reply.bulk(b"description");
        reply.bulk_or_null(function.description.as_deref());
        reply.bulk(b"flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|name| reply.simple(name));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(&library.source);
    }
}

/// FUNCTION STATS
fn stats<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let catalog = ctx.node.scripting.catalog();
    ctx.session.reveal(ctx.node.scripting.libraries_record());
    let reply = &mut *ctx.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match ctx.node.scripting.running_function() {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(running.subject.function.as_bytes());
            reply.bulk(b"command");
            reply.array(running.subject.command.len());
            running.subject.command.iter().for_each(|argument| reply.bulk(argument));
            reply.bulk(b"duration_ms");
            reply.integer((running.elapsed_us / 1000) as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.count(catalog.libraries().len());
    reply.bulk(b"functions_count");
    reply.count(catalog.function_count());
    Ok(())
}

/// FUNCTION KILL
fn kill<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    answer_kill(ctx, ctx.node.scripting.kill(true))
}

/// FUNCTION HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(&[
        "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DELETE <library-name>",
        "    Removes a library.",
        "DUMP",
        "    Tells all libraries as one payload, for RESTORE.",
        "FLUSH [ASYNC|SYNC]",
        "    Removes all libraries.",
        "KILL",
        "    Stops the function that has run longest, unless it has written.",
        "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
        "    Tells the libraries, or those whose names match, with their functions and, if wanted, their code.",
        "LOAD [REPLACE] <function-code>",
        "    Adds a library, or puts it in the place of the one of its name.",
        "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
        "    Adds the libraries of a payload. Those that are there",
        "    * FLUSH: go before.",
        "    * APPEND: stay; one of the same name is an error. This is the default.",
        "    * REPLACE: stay, unless one of the same name comes.",
        "STATS",
        "    Tells the function that has run longest, and the number of libraries and functions.",
        "HELP",
        "    Prints this help.",
    ]);
    Ok(())
}
