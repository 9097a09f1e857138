//! What is refused before any lock is taken.

use super::acl::{self, Origin};
use super::context::Handling;
use super::error::{CommandError, text};
use super::execute::Order;
use super::keys::{self, Keys};
use super::node::Node;
use super::session::Session;
use super::spec::{Facts, Group, flag};
use super::table::Command;
use super::worker::Worker;
use crate::config::Id;
use crate::resp::Protocol;

/// The longest key and element.
const LENGTH_MAX: usize = u32::MAX as usize;

/// What can be refused before any lock is taken.
#[inline]
pub(super) fn check(worker: &Worker, session: &mut Session, order: &Order<'_>) -> Result<(), CommandError> {
    let flags = order.command.facts.flags;
    if !session.authenticated && !flags.contains(flag::NO_AUTH) && !worker.node.acl.is_open() {
        return Err(text::NO_AUTH.into());
    }
    if session.queue.is_some() && flags.contains(flag::NO_MULTI) {
        return Err("ERR Command not allowed inside a transaction".into());
    }
    acl::check(worker, session, order, Origin::of(session))?;
    if worker.node.is_loading() && !flags.contains(flag::LOADING) && !session.replays {
        return Err(text::LOADING.into());
    }
    if flags.contains(flag::PROTECTED) {
        check_protected(worker, session, order.command.facts)?;
    }
    if (session.monitors || session.follows) && reaches_data(order.command.facts) {
        return Err("ERR Replica can't interact with the keyspace".into());
    }
    if !session.subscriptions.is_empty() && session.protocol == Protocol::Resp2 {
        check_subscribed(order)?;
    }
    if worker.node.config.get(Id::ProtoMaxBulkLen) > LENGTH_MAX as i64 {
        check_lengths(order.command.facts, order.argv)?;
    }
    if (worker.node.saving.has_failed() || worker.node.journal.is_failing())
        && refused_without_log(order.command)
        && !session.replays
        && let Some(reason) = disk_refusal(&worker.node)
    {
        return Err(CommandError::new(reason));
    }
    if lacks_replicas(&worker.node) && flags.contains(flag::WRITE) && !session.replays {
        return Err(text::NO_REPLICAS.into());
    }
    // Redis evicts before any command; here those that read keys leave it to the others.
    let is_queued = session.queue.is_some() && !ends_queue(order.command.facts);
    if worker.node.config.get(Id::MaxMemory) != 0
        && (is_queued || !flags.contains(flag::READONLY))
        && !session.replays
        && !super::evict::make_room(worker)
        && (is_queued || flags.contains(flag::DENYOOM))
    {
        return Err(text::OUT_OF_MEMORY.into());
    }
    Ok(())
}

/// Whether the command is run at once within MULTI; others take memory there whatever they do.
fn ends_queue(facts: &Facts) -> bool {
    matches!(facts.name, "exec" | "discard" | "multi" | "quit" | "reset")
}

/// What a replica may not run, nor a client that watches: for Redis it is one.
fn reaches_data(facts: &Facts) -> bool {
    [flag::WRITE, flag::READONLY, flag::MAY_REPLICATE].iter().any(|&bit| facts.flags.contains(bit))
}

/// Keys and elements have lengths of 32 bits; the values of strings may be longer.
#[cold]
fn check_lengths(facts: &Facts, argv: &[&[u8]]) -> Result<(), CommandError> {
    let is_long = |argument: &[u8]| argument.len() > LENGTH_MAX;
    if !argv.iter().any(|argument| is_long(argument)) {
        return Ok(());
    }
    let mut keys = Keys::new();
    // Where the keys can't be found the handler complains.
    let _ = keys::keys(facts, argv, &mut keys);
    let holds_elements =
        facts.flags.contains(flag::WRITE) && !matches!(facts.group, Group::String | Group::Bitmap);
    if holds_elements || keys.iter().any(|key| is_long(argv[key.position])) {
        return Err(text::STRING_TOO_LONG.into());
    }
    Ok(())
}

/// Why writes are refused: the disk does not take them, or replicas are missing.
pub(super) fn write_refusal(node: &Node) -> Option<String> {
    disk_refusal(node).or_else(|| lacks_replicas(node).then(|| text::NO_REPLICAS.into()))
}

/// Whether the disk does not take snapshots, or the log.
fn disk_refusal(node: &Node) -> Option<String> {
    if node.saving.has_failed() && node.saving.refuses_writes(node) {
        return Some(text::SNAPSHOT_FAILED.into());
    }
    node.journal.is_failing().then(|| node.log_refusal())
}

/// Whether writes want more replicas than there are.
#[inline]
fn lacks_replicas(node: &Node) -> bool {
    node.config.get(Id::MinReplicasToWrite) != 0
        && node.config.get(Id::MinReplicasMaxLag) != 0
        && has_too_few_replicas(node)
}

#[cold]
fn has_too_few_replicas(node: &Node) -> bool {
    node.feed.count_good(node.config.get(Id::MinReplicasMaxLag)) < node.config.get(Id::MinReplicasToWrite)
}

/// What Redis refuses while its log can't be written: writes, and PING so that who looks after it knows.
fn refused_without_log(command: &Command<Handling>) -> bool {
    command.facts.flags.contains(flag::WRITE) || command.facts.name == "ping"
}

/// DEBUG and MODULE are for those whom `enable-debug-command` and `enable-module-command` allow them.
#[cold]
fn check_protected(worker: &Worker, session: &Session, facts: &Facts) -> Result<(), CommandError> {
    const YES: i64 = 1;
    const LOCAL: i64 = 2;
    let (id, name) = match facts.name {
        "debug" => (Id::EnableDebugCommand, "DEBUG"),
        _ => (Id::EnableModuleCommand, "MODULE"),
    };
    match worker.node.config.get(id) {
        YES => Ok(()),
        LOCAL if session.handle.is_local() => Ok(()),
        _ => Err(CommandError::new(format!(
            "ERR {name} command not allowed. If the enable-{}-command option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart the \
             server.",
            name.to_ascii_lowercase()
        ))),
    }
}

fn check_subscribed(order: &Order<'_>) -> Result<(), CommandError> {
    const ALLOWED: &[&str] = &[
        "ping",
        "subscribe",
        "ssubscribe",
        "psubscribe",
        "unsubscribe",
        "sunsubscribe",
        "punsubscribe",
        "quit",
        "reset",
    ];
    let name = order.command.facts.name;
    if ALLOWED.contains(&name) {
        return Ok(());
    }
    Err(CommandError::new(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::facts;

    #[test]
    fn keys_and_elements_of_four_gigabytes_are_refused() {
        // Never touched, so never there.
        let long = vec![0; LENGTH_MAX + 1];
        let check = |argv: &[&[u8]], accepted: bool| {
            let name = std::str::from_utf8(argv[0]).unwrap();
            let facts = facts::all().find(|facts| facts.name == name).unwrap();
            assert_eq!(check_lengths(facts, argv).is_ok(), accepted, "{name}");
        };
        check(&[b"set", b"key", &long], true);
        check(&[b"set", b"key", &long[1..]], true);
        check(&[b"set", &long, b"value"], false);
        check(&[b"set", &long[1..], b"value"], true);
        check(&[b"mset", b"key", &long, &long, b"value"], false);
        check(&[b"get", &long], false);
        check(&[b"rpush", b"key", &long], false);
        check(&[b"rpush", b"key", &long[1..]], true);
        check(&[b"echo", &long], true);
    }
}
