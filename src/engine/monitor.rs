//! MONITOR: every command that has run, told to those who ask.
//!
//! A line is made under the command's locks, so the lines of one key come in the order of execution. Those of a script or a
//! transaction wait with their worker and leave together, before its locks go; what is to be run again elsewhere is not told.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use super::context::{Call, Locking};
use super::execute::Order;
use super::session::{ClientHandle, Session};
use super::slowlog;
use super::spec::flag;
use super::worker::Worker;
use crate::base::clock;
use crate::base::quoting::quote;
use crate::config::Id;
use crate::pubsub::Subscriber;

/// Who watches.
#[derive(Default)]
pub struct Monitors {
    any: AtomicBool,
    clients: RwLock<Vec<Arc<ClientHandle>>>,
}

/// A command that somebody watches, before it runs.
pub(super) struct Watched {
    started_us: i64,
    /// The lines before it.
    lines: usize,
}

impl Monitors {
    /// Whether anybody watches.
    #[inline]
    pub fn are_there(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Tells this client from now on.
    pub fn add(&self, client: Arc<ClientHandle>) {
        let mut clients = self.clients.write();
        client.view.monitors.store(true, Ordering::Relaxed);
        clients.push(client);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Leaves a client in peace.
    pub fn remove(&self, client: &ClientHandle) {
        let mut clients = self.clients.write();
        client.view.monitors.store(false, Ordering::Relaxed);
        clients.retain(|other| other.id != client.id);
        self.any.store(!clients.is_empty(), Ordering::Relaxed);
    }
}

/// Notes that a command is about to run; None if nobody wants to know.
#[inline]
pub(super) fn watch(worker: &Worker, session: &Session, call: Call<'_>) -> Option<Watched> {
    (worker.node.monitors.are_there() && !session.replays).then(|| {
        let mut lines = worker.monitored.borrow_mut();
        if matches!(call, Call::Direct) {
            lines.clear();
        }
        Watched { started_us: clock::unix_us(), lines: lines.len() }
    })
}

impl Watched {
    /// Makes the line of the command, which has run.
    #[cold]
    pub(super) fn note(
        self,
        worker: &Worker,
        session: &Session,
        order: &Order<'_>,
        call: Call<'_>,
        is_in_script: bool,
    ) {
        let mut lines = worker.monitored.borrow_mut();
        if session.parking.is_some() || session.deferred {
            return lines.clear();
        }
        let flags = order.command.facts.flags;
        if matches!(call, Call::Waiting(_)) || flags.contains(flag::ADMIN) {
            return;
        }
        // Scripts come before their commands, EXEC behind them, though the flag says to pass over both.
        let is_script = flags.contains(flag::SKIP_MONITOR) && order.handling.locking == Locking::Script;
        if flags.contains(flag::SKIP_MONITOR) && !is_script && order.command.facts.name != "exec" {
            return;
        }
        let at = if is_script { self.lines.min(lines.len()) } else { lines.len() };
        lines.insert(at, self.line(worker, session, order, is_in_script));
    }

    fn line(&self, worker: &Worker, session: &Session, order: &Order<'_>, is_in_script: bool) -> String {
        const SECOND_US: i64 = 1_000_000;
        let (handle, config) = (&session.handle, &worker.node.config);
        let from = match (is_in_script, handle.is_unix) {
            (true, _) => "lua".to_owned(),
            (false, true) => format!("unix:{}", config.path(Id::UnixSocket).display()),
            (false, false) => handle.address.clone(),
        };
        let (seconds, microseconds) = (self.started_us / SECOND_US, self.started_us % SECOND_US);
        let mut line = format!("+{seconds}.{microseconds:06} [{} {from}]", session.db);
        for argument in slowlog::redacted(order.command.facts.name, order.argv) {
            // Writing to a String cannot fail.
            let _ = write!(line, " {}", quote(argument));
        }
        line.push_str("\r\n");
        line
    }
}

/// Sends the lines that have been made; they reveal record `gate`.
#[cold]
pub(super) fn tell(worker: &Worker, gate: u64) {
    let lines = std::mem::take(&mut *worker.monitored.borrow_mut());
    if lines.is_empty() {
        return;
    }
    let text = Bytes::from(lines.concat());
    let clients = worker.node.monitors.clients.read();
    clients.iter().for_each(|client| client.deliver(text.clone(), gate));
}
