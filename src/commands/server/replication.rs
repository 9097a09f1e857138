//! Replication: clients that become replicas, what they say, and what a primary answers to REPLICAOF and FAILOVER.

use crate::base::number::parse_i64;
use crate::base::quoting;
use crate::config::Id;
use crate::engine::replicas::{self, Request};
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyless, text};
use crate::replication::{Content, Stage};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("REPLICAOF", keyless(replicaof)),
    Row::new("SLAVEOF", keyless(replicaof)),
    Row::new("FAILOVER", keyless(failover)),
    Row::new("ROLE", keyless(role)),
    Row::new("SYNC", keyless(sync)),
    Row::new("PSYNC", keyless(psync)),
    Row::new("REPLCONF", keyless(replconf)),
];

/// A replica's host name, at most.
const HOST_BYTES_MAX: usize = 255;
/// The release that reads RDB version 11, and all later ones.
const NEWEST_SINCE: (i64, i64) = (7, 2);

/// ROLE
fn role<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let links = ctx.node.feed.links();
    let online: Vec<_> = links.iter().filter(|link| link.stage() == Stage::Online).collect();
    ctx.reply.array(3);
    ctx.reply.bulk(b"master");
    ctx.reply.integer(ctx.node.feed.figures().end as i64);
    ctx.reply.array(online.len());
    for link in online {
        let view = link.view();
        ctx.reply.array(3);
        ctx.reply.bulk(view.address.as_bytes());
        ctx.reply.bulk_integer(view.port);
        ctx.reply.bulk_integer(link.acknowledged() as i64);
    }
    Ok(())
}

/// SYNC
fn sync<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    attach(ctx, &Request::Everything)
}

/// PSYNC replicationid offset
fn psync<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 3 && args.is(3, "FAILOVER") && !ctx.session.follows {
        return Err("ERR PSYNC FAILOVER can't be sent to a master.".into());
    }
    // Replicas count the bytes that they ask for from one.
    let place = u64::try_from(args.integer(2)?).ok().and_then(|first| first.checked_sub(1));
    attach(ctx, &Request::Rest(args.at(1), place))
}

fn attach(ctx: &mut Context<'_, '_>, request: &Request<'_>) -> CommandResult {
    // Who watches is a replica for Redis.
    if ctx.session.follows || ctx.session.monitors {
        return Ok(());
    }
    // The image would wait for the script as long as it runs.
    if ctx.node.scripting.is_slow(ctx.node.config.get(Id::BusyReplyThreshold)) {
        return Err(text::BUSY.into());
    }
    if !ctx.reply.is_empty() {
        return Err("ERR SYNC and PSYNC are invalid with pending output".into());
    }
    let view = replicas::link_of(ctx.session).view();
    let is_filtered = !view.content.data || !view.content.functions;
    if is_filtered && !view.finds_end {
        return Err("ERR Filtered replica requires EOF capability".into());
    }
    replicas::attach(&ctx.worker.node, ctx.session, request);
    Ok(())
}

/// REPLCONF [option value ...]. ACK and GETACK are not answered.
fn replconf<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len().is_multiple_of(2) {
        return Err(text::SYNTAX.into());
    }
    for index in (1..args.len()).step_by(2) {
        if args.is(index, "ACK") {
            acknowledge(ctx, args, index);
            return Ok(());
        }
        if args.is(index, "GETACK") {
            return Ok(());
        }
        introduce(ctx, args, index)?;
    }
    ctx.reply.ok();
    Ok(())
}

fn acknowledge(ctx: &mut Context<'_, '_>, args: Args<'_>, index: usize) {
    let place = |index: usize| args.get(index).and_then(parse_i64).map(|place| place.max(0) as u64);
    let (Some(link), Some(acknowledged)) = (&ctx.session.link, place(index + 1)) else { return };
    if ctx.session.follows {
        let on_disk = if args.is(index + 2, "FACK") { place(index + 3) } else { None };
        link.acknowledge(acknowledged, on_disk);
        ctx.node.durability.look();
    }
}

/// One thing that a replica says of itself.
fn introduce(ctx: &mut Context<'_, '_>, args: Args<'_>, index: usize) -> CommandResult {
    let value = args.at(index + 1);
    let text = || String::from_utf8_lossy(value).into_owned();
    let link = replicas::link_of(ctx.session);
    if args.is(index, "LISTENING-PORT") {
        let port = args.integer(index + 1)?;
        link.introduce(|view| view.port = port);
    } else if args.is(index, "IP-ADDRESS") {
        if value.len() > HOST_BYTES_MAX {
            let length = value.len();
            return Err(CommandError::new(format!(
                "ERR REPLCONF ip-address provided by replica instance is too long: {length} bytes"
            )));
        }
        link.introduce(|view| view.address = text());
    } else if args.is(index, "CAPA") {
        link.introduce(|view| {
            view.finds_end |= args.is(index + 1, "EOF");
            view.takes_id |= args.is(index + 1, "PSYNC2");
        });
    } else if args.is(index, "RDB-ONLY") {
        let alone = args.integer_within(index + 1, 0, 1)? == 1;
        link.introduce(|view| view.image_alone = alone);
    } else if args.is(index, "RDB-FILTER-ONLY") {
        let content = content(value)?;
        link.introduce(|view| view.content = content);
    } else if args.is(index, "VERSION") {
        let reads_newest = release(&text()).is_some_and(|release| release >= NEWEST_SINCE);
        link.introduce(|view| view.reads_newest = reads_newest);
    } else {
        return Err(CommandError::of(&[&"ERR Unrecognized REPLCONF option: ", &args.at(index)]));
    }
    Ok(())
}

/// What `rdb-filter-only` leaves: nothing but what it names.
fn content(filters: &[u8]) -> Result<Content, CommandError> {
    let words = quoting::split_words(filters).ok_or("ERR Missing rdb-filter-only values")?;
    let mut content = Content { data: false, functions: false };
    for word in words {
        if !word.eq_ignore_ascii_case(b"functions") {
            return Err(CommandError::of(&[&"ERR Unsupported rdb-filter-only option: ", &word]));
        }
        content.functions = true;
    }
    Ok(content)
}

/// The first two numbers of a version.
fn release(version: &str) -> Option<(i64, i64)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// REPLICAOF (host port | NO ONE)
fn replicaof<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.is(1, "NO") && args.is(2, "ONE") {
        ctx.reply.ok();
        return Ok(());
    }
    args.integer_within(2, 0, u16::MAX.into()).map_err(|_| "ERR Invalid master port")?;
    Err("ERR Replication is not available in this server".into())
}

/// FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]: what is wrong with the options is told first.
fn failover<'a>(_ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() == 2 && args.is(1, "ABORT") {
        return Err("ERR No failover in progress.".into());
    }
    let (mut index, mut forces, mut has_timeout, mut has_target) = (1, false, false, false);
    while index < args.len() {
        if args.is(index, "TIMEOUT") && index + 1 < args.len() && !has_timeout {
            if args.integer(index + 1)? <= 0 {
                return Err("ERR FAILOVER timeout must be greater than 0".into());
            }
            (has_timeout, index) = (true, index + 2);
        } else if args.is(index, "TO") && index + 2 < args.len() && !has_target {
            args.integer(index + 2)?;
            (has_target, index) = (true, index + 3);
        } else if args.is(index, "FORCE") && !forces {
            (forces, index) = (true, index + 1);
        } else {
            return Err(text::SYNTAX.into());
        }
    }
    Err("ERR FAILOVER requires connected replicas.".into())
}
