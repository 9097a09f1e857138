//! CLIENT: what clients tell about themselves, and what may be done to others.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::clock;
use crate::base::number::parse_i64;
use crate::engine::blocking::{UNBLOCKED, deadline_from_milliseconds};
use crate::engine::client_line;
use crate::engine::error::echoed;
use crate::engine::execute::count_error;
use crate::engine::pause::Paused;
use crate::engine::session::{ClientHandle, ReplyMode};
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Node, Row, keyless, text, whole};
use crate::store::Mode;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("CLIENT|ID", keyless(id)),
    Row::new("CLIENT|GETNAME", keyless(get_name)),
    Row::new("CLIENT|SETNAME", keyless(set_name)),
    Row::new("CLIENT|SETINFO", keyless(set_info)),
    Row::new("CLIENT|INFO", keyless(info)),
    Row::new("CLIENT|LIST", keyless(list)),
    Row::new("CLIENT|KILL", keyless(kill)),
    Row::new("CLIENT|REPLY", keyless(reply)),
    Row::new("CLIENT|UNBLOCK", keyless(unblock)),
    Row::new("CLIENT|PAUSE", whole(pause, Mode::Write)),
    Row::new("CLIENT|UNPAUSE", keyless(unpause)),
    Row::new("CLIENT|NO-EVICT", keyless(no_evict)),
    Row::new("CLIENT|NO-TOUCH", keyless(no_touch)),
    Row::new("CLIENT|HELP", keyless(help)),
];

const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Track the keys of the next command after all (OPTIN), or not (OPTOUT).",
    "GETNAME",
    "    Tell the name of this connection.",
    "GETREDIR",
    "    Tell the id of the client that invalidations are sent to; -1 for none.",
    "ID",
    "    Tell the id of this connection.",
    "INFO",
    "    Describe this connection.",
    "KILL <ip:port>",
    "    Close the connection from this address.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Close the connections that pass all filters:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      The peer's address.",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      The server's address.",
    "    * ID <client-id>",
    "      The id.",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      The type.",
    "    * USER <username>",
    "      The user who has logged in.",
    "    * SKIPME (YES|NO)",
    "      Whether to spare this connection (default: yes).",
    "LIST [options ...]",
    "    Describe all connections, or those chosen by:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      The type.",
    "    * ID <client-id> [<client-id> [...]]",
    "      The ids.",
    "NO-EVICT (ON|OFF)",
    "    Spare this connection when clients are closed to free memory.",
    "NO-TOUCH (ON|OFF)",
    "    Leave the keys' last access alone when this connection reads them.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Have requests wait for so many milliseconds: those that may change data, or all (default).",
    "REPLY (ON|OFF|SKIP)",
    "    Send replies, send none, or leave out the next one.",
    "SETINFO <option> <value>",
    "    Tell about the client's program:",
    "    * LIB-NAME: the name of its library.",
    "    * LIB-VER: the version of its library.",
    "SETNAME <name>",
    "    Give this connection a name.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
    "    Tell this connection, or the one named, when keys change that it has read: for caches.",
    "TRACKINGINFO",
    "    Tell how keys are tracked for this connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    End the waiting of a blocked client.",
    "UNPAUSE",
    "    End the pause.",
    "HELP",
    "    Print this help.",
];

/// A client's type as LIST and KILL filter by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientType {
    Normal,
    PubSub,
    Replica,
    Primary,
}

impl ClientType {
    fn parse(name: &[u8]) -> Result<Self, CommandError> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::PubSub),
            b"replica" | b"slave" => Ok(Self::Replica),
            b"master" => Ok(Self::Primary),
            _ => Err(error_naming("Unknown client type", name)),
        }
    }

    fn of(client: &ClientHandle) -> Self {
        if client.view.follows.load(Relaxed) {
            return Self::Replica;
        }
        if client_line::listens(client) { Self::PubSub } else { Self::Normal }
    }
}

fn error_naming(what: &str, name: &[u8]) -> CommandError {
    CommandError::of(&[&"ERR ", &what, &" '", &echoed(name, usize::MAX), &"'"])
}

/// A name that may be given to a connection: printable ASCII without spaces, since CLIENT LIST separates by spaces.
pub(super) fn checked_name(name: &[u8]) -> Result<&[u8], CommandError> {
    if is_plain(name) {
        return Ok(name);
    }
    Err("ERR Client names cannot contain spaces, newlines or special characters.".into())
}

fn is_plain(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

/// CLIENT ID
fn id<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.integer(ctx.session.handle.id as i64);
    Ok(())
}

/// CLIENT GETNAME
fn get_name<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let names = ctx.session.handle.names.lock();
    ctx.reply.bulk_or_null(Some(names.name.as_slice()).filter(|name| !name.is_empty()));
    Ok(())
}

/// CLIENT SETNAME connection-name
fn set_name<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    ctx.session.handle.names.lock().name = checked_name(args.at(2))?.to_vec();
    ctx.reply.ok();
    Ok(())
}

/// CLIENT SETINFO (LIB-NAME libname | LIB-VER libver)
fn set_info<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (option, value) = (args.at(2), args.at(3));
    let is_name = args.is(2, "LIB-NAME");
    if !is_name && !args.is(2, "LIB-VER") {
        return Err(error_naming("Unrecognized option", option));
    }
    if !is_plain(value) {
        const REASON: &str = " cannot contain spaces, newlines or special characters.";
        return Err(CommandError::of(&[&"ERR ", &option, &REASON]));
    }
    let mut names = ctx.session.handle.names.lock();
    *if is_name { &mut names.library } else { &mut names.library_version } = value.to_vec();
    ctx.reply.ok();
    Ok(())
}

/// Brings what the client's own line shows up to date, the request that runs included.
fn publish_own(ctx: &Context<'_, '_>, args: Args<'_>) {
    let (session, view) = (&ctx.session, &ctx.session.handle.view);
    session.publish_view();
    view.query_bytes.store(session.query_bytes.0, Relaxed);
    view.query_free_bytes.store(session.query_bytes.1, Relaxed);
    view.argument_bytes.store(args.from(0).iter().map(|argument| argument.len()).sum(), Relaxed);
    view.reply_bytes.store(ctx.reply.len(), Relaxed);
}

/// CLIENT INFO
fn info<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    publish_own(ctx, args);
    let line = client_line::describe(ctx.node, &ctx.session.handle) + "\n";
    ctx.reply.verbatim("txt", line.as_bytes());
    Ok(())
}

/// CLIENT LIST [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]
fn list<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    publish_own(ctx, args);
    let clients = match args.len() {
        2 => connected(ctx.node),
        4 if args.is(2, "TYPE") => {
            let wanted = ClientType::parse(args.at(3))?;
            let mut clients = connected(ctx.node);
            clients.retain(|client| ClientType::of(client) == wanted);
            clients
        }
        4.. if args.is(2, "ID") => named(ctx.node, args.from(3))?,
        _ => return Err(text::SYNTAX.into()),
    };
    let line = |client: &Arc<ClientHandle>| client_line::describe(ctx.node, client) + "\n";
    let lines: String = clients.iter().map(line).collect();
    ctx.reply.verbatim("txt", lines.as_bytes());
    Ok(())
}

/// All clients in the order in which they came, but for those that have been closed by others.
fn connected(node: &Node) -> Vec<Arc<ClientHandle>> {
    let open = node.clients.iter().filter(|client| !client.is_killed());
    let mut clients: Vec<_> = open.map(|client| client.clone()).collect();
    clients.sort_unstable_by_key(|client| client.id);
    clients
}

fn named(node: &Node, ids: &[&[u8]]) -> Result<Vec<Arc<ClientHandle>>, CommandError> {
    let mut clients = Vec::new();
    for id in ids {
        let id = parse_i64(id).ok_or(CommandError::from("ERR Invalid client ID"))?;
        clients.extend(node.clients.get(&(id as u64)).map(|client| client.clone()));
    }
    Ok(clients)
}

/// Which clients CLIENT KILL closes; None: any.
struct Victims<'a> {
    id: Option<u64>,
    client_type: Option<ClientType>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    /// By serial.
    user: Option<u64>,
    skips_own: bool,
}

impl<'a> Victims<'a> {
    fn parse(node: &Node, args: Args<'a>) -> Result<Self, CommandError> {
        let mut victims = Victims {
            id: None,
            client_type: None,
            address: None,
            local_address: None,
            user: None,
            skips_own: true,
        };
        for index in (2..args.len()).step_by(2) {
            let value = args.need(index + 1)?;
            if args.is(index, "ID") {
                let id = parse_i64(value).filter(|&id| id > 0);
                victims.id = Some(id.ok_or("ERR client-id should be greater than 0")? as u64);
            } else if args.is(index, "TYPE") {
                victims.client_type = Some(ClientType::parse(value)?);
            } else if args.is(index, "ADDR") {
                victims.address = Some(value);
            } else if args.is(index, "LADDR") {
                victims.local_address = Some(value);
            } else if args.is(index, "USER") {
                let user = node.acl.user(value).ok_or_else(|| error_naming("No such user", value))?;
                victims.user = Some(user.identity.serial);
            } else if args.is(index, "SKIPME") {
                victims.skips_own = match value.to_ascii_lowercase().as_slice() {
                    b"yes" => true,
                    b"no" => false,
                    _ => return Err(text::SYNTAX.into()),
                };
            } else {
                return Err(text::SYNTAX.into());
            }
        }
        Ok(victims)
    }

    fn include(&self, client: &ClientHandle, own_id: u64) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.client_type.is_none_or(|wanted| wanted == ClientType::of(client))
            && self.address.is_none_or(|address| address == client.address.as_bytes())
            && self.local_address.is_none_or(|address| address == client.local_address.as_bytes())
            && self.user.is_none_or(|serial| serial == client.user_serial())
            && !(self.skips_own && client.id == own_id)
    }
}

/// CLIENT KILL (ip:port | [filter value ...])
fn kill<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() == 3 {
        let found = connected(ctx.node).into_iter().find(|client| client.address.as_bytes() == args.at(2));
        let Some(client) = found else { return Err("ERR No such client".into()) };
        close(ctx, &client);
        ctx.reply.ok();
        return Ok(());
    }
    ctx.session.publish_view();
    let victims = Victims::parse(ctx.node, args)?;
    let mut clients = connected(ctx.node);
    clients.retain(|client| victims.include(client, ctx.session.handle.id));
    clients.iter().for_each(|client| close(ctx, client));
    ctx.reply.count(clients.len());
    Ok(())
}

/// Closes a connection; the own one after the reply.
fn close(ctx: &mut Context<'_, '_>, client: &ClientHandle) {
    if client.id == ctx.session.handle.id {
        ctx.session.close = true;
    } else {
        client.kill();
    }
}

/// CLIENT REPLY (ON | OFF | SKIP)
fn reply<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.is(2, "ON") {
        // Within EXEC there may have been a SKIP, which is about the reply behind EXEC's.
        if ctx.session.reply_mode != ReplyMode::SkipNext {
            ctx.session.reply_mode = ReplyMode::On;
        }
        ctx.reply.ok();
    } else if args.is(2, "OFF") {
        ctx.session.reply_mode = ReplyMode::Off;
    } else if !args.is(2, "SKIP") {
        return Err(text::SYNTAX.into());
    } else if ctx.session.reply_mode != ReplyMode::Off {
        ctx.session.reply_mode = ReplyMode::SkipNext;
    }
    Ok(())
}

/// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]
fn unblock<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 4 {
        return Err(args.wrong_subcommand());
    }
    let error = match args.get(3) {
        None => None,
        Some(_) if args.is(3, "TIMEOUT") => None,
        Some(_) if args.is(3, "ERROR") => Some(UNBLOCKED),
        Some(_) => return Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR".into()),
    };
    let id = args.integer(2)? as u64;
    let call = ctx.node.clients.get(&id).and_then(|client| client.blocked());
    let done = call.is_some_and(|call| call.unblock(ctx.node, error));
    if let Some(error) = error.filter(|_| done) {
        count_error(ctx.worker, &error.into());
    }
    ctx.reply.integer(done.into());
    Ok(())
}

fn on_or_off(args: Args<'_>) -> Result<bool, CommandError> {
    match (args.is(2, "ON"), args.is(2, "OFF")) {
        (false, false) => Err(text::SYNTAX.into()),
        (on, _) => Ok(on),
    }
}

/// CLIENT PAUSE timeout [WRITE | ALL]
fn pause<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let paused = match args.len() {
        3 => Paused::Everything,
        4 if args.is(3, "WRITE") => Paused::Writes,
        4 if args.is(3, "ALL") => Paused::Everything,
        4 => return Err("ERR CLIENT PAUSE mode must be WRITE or ALL".into()),
        _ => return Err(args.wrong_subcommand()),
    };
    let timeout_ms = args.integer(2).map_err(|_| text::TIMEOUT_NOT_INTEGER)?;
    if let Some(ends_ms) = deadline_from_milliseconds(timeout_ms, clock::unix_ms())? {
        ctx.node.pause.begin(paused, ends_ms);
    }
    ctx.reply.ok();
    Ok(())
}

/// CLIENT UNPAUSE. As in Redis a pause of everything holds it up, too.
fn unpause<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.node.pause.end(&ctx.node.lane);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT NO-EVICT (ON | OFF)
fn no_evict<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    ctx.session.handle.view.no_evict.store(on_or_off(args)?, Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT NO-TOUCH (ON | OFF)
fn no_touch<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    ctx.session.no_touch = on_or_off(args)?;
    ctx.session.handle.view.no_touch.store(ctx.session.no_touch, Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
