//! What the container grants: CPUs and memory.
//!
//! A process may see all CPUs of a machine and yet be allowed the time of two. The grant is the least of three figures: the
//! affinity mask, and the CPU quota of every control group between the process's own and the root, of version 2 (`cpu.max`)
//! or version 1 (`cpu.cfs_quota_us`, `cpu.cfs_period_us`). Memory limits are found in the same way (`memory.max`,
//! `memory.limit_in_bytes`). Files are read below a root directory passed in, so that tests bring their own.

use std::fs;
use std::path::{Path, PathBuf};

/// Version 1 writes "no limit" as the largest multiple of the page size in an `i64`; anything near it is no limit.
const NO_MEMORY_LIMIT: u64 = 1 << 62;

/// CPUs this process may use, at least 1: the least of affinity mask and control group quota (a fraction counts as one CPU).
pub fn granted_cpus() -> usize {
    let affinity = std::thread::available_parallelism().map_or(1, |count| count.get());
    Grant::read(Path::new("/")).cpus(affinity)
}

/// The memory limit of this process's control group in bytes, if there is one.
pub fn memory_limit_bytes() -> Option<u64> {
    Grant::read(Path::new("/")).memory_bytes
}

/// The limits found in the control groups.
#[derive(Debug, Default, PartialEq)]
struct Grant {
    /// CPU time a second, in CPUs.
    cpu_quota: Option<f64>,
    memory_bytes: Option<u64>,
}

impl Grant {
    /// Reads the control groups of the process whose `proc/self/cgroup` and `sys/fs/cgroup` lie below `root`.
    fn read(root: &Path) -> Grant {
        let mut grant = Grant::default();
        let membership = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        for line in membership.lines() {
            grant.read_membership(&root.join("sys/fs/cgroup"), line);
        }
        grant
    }

    /// CPUs under `affinity` and the quota, whichever is less.
    fn cpus(&self, affinity: usize) -> usize {
        let quota = self.cpu_quota.map_or(affinity, |cpus| cpus.ceil() as usize);
        affinity.min(quota).max(1)
    }

    /// One line of `/proc/self/cgroup`: `hierarchy:controllers:path`; version 2 has no controllers.
    fn read_membership(&mut self, mount: &Path, line: &str) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return };
        if controllers.is_empty() {
            groups_up(mount, path).iter().for_each(|group| self.read_version_2(group));
        }
        if controllers.split(',').any(|name| name == "cpu") {
            groups_up(&mount.join("cpu"), path).iter().for_each(|group| self.read_version_1(group));
        }
        if controllers == "memory" {
            groups_up(&mount.join("memory"), path).iter().for_each(|group| self.read_version_1(group));
        }
    }

    fn read_version_2(&mut self, group: &Path) {
        if let Some((quota, period)) = read(group, "cpu.max").as_deref().and_then(|text| text.split_once(' '))
        {
            self.limit_cpu(quota, period);
        }
        self.limit_memory(read(group, "memory.max"));
    }

    fn read_version_1(&mut self, group: &Path) {
        if let (Some(quota), Some(period)) =
            (read(group, "cpu.cfs_quota_us"), read(group, "cpu.cfs_period_us"))
        {
            self.limit_cpu(&quota, &period);
        }
        self.limit_memory(read(group, "memory.limit_in_bytes"));
    }

    /// `quota` is "max" or -1 where there is no limit: neither is a number above zero.
    fn limit_cpu(&mut self, quota: &str, period: &str) {
        let (Ok(quota), Ok(period)) = (quota.parse::<f64>(), period.parse::<f64>()) else { return };
        if quota > 0.0 && period > 0.0 {
            let cpus = quota / period;
            self.cpu_quota = Some(self.cpu_quota.map_or(cpus, |known| known.min(cpus)));
        }
    }

    fn limit_memory(&mut self, text: Option<String>) {
        let limit = text.and_then(|text| text.parse::<u64>().ok()).filter(|&bytes| bytes < NO_MEMORY_LIMIT);
        self.memory_bytes = self.memory_bytes.into_iter().chain(limit).min();
    }
}

/// The directories of a group and of all above it. Inside a container the path may name a group of the host, whose
/// directory is not mounted here: then only the mount itself is of use, which is the container's own group.
fn groups_up(mount: &Path, path: &str) -> Vec<PathBuf> {
    let own = mount.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|group| group.starts_with(mount)).map(Path::to_path_buf).collect()
}

fn read(group: &Path, name: &str) -> Option<String> {
    fs::read_to_string(group.join(name)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A throw-away root directory holding `files`.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Root {
            let path = std::env::temp_dir().join(format!("tartan-cgroup-{}-{name}", std::process::id()));
            for (file, text) in files {
                let file = path.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Root(path)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn check(name: &str, files: &[(&str, &str)], cpu_quota: Option<f64>, memory_bytes: Option<u64>) {
        let root = Root::new(name, files);
        assert_eq!(Grant::read(&root.0), Grant { cpu_quota, memory_bytes }, "{name}");
    }

    #[test]
    fn limits_come_from_either_version_and_any_level() {
        const V2: (&str, &str) = ("proc/self/cgroup", "0::/a/b\n");
        const V1: (&str, &str) = ("proc/self/cgroup", "5:cpu,cpuacct:/d\n4:memory:/d\n1:name=systemd:/d\n");
        check("none", &[], None, None);
        check(
            "garbage",
            &[("proc/self/cgroup", "x\n::\n0::/\n"), ("sys/fs/cgroup/cpu.max", "x y\n")],
            None,
            None,
        );
        check("v2-max", &[V2, ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n")], None, None);
        check("v2-own", &[V2, ("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n")], Some(1.5), None);
        check("v2-parent", &[V2, ("sys/fs/cgroup/a/cpu.max", "50000 100000\n")], Some(0.5), None);
        check("v2-mounted-alone", &[V2, ("sys/fs/cgroup/cpu.max", "200000 100000\n")], Some(2.0), None);
        check(
            "v2-least",
            &[
                V2,
                ("sys/fs/cgroup/a/cpu.max", "300000 100000"),
                ("sys/fs/cgroup/a/b/cpu.max", "400000 100000"),
            ],
            Some(3.0),
            None,
        );
        check("v2-memory", &[V2, ("sys/fs/cgroup/a/b/memory.max", "1048576\n")], None, Some(1_048_576));
        check("v2-memory-max", &[V2, ("sys/fs/cgroup/a/b/memory.max", "max\n")], None, None);
        check(
            "v1",
            &[
                V1,
                ("sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "250000\n"),
                ("sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/memory/d/memory.limit_in_bytes", "536870912\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
            Some(2.5),
            Some(536_870_912),
        );
    }

    #[test]
    fn the_grant_is_the_lesser_of_affinity_and_quota() {
        let cpus = |cpu_quota, affinity| Grant { cpu_quota, memory_bytes: None }.cpus(affinity);
        assert_eq!(cpus(None, 4), 4);
        assert_eq!(cpus(Some(1.5), 4), 2);
        assert_eq!(cpus(Some(0.2), 4), 1);
        assert_eq!(cpus(Some(8.0), 4), 4);
        assert!(granted_cpus() >= 1);
    }
}
