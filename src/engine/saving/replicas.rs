//! Images for replicas: into a file that has no name any more, which each of them reads at its own pace, or, when all of them find
//! its end by themselves and `repl-diskless-sync` is on, straight to their connections.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::images::{broken, remove};
use super::state::Job;
use super::{Failure, Saving};
use crate::base::{clock, log};
use crate::config::Id;
use crate::engine::node::{Node, random_id};
use crate::engine::replicas::name;
use crate::persistence::snapshot::{Format, SyncingFile};
use crate::rdb::Version;
use crate::replication::{Broadcast, Party, Spool};

/// Numbers the files.
static SPOOLS: AtomicU64 = AtomicU64::new(0);

/// Whether replicas wait that may have an image now.
pub(super) fn are_waiting(node: &Node) -> bool {
    let config = &node.config;
    let delay_ms = config.get(Id::ReplDisklessSyncDelay) * 1000;
    let enough = config.get(Id::ReplDisklessSyncMaxReplicas) as usize;
    node.feed.wants_image(config.is_on(Id::ReplDisklessSync), delay_ms, enough)
}

impl Saving {
    /// Makes an image for replicas that wait. If it fails they are closed, and may ask again.
    pub(super) fn serve_replicas(&self, node: &Node) -> Result<(), Failure> {
        let Some(party) = node.feed.party() else { return Ok(()) };
        let is_filtered = !(party.content.data && party.content.functions);
        let streams = party.finds_end && (node.config.is_on(Id::ReplDisklessSync) || is_filtered);
        log::notice!(
            "Starting an image for SYNC with target: {}",
            if streams { "replicas sockets" } else { "disk" }
        );
        let outcome = if streams { self.stream(node, &party) } else { self.spool(node, &party) };
        match &outcome {
            Ok(()) => log::notice!("The image for SYNC is made"),
            Err(_) => {
                log::warning!("SYNC failed: the image for {} replicas could not be made", party.links.len());
                party.links.iter().for_each(|link| link.lose());
            }
        }
        outcome
    }

    fn spool(&self, node: &Node, party: &Party) -> Result<(), Failure> {
        let number = SPOOLS.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("temp-sync-{}-{number}.rdb", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(|error| broken("create", &path, &error))?;
        remove(&path);
        let own = file.try_clone().map_err(|error| broken("open", &path, &error))?;
        let progress = self.progress.lock().clone();
        let out = SyncingFile::new(own, &progress, false);
        let format = |format: &mut Format| adapt(format, party);
        let made = self.image_into(node, out, Job::Sync, &progress, format, || greet(node, party, true));
        made.map_err(|error| stopped_or(error, |error| broken("write", &path, error)))?;
        let len = file.metadata().map_err(|error| broken("read", &path, &error))?.len();
        let spool = Spool { file: Arc::new(file), len };
        for link in &party.links {
            link.finish_image(format!("${len}\r\n").into(), Some(spool.clone()));
        }
        Ok(())
    }

    fn stream(&self, node: &Node, party: &Party) -> Result<(), Failure> {
        let progress = self.progress.lock().clone();
        let patience = Duration::from_secs(node.config.get(Id::ReplTimeout) as u64);
        let count = |bytes| _ = progress.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_urgent = || progress.stop.load(Ordering::Relaxed) || node.store.is_pressed();
        let out = Broadcast::new(party.links.clone(), patience, &count, &is_urgent);
        let mark = random_id();
        let at_cut = || {
            greet(node, party, false);
            let head = format!("$EOF:{mark}\r\n");
            party.links.iter().for_each(|link| link.push(head.clone().into()));
        };
        let format = |format: &mut Format| adapt(format, party);
        self.image_into(node, out, Job::Sync, &progress, format, at_cut).map_err(|error| {
            stopped_or(error, |error| Failure::Broken(format!("Can't send an image: {error}")))
        })?;
        party.links.iter().for_each(|link| link.finish_image(mark.clone().into(), None));
        Ok(())
    }
}

/// At the cut: from here on the replicas follow. Those that understand it are told so.
fn greet(node: &Node, party: &Party, spools: bool) {
    let (id, place) = node.feed.cut(&party.links, spools, random_id);
    for link in party.links.iter().filter(|link| !link.view().is_old) {
        link.push(format!("+FULLRESYNC {id} {place}\r\n").into());
    }
    log::verbose!("Cut at {place} of {id} for {} at {}", names(party), clock::unix_ms());
}

fn names(party: &Party) -> String {
    party.links.iter().map(|link| name(link)).collect::<Vec<_>>().join(", ")
}

/// What these replicas read: the newest format only if they have told that they do, since those of before 7.2 refuse it.
fn adapt(format: &mut Format, party: &Party) {
    if !party.reads_newest {
        format.options.version = Version::V10;
    }
    if !party.content.functions {
        format.functions.clear();
    }
    format.holds_data = party.content.data;
}

fn stopped_or(error: io::Error, broken: impl FnOnce(&io::Error) -> Failure) -> Failure {
    match error.kind() {
        io::ErrorKind::Interrupted => Failure::Stopped,
        _ => broken(&error),
    }
}
