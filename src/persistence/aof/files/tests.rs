//! The steps, what a crash between them leaves, and failures.

use super::super::manifest::PartKind;
use super::*;

/// A data folder, deleted when dropped.
struct Data(PathBuf);

impl Data {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tartan-aof-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn place(&self) -> AofDir {
        AofDir::new(&self.0, OsStr::new("appendonlydir"), OsStr::new("appendonly.aof"))
    }

    fn open(&self) -> AofFiles {
        AofFiles::open(self.place()).unwrap()
    }

    /// The names in the folder, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place().folder()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn manifest(&self) -> String {
        fs::read_to_string(self.place().manifest_path()).unwrap()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(files: &mut AofFiles) -> Increment {
    files.start(BaseFormat::Rdb, |out| out.write_all(b"REDIS")).unwrap()
}

fn rewrite(files: &mut AofFiles, base: &str, kept: Kept) -> Result<PartFile, FileError> {
    fs::write(files.place().temporary_base(), base).unwrap();
    files.finish_rewrite(BaseFormat::Rdb, kept)
}

const FRESH: &str = "\
file appendonly.aof.1.base.rdb seq 1 type b
file appendonly.aof.1.incr.aof seq 1 type i
";
const REWRITTEN: &str = "\
file appendonly.aof.2.base.rdb seq 2 type b
file appendonly.aof.2.incr.aof seq 2 type i
";

#[test]
fn a_new_server_gets_a_base_and_an_increment_and_finds_them_again() {
    let data = Data::new("fresh");
    let mut files = data.open();
    assert!(files.manifest().is_empty() && !files.upgrade().unwrap());
    let mut increment = start(&mut files);
    increment.file.write_all(b"*1\r\n").unwrap();
    assert_eq!(data.manifest(), FRESH);
    assert_eq!(
        data.names(),
        ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]
    );
    let mut files = data.open();
    let parts = files.parts().unwrap();
    assert_eq!(
        parts.iter().map(|part| (part.part.kind, part.bytes)).collect::<Vec<_>>(),
        [(PartKind::Base, 5), (PartKind::Increment, 4)]
    );
    assert_eq!(files.bytes().unwrap(), 9);
    let mut increment = files.start(BaseFormat::Rdb, |_| panic!("there is a base")).unwrap();
    increment.file.write_all(b"more").unwrap();
    assert_eq!((increment.bytes, fs::read(&parts[1].path).unwrap()), (4, b"*1\r\nmore".to_vec()));
}

#[test]
fn a_base_of_commands_has_another_name() {
    let data = Data::new("commands");
    data.open().start(BaseFormat::Commands, |_| Ok(())).unwrap();
    assert!(data.manifest().starts_with("file appendonly.aof.1.base.aof seq 1 type b\n"));
}

#[test]
fn a_rewrite_replaces_what_its_base_covers() {
    let data = Data::new("rewrite");
    let mut files = data.open();
    start(&mut files);
    let increment = files.open_increment().unwrap();
    assert_eq!((increment.bytes, increment.name.to_str()), (0, Some("appendonly.aof.2.incr.aof")));
    assert_eq!(data.manifest(), format!("{FRESH}file appendonly.aof.2.incr.aof seq 2 type i\n"));
    let base = rewrite(&mut files, "base", Kept::Last).unwrap();
    assert_eq!((base.bytes, fs::read_to_string(&base.path).unwrap().as_str()), (4, "base"));
    assert!(data.manifest().contains("file appendonly.aof.1.base.rdb seq 1 type h\n"));
    // A crash here is made good at the next start.
    let mut files = data.open();
    files.delete_history().unwrap();
    assert_eq!(data.manifest(), REWRITTEN);
    assert_eq!(
        data.names(),
        ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]
    );
}

#[test]
fn switching_on_names_the_increment_together_with_its_base() {
    let data = Data::new("switch");
    let mut files = data.open();
    start(&mut files);
    let mut increment = files.open_temporary_increment().unwrap();
    increment.file.write_all(b"early").unwrap();
    assert_eq!(data.manifest(), FRESH);
    rewrite(&mut files, "base", Kept::Temporary).unwrap();
    increment.file.write_all(b" late").unwrap();
    files.delete_history().unwrap();
    assert_eq!(data.manifest(), REWRITTEN);
    assert_eq!(fs::read(&files.parts().unwrap()[1].path).unwrap(), b"early late");
}

#[test]
fn a_rewrite_while_the_log_is_off_leaves_a_base_alone() {
    let data = Data::new("off");
    let mut files = data.open();
    files.place().create_folder().unwrap();
    rewrite(&mut files, "base", Kept::Nothing).unwrap();
    assert_eq!(data.manifest(), "file appendonly.aof.1.base.rdb seq 1 type b\n");
    assert_eq!(start(&mut files).name, "appendonly.aof.1.incr.aof");
}

#[test]
fn what_a_crash_left_unfinished_is_removed_and_what_has_no_name_is_used_again() {
    let data = Data::new("crash");
    let mut files = data.open();
    start(&mut files);
    files.open_temporary_increment().unwrap();
    fs::write(files.place().temporary_base(), "half").unwrap();
    fs::write(files.place().temporary_manifest(), "half").unwrap();
    // Renamed, but never named.
    fs::write(files.place().path(OsStr::new("appendonly.aof.2.incr.aof")), "stale").unwrap();
    let mut files = data.open();
    assert!(data.names().iter().all(|name| !name.starts_with("temp-")), "{:?}", data.names());
    assert_eq!(data.manifest(), FRESH);
    assert_eq!(files.open_increment().unwrap().file.metadata().unwrap().len(), 0);
}

#[test]
fn an_old_style_file_becomes_the_base() {
    let data = Data::new("upgrade");
    let old = data.0.join("appendonly.aof");
    fs::write(&old, "*1\r\n").unwrap();
    let mut files = data.open();
    assert!(files.upgrade().unwrap() && !old.exists());
    assert_eq!(data.manifest(), "file appendonly.aof seq 1 type b\n");
    assert_eq!(files.parts().unwrap()[0].bytes, 4);
    assert_eq!(start(&mut files).name, "appendonly.aof.1.incr.aof");
    // Another file of that name outside does not count any more.
    fs::write(&old, "other").unwrap();
    assert!(!data.open().upgrade().unwrap() && old.exists());
    files.open_increment().unwrap();
    rewrite(&mut files, "base", Kept::Last).unwrap();
    files.delete_history().unwrap();
    assert_eq!(data.manifest(), REWRITTEN);
}

#[test]
fn an_upgrade_cut_off_before_the_move_is_finished() {
    let data = Data::new("upgrade-crash");
    let old = data.0.join("appendonly.aof");
    fs::write(&old, "*1\r\n").unwrap();
    fs::create_dir(data.place().folder()).unwrap();
    fs::write(data.place().manifest_path(), "file appendonly.aof seq 1 type b\n").unwrap();
    let mut files = data.open();
    assert!(files.upgrade().unwrap() && !old.exists());
    assert_eq!(files.bytes().unwrap(), 4);
}

#[test]
fn a_missing_part_is_named() {
    let data = Data::new("missing");
    start(&mut data.open());
    fs::remove_file(data.place().path(OsStr::new("appendonly.aof.1.incr.aof"))).unwrap();
    let text = data.open().parts().unwrap_err().to_string();
    assert!(text.contains("appendonly.aof.1.incr.aof (No such file") && text.contains("backup"), "{text}");
}

#[test]
fn a_refused_manifest_is_told_with_its_line() {
    let data = Data::new("bad-manifest");
    start(&mut data.open());
    fs::write(data.place().manifest_path(), "file a seq 1 type x\n").unwrap();
    let error = AofFiles::open(data.place()).unwrap_err();
    assert!(error.to_string().contains("line 1: Unknown AOF file type"), "{error}");
    assert_eq!(error.events().len(), 4);
}

/// A folder that bears the name of the temporary manifest keeps every new manifest from being written.
#[test]
fn a_step_that_fails_changes_nothing_and_leaves_nothing() {
    let data = Data::new("failing");
    let mut files = data.open();
    start(&mut files);
    files.open_increment().unwrap();
    let before = (data.manifest(), files.manifest().clone(), data.names());
    let obstacle = files.place().temporary_manifest();
    fs::create_dir(&obstacle).unwrap();
    assert!(files.open_increment().is_err());
    assert!(rewrite(&mut files, "base", Kept::Last).is_err());
    files.open_temporary_increment().unwrap();
    assert!(rewrite(&mut files, "base", Kept::Temporary).is_err());
    // No temporary increment any more: the base must not stay either.
    assert!(rewrite(&mut files, "base", Kept::Temporary).is_err());
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!((data.manifest(), files.manifest().clone(), data.names()), before);
    assert!(rewrite(&mut files, "base", Kept::Last).is_ok());
}

#[test]
fn history_that_cannot_be_deleted_stays_in_the_manifest() {
    let data = Data::new("history");
    let mut files = data.open();
    start(&mut files);
    files.open_increment().unwrap();
    rewrite(&mut files, "base", Kept::Last).unwrap();
    let old = files.place().path(OsStr::new("appendonly.aof.1.base.rdb"));
    fs::remove_file(&old).unwrap();
    fs::create_dir(&old).unwrap();
    files.delete_history().unwrap();
    let base = "file appendonly.aof.1.base.rdb seq 1 type h\n";
    assert!(data.manifest().contains(base) && !data.manifest().contains("1.incr"), "{}", data.manifest());
    fs::remove_dir(&old).unwrap();
    data.open().delete_history().unwrap();
    assert_eq!(data.manifest(), REWRITTEN);
}
