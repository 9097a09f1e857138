//! Connections: who the client is and how it speaks.

use crate::acl::DEFAULT;
use crate::engine::acl::{Origin, Reason};
use crate::engine::error::echoed;
use crate::engine::session::{ReplyMode, Session};
use crate::engine::{
    Args, Call, CommandError, CommandResult, Context, Handling, Node, Row, keyless, text, transaction,
};
use crate::resp::Protocol;

use super::server::REDIS_VERSION;
use super::{client, pubsub};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("PING", keyless(ping)),
    Row::new("ECHO", keyless(echo)),
    Row::new("HELLO", keyless(hello)),
    Row::new("AUTH", keyless(auth)),
    Row::new("SELECT", keyless(select)),
    Row::new("QUIT", keyless(quit)),
    Row::new("RESET", keyless(reset)),
];

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const NOT_LOGGED_IN: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> \
AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
const NO_PASSWORD: &str = "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
configuration is correct?";

/// PING [message]
fn ping<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 2 {
        return Err(CommandError::new("ERR wrong number of arguments for 'ping' command"));
    }
    if !ctx.session.subscriptions.is_empty() && !ctx.reply.is_resp3() {
        ctx.reply.array(2);
        ctx.reply.bulk(b"pong");
        ctx.reply.bulk(args.get(1).unwrap_or_default());
        return Ok(());
    }
    match args.get(1) {
        Some(message) => ctx.reply.bulk(message),
        None => ctx.reply.simple("PONG"),
    }
    Ok(())
}

/// ECHO message
fn echo<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    ctx.reply.bulk(args.at(1));
    Ok(())
}

/// What HELLO asks for.
#[derive(Default)]
struct Hello<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut hello = Hello::default();
        if args.len() > 1 {
            hello.protocol = Some(match args.integer(1) {
                Ok(2) => Protocol::Resp2,
                Ok(3) => Protocol::Resp3,
                Ok(_) => return Err("NOPROTO unsupported protocol version".into()),
                Err(_) => return Err("ERR Protocol version is not an integer or out of range".into()),
            });
        }
        let mut index = 2;
        while let Some(option) = args.get(index) {
            if args.is(index, "AUTH") && index + 2 < args.len() {
                hello.credentials = Some((args.at(index + 1), args.at(index + 2)));
                index += 3;
            } else if args.is(index, "SETNAME") && index + 1 < args.len() {
                hello.name = Some(client::checked_name(args.at(index + 1))?);
                index += 2;
            } else {
                let option = echoed(option, usize::MAX);
                return Err(CommandError::of(&[&"ERR Syntax error in HELLO option '", &option, &"'"]));
            }
        }
        Ok(hello)
    }
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
fn hello<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hello = Hello::parse(args)?;
    if let Some((user, password)) = hello.credentials {
        log_in(ctx, args.at(0), user, password)?;
    }
    if !ctx.session.authenticated {
        return Err(NOT_LOGGED_IN.into());
    }
    if let Some(name) = hello.name {
        ctx.session.handle.names.lock().name = name.to_vec();
    }
    if let Some(protocol) = hello.protocol {
        set_protocol(ctx, protocol);
    }
    reply_hello(ctx);
    Ok(())
}

fn reply_hello(ctx: &mut Context<'_, '_>) {
    let reply = &mut *ctx.reply;
    reply.map(7);
    for (name, value) in [(b"server".as_slice(), b"redis".as_slice()), (b"version", REDIS_VERSION.as_bytes())]
    {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk(b"proto");
    reply.integer(if reply.is_resp3() { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(ctx.session.handle.id as i64);
    for (name, value) in [(b"mode".as_slice(), b"standalone".as_slice()), (b"role", b"master")] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk(b"modules");
    reply.array(0);
}

fn set_protocol(ctx: &mut Context<'_, '_>, protocol: Protocol) {
    ctx.session.protocol = protocol;
    ctx.reply.set_protocol(protocol);
}

/// AUTH [username] password
fn auth<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    match *args.from(1) {
        [_] if ctx.node.acl.has_no_password() => return Err(NO_PASSWORD.into()),
        [password] => log_in(ctx, args.at(0), DEFAULT, password)?,
        [user, password] => log_in(ctx, args.at(0), user, password)?,
        _ => return Err(text::SYNTAX.into()),
    }
    ctx.reply.ok();
    Ok(())
}

/// Logs in on behalf of `command`.
fn log_in(ctx: &mut Context<'_, '_>, command: &[u8], user: &[u8], password: &[u8]) -> CommandResult {
    if ctx.node.acl.log_in(ctx.session, user, password) {
        return Ok(());
    }
    let origin = if matches!(ctx.call, Call::Transaction) { Origin::Exec } else { Origin::Client };
    ctx.node.acl.log.note(ctx.node, ctx.session, Reason::Auth, origin, command, user);
    Err(WRONG_PASSWORD.into())
}

/// SELECT index
fn select<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let index = match args.integer(1)? {
        index if i32::try_from(index).is_ok() => index,
        _ => return args.integer_within(1, i32::MIN.into(), i32::MAX.into()).map(drop),
    };
    let within = usize::try_from(index).ok().filter(|&index| index < ctx.node.databases());
    ctx.session.db = within.ok_or(CommandError::from(text::DB_RANGE))?;
    ctx.reply.ok();
    Ok(())
}

/// QUIT
fn quit<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.session.close = true;
    ctx.reply.ok();
    Ok(())
}

/// RESET
fn reset<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    transaction::unwatch_all(ctx.session, ctx.worker);
    forget(ctx.session, ctx.node);
    set_protocol(ctx, Protocol::Resp2);
    ctx.reply.simple("RESET");
    Ok(())
}

/// Puts a session back to where a new one begins. The library's name stays: it describes the program, not its state.
fn forget(session: &mut Session, node: &Node) {
    session.queue = None;
    pubsub::unsubscribe_all(session, node);
    if std::mem::take(&mut session.monitors) {
        node.monitors.remove(&session.handle);
        session.handle.drop_mail();
    }
    session.db = 0;
    node.acl.log_out(session);
    session.reply_mode = ReplyMode::On;
    session.no_touch = false;
    session.tracks = false;
    node.tracking.disable(&session.handle);
    let view = &session.handle.view;
    view.no_evict.store(false, std::sync::atomic::Ordering::Relaxed);
    view.no_touch.store(false, std::sync::atomic::Ordering::Relaxed);
    session.handle.names.lock().name.clear();
}
