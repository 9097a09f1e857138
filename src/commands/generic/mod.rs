//! Keys of any type: being there, going, and what they are. Times to live, new names, walks, inner properties, serialized
//! values and waiting for replicas have files of their own.

mod dump;
mod expire;
mod keys;
mod migrate;
pub(super) mod object;
mod rename;
mod wait;

use crate::commands::weight;
use crate::config::keyspace_events as event;
use crate::engine::keyspace::Touch;
use crate::engine::{Args, CommandResult, Context, Handling, Row, heavy, keyed, keyless, walking};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("DEL", keyed(delete)),
    Row::new("UNLINK", keyed(delete)),
    Row::new("EXISTS", keyed(exists)),
    Row::new("TYPE", keyed(value_type)),
    Row::new("TOUCH", keyed(touch)),
    Row::new("EXPIRE", keyed(expire::expire)),
    Row::new("PEXPIRE", keyed(expire::pexpire)),
    Row::new("EXPIREAT", keyed(expire::expireat)),
    Row::new("PEXPIREAT", keyed(expire::pexpireat)),
    Row::new("TTL", keyed(expire::ttl)),
    Row::new("PTTL", keyed(expire::pttl)),
    Row::new("EXPIRETIME", keyed(expire::expiretime)),
    Row::new("PEXPIRETIME", keyed(expire::pexpiretime)),
    Row::new("PERSIST", keyed(expire::persist)),
    Row::new("RENAME", keyed(rename::rename)),
    Row::new("RENAMENX", keyed(rename::renamenx)),
    Row::new("COPY", keyed(rename::copy)),
    Row::new("MOVE", keyed(rename::move_key)),
    Row::new("KEYS", heavy(walking(keys::keys), weight::of_database)),
    Row::new("SCAN", walking(keys::scan)),
    Row::new("RANDOMKEY", walking(keys::randomkey)),
    Row::new("OBJECT|ENCODING", keyed(object::encoding)),
    Row::new("OBJECT|FREQ", keyed(object::freq)),
    Row::new("OBJECT|IDLETIME", keyed(object::idletime)),
    Row::new("OBJECT|REFCOUNT", keyed(object::refcount)),
    Row::new("OBJECT|HELP", keyless(object::help)),
    Row::new("DUMP", keyed(dump::dump)),
    Row::new("RESTORE", keyed(dump::restore)),
    Row::new("RESTORE-ASKING", keyed(dump::restore)),
    Row::new("MIGRATE", heavy(keyed(migrate::migrate), migrate::weigh)),
    Row::new("WAIT", keyless(wait::wait)),
    Row::new("WAITAOF", keyless(wait::waitaof)),
];

/// DEL key [key ...], UNLINK key [key ...]: big values are always freed in the background.
fn delete<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut deleted = 0;
    for key in args.from(1) {
        if ctx.keys.delete(key) {
            ctx.keys.changed(key, event::GENERIC, "del");
            deleted += 1;
        }
    }
    ctx.reply.count(deleted);
    Ok(())
}

/// EXISTS key [key ...]: a key named twice counts twice.
fn exists<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let found = args.from(1).iter().filter(|key| ctx.keys.look(key).is_some()).count();
    ctx.reply.count(found);
    Ok(())
}

/// TYPE key
fn value_type<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let name = ctx.keys.look(args.at(1)).map_or("none", |entry| entry.value_type().name());
    ctx.reply.simple(name);
    Ok(())
}

/// TOUCH key [key ...]: counts as an access whatever CLIENT NO-TOUCH says.
fn touch<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    ctx.keys.touch_with(Touch::of(&ctx.node.config));
    let found = args.from(1).iter().filter(|key| ctx.keys.find(key).is_some()).count();
    ctx.reply.count(found);
    Ok(())
}
