//! Output as the tools of Redis 7.2.4 gave it for the same files, and what is changed on the disk.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::rdb::{Checksummed, Options, Version, select_db, write_aux, write_end, write_header};

/// SELECT, SET, and a transaction of two commands.
const LOG: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1700000000\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n\
                   #TS:1700000060\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$4\r\nexec\r\n";
/// Where the transaction begins, and the annotation before it.
const MULTI_AT: usize = 82;
const SECOND_TIME_AT: usize = 66;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tartan-check-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Checks an append-only file. Returns whether that succeeded, and the output without the folder's name.
    fn check(&self, name: &str, fix: Option<&str>, truncate_to_timestamp: Option<i64>) -> (bool, String) {
        let request = Request { file: self.0.join(name), fix: fix.is_some(), truncate_to_timestamp };
        self.run(fix.unwrap_or_default(), |console| check_aof(&request, console))
    }

    fn run(&self, input: &str, tool: impl FnOnce(&mut Console<'_>) -> Result<(), Unsound>) -> (bool, String) {
        let mut out = Vec::new();
        let sound = tool(&mut Console::new(&mut out, &mut input.as_bytes(), false)).is_ok();
        let folder = format!("{}/", self.0.display());
        (sound, String::from_utf8(out).unwrap().replace(&folder, ""))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rdb() -> Vec<u8> {
    let mut out = Checksummed::new(Vec::new(), true);
    let options = Options { compress: false, version: Version::V11 };
    write_header(&mut out, options.version).unwrap();
    write_aux(&mut out, b"aof-base", b"1", &options).unwrap();
    select_db(&mut out, 0).unwrap();
    out.write_all(b"\xfc\x01\0\0\0\0\0\0\0\x00\x01k\x01v").unwrap();
    write_end(&mut out).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_sound_log_is_valid() {
    let folder = Folder::new("sound");
    folder.write("log", LOG);
    let expected = "Start checking Old-Style AOF\n\
        AOF analyzed: filename=log, size=131, ok_up_to=131, ok_up_to_line=24, diff=0\nAOF log is valid\n";
    assert_eq!(folder.check("log", None, None), (true, expected.to_owned()));
    folder.write("empty", "");
    assert_eq!(folder.check("empty", None, None).1, "Start checking Old-Style AOF\nAOF empty is empty\n");
    let missing = (false, "Cannot open file missing: No such file or directory\n".to_owned());
    assert_eq!(folder.check("missing", None, None), missing);
}

#[test]
fn a_torn_log_is_cut_before_what_is_not_whole() {
    let folder = Folder::new("torn");
    folder.write("log", &LOG[..LOG.len() - 3]);
    let analysis = "Start checking Old-Style AOF\n0x              7d: Expected to read 6 bytes, got 3 bytes\n\
        AOF analyzed: filename=log, size=128, ok_up_to=82, ok_up_to_line=23, diff=46\n";
    let refusal = "AOF log is not valid. Use the --fix option to try fixing it.\n";
    assert_eq!(folder.check("log", None, None), (false, format!("{analysis}{refusal}")));
    let question =
        "This will shrink the AOF log from 128 bytes, with 46 bytes, to 82 bytes\nContinue? [y/N]: ";
    for answer in ["n\n", ""] {
        assert_eq!(
            folder.check("log", Some(answer), None),
            (false, format!("{analysis}{question}Aborting...\n"))
        );
        assert_eq!(folder.read("log"), LOG[..LOG.len() - 3]);
    }
    let fixed = format!("{analysis}{question}Successfully truncated AOF log\n");
    assert_eq!(folder.check("log", Some("yes\n"), None), (true, fixed));
    assert_eq!(folder.read("log"), LOG[..MULTI_AT]);
    assert!(folder.check("log", None, None).0);
}

#[test]
fn troubles_are_named() {
    let folder = Folder::new("troubles");
    let check = |bytes: &str, expected: &str| {
        folder.write("log", bytes);
        let (sound, text) = folder.check("log", None, None);
        assert_eq!((sound, text.lines().nth(1)), (false, Some(expected)), "{text}");
    };
    let whole = &LOG[..MULTI_AT];
    let without_exec = &LOG[..LOG.len() - 14];
    check(without_exec, "0x              72: Reached EOF before reading EXEC for MULTI");
    check(&format!("{whole}*1\r\n$4\r\nEXEC\r\n"), "0x              5a: Unexpected EXEC in AOF log");
    let multi = "*1\r\n$5\r\nMULTI\r\n";
    check(&format!("{multi}{multi}"), "0x              17: Unexpected MULTI in AOF log");
    check(
        &format!("{whole}*2\r\n"),
        "AOF analyzed: filename=log, size=86, ok_up_to=82, ok_up_to_line=14, diff=4",
    );
    check("PING\r\n", "AOF log format error");
    check("*1\r\n+4\r\n", "0x               4: Expected prefix '$', got: '+'");
    check(
        &format!("{whole}#TS:17"),
        "0x              52: Expected the end of an annotation, got the end of the file",
    );
    check(
        "*1\r\n$-4\r\n",
        "0x               4: Expected to read string of -4 bytes, which is not in the suitable range",
    );
}

#[test]
fn what_is_later_than_a_time_is_cut_off() {
    let folder = Folder::new("time");
    folder.write("log", LOG);
    let (sound, text) = folder.check("log", None, Some(1_800_000_000));
    assert!(sound && text.contains("Truncate nothing in AOF log to timestamp 1800000000\n"), "{text}");
    let (sound, text) = folder.check("log", None, Some(1_700_000_059));
    assert!(sound && text.ends_with("Successfully truncated AOF log to timestamp 1700000059\n"), "{text}");
    assert_eq!(folder.read("log"), LOG[..SECOND_TIME_AT]);
    folder.write("log", &LOG[23..]);
    let (sound, text) = folder.check("log", None, Some(1));
    assert!(!sound && text.ends_with("AOF log has nothing before timestamp 1, aborting...\n"), "{text}");
    folder.write("log", "#TS:x\r\n");
    assert_eq!(folder.check("log", None, Some(1)).1.lines().nth(1), Some("Invalid timestamp annotation"));
}

#[test]
fn a_manifest_leads_to_all_its_parts() {
    let folder = Folder::new("manifest");
    folder.write("base", rdb());
    folder.write("one", LOG);
    folder.write("two", "");
    folder.write("m", "# parts\nfile base seq 1 type b\nfile one seq 1 type i\nfile two seq 2 type i\n");
    let (sound, text) = folder.check("m", None, None);
    let lines: Vec<_> = text.lines().collect();
    assert!(sound, "{text}");
    assert_eq!(
        lines[..3],
        [
            "Start checking Multi Part AOF",
            "Start to check BASE AOF (RDB format).",
            "[offset 0] Checking RDB file base"
        ]
    );
    assert_eq!(
        lines[lines.len() - 5..],
        [
            "Start to check INCR files.",
            "AOF analyzed: filename=one, size=131, ok_up_to=131, ok_up_to_line=24, diff=0",
            "INCR AOF one is valid",
            "INCR AOF two is empty",
            "All AOF files and manifest are valid"
        ]
    );
    folder.write("one", &LOG[..100]);
    let (sound, text) = folder.check("m", Some("y\n"), None);
    assert!(
        !sound && text.ends_with("Failed to truncate AOF one because it is not the last file\n"),
        "{text}"
    );
    folder.write("one", LOG);
    let (sound, text) = folder.check("m", None, Some(1_700_000_001));
    assert!(!sound && text.contains("to offset 66 because it is not the last file.\n"), "{text}");
    folder.write("m", "file base seq 1 type b\nfile gone seq 1 type i\n");
    let (sound, text) = folder.check("m", None, None);
    assert!(
        !sound && text.ends_with("Cannot open file gone: No such file or directory, aborting...\n"),
        "{text}"
    );
    folder.write("m", "file base seq 1 type b\nfile base seq 1 type b\n");
    let (sound, text) = folder.check("m", None, None);
    assert!(!sound && text.contains("Found duplicate base file information\n"), "{text}");
}

/// redis-check-aof takes such a file for a manifest.
#[test]
fn a_key_named_file_makes_no_manifest() {
    let folder = Folder::new("file-key");
    folder.write("log", "*2\r\n$3\r\nDEL\r\n$6\r\nfile:1\r\n");
    assert!(folder.check("log", None, None).1.ends_with("AOF log is valid\n"));
}

#[test]
fn an_rdb_file_is_told_field_by_field() {
    let folder = Folder::new("rdb");
    let bytes = rdb();
    folder.write("dump", &bytes);
    let check = |name: &str| folder.run("", |console| check_rdb(&folder.0.join(OsStr::new(name)), console));
    let start = "[offset 0] Checking RDB file dump\n[offset 21] AUX FIELD aof-base = '1'\n[offset 23] Selecting DB ID 0\n";
    let counts = "[info] 1 keys read\n[info] 1 expires\n[info] 1 already expired\n";
    let sound = format!("{start}[offset 46] Checksum OK\n[offset 46] \\o/ RDB looks OK! \\o/\n{counts}");
    assert_eq!(check("dump"), (true, sound));
    folder.write("dump", &bytes[..bytes.len() - 12]);
    let (sound, text) = check("dump");
    let error = "--- RDB ERROR DETECTED ---\n[offset 34] Unexpected EOF reading RDB file\n\
        [additional info] While doing: read-key\n";
    assert!(!sound && text.contains(error), "{text}");
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    folder.write("dump", &other);
    assert!(check("dump").1.contains("RDB CRC error\n[additional info] While doing: check-sum\n"));
    folder.write("dump", [&bytes[..], LOG.as_bytes()].concat());
    let (sound, text) = folder.check("dump", None, None);
    let tail = "RDB preamble is OK, proceeding with AOF tail...\n\
        AOF analyzed: filename=dump, size=177, ok_up_to=177, ok_up_to_line=24, diff=0\nAOF dump is valid\n";
    assert!(sound && text.ends_with(tail), "{text}");
    assert_eq!(check("gone"), (false, "Cannot open file gone: No such file or directory\n".to_owned()));
}

#[test]
fn a_terminal_sees_how_far_the_check_is() {
    let folder = Folder::new("bar");
    folder.write("log", LOG);
    let request = Request { file: folder.0.join("log"), fix: false, truncate_to_timestamp: None };
    let mut out = Vec::new();
    check_aof(&request, &mut Console::new(&mut out, &mut [].as_slice(), true)).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\r[....") && text.contains("]   0% of 0.0 MB"), "{text:?}");
    assert!(text.contains("\r\x1b[KAOF analyzed"), "{text:?}");
}
