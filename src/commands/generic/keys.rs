//! Walks over the keys of a database: KEYS, SCAN, RANDOMKEY. They take the stripes one by one (within EXEC all are held).

use crate::base::glob::{self, Case};
use crate::commands::scan::{self, Page, ScanOptions};
use crate::engine::{Args, CommandResult, Context, Keyspace};
use crate::store::{Entry, POSITION_BITS, Stripe};

/// Random buckets that RANDOMKEY looks at before it goes through all of them.
const RANDOM_TRIES: usize = 16;
/// Expired keys that one RANDOMKEY deletes at most.
const STALE_MAX: usize = 16;

fn is_live(entry: &Entry, now_ms: i64) -> bool {
    entry.expiry().is_none_or(|at| at > now_ms)
}

/// KEYS pattern
pub(super) fn keys<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let pattern = args.at(1);
    if !pattern.iter().any(|byte| b"*?[\\".contains(byte)) {
        return literal(ctx, pattern);
    }
    let (db, now_ms) = (ctx.keys.db(), ctx.keys.now_ms());
    let all = pattern == b"*";
    let mark = ctx.reply.mark();
    let mut count = 0;
    for index in 0..ctx.keys.store().stripes() {
        ctx.keys.with_stripe(index, |stripe| {
            let Some(part) = stripe.db(db) else { return };
            part.table().each(&mut |entry| {
                let matches = all || glob::matches(pattern, entry.key(), Case::Sensitive);
                if matches && is_live(entry, now_ms) {
                    ctx.reply.bulk(entry.key());
                    count += 1;
                }
            });
        });
    }
    ctx.reply.array_at(mark, count);
    Ok(())
}

/// A pattern that only one key can match.
fn literal(ctx: &mut Context<'_, '_>, key: &[u8]) -> CommandResult {
    let (db, now_ms, hash) = (ctx.keys.db(), ctx.keys.now_ms(), ctx.keys.hash(key));
    let found = ctx.keys.with_stripe(ctx.keys.store().stripe_of(hash), |stripe| {
        let entry = stripe.db(db).and_then(|part| part.find(hash, key));
        entry.is_some_and(|entry| is_live(entry, now_ms))
    });
    ctx.reply.array(found.into());
    if found {
        ctx.reply.bulk(key);
    }
    Ok(())
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
///
/// A cursor is the stripe's number above a position in its table (see [`crate::store::Table::scan`]): below 2^53, as clients in
/// languages without 64-bit integers need it.
pub(super) fn scan<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let cursor = scan::cursor(args.at(1))?;
    let options = ScanOptions::of_keys(args, 2)?;
    let mut page = Page::new(options, ctx.reply);
    let keys = &ctx.keys;
    let next = page.fill(cursor, |cursor, page| scan_bucket(keys, cursor, &options, page));
    page.send(ctx.reply, next);
    Ok(())
}

/// Visits the bucket that a cursor leads to, past stripes with nothing in them; returns the next bucket's cursor, 0 at the end.
fn scan_bucket<'a>(keys: &Keyspace<'_>, cursor: u64, options: &ScanOptions<'a>, page: &mut Page<'a>) -> u64 {
    let stripes = keys.store().stripes() as u64;
    let mut position = cursor & ((1 << POSITION_BITS) - 1);
    for index in cursor >> POSITION_BITS..stripes {
        let mut visited = false;
        let next = keys.with_stripe(index as usize, |stripe| {
            scan_stripe(keys, stripe, position, |entry| {
                visited = true;
                offer(keys, entry, options, page);
            })
        });
        match next {
            Some(next) => return index << POSITION_BITS | next,
            None if visited && index + 1 < stripes => return (index + 1) << POSITION_BITS,
            None => position = 0,
        }
    }
    0
}

fn scan_stripe(
    keys: &Keyspace<'_>,
    stripe: &Stripe,
    position: u64,
    mut visit: impl FnMut(&Entry),
) -> Option<u64> {
    stripe.db(keys.db())?.table().scan(position, &mut visit)
}

fn offer<'a>(keys: &Keyspace<'_>, entry: &Entry, options: &ScanOptions<'a>, page: &mut Page<'a>) {
    let type_name = entry.value_type().name().as_bytes();
    let of_type = options.type_name.is_none_or(|name| name.eq_ignore_ascii_case(type_name));
    if !is_live(entry, keys.now_ms()) {
        keys.note_stale(entry.key());
        page.skip(1);
    } else if of_type {
        page.offer(entry.key());
    } else {
        page.skip(1);
    }
}

/// RANDOMKEY: out of a random bucket of a random stripe. Where these are mostly empty, out of all keys. Those that it meets expired
/// are deleted.
pub(super) fn randomkey<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let db = ctx.keys.db();
    let stripes = ctx.keys.store().stripes();
    let mut key = None;
    for _ in 0..RANDOM_TRIES {
        let choice = ctx.keys.with_stripe(fastrand::usize(..stripes), |stripe| {
            let mut choice = Choice::default();
            if let Some(part) = stripe.db(db) {
                part.table().sample(fastrand::u64(..), &mut |entry| choice.offer(ctx.keys, entry));
            }
            choice
        });
        key = choice.key;
        if key.is_some() {
            break;
        }
    }
    let key = key.or_else(|| any_key(ctx.keys, db));
    ctx.reply.bulk_or_null(key.as_deref());
    Ok(())
}

fn any_key(keys: &Keyspace<'_>, db: usize) -> Option<Box<[u8]>> {
    let mut choice = Choice::default();
    for index in 0..keys.store().stripes() {
        keys.with_stripe(index, |stripe| {
            if let Some(part) = stripe.db(db) {
                part.table().each(&mut |entry| choice.offer(keys, entry));
            }
        });
    }
    choice.key
}

/// One of the keys that are offered, each as likely as the others.
#[derive(Default)]
struct Choice {
    offered: usize,
    /// Expired keys noted.
    stale: usize,
    key: Option<Box<[u8]>>,
}

impl Choice {
    fn offer(&mut self, keys: &Keyspace<'_>, entry: &Entry) {
        if !is_live(entry, keys.now_ms()) {
            if self.stale < STALE_MAX {
                self.stale += 1;
                keys.note_stale(entry.key());
            }
            return;
        }
        self.offered += 1;
        if fastrand::usize(..self.offered) == 0 {
            self.key = Some(entry.key().into());
        }
    }
}
