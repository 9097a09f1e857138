//! MULTI, EXEC, DISCARD and WATCH.
//!
//! EXEC locks the stripes of all queued commands and of all watched keys at once, looks at the watches under these locks, then
//! runs the commands one after the other at one moment of time (design 2.7).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use smallvec::SmallVec;

use super::acl::{self, Origin};
use super::admission;
use super::args::Args;
use super::context::{Call, Context};
use super::errand::{self, Errand, Place};
use super::error::{CommandError, CommandResult, text};
use super::execute::{self, Order};
use super::monitor;
use super::node::Node;
use super::plan::Plan;
use super::session::Session;
use super::settle::{Sink, TransactionRecord};
use super::spec::{Flags, flag};
use super::worker::Worker;
use crate::base::clock;
use crate::base::hash::hash as hash_of;
use crate::store::{Busy, DbKey, Entry, Held, Mode, Patience, Stripes, Wanted, Watcher};

/// The commands queued since MULTI.
#[derive(Default)]
pub struct Queue {
    /// Arguments of each.
    pub commands: Vec<Vec<Vec<u8>>>,
    /// Whether one was refused, so that EXEC must be.
    pub aborted: bool,
    /// Bytes of all arguments.
    pub bytes: usize,
}

/// The keys a client watches.
pub struct Watches {
    keys: Vec<Watch>,
    flag: Arc<WatchFlag>,
}

struct Watch {
    key: DbKey,
    /// Whether the key was there: only then can it have expired since.
    was_there: bool,
}

/// The id of the next flag.
static FLAGS: AtomicU64 = AtomicU64::new(1);

struct WatchFlag {
    /// Unique among all flags.
    id: u64,
    touched: AtomicBool,
}

impl Watcher for WatchFlag {
    fn touch(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    fn id(&self) -> u64 {
        self.id
    }
}

impl Watches {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// MULTI
pub fn multi<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    if ctx.session.queue.is_some() {
        return Err("ERR MULTI calls can not be nested".into());
    }
    ctx.session.queue = Some(Box::default());
    ctx.reply.ok();
    Ok(())
}

/// DISCARD
pub fn discard<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    if ctx.session.queue.take().is_none() {
        return Err("ERR DISCARD without MULTI".into());
    }
    unwatch_all(ctx.session, ctx.worker);
    ctx.reply.ok();
    Ok(())
}

/// Ends the transaction because its EXEC was refused, and says so.
pub(super) fn discard_for(session: &mut Session, worker: &Worker, error: &CommandError) -> CommandError {
    session.queue = None;
    unwatch_all(session, worker);
    CommandError::of(&[&"EXECABORT Transaction discarded because of: ", &error.without("ERR ")])
}

/// WATCH key [key ...]
pub fn watch<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if ctx.session.queue.is_some() {
        return Err("ERR WATCH inside MULTI is not allowed".into());
    }
    let db = ctx.session.db;
    let fresh = || {
        let id = FLAGS.fetch_add(1, Ordering::Relaxed);
        Box::new(Watches {
            keys: Vec::new(),
            flag: Arc::new(WatchFlag { id, touched: AtomicBool::new(false) }),
        })
    };
    let watches = ctx.session.watches.get_or_insert_with(fresh);
    for &key in args.from(1) {
        if watches.keys.iter().any(|known| known.key.0 == db && *known.key.1 == *key) {
            continue;
        }
        // A key that has expired goes now: that it is gone at EXEC must not count as a change.
        let was_there = ctx.keys.find_mut(key).is_some();
        let index = ctx.keys.store().stripe_of(ctx.keys.hash(key));
        let Some(stripe) = ctx.keys.held_mut().stripe_mut(index) else { continue };
        stripe.watch((db, key.into()), watches.flag.clone());
        watches.keys.push(Watch { key: (db, key.into()), was_there });
    }
    ctx.reply.ok();
    Ok(())
}

/// UNWATCH
pub fn unwatch<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    // Within EXEC the locks are held, and EXEC has let go of all watches anyway.
    if matches!(ctx.call, Call::Direct) {
        unwatch_all(ctx.session, ctx.worker);
    }
    ctx.reply.ok();
    Ok(())
}

/// Lets go of all watches. No stripe may be held.
pub fn unwatch_all(session: &mut Session, worker: &Worker) {
    let Some(watches) = session.watches.take() else { return };
    for watch in watches.keys {
        errand::run_one(worker, &Arc::new(Errand::Unwatch(watch.key, watches.flag.id)));
    }
}

/// EXEC
pub fn exec<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let Some(queue) = ctx.session.queue.take() else { return Err("ERR EXEC without MULTI".into()) };
    let result = if queue.aborted { Err(text::EXEC_ABORT.into()) } else { run(ctx, &queue) };
    if ctx.session.deferred || ctx.session.parking.is_some() {
        ctx.session.queue = Some(queue);
        return Ok(());
    }
    unwatch_all(ctx.session, ctx.worker);
    result
}

fn run(ctx: &mut Context<'_, '_>, queue: &Queue) -> CommandResult {
    let node = ctx.node;
    let argvs: Vec<SmallVec<[&[u8]; 6]>> =
        queue.commands.iter().map(|command| command.iter().map(Vec::as_slice).collect()).collect();
    let orders: Vec<Order<'_>> = argvs.iter().filter_map(|argv| Order::of(node, argv)).collect();
    debug_assert_eq!(orders.len(), queue.commands.len(), "queued commands have been looked up before");
    let flags: SmallVec<[Flags; 8]> = orders.iter().map(|order| order.flags(node)).collect();
    let any = |bit| flags.iter().any(|flags| flags.contains(bit));
    let has_scripts = || orders.iter().any(|order| *node.plan(order.command) == Plan::Script);
    let may_take_memory = any(flag::DENYOOM) || has_scripts();
    ctx.session.is_short_of_memory =
        may_take_memory && !ctx.session.replays && !super::evict::make_room(ctx.worker);
    if any(flag::DENYOOM) && ctx.session.is_short_of_memory {
        let reason = text::OUT_OF_MEMORY.trim_start_matches("OOM ");
        return Err(CommandError::new(format!("EXECABORT Transaction discarded because of: OOM {reason}")));
    }
    if any(flag::WRITE)
        && !ctx.session.replays
        && let Some(reason) = admission::write_refusal(node)
    {
        return Err(CommandError::new(format!("EXECABORT Transaction discarded because of: {reason}")));
    }
    if !ctx.session.replays
        && let Some(place) = orders.iter().find_map(|order| elsewhere(ctx.worker, order))
    {
        ctx.session.parking = Some(place);
        return Ok(());
    }
    let held = match lock(ctx.worker, &orders, ctx.session) {
        Ok(held) => match execute::outweigh(ctx.worker, &orders, held, ctx.session) {
            Some(held) => held,
            None => {
                ctx.session.parking = Some(Place::Lane);
                return Ok(());
            }
        },
        Err(busy) => {
            ctx.session.parking = Some(Place::Locks(busy));
            return Ok(());
        }
    };
    if node.is_closing() && !ctx.session.replays {
        ctx.session.deferred = true;
        return Ok(());
    }
    if !ctx.session.replays && node.pause.holds(|| orders.iter().any(|order| order.may_change(node))) {
        ctx.session.parking = Some(Place::Pause);
        return Ok(());
    }
    let loads = |order: &Order<'_>| order.command.facts.flags.contains(flag::LOADING);
    if node.is_loading() && !ctx.session.replays && !orders.iter().all(loads) {
        let reason = text::LOADING;
        return Err(CommandError::new(format!("EXECABORT Transaction discarded because of: {reason}")));
    }
    let now_us = clock::unix_us();
    if is_touched(ctx.session, &held, node, now_us / 1000) {
        // Whatever has touched them was written before now.
        ctx.session.reveal(node.journal.sequence() - 1);
        ctx.reply.null_array();
        return Ok(());
    }
    run_locked(ctx, node, &orders, held, now_us);
    Ok(())
}

/// Locks the stripes of all commands and watched keys, or everything if a command wants that.
fn lock<'q>(worker: &'q Worker, orders: &[Order<'_>], session: &Session) -> Result<Held<'q>, Busy> {
    let node = &*worker.node;
    let patience = if session.replays { Patience::Endless } else { Patience::Worker };
    let mut wanted = Wanted::new();
    let (mut everything, mut has_scripts) = (None, false);
    for order in orders {
        match node.plan(order.command).of_call(order.argv) {
            Plan::Script => has_scripts = true,
            Plan::Walk => everything = everything.max(Some(Mode::Read)),
            Plan::Everything(mode) => everything = everything.max(Some(mode)),
            plan => {
                if plan == Plan::Patterns {
                    everything = everything.max(Some(Mode::Read));
                }
                // What has no keys that can be found answers with its own error.
                let _ = plan.collect(order.command.facts, order.argv, &node.store, &mut wanted);
            }
        }
    }
    for watched in session.watches.iter().flat_map(|watches| &watches.keys) {
        wanted.push((node.store.stripe_of(hash_of(&watched.key.1)), Mode::Read));
    }
    if has_scripts || worker.is_lane {
        // What scripts reach is seen when they do; on the lane, whoever meets these stripes is to park.
        let mut owned = node.store.locks().own(patience)?;
        wanted.iter().for_each(|&(index, _)| owned.reach(index, Mode::Write));
        if everything.is_some() {
            owned.reach_all(Mode::Write);
        }
        return Ok(Held::Owned(owned));
    }
    match everything {
        Some(mode) => {
            let strongest = wanted.iter().map(|(_, mode)| *mode).max().map_or(mode, |other| other.max(mode));
            node.store.locks().lock_all(strongest, patience)
        }
        None => node.store.locks().lock_wanted(&mut wanted, patience),
    }
}

/// Where a script among the commands is to be run, if not here.
fn elsewhere(worker: &Worker, order: &Order<'_>) -> Option<Place> {
    (*worker.node.plan(order.command) == Plan::Script)
        .then(|| (order.handling.elsewhere)(worker, order.argv))?
}

/// Whether a watched key has changed, or has expired since.
fn is_touched(session: &Session, held: &Held<'_>, node: &Node, now_ms: i64) -> bool {
    let Some(watches) = &session.watches else { return false };
    let expired = |watch: &Watch| {
        let (db, key) = &watch.key;
        let hash = hash_of(key);
        let part = held.stripe(node.store.stripe_of(hash)).and_then(|stripe| stripe.db(*db));
        let expiry = part.and_then(|part| part.find(hash, key)).and_then(Entry::expiry);
        watch.was_there && expiry.is_some_and(|at| at <= now_ms)
    };
    watches.flag.touched.load(Ordering::Relaxed) || watches.keys.iter().any(expired)
}

fn run_locked<'q>(
    ctx: &mut Context<'_, '_>,
    node: &'q Node,
    orders: &'q [Order<'q>],
    mut held: Held<'q>,
    now_us: i64,
) {
    let mut journaled = TransactionRecord::default();
    if !ctx.session.reply_mode.is_mute() {
        ctx.reply.array(orders.len());
    }
    let mut leftovers = Vec::new();
    for order in orders {
        let _turn = node.acl.turn(ctx.worker.id, order.command.facts);
        if let Err(error) = acl::check(ctx.worker, ctx.session, order, Origin::Exec) {
            execute::count_error(ctx.worker, &error);
            ctx.reply.error(&error.0);
            continue;
        }
        let (back, effects) =
            execute::run_in_transaction(ctx, node, order, held, now_us, Sink::Transaction(&mut journaled));
        held = back;
        leftovers.push(effects);
    }
    // Each command has obeyed CLIENT REPLY, which some may have changed.
    ctx.session.speaks = true;
    if journaled.commands > 0 {
        let sequence = journaled.publish(ctx.worker);
        journaled.touched.note(node, &mut held, sequence);
        ctx.session.published = sequence;
        ctx.session.reveal(sequence);
    }
    ctx.worker.send_told(ctx.session.gate);
    monitor::tell(ctx.worker, ctx.session.gate);
    drop(held);
    for mut effects in leftovers {
        super::settle::after(ctx.worker, &mut effects);
    }
}
