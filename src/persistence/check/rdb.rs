//! Checks an RDB file: every value is decoded, and the checksum compared. Phrases are those of redis-check-rdb 7.2.

use std::fs::File;
use std::path::Path;

use super::{Console, Unsound};
use crate::base::clock;
use crate::base::os_error::reason;
use crate::rdb::{self, Event, Fault, Key, Limits, Scanner, decode_value};
use crate::value::hash::HashLimits;
use crate::value::list::ListLimits;
use crate::value::set::SetLimits;
use crate::value::zset::ZSetLimits;

/// Names of the types of values by their number, as redis-check-rdb has them and goes on.
const TYPE_NAMES: [&str; 26] = [
    "string",
    "list-linked",
    "set-hashtable",
    "zset-v1",
    "hash-hashtable",
    "zset-v2",
    "module-pre-release",
    "module-value",
    "",
    "hash-zipmap",
    "list-ziplist",
    "set-intset",
    "zset-ziplist",
    "hash-ziplist",
    "quicklist",
    "stream",
    "hash-listpack",
    "zset-listpack",
    "quicklist-v2",
    "stream-v2",
    "set-listpack",
    "stream-v3",
    "hash-expiring-valkey",
    "",
    "hash-expiring",
    "hash-listpack-expiring",
];

/// The step of reading a value, as redis-check-rdb calls it.
const VALUE: &str = "read-object-value";

/// What has been met so far.
#[derive(Default)]
struct Counts {
    keys: u64,
    expires: u64,
    already_expired: u64,
}

/// Checks the file at `path`.
///
/// # Errors
/// It cannot be loaded.
pub fn check_rdb(path: &Path, console: &mut Console<'_>) -> Result<(), Unsound> {
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata.len())));
    match opened {
        Ok((file, bytes)) => check_open_rdb(&file, bytes, path, console).map(drop),
        Err(error) => {
            console.say(format_args!("Cannot open file {}: {}", path.display(), reason(&error)));
            Err(Unsound)
        }
    }
}

/// Checks what `file` holds from where it stands, and returns its length.
pub(super) fn check_open_rdb(
    file: &File,
    bytes: u64,
    path: &Path,
    console: &mut Console<'_>,
) -> Result<u64, Unsound> {
    console.say(format_args!("[offset 0] Checking RDB file {}", path.display()));
    let mut counts = Counts::default();
    let result = scan(file, bytes, &mut counts, console);
    if let Err((error, key)) = &result {
        // A key whose value is not whole counts.
        counts.keys += u64::from(key.is_none() && step(error) == VALUE);
        tell_error(error, key.as_deref(), console);
    }
    if let Ok(length) = result {
        console.say(format_args!("[offset {length}] \\o/ RDB looks OK! \\o/"));
    }
    console.say(format_args!("[info] {} keys read", counts.keys));
    console.say(format_args!("[info] {} expires", counts.expires));
    console.say(format_args!("[info] {} already expired", counts.already_expired));
    result.map_err(|_| Unsound)
}

/// Goes through the file. An error comes with the key whose value it lies in.
fn scan(
    file: &File,
    bytes: u64,
    counts: &mut Counts,
    console: &mut Console<'_>,
) -> Result<u64, (rdb::Error, Option<Box<Key>>)> {
    let mut scanner = Scanner::open(file, true).map_err(|error| (error, None))?;
    while let Some(event) = scanner.next_event().map_err(|error| (error, None))? {
        let offset = scanner.position();
        console.progress(offset, bytes);
        match event {
            Event::Key(key) => count_key(key, counts)?,
            Event::Aux { key, value } => console.say(format_args!(
                "[offset {offset}] AUX FIELD {} = '{}'",
                String::from_utf8_lossy(&key),
                String::from_utf8_lossy(&value)
            )),
            Event::SelectDb(db) => console.say(format_args!("[offset {offset}] Selecting DB ID {db}")),
            Event::ModuleAux { module } => {
                console.say(format_args!("[offset {offset}] MODULE AUX for: {module}"))
            }
            Event::End { verified: true } => console.say(format_args!("[offset {offset}] Checksum OK")),
            Event::End { verified: false } if scanner.version() >= 5 => console.say(format_args!(
                "[offset {offset}] RDB file was saved with checksum disabled: no check performed."
            )),
            Event::End { .. }
            | Event::ResizeDb { .. }
            | Event::SlotInfo { .. }
            | Event::SlotImport
            | Event::Function(_) => {}
        }
    }
    Ok(scanner.position())
}

fn count_key(key: Key, counts: &mut Counts) -> Result<(), (rdb::Error, Option<Box<Key>>)> {
    counts.keys += 1;
    if let Err(error) = decode_value(key.value_type, &key.payload, &limits()) {
        return Err((error.shifted(key.payload_offset), Some(Box::new(key))));
    }
    counts.expires += u64::from(key.expiry_ms.is_some());
    let has_expired = key.expiry_ms.is_some_and(|expiry_ms| expiry_ms < clock::unix_us() / 1000);
    counts.already_expired += u64::from(has_expired);
    Ok(())
}

/// The default ones: only whether a value can be had matters.
fn limits() -> Limits {
    Limits {
        list: ListLimits { max_listpack_size: -2 },
        set: SetLimits::default(),
        hash: HashLimits::default(),
        zset: ZSetLimits::default(),
    }
}

fn tell_error(error: &rdb::Error, key: Option<&Key>, console: &mut Console<'_>) {
    let text = match &error.fault {
        Fault::Truncated => "Unexpected EOF reading RDB file".to_owned(),
        Fault::Checksum => "RDB CRC error".to_owned(),
        Fault::Io(error) => reason(error),
        Fault::Malformed | Fault::Unsupported => error.what.to_string(),
    };
    let doing = if key.is_some() { VALUE } else { step(error) };
    console.say(format_args!("--- RDB ERROR DETECTED ---"));
    console.say(format_args!("[offset {}] {text}", error.offset));
    console.say(format_args!("[additional info] While doing: {doing}"));
    if let Some(key) = key {
        let name = TYPE_NAMES.get(usize::from(key.value_type)).copied().unwrap_or("unknown");
        console.say(format_args!("[additional info] Reading key '{}'", String::from_utf8_lossy(&key.key)));
        console.say(format_args!("[additional info] Reading type {} ({name})", key.value_type));
    }
}

/// The step of reading as redis-check-rdb calls it.
fn step(error: &rdb::Error) -> &'static str {
    match (&error.fault, &*error.what) {
        (Fault::Checksum, _) | (_, "the checksum") => "check-sum",
        (_, "the signature") => "start",
        (_, "an opcode or type") => "read-type",
        (_, "an expiry time" | "an idle time" | "a frequency") => "read-expire",
        (_, "a key") => "read-key",
        (_, "a database number" | "the size of a database") => "read-len",
        (_, "the name of an auxiliary field" | "an auxiliary field") => "read-aux",
        (_, "a module's auxiliary data") => "read-module-aux",
        (_, "a function library") => "read-functions",
        // Whole values are passed over before they are decoded.
        _ => VALUE,
    }
}
