//! Loading the log: its parts in order, and what to do about one that ends too early.
//!
//! A crash can leave a command half written at the end of the last part. With `aof-load-truncated yes` what is not whole is cut
//! off: the half command, or all of a transaction whose EXEC is missing. Anything else that cannot be read is refused, because
//! nobody knows what was there. Unlike Redis, a transaction that ends within a command is cut off from its MULTI on as well; a
//! part that is not the last is refused without being cut, unless a power cut has taken the end of it (`aof::log`).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use smallvec::SmallVec;

use super::files::PartFile;
use super::log::{LENGTH_MARK, SYNCED_MARK};
use super::manifest::PartKind;
use super::read::{Arguments, CommandReader, Fault, Item, ReadError};
use crate::base::{clock, log, number};

/// Bytes between two reports of progress.
const REPORT_BYTES: u64 = 1 << 20;
/// Arguments of a command that need no allocation.
const ARGUMENTS_INLINE: usize = 16;

/// Whoever the log is played to.
pub trait Replay {
    /// Loads the RDB file that `file`, at its start, begins with, and returns how many bytes it has.
    fn load_rdb(&mut self, file: &mut File) -> Result<u64, String>;

    /// Runs a command. MULTI and EXEC are among them; what is between them takes effect with EXEC. An error, which says what is
    /// wrong with the command, ends the loading.
    fn run(&mut self, arguments: &[&[u8]]) -> Result<(), String>;

    /// Forgets the commands since MULTI: there is no EXEC.
    fn discard_transaction(&mut self);

    /// So many bytes of all parts together have been loaded.
    fn progress(&mut self, bytes: u64);
}

/// How far a part could be loaded.
#[derive(Debug)]
pub struct PartState {
    /// Offset behind the last whole command.
    pub valid_up_to: u64,
    /// Where the last MULTI stands.
    pub valid_before_multi: u64,
    /// Whether that MULTI has no EXEC.
    pub in_transaction: bool,
    /// How it ended.
    pub end: End,
}

/// How the loading of a part ended.
#[derive(Debug)]
pub enum End {
    /// With the file's end, between commands.
    Whole,
    /// With something that cannot be read.
    Unreadable(ReadError),
    /// With a command that holds no words or cannot be run, at this offset.
    Refused(u64, String),
    /// With the RDB file at its start.
    Rdb(String),
    /// Before it began.
    CantOpen(io::Error),
}

/// What to do about a part's end.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: all of it counts.
    Accept,
    /// To cut it off at this offset and to go on.
    Truncate(u64),
    /// To give up, for reasons to be logged.
    Refuse(Vec<String>),
}

/// Plays all parts to `target`, in order. What is wrong has been logged when this fails, but for the main thing.
pub fn load_parts(
    parts: &[PartFile],
    load_truncated: bool,
    target: &mut impl Replay,
) -> Result<(), LoadFailed> {
    let mut loaded = 0;
    for (at, file) in parts.iter().enumerate() {
        let started_us = clock::unix_us();
        let state = load_part(&file.path, loaded, target);
        let name = &file.part.name;
        let next = parts.get(at + 1);
        // An increment tells the length of the increment before it.
        let is_increment = file.part.kind == PartKind::Increment;
        let lost = next.filter(|_| is_increment).map_or(Lost::Nothing, |next| lost_between(file, next));
        if let Lost::Promised(bytes) = lost {
            return Err(LoadFailed(format!(
                "The AOF {} has lost {bytes} bytes at its end that were on the disk: restore it from a copy, or make one and use \
                 tartan check-aof --fix <filename.manifest>",
                name.display()
            )));
        }
        let is_short = lost == Lost::Unpromised;
        // A rewrite that could not begin leaves an empty part behind.
        let is_last = parts[at + 1..].iter().all(|part| part.bytes == 0);
        match decide(&state, name, is_last || is_short, load_truncated) {
            Decision::Accept if is_short && !load_truncated => {
                return Err(LoadFailed(format!(
                    "The AOF {} is shorter than it was: a power cut has taken its end, and what was written after it can't be \
                     used. To start with what there is, set aof-load-truncated to yes",
                    name.display()
                )));
            }
            Decision::Accept => {}
            Decision::Truncate(offset) => cut(file, &state, offset, target)?,
            Decision::Refuse(mut reasons) => {
                let main = reasons.pop().unwrap_or_default();
                reasons.iter().for_each(|reason| log::warning!("{reason}"));
                return Err(LoadFailed(main));
            }
        }
        loaded += file.bytes;
        let seconds = (clock::unix_us() - started_us) as f64 / 1e6;
        log::notice!(
            "DB loaded from {} file {}: {seconds:.3} seconds",
            file.part.kind.word(),
            name.display()
        );
        if is_short {
            return parts[at + 1..].iter().try_for_each(set_aside);
        }
    }
    Ok(())
}

/// What is missing at the end of a part, as the next one tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// Nothing, or it does not tell.
    Nothing,
    /// What a power cut has taken before it was on the disk: then nothing in the next part was promised to anybody either.
    Unpromised,
    /// So many bytes that were on the disk.
    Promised(u64),
}

fn lost_between(part: &PartFile, next: &PartFile) -> Lost {
    let Ok(file) = File::open(&next.path) else { return Lost::Nothing };
    let mut reader = CommandReader::new(file, 0);
    let (mut bytes, mut was_synced) = (0, false);
    while let Ok(Some(item)) = reader.next_item() {
        let Item::Annotation(line) = item else {
            if bytes <= part.bytes {
                return Lost::Nothing;
            }
            continue;
        };
        if line == SYNCED_MARK {
            was_synced = true;
            break;
        }
        if let Some(length) = line.strip_prefix(LENGTH_MARK) {
            bytes = number::parse_i64(length).unwrap_or(0) as u64;
        }
    }
    match bytes.saturating_sub(part.bytes) {
        0 => Lost::Nothing,
        bytes if was_synced => Lost::Promised(bytes),
        _ => Lost::Unpromised,
    }
}

/// Keeps a copy of a part that can't be used, and empties it. It never goes from the folder, whose state on the disk is unknown.
fn set_aside(file: &PartFile) -> Result<(), LoadFailed> {
    let mut aside = file.path.clone().into_os_string();
    aside.push(".unused");
    let empty = || {
        std::fs::copy(&file.path, &aside)?;
        File::open(&aside)?.sync_all()?;
        let part = OpenOptions::new().write(true).open(&file.path)?;
        part.set_len(0)?;
        part.sync_all()
    };
    empty()
        .map_err(|error| LoadFailed(format!("Can't set the AOF {} aside: {error}", file.path.display())))?;
    log::warning!(
        "A power cut has taken the end of the AOF before {}. Nothing in this one had been promised: it is kept as {} and not used",
        file.path.display(),
        Path::new(&aside).display()
    );
    Ok(())
}

/// The log could not be loaded, for this reason.
#[derive(Debug)]
pub struct LoadFailed(pub String);

/// Plays one part to `target`; `before` bytes were loaded from those before it.
pub fn load_part(path: &Path, before: u64, target: &mut impl Replay) -> PartState {
    let mut state =
        PartState { valid_up_to: 0, valid_before_multi: 0, in_transaction: false, end: End::Whole };
    let file = File::open(path).and_then(|mut file| begins_with_rdb(&mut file).map(|is_rdb| (file, is_rdb)));
    let (mut file, is_rdb) = match file {
        Ok(opened) => opened,
        Err(error) => return PartState { end: End::CantOpen(error), ..state },
    };
    if is_rdb {
        log::notice!("Reading RDB base file on AOF loading...");
        let loaded = target
            .load_rdb(&mut file)
            .and_then(|length| file.seek(SeekFrom::Start(length)).map_err(|error| error.to_string()));
        match loaded {
            Ok(length) => state.valid_up_to = length,
            Err(reason) => return PartState { end: End::Rdb(reason), ..state },
        }
    }
    let mut reader = CommandReader::new(file, state.valid_up_to);
    state.end = run_commands(&mut reader, &mut state, before, target);
    target.progress(before + reader.offset());
    state
}

/// What becomes of a part that was loaded so far. `name` is for the texts.
pub fn decide(state: &PartState, name: &OsStr, is_last: bool, load_truncated: bool) -> Decision {
    let name = name.display();
    let ends_early = match &state.end {
        End::Whole => state.in_transaction,
        End::Unreadable(error) => error.fault.is_truncation(),
        _ => false,
    };
    if ends_early {
        return match (load_truncated, is_last) {
            (true, true) => Decision::Truncate(state.valid_end()),
            (true, false) => Decision::Refuse(vec![
                format!("{name} ends unexpectedly at offset {}", state.valid_end()),
                "Fatal error: the truncated file is not the last file".to_owned(),
            ]),
            (false, _) => Decision::Refuse(vec![format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, \
                 then use tartan check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server."
            )]),
        };
    }
    Decision::Refuse(match &state.end {
        End::Whole => return Decision::Accept,
        End::Unreadable(ReadError { fault: Fault::Io(error), .. }) => {
            vec![format!("Unrecoverable error reading the append only file {name}: {error}")]
        }
        End::Unreadable(error) => vec![
            format!("The first fault is at {error}"),
            format!(
                "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
                 tartan check-aof --fix <filename.manifest>"
            ),
        ],
        End::Refused(offset, reason) => {
            vec![format!("{reason} reading the append only file {name} at offset {offset}")]
        }
        End::Rdb(reason) => {
            vec![reason.clone(), format!("Error reading the RDB base file {name}, AOF loading aborted")]
        }
        End::CantOpen(error) => {
            vec![format!("Fatal error: can't open the append log file {name} for reading: {error}")]
        }
    })
}

impl PartState {
    /// Where the part ends without what is not whole.
    pub fn valid_end(&self) -> u64 {
        if self.in_transaction { self.valid_before_multi } else { self.valid_up_to }
    }

    fn note(&mut self, is_multi: bool, is_exec: bool, end: u64) {
        if is_multi && !self.in_transaction {
            self.valid_before_multi = self.valid_up_to;
            self.in_transaction = true;
        } else if is_exec {
            self.in_transaction = false;
        }
        self.valid_up_to = end;
    }
}

/// Whether `file` begins with an RDB file of Redis or Valkey; leaves it at its start.
pub fn begins_with_rdb(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(b"VALKEY".len() as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head.starts_with(b"REDIS") || head == b"VALKEY")
}

fn run_commands(
    reader: &mut CommandReader<File>,
    state: &mut PartState,
    before: u64,
    target: &mut impl Replay,
) -> End {
    let mut report_at = reader.offset() + REPORT_BYTES;
    loop {
        let at = reader.offset();
        if at >= report_at {
            target.progress(before + at);
            report_at = at + REPORT_BYTES;
        }
        let command = match reader.next_item() {
            Ok(Some(Item::Command(command))) => command,
            Ok(Some(Item::Annotation(_))) => continue,
            Ok(None) => return End::Whole,
            Err(error) => return End::Unreadable(error),
        };
        let (is_multi, is_exec) = (command.is_command("multi"), command.is_command("exec"));
        if let Err(reason) = run_command(command, target) {
            return End::Refused(at, reason);
        }
        state.note(is_multi, is_exec, reader.offset());
    }
}

fn run_command(command: Arguments<'_>, target: &mut impl Replay) -> Result<(), String> {
    if command.is_empty() {
        return Err("Empty command".to_owned());
    }
    let arguments: SmallVec<[&[u8]; ARGUMENTS_INLINE]> = command.iter().collect();
    target.run(&arguments)
}

fn cut(file: &PartFile, state: &PartState, offset: u64, target: &mut impl Replay) -> Result<(), LoadFailed> {
    let name = file.part.name.display();
    if state.in_transaction {
        log::warning!("Revert incomplete MULTI/EXEC transaction in AOF file {name}");
        target.discard_transaction();
    }
    log::warning!("!!! Warning: short read while loading the AOF file {name}!!!");
    log::warning!("!!! Truncating the AOF {name} at offset {offset} !!!");
    let truncate = || {
        let file = OpenOptions::new().write(true).open(&file.path)?;
        file.set_len(offset)?;
        file.sync_all()
    };
    truncate().map_err(|error| LoadFailed(format!("Error truncating the AOF file {name}: {error}")))?;
    log::warning!("AOF {name} loaded anyway because aof-load-truncated is enabled");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::manifest::Part;
    use super::*;

    const RDB: &[u8] = b"REDIS0011 and so on";

    /// Keeps what was run; EXEC makes what MULTI held back count.
    #[derive(Default, Debug, PartialEq)]
    struct Recorder {
        done: Vec<String>,
        queued: Option<Vec<String>>,
        progress: u64,
    }

    impl Replay for Recorder {
        fn load_rdb(&mut self, file: &mut File) -> Result<u64, String> {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            self.done.push("rdb".to_owned());
            bytes.starts_with(RDB).then_some(RDB.len() as u64).ok_or_else(|| "no RDB".to_owned())
        }

        fn run(&mut self, arguments: &[&[u8]]) -> Result<(), String> {
            let text = String::from_utf8_lossy(&arguments.join(&b' ')).into_owned();
            match text.as_str() {
                "MULTI" => self.queued = Some(Vec::new()),
                "EXEC" => self.done.extend(self.queued.take().unwrap_or_default()),
                "BAD" => return Err("Unknown command 'BAD'".to_owned()),
                _ => self.queued.as_mut().unwrap_or(&mut self.done).push(text),
            }
            Ok(())
        }

        fn discard_transaction(&mut self) {
            self.queued = None;
        }

        fn progress(&mut self, bytes: u64) {
            assert!(self.progress <= bytes);
            self.progress = bytes;
        }
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tartan-load-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn part(&self, name: &str, bytes: &[u8]) -> PartFile {
            let path = self.0.join(name);
            fs::write(&path, bytes).unwrap();
            let part = Part { name: name.into(), seq: 1, kind: PartKind::Increment };
            PartFile { path, part, bytes: bytes.len() as u64 }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn encode(commands: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for command in commands {
            crate::resp::encode_command(&mut bytes, command.split(' ').collect::<Vec<_>>().into_iter());
        }
        bytes
    }

    /// Commands of the log below with the offset where each ends, and what has taken effect by then.
    fn log_with_transaction() -> (Vec<u8>, Vec<(usize, usize)>) {
        let commands =
            ["SELECT 0", "SET a 1", "MULTI", "SET b 2", "DEL a", "EXEC", "#TS:1700000000", "SET c 3"];
        let (mut bytes, mut whole) = (Vec::new(), vec![(0, 0)]);
        for (at, command) in commands.iter().enumerate() {
            match command.starts_with('#') {
                true => bytes.extend_from_slice(format!("{command}\r\n").as_bytes()),
                false => bytes.extend_from_slice(&encode(&[command])),
            }
            match at {
                0 | 1 => whole.push((bytes.len(), at + 1)),
                5 | 6 => whole.push((bytes.len(), 4)),
                7 => whole.push((bytes.len(), 5)),
                _ => {}
            }
        }
        (bytes, whole)
    }

    #[test]
    fn a_log_torn_at_any_byte_is_cut_to_whole_commands_and_transactions() {
        let folder = Folder::new("torn");
        let (bytes, whole) = log_with_transaction();
        for length in 0..=bytes.len() {
            let part = folder.part("torn", &bytes[..length]);
            let (end, effects) = *whole.iter().rfind(|(end, _)| *end <= length).unwrap();
            let mut target = Recorder::default();
            load_parts(std::slice::from_ref(&part), true, &mut target).unwrap();
            assert_eq!((target.done.len(), target.queued), (effects, None), "torn at {length}");
            // A cut takes the annotation with it, which follows no command that was loaded.
            let kept = fs::metadata(&part.path).unwrap().len() as usize;
            let before_annotation = whole[whole.len() - 3].0;
            let cut_in_last = length > end && end == whole[whole.len() - 2].0;
            assert_eq!(kept, if cut_in_last { before_annotation } else { end }, "torn at {length}");
            let mut again = Recorder::default();
            load_parts(&[PartFile { bytes: kept as u64, ..part }], false, &mut again).unwrap();
            assert_eq!(again.done.len(), effects);
        }
    }

    #[test]
    fn without_leave_nothing_is_cut() {
        let folder = Folder::new("strict");
        let (bytes, whole) = log_with_transaction();
        for length in 0..=bytes.len() {
            let part = folder.part("torn", &bytes[..length]);
            let fits = whole.iter().any(|(end, _)| *end == length);
            assert_eq!(
                load_parts(std::slice::from_ref(&part), false, &mut Recorder::default()).is_ok(),
                fits
            );
            let last = folder.part("last", &encode(&["PING"]));
            assert_eq!(load_parts(&[part.clone(), last], true, &mut Recorder::default()).is_ok(), fits);
            assert_eq!(fs::read(&part.path).unwrap(), bytes[..length]);
        }
    }

    #[test]
    fn parts_follow_one_another() {
        let folder = Folder::new("parts");
        let parts = [
            folder.part("base", &[RDB, &encode(&["SET tail 1"])].concat()),
            folder.part("empty", b""),
            folder.part("one", &encode(&["MULTI", "SET a 1"])[..]),
        ];
        let mut target = Recorder::default();
        load_parts(&parts, true, &mut target).unwrap();
        assert_eq!(
            (target.done, fs::read(&parts[2].path).unwrap()),
            (vec!["rdb".into(), "SET tail 1".into()], vec![])
        );
        assert_eq!(target.progress, parts.iter().map(|part| part.bytes).sum::<u64>());
    }

    #[test]
    fn refusals_say_why() {
        let folder = Folder::new("refused");
        let check = |bytes: &[u8], is_last: bool, load_truncated: bool, expected: &[&str]| {
            let part = folder.part("log", bytes);
            let state = load_part(&part.path, 0, &mut Recorder::default());
            let decision = decide(&state, OsStr::new("log"), is_last, load_truncated);
            let Decision::Refuse(reasons) = decision else { panic!("{decision:?}") };
            assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
            for (reason, expected) in reasons.iter().zip(expected) {
                assert!(reason.contains(expected), "{reason}");
            }
            assert_eq!(fs::read(&part.path).unwrap(), bytes);
        };
        let torn = b"*1\r\n$4\r\nPING\r\n*1\r\n";
        check(torn, false, true, &["offset 14", "Fatal error: the truncated file is not the last file"]);
        check(torn, true, false, &["Unexpected end of file reading the append only file log. You can: 1)"]);
        let bad = &["The first fault is at offset", "Bad file format reading the append only file log"];
        check(b"*1\r\n$4\r\nPING\r\nxx", true, true, bad);
        check(b"*1\r\n$4\r\nPINGxx*1", true, true, bad);
        check(b"*1\r\n$-1\r\n", true, true, bad);
        check(b"*x\r\n", true, true, bad);
        check(&[0; 64], true, true, bad);
        check(b"*0\r\n", true, true, &["Empty command reading the append only file log at offset 0"]);
        check(
            b"*1\r\n$3\r\nBAD\r\n",
            true,
            true,
            &["Unknown command 'BAD' reading the append only file log"],
        );
        check(b"REDIS", true, true, &["no RDB", "Error reading the RDB base file log, AOF loading aborted"]);
        let state = load_part(&folder.0.join("missing"), 0, &mut Recorder::default());
        assert!(matches!(decide(&state, OsStr::new("x"), true, true), Decision::Refuse(_)));
    }

    #[test]
    fn what_follows_a_part_that_a_power_cut_has_shortened_is_not_used() {
        const ONE: &[u8] = b"*1\r\n$3\r\nONE\r\n";
        const TWO: &[u8] = b"*1\r\n$3\r\nTWO\r\n";
        let check = |name: &str, first: &[u8], marks: &str, expected: Option<&[&str]>| {
            let folder = Folder::new(&format!("power-{name}"));
            let next = [marks.as_bytes(), TWO].concat();
            let parts = [folder.part("one", first), folder.part("two", &next)];
            let mut recorder = Recorder::default();
            let outcome = load_parts(&parts, true, &mut recorder);
            assert_eq!(
                outcome.is_ok().then_some(recorder.done),
                expected.map(|done| { done.iter().map(|text| (*text).to_owned()).collect() }),
                "{name}"
            );
            let aside = folder.0.join("two.unused");
            assert_eq!(aside.exists(), expected == Some(&["ONE"]), "{name}");
            if aside.exists() {
                assert_eq!((fs::read(aside).unwrap(), fs::read(&parts[1].path).unwrap()), (next, Vec::new()));
            }
        };
        let torn = [ONE, &TWO[..5]].concat();
        check("whole", ONE, "#PREVIOUS-BYTES:13\r\n", Some(&["ONE", "TWO"]));
        check("unmarked", ONE, "", Some(&["ONE", "TWO"]));
        check("short", ONE, "#PREVIOUS-BYTES:26\r\n", Some(&["ONE"]));
        check("torn", &torn, "#PREVIOUS-BYTES:26\r\n", Some(&["ONE"]));
        check("synced", ONE, "#PREVIOUS-BYTES:26\r\n#PREVIOUS-SYNCED\r\n", None);
        check("torn-unmarked", &torn, "", None);
    }

    #[test]
    fn the_length_of_an_increment_says_nothing_about_the_base_before_it() {
        let folder = Folder::new("power-base");
        let mut base = folder.part("base", b"*1\r\n$3\r\nONE\r\n");
        base.part.kind = PartKind::Base;
        let parts = [base, folder.part("incr", b"#PREVIOUS-BYTES:1000\r\n*1\r\n$3\r\nTWO\r\n")];
        let mut recorder = Recorder::default();
        load_parts(&parts, true, &mut recorder).unwrap();
        assert_eq!(recorder.done, ["ONE", "TWO"]);
    }
}
