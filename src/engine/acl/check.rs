//! Whether a session may run a command: asked for every command, answered at once for whoever may do anything.

use smallvec::SmallVec;

use super::super::context::{Context, Handling};
use super::super::error::{CommandError, text};
use super::super::execute::Order;
use super::super::keys::{self, Access as Lock, Keys};
use super::super::node::Node;
use super::super::session::Session;
use super::super::spec::{Facts, KeyFlags, flag, key};
use super::super::table::Command;
use super::super::worker::Worker;
use super::log::Reason;
use crate::acl::{Access, Call, Channels, Denial, NeededKey, User};

/// Where a command comes from: it decides on the words of a refusal, and on what ACL LOG tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its client.
    Client,
    /// Its client, who queues it for EXEC.
    Queue,
    /// EXEC.
    Exec,
    /// A script.
    Script,
}

impl Origin {
    /// Of what a client sends.
    pub fn of(session: &Session) -> Self {
        if session.queue.is_some() { Self::Queue } else { Self::Client }
    }

    /// As ACL LOG calls it.
    pub fn context(self) -> &'static str {
        match self {
            Self::Client => "toplevel",
            Self::Queue | Self::Exec => "multi",
            Self::Script => "lua",
        }
    }
}

/// Refuses what the session's user may not do.
///
/// # Errors
/// The refusal, which has been counted and noted.
#[inline]
pub fn check(
    worker: &Worker,
    session: &mut Session,
    order: &Order<'_>,
    origin: Origin,
) -> Result<(), CommandError> {
    if session.login.pass == worker.node.acl.generation() || session.replays {
        return Ok(());
    }
    check_user(worker, session, order, origin)
}

/// The same for a command that has been checked before, if users have changed since.
///
/// # Errors
/// As [`check`].
#[inline]
pub fn recheck(worker: &Worker, session: &mut Session, order: &Order<'_>) -> Result<(), CommandError> {
    if session.login.generation == worker.node.acl.generation() || session.replays {
        return Ok(());
    }
    check_user(worker, session, order, Origin::of(session))
}

/// The same for a call that locks by itself, once it has.
///
/// # Errors
/// As [`check`].
#[inline]
pub fn recheck_call(ctx: &mut Context<'_, '_>, argv: &[&[u8]]) -> Result<(), CommandError> {
    if ctx.session.login.generation == ctx.node.acl.generation() || ctx.session.replays {
        return Ok(());
    }
    Order::of(ctx.node, argv).map_or(Ok(()), |order| recheck(ctx.worker, ctx.session, &order))
}

#[cold]
fn check_user(
    worker: &Worker,
    session: &mut Session,
    order: &Order<'_>,
    origin: Origin,
) -> Result<(), CommandError> {
    let acl = &worker.node.acl;
    if session.login.generation != acl.generation() && !acl.refresh(&mut session.login) {
        session.authenticated = false;
        session.close = true;
        return Err(text::NO_AUTH.into());
    }
    let Some(user) = session.login.user.as_ref().filter(|user| !user.is_unrestricted()) else {
        return Ok(());
    };
    judge(&worker.node, user, order.command, order.argv).map_err(|denial| {
        let (reason, object) = match denial {
            Denial::Command => (Reason::Command, order.command.facts.name.as_bytes()),
            Denial::Key(place) => (Reason::Key, order.argv[place]),
            Denial::Channel(place) => (Reason::Channel, order.argv[place]),
        };
        acl.log.note(&worker.node, session, reason, origin, object, user.name());
        refusal(user, order.command.facts, denial, origin)
    })
}

fn refusal(user: &User, facts: &Facts, denial: Denial, origin: Origin) -> CommandError {
    let code = match origin {
        Origin::Client | Origin::Queue => "NOPERM ",
        Origin::Script => "ERR ACL failure in script: ",
        Origin::Exec => {
            let reason = match denial {
                Denial::Command => "no permission to execute the command or subcommand",
                Denial::Key(_) => "no permission to touch the specified keys",
                Denial::Channel(_) => "no permission to access one of the channels used as arguments",
            };
            return CommandError::new(format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
                 This command is no longer allowed for the following reason: {reason}"
            ));
        }
    };
    match denial {
        Denial::Command => CommandError::of(&[
            &code,
            &"User ",
            &user.name(),
            &" has no permissions to run the '",
            &facts.name,
            &"' command",
        ]),
        Denial::Key(_) => CommandError::of(&[&code, &"No permissions to access a key"]),
        Denial::Channel(_) => CommandError::of(&[&code, &"No permissions to access a channel"]),
    }
}

/// Whether a user may call a command with these arguments.
///
/// # Errors
/// What it may not.
pub fn judge(node: &Node, user: &User, command: &Command<Handling>, argv: &[&[u8]]) -> Result<(), Denial> {
    with_call(node, user, command, argv, |call| user.check(call))
}

/// Whether the session's user may call a command (redis.acl_check_cmd).
pub fn may_run(node: &Node, session: &Session, command: &Command<Handling>, argv: &[&[u8]]) -> bool {
    session.replays
        || session.login.pass == node.acl.generation()
        || session.login.user.as_ref().is_none_or(|user| judge(node, user, command, argv).is_ok())
}

/// Whether the session's user may run this command, and also read every key there is (patterns of SORT).
pub fn allows_all_keys(node: &Node, session: &Session, argv: &[&[u8]]) -> bool {
    if session.login.pass == node.acl.generation() || session.replays {
        return true;
    }
    let (Some(user), Some(order)) = (&session.login.user, Order::of(node, argv)) else { return false };
    with_call(node, user, order.command, argv, |call| user.allows_with_all_keys(call, Access::READ))
}

fn with_call<R>(
    node: &Node,
    user: &User,
    command: &Command<Handling>,
    argv: &[&[u8]],
    ask: impl FnOnce(&Call<'_>) -> R,
) -> R {
    let facts = command.facts;
    let keys = if user.asks_for_keys() { needed_keys(facts, argv) } else { SmallVec::new() };
    ask(&Call {
        command: node.acl.ids[usize::from(command.id)],
        is_free: facts.flags.contains(flag::NO_AUTH),
        argv,
        keys: &keys,
        channels: channels_of(facts),
    })
}

/// The keys that Redis asks for, and then those that it misses though the command will reach them (rule 3 of `engine::keys`).
fn needed_keys(facts: &Facts, argv: &[&[u8]]) -> SmallVec<[NeededKey; 8]> {
    let mut found = Keys::new();
    if !facts.has_keys() || !facts.accepts_count(argv.len()) {
        return SmallVec::new();
    }
    // Where the keys can't be found the command complains, before it looks at any.
    let result = keys::keys(facts, argv, &mut found);
    let mut needed: SmallVec<[NeededKey; 8]> =
        found.iter().map(|key| NeededKey { place: key.position, access: access_of(key.flags) }).collect();
    if !keys::may_miss_some(facts, result) {
        return needed;
    }
    let _ = keys::keys_to_lock(facts, argv, &mut found);
    for key in found {
        if !needed.iter().any(|known| known.place == key.position) {
            let access = if key.access == Lock::Read { Access::READ } else { Access::ALL };
            needed.push(NeededKey { place: key.position, access });
        }
    }
    needed
}

fn access_of(flags: KeyFlags) -> Access {
    let writes = flags.0 & (key::INSERT | key::DELETE | key::UPDATE) != 0;
    let read = if flags.contains(key::ACCESS) { Access::READ } else { Access::NONE };
    if writes { read.and(Access::WRITE) } else { read }
}

fn channels_of(facts: &Facts) -> Channels {
    match facts.name {
        "publish" | "spublish" => Channels::First,
        "subscribe" | "ssubscribe" => Channels::All,
        "psubscribe" => Channels::Patterns,
        _ => Channels::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::facts;

    /// Places and what is done there: `r`, `w`, `a` for both, `-` for nothing in particular.
    fn needed(request: &str) -> String {
        let argv: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        let name = request.split(' ').next().unwrap().to_lowercase();
        let facts = facts::all().find(|facts| facts.name == name).unwrap();
        let letter = |access| match access {
            Access::NONE => '-',
            Access::READ => 'r',
            Access::WRITE => 'w',
            _ => 'a',
        };
        let keys = needed_keys(facts, &argv);
        keys.iter().map(|key| format!("{}{}", key.place, letter(key.access))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_done_with_keys_follows_from_the_arguments() {
        let check = |request, expected| assert_eq!(needed(request), expected, "{request}");
        check("PING", "");
        check("GET k", "1r");
        check("STRLEN k", "1-");
        check("SET k v", "1w");
        check("SET k v GET", "1a");
        check("GETDEL k", "1a");
        check("DEL a b", "1w 2w");
        check("COPY a b", "1r 2w");
        check("BITFIELD k GET u8 0", "1r");
        check("BITFIELD k SET u8 0 1", "1a");
        check("SORT k STORE d", "1r 3w");
        check("EVAL script 2 a b", "3a 4a");
        check("PFCOUNT a b", "1r 2r");
        // Redis asks for none of these.
        check("PFMERGE d", "1a");
        check("XREADGROUP COUNT 1 GROUP STREAMS me STREAMS k >", "5r 6r 7a");
        check("GEORADIUS k 0 0 1 m STORE a STORE b", "1r 7w 9a");
    }

    #[test]
    fn too_few_arguments_are_no_keys() {
        for facts in facts::all() {
            assert!(needed_keys(facts, &[b"x"]).iter().all(|key| key.place < 1), "{}", facts.name);
        }
    }
}
