//! ACL: users and what they may do.

use crate::acl::{Categories, Denial, Selector, User, describe_all, has_spaces};
use crate::config::Id;
use crate::engine::acl::{self, Entry};
use crate::engine::error::echoed;
use crate::engine::table::Lookup;
use crate::engine::{Args, Call, CommandError, CommandResult, Context, Handling, Row, keyless, whole};
use crate::store::Mode;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("ACL|CAT", keyless(cat)),
    Row::new("ACL|DELUSER", whole(delete_users, Mode::Write)),
    Row::new("ACL|DRYRUN", keyless(dry_run)),
    Row::new("ACL|GENPASS", keyless(generate_password)),
    Row::new("ACL|GETUSER", keyless(get_user)),
    Row::new("ACL|HELP", keyless(help)),
    Row::new("ACL|LIST", keyless(list)),
    Row::new("ACL|LOAD", keyless(load)),
    Row::new("ACL|LOG", keyless(log)),
    Row::new("ACL|SAVE", keyless(save)),
    Row::new("ACL|SETUSER", whole(set_user, Mode::Write)),
    Row::new("ACL|USERS", keyless(users)),
    Row::new("ACL|WHOAMI", keyless(who_am_i)),
];

const HELP: &[&str] = &[
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    List the categories, or the commands of one.",
    "DELUSER <username> [<username> ...]",
    "    Delete users and close their connections.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Tell whether a user may run a command, without running it.",
    "GETUSER <username>",
    "    Show what a user may do.",
    "GENPASS [<bits>]",
    "    Make a password of 256 random bits, or of so many.",
    "LIST",
    "    Show all users as the ACL file has them.",
    "LOAD",
    "    Read the users from the ACL file again.",
    "LOG [<count> | RESET]",
    "    Show the latest refusals, or forget them.",
    "SAVE",
    "    Write the users into the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Make a user, or change what one may do.",
    "USERS",
    "    List the names of all users.",
    "WHOAMI",
    "    Tell the name of this connection's user.",
    "HELP",
    "    Print this help.",
];

const NO_FILE: &str = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL \
SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in \
the Redis configuration.";
/// How much of a name that nobody knows is told back.
const SHOWN_BYTES_MAX: usize = 128;

/// ACL CAT [category]
fn cat<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let names: Vec<&str> = match *args.from(2) {
        [] => Categories::ALL.names().map(|name| &name[1..]).collect(),
        [name] => match Categories::parse(name) {
            Some(category) => ctx.node.acl.catalog.of_category(category).collect(),
            None => {
                let name = echoed(name, SHOWN_BYTES_MAX);
                return Err(CommandError::of(&[&"ERR Unknown category '", &name, &"'"]));
            }
        },
        _ => return Err(args.wrong_subcommand()),
    };
    ctx.reply.array(names.len());
    names.iter().for_each(|name| ctx.reply.bulk(name.as_bytes()));
    Ok(())
}

/// ACL SETUSER username [rule [rule ...]]
fn set_user<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (node, name) = (ctx.node, args.at(2));
    if has_spaces(name) {
        return Err("ERR Usernames can't contain spaces or null characters".into());
    }
    let terms = acl::terms(&node.acl.catalog, &node.config);
    acl::change(node, ctx.session, |users| {
        let user = match users.get(name) {
            Some(user) => user.with_rules(args.from(3), terms),
            None => User::new(name, terms).with_rules(args.from(3), terms),
        };
        users.insert(name.into(), user?.into());
        Ok(())
    })
    .map_err(|reason: Vec<u8>| CommandError::of(&[&"ERR ", &reason]))?;
    ctx.reply.ok();
    Ok(())
}

/// ACL DELUSER username [username ...]
fn delete_users<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.from(2).contains(&crate::acl::DEFAULT) {
        return Err("ERR The 'default' user cannot be removed".into());
    }
    let deleted = acl::change(ctx.node, ctx.session, |users| {
        args.from(2).iter().filter(|name| users.remove(**name).is_some()).count()
    });
    ctx.reply.count(deleted);
    Ok(())
}

/// ACL GETUSER username
fn get_user<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let Some(user) = ctx.node.acl.user(args.at(2)) else {
        ctx.reply.null();
        return Ok(());
    };
    let reply = &mut *ctx.reply;
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords().len());
    user.passwords().for_each(|hash| reply.bulk(hash));
    reply_selector(ctx, user.root());
    let others = &user.selectors()[1..];
    ctx.reply.bulk(b"selectors");
    ctx.reply.array(others.len());
    for selector in others {
        ctx.reply.map(3);
        reply_selector(ctx, selector);
    }
    Ok(())
}

fn reply_selector(ctx: &mut Context<'_, '_>, selector: &Selector) {
    let fields = [
        ("commands", selector.describe_commands()),
        ("keys", selector.describe_keys()),
        ("channels", selector.describe_channels()),
    ];
    for (name, value) in fields {
        ctx.reply.bulk(name.as_bytes());
        ctx.reply.bulk(&value);
    }
}

/// ACL LIST
fn list<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let lines = describe_all(&ctx.node.acl.users());
    ctx.reply.array(lines.len());
    lines.iter().for_each(|line| ctx.reply.bulk(line));
    Ok(())
}

/// ACL USERS
fn users<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let users = ctx.node.acl.users();
    ctx.reply.array(users.len());
    users.keys().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

/// ACL WHOAMI
fn who_am_i<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.bulk(ctx.session.login.name());
    Ok(())
}

/// ACL DRYRUN username command [arg [arg ...]]
fn dry_run<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (node, name, argv) = (ctx.node, args.at(2), args.from(3));
    let Some(user) = node.acl.user(name) else {
        return Err(CommandError::of(&[&"ERR User '", &echoed(name, usize::MAX), &"' not found"]));
    };
    let Lookup::Found(command) = node.table.look_up(argv) else {
        return Err(CommandError::of(&[&"ERR Command '", &echoed(argv[0], usize::MAX), &"' not found"]));
    };
    if !command.facts.accepts_count(argv.len()) {
        return Err(CommandError::of(&[
            &"ERR wrong number of arguments for '",
            &command.facts.name,
            &"' command",
        ]));
    }
    let denied = match acl::judge(node, &user, command, argv) {
        Ok(()) => {
            ctx.reply.ok();
            return Ok(());
        }
        Err(denial) => denial,
    };
    let (what, object, kind): (&str, &[u8], &str) = match denied {
        Denial::Command => ("run", command.facts.name.as_bytes(), "command"),
        Denial::Key(place) => ("access", argv[place], "key"),
        Denial::Channel(place) => ("access", argv[place], "channel"),
    };
    let parts: [&[u8]; 8] = [
        b"User ",
        user.name(),
        b" has no permissions to ",
        what.as_bytes(),
        b" the '",
        object,
        b"' ",
        kind.as_bytes(),
    ];
    ctx.reply.bulk(&parts.concat());
    Ok(())
}

/// ACL GENPASS [bits]
fn generate_password<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    const BITS_MAX: i64 = 4096;
    let bits = match args.len() {
        2 => 256,
        3 => args.integer(2)?,
        _ => return Err(args.wrong_subcommand()),
    };
    if !(1..=BITS_MAX).contains(&bits) {
        return Err(CommandError::new(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to {BITS_MAX}"
        )));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits.div_ceil(2)];
    getrandom::fill(&mut bytes).map_err(|error| CommandError::new(format!("ERR no random bits: {error}")))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    ctx.reply.bulk(&text.as_bytes()[..digits]);
    Ok(())
}

/// ACL LOG [count | RESET]
fn log<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = match args.len() {
        2 => 10,
        3 if args.is(2, "RESET") => {
            ctx.node.acl.log.reset();
            ctx.reply.ok();
            return Ok(());
        }
        3 => usize::try_from(args.integer(2)?).unwrap_or(0),
        _ => return Err(args.wrong_subcommand()),
    };
    let entries = ctx.node.acl.log.latest(count);
    ctx.reply.array(entries.len());
    let now_ms = ctx.keys.now_ms();
    entries.iter().for_each(|entry| reply_entry(ctx, entry, now_ms));
    Ok(())
}

fn reply_entry(ctx: &mut Context<'_, '_>, entry: &Entry, now_ms: i64) {
    let reply = &mut *ctx.reply;
    reply.map(10);
    reply.bulk(b"count");
    reply.integer(entry.count as i64);
    let texts: [(&str, &[u8]); 4] = [
        ("reason", entry.reason.name().as_bytes()),
        ("context", entry.context.as_bytes()),
        ("object", &entry.object),
        ("username", &entry.user),
    ];
    for (name, value) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(value);
    }
    reply.bulk(b"age-seconds");
    reply.double((now_ms - entry.updated_ms) as f64 / 1000.0);
    reply.bulk(b"client-info");
    reply.bulk(entry.client.as_bytes());
    let numbers = [
        ("entry-id", entry.id as i64),
        ("timestamp-created", entry.created_ms),
        ("timestamp-last-updated", entry.updated_ms),
    ];
    for (name, value) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    }
}

/// Refuses LOAD and SAVE where there is no file, or where they would have others wait for the disk.
fn check_file(ctx: &Context<'_, '_>) -> CommandResult {
    if ctx.node.config.text(Id::AclFile).is_empty() {
        return Err(NO_FILE.into());
    }
    if matches!(ctx.call, Call::Transaction) {
        return Err("ERR ACL LOAD and SAVE reach for the disk, which a transaction must not wait for".into());
    }
    Ok(())
}

/// ACL LOAD
fn load<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    check_file(ctx)?;
    let node = ctx.node;
    let loaded = acl::load_file(&node.acl.catalog, &node.config)
        .map_err(|reason| CommandError::of(&[&"ERR ", &reason]))?;
    if acl::lock_everything(ctx) {
        acl::recheck_call(ctx, args.from(0))?;
        acl::change(node, ctx.session, |users| *users = loaded);
        ctx.reply.ok();
    }
    Ok(())
}

/// ACL SAVE
fn save<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    check_file(ctx)?;
    if acl::save_file(&ctx.node.acl, &ctx.node.config.path(Id::AclFile)).is_err() {
        return Err("ERR There was an error trying to save the ACLs. Please check the server logs for more information".into());
    }
    ctx.reply.ok();
    Ok(())
}

/// ACL HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
