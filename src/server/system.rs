//! `tartan --check-system`: what about this system costs speed or safety, and how to mend it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// A look at one thing; the text says what is wrong.
type Check = fn(&Path) -> Option<String>;

const CHECKS: &[(&str, Check)] =
    &[("slow-clocksource", clock_source), ("THP", huge_pages), ("somaxconn", accept_queue)];

/// Prints how each check has gone.
///
/// # Errors
/// When something is wrong, or nobody takes the output.
pub fn report(out: &mut impl Write) -> io::Result<()> {
    report_of(Path::new("/"), out)
}

fn report_of(root: &Path, out: &mut impl Write) -> io::Result<()> {
    let mut wrong = false;
    for (name, check) in CHECKS {
        match check(root) {
            None => writeln!(out, "[{name}]...OK")?,
            Some(reason) => {
                wrong = true;
                writeln!(out, "[{name}]...WARNING:\n{reason}\n")?;
            }
        }
    }
    if wrong { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
}

/// The system's clock is read for each command where the processor's own counter can't be used.
fn clock_source(root: &Path) -> Option<String> {
    let file = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = read(root, file)?;
    let is_slow =
        !matches!(source.as_str(), "tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter");
    is_slow.then(|| {
        format!("The kernel's clock source is {source}, which is slow to read: write tsc to /{file}.")
    })
}

/// Pages that are made huge while the server runs hold up commands; with `madvise` nobody asks for them.
fn huge_pages(root: &Path) -> Option<String> {
    let file = "sys/kernel/mm/transparent_hugepage/enabled";
    let always = read(root, file)?.contains("[always]");
    always.then(|| {
        format!(
            "Huge pages are on for all processes. The server turns them off for itself unless disable-thp is no; for the \
             whole system write madvise to /{file}."
        )
    })
}

/// The kernel cuts `tcp-backlog` to this.
fn accept_queue(root: &Path) -> Option<String> {
    const WANTED: u32 = 511;
    let file = "proc/sys/net/core/somaxconn";
    let limit: u32 = read(root, file)?.parse().ok()?;
    (limit < WANTED).then(|| {
        format!("At most {limit} connections may wait to be accepted: write {WANTED} or more to /{file}.")
    })
}

fn read(root: &Path, file: &str) -> Option<String> {
    fs::read_to_string(root.join(file)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told() {
        let root = std::env::temp_dir().join(format!("tartan-system-{}", std::process::id()));
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let report = || {
            let mut out = Vec::new();
            let is_fine = report_of(&root, &mut out).is_ok();
            (is_fine, String::from_utf8(out).unwrap())
        };
        assert_eq!(report(), (true, "[slow-clocksource]...OK\n[THP]...OK\n[somaxconn]...OK\n".to_owned()));
        write("proc/sys/net/core/somaxconn", "128\n");
        write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        let (is_fine, text) = report();
        fs::remove_dir_all(&root).unwrap();
        assert!(
            !is_fine && text.contains("[THP]...OK") && text.contains("At most 128 connections"),
            "{text}"
        );
    }
}
