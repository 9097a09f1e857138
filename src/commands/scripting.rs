//! EVAL and its kin, and SCRIPT: scripts by their source or its SHA1.

use std::sync::Arc;

use crate::engine::dialogue::Dialogue;
use crate::engine::errand::Place;
use crate::engine::scripting::{self, Invocation, Killed, Source};
use crate::engine::spec::{Facts, Flags};
use crate::engine::worker::Worker;
use crate::engine::{
    Args, Call, CommandError, CommandResult, Context, Handling, Node, Row, keyless, script, telling,
};
use crate::scripting::shebang::script_header;
use crate::scripting::{Failure, Interpreter, Sha, sha1_hex};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("EVAL", telling(script(eval, elsewhere_by_source), flags_by_source)),
    Row::new("EVAL_RO", telling(script(eval_ro, elsewhere_by_source), flags_by_source)),
    Row::new("EVALSHA", telling(script(evalsha, elsewhere_by_name), flags_by_name)),
    Row::new("EVALSHA_RO", telling(script(evalsha_ro, elsewhere_by_name), flags_by_name)),
    Row::new("SCRIPT|DEBUG", keyless(script_debug)),
    Row::new("SCRIPT|EXISTS", keyless(script_exists)),
    Row::new("SCRIPT|FLUSH", keyless(script_flush)),
    Row::new("SCRIPT|HELP", keyless(script_help)),
    Row::new("SCRIPT|KILL", keyless(script_kill)),
    Row::new("SCRIPT|LOAD", keyless(script_load)),
];

/// Some arguments of a request.
pub(super) type Words<'a> = &'a [&'a [u8]];

const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// EVAL script numkeys [key [key ...]] [arg [arg ...]]
fn eval<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    eval_source(ctx, args, false)
}

/// EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]
fn eval_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    eval_source(ctx, args, true)
}

/// EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]
fn evalsha<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    eval_name(ctx, args, false)
}

/// EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]
fn evalsha_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    eval_name(ctx, args, true)
}

fn eval_source<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, read_only: bool) -> CommandResult {
    let (keys, arguments) = keys_and_arguments(args)?;
    let source = scripting::load(ctx.node, args.at(1))?;
    run(ctx, args, &source, keys, arguments, read_only)
}

fn eval_name<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, read_only: bool) -> CommandResult {
    if ctx.session.dialogue.is_some() {
        return Err("ERR Please use EVAL instead of EVALSHA for debugging".into());
    }
    // Redis looks at the rest only when this may be one.
    if args.at(1).len() != Sha::LEN {
        return Err(NO_SCRIPT.into());
    }
    let (keys, arguments) = keys_and_arguments(args)?;
    let source = Sha::parse(args.at(1)).and_then(|sha| ctx.node.scripting.find(&sha)).ok_or(NO_SCRIPT)?;
    run(ctx, args, &source, keys, arguments, read_only)
}

fn run<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    source: &Source,
    keys: &'a [&'a [u8]],
    arguments: &'a [&'a [u8]],
    read_only: bool,
) -> CommandResult {
    let dialogue = ctx.session.dialogue.clone().filter(|_| matches!(ctx.call, Call::Direct));
    let is_debugged = dialogue.is_some();
    if is_debugged && let Some(place) = scripting::elsewhere_unknown(ctx.worker) {
        // It holds its thread as long as the client likes.
        dialogue.iter().for_each(|dialogue| dialogue.begin());
        ctx.session.parking = Some(place);
        return Ok(());
    }
    let flags = source.flags;
    let script = &source.script;
    let call = Invocation { script, function: "", stamp: None, flags, read_only, keys, arguments };
    let prepare = |interpreter: &mut Interpreter| match interpreter.has(&source.sha) {
        true => Ok(()),
        false => interpreter.compile(&source.sha, &source.text),
    };
    let result =
        scripting::run(ctx, &call, args.from(0), prepare, |interpreter, host, reply| match dialogue {
            None => {
                // It has been forgotten again if SCRIPT FLUSH came in between.
                prepare(interpreter).map_err(|text| Failure { text, counted: false })?;
                interpreter.run(&source.sha, keys, arguments, host, reply)
            }
            Some(mut dialogue) => {
                let script = (&source.sha, &*source.text);
                interpreter.debug(script, (keys, arguments), host, &mut dialogue, reply)
            }
        });
    // A session ends with its connection.
    ctx.session.close |= is_debugged && ctx.session.parking.is_none() && !ctx.session.deferred;
    result
}

/// The keys of a script or function and its other arguments, told apart by their number.
pub(super) fn keys_and_arguments<'a>(args: Args<'a>) -> Result<(Words<'a>, Words<'a>), CommandError> {
    let count = args.integer(2)?;
    let rest = args.from(3);
    if count > rest.len() as i64 {
        return Err("ERR Number of keys can't be greater than number of args".into());
    }
    if count < 0 {
        return Err("ERR Number of keys can't be negative".into());
    }
    Ok(rest.split_at(count as usize))
}

fn elsewhere_by_source(worker: &Worker, argv: &[&[u8]]) -> Option<Place> {
    let known = argv.get(1).and_then(|text| worker.node.scripting.find(&sha1_hex(text)));
    // What nobody has seen may take any time.
    known.map_or_else(
        || scripting::elsewhere_unknown(worker),
        |source| scripting::elsewhere(worker, &source.script),
    )
}

fn elsewhere_by_name(worker: &Worker, argv: &[&[u8]]) -> Option<Place> {
    let sha = argv.get(1).and_then(|name| Sha::parse(name))?;
    scripting::elsewhere(worker, &worker.node.scripting.find(&sha)?.script)
}

fn flags_by_source(_node: &Node, facts: &Facts, argv: &[&[u8]]) -> Flags {
    let header = argv.get(1).and_then(|text| script_header(text).ok());
    scripting::flags_of(facts, header.and_then(|header| header.flags))
}

fn flags_by_name(node: &Node, facts: &Facts, argv: &[&[u8]]) -> Flags {
    let source = argv.get(1).and_then(|name| Sha::parse(name)).and_then(|sha| node.scripting.find(&sha));
    scripting::flags_of(facts, source.and_then(|source| source.flags))
}

/// SCRIPT LOAD script
fn script_load<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let source = scripting::load(ctx.node, args.at(2))?;
    ctx.reply.bulk(source.sha.as_bytes());
    Ok(())
}

/// SCRIPT EXISTS sha1 [sha1 ...]
fn script_exists<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let names = args.from(2);
    ctx.reply.array(names.len());
    for name in names {
        let found = Sha::parse(name).is_some_and(|sha| ctx.node.scripting.find(&sha).is_some());
        ctx.reply.integer(found.into());
    }
    Ok(())
}

/// SCRIPT FLUSH [ASYNC | SYNC]
fn script_flush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 3 || args.len() == 3 && !args.is(2, "async") && !args.is(2, "sync") {
        return Err("ERR SCRIPT FLUSH only support SYNC|ASYNC option".into());
    }
    ctx.node.scripting.flush();
    ctx.reply.ok();
    Ok(())
}

/// SCRIPT KILL
fn script_kill<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    answer_kill(ctx, ctx.node.scripting.kill(false))
}

/// What SCRIPT KILL and FUNCTION KILL reply.
pub(super) fn answer_kill(ctx: &mut Context<'_, '_>, killed: Killed) -> CommandResult {
    match killed {
        Killed::Yes => {
            ctx.reply.ok();
            Ok(())
        }
        Killed::NotBusy => Err("NOTBUSY No scripts in execution right now.".into()),
        Killed::Unkillable => {
            Err("UNKILLABLE Sorry the script already executed write commands against the dataset. You can either \
                 wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
                .into())
        }
    }
}

/// SCRIPT DEBUG (SYNC | NO)
fn script_debug<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if !ctx.reply.is_empty() {
        return Err("ERR SCRIPT DEBUG must be called outside a pipeline".into());
    }
    match () {
        () if args.is(2, "no") => ctx.session.dialogue = None,
        () if args.is(2, "sync") => {
            ctx.session.dialogue = Some(Arc::new(Dialogue::new(ctx.session.handle.clone())));
        }
        () if args.is(2, "yes") => {
            return Err("ERR SCRIPT DEBUG YES would need a copy of the server: use SCRIPT DEBUG SYNC".into());
        }
        () => return Err("ERR Use SCRIPT DEBUG YES/SYNC/NO".into()),
    }
    ctx.reply.ok();
    Ok(())
}

/// SCRIPT HELP
fn script_help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(&[
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (SYNC|NO)",
        "    Whether the next EVAL is debugged. What it writes stays.",
        "EXISTS <sha1> [<sha1> ...]",
        "    For each digest, whether its script is in the cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Empties the cache of scripts.",
        "KILL",
        "    Stops the script that has run longest, unless it has written.",
        "LOAD <script>",
        "    Puts a script into the cache without running it.",
        "HELP",
        "    Prints this help.",
    ]);
    Ok(())
}
