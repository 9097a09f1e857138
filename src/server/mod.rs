//! Layer 7: the composition root. Builds the node, starts workers and listeners, and stops them again.

pub mod cli;
mod data;
mod ending;
pub mod http;
pub mod listening;
pub mod observation;
pub mod startup;
mod supervision;
pub mod system;
pub mod tools;

use std::convert::Infallible;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use self::listening::{Bound, Listening};
use self::supervision::Supervisor;
use crate::background;
use crate::base::heap::{self, HugePages};
use crate::base::{clock, crash, log};
use crate::commands::server::config::{put_into_effect, put_password_into_effect};
use crate::commands::server::title;
use crate::config::{Config, Id, LoadError, Sources};
use crate::engine::lane::Lane;
use crate::engine::node::{Rebind, SHUTDOWN_FAILED};
use crate::engine::table::CommandTable;
use crate::engine::{Handling, Node, acl, saving};
use crate::net::Workers;

/// Runs a server with the settings of `sources` until it is told to stop.
pub fn start(sources: &Sources) -> ExitCode {
    let loaded = Config::load(sources).and_then(|config| {
        let table = startup::command_table(&config)?;
        acl::check_declarations(&config)?;
        startup::check_log_file(&config)?;
        Ok((config, table))
    });
    match loaded {
        Ok((config, table)) => run(config, table),
        Err(error @ LoadError::Unreadable { .. }) => {
            log::warning!("{error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            // Whether or not anybody reads it, the exit code tells.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that has to happen before any thread is started comes first.
fn run(config: Config, table: CommandTable<Handling>) -> ExitCode {
    let supervisor = Supervisor::find(&config);
    if config.is_on(Id::Daemonize)
        && supervisor == Supervisor::None
        && let Err(error) = supervision::go_into_background()
    {
        log::warning!("Can't daemonize: {error}");
        return ExitCode::FAILURE;
    }
    startup::bind_to_cpus(&config);
    if config.is_on(Id::SetProcTitle) {
        title::prepare(&config);
    }
    heap::use_huge_pages(match config.is_on(Id::DisableThp) {
        true => HugePages::Ahead,
        false => HugePages::AtFirstTouch,
    });
    clock::start();
    if let Err(error) = startup::open_log(&config) {
        log::warning!("Can't open the log file: {error}");
        return ExitCode::FAILURE;
    }
    crash::set_reports(config.is_on(Id::CrashLogEnabled));
    crash::report_panics();
    startup::announce(&config);
    supervisor.greet();
    match serve(config, table, supervisor) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::warning!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, table: CommandTable<Handling>, supervisor: Supervisor) -> Result<(), String> {
    startup::allow_clients(&config)?;
    let threads = config.get(Id::ServerThreads) as usize;
    let bound = Bound::bind(&config)?;
    let pid_file = startup::write_pid_file(&config).unwrap_or_else(|error| {
        log::warning!("Failed to write PID file: {error}");
        None
    });
    startup::set_oom_score(&config);
    let node = Arc::new(Node::new(config, table, threads));
    acl::load_at_start(&node)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("Can't start the event loop: {error}"))?;
    log::notice!("Server initialized");
    let result = runtime.block_on(supervise(&node, bound, supervisor));
    if let Some(path) = pid_file {
        log::notice!("Removing the pid file.");
        // It may have been taken away already.
        let _ = std::fs::remove_file(path);
    }
    if result.is_ok() {
        log::warning!("Tartan is now ready to exit, bye bye...");
    }
    // All is written and all threads that write are joined: the system takes the memory back faster than entry by entry.
    std::mem::forget(node);
    result
}

async fn supervise(node: &Arc<Node>, bound: Bound, supervisor: Supervisor) -> Result<(), String> {
    let mut signals = Signals::listen().map_err(|error| format!("Can't listen for signals: {error}"))?;
    Lane::open(node);
    let workers = Workers::start(node).map_err(|error| format!("Can't start the worker threads: {error}"))?;
    let workers = Arc::new(workers);
    let mut listening = Listening::start(node, &workers, bound);
    observation::start(node);
    tokio::select! {
        loaded = data::load(node) => loaded?,
        (name, _) = signals.next() => {
            log::warning!("Received {name} while loading the data, exiting now.");
            std::process::exit(0)
        }
    }
    listening.announce();
    supervisor.tell_ready();
    let background = background::start(node);
    wait_for_end(node, &mut signals, &mut listening).await;
    supervisor.tell_stopping();
    tokio::select! {
        () = stop(node, listening, workers) => {}
        never = insist(&mut signals) => match never {},
    }
    drop(background);
    Ok(())
}

/// Serves changes of `bind` and `port` until the server shall stop.
async fn wait_for_end(node: &Arc<Node>, signals: &mut Signals, listening: &mut Listening) {
    let (Some(mut rebinds), Some(mut requests)) = (node.take_rebinds(), node.take_shutdowns()) else {
        return;
    };
    loop {
        tokio::select! {
            (name, setting) = signals.next() => {
                log::warning!("Received {name} scheduling shutdown...");
                if !await_cron(node).await {
                    continue;
                }
                let manner = ending::manner_of_signal(&node.config, setting);
                if ending::prepare(node, signals, manner).await {
                    return;
                }
                log::warning!("{name} received but errors trying to shut down the server, check the logs for more information");
            }
            Some(request) = requests.recv() => {
                log::warning!("User requested shutdown...");
                if ending::prepare(node, signals, request.manner).await {
                    return;
                }
                request.call.answer(|reply| reply.error(SHUTDOWN_FAILED));
            }
            () = node.shutdown.cancelled() => return,
            Some(rebind) = rebinds.recv() => {
                rebind_or_undo(node, listening, &rebind).await;
            }
        }
    }
}

/// Waits while DEBUG PAUSE-CRON keeps the server from ending. False when SHUTDOWN ABORT has been faster.
async fn await_cron(node: &Node) -> bool {
    const LOOK: Duration = Duration::from_millis(10);
    node.ending_soon.store(true, Ordering::SeqCst);
    while node.cron_paused.load(Ordering::Relaxed) && node.ending_soon.load(Ordering::SeqCst) {
        tokio::time::sleep(LOOK).await;
    }
    node.ending_soon.swap(false, Ordering::SeqCst)
}

/// Listens where the settings say now, or where they said before.
async fn rebind_or_undo(node: &Arc<Node>, listening: &mut Listening, rebind: &Rebind) {
    let Err(error) = listening.rebind().await else {
        put_password_into_effect(node, &rebind.changes);
        rebind.call.answer(|reply| reply.ok());
        return;
    };
    log::warning!("{error}");
    node.config.undo(&rebind.changes);
    // What was in effect before is allowed.
    let _ = put_into_effect(node, &rebind.changes);
    if let Err(error) = listening.rebind().await {
        log::warning!("{error}");
    }
    rebind.call.answer(|reply| reply.error(&rebind.refusal));
}

async fn stop(node: &Node, listening: Listening, workers: Arc<Workers>) {
    node.shutdown.cancel();
    listening.stop().await;
    if let Some(workers) = Arc::into_inner(workers) {
        workers.stop().await;
    }
}

/// A second signal ends the server at once.
async fn insist(signals: &mut Signals) -> Infallible {
    signals.next().await;
    log::warning!("You insist... exiting now.");
    // The snapshot that it was about to make.
    let _ = std::fs::remove_file(saving::temporary_snapshot());
    std::process::exit(1)
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// A terminal that is closed is no reason to end.
    _hangup: Signal,
    /// Redis's own, for debugging: nothing happens here.
    _alarm: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
            _alarm: signal(SignalKind::alarm())?,
        })
    }

    /// The name of the next one, and the setting that says what it does.
    async fn next(&mut self) -> (&'static str, Id) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", Id::ShutdownOnSigterm),
            _ = self.interrupt.recv() => ("SIGINT", Id::ShutdownOnSigint),
        }
    }
}
