//! Snapshots, and the images that they and the bases of the log are made of.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::state::Job;
use super::{Failure, Saving};
use crate::base::{alloc, clock, log};
use crate::config::Id;
use crate::engine::evict::Policy;
use crate::engine::node::Node;
use crate::persistence::aof::BaseFormat;
use crate::persistence::snapshot::{self, Access, Format, Progress, SyncingFile};
use crate::rdb;
use crate::store::{Held, Stripes};

impl Saving {
    /// Makes a snapshot in the file `name` of the working directory.
    pub(super) fn snapshot(&self, node: &Node, name: &Path) -> Result<(), Failure> {
        let temporary = temporary_snapshot();
        let mut dirty = 0;
        let result = self
            .image(node, &temporary, Job::Snapshot, || dirty = node.sum(|stats| stats.dirty.get()))
            .and_then(|_| {
                fs::rename(&temporary, name)
                    .and_then(|()| File::open(".")?.sync_all())
                    .map_err(|error| broken("move the snapshot to its place", name, &error))
            });
        match &result {
            Ok(()) => {
                self.dirty_saved.store(dirty, Ordering::Relaxed);
                log::notice!("DB saved on disk");
            }
            Err(_) => remove(&temporary),
        }
        result
    }

    /// Makes a snapshot here and now, when no other can be under way: the last one before the end. What came in the way is logged.
    pub fn save_now(&self, node: &Node) -> bool {
        *self.progress.lock() = Arc::default();
        let result = self.snapshot(node, &node.config.path(Id::DbFileName));
        match &result {
            Ok(()) => self.state.lock().saved_seconds = clock::unix_ms() / 1000,
            Err(Failure::Broken(reason)) => log::warning!("{reason}"),
            Err(Failure::Stopped) => {}
        }
        result.is_ok()
    }

    /// Makes an image in the file at `path`, which is on the disk afterwards. Returns how it is written.
    pub(super) fn image(
        &self,
        node: &Node,
        path: &Path,
        job: Job,
        at_cut: impl FnOnce(),
    ) -> Result<BaseFormat, Failure> {
        let file = File::create(path).map_err(|error| broken("create", path, &error))?;
        let progress = self.progress.lock().clone();
        let incremental =
            if job == Job::Snapshot { Id::RdbSaveIncrementalFsync } else { Id::AofRewriteIncrementalFsync };
        let out = SyncingFile::new(file, &progress, node.config.is_on(incremental));
        let made = self.image_into(node, out, job, &progress, |_| (), at_cut);
        made.and_then(|(out, format)| out.finish().map(|_| format.base)).map_err(|error| {
            remove(path);
            match error.kind() {
                io::ErrorKind::Interrupted => Failure::Stopped,
                _ => broken("write", path, &error),
            }
        })
    }

    /// Makes an image and writes it to `out`, in the format that `adapt` makes of the usual one.
    pub(super) fn image_into<W: Write + Send>(
        &self,
        node: &Node,
        out: W,
        job: Job,
        progress: &Progress,
        adapt: impl FnOnce(&mut Format),
        at_cut: impl FnOnce(),
    ) -> io::Result<(W, Format)> {
        let (mut sizes, mut libraries) = (Vec::new(), None);
        let cut_us = clock::monotonic_us();
        let (image, ()) = node.store.cut(|held| {
            sizes = sizes_of(held, node.databases());
            libraries = Some(node.scripting.catalog());
            at_cut();
        });
        let cut_us = clock::monotonic_us() - cut_us;
        let keys: u64 = sizes.iter().map(|(keys, _)| keys).sum();
        progress.total.store(keys, Ordering::Relaxed);
        log::verbose!("The cut of {keys} keys held the store for {cut_us} us at most");
        let functions = libraries.map_or_else(Vec::new, |catalog| catalog.sources());
        let mut format = format(node, job, sizes, functions);
        adapt(&mut format);
        let result = snapshot::write_image(&node.store, &image, out, &format, progress);
        node.store.end_image(&image, result.is_ok());
        result.map(|out| (out, format))
    }
}

/// Where a snapshot is written until it is whole.
pub fn temporary_snapshot() -> PathBuf {
    PathBuf::from(format!("temp-{}.rdb", std::process::id()))
}

/// How files are written now.
pub fn format(node: &Node, job: Job, sizes: Vec<(u64, u64)>, functions: Vec<Vec<u8>>) -> Format {
    let config = &node.config;
    let version = match config.get(Id::RdbVersion) {
        10 => rdb::Version::V10,
        _ => rdb::Version::V11,
    };
    let policy = Policy::of(config);
    let access = if policy.is_lfu() {
        Access::Frequency
    } else if policy.is_lru() {
        Access::Idle
    } else {
        Access::None
    };
    let is_base = !matches!(job, Job::Snapshot | Job::Sync);
    Format {
        base: if is_base { base_format(node) } else { BaseFormat::Rdb },
        options: rdb::Options { compress: config.is_on(Id::RdbCompression), version },
        checksum: config.is_on(Id::RdbChecksum),
        access,
        fields: vec![
            ("redis-ver", "7.2.4".into()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", (clock::unix_ms() / 1000).to_string()),
            ("used-mem", alloc::used_bytes().to_string()),
            ("aof-base", u8::from(is_base).to_string()),
        ],
        sizes,
        stamp_seconds: config.is_on(Id::AofTimestampEnabled).then(|| clock::unix_ms() / 1000),
        functions,
        holds_data: true,
        key_delay_us: config.get(Id::RdbKeySaveDelay),
    }
}

/// How the next base is to be written: `aof-use-rdb-preamble`.
fn base_format(node: &Node) -> BaseFormat {
    if node.config.is_on(Id::AofUseRdbPreamble) { BaseFormat::Rdb } else { BaseFormat::Commands }
}

/// Keys, and those that expire, of each database.
fn sizes_of(held: &Held<'_>, databases: usize) -> Vec<(u64, u64)> {
    let mut sizes = vec![(0, 0); databases];
    held.each(&mut |stripe| {
        for (db, part) in stripe.dbs() {
            let (keys, expires) = &mut sizes[db];
            *keys += part.table().len() as u64;
            *expires += part.expiry().len() as u64;
        }
    });
    sizes
}

pub(super) fn broken(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Broken(format!("Can't {action} {}: {error}", path.display()))
}

pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warning!("Can't delete {}: {error}", path.display());
    }
}
