//! The life of the append-only file: rewritten, switched on, switched off.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::images::{broken, remove};
use super::state::{Job, State};
use super::{Failure, Saving};
use crate::base::log;
use crate::config::Id;
use crate::engine::node::Node;
use crate::journal::Reader;
use crate::persistence::aof::{AofDir, AofFiles, Increment, Kept, Target};
use crate::store::Mode;

impl Saving {
    /// The log has been opened at the start of the server.
    pub fn opened(&self, node: &Node, files: AofFiles) {
        let bytes = files.bytes().unwrap_or_default();
        let mut state = self.state.lock();
        state.base_bytes = bytes;
        state.earlier_bytes = bytes.saturating_sub(node.log.stats().file_bytes.load(Ordering::Relaxed));
        state.files = Some(files);
    }

    /// Bytes of all parts of the log.
    pub fn log_bytes(&self, node: &Node, state: &State) -> u64 {
        state.earlier_bytes + node.log.stats().file_bytes.load(Ordering::Relaxed)
    }

    /// Writes a base for the log as it was at the cut, from which on the log goes on in another increment.
    pub(super) fn rewrite(&self, node: &Node, job: Job) -> Result<(), Failure> {
        let known = self.state.lock().files.take();
        let mut files = match known {
            Some(files) => files,
            None => AofFiles::open(aof_dir(node))?,
        };
        let distrusted = node.log.take_distrust();
        let result = self.rewrite_files(node, &mut files, job);
        if result.is_err() {
            // It may be whole, and large, and of no use.
            remove(&files.place().temporary_base());
        }
        if job == Job::SwitchOn && result.is_err() {
            // Nothing that the manifest names has changed.
            turn_off(node);
            files.remove_unfinished();
            return result;
        }
        let bytes = files.bytes().unwrap_or_default();
        let current = node.log.stats().file_bytes.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        state.earlier_bytes = bytes.saturating_sub(current);
        if result.is_ok() {
            state.base_bytes = bytes;
        }
        // A base alone, made while the log is off, is no log that is open.
        state.files = node.log.is_open().then_some(files);
        drop(state);
        if result.is_err() && distrusted {
            node.log.distrust();
        }
        result
    }

    fn rewrite_files(&self, node: &Node, files: &mut AofFiles, job: Job) -> Result<(), Failure> {
        let (increment, kept) = match job {
            Job::SwitchOn => (files.open_temporary_increment()?, Kept::Temporary),
            _ if node.log.is_open() => (files.open_increment()?, Kept::Last),
            _ => return self.rewrite_while_off(node, files),
        };
        node.log.suspend_fsync(node.config.is_on(Id::NoAppendFsyncOnRewrite));
        let base = files.place().temporary_base();
        let mut opened = Ok(());
        let format = self.image(node, &base, job, || match job {
            Job::SwitchOn => {
                node.durability.begin();
                opened = node.log.open(target(increment));
            }
            _ => node.log.switch_at(node.journal.sequence(), target(increment)),
        })?;
        opened.map_err(|error| broken("start the threads of the log for", &base, &error))?;
        // What the manifest is to name must be on the disk before it does.
        node.log.flush().map_err(|error| broken("flush the log before", &base, &error))?;
        files.finish_rewrite(format, kept)?;
        node.durability.complete(&node.log);
        if kept == Kept::Temporary
            && let Some(increment) = files.manifest().increments.last()
        {
            node.log.renamed(increment.name.to_string_lossy().into_owned());
        }
        if !node.config.is_on(Id::AofDisableAutoGc) {
            files.delete_history()?;
        }
        Ok(())
    }

    /// BGREWRITEAOF while the log is off: a base, and no increment.
    fn rewrite_while_off(&self, node: &Node, files: &mut AofFiles) -> Result<(), Failure> {
        files.place().create_folder()?;
        let base = files.place().temporary_base();
        let format = self.image(node, &base, Job::Rewrite, || ())?;
        files.finish_rewrite(format, Kept::Nothing)?;
        files.delete_history()?;
        Ok(())
    }

    /// Deletes the parts that were kept for `aof-disable-auto-gc`.
    pub(super) fn delete_history(&self) -> Result<(), Failure> {
        let Some(mut files) = self.state.lock().files.take() else { return Ok(()) };
        let outcome = files.delete_history();
        self.state.lock().files = Some(files);
        Ok(outcome?)
    }

    pub(super) fn switch_off(&self, node: &Node) -> Result<(), Failure> {
        turn_off(node);
        self.state.lock().files = None;
        Ok(())
    }
}

/// Has the log leave the journal, then writes and closes it.
fn turn_off(node: &Node) {
    let held = node.store.locks().hold_all(Mode::Write);
    node.journal.leave(Reader::Log);
    drop(held);
    if let Err(error) = node.log.close() {
        log::warning!("The log could not be written to its end while it was switched off: {error}");
    }
}

/// Where the settings say the log is.
pub fn aof_dir(node: &Node) -> AofDir {
    let config = &node.config;
    let (folder, file) = (config.path(Id::AppendDirName), config.path(Id::AppendFileName));
    AofDir::new(Path::new("."), folder.as_os_str(), file.as_os_str())
}

/// An increment as the log takes it.
pub fn target(increment: Increment) -> Target {
    Target { file: increment.file, name: increment.name.to_string_lossy().into_owned(), len: increment.bytes }
}
