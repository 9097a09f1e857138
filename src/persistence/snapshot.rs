//! Writes the image of a cut, as it is walked (design 5).
//!
//! A stripe is locked for [`STEP_KEYS`] keys or [`STEP_BYTES`] at a time; what writers have handed over goes first, so that it
//! takes little memory. Strings are encoded under the lock, everything else is cloned there, which is O(1) or small, and
//! encoded after it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::base::clock;
use crate::rdb::{self, Checksummed, KeyAttributes};
use crate::store::{Entry, HandedOver, Image, Left, Store};
use crate::value::{Value, ValueRef};

/// Keys and bytes after which a stripe is given back.
const STEP_KEYS: usize = 32;
const STEP_BYTES: usize = 4096;
/// Stripes between two looks at what writers have handed over.
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
    /// Of values.
    pub options: rdb::Options,
    /// `rdbchecksum`.
    pub checksum: bool,
    /// Depends on the eviction policy.
    pub access: Access,
    /// Fields about the file.
    pub fields: Vec<(&'static str, String)>,
    /// Sources of function libraries.
    pub functions: Vec<Vec<u8>>,
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
    /// Set by whoever wants it to stop.
    pub stop: AtomicBool,
}

/// Walks the image and writes it as an RDB file. The image is ended by the caller.
///
/// # Errors
/// Those of writing, and [`io::ErrorKind::Interrupted`] when it was told to stop.
pub fn write_rdb<W: Write>(
    store: &Store,
    image: &Image,
    out: W,
    format: &Format,
    progress: &Progress,
) -> io::Result<W> {
    let mut out = Checksummed::new(BufWriter::with_capacity(BUFFER_BYTES, out), format.checksum);
    rdb::write_header(&mut out, format.options.version)?;
    for (name, value) in &format.fields {
        rdb::write_aux(&mut out, name.as_bytes(), value.as_bytes(), &format.options)?;
    }
    for code in &format.functions {
        rdb::write_function(&mut out, code, &format.options)?;
    }
    let mut walk =
        Walk { out, step: Vec::new(), later: Vec::new(), db: None, announced: Vec::new(), format, progress };
    walk.all(store, image)?;
    let mut out = walk.out;
    rdb::write_end(&mut out)?;
    out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
}

/// Writes the RDB file of no data.
///
/// # Errors
/// Those of writing.
pub fn write_empty(out: &mut dyn Write, format: &Format) -> io::Result<()> {
    let mut out = Checksummed::new(out, format.checksum);
    rdb::write_header(&mut out, format.options.version)?;
    for (name, value) in &format.fields {
        rdb::write_aux(&mut out, name.as_bytes(), value.as_bytes(), &format.options)?;
    }
    rdb::write_end(&mut out)?;
    out.finish()?.flush()
}

struct Walk<'a, W: Write> {
    out: Checksummed<BufWriter<W>>,
    /// What was encoded under the lock.
    step: Vec<u8>,
    /// What is to be encoded after it.
    later: Vec<HandedOver>,
    /// The database that was selected last.
    db: Option<usize>,
    /// Databases whose size has been told.
    announced: Vec<usize>,
    format: &'a Format,
    progress: &'a Progress,
}

impl<W: Write> Walk<'_, W> {
    fn all(&mut self, store: &Store, image: &Image) -> io::Result<()> {
        for stripe in 0..store.stripes() {
            self.write_left(image.take_left())?;
            loop {
                let more = self.step(|visit, enough| store.walk_stripe(stripe, visit, enough))?;
                if !more {
                    break;
                }
                std::thread::yield_now();
            }
        }
        self.write_left(image.take_left())
    }

    /// Encodes some entries that `walk` shows, and then writes them. Returns whether there are more.
    fn step(
        &mut self,
        walk: impl FnOnce(&mut dyn FnMut(usize, &Entry), &mut dyn FnMut() -> bool) -> bool,
    ) -> io::Result<bool> {
        let (keys, bytes) = (Cell::new(0), Cell::new(0));
        let (mut step, mut later) = (std::mem::take(&mut self.step), std::mem::take(&mut self.later));
        let mut db = self.db;
        let mut failure = Ok(());
        let more = walk(
            &mut |of, entry| {
                keys.set(keys.get() + 1);
                let done = self.encode_now(&mut step, &mut db, of, entry);
                match done {
                    Ok(true) => bytes.set(step.len()),
                    Ok(false) => later.push(HandedOver::of(entry, of)),
                    Err(error) => failure = Err(error),
                }
            },
            &mut || keys.get() >= STEP_KEYS || bytes.get() >= STEP_BYTES,
        );
        failure?;
        self.db = db;
        self.out.write_all(&step)?;
        step.clear();
        self.step = step;
        for entry in later.drain(..) {
            self.write(&entry)?;
        }
        self.later = later;
        self.wrote(keys.get())?;
        Ok(more)
    }

    /// Encodes a string; false if it is something else.
    fn encode_now(
        &mut self,
        step: &mut Vec<u8>,
        db: &mut Option<usize>,
        of: usize,
        entry: &Entry,
    ) -> io::Result<bool> {
        if !matches!(entry.value(), ValueRef::Text(_) | ValueRef::Integer(_)) {
            return Ok(false);
        }
        if *db != Some(of) {
            *db = Some(of);
            select(step, of, &mut self.announced, &self.format.sizes)?;
        }
        let attributes = attributes(self.format.access, entry.expiry(), entry.access());
        rdb::write_key(step, entry.key(), entry.value(), attributes, &self.format.options)?;
        Ok(true)
    }

    /// Writes what writers have handed over, tables that were emptied included.
    fn write_left(&mut self, left: Left) -> io::Result<()> {
        for entry in &left.entries {
            self.write(entry)?;
        }
        self.wrote(left.entries.len())?;
        for mut table in left.tables {
            while self.step(|visit, enough| table.walk(visit, enough))? {}
        }
        Ok(())
    }

    fn write(&mut self, entry: &HandedOver) -> io::Result<()> {
        if self.db != Some(entry.db) {
            self.db = Some(entry.db);
            select(&mut self.out, entry.db, &mut self.announced, &self.format.sizes)?;
        }
        let attributes = attributes(self.format.access, entry.expiry_ms, entry.access);
        let value = value_ref(&entry.value);
        rdb::write_key(&mut self.out, &entry.key, value, attributes, &self.format.options)
    }

    /// Counts keys, waits as long as tests want it to, and stops if it is told to.
    fn wrote(&mut self, keys: usize) -> io::Result<()> {
        self.progress.keys.fetch_add(keys as u64, Ordering::Relaxed);
        let mut wait = match self.format.key_delay_us {
            0 => Duration::ZERO,
            delay @ 1.. => Duration::from_micros(delay as u64 * keys as u64),
            every => Duration::from_micros(keys as u64 / every.unsigned_abs()),
        };
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

/// Selects a database, and the first time tells its size.
fn select(
    out: &mut impl Write,
    db: usize,
    announced: &mut Vec<usize>,
    sizes: &[(u64, u64)],
) -> io::Result<()> {
    rdb::select_db(out, db as u64)?;
    if announced.contains(&db) {
        return Ok(());
    }
    announced.push(db);
    let (keys, expires) = sizes.get(db).copied().unwrap_or_default();
    rdb::resize_db(out, keys, expires)
}

fn attributes(access: Access, expiry_ms: Option<i64>, bits: u32) -> KeyAttributes {
    let idle = || u64::from(clock::lru_seconds().wrapping_sub(bits) & 0xff_ffff);
    KeyAttributes {
        expiry_ms,
        idle_seconds: (access == Access::Idle).then(idle),
        frequency: (access == Access::Frequency).then_some(bits as u8),
    }
}

/// A value of no key, as one of a key is seen.
pub fn value_ref(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Integer(number) => ValueRef::Integer(*number),
        Value::Text { bytes, .. } => ValueRef::Text(bytes),
        Value::Large(large) => ValueRef::Large(large),
        Value::List(list) => ValueRef::List(list),
        Value::Set(set) => ValueRef::Set(set),
        Value::Hash(hash) => ValueRef::Hash(hash),
        Value::ZSet(zset) => ValueRef::ZSet(zset),
        Value::Stream(stream) => ValueRef::Stream(stream),
    }
}

/// A file that the disk is made to take piece by piece, so that the fsync at its end does not hold up everybody's.
pub struct SyncingFile {
    file: File,
    syncs: bool,
    unsynced: u64,
}

impl SyncingFile {
    /// `syncs`: piece by piece; otherwise all at the end.
    pub fn new(file: File, syncs: bool) -> Self {
        Self { file, syncs, unsynced: 0 }
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

impl Write for SyncingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.unsynced += taken as u64;
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
