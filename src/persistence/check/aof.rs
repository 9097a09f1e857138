//! Checks an append-only file, or all that a manifest names, and cuts off what is not whole.
//!
//! Phrases and results are those of redis-check-aof 7.2. It differs in three points: a manifest is recognised by its first line
//! instead of any line that begins with `file` (a key named `file:1` is one), a file that is only checked need not be
//! writable, and a file that ends within an annotation is not valid, because the next command would be glued to it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::rdb::check_open_rdb;
use super::{Console, Unsound, give_up};
use crate::base::os_error::reason;
use crate::persistence::aof::load::begins_with_rdb;
use crate::persistence::aof::read::{CommandReader, Fault, Item, ReadError};
use crate::persistence::aof::{Manifest, Part};

/// Longest line of a file that is looked at to tell a manifest.
const LINE_BYTES_MAX: u64 = 1024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A manifest, a part, or a file of the old style.
    pub file: PathBuf,
    /// Whether to cut off what is not whole, if the user agrees.
    pub fix: bool,
    /// Cuts off what was written after this time, in Unix seconds.
    pub truncate_to_timestamp: Option<i64>,
}

/// What came of a sound file.
enum Verdict {
    Valid,
    Empty,
    Truncated,
    TruncatedToTimestamp(i64),
}

/// A file to check.
struct Subject<'a> {
    /// As it is spoken of.
    name: String,
    path: &'a Path,
    is_last: bool,
    request: &'a Request,
}

/// How far a file is sound.
struct Extent {
    /// Behind the last item that is outside of an unfinished transaction.
    sound_up_to: u64,
    in_transaction: bool,
    /// The place that redis-check-aof would name.
    place: u64,
    trouble: Option<Trouble>,
}

enum Trouble {
    /// At a place.
    At(u64, String),
    /// Nothing that Redis has a word for: the file ends within a command.
    Silent,
    /// Neither command nor annotation.
    Format,
    /// An annotation is later than wanted, at this offset.
    TooLate(i64, u64),
    InvalidTimestamp,
    Io(io::Error),
}

/// Checks what `request` says.
///
/// # Errors
/// Something is wrong and was not mended.
pub fn check_aof(request: &Request, console: &mut Console<'_>) -> Result<(), Unsound> {
    let path = &request.file;
    let (is_manifest, is_rdb) = match recognise(path) {
        Ok(kind) => kind,
        Err(error) => give_up!(console, "Cannot open file {}: {}", path.display(), reason(&error)),
    };
    if is_manifest {
        return check_manifest(request, console);
    }
    console.say(format_args!("Start checking Old-Style AOF"));
    let name = path.display().to_string();
    let subject = Subject { name, path, is_last: true, request };
    let verdict = subject.check(is_rdb, console)?;
    subject.tell(&verdict, "AOF", console);
    Ok(())
}

fn check_manifest(request: &Request, console: &mut Console<'_>) -> Result<(), Unsound> {
    console.say(format_args!("Start checking Multi Part AOF"));
    let text = match std::fs::read(&request.file) {
        Ok(text) => text,
        Err(error) => give_up!(console, "Cannot open file {}: {}", request.file.display(), reason(&error)),
    };
    let manifest = match Manifest::parse(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            error.events().iter().for_each(|event| console.say(format_args!("{event}")));
            return Err(Unsound);
        }
    };
    let folder = request.file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let last = manifest.parts().next_back();
    let check = |part: &Part, is_rdb, kind, console: &mut Console<'_>| {
        let path = folder.join(&part.name);
        let is_last = Some(part) == last;
        let subject = Subject { name: part.name.display().to_string(), path: &path, is_last, request };
        let verdict = subject.check(is_rdb, console)?;
        subject.tell(&verdict, kind, console);
        Ok(())
    };
    if let Some(base) = &manifest.base {
        let path = folder.join(&base.name);
        let is_rdb = match File::open(&path).and_then(|mut file| begins_with_rdb(&mut file)) {
            Ok(is_rdb) => is_rdb,
            Err(error) => give_up!(console, "Cannot open file {}: {}", path.display(), reason(&error)),
        };
        let format = if is_rdb { "RDB" } else { "RESP" };
        console.say(format_args!("Start to check BASE AOF ({format} format)."));
        check(base, is_rdb, "BASE AOF", console)?;
    }
    if !manifest.increments.is_empty() {
        console.say(format_args!("Start to check INCR files."));
    }
    for increment in &manifest.increments {
        check(increment, false, "INCR AOF", console)?;
    }
    console.say(format_args!("All AOF files and manifest are valid"));
    Ok(())
}

/// Whether a file is a manifest, and whether it begins with an RDB file.
fn recognise(path: &Path) -> io::Result<(bool, bool)> {
    let mut file = File::open(path)?;
    let is_rdb = begins_with_rdb(&mut file)?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.first() != Some(&b'#') {
            let is_manifest =
                line.trim_ascii_start().get(..4).is_some_and(|key| key.eq_ignore_ascii_case(b"file"));
            return Ok((is_manifest, is_rdb));
        }
    }
}

impl Subject<'_> {
    fn check(&self, is_rdb: bool, console: &mut Console<'_>) -> Result<Verdict, Unsound> {
        let changes = self.request.fix || self.request.truncate_to_timestamp.is_some();
        let opened = OpenOptions::new().read(true).write(changes).open(self.path);
        let opened = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata.len())));
        let (mut file, bytes) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                give_up!(console, "Cannot open file {}: {}, aborting...", self.path.display(), reason(&error))
            }
        };
        if bytes == 0 {
            return Ok(Verdict::Empty);
        }
        let mut start = 0;
        if is_rdb {
            let checked = check_open_rdb(&file, bytes, self.path, console);
            let sought = checked.and_then(|length| file.seek(SeekFrom::Start(length)).map_err(|_| Unsound));
            let Ok(length) = sought else {
                give_up!(console, "RDB preamble of AOF file is not sane, aborting.")
            };
            console.say(format_args!("RDB preamble is OK, proceeding with AOF tail..."));
            start = length;
        }
        let mut reader = CommandReader::new(&file, start);
        let extent = self.read(&mut reader, bytes, console);
        let lines = reader.lines() + 1;
        self.judge(&file, bytes, extent, lines, console)
    }

    /// Reads all there is to read.
    fn read(&self, reader: &mut CommandReader<&File>, bytes: u64, console: &mut Console<'_>) -> Extent {
        let start = reader.offset();
        let mut extent = Extent { sound_up_to: start, in_transaction: false, place: start, trouble: None };
        while extent.trouble.is_none() {
            let at = reader.offset();
            console.progress(at, bytes);
            if !extent.in_transaction {
                extent.sound_up_to = at;
            }
            match reader.next_item() {
                Ok(None) => break,
                Ok(Some(Item::Annotation(text))) => {
                    extent.place = at;
                    extent.trouble = self.lateness(text, at);
                }
                Ok(Some(Item::Command(command))) => {
                    let (first, last) = command.places().unwrap_or_default();
                    let (is_multi, is_exec) = (command.is_command("multi"), command.is_command("exec"));
                    extent.place = at + last as u64;
                    let name = match (is_multi, is_exec, extent.in_transaction) {
                        (true, _, true) => "MULTI",
                        (_, true, false) => "EXEC",
                        _ => {
                            extent.in_transaction = (extent.in_transaction || is_multi) && !is_exec;
                            continue;
                        }
                    };
                    let text = format!("Unexpected {name} in AOF {}", self.path.display());
                    extent.trouble = Some(Trouble::At(at + first as u64, text));
                }
                Err(error) => {
                    extent.place = error.offset;
                    extent.trouble = Some(trouble_of(error));
                }
            }
        }
        extent
    }

    /// What is wrong with an annotation, given the time up to which the file is wanted.
    fn lateness(&self, text: &[u8], at: u64) -> Option<Trouble> {
        let wanted = self.request.truncate_to_timestamp?;
        let digits = text.strip_prefix(b"#TS:")?;
        match crate::base::number::parse_i64(digits) {
            None => Some(Trouble::InvalidTimestamp),
            Some(time) if time > wanted => Some(Trouble::TooLate(wanted, at)),
            Some(_) => None,
        }
    }

    fn judge(
        &self,
        file: &File,
        bytes: u64,
        extent: Extent,
        lines: u64,
        console: &mut Console<'_>,
    ) -> Result<Verdict, Unsound> {
        let Self { name, request, .. } = self;
        match &extent.trouble {
            Some(Trouble::TooLate(wanted, at)) => return self.cut_to_timestamp(file, *wanted, *at, console),
            Some(Trouble::InvalidTimestamp) => give_up!(console, "Invalid timestamp annotation"),
            Some(Trouble::Io(error)) => {
                give_up!(console, "Failed to read from AOF {name}: {}, aborting...", reason(error))
            }
            Some(Trouble::Format) => console.say(format_args!("AOF {name} format error")),
            Some(Trouble::At(place, text)) => console.say(format_args!("0x{place:16x}: {text}")),
            Some(Trouble::Silent) | None if extent.in_transaction => {
                console
                    .say(format_args!("0x{:16x}: Reached EOF before reading EXEC for MULTI", extent.place));
            }
            Some(Trouble::Silent) | None => {}
        }
        let sound = extent.sound_up_to;
        let surplus = bytes.saturating_sub(sound);
        if let (0, Some(wanted)) = (surplus, request.truncate_to_timestamp) {
            console.say(format_args!("Truncate nothing in AOF {name} to timestamp {wanted}"));
            return Ok(Verdict::Valid);
        }
        console.say(format_args!(
            "AOF analyzed: filename={name}, size={bytes}, ok_up_to={sound}, ok_up_to_line={lines}, diff={surplus}"
        ));
        if surplus == 0 {
            return Ok(Verdict::Valid);
        }
        if !request.fix {
            give_up!(console, "AOF {name} is not valid. Use the --fix option to try fixing it.");
        }
        self.fix(file, bytes, sound, console)
    }

    fn fix(
        &self,
        file: &File,
        bytes: u64,
        sound: u64,
        console: &mut Console<'_>,
    ) -> Result<Verdict, Unsound> {
        let name = &self.name;
        if !self.is_last {
            give_up!(console, "Failed to truncate AOF {name} because it is not the last file");
        }
        console.say(format_args!(
            "This will shrink the AOF {name} from {bytes} bytes, with {} bytes, to {sound} bytes",
            bytes - sound
        ));
        if !console.agrees("Continue?") {
            give_up!(console, "Aborting...");
        }
        if let Err(error) = cut(file, sound) {
            give_up!(console, "Failed to truncate AOF {name}: {}", reason(&error));
        }
        Ok(Verdict::Truncated)
    }

    fn cut_to_timestamp(
        &self,
        file: &File,
        wanted: i64,
        at: u64,
        console: &mut Console<'_>,
    ) -> Result<Verdict, Unsound> {
        let path = self.path.display();
        if at == 0 {
            give_up!(console, "AOF {path} has nothing before timestamp {wanted}, aborting...");
        }
        if !self.is_last {
            console.say(format_args!(
                "Failed to truncate AOF {path} to timestamp {wanted} to offset {at} because it is not the last file."
            ));
            give_up!(
                console,
                "If you insist, please delete all files after this file according to the manifest file and delete the \
                 corresponding records in manifest file manually. Then re-run check-aof."
            );
        }
        match cut(file, at) {
            Ok(()) => Ok(Verdict::TruncatedToTimestamp(wanted)),
            Err(error) => {
                give_up!(console, "Failed to truncate AOF {path} to timestamp {wanted}: {}", reason(&error))
            }
        }
    }

    fn tell(&self, verdict: &Verdict, kind: &str, console: &mut Console<'_>) {
        let name = &self.name;
        match verdict {
            Verdict::Valid => console.say(format_args!("{kind} {name} is valid")),
            Verdict::Empty => console.say(format_args!("{kind} {name} is empty")),
            Verdict::Truncated => console.say(format_args!("Successfully truncated AOF {name}")),
            Verdict::TruncatedToTimestamp(wanted) => {
                console.say(format_args!("Successfully truncated AOF {name} to timestamp {wanted}"));
            }
        }
    }
}

fn trouble_of(error: ReadError) -> Trouble {
    match error.fault {
        Fault::Io(error) => Trouble::Io(error),
        Fault::NoItem(_) => Trouble::Format,
        Fault::MissingLine => Trouble::Silent,
        fault => Trouble::At(error.offset, fault.to_string()),
    }
}

fn cut(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.sync_all()
}
