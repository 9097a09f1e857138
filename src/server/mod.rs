//! Layer 7: the composition root. Builds the node, starts workers and listeners, and stops them again.

pub mod cli;
mod data;
mod ending;
pub mod http;
pub mod listening;
pub mod observation;
pub mod startup;
pub mod tools;

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use self::listening::{Bound, Listening};
use crate::background;
use crate::base::heap::{self, HugePages};
use crate::base::{clock, log};
use crate::commands;
use crate::config::{Config, Id};
use crate::engine::lane::Lane;
use crate::engine::node::{Rebind, SHUTDOWN_FAILED};
use crate::engine::table::CommandTable;
use crate::engine::{Node, saving};
use crate::net::Workers;

/// Runs a server until it is told to stop.
pub fn run(config: Config) -> ExitCode {
    heap::use_huge_pages(match config.is_on(Id::DisableThp) {
        true => HugePages::Ahead,
        false => HugePages::AtFirstTouch,
    });
    clock::start();
    if let Err(error) = startup::open_log(&config) {
        log::warning!("Can't open the log file: {error}");
        return ExitCode::FAILURE;
    }
    startup::announce(&config);
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::warning!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> Result<(), String> {
    startup::allow_clients(&config)?;
    let table = CommandTable::new(commands::FAMILIES).map_err(|error| error.to_string())?;
    let threads = config.get(Id::ServerThreads) as usize;
    let bound = Bound::bind(&config)?;
    let pid_file = startup::write_pid_file(&config).unwrap_or_else(|error| {
        log::warning!("Can't write the process id file: {error}");
        None
    });
    let node = Arc::new(Node::new(config, table, threads));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("Can't start the event loop: {error}"))?;
    log::notice!("Server initialized");
    let result = runtime.block_on(supervise(&node, bound));
    if let Some(path) = pid_file {
        // It may have been taken away already.
        let _ = std::fs::remove_file(path);
    }
    // All is written and all threads that write are joined: the system takes the memory back faster than entry by entry.
    std::mem::forget(node);
    result
}

async fn supervise(node: &Arc<Node>, bound: Bound) -> Result<(), String> {
    let mut signals = Signals::listen().map_err(|error| format!("Can't listen for signals: {error}"))?;
    Lane::open(node);
    let workers = Workers::start(node).map_err(|error| format!("Can't start the worker threads: {error}"))?;
    let workers = Arc::new(workers);
    let mut listening = Listening::start(node, &workers, bound);
    observation::start(node);
    tokio::select! {
        loaded = data::load(node) => loaded?,
        name = signals.next() => {
            log::warning!("Received {name} while loading the data, exiting now.");
            std::process::exit(0)
        }
    }
    listening.announce();
    let background = background::start(node);
    wait_for_end(node, &mut signals, &mut listening).await;
    tokio::select! {
        () = stop(node, listening, workers) => {}
        never = insist(&mut signals) => match never {},
    }
    drop(background);
    log::warning!("Tartan is now ready to exit, bye bye...");
    Ok(())
}

/// Serves changes of `bind` and `port` until the server shall stop.
async fn wait_for_end(node: &Arc<Node>, signals: &mut Signals, listening: &mut Listening) {
    let (Some(mut rebinds), Some(mut requests)) = (node.take_rebinds(), node.take_shutdowns()) else {
        return;
    };
    loop {
        tokio::select! {
            name = signals.next() => {
                log::warning!("Received {name} scheduling shutdown...");
                if ending::prepare(node, signals, None, false).await {
                    return;
                }
                log::warning!("{name} received but errors trying to shut down the server, check the logs for more information");
            }
            Some(request) = requests.recv() => {
                log::warning!("User requested shutdown...");
                if ending::prepare(node, signals, request.saves, request.forces).await {
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

/// Listens where the settings say now, or where they said before.
async fn rebind_or_undo(node: &Node, listening: &mut Listening, rebind: &Rebind) {
    let Err(error) = listening.rebind().await else {
        rebind.call.answer(|reply| reply.ok());
        return;
    };
    log::warning!("{error}");
    node.config.undo(&rebind.changes);
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
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
