//! What the operating system knows of this process. Read from `/proc`; what cannot be read is zero.

use std::fs;

/// Unit of the times in `/proc`: the kernel shows hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time in seconds.
#[derive(Clone, Copy, Default)]
pub(super) struct CpuTime {
    pub system: f64,
    pub user: f64,
    pub children_system: f64,
    pub children_user: f64,
}

/// CPU time of the process.
pub(super) fn cpu_time() -> CpuTime {
    read_cpu_time("/proc/self/stat")
}

/// CPU time of the main thread.
pub(super) fn main_thread_cpu_time() -> CpuTime {
    read_cpu_time(&format!("/proc/self/task/{}/stat", std::process::id()))
}

/// Resident bytes.
pub(super) fn resident_bytes() -> usize {
    kilobytes("/proc/self/status", "VmRSS:") * 1024
}

/// Bytes of memory that the machine has.
pub(super) fn system_bytes() -> usize {
    kilobytes("/proc/meminfo", "MemTotal:") * 1024
}

fn kilobytes(path: &str, field: &str) -> usize {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Name, release and architecture of the system.
pub(super) fn system_name() -> String {
    let read = |name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    format!("{} {} {}", read("ostype").trim(), read("osrelease").trim(), std::env::consts::ARCH)
}

fn read_cpu_time(path: &str) -> CpuTime {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The program's name stands in parentheses and may hold anything.
    let fields: Vec<&str> =
        text.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    const USER: usize = 11;
    let seconds = |place: usize| {
        fields.get(place).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0) / TICKS_PER_SECOND
    };
    CpuTime {
        user: seconds(USER),
        system: seconds(USER + 1),
        children_user: seconds(USER + 2),
        children_system: seconds(USER + 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_about_us() {
        assert!(resident_bytes() > 100_000);
        assert!(system_bytes() > 1 << 20);
        assert!(system_name().starts_with("Linux "));
        assert!(cpu_time().user >= main_thread_cpu_time().user);
    }
}
