//! What a script can ask of the server.

use scoped_tls_hkt::scoped_thread_local;

use super::debugger::Talk;
use crate::resp::Reply;

/// The server as a script sees it.
pub trait Host {
    /// Runs one command and writes its reply, in the protocol the script has chosen (`reply.protocol()`). A refusal is an
    /// error reply.
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply);

    /// Whether the script's user may run a command; None when there is no such command.
    fn may_run(&mut self, argv: &[&[u8]]) -> Option<bool>;

    /// What becomes of the script's writes from here on: 1 for the log, 2 for replicas, or both.
    fn set_replication(&mut self, flags: u8);

    /// Asked every [`INSTRUCTIONS_BETWEEN_QUESTIONS`] instructions: the error text with which the script must end, if it must.
    ///
    /// [`INSTRUCTIONS_BETWEEN_QUESTIONS`]: super::INSTRUCTIONS_BETWEEN_QUESTIONS
    fn interrupted(&mut self) -> Option<String>;

    /// Whether the server is about to end.
    fn is_ending(&self) -> bool {
        false
    }

    /// Who debugs the script.
    fn talk(&mut self) -> Option<&mut dyn Talk> {
        None
    }
}

scoped_thread_local!(static mut HOST: for<'a> &'a mut (dyn Host + 'a));

/// Makes `host` what the callbacks of a script reach while `action` runs.
pub(super) fn serve<R>(host: &mut dyn Host, action: impl FnOnce() -> R) -> R {
    HOST.set(host, action)
}

/// Asks the host of the script that runs; None when there is none, as while a library is loaded.
pub(super) fn ask<R>(question: impl FnOnce(&mut dyn Host) -> R) -> Option<R> {
    HOST.is_set().then(|| HOST.with(|host| question(host)))
}
