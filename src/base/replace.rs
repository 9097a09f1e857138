//! A small file written anew: the content goes to a temporary file beside the old, is synced, and renamed over it; then the
//! directory is synced. At no time is there half a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts `content` in the place of the file at `path`, which may be missing. The file's permissions are kept.
///
/// # Errors
/// When it can't be written; then the old content is still there.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path);
    let written = write_synced(&temporary, path, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    match path.parent() {
        // A bare name is in the working directory.
        Some(directory) if directory.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn write_synced(temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    if let Ok(metadata) = fs::metadata(path) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

fn temporary_path(path: &Path) -> PathBuf {
    /// Two threads may write the same file.
    static FILES: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{}-{}.tmp", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed)));
    name.into()
}
