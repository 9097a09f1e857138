//! The data at the start: loaded from the log or the snapshot while clients are told so, then the log is opened.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::base::{clock, log};
use crate::config::Id;
use crate::engine::{Node, loading, saving};
use crate::persistence::aof::AofFiles;
use crate::persistence::snapshot;
use crate::scripting::STACK_BYTES;

/// Loads what there is.
///
/// # Errors
/// Why the server must not start: it would write over what it could not read.
pub async fn load(node: &Arc<Node>) -> Result<(), String> {
    let (sender, done) = tokio::sync::oneshot::channel();
    loading::begin(node);
    let loader = node.clone();
    let work = move || drop(sender.send(load_all(&loader)));
    if let Err(error) = std::thread::Builder::new().name("loader".into()).stack_size(STACK_BYTES).spawn(work)
    {
        return Err(format!("Can't load the data: no thread: {error}"));
    }
    let outcome = done.await.unwrap_or_else(|_| Err("The thread that loads has panicked".into()));
    node.loading.store(false, Ordering::Relaxed);
    outcome
}

fn load_all(node: &Arc<Node>) -> Result<(), String> {
    let started_us = clock::monotonic_us();
    let seconds = || (clock::monotonic_us() - started_us) as f64 / 1e6;
    if !node.config.is_on(Id::AppendOnly) {
        if loading::load_snapshot(node, &node.config.path(Id::DbFileName), false)
            .map_err(|reason| format!("{reason}. Terminating server after rdb file reading failure."))?
        {
            log::notice!("DB loaded from disk: {:.3} seconds", seconds());
        }
        node.saving.count_as_saved(node);
        return Ok(());
    }
    let mut files = AofFiles::open(saving::aof_dir(node)).map_err(|error| error.tell())?;
    files.upgrade().map_err(|error| error.tell())?;
    if loading::load_log(node, &files)? {
        log::notice!("DB loaded from append only file: {:.3} seconds", seconds());
    } else {
        warn_of_snapshot(node);
    }
    open_log(node, files)
}

/// As in Redis the log alone counts when there is to be one. Who switches it on in the configuration instead of at run time
/// would wonder where the data is.
fn warn_of_snapshot(node: &Node) {
    let path = node.config.path(Id::DbFileName);
    if path.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        log::warning!(
            "There is a snapshot {} but no append only file: the server starts empty, as Redis does, and the snapshot will be \
             overwritten by the next one. To keep its data, stop now without saving, start with \"appendonly no\", and then say \
             CONFIG SET appendonly yes",
            path.display()
        );
    }
}

/// Opens the last increment, or makes the first one.
fn open_log(node: &Node, mut files: AofFiles) -> Result<(), String> {
    let format = saving::format(node, saving::Job::Rewrite, Vec::new(), Vec::new());
    let increment = files
        .start(format.base, |out| snapshot::write_empty(out, &format))
        .map_err(|error| error.to_string())?;
    node.log.set_stamps(node.config.is_on(Id::AofTimestampEnabled));
    // Nobody runs commands yet.
    node.log.open(saving::target(increment)).map_err(|error| format!("Can't open the log: {error}"))?;
    node.saving.opened(node, files);
    node.saving.count_as_saved(node);
    Ok(())
}
