//! The CPUs that a thread may run on, by lists like `0,2,4-7,8-15:2`.

use std::sync::OnceLock;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::log;

/// As [`bind_thread`], for a thread that goes on wherever it is when it cannot be bound: then the log says why.
pub fn try_bind_thread(setting: &str, list: &[u8]) {
    if let Err(error) = bind_thread(&String::from_utf8_lossy(list)) {
        log::warning!("{setting}: {error}");
    }
}

/// Binds the calling thread, and those it starts from now on, to the CPUs of `list`. An empty list changes nothing.
///
/// # Errors
/// When the list is wrong, or names no CPU there is.
pub fn bind_thread(list: &str) -> Result<(), String> {
    if list.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for cpu in parse(list).ok_or("not a list of CPUs")? {
        set.set(cpu).map_err(|error| error.to_string())?;
    }
    // Zero is the calling thread.
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|error| error.to_string())
}

/// Binds the calling thread to the CPUs that the first thread was bound to which called this. Threads inherit those of their makers.
pub fn reset_thread() {
    static FIRST: OnceLock<Option<CpuSet>> = OnceLock::new();
    let own = Pid::from_raw(0);
    if let Some(cpus) = FIRST.get_or_init(|| sched_getaffinity(own).ok())
        && let Err(error) = sched_setaffinity(own, cpus)
    {
        log::verbose!("A thread stays on its maker's CPUs: {error}");
    }
}

/// CPUs, ranges of them, and ranges with a step, separated by commas.
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',').map(str::trim) {
        let (range, step) = part.split_once(':').map_or(Some((part, 1)), |(range, step)| {
            step.parse().ok().filter(|step| *step > 0).map(|step| (range, step))
        })?;
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CpuSet::count() {
            return None;
        }
        cpus.extend((first..=last).step_by(step));
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let check =
            |list: &str, expected: Option<&[usize]>| assert_eq!(parse(list).as_deref(), expected, "{list}");
        check("0", Some(&[0]));
        check("0,2", Some(&[0, 2]));
        check("1-3, 8-12:2", Some(&[1, 2, 3, 8, 10, 12]));
        check("3-1", None);
        check("x", None);
        check("1-2:0", None);
        check("99999999", None);
    }

    #[test]
    fn a_thread_is_bound() {
        let bound = std::thread::spawn(|| {
            let allowed = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let list = allowed.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
            let first = parse(list.trim()).unwrap()[0];
            bind_thread(&first.to_string()).unwrap();
            std::thread::available_parallelism().unwrap().get()
        });
        assert_eq!(bound.join().unwrap(), 1);
        assert!(bind_thread("1-").is_err());
        assert_eq!(bind_thread(""), Ok(()));
    }
}
