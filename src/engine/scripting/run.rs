//! One call of a script: its locks, its commands, its record.
//!
//! A script that was proved to reach nothing but `KEYS[..]` (class A) locks their stripes like any command. Any other (class B)
//! owns the token and takes each stripe when it first reaches for it (design 2.5). Either way all are kept until it ends, its
//! commands run under them at one moment of time, and what they have changed is one record of the journal.

use std::sync::atomic::Ordering;

use super::super::acl::{self, Origin};
use super::super::admission;
use super::super::context::{Call, Context};
use super::super::effects::Effects;
use super::super::errand::Place;
use super::super::error::{CommandError, CommandResult, echoed, text};
use super::super::execute::{self, Order};
use super::super::keyspace::Keyspace;
use super::super::node::Node;
use super::super::plan::Plan;
use super::super::session::Session;
use super::super::settle::TransactionRecord;
use super::super::spec::{Facts, Flags as CommandFlags, Group, flag};
use super::super::table::Lookup;
use super::super::worker::Worker;
use super::Script;
use super::running::{InterpreterBytes, Slot};
use crate::base::hash::hash as hash_of;
use crate::base::log;
use crate::config::Id;
use crate::journal::Reader;
use crate::resp::{Protocol, Reply};
use crate::scripting::reach::Reach;
use crate::scripting::shebang::Flags;
use crate::scripting::{Failure, Host, Interpreter};
use crate::store::{Busy, Held, Mode, Patience, Wanted};

/// A script or function that somebody has called.
pub struct Invocation<'i, 'a> {
    /// What is known about it.
    pub script: &'i Script,
    /// The function's name; empty for a script.
    pub function: &'i str,
    /// The stamp of the catalog in which the function was found; None for a script.
    pub stamp: Option<u64>,
    /// What it says of itself, if it does.
    pub flags: Option<Flags>,
    /// Whether the caller allows no writes (EVAL_RO and its kin).
    pub read_only: bool,
    /// The keys that it was given.
    pub keys: &'a [&'a [u8]],
    /// The other arguments.
    pub arguments: &'a [&'a [u8]],
}

/// Runs a script, or leaves the request to be run elsewhere. `prepare` has the interpreter know it, `body` run it.
///
/// # Errors
/// What it may not do at this time, and what it raises.
pub fn run<'a>(
    ctx: &mut Context<'_, 'a>,
    call: &Invocation<'_, 'a>,
    command: &'a [&'a [u8]],
    prepare: impl FnOnce(&mut Interpreter) -> Result<(), Vec<u8>>,
    body: impl FnOnce(&mut Interpreter, &mut dyn Host, &mut Reply) -> Result<(), Failure>,
) -> CommandResult {
    let is_short_of_memory = refuse_at_start(ctx, call)?;
    if let Some(place) = away(ctx, call) {
        ctx.session.parking = Some(place);
        return Ok(());
    }
    super::with_interpreter(ctx.node, prepare).map_err(CommandError::new)?;
    if matches!(ctx.call, Call::Direct) && !lock(ctx, call) {
        return Ok(());
    }
    acl::recheck_call(ctx, command)?;
    let now_us = ctx.keys.now_us();
    let is_block = !matches!(ctx.call, Call::Direct);
    let replays = ctx.session.replays;
    let may_write = !call.read_only && !call.flags.is_some_and(|flags| flags.contains(Flags::NO_WRITES));
    let (protocol, db) = (ctx.session.protocol, ctx.session.db);
    let (worker, node) = (ctx.worker, ctx.node);
    let slot = &node.scripting.slots[worker.id];
    slot.begin(call.function, command);
    let mut caller = Caller {
        worker,
        node,
        slot,
        session: &mut *ctx.session,
        held: ctx.keys.held_mut(),
        effects: Effects::default(),
        record: TransactionRecord::default(),
        now_us,
        may_write,
        is_short_of_memory,
        replicates: true,
        told_slow: false,
        writes: false,
        is_function: !call.function.is_empty(),
        may_move: !is_block && !worker.is_lane && !replays,
        moves: false,
    };
    let result = super::with_interpreter(node, |interpreter| {
        let result = body(interpreter, &mut caller, ctx.reply);
        slot.note_bytes(InterpreterBytes::of(interpreter));
        result
    });
    let elapsed_us = slot.elapsed_us().unwrap_or_default();
    let (mut effects, moves) = (std::mem::take(&mut caller.effects), caller.moves);
    let mut record = std::mem::take(&mut caller.record);
    drop(caller);
    record.only = None;
    (ctx.session.protocol, ctx.session.db) = (protocol, db);
    ctx.keys.effects.absorb(&mut effects);
    if moves {
        call.script.note_slow();
        *ctx.keys.held_mut() = Held::Nothing;
        ctx.keys.effects.propagate_nothing();
        ctx.session.parking = Some(Place::Lane);
        return Ok(());
    }
    call.script.note_run(elapsed_us);
    // Messages that the script has published wait for what it has seen.
    ctx.keys.reveal_record(ctx.session.gate);
    if record.commands > 0 {
        ctx.keys.effects.propagate_block(record);
    } else {
        ctx.keys.effects.propagate_nothing();
    }
    match result {
        Ok(()) => Ok(()),
        Err(failure) if failure.counted => {
            note_failed(ctx, command);
            ctx.reply.error(&failure.text);
            Ok(())
        }
        Err(failure) => Err(CommandError::new(failure.text)),
    }
}

/// Counts the command as failed, though not its error, which a command of the script has brought.
#[cold]
fn note_failed(ctx: &Context<'_, '_>, command: &[&[u8]]) {
    if let Some((command, _)) = execute::find(ctx.node, command) {
        ctx.worker.stats.commands[usize::from(command.id)].failed.add(1);
    }
}

/// What keeps a script from starting. Returns whether memory is short, so that it may not use more.
fn refuse_at_start(ctx: &Context<'_, '_>, call: &Invocation<'_, '_>) -> Result<bool, CommandError> {
    let node = ctx.node;
    let replays = ctx.session.replays;
    let is_full = match ctx.call {
        Call::Direct => {
            node.config.get(Id::MaxMemory) != 0 && !replays && !super::super::evict::make_room(ctx.worker)
        }
        // It has been looked for before the locks were taken.
        _ => ctx.session.is_short_of_memory,
    };
    let Some(flags) = call.flags else { return Ok(is_full) };
    let writes = !flags.contains(Flags::NO_WRITES);
    let allows = flags.contains(Flags::ALLOW_OOM) || !writes;
    if is_full && !allows {
        return Err(text::OUT_OF_MEMORY.into());
    }
    if writes && call.read_only {
        return Err("ERR Can not execute a script with write flag using *_ro command.".into());
    }
    if writes
        && !replays
        && let Some(reason) = admission::write_refusal(node)
    {
        return Err(CommandError::new(reason));
    }
    Ok(is_full && !flags.contains(Flags::ALLOW_OOM))
}

/// Where a call is to be run, if not here; that of a transaction has been looked at before.
fn away(ctx: &Context<'_, '_>, call: &Invocation<'_, '_>) -> Option<Place> {
    let may_leave = matches!(ctx.call, Call::Direct) && !ctx.session.replays;
    may_leave.then(|| elsewhere(ctx.worker, call.script))?
}

/// Takes what the script is known to need; false if it is to be run elsewhere or later.
fn lock<'a>(ctx: &mut Context<'_, 'a>, call: &Invocation<'_, 'a>) -> bool {
    let replays = ctx.session.replays;
    let patience = if replays { Patience::Endless } else { Patience::Worker };
    match take(ctx, call, patience) {
        Ok(held) => *ctx.keys.held_mut() = held,
        Err(busy) => {
            ctx.session.parking = Some(Place::Locks(busy));
            return false;
        }
    }
    if ctx.node.is_closing() && !replays {
        ctx.session.deferred = true;
        return false;
    }
    let may_write = || call.flags.map_or(!call.read_only, |flags| !flags.contains(Flags::NO_WRITES));
    if !replays && ctx.node.pause.holds(may_write) {
        ctx.session.parking = Some(Place::Pause);
        return false;
    }
    if !replays && call.stamp.is_some_and(|stamp| stamp != ctx.node.scripting.libraries.stamp()) {
        // Libraries have changed since the function was looked up; from now on they can't. It happens once in a great while.
        ctx.session.parking = Some(Place::Lane);
        return false;
    }
    true
}

/// Holds every stripe for a change of the function libraries; false if the request is to be run later.
pub fn lock_everything(ctx: &mut Context<'_, '_>) -> bool {
    if !matches!(ctx.call, Call::Direct) {
        let reached = ctx.keys.held_mut().reach_all(Mode::Write);
        debug_assert!(reached, "a transaction that may change libraries owns the token");
        return reached;
    }
    let (node, replays) = (ctx.node, ctx.session.replays);
    let patience = if replays { Patience::Endless } else { Patience::Worker };
    match ctx.keys.store().locks().lock_all(Mode::Write, patience) {
        Ok(held) => *ctx.keys.held_mut() = held,
        Err(busy) => {
            ctx.session.parking = Some(Place::Locks(busy));
            return false;
        }
    }
    ctx.session.deferred |= !replays && (node.is_closing() || node.is_loading());
    if !replays && node.pause.is_on() {
        ctx.session.parking = Some(Place::Pause);
    }
    !ctx.session.deferred && ctx.session.parking.is_none()
}

/// The flags of a call of a script or function: by what it says of itself; if it says nothing, the command's.
pub fn flags_of(facts: &Facts, told: Option<Flags>) -> CommandFlags {
    let Some(told) = told else { return facts.flags };
    let writes = if told.contains(Flags::NO_WRITES) { 0 } else { flag::WRITE };
    let takes_memory = !told.contains(Flags::ALLOW_OOM) && !told.contains(Flags::NO_WRITES);
    let takes_memory = if takes_memory { flag::DENYOOM } else { 0 };
    let kept = facts.flags.0 & !(flag::WRITE | flag::DENYOOM | flag::MAY_REPLICATE);
    CommandFlags(kept | writes | takes_memory)
}

/// Where a library is to be loaded, if not here: it may take long, and its functions may keep state.
pub fn elsewhere_loading(worker: &Worker) -> Option<Place> {
    (!worker.is_home).then_some(Place::Home)
}

/// Where a script is to be run that nobody has seen.
pub fn elsewhere_unknown(worker: &Worker) -> Option<Place> {
    (!worker.is_lane).then_some(Place::Lane)
}

/// Where a script is to be run if not here: what may take long has threads of its own, and what keeps state one thread.
pub fn elsewhere(worker: &Worker, script: &Script) -> Option<Place> {
    match () {
        () if script.is_bound && !worker.is_home => Some(Place::Home),
        () if script.is_slow() && !worker.is_lane => Some(Place::Lane),
        () => None,
    }
}

fn take<'a>(ctx: &Context<'_, 'a>, call: &Invocation<'_, 'a>, patience: Patience) -> Result<Held<'a>, Busy> {
    let store = ctx.keys.store();
    let stripe_of = |key: &&[u8]| store.stripe_of(hash_of(key));
    match call.script.reach {
        // What is slow owns the token: nobody else may hold a stripe for long.
        Reach::Declared { writes } if !ctx.worker.is_lane => {
            ctx.worker.had_token.set(false);
            let mode = if writes { Mode::Write } else { Mode::Read };
            let mut wanted: Wanted = call.keys.iter().map(|key| (stripe_of(key), mode)).collect();
            store.locks().lock_wanted(&mut wanted, patience)
        }
        Reach::Declared { .. } => {
            let mut owned = store.locks().own(patience)?;
            call.keys.iter().for_each(|key| owned.reach(stripe_of(key), Mode::Write));
            Ok(Held::Owned(owned))
        }
        Reach::Anything if ctx.worker.has_lease.get() => {
            ctx.worker.had_token.set(true);
            Ok(Held::Owned(store.locks().own_under_lease()))
        }
        Reach::Anything => {
            let owned = store.locks().own(patience)?;
            ctx.worker.had_token.set(true);
            Ok(Held::Owned(owned))
        }
    }
}

/// A script that has not written within so many microseconds is stopped and run again by the lane.
const MOVES_US_MIN: u64 = 5_000;
/// The flags of redis.set_repl that stand for the log and for replicas.
const LOG: u8 = 1;
const REPLICAS: u8 = 2;
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL...";
const WRONG_COUNT: &str = "ERR Wrong number of args calling Redis command from script";

/// Whether a read of streams asks to wait.
fn asks_to_block(facts: &Facts, argv: &[&[u8]]) -> bool {
    let is = |argument: &&&[u8], word: &str| argument.eq_ignore_ascii_case(word.as_bytes());
    matches!(facts.name, "xread" | "xreadgroup")
        && argv.iter().take_while(|argument| !is(argument, "streams")).any(|argument| is(&argument, "block"))
}

/// The server as a running script reaches it.
struct Caller<'c, 'h> {
    worker: &'c Worker,
    node: &'c Node,
    slot: &'c Slot,
    session: &'c mut Session,
    held: &'c mut Held<'h>,
    /// What is left to do when the locks are gone.
    effects: Effects<'static>,
    record: TransactionRecord,
    now_us: i64,
    may_write: bool,
    is_short_of_memory: bool,
    /// Whether writes go into the journal (redis.set_repl), to one of its readers at least.
    replicates: bool,
    told_slow: bool,
    /// Whether it has called a command that writes.
    writes: bool,
    /// Whether it is a function rather than a script.
    is_function: bool,
    /// Whether it can be stopped here and run by the lane.
    may_move: bool,
    /// It is.
    moves: bool,
}

/// However a script ends, nobody must take it for running; and memory and log must not part.
impl Drop for Caller<'_, '_> {
    fn drop(&mut self) {
        self.slot.end();
        if std::thread::panicking() && self.record.commands > 0 && self.node.journal.is_on() {
            log::warning!(
                "A script that had written has met a bug: the server stops, so that memory and log cannot differ"
            );
            std::process::abort();
        }
    }
}

impl Host for Caller<'_, '_> {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) {
        let (command, handling) = match self.node.table.look_up(argv) {
            Lookup::Found(command) => match command.handler {
                Some(handling) => (command, handling),
                None => return self.refuse(reply, WRONG_COUNT.into()),
            },
            _ => return self.refuse(reply, "ERR Unknown Redis command called from script".into()),
        };
        let order = Order { command, handling, argv, hash: None };
        let _turn = self.node.acl.turn(self.worker.id, command.facts);
        if let Err(error) = self.check(&order).and_then(|()| self.reach(&order)) {
            self.worker.stats.commands[usize::from(command.id)].rejected.add(1);
            return self.refuse(reply, error);
        }
        self.run(&order, reply);
    }

    fn may_run(&mut self, argv: &[&[u8]]) -> Option<bool> {
        let (command, _) = execute::find(self.node, argv)?;
        Some(acl::may_run(self.node, self.session, command, argv))
    }

    fn set_replication(&mut self, flags: u8) {
        self.replicates = flags & (LOG | REPLICAS) != 0;
        self.record.only = match (flags & LOG != 0, flags & REPLICAS != 0) {
            (true, false) => Some(Reader::Log),
            (false, true) => Some(Reader::Feed),
            _ => None,
        };
    }

    fn is_ending(&self) -> bool {
        self.node.is_closing()
    }

    fn interrupted(&mut self) -> Option<String> {
        if self.may_move && !self.writes && self.slot.elapsed_us().is_some_and(|us| us > MOVES_US_MIN) {
            self.moves = true;
            return Some(String::new());
        }
        if self.slot.is_killed() {
            // The same for functions.
            return Some(KILLED.into());
        }
        let threshold_us = self.node.config.get(Id::BusyReplyThreshold).max(0) as u64 * 1000;
        if !self.told_slow && self.slot.elapsed_us().is_some_and(|elapsed| elapsed > threshold_us) {
            self.told_slow = true;
            log::warning!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the {} command.",
                threshold_us / 1000,
                self.ender()
            );
        }
        None
    }
}

impl Caller<'_, '_> {
    /// The command that ends what runs.
    fn ender(&self) -> &'static str {
        if self.is_function { "FUNCTION KILL" } else { "SCRIPT KILL" }
    }

    fn refuse(&self, reply: &mut Reply, error: CommandError) {
        execute::count_error(self.worker, &error);
        reply.error(&error.0);
    }

    /// What a script may not call, or not now.
    fn check(&mut self, order: &Order<'_>) -> CommandResult {
        let (facts, argv) = (order.command.facts, order.argv);
        let flags = facts.flags;
        if !facts.accepts_count(argv.len()) {
            return Err(WRONG_COUNT.into());
        }
        // A thread's interpreter runs one script at a time, whatever DEBUG allows.
        let allows_all =
            self.node.scripts_call_all.load(Ordering::Relaxed) && facts.group != Group::Scripting;
        if flags.contains(flag::NOSCRIPT) && !allows_all {
            return Err("ERR This Redis command is not allowed from script".into());
        }
        if self.node.is_loading() && !flags.contains(flag::LOADING) && !self.session.replays {
            return Err(text::LOADING.into());
        }
        acl::check(self.worker, self.session, order, Origin::Script)?;
        if asks_to_block(facts, argv) {
            const REASON: &str = " command is not allowed with BLOCK option from scripts";
            return Err(CommandError::of(&[&"ERR ", &echoed(argv[0], usize::MAX), &REASON]));
        }
        if (flags.contains(flag::WRITE) || flags.contains(flag::MAY_REPLICATE)) && !self.may_write {
            return Err("ERR Write commands are not allowed from read-only scripts.".into());
        }
        let writes = flags.contains(flag::WRITE) || flags.contains(flag::MAY_REPLICATE);
        if flags.contains(flag::WRITE)
            && !self.session.replays
            && let Some(reason) = admission::write_refusal(self.node)
        {
            return Err(CommandError::new(reason));
        }
        // What has begun to write goes on, rather than stop half way.
        if self.is_short_of_memory && flags.contains(flag::DENYOOM) && !self.writes {
            return Err(text::OUT_OF_MEMORY.into());
        }
        if writes && !self.slot.begin_write() {
            return Err(KILLED.into());
        }
        self.writes |= writes;
        Ok(())
    }

    /// Makes sure that what the command reaches is held.
    fn reach(&mut self, order: &Order<'_>) -> CommandResult {
        let reached = match self.node.plan(order.command).of_call(order.argv) {
            Plan::Nothing | Plan::Script => true,
            Plan::Walk | Plan::Everything(_) | Plan::Patterns => self.held.reach_all(Mode::Write),
            plan => {
                let mut wanted = Wanted::new();
                // What has no keys that can be found answers with its own error.
                let _ = plan.collect(order.command.facts, order.argv, &self.node.store, &mut wanted);
                wanted.iter().all(|&(index, _)| self.held.reach(index, Mode::Write))
            }
        };
        if reached {
            return Ok(());
        }
        log::warning!(
            "A bug: a script was taken to reach its KEYS alone, and reaches others; please report it"
        );
        Err("ERR a bug: the script reaches keys that it was not expected to; please report it".into())
    }

    fn run(&mut self, order: &Order<'_>, reply: &mut Reply) {
        self.record.is_mute = !self.replicates;
        // Commands that ask for the client's protocol are to see the script's.
        self.session.protocol = reply.protocol();
        let held = Held::Lent(&mut *self.held);
        let mut keys = Keyspace::new(&self.worker.node, held, self.session, Patience::Worker);
        keys.freeze(self.now_us);
        execute::run_in_script(self.worker, self.session, reply, order, &mut keys, &mut self.record);
        self.effects.absorb(&mut keys.effects);
        self.session.protocol = Protocol::Resp2;
    }
}
