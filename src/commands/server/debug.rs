//! DEBUG: tools for tests. Everything is locked for it: it may reach any key, and nobody minds that it is slow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::debug_protocol::reply_of;
use super::digest::Digest;
use crate::base::{crash, log};
use crate::commands::generic::object::encoding_of;
use crate::config::{Id, parse_bytes};
use crate::engine::acl;
use crate::engine::keyspace::idle_seconds;
use crate::engine::node::random_id;
use crate::engine::reload::{SnapshotReload, Source};
use crate::engine::{
    Args, BlockRequest, Call, CommandError, CommandResult, Context, Handling, Row, TimeoutReply, text, whole,
};
use crate::resp::Reply;
use crate::store::{Mode, NewValue};
use crate::value::ValueRef;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[Row::new("DEBUG", whole(debug, Mode::Write))];

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "AOF-FLUSH-SLEEP <microseconds>",
    "    Wait so long before each write of the append-only file.",
    "CHANGE-REPL-ID",
    "    Give the replication history another id, so that replicas that were cut off need everything.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    As CONFIG REWRITE, but write every setting, even those with their default.",
    "DIGEST",
    "    Tell a fingerprint of all data; servers with the same data have the same.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Tell the fingerprints of the values of these keys.",
    "ERROR <string>",
    "    Reply this error.",
    "HTSTATS <db>",
    "    Tell the sizes of the tables of a database.",
    "HTSTATS-KEY <key>",
    "    Tell the size of the table that a value is.",
    "LISTPACK <key>",
    "    Write into the log what listpack a value is.",
    "LOADAOF",
    "    Write the append-only file to its end, throw all data away and load that file. Other clients wait.",
    "LOG <message>",
    "    Write this into the log.",
    "OBJECT <key>",
    "    Tell how a value is stored.",
    "PAUSE-CRON <0|1>",
    "    Whether background work stops: expiry, eviction, time-outs, snapshots by save points.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Add string keys <prefix>:0, <prefix>:1, ... (default: key) with values value:0, value:1, ... of",
    "    <size> bytes, without telling anybody. Keys that are there are left alone.",
    "PROTOCOL <string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false>",
    "    Reply something of this kind.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Checked, without effect: large elements need no nodes of another kind here.",
    "RELOAD [option ...]",
    "    Save a snapshot, throw all data away and load the snapshot. Other clients wait. Options:",
    "    * NOSAVE: load the snapshot that is there.",
    "    * NOFLUSH: keep the data; keys that are there already are an error.",
    "    * MERGE: keys that are there already are replaced.",
    "REPLYBUFFER (PEAK-RESET-TIME <milliseconds|NEVER|RESET>|RESIZING <0|1>)",
    "    Without effect: idle connections have no reply buffers whose sizes could change.",
    "SEGFAULT",
    "    Crash: write a bug report into the log and abort. Nothing is saved.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Whether keys are expired in the background.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Whether scripts may call commands that are not for scripts, except for those that run scripts.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Whether checksums of snapshots and of RESTORE's payloads are ignored.",
    "SLEEP <seconds>",
    "    Let this connection wait; others are served meanwhile, unless it is within a transaction.",
    "HELP",
    "    Print this help.",
];

/// DEBUG subcommand [arg ...]
fn debug<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let word = args.at(1).to_ascii_lowercase();
    match (word.as_slice(), args.len()) {
        (b"help", 2) => ctx.reply.help(HELP),
        (b"digest", 2) => digest(ctx),
        (b"digest-value", 2..) => digest_values(ctx, args),
        (b"error", 3) => return Err(CommandError::new(args.at(2))),
        (b"aof-flush-sleep", 3) => {
            let micros = args.integer(2).ok().and_then(|number| u64::try_from(number).ok());
            ctx.node.log.set_delay(Duration::from_micros(micros.ok_or(text::NOT_POSITIVE)?));
            ctx.reply.ok();
        }
        (b"loadaof", 2) => return reload(ctx, Source::Log),
        (b"reload", 2..) => return reload(ctx, Source::Snapshot(reload_options(args)?)),
        (b"log", 3) => {
            log::warning!("DEBUG LOG: {}", String::from_utf8_lossy(args.at(2)));
            ctx.reply.ok();
        }
        (b"change-repl-id", 2) => {
            ctx.node.feed.change_id(random_id());
            ctx.reply.ok();
        }
        (b"object", 3 | 4) => return object(ctx, args),
        (b"populate", 3..=5) => return populate(ctx, args),
        (b"config-rewrite-force-all", 2) => return rewrite(ctx),
        (b"htstats", 3..) => return table_sizes(ctx, args),
        (b"htstats-key", 3..) => return table_size(ctx, args),
        (b"listpack", 3) => return listpack(ctx, args),
        (b"protocol", 3) => return reply_of(args.at(2), ctx.reply),
        (b"quicklist-packed-threshold", 3) => return packed_threshold(ctx, args),
        (b"replybuffer", 4) => return reply_buffer(ctx, args),
        (b"segfault", 2) => crash::abort("DEBUG SEGFAULT"),
        (b"pause-cron", 3) => switch(ctx.reply, args, &ctx.node.cron_paused),
        (b"set-active-expire", 3) => switch(ctx.reply, args, &ctx.node.active_expire),
        (b"set-disable-deny-scripts", 3) => switch(ctx.reply, args, &ctx.node.scripts_call_all),
        (b"set-skip-checksum-validation", 3) => switch(ctx.reply, args, &ctx.node.skips_checksums),
        (b"sleep", 3) => sleep(ctx, args),
        _ => {
            return Err(args.wrong_subcommand());
        }
    }
    Ok(())
}

/// Switches something on or off; what is no number is off.
fn switch(reply: &mut Reply, args: Args<'_>, what: &AtomicBool) {
    what.store(args.integer(2).is_ok_and(|number| number != 0), Ordering::Relaxed);
    reply.ok();
}

fn rewrite(ctx: &mut Context<'_, '_>) -> CommandResult {
    let failure = |error| CommandError::new(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {error}"));
    ctx.node.config.rewrite_all(&acl::config_lines(ctx.node)).map_err(failure)?;
    ctx.reply.ok();
    Ok(())
}

/// The sizes of the main table and of the expiry index of a database.
fn table_sizes(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let db = usize::try_from(args.integer(2)?).ok().filter(|db| *db < ctx.node.databases());
    let db = db.ok_or("ERR Out of range database")?;
    let (mut buckets, mut keys, mut expiring) = (0, 0, 0);
    for index in 0..ctx.keys.store().stripes() {
        ctx.keys.with_stripe(index, |stripe| {
            if let Some(part) = stripe.db(db) {
                buckets += part.table().buckets();
                keys += part.table().len();
                expiring += part.expiry().len();
            }
        });
    }
    let text = format!(
        "[Dictionary HT]\nHash table 0 stats (main hash table):\n table size: {buckets}\n number of elements: {keys}\n\
         [Expires HT]\nHash table 0 stats (main hash table):\n table size: {expiring}\n number of elements: {expiring}\n"
    );
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn table_size(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let entry = ctx.keys.peek(args.at(2)).ok_or(CommandError::from(text::NO_SUCH_KEY))?;
    let elements = match (encoding_of(entry), entry.value()) {
        ("hashtable", ValueRef::Set(set)) => set.len(),
        ("hashtable", ValueRef::Hash(hash)) => hash.len(),
        ("skiplist", ValueRef::ZSet(zset)) => zset.len(),
        _ => {
            return Err(
                "ERR The value stored at the specified key is not represented using an hash table".into()
            );
        }
    };
    let text = format!("Hash table 0 stats (main hash table):\n number of elements: {elements}\n");
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn listpack(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let entry = ctx.keys.peek(args.at(2)).ok_or(CommandError::from(text::NO_SUCH_KEY))?;
    if encoding_of(entry) != "listpack" {
        return Err("ERR Not a listpack encoded object.".into());
    }
    let (key, bytes) = (String::from_utf8_lossy(args.at(2)), entry.entry_bytes());
    log::notice!("DEBUG LISTPACK: {key} is a listpack of {bytes} bytes with its key");
    ctx.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

fn packed_threshold(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    const REFUSAL: &str = "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    let size = parse_bytes(args.at(2)).filter(|size| *size < 1 << 32);
    size.ok_or(REFUSAL)?;
    ctx.reply.ok();
    Ok(())
}

fn reply_buffer(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.is(2, "PEAK-RESET-TIME") {
        if !args.is(3, "NEVER") && !args.is(3, "RESET") {
            args.integer(3)?;
        }
    } else if !args.is(2, "RESIZING") {
        return Err(args.wrong_subcommand());
    }
    ctx.reply.ok();
    Ok(())
}

fn digest(ctx: &mut Context<'_, '_>) {
    let stripes = ctx.keys.store().stripes();
    let digest = Digest::of_data(ctx.node.databases(), |visit| {
        (0..stripes).for_each(|index| ctx.keys.with_stripe(index, &mut *visit));
    });
    ctx.reply.simple(&digest.to_hex());
}

fn digest_values(ctx: &mut Context<'_, '_>, args: Args<'_>) {
    let keys = args.from(2);
    ctx.reply.array(keys.len());
    for key in keys {
        let digest = ctx.keys.peek(key).map(Digest::of_value).unwrap_or_default();
        ctx.reply.simple(&digest.to_hex());
    }
}

fn object(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let entry = ctx.keys.find_stale(args.at(2)).ok_or(CommandError::from(text::NO_SUCH_KEY))?;
    let lru = entry.access();
    let line = format!(
        "Value at:{entry:p} refcount:1 encoding:{} serializedlength:{} lru:{lru} lru_seconds_idle:{}",
        encoding_of(entry),
        entry.entry_bytes(),
        idle_seconds(lru),
    );
    ctx.reply.simple(&line);
    Ok(())
}

fn populate(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let size_at = |place: usize| {
        args.integer(place).ok().and_then(|number| usize::try_from(number).ok()).ok_or(text::NOT_POSITIVE)
    };
    let count = size_at(2)?;
    let prefix = args.get(3).unwrap_or(b"key");
    let size = args.get(4).map(|_| size_at(4)).transpose()?;
    if size.is_some_and(|size| size as u64 > ctx.node.config.get_unsigned(Id::ProtoMaxBulkLen)) {
        return Err(text::STRING_TOO_LONG.into());
    }
    for number in 0..count {
        let key = [prefix, format!(":{number}").as_bytes()].concat();
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        ctx.keys.insert_untold(&key, NewValue::Text { bytes: &value, raw: false });
    }
    ctx.reply.ok();
    Ok(())
}

/// The options of RELOAD.
fn reload_options(args: Args<'_>) -> Result<SnapshotReload, CommandError> {
    let mut options = SnapshotReload { saves: true, empties: true, merges: false };
    for option in args.from(2) {
        match option.to_ascii_lowercase().as_slice() {
            b"nosave" => options.saves = false,
            b"noflush" => options.empties = false,
            b"merge" => options.merges = true,
            _ => return Err("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.".into()),
        }
    }
    Ok(options)
}

/// Has the data loaded anew by the saver's thread; the client waits for it.
fn reload(ctx: &mut Context<'_, '_>, source: Source) -> CommandResult {
    if matches!(ctx.call, Call::Transaction) {
        return Err("ERR The data can't be loaded anew within a transaction".into());
    }
    if ctx.node.scripting.is_slow(ctx.node.config.get(Id::BusyReplyThreshold)) {
        return Err(text::BUSY.into());
    }
    let node = ctx.worker.node.clone();
    ctx.block(BlockRequest::for_answer(move |call| node.saving.reload(&node, source, call)));
    Ok(())
}

/// Parks the connection; its worker goes on with the others.
fn sleep(ctx: &mut Context<'_, '_>, args: Args<'_>) {
    // What is no number is zero, as with strtod.
    let seconds = args.float(2).unwrap_or(0.0).clamp(0.0, 1e9);
    if seconds == 0.0 {
        return ctx.reply.ok();
    }
    if matches!(ctx.call, Call::Transaction) {
        // Whoever asks for it wants that nothing happens between the commands of its transaction.
        std::thread::sleep(Duration::from_secs_f64(seconds));
        return ctx.reply.ok();
    }
    let deadline_ms = ctx.keys.now_ms() + (seconds * 1000.0).ceil() as i64;
    let request = BlockRequest::without_keys(Some(deadline_ms), TimeoutReply::Ok);
    ctx.block(BlockRequest { is_work: true, ..request });
}
