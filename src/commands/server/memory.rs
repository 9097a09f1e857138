//! MEMORY: what a key takes, where the memory goes, and giving back what is free.

use super::figures::{DatabaseFigures, MemoryFigures, StoreFigures};
use crate::base::alloc;
use crate::engine::{
    Args, CommandError, CommandResult, Context, Handling, Node, Row, keyed, keyless, text, walking,
};
use crate::resp::Reply;
use crate::store::Entry;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("MEMORY|USAGE", keyed(usage)),
    Row::new("MEMORY|STATS", walking(stats)),
    Row::new("MEMORY|DOCTOR", walking(doctor)),
    Row::new("MEMORY|PURGE", keyless(purge)),
    Row::new("MEMORY|MALLOC-STATS", keyless(malloc_stats)),
    Row::new("MEMORY|HELP", keyless(help)),
];

const SAMPLES_DEFAULT: usize = 5;

const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Tell what is unusual about the use of memory.",
    "MALLOC-STATS",
    "    Show what the allocator knows about its heaps.",
    "PURGE",
    "    Give memory that is free back to the system.",
    "STATS",
    "    Tell in numbers where the memory goes.",
    "USAGE <key> [SAMPLES <count>]",
    "    Tell the bytes that a key and its value take, the elements of a collection estimated from",
    "    <count> of them (default: 5, 0: all).",
    "HELP",
    "    Print this help.",
];

/// MEMORY USAGE key [SAMPLES count]
fn usage<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let samples = samples(args)?;
    match ctx.keys.peek(args.at(2)) {
        Some(entry) => ctx.reply.count(entry_bytes(entry, samples)),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn samples(args: Args<'_>) -> Result<usize, CommandError> {
    let mut samples = SAMPLES_DEFAULT;
    let mut index = 3;
    while index < args.len() {
        if !args.is(index, "SAMPLES") || index + 1 == args.len() {
            return Err(text::SYNTAX.into());
        }
        samples = usize::try_from(args.integer(index + 1)?).map_err(|_| text::SYNTAX)?;
        index += 2;
    }
    Ok(samples)
}

/// The entry with its value, and its place in the table: a slot and a tag in a bucket that is, on average, three quarters full.
fn entry_bytes(entry: &Entry, samples: usize) -> usize {
    const PLACE_BYTES: usize = 12;
    PLACE_BYTES + entry.entry_bytes() + entry.value().heap_bytes(samples)
}

fn figures(ctx: &Context<'_, '_>) -> (StoreFigures, MemoryFigures) {
    let (keys, used) = (&ctx.keys, alloc::used_bytes_now());
    let store = StoreFigures::gather(ctx.node, |index, look| keys.with_stripe(index, look));
    let memory = MemoryFigures::gather(ctx.node, used, &store);
    (store, memory)
}

/// MEMORY STATS
fn stats<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let (store, memory) = figures(ctx);
    let filled: Vec<_> =
        store.databases.iter().enumerate().filter(|(_, database)| database.keys > 0).collect();
    let reply = &mut *ctx.reply;
    const FIELDS: usize = 27;
    reply.map(FIELDS + filled.len());
    let integers = |reply: &mut Reply, fields: &[(&str, i64)]| {
        for (name, value) in fields {
            reply.bulk(name.as_bytes());
            reply.integer(*value);
        }
    };
    let doubles = |reply: &mut Reply, fields: &[(&str, f64)]| {
        for (name, value) in fields {
            reply.bulk(name.as_bytes());
            reply.double(*value);
        }
    };
    integers(
        reply,
        &[
            ("peak.allocated", memory.peak as i64),
            ("total.allocated", memory.used as i64),
            ("startup.allocated", memory.startup as i64),
            ("replication.backlog", 0),
            ("clients.slaves", 0),
            ("clients.normal", memory.clients as i64),
            ("cluster.links", 0),
            ("aof.buffer", 0),
            ("lua.caches", memory.scripts as i64),
            ("functions.caches", memory.functions as i64),
        ],
    );
    filled.iter().for_each(|(db, database)| write_database(reply, *db, database));
    let (keys, percent) =
        (store.keys(), |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64);
    integers(
        reply,
        &[
            ("overhead.total", memory.overhead() as i64),
            ("keys.count", keys as i64),
            ("keys.bytes-per-key", memory.net().checked_div(keys).unwrap_or(0) as i64),
            ("dataset.bytes", memory.dataset() as i64),
        ],
    );
    doubles(
        reply,
        &[
            ("dataset.percentage", percent(memory.dataset(), memory.net()).min(100.0)),
            ("peak.percentage", percent(memory.used, memory.peak)),
        ],
    );
    let resident = memory.resident as i64;
    integers(
        reply,
        &[
            ("allocator.allocated", memory.used as i64),
            ("allocator.active", resident),
            ("allocator.resident", resident),
        ],
    );
    // As in INFO: what is resident and not in use counts as fragmented.
    for (ratio_name, ratio, bytes_name, bytes) in [
        (
            "allocator-fragmentation.ratio",
            memory.fragmentation(),
            "allocator-fragmentation.bytes",
            memory.waste(),
        ),
        ("allocator-rss.ratio", 1.0, "allocator-rss.bytes", 0),
        ("rss-overhead.ratio", 1.0, "rss-overhead.bytes", 0),
        ("fragmentation", memory.fragmentation(), "fragmentation.bytes", memory.waste()),
    ] {
        doubles(reply, &[(ratio_name, ratio)]);
        integers(reply, &[(bytes_name, bytes)]);
    }
    Ok(())
}

fn write_database(reply: &mut Reply, db: usize, figures: &DatabaseFigures) {
    reply.bulk(format!("db.{db}").as_bytes());
    reply.map(3);
    for (name, bytes) in [
        ("overhead.hashtable.main", figures.table_bytes),
        ("overhead.hashtable.expires", figures.expiry_bytes),
        ("overhead.hashtable.slot-to-keys", 0),
    ] {
        reply.bulk(name.as_bytes());
        reply.count(bytes);
    }
}

/// MEMORY DOCTOR
fn doctor<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let (_, memory) = figures(ctx);
    let advice = diagnose(&memory, ctx.node);
    ctx.reply.verbatim("txt", advice.as_bytes());
    Ok(())
}

/// What is unusual, by Redis's limits.
fn diagnose(memory: &MemoryFigures, node: &Node) -> String {
    const USED_BYTES_MIN: usize = 5 << 20;
    const WASTE_BYTES_MIN: i64 = 10 << 20;
    const CLIENT_BYTES_MAX: usize = 200 << 10;
    const SCRIPTS_MAX: usize = 1000;
    if memory.used < USED_BYTES_MIN {
        return "There is too little data to say anything about the use of memory.\n".into();
    }
    let per_client = memory.clients / node.clients.len().max(1);
    let findings = [
        (
            memory.peak as f64 > 1.5 * memory.used as f64,
            "Peak: there was once more than one and a half times as much in use as now. What is free is given back to \
             the system little by little; MEMORY PURGE does so at once.",
        ),
        (
            memory.fragmentation() > 1.4 && memory.waste() > WASTE_BYTES_MIN,
            "Fragmentation: the process holds more than 1.4 times the memory in use, after a peak or because values of \
             other sizes have taken the places of those before them. MEMORY PURGE may help.",
        ),
        (
            per_client > CLIENT_BYTES_MAX,
            "Clients: their buffers take more than 200 KB each, on average. Look at qbuf and omem in CLIENT LIST for \
             clients that do not read their replies, or send very long pipelines.",
        ),
        (
            node.scripting.count() > SCRIPTS_MAX,
            "Scripts: more than 1000 are cached. They may be made with their values in the text; pass those as \
             KEYS and ARGV, and call SCRIPT FLUSH to be rid of the old ones.",
        ),
    ];
    let found: String =
        findings.iter().filter(|(is_found, _)| *is_found).map(|(_, text)| format!(" * {text}\n")).collect();
    if found.is_empty() { "Nothing is unusual about the use of memory.\n".into() } else { found }
}

/// MEMORY PURGE
fn purge<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.node.give_back_memory();
    ctx.reply.ok();
    Ok(())
}

/// MEMORY MALLOC-STATS
fn malloc_stats<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.verbatim("txt", alloc::statistics().as_bytes());
    Ok(())
}

/// MEMORY HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
