//! The folder of the append-only files, and the steps that change it.
//!
//! The manifest decides what counts: every step prepares new files first, makes them durable, and takes effect with one rename of
//! a new manifest over the old one. So a crash at any moment leaves either the state before the step or the one after it, and
//! at worst a file that no manifest names, whose name the next step uses again.
//!
//! A step that fails leaves the old manifest in force, here and on the disk. What it created stays on the disk when the failure
//! does not tell whether a power cut would bring up the old manifest or the new one (the folder's fsync failed).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::{error, fmt};

use super::manifest::{BaseFormat, Manifest, ManifestError, Part};
use crate::base::log;

/// Why a step on the files failed: what was tried, with which file, and what the operator can do.
#[derive(Debug)]
pub struct FileError {
    /// What was tried, to be followed by the path: `open the append-only file`.
    pub action: &'static str,
    /// With which file or folder.
    pub path: PathBuf,
    /// What came in the way.
    pub cause: Cause,
}

/// What came in the way of a step.
#[derive(Debug)]
pub enum Cause {
    /// The system refused.
    System(io::Error),
    /// The manifest is not one.
    Manifest(ManifestError),
}

/// Where the append-only files are: the settings `dir`, `appenddirname` and `appendfilename`.
#[derive(Clone, Debug)]
pub struct AofDir {
    data: PathBuf,
    folder: PathBuf,
    file: OsString,
}

/// The files of one server, with the manifest that is in force.
#[derive(Debug)]
pub struct AofFiles {
    place: AofDir,
    manifest: Manifest,
}

/// An increment, open for appending.
#[derive(Debug)]
pub struct Increment {
    /// In append mode.
    pub file: File,
    /// Its name within the folder.
    pub name: OsString,
    /// Its length in bytes when it was opened.
    pub bytes: u64,
}

/// A part that is to be loaded.
#[derive(Clone, Debug)]
pub struct PartFile {
    /// Where it is.
    pub path: PathBuf,
    /// What the manifest says.
    pub part: Part,
    /// Its length.
    pub bytes: u64,
}

/// Which increment goes on after a rewrite; all others are covered by the new base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The last of the manifest: [`AofFiles::open_increment`] opened it when the rewrite began.
    Last,
    /// The temporary one: the log is being switched on.
    Temporary,
    /// None: the log is off.
    Nothing,
}

impl AofDir {
    /// `folder` and `file` are names without a path.
    pub fn new(data: &Path, folder: &OsStr, file: &OsStr) -> Self {
        Self { data: data.to_owned(), folder: data.join(folder), file: file.to_owned() }
    }

    /// The folder of the parts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a part of this name is.
    pub fn path(&self, name: &OsStr) -> PathBuf {
        self.folder.join(name)
    }

    /// The manifest's path.
    pub fn manifest_path(&self) -> PathBuf {
        self.path(&self.name_with("", ".manifest"))
    }

    /// Where a rewrite writes the new base until it is whole.
    pub fn temporary_base(&self) -> PathBuf {
        self.path(&self.name_with("temp-", ".base"))
    }

    fn temporary_increment(&self) -> PathBuf {
        self.path(&self.name_with("temp-", ".incr"))
    }

    fn temporary_manifest(&self) -> PathBuf {
        self.path(&self.name_with("temp-", ".manifest"))
    }

    /// The log of a Redis older than 7, which was one file.
    fn old_style(&self) -> PathBuf {
        self.data.join(&self.file)
    }

    fn name_with(&self, prefix: &str, suffix: &str) -> OsString {
        let mut name = OsString::from(prefix);
        name.push(&self.file);
        name.push(suffix);
        name
    }

    /// Creates the folder unless it is there: before a rewrite while the log is off, all other steps do so themselves.
    pub fn create_folder(&self) -> Result<(), FileError> {
        match fs::create_dir(&self.folder) {
            Ok(()) => sync_folder(&self.data),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && self.folder.is_dir() => Ok(()),
            Err(error) => Err(failed("create the append-only dir", &self.folder, error)),
        }
    }
}

impl AofFiles {
    /// Reads the manifest, if there is one, and deletes what a crash left half done.
    pub fn open(place: AofDir) -> Result<Self, FileError> {
        let path = place.manifest_path();
        let manifest = match fs::read(&path) {
            Ok(text) => Manifest::parse(&text).map_err(|error| FileError {
                action: "read the AOF manifest",
                path,
                cause: Cause::Manifest(error),
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Manifest::default(),
            Err(error) => return Err(failed("read the AOF manifest", &path, error)),
        };
        let files = Self { place, manifest };
        files.remove_unfinished();
        Ok(files)
    }

    /// Deletes what a rewrite that failed has left.
    pub fn remove_unfinished(&self) {
        let place = &self.place;
        remove_leftovers(&[place.temporary_base(), place.temporary_increment(), place.temporary_manifest()]);
    }

    /// Moves the one-file log of a Redis older than 7 into the folder, as the base. Also finishes a move that a crash cut off.
    /// Returns whether there was one.
    pub fn upgrade(&mut self) -> Result<bool, FileError> {
        let old = self.place.old_style();
        if !old.is_file() || !self.wants_old_style() {
            return Ok(false);
        }
        self.place.create_folder()?;
        let mut manifest = self.manifest.clone();
        manifest.adopt_base(&self.place.file);
        // The manifest first: should the move not happen, the next start finds a base that is missing here and there outside.
        self.adopt(manifest, &[])?;
        let new = self.place.path(&self.place.file);
        fs::rename(&old, &new)
            .map_err(|error| failed("move the old AOF file into the AOF directory", &old, error))?;
        sync_folder(&self.place.folder)?;
        sync_folder(&self.place.data)?;
        log::notice!(
            "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
            old.display(),
            self.place.folder.display()
        );
        Ok(true)
    }

    /// Where the files are.
    pub fn place(&self) -> &AofDir {
        &self.place
    }

    /// The manifest in force.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The parts to load, in order. Fails when one is missing.
    pub fn parts(&self) -> Result<Vec<PartFile>, FileError> {
        let part_file = |part: &Part| {
            let path = self.place.path(&part.name);
            match fs::metadata(&path) {
                Ok(metadata) => Ok(PartFile { path, part: part.clone(), bytes: metadata.len() }),
                Err(error) => Err(failed("find the AOF file named by the manifest", &path, error)),
            }
        };
        self.manifest.parts().map(part_file).collect()
    }

    /// Bytes of the base and of all increments on the disk.
    pub fn bytes(&self) -> Result<u64, FileError> {
        Ok(self.parts()?.iter().map(|part| part.bytes).sum())
    }

    /// Opens the last increment, after the data was loaded at the start. A server without any log gets a base of its empty
    /// data set, which `write_base` writes.
    pub fn start(
        &mut self,
        format: BaseFormat,
        write_base: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Increment, FileError> {
        self.place.create_folder()?;
        if let Some(last) = self.manifest.increments.last() {
            log::notice!("Opening AOF incr file {} on server start", last.name.display());
            return self.open_last(last);
        }
        let mut manifest = self.manifest.clone();
        let mut created = Vec::new();
        if manifest.is_empty() {
            let base = manifest.replace_base(&self.place.file, format);
            created.push(self.create_base(&base, write_base)?);
            log::notice!("Creating AOF base file {} on server start", base.name.display());
        }
        let part = manifest.add_increment(&self.place.file);
        let path = self.place.path(&part.name);
        let increment = create_increment(&path, part.name)?;
        created.push(path);
        self.adopt(manifest, &created)?;
        log::notice!("Creating AOF incr file {} on server start", increment.name.display());
        Ok(increment)
    }

    /// Opens a new increment and names it in the manifest: what is written from now on is not covered by the base that a
    /// rewrite begins to write now. On an error the increment before it goes on.
    pub fn open_increment(&mut self) -> Result<Increment, FileError> {
        let mut manifest = self.manifest.clone();
        let part = manifest.add_increment(&self.place.file);
        let path = self.place.path(&part.name);
        let increment = create_increment(&path, part.name)?;
        self.adopt(manifest, &[path])?;
        log::notice!("Creating AOF incr file {} on background rewrite", increment.name.display());
        Ok(increment)
    }

    /// Opens an increment that the manifest does not name before [`Self::finish_rewrite`] with [`Kept::Temporary`]: the log is
    /// being switched on, and until its base is whole what is on the disk is the older log.
    pub fn open_temporary_increment(&self) -> Result<Increment, FileError> {
        self.place.create_folder()?;
        let path = self.place.temporary_increment();
        let increment = create_increment(&path, path.file_name().unwrap_or_default().to_owned())?;
        log::notice!("Creating AOF incr file {} on background rewrite", increment.name.display());
        Ok(increment)
    }

    /// Makes the file at [`AofDir::temporary_base`] the base, and history of what it covers. Returns the base. Of an increment
    /// that was temporary only the name changes. On an error the old parts go on, and a temporary increment is of no use any
    /// more: switching on begins anew.
    pub fn finish_rewrite(&mut self, format: BaseFormat, kept: Kept) -> Result<PartFile, FileError> {
        self.place.create_folder()?;
        let mut manifest = self.manifest.clone();
        let base = manifest.replace_base(&self.place.file, format);
        let path = self.publish(&self.place.temporary_base(), &base.name)?;
        let mut created = vec![path.clone()];
        manifest.retire_increments(usize::from(kept == Kept::Last));
        if kept == Kept::Temporary {
            let increment = manifest.add_increment(&self.place.file);
            let published = self.publish(&self.place.temporary_increment(), &increment.name);
            created.push(published.inspect_err(|_| remove_leftovers(&created))?);
        }
        self.adopt(manifest, &created)?;
        let bytes =
            fs::metadata(&path).map_err(|error| failed("find the AOF base file", &path, error))?.len();
        Ok(PartFile { path, part: base, bytes })
    }

    /// Deletes the parts that a rewrite has replaced, then writes the manifest without them. What cannot be deleted is logged
    /// and stays in the manifest for the next time.
    pub fn delete_history(&mut self) -> Result<(), FileError> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        manifest.history.retain(|part| {
            let path = self.place.path(&part.name);
            log::notice!("Removing the history file {}", part.name.display());
            match fs::remove_file(&path) {
                Ok(()) => false,
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => {
                    log::warning!(
                        "Can't remove the history file {}: {error}. Trying again later.",
                        path.display()
                    );
                    true
                }
            }
        });
        self.adopt(manifest, &[])
    }

    /// Redis's rule for when an old-style file counts: nothing else does, or an upgrade was cut off before the move.
    fn wants_old_style(&self) -> bool {
        let Some(base) = &self.manifest.base else { return self.manifest.is_empty() };
        self.manifest.increments.is_empty()
            && base.name == self.place.file
            && !self.place.path(&self.place.file).exists()
    }

    fn open_last(&self, part: &Part) -> Result<Increment, FileError> {
        let path = self.place.path(&part.name);
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|error| failed("open the append-only file", &path, error))?;
        let bytes = file.metadata().map_err(|error| failed("open the append-only file", &path, error))?.len();
        Ok(Increment { file, name: part.name.clone(), bytes })
    }

    fn create_base(
        &self,
        base: &Part,
        write_base: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<PathBuf, FileError> {
        let temporary = self.place.temporary_base();
        let write = |path: &Path| {
            let mut file = io::BufWriter::new(File::create(path)?);
            write_base(&mut file)?;
            file.flush()
        };
        write(&temporary).map_err(|error| failed("write the AOF base file", &temporary, error))?;
        self.publish(&temporary, &base.name)
    }

    /// Makes a temporary file durable under its final name, which no manifest knows yet.
    fn publish(&self, temporary: &Path, name: &OsStr) -> Result<PathBuf, FileError> {
        let path = self.place.path(name);
        let publish = || {
            File::open(temporary)?.sync_all()?;
            fs::rename(temporary, &path)
        };
        publish().map_err(|error| failed("rename the temporary AOF file", temporary, error))?;
        Ok(path)
    }

    /// Puts `manifest` in force: on the disk, then here. On an error the old one is in force, and the files `created` for the
    /// new one are deleted, provided that a power cut cannot bring it up.
    fn adopt(&mut self, manifest: Manifest, created: &[PathBuf]) -> Result<(), FileError> {
        // Files that the manifest names must be in the folder before it.
        let written = sync_folder(&self.place.folder).and_then(|()| self.write_manifest(&manifest));
        if let Err(error) = written {
            remove_leftovers(created);
            return Err(error);
        }
        if let Err(error) = sync_folder(&self.place.folder) {
            self.manifest.skip_numbers_of(&manifest);
            if let Err(second) = self.write_manifest(&self.manifest) {
                log::warning!("Can't go back to the last AOF manifest: {second}");
            }
            return Err(error);
        }
        self.manifest = manifest;
        Ok(())
    }

    fn write_manifest(&self, manifest: &Manifest) -> Result<(), FileError> {
        let (temporary, path) = (self.place.temporary_manifest(), self.place.manifest_path());
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&manifest.format())?;
            file.sync_all()
        };
        write().map_err(|error| failed("write the temporary AOF manifest", &temporary, error))?;
        fs::rename(&temporary, &path).map_err(|error| failed("replace the AOF manifest", &path, error))
    }
}

impl FileError {
    /// Logs all events but the last, which is returned: the reason why the server does not start.
    pub fn tell(&self) -> String {
        let mut events = self.events();
        let last = events.pop().unwrap_or_default();
        events.iter().for_each(|event| log::warning!("{event}"));
        last
    }

    /// What to log, an event each: for a refused manifest Redis's own lines.
    pub fn events(&self) -> Vec<String> {
        match &self.cause {
            Cause::Manifest(error) => error.events(),
            Cause::System(_) => vec![self.to_string()],
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Can't {} {} ", self.action, self.path.display())?;
        match &self.cause {
            Cause::Manifest(error) => {
                write!(
                    f,
                    "({error}). Restore the manifest from a backup, or correct it by hand after making a copy."
                )
            }
            Cause::System(error) => write!(f, "({error}).{}", advice(error.kind())),
        }
    }
}

impl error::Error for FileError {}

/// An empty file in append mode. Whatever bears the name is of a step that failed.
fn create_increment(path: &Path, name: OsString) -> Result<Increment, FileError> {
    let create = || {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_len(0)?;
        file.sync_all()?;
        Ok(file)
    };
    let file = create().map_err(|error| failed("create the append-only file", path, error))?;
    Ok(Increment { file, name, bytes: 0 })
}

fn remove_leftovers(paths: &[PathBuf]) {
    for path in paths {
        match fs::remove_file(path) {
            Ok(()) => log::notice!("Removed the unfinished file {}", path.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => log::warning!("Can't remove the unfinished file {}: {error}", path.display()),
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("fsync the folder", folder, error))
}

fn failed(action: &'static str, path: &Path, error: io::Error) -> FileError {
    FileError { action, path: path.to_owned(), cause: Cause::System(error) }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => {
            " Bring the file back from a backup, or check the settings dir and appenddirname."
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            " Let the server's user read and write there, or change the settings dir and appenddirname."
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => " Free space on this file system.",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
