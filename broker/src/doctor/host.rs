//! How this host and this session are set up.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};
use trampoline::layout::fds;

use super::Check;
use crate::sys;

/// Fds that the program should have for itself at the very least, beside nurse's own.
const OWN_FDS: u64 = 256;

pub(super) fn proc_mounted() -> Check {
    const NAME: &str = "/proc";
    let advice = "mount it: nurse finds out there what an fd is and how its threads are confined";
    match statfs("/proc") {
        Ok(found) if found.filesystem_type() == PROC_SUPER_MAGIC && Path::new("/proc/self/fd").exists() => {
            Check::good(NAME, "mounted")
        }
        Ok(_) => Check::missing(NAME, "not the proc file system", advice),
        Err(errno) => Check::missing(NAME, format!("not there ({errno:?})"), advice),
    }
}

pub(super) fn open_files() -> Check {
    const NAME: &str = "open files";
    let needed = u64::from(fds::COUNT) + OWN_FDS;
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if hard >= needed => Check::good(NAME, format!("limit {soft}, may be raised to {hard}")),
        Ok((_, hard)) => Check::missing(
            NAME,
            format!("limit {hard}"),
            format!("nurse keeps {} for itself: raise the hard limit (ulimit -Hn) to {needed} at least", fds::COUNT),
        ),
        Err(errno) => Check::missing(NAME, format!("the limit cannot be read ({errno:?})"), "getrlimit is needed"),
    }
}

/// Good if this process wears no seccomp filter yet.
pub(super) fn installed_filter() -> Check {
    const NAME: &str = "installed filter";
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match seccomp_mode(&status) {
        Some("0") => Check::good(NAME, "none"),
        Some("2") => Check::limited(
            NAME,
            "there is one already (container, service manager)",
            "the kernel then refuses strict mode: --engine auto takes a filter",
        ),
        other => Check::limited(
            NAME,
            format!("unknown (Seccomp: {})", other.unwrap_or("not in /proc/self/status")),
            "--engine auto takes a filter",
        ),
    }
}

/// The `Seccomp:` line of a /proc status file.
pub(super) fn seccomp_mode(status: &str) -> Option<&str> {
    status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim)
}

pub(super) fn child_memory() -> Check {
    const NAME: &str = "child memory";
    let Err(errno) = sys::read_child_memory() else {
        return Check::good(NAME, "can be read (process_vm_readv)");
    };
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let scope = scope.map_or(String::new(), |scope| format!(", kernel.yama.ptrace_scope is {}", scope.trim()));
    let advice = "calls that need it are refused; a scope of 0 or 1 is enough";
    Check::limited(NAME, format!("cannot be read ({errno:?}{scope})"), advice)
}

pub(super) fn cgroup() -> Check {
    const NAME: &str = "cgroup v2";
    let advice = "limits hold for each process, not for all together";
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return Check::limited(NAME, "not mounted at /sys/fs/cgroup", advice);
    }
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(folder) = own_cgroup(&own) else { return Check::limited(NAME, "this process is in none", advice) };
    match access(&folder, AccessFlags::W_OK) {
        Ok(()) => Check::good(NAME, "may be divided further"),
        Err(_) => Check::limited(
            NAME,
            "may not be divided by this user",
            format!("{advice}; `systemd-run --user --scope -p Delegate=yes nurse …` gives one that may"),
        ),
    }
}

/// The folder of a process's cgroup, from its /proc cgroup file.
pub(super) fn own_cgroup(file: &str) -> Option<PathBuf> {
    let path = file.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/')))
}
