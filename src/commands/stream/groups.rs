//! XGROUP: consumer groups and their consumers.

use super::options::{self, id, no_group_for_key};
use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, Editor, Reach};
use crate::value::Stream;
use crate::value::stream::StreamId;

const HELP: &[&str] = &[
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Make a consumer group that reads what comes after the ID. Options:",
    "    * MKSTREAM",
    "      Make an empty stream if there is none.",
    "    * ENTRIESREAD entries_read",
    "      Say how many entries the group has read (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Make a consumer in the group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Say after which ID the group goes on, and how many entries it has read.",
    "HELP",
    "    Print this help.",
];

const KEY_NEEDED: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";

/// With each option once; a repeated one is taken only where another is missing.
const CREATE_ARGUMENTS_MAX: usize = 8;
const SETID_ARGUMENTS_MAX: usize = 7;

/// The options of CREATE and SETID.
struct Options {
    mkstream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: Args<'_>, creates: bool) -> Result<Self, CommandError> {
        let mut options = Self { mkstream: false, entries_read: None };
        let mut index = 5;
        while index < args.len() {
            if creates && args.is(index, "MKSTREAM") {
                options.mkstream = true;
                index += 1;
            } else if args.is(index, "ENTRIESREAD") && index + 1 < args.len() {
                options.entries_read = match args.integer(index + 1)? {
                    -1 => None,
                    read => Some(
                        u64::try_from(read)
                            .map_err(|_| "ERR value for ENTRIESREAD must be positive or -1")?,
                    ),
                };
                index += 2;
            } else {
                return Err(args.wrong_subcommand());
            }
        }
        Ok(options)
    }
}

/// The identifier after which a group reads: `$` for the last one of the stream.
fn position(argument: &[u8], stream: Option<&Stream>) -> Result<StreamId, CommandError> {
    match argument {
        b"$" => Ok(stream.map_or(StreamId::MIN, |stream| stream.entries().last_id())),
        _ => id(argument, 0),
    }
}

/// The stream, which must be there.
fn existing<'k, 'a>(
    ctx: &'k mut Context<'_, 'a>,
    args: Args<'a>,
) -> Result<Editor<'k, 'a, Stream>, CommandError> {
    ctx.keys.write::<Stream>(args.at(2))?.ok_or(KEY_NEEDED.into())
}

/// The stream with the group, both of which must be there.
fn existing_group<'k, 'a>(
    ctx: &'k mut Context<'_, 'a>,
    args: Args<'a>,
) -> Result<Editor<'k, 'a, Stream>, CommandError> {
    let stream = existing(ctx, args)?;
    match stream.groups().get(args.at(3)) {
        Some(_) => Ok(stream),
        None => Err(no_group_for_key(args.at(2), args.at(3))),
    }
}

/// XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]
pub fn create<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (key, name) = (args.at(2), args.at(3));
    let options = Options::parse(args, true)?;
    let stream = ctx.keys.write::<Stream>(key)?;
    if stream.is_none() && !options.mkstream {
        return Err(KEY_NEEDED.into());
    }
    if args.len() > CREATE_ARGUMENTS_MAX {
        return Err(args.wrong_subcommand());
    }
    let reach = if stream.is_none() { Reach::Everyone } else { Reach::Listeners };
    let last_id = position(args.at(4), stream.as_deref())?;
    let mut stream = ctx.keys.write_or_create(key, Stream::new)?;
    if !stream.groups_mut().create(name, last_id, options.entries_read) {
        return Err("BUSYGROUP Consumer Group name already exists".into());
    }
    stream.told(reach, event::STREAM, "xgroup-create", 1);
    ctx.reply.ok();
    Ok(())
}

/// XGROUP SETID key group id | $ [ENTRIESREAD entries-read]
pub fn setid<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = Options::parse(args, false)?;
    let mut stream = existing_group(ctx, args)?;
    if args.len() > SETID_ARGUMENTS_MAX {
        return Err(args.wrong_subcommand());
    }
    // Only here are `-` and `+` identifiers, too.
    let last_id = match args.at(4) {
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        other => position(other, Some(&stream))?,
    };
    if let Some(group) = stream.groups_mut().get_mut(args.at(3)) {
        group.set_id(last_id, options.entries_read);
    }
    stream.told(Reach::Listeners, event::STREAM, "xgroup-setid", 1);
    ctx.reply.ok();
    Ok(())
}

/// XGROUP DESTROY key group
pub fn destroy<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut stream = existing(ctx, args)?;
    let removed = stream.groups_mut().remove(args.at(3));
    if removed {
        // Those who wait as its consumers are to learn that it has gone.
        stream.told(Reach::Waiters, event::STREAM, "xgroup-destroy", 1);
    }
    ctx.reply.integer(removed.into());
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
pub fn createconsumer<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let now_ms = ctx.keys.now_ms();
    let mut stream = existing_group(ctx, args)?;
    let group = stream.groups_mut().get_mut(args.at(3));
    let created = group.is_some_and(|group| group.create_consumer(args.at(4), now_ms).is_some());
    if created {
        stream.told(Reach::Listeners, event::STREAM, "xgroup-createconsumer", 1);
    }
    ctx.reply.integer(created.into());
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
pub fn delconsumer<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut stream = existing_group(ctx, args)?;
    let group = stream.groups_mut().get_mut(args.at(3));
    let deleted = group.and_then(|group| {
        let consumer = group.find_consumer(args.at(4))?;
        Some(group.delete_consumer(consumer))
    });
    if deleted.is_some() {
        stream.told(Reach::Listeners, event::STREAM, "xgroup-delconsumer", 1);
    }
    ctx.reply.count(deleted.unwrap_or(0));
    Ok(())
}

/// XGROUP HELP
pub fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    options::help(ctx, HELP)
}
