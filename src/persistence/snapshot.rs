//! Writes the image of a cut, as it is walked (design 5), in either format: as an RDB file or as commands.
//!
//! A stripe is locked for `STEP_KEYS` keys or `STEP_BYTES` at a time; what writers have handed over goes first, so that it
//! takes little memory. Under the lock strings are copied, one after the other, and everything else is cloned, which is O(1) or
//! small; what takes long, compression above all, is done after it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::aof::{BaseFormat, commands};
use super::paced::Paced;
use crate::base::clock;
use crate::base::progress::{Meter, Share, megabytes};
use crate::rdb::{self, Checksummed, KeyAttributes};
use crate::store::{Entry, HandedOver, Image, Left, Store};
use crate::value::{Value, ValueRef};

/// Keys and bytes after which a stripe is given back.
const STEP_KEYS: usize = 32;
const STEP_BYTES: usize = 4096;
const BUFFER_BYTES: usize = 256 << 10;
/// Bytes after which the disk is made to take them (`rdb-save-incremental-fsync`), as in Redis.
const SYNC_BYTES: u64 = 4 << 20;
/// Longest pause between two looks at whether to stop.
const NAP: Duration = Duration::from_millis(10);

/// What of an entry's access bits goes into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// The idle time.
    Idle,
    /// The access counter.
    Frequency,
}

/// How an image is written.
#[derive(Clone, Debug)]
pub struct Format {
    /// As an RDB file or as commands.
    pub base: BaseFormat,
    /// Of values.
    pub options: rdb::Options,
    /// `rdbchecksum`.
    pub checksum: bool,
    /// Depends on the eviction policy.
    pub access: Access,
    /// Fields about the file.
    pub fields: Vec<(&'static str, String)>,
    /// Marks commands with this time, in Unix seconds (`aof-timestamp-enabled`).
    pub stamp_seconds: Option<i64>,
    /// Sources of function libraries.
    pub functions: Vec<Vec<u8>>,
    /// Whether there are keys in it (a replica may want the libraries alone).
    pub holds_data: bool,
    /// Keys, and those that expire, of each database at the cut.
    pub sizes: Vec<(u64, u64)>,
    /// `rdb-key-save-delay`.
    pub key_delay_us: i64,
}

/// How far it has come, and whether it is to stop.
#[derive(Default)]
pub struct Progress {
    /// Keys written.
    pub keys: AtomicU64,
    /// Keys there were at the cut.
    pub total: AtomicU64,
    /// Bytes in the file.
    pub bytes: AtomicU64,
    /// Set by whoever wants it to stop.
    pub stop: AtomicBool,
    /// Whether it is made beside the serving of clients: then with pauses.
    pub pauses: bool,
}

impl Progress {
    /// Of an image that nobody waits for with the server at a halt.
    pub fn in_background() -> Self {
        Self { pauses: true, ..Self::default() }
    }
}

/// Walks the image and writes it. The image is ended by the caller.
///
/// # Errors
/// Those of writing, and [`io::ErrorKind::Interrupted`] when it was told to stop.
pub fn write_image<W: Write>(
    store: &Store,
    image: &Image,
    out: W,
    format: &Format,
    progress: &Progress,
) -> io::Result<W> {
    let mut out = Paced::new(BufWriter::with_capacity(BUFFER_BYTES, out), progress.pauses);
    match format.base {
        BaseFormat::Rdb => {
            let mut out = Checksummed::new(out, format.checksum);
            write_rdb_head(&mut out, format)?;
            let mut walk = Walk::new(out, RdbKeys { format, announced: Vec::new() }, format, progress);
            if format.holds_data {
                walk.all(store, image)?;
            }
            rdb::write_end(&mut walk.out)?;
            walk.out.finish()?
        }
        BaseFormat::Commands => {
            write_commands_head(&mut out, format)?;
            let mut walk = Walk::new(out, CommandKeys, format, progress);
            walk.all(store, image)?;
            walk.out
        }
    }
    .into_inner()
    .into_inner()
    .map_err(io::IntoInnerError::into_error)
}

/// Writes the file of no data.
///
/// # Errors
/// Those of writing.
pub fn write_empty(out: &mut dyn Write, format: &Format) -> io::Result<()> {
    match format.base {
        BaseFormat::Rdb => {
            let mut out = Checksummed::new(out, format.checksum);
            write_rdb_head(&mut out, format)?;
            rdb::write_end(&mut out)?;
            out.finish()?.flush()
        }
        BaseFormat::Commands => {
            let mut out = out;
            write_commands_head(&mut out, format)?;
            out.flush()
        }
    }
}
fn write_rdb_head(out: &mut impl Write, format: &Format) -> io::Result<()> {
    rdb::write_header(out, format.options.version)?;
    for (name, value) in &format.fields {
        rdb::write_aux(out, name.as_bytes(), value.as_bytes(), &format.options)?;
    }
    format.functions.iter().try_for_each(|code| rdb::write_function(out, code, &format.options))
}

fn write_commands_head(out: &mut impl Write, format: &Format) -> io::Result<()> {
    if let Some(seconds) = format.stamp_seconds {
        write!(out, "#TS:{seconds}\r\n")?;
    }
    format.functions.iter().try_for_each(|code| commands::write_function(out, code))
}

/// How keys are written one after the other.
trait Encoding {
    /// What follows is of database `db`.
    fn select(&mut self, out: &mut impl Write, db: usize) -> io::Result<()>;

    /// A key; `access` are its access bits.
    fn key(
        &mut self,
        out: &mut impl Write,
        key: &[u8],
        value: ValueRef<'_>,
        expiry_ms: Option<i64>,
        access: u32,
    ) -> io::Result<()>;

    /// A key that nobody else has any more.
    fn key_with(&mut self, out: &mut impl Write, entry: HandedOver) -> io::Result<()>;
}

struct RdbKeys<'a> {
    format: &'a Format,
    /// Databases whose size has been told.
    announced: Vec<usize>,
}

impl Encoding for RdbKeys<'_> {
    fn select(&mut self, out: &mut impl Write, db: usize) -> io::Result<()> {
        rdb::select_db(out, db as u64)?;
        if self.announced.contains(&db) {
            return Ok(());
        }
        self.announced.push(db);
        let (keys, expires) = self.format.sizes.get(db).copied().unwrap_or_default();
        rdb::resize_db(out, keys, expires)
    }

    fn key(
        &mut self,
        out: &mut impl Write,
        key: &[u8],
        value: ValueRef<'_>,
        expiry_ms: Option<i64>,
        access: u32,
    ) -> io::Result<()> {
        let attributes = attributes(self.format.access, expiry_ms, access);
        rdb::write_key(out, key, value, attributes, &self.format.options)
    }

    fn key_with(&mut self, out: &mut impl Write, entry: HandedOver) -> io::Result<()> {
        let attributes = attributes(self.format.access, entry.expiry_ms, entry.access);
        rdb::write_key_with(out, &entry.key, entry.value, attributes, &self.format.options)
    }
}

struct CommandKeys;

impl Encoding for CommandKeys {
    fn select(&mut self, out: &mut impl Write, db: usize) -> io::Result<()> {
        commands::write_select(out, db)
    }

    fn key(
        &mut self,
        out: &mut impl Write,
        key: &[u8],
        value: ValueRef<'_>,
        expiry_ms: Option<i64>,
        _access: u32,
    ) -> io::Result<()> {
        commands::write_key(out, key, value, expiry_ms)
    }

    fn key_with(&mut self, out: &mut impl Write, entry: HandedOver) -> io::Result<()> {
        commands::write_key_with(out, &entry.key, entry.value, entry.expiry_ms)
    }
}

/// Strings that were copied under a lock, to be encoded after it.
#[derive(Default)]
struct Copies {
    /// Keys and texts, one after the other.
    bytes: Vec<u8>,
    entries: Vec<StringCopy>,
}

struct StringCopy {
    db: usize,
    key_bytes: usize,
    value: CopiedValue,
    expiry_ms: Option<i64>,
    access: u32,
}

enum CopiedValue {
    Integer(i64),
    /// A text of so many bytes.
    Text(usize),
}

impl Copies {
    /// Copies an entry if it is a string, but not a large one; whether it was.
    fn add(&mut self, db: usize, entry: &Entry) -> bool {
        let (value, text) = match entry.value() {
            ValueRef::Integer(number) => (CopiedValue::Integer(number), &[][..]),
            ValueRef::Text(bytes) => (CopiedValue::Text(bytes.len()), bytes),
            _ => return false,
        };
        let (key, expiry_ms, access) = (entry.key(), entry.expiry(), entry.access());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(text);
        self.entries.push(StringCopy { db, key_bytes: key.len(), value, expiry_ms, access });
        true
    }
}

struct Walk<'a, W: Write, E: Encoding> {
    out: W,
    encoding: E,
    /// What was copied under the lock.
    copies: Copies,
    /// What was cloned there.
    clones: Vec<HandedOver>,
    /// The database that was selected last.
    db: Option<usize>,
    format: &'a Format,
    progress: &'a Progress,
    meter: Meter,
}

impl<'a, W: Write, E: Encoding> Walk<'a, W, E> {
    fn new(out: W, encoding: E, format: &'a Format, progress: &'a Progress) -> Self {
        let meter = Meter::new("Saving");
        let (copies, clones) = (Copies::default(), Vec::new());
        Self { out, encoding, copies, clones, db: None, format, progress, meter }
    }

    fn all(&mut self, store: &Store, image: &Image) -> io::Result<()> {
        for stripe in 0..store.stripes() {
            self.write_left(image.take_left())?;
            while self.step(|visit, enough| store.walk_stripe(stripe, visit, enough))? {}
        }
        self.write_left(image.take_left())
    }

    /// Takes some entries that `walk` shows, and then writes them. Returns whether there are more.
    fn step(
        &mut self,
        walk: impl FnOnce(&mut dyn FnMut(usize, &Entry), &mut dyn FnMut() -> bool) -> bool,
    ) -> io::Result<bool> {
        let (keys, bytes) = (Cell::new(0), Cell::new(0));
        let (mut copies, mut clones) = (std::mem::take(&mut self.copies), std::mem::take(&mut self.clones));
        let more = walk(
            &mut |of, entry| {
                keys.set(keys.get() + 1);
                if copies.add(of, entry) {
                    bytes.set(copies.bytes.len());
                } else {
                    clones.push(HandedOver::of(entry, of));
                }
            },
            &mut || keys.get() >= STEP_KEYS || bytes.get() >= STEP_BYTES,
        );
        self.write_copies(&mut copies)?;
        clones.drain(..).try_for_each(|entry| self.write(entry))?;
        (self.copies, self.clones) = (copies, clones);
        self.wrote(keys.get())?;
        Ok(more)
    }

    fn write_copies(&mut self, copies: &mut Copies) -> io::Result<()> {
        let mut rest = copies.bytes.as_slice();
        for entry in copies.entries.drain(..) {
            self.select(entry.db)?;
            let (key, behind) = rest.split_at(entry.key_bytes);
            let (value, behind) = match entry.value {
                CopiedValue::Integer(number) => (ValueRef::Integer(number), behind),
                CopiedValue::Text(len) => (ValueRef::Text(&behind[..len]), &behind[len..]),
            };
            self.encoding.key(&mut self.out, key, value, entry.expiry_ms, entry.access)?;
            rest = behind;
        }
        copies.bytes.clear();
        Ok(())
    }

    /// Writes what writers have handed over, tables that were emptied included.
    fn write_left(&mut self, mut left: Left) -> io::Result<()> {
        let keys = left.entries.len();
        // Large strings first: as long as they are kept, every write to them copies a chunk.
        left.entries.sort_by_key(|entry| !matches!(entry.value, Value::Large(_)));
        left.entries.into_iter().try_for_each(|entry| self.write(entry))?;
        self.wrote(keys)?;
        for mut table in left.tables {
            while self.step(|visit, enough| table.walk(visit, enough))? {}
        }
        Ok(())
    }

    fn write(&mut self, entry: HandedOver) -> io::Result<()> {
        self.select(entry.db)?;
        self.encoding.key_with(&mut self.out, entry)
    }

    fn select(&mut self, db: usize) -> io::Result<()> {
        if self.db != Some(db) {
            self.db = Some(db);
            self.encoding.select(&mut self.out, db)?;
        }
        Ok(())
    }

    /// Counts keys, waits as long as tests want it to, and stops if it is told to.
    fn wrote(&mut self, keys: usize) -> io::Result<()> {
        let progress = self.progress;
        let done = progress.keys.fetch_add(keys as u64, Ordering::Relaxed) + keys as u64;
        let total = progress.total.load(Ordering::Relaxed);
        self.meter.report(Share { done, total }, || {
            format!("{done} of {total} keys, {}", megabytes(progress.bytes.load(Ordering::Relaxed)))
        });
        let mut wait = delay(self.format.key_delay_us, keys);
        if !wait.is_zero() {
            self.out.flush()?;
        }
        loop {
            if self.progress.stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if wait.is_zero() {
                return Ok(());
            }
            std::thread::sleep(wait.min(NAP));
            wait = wait.saturating_sub(NAP);
        }
    }
}

/// How long to wait for `keys` keys with a `rdb-key-save-delay` or `key-load-delay` of `setting`: microseconds for each, or, when
/// it is negative, one microsecond for so many keys on average, so that a fraction of one can be had as well.
pub fn delay(setting: i64, keys: usize) -> Duration {
    let keys = keys as u64;
    let micros = match setting {
        0.. => keys.saturating_mul(setting as u64),
        _ => (0..keys).filter(|_| fastrand::u64(..setting.unsigned_abs()) == 0).count() as u64,
    };
    Duration::from_micros(micros)
}

fn attributes(access: Access, expiry_ms: Option<i64>, bits: u32) -> KeyAttributes {
    let idle = || u64::from(clock::lru_seconds().wrapping_sub(bits) & 0xff_ffff);
    KeyAttributes {
        expiry_ms,
        idle_seconds: (access == Access::Idle).then(idle),
        frequency: (access == Access::Frequency).then_some(bits as u8),
    }
}

/// A file that the disk is made to take piece by piece, so that the fsync at its end does not hold up everybody's.
pub struct SyncingFile<'a> {
    file: File,
    progress: &'a Progress,
    syncs: bool,
    unsynced: u64,
}

impl<'a> SyncingFile<'a> {
    /// `syncs`: piece by piece; otherwise all at the end. Its bytes are counted in `progress`.
    pub fn new(file: File, progress: &'a Progress, syncs: bool) -> Self {
        Self { file, progress, syncs, unsynced: 0 }
    }

    /// Syncs what is left.
    ///
    /// # Errors
    /// When the disk has not taken it.
    pub fn finish(self) -> io::Result<u64> {
        self.file.sync_all()?;
        Ok(self.file.metadata()?.len())
    }
}

impl Write for SyncingFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.unsynced += taken as u64;
        self.progress.bytes.fetch_add(taken as u64, Ordering::Relaxed);
        if self.syncs && self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_of_fractions_come_out_on_average() {
        assert_eq!(delay(0, 7), Duration::ZERO);
        assert_eq!(delay(3, 7), Duration::from_micros(21));
        assert_eq!(delay(-1, 7), Duration::from_micros(7));
        let micros = delay(-10, 100_000).as_micros();
        assert!((9_000..11_000).contains(&micros), "{micros}");
        assert_eq!(delay(i64::MIN, 100), Duration::ZERO);
    }
}
