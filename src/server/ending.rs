//! The end of the server: nothing runs any more, what there is goes to the disk, then connections are closed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Signals;
use crate::base::{clock, log};
use crate::config::{Config, Id, shutdown_flags};
use crate::engine::node::Manner;
use crate::engine::saving::Job;
use crate::engine::{Node, blocking, replicas};
use crate::replication::Link;
use crate::store::Mode;

/// What a signal does, as its setting says.
pub fn manner_of_signal(config: &Config, setting: Id) -> Manner {
    let has = |flag| config.get(setting) & flag != 0;
    let saves = match (has(shutdown_flags::SAVE), has(shutdown_flags::NOSAVE)) {
        (false, false) => None,
        (saves, _) => Some(saves),
    };
    Manner { saves, forces: has(shutdown_flags::FORCE), waits: !has(shutdown_flags::NOW) }
}

/// Brings everything to the disk. False when that failed and the server goes on. A second signal ends it at once.
pub async fn prepare(node: &Arc<Node>, signals: &mut Signals, manner: Manner) -> bool {
    let (sender, done) = tokio::sync::oneshot::channel();
    let saver = node.clone();
    let work = move || {
        // Nobody waits for it when the server has ended meanwhile.
        let _ = sender.send(persist(&saver, manner));
    };
    if let Err(error) = std::thread::Builder::new().name("ending".into()).spawn(work) {
        log::warning!("Can't shut down: no thread: {error}");
        return false;
    }
    tokio::select! {
        outcome = done => outcome.unwrap_or(false),
        never = super::insist(signals) => match never {},
    }
}

fn persist(node: &Arc<Node>, manner: Manner) -> bool {
    let Manner { saves, forces, waits } = manner;
    if !forces && lacks_log(node) {
        log::warning!("Writing initial AOF, can't exit.");
        return false;
    }
    node.saving.stop();
    node.closing.store(true, Ordering::SeqCst);
    let is_quiet = silence(node, saves != Some(false));
    // A script that does not end has its writes in no file yet: without it all is as it was.
    let quiet = is_quiet || saves == Some(false);
    if quiet && waits {
        await_replicas(node);
    }
    let logged = quiet && (write_log(node) || forces);
    let ready = logged && (save(node, saves) || forces);
    if !ready {
        node.closing.store(false, Ordering::SeqCst);
        node.saving.resume();
        blocking::serve_all(node);
    }
    ready
}

/// Whoever has begun ends; whoever begins sees that the server closes. Scripts that take long are stopped, if they have not
/// written; false if one does not end. Who wants its writes in a file waits longer for it.
fn silence(node: &Node, saves: bool) -> bool {
    const PATIENCE: Duration = Duration::from_secs(1);
    let patience_max = Duration::from_millis(if saves { 10_000 } else { 200 });
    let hold = |limit| node.store.locks().hold_all_within(Mode::Write, limit).is_some();
    if hold(PATIENCE) {
        return true;
    }
    node.scripting.kill_all();
    let quiet = hold(patience_max);
    if !quiet && saves {
        log::warning!("A script that has written does not end: only SHUTDOWN NOSAVE ends the server now");
    }
    quiet
}

/// Gives replicas that acknowledge `shutdown-timeout` seconds to have all that there is.
fn await_replicas(node: &Node) {
    const PAUSE: Duration = Duration::from_millis(2);
    let deadline_ms = clock::unix_ms() + node.config.get(Id::ShutdownTimeout) * 1000;
    node.feed.drain();
    let end = node.feed.figures().end;
    let present = || {
        let mut links = node.feed.links();
        links.retain(|link| !link.view().is_old && !link.is_lost());
        links
    };
    let lags = |link: &Arc<Link>| link.acknowledged() < end;
    if present().iter().any(lags) {
        log::notice!("Waiting for replicas before shutting down.");
    }
    node.feed.ask_for_acks();
    while present().iter().any(lags) && clock::unix_ms() < deadline_ms {
        std::thread::sleep(PAUSE);
    }
    let (all, mut in_sync) = (present(), 0);
    for link in &all {
        if !lags(link) {
            in_sync += 1;
            continue;
        }
        let (name, behind) = (replicas::name(link), end.saturating_sub(link.acknowledged()));
        log::notice!(
            "Lagging replica {name} reported offset {behind} behind master, lag={}.",
            link.lag_ms(clock::unix_ms()) / 1000
        );
    }
    if !all.is_empty() {
        log::notice!("{in_sync} of {} replicas are in sync when shutting down.", all.len());
    }
}

/// Whether the log is being switched on, so that what was acknowledged is in no file yet.
fn lacks_log(node: &Node) -> bool {
    let is_beginning = node.saving.look(|state| matches!(state.running, Some((Job::SwitchOn, _))));
    node.config.is_on(Id::AppendOnly) && (is_beginning || !node.log.is_open())
}

fn write_log(node: &Node) -> bool {
    if !node.log.is_open() {
        return true;
    }
    log::notice!("Calling fsync() on the AOF file.");
    let outcome = node.log.flush();
    if let Err(error) = &outcome {
        log::warning!("Error trying to bring the AOF to the disk: {error}");
    }
    outcome.is_ok()
}

fn save(node: &Node, saves: Option<bool>) -> bool {
    if !saves.unwrap_or_else(|| !node.config.text(Id::Save).is_empty()) {
        return true;
    }
    log::notice!("Saving the final RDB snapshot before exiting.");
    let saved = node.saving.save_now(node);
    if !saved {
        log::warning!("Error trying to save the DB, can't exit.");
    }
    saved
}
