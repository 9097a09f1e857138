//! MODULE: there are none, and none can be loaded.

use crate::engine::{Args, CommandResult, Context, Handling, Row, keyless};

/// The rows of this family. `enable-module-command` guards LOAD, LOADEX and UNLOAD.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("MODULE|LIST", keyless(list)),
    Row::new("MODULE|LOAD", keyless(load)),
    Row::new("MODULE|LOADEX", keyless(load)),
    Row::new("MODULE|UNLOAD", keyless(unload)),
    Row::new("MODULE|HELP", keyless(help)),
];

const HELP: &[&str] = &[
    "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LIST",
    "    List the modules: always none, this server takes no modules.",
    "LOAD <path> [<arg> ...]",
    "LOADEX <path> [CONFIG <name> <value> ...] [ARGS <arg> ...]",
    "    Fail.",
    "UNLOAD <name>",
    "    Fail.",
    "HELP",
    "    Print this help.",
];

/// MODULE LIST
fn list<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.array(0);
    Ok(())
}

/// MODULE LOAD path [arg ...], MODULE LOADEX path [CONFIG name value ...] [ARGS arg ...]
fn load<'a>(_ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    Err("ERR Error loading the extension. Please check the server logs.".into())
}

/// MODULE UNLOAD name
fn unload<'a>(_ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    Err("ERR Error unloading module: no such module with that name".into())
}

/// MODULE HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
