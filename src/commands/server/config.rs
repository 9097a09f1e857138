//! CONFIG: the settings, and what has to happen at once when one is changed.

use std::sync::Arc;

use super::title;
use crate::base::number::parse_i64;
use crate::base::oom_score::{self, Score};
use crate::base::{alloc, crash, descriptors, log};
use crate::config::{Changes, Config, Id, SetError};
use crate::engine::acl;
use crate::engine::error::echoed;
use crate::engine::node::Rebind;
use crate::engine::{
    Args, BlockRequest, Call, CommandError, CommandResult, Context, Handling, Node, Row, evict, keyless, text,
};
use crate::persistence::aof::Fsync;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("CONFIG|GET", keyless(get)),
    Row::new("CONFIG|SET", keyless(set)),
    Row::new("CONFIG|REWRITE", keyless(rewrite)),
    Row::new("CONFIG|RESETSTAT", keyless(reset_stats)),
    Row::new("CONFIG|HELP", keyless(help)),
];

const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern> [<pattern> ...]",
    "    Show the settings that match and their values.",
    "SET <setting> <value> [<setting> <value> ...]",
    "    Change settings, all or none.",
    "RESETSTAT",
    "    Let the statistics of INFO begin anew.",
    "REWRITE",
    "    Write the settings in force into the configuration file.",
    "HELP",
    "    Print this help.",
];

/// CONFIG GET parameter [parameter ...]
fn get<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let found = ctx.node.config.matching(args.from(2));
    ctx.reply.map(found.len());
    for (name, value) in found {
        ctx.reply.bulk(&name);
        ctx.reply.bulk(&value);
    }
    Ok(())
}

/// CONFIG SET parameter value [parameter value ...]
fn set<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (pairs, rest) = args.from(2).as_chunks::<2>();
    if !rest.is_empty() {
        return Err(text::SYNTAX.into());
    }
    let pairs: Vec<_> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    if ctx.node.is_loading() && pairs.iter().any(|(name, _)| waits_for_data(name)) {
        return Err(text::LOADING.into());
    }
    let config = &ctx.node.config;
    let changes = config.set(&pairs, ctx.session.handle.is_local()).map_err(|error| refusal(&error))?;
    if let Err(error) = apply(ctx, &changes) {
        config.undo(&changes);
        // What had been put into effect before the refusal; it was allowed then.
        let _ = put_into_effect(&ctx.worker.node, &changes);
        return Err(refusal(&error));
    }
    let listening = changes.ids().find(|&id| listens(id));
    match listening {
        Some(id) => listen_anew(ctx, changes, id),
        None => {
            put_password_into_effect(ctx.node, &changes);
            ctx.reply.ok();
        }
    }
    Ok(())
}

/// Settings that cannot be changed while the data is being loaded.
fn waits_for_data(name: &[u8]) -> bool {
    ["appendonly", "dir", "repl-diskless-load"]
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// Waits until the server listens where the settings say now, or has undone the changes because it can't.
fn listen_anew(ctx: &mut Context<'_, '_>, changes: Changes, id: Id) {
    const PORT: &str = "Unable to listen on this port. Check server logs.";
    const BIND: &str = "Failed to bind to specified addresses.";
    let reason = SetError::failed(id, if id == Id::Port { PORT } else { BIND });
    let (node, refusal) = (ctx.worker.node.clone(), format!("ERR {reason}"));
    ctx.block(BlockRequest::for_answer(move |call| {
        node.request_rebind(Rebind { changes, refusal, call });
    }));
}

fn refusal(error: &SetError) -> CommandError {
    if let SetError::Unknown(name) = error {
        const REASON: &str = "ERR Unknown option or number of arguments for CONFIG SET - '";
        return CommandError::of(&[&REASON, &echoed(name, usize::MAX), &"'"]);
    }
    CommandError::new(format!("ERR {error}"))
}

fn listens(id: Id) -> bool {
    matches!(id, Id::Bind | Id::Port)
}

/// Puts changes into effect. What most settings mean is looked up when it is needed: these are the others.
fn apply(ctx: &Context<'_, '_>, changes: &Changes) -> Result<(), SetError> {
    put_into_effect(&ctx.worker.node, changes)?;
    if changes.ids().any(|id| id == Id::MaxMemory) {
        make_room(ctx);
    }
    match changes.ids().find(|&id| listens(id)) {
        Some(id) if matches!(ctx.call, Call::Transaction) => {
            Err(SetError::failed(id, "not within a transaction: listening anew takes too long"))
        }
        _ => Ok(()),
    }
}

/// As `apply`, for what needs no client: also after changes have been undone.
pub fn put_into_effect(node: &Arc<Node>, changes: &Changes) -> Result<(), SetError> {
    changes.ids().map(|id| put_one_into_effect(node, id)).fold(Ok(()), Result::and)
}

fn put_one_into_effect(node: &Arc<Node>, id: Id) -> Result<(), SetError> {
    let config = &node.config;
    match id {
        Id::LogLevel => log::set_level(config.get(id) as u8),
        Id::MaxMemoryClients => node.client_memory.look_after(node),
        Id::MaxClients => allow_clients(config)?,
        Id::AppendFsync => node.log.set_policy(Fsync::from_setting(config.get(id))),
        Id::LatencyMonitorThreshold => node.latency.set_threshold(config.get_unsigned(id)),
        Id::ReplBacklogSize => node.feed.set_backlog_bytes(config.get_unsigned(id)),
        Id::AofTimestampEnabled => node.log.set_stamps(config.is_on(id)),
        // Begins at once, and is made good by the beat if something else runs now.
        Id::AppendOnly => node.saving.kick(node),
        Id::AofDisableAutoGc => node.saving.collect_history(node),
        Id::OomScoreAdj | Id::OomScoreAdjValues => set_oom_score(config, id)?,
        Id::CrashLogEnabled => crash::set_reports(config.is_on(id)),
        Id::ProcTitleTemplate | Id::Port | Id::Bind => title::show(config),
        _ => {}
    }
    Ok(())
}

/// Puts a changed `requirepass` into effect. It comes last, when nothing is refused any more: the password that the default user
/// has may have come from an ACL, and could not be put back.
pub fn put_password_into_effect(node: &Node, changes: &Changes) {
    if changes.ids().any(|id| id == Id::RequirePass) {
        node.acl.set_default_password(&node.config.text(Id::RequirePass));
    }
}

/// The score that the settings ask for.
pub fn oom_score_wanted(config: &Config) -> Score {
    const OFF: i64 = 0;
    const RELATIVE: i64 = 1;
    let scores = config.text(Id::OomScoreAdjValues);
    let primary = scores.split(|&byte| byte == b' ').next().and_then(parse_i64).unwrap_or(0);
    match config.get(Id::OomScoreAdj) {
        OFF => Score::Original,
        RELATIVE => Score::Relative(primary),
        _ => Score::Absolute(primary),
    }
}

fn set_oom_score(config: &Config, id: Id) -> Result<(), SetError> {
    oom_score::set(oom_score_wanted(config)).map_err(|error| {
        log::warning!("Unable to write oom_score_adj: {error}");
        SetError::failed(id, "Failed to apply new oom_score_adj configuration, check server logs.")
    })
}

fn make_room(ctx: &Context<'_, '_>) {
    let limit = ctx.node.config.get_unsigned(Id::MaxMemory);
    let used = alloc::used_bytes();
    if limit == 0 || limit >= used as u64 {
        return;
    }
    log::warning!(
        "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory usage ({used}). \
         This will result in key eviction and/or the inability to accept new write commands depending on the \
         maxmemory-policy."
    );
    // A transaction holds locks; the next write outside of one will evict.
    if matches!(ctx.call, Call::Direct) {
        evict::make_room(ctx.worker);
    }
}

/// Each client needs a descriptor.
fn allow_clients(config: &Config) -> Result<(), SetError> {
    let wanted = config.get_unsigned(Id::MaxClients) + descriptors::RESERVED;
    let granted = descriptors::raise_limit(wanted);
    if granted.now >= wanted {
        return Ok(());
    }
    let possible = granted.now.saturating_sub(descriptors::RESERVED);
    let reason = format!(
        "The operating system is not able to handle the specified number of clients, try with {possible}"
    );
    Err(SetError::failed(Id::MaxClients, reason))
}

/// CONFIG REWRITE
fn rewrite<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    if matches!(ctx.call, Call::Transaction) {
        return Err("ERR CONFIG REWRITE writes to the disk, which a transaction must not wait for".into());
    }
    match ctx.node.config.rewrite(&acl::config_lines(ctx.node)) {
        Ok(()) => log::notice!("CONFIG REWRITE executed with success."),
        Err(error) => {
            log::warning!("CONFIG REWRITE failed: {error}");
            return Err(CommandError::new(format!("ERR {error}")));
        }
    }
    ctx.reply.ok();
    Ok(())
}

/// CONFIG RESETSTAT
fn reset_stats<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.node.reset_stats();
    ctx.reply.ok();
    Ok(())
}

/// CONFIG HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
