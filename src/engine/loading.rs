//! Filling the store from files at the start (and for DEBUG RELOAD): snapshots by several threads, the log by one.
//!
//! A snapshot is cut into keys by one thread, which does no more than find where values end, and built by the others: decoding
//! and inserting are most of the work, and stripes do not get in each other's way.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;

use super::execute;
use super::keyspace::Touch;
use super::limits;
use super::node::Node;
use super::scripting::libraries;
use super::session::{ClientHandle, Session};
use super::worker::Worker;
use crate::base::hash::hash as hash_of;
use crate::base::progress::{Meter, Share, megabytes};
use crate::base::{clock, log};
use crate::config::Id;
use crate::persistence::aof::{AofFiles, Replay, load_parts};
use crate::persistence::snapshot;
use crate::rdb::{self, Decoded, Event, Found, KeySpan, Scanner};
use crate::resp::{Protocol, Reply};
use crate::store::{Mode, NewValue};

/// Keys and bytes handed to a building thread at once.
const BATCH_KEYS: usize = 256;
const BATCH_BYTES: usize = 256 << 10;
/// Batches on their way to one thread.
const QUEUE_MAX: usize = 4;
/// Bytes in one read.
const READ_BYTES: usize = 1 << 20;
/// More threads than this wait for the one that cuts.
const BUILDERS_MAX: usize = 8;

/// How far loading has come, for INFO and LOADING.
#[derive(Default)]
pub struct LoadProgress {
    /// Unix time in milliseconds of the start.
    pub started_ms: AtomicU64,
    /// Bytes of all files, and those read.
    pub total_bytes: AtomicU64,
    /// See `total_bytes`.
    pub loaded_bytes: AtomicU64,
    /// Memory that the data took when the last snapshot was made, by what it says.
    pub used_bytes: AtomicU64,
    /// Keys loaded, and those that had expired, from the last snapshot.
    pub keys: AtomicU64,
    /// See `keys`.
    pub expired: AtomicU64,
    /// Keys that were left out because nothing was in them.
    pub empty: AtomicU64,
}

impl LoadProgress {
    fn share(&self) -> Share {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Share { done: load(&self.loaded_bytes), total: load(&self.total_bytes) }
    }

    /// `3.0 MB of 5.1 MB`
    fn text(&self) -> String {
        let share = self.share();
        format!("{} of {}", megabytes(share.done), megabytes(share.total))
    }
}

/// What is done with the keys of an RDB file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RdbMode {
    /// Whether keys whose time has come are kept: they are in the base of a log, whose later records may reach them.
    pub keeps_expired: bool,
    /// Whether keys replace those that are there; otherwise such a file is refused.
    pub merges: bool,
}

/// Clients are told from here on that the data is being loaded.
pub fn begin(node: &Node) {
    let progress = &node.load_progress;
    progress.started_ms.store(clock::unix_ms() as u64, Ordering::Relaxed);
    progress.total_bytes.store(0, Ordering::Relaxed);
    progress.loaded_bytes.store(0, Ordering::Relaxed);
    node.loading.store(true, Ordering::SeqCst);
}

/// Loads the snapshot that begins where `file` stands. Returns its length in bytes; the file stands anywhere.
///
/// # Errors
/// What is wrong, and where.
pub fn load_rdb(node: &Node, file: &mut File, mode: RdbMode) -> Result<u64, String> {
    let progress = &node.load_progress;
    let before = progress.loaded_bytes.load(Ordering::Relaxed);
    let start = file.stream_position().map_err(|error| error.to_string())?;
    let reader = std::io::BufReader::with_capacity(READ_BYTES, &mut *file);
    let verify = node.config.is_on(Id::RdbChecksum) && !node.skips_checksums.load(Ordering::Relaxed);
    let mut scanner = Scanner::open(reader, verify).map_err(|error| error.to_string())?;
    let builder = Builder::new(node, mode);
    let threads = node.workers().clamp(1, BUILDERS_MAX);
    let failure = Mutex::new(None);
    let ended = std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUE_MAX * threads);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let (receiver, builder, failure) = (receiver.clone(), &builder, &failure);
            scope.spawn(move || build_all(&receiver, builder, failure));
        }
        drop(receiver);
        cut(node, &builder, &mut scanner, &sender, before)
    });
    if let Some(error) = failure.into_inner() {
        return Err(error);
    }
    ended?;
    progress.keys.store(builder.keys.into_inner(), Ordering::Relaxed);
    progress.expired.store(builder.expired.into_inner(), Ordering::Relaxed);
    progress.empty.store(builder.empty.into_inner(), Ordering::Relaxed);
    let bytes = scanner.position();
    file.seek(SeekFrom::Start(start + bytes)).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Keys, each with its database, and the bytes of all of them.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    keys: Vec<(usize, KeySpan)>,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.keys.len() >= BATCH_KEYS || self.bytes.len() >= BATCH_BYTES
    }
}

/// Cuts the file into batches of keys.
fn cut(
    node: &Node,
    builder: &Builder<'_>,
    scanner: &mut Scanner<impl Read>,
    sender: &SyncSender<Batch>,
    before: u64,
) -> Result<(), String> {
    let (mut db, mut batch, mut keys) = (0, Batch::default(), 0_u64);
    let meter = Meter::new("Loading");
    loop {
        let found = scanner.next_into(&mut batch.bytes).map_err(|error| error.to_string())?;
        let ended = matches!(found, None | Some(Found::Event(Event::End { .. })));
        match found {
            Some(Found::Key(key)) => {
                batch.keys.push((db, key));
                keys += 1;
                pause(node);
            }
            Some(Found::Event(Event::SelectDb(index))) => {
                db = usize::try_from(index).ok().filter(|db| *db < node.databases()).ok_or_else(|| {
                    format!(
                        "the file has keys in database {index}, but the server has {} databases: set \"databases\" higher",
                        node.databases()
                    )
                })?;
            }
            Some(Found::Event(Event::ResizeDb { keys, .. })) => builder.expect(db, keys),
            Some(Found::Event(Event::Aux { key, value })) => note_field(node, &key, &value),
            Some(Found::Event(Event::Function(source))) => add_library(node, &source, builder.mode)?,
            Some(Found::Event(Event::ModuleAux { module })) => {
                return Err(format!(
                    "The RDB file contains AUX module data I can't load: no matching module '{module}'"
                ));
            }
            _ => {}
        }
        if ended || batch.is_full() {
            let loaded = before + scanner.position();
            node.load_progress.loaded_bytes.store(loaded, Ordering::Relaxed);
            meter
                .report(node.load_progress.share(), || format!("{}, {keys} keys", node.load_progress.text()));
            // The threads end early when one of them has met an error.
            if sender.send(std::mem::take(&mut batch)).is_err() || ended || node.shutdown.is_cancelled() {
                return Ok(());
            }
        }
    }
}

fn note_field(node: &Node, key: &[u8], value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    match key {
        b"redis-ver" => log::notice!("Loading RDB produced by version {text}"),
        b"ctime" => {
            let age = clock::unix_ms() / 1000 - text.parse().unwrap_or(0);
            log::notice!("RDB age {} seconds", age.max(0));
        }
        b"used-mem" => {
            let bytes: u64 = text.parse().unwrap_or(0);
            node.load_progress.used_bytes.store(bytes, Ordering::Relaxed);
            log::notice!("RDB memory usage when created {:.2} Mb", bytes as f64 / f64::from(1 << 20));
        }
        _ => {}
    }
}

fn build_all(receiver: &Mutex<Receiver<Batch>>, builder: &Builder<'_>, failure: &Mutex<Option<String>>) {
    loop {
        let batch = receiver.lock().recv();
        let Ok(batch) = batch else { return };
        if let Err(error) = builder.build_batch(batch) {
            failure.lock().get_or_insert(error);
        }
        if failure.lock().is_some() {
            // The cutter must not wait for room.
            while receiver.lock().recv().is_ok() {}
            return;
        }
    }
}

/// Makes entries of keys.
struct Builder<'n> {
    node: &'n Node,
    limits: rdb::Limits,
    touch: Touch,
    now_ms: i64,
    mode: RdbMode,
    /// Keys that the file says each database has in a stripe, on average.
    expected: Box<[AtomicUsize]>,
    keys: AtomicU64,
    expired: AtomicU64,
    empty: AtomicU64,
}

impl<'n> Builder<'n> {
    fn new(node: &'n Node, mode: RdbMode) -> Self {
        Self {
            node,
            limits: limits::all(&node.config),
            touch: Touch::of(&node.config),
            now_ms: clock::unix_ms(),
            mode,
            expected: (0..node.databases()).map(|_| AtomicUsize::new(0)).collect(),
            keys: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            empty: AtomicU64::new(0),
        }
    }

    /// The file says that a database has so many keys; no more is believed than fit into the file.
    fn expect(&self, db: usize, keys: u64) {
        const KEY_BYTES_MIN: u64 = 4;
        let possible = self.node.load_progress.total_bytes.load(Ordering::Relaxed) / KEY_BYTES_MIN;
        let keys = keys.min(possible) as usize / self.node.store.stripes();
        self.expected[db].store(keys, Ordering::Relaxed);
    }

    /// Builds some keys at a time, for which the processor has been told to fetch the buckets that they will go to.
    fn build_batch(&self, batch: Batch) -> Result<(), String> {
        const AHEAD: usize = 16;
        let store = &self.node.store;
        let prefetch = |(db, hash): (usize, u64)| {
            if let Some(stripe) = store.locks().try_read(store.stripe_of(hash)) {
                stripe.db(db).into_iter().for_each(|part| part.table().prefetch_bucket(hash));
            }
        };
        let place = |(db, key): &(usize, KeySpan)| (*db, hash_of(&batch.bytes[key.key.clone()]));
        let places: Vec<(usize, u64)> = batch.keys.iter().map(place).collect();
        places.iter().take(AHEAD).copied().for_each(prefetch);
        let mut built = 0;
        for (at, (db, key)) in batch.keys.iter().enumerate() {
            places.get(at + AHEAD).copied().into_iter().for_each(prefetch);
            built += u64::from(self.build(*db, &batch.bytes, key, places[at].1)?);
        }
        self.keys.fetch_add(built, Ordering::Relaxed);
        Ok(())
    }

    /// Builds a key; false if it need not be there.
    fn build(&self, db: usize, bytes: &[u8], span: &KeySpan, hash: u64) -> Result<bool, String> {
        if !self.mode.keeps_expired && span.expiry_ms.is_some_and(|at| at <= self.now_ms) {
            self.expired.fetch_add(1, Ordering::Relaxed);
            return Ok(false);
        }
        let (key, payload) = (&bytes[span.key.clone()], &bytes[span.payload.clone()]);
        let named = |error: String| format!("{error} (key '{}')", String::from_utf8_lossy(key));
        let text = rdb::short_text(span.value_type, payload);
        let value = match &text {
            Some(bytes) => NewValue::Text { bytes, raw: false },
            None => match rdb::decode_value(span.value_type, payload, &self.limits) {
                Ok(Decoded::Value(value)) => NewValue::Value(value),
                Ok(Decoded::Empty) => {
                    self.empty.fetch_add(1, Ordering::Relaxed);
                    log::notice!("skipping empty key: {}", String::from_utf8_lossy(key));
                    return Ok(false);
                }
                Err(error) => return Err(named(error.shifted(span.payload_offset).to_string())),
            },
        };
        let access = self.touch.restored(span.idle_seconds, span.frequency);
        if !self.insert(db, key, hash, value, span.expiry_ms, access) {
            return Err(named("the key is there already".into()));
        }
        Ok(true)
    }

    /// Adds a key that nobody is told of. False if it is there and must not be replaced.
    fn insert(
        &self,
        db: usize,
        key: &[u8],
        hash: u64,
        value: NewValue<'_>,
        expiry_ms: Option<i64>,
        access: u32,
    ) -> bool {
        let store = &self.node.store;
        let index = store.stripe_of(hash);
        let mut guard = store.locks().lock(index, Mode::Write);
        let Some(stripe) = guard.stripe_mut() else { return false };
        let part = stripe.db_mut(db);
        if part.table().is_empty() {
            part.presize(self.expected[db].load(Ordering::Relaxed));
        }
        if part.find(hash, key).is_some() {
            if !self.mode.merges {
                return false;
            }
            part.remove(hash, key);
        }
        part.insert(hash, key, value, expiry_ms, access);
        if let Some(at) = expiry_ms {
            store.note_expiry(index, at);
        }
        true
    }
}

fn add_library(node: &Node, source: &[u8], mode: RdbMode) -> Result<(), String> {
    libraries::add_loaded(node, source, mode.merges).map_err(|error| {
        let reason = String::from_utf8_lossy(error.without("ERR ")).into_owned();
        format!("Failed loading library, {reason}")
    })
}

/// `key-load-delay`
fn pause(node: &Node) {
    let setting = node.config.get(Id::KeyLoadDelay);
    if setting != 0 {
        let delay = snapshot::delay(setting, 1);
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
    }
}

/// Loads the snapshot at `path`, see [`RdbMode::merges`]. Returns whether there was one.
///
/// # Errors
/// What is wrong, and where.
pub fn load_snapshot(node: &Node, path: &Path, merges: bool) -> Result<bool, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(format!("Can't open {}: {error}", path.display())),
    };
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    node.load_progress.total_bytes.store(bytes, Ordering::Relaxed);
    load_rdb(node, &mut file, RdbMode { keeps_expired: false, merges })
        .map_err(|error| format!("Can't load {}: {error}", path.display()))?;
    let progress = &node.load_progress;
    let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let empty = match number(&progress.empty) {
        0 => String::new(),
        empty => format!(", empty keys skipped: {empty}"),
    };
    log::notice!(
        "Done loading RDB, keys loaded: {}, keys expired: {}{empty}.",
        number(&progress.keys),
        number(&progress.expired)
    );
    Ok(true)
}

/// Loads the log, whose parts are all there or it fails. Returns whether there was one.
///
/// # Errors
/// What is wrong; more is in the server's log.
pub fn load_log(node: &Arc<Node>, files: &AofFiles) -> Result<bool, String> {
    let parts = files.parts().map_err(|error| error.tell())?;
    let bytes = parts.iter().map(|part| part.bytes).sum();
    node.load_progress.total_bytes.store(bytes, Ordering::Relaxed);
    let mut player = Player::new(node);
    load_parts(&parts, node.config.is_on(Id::AofLoadTruncated), &mut player).map_err(|failure| failure.0)?;
    Ok(!parts.is_empty())
}

/// Plays a log to the node.
struct Player {
    worker: Worker,
    session: Session,
    reply: Reply,
    /// Commands that were run.
    commands: u64,
    meter: Meter,
}

impl Player {
    /// Runs as the node's background worker, which does nothing else meanwhile.
    fn new(node: &Arc<Node>) -> Self {
        let worker = Worker::new(node.workers(), node.clone());
        let handle = ClientHandle::new(0, String::new(), String::new(), -1, true, node.workers());
        let mut session = Session::new(Arc::new(handle), true);
        session.replays = true;
        Self {
            worker,
            session,
            reply: Reply::new(Protocol::Resp2),
            commands: 0,
            meter: Meter::new("Loading"),
        }
    }
}

impl Replay for Player {
    fn load_rdb(&mut self, file: &mut File) -> Result<u64, String> {
        load_rdb(&self.worker.node, file, RdbMode { keeps_expired: true, merges: false })
    }

    fn run(&mut self, arguments: &[&[u8]]) -> Result<(), String> {
        pause(&self.worker.node);
        self.commands += 1;
        if execute::find(&self.worker.node, arguments).is_none() {
            let name = arguments.first().map_or_else(Default::default, |name| String::from_utf8_lossy(name));
            return Err(format!("Unknown command '{name}'"));
        }
        execute::execute(&self.worker, &mut self.session, &mut self.reply, arguments, None);
        let refused = self.reply.output().single().and_then(|reply| reply.strip_prefix(b"-"));
        let refusal = refused.map(|reason| String::from_utf8_lossy(reason).trim_end().to_owned());
        let _ = self.reply.output().take();
        match refusal {
            Some(_) if arguments[0].eq_ignore_ascii_case(b"select") => {
                Err("A database that the server does not have: set \"databases\" higher,".into())
            }
            Some(reason) if arguments[0].eq_ignore_ascii_case(b"function") => {
                Err(format!("A change of the function libraries fails ({reason}),"))
            }
            _ => Ok(()),
        }
    }

    fn discard_transaction(&mut self) {
        self.session.queue = None;
    }

    fn progress(&mut self, bytes: u64) {
        let progress = &self.worker.node.load_progress;
        progress.loaded_bytes.store(bytes, Ordering::Relaxed);
        self.meter.report(progress.share(), || format!("{}, {} commands", progress.text(), self.commands));
    }
}
