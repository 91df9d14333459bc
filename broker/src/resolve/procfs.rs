//! /proc as the guest may see it. Decided here, before any policy: what could steer the guest's own process (`mem`,
//! `map_files`, ...) or betray others exists for nobody.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use nix::unistd::Pid;
use rustix::fs::{Stat, fstatfs, major};

use super::bytes;
use super::own::PROC_SUPER_MAGIC;
use crate::broken::{self, Guard};
use crate::guest::Guest;

/// Inode number of every procfs root.
pub(super) const ROOT_INO: u64 = 1;

/// Whether a pinned object is in a procfs.
pub(super) fn is_procfs(fd: BorrowedFd<'_>, stat: &Stat) -> bool {
    // Filesystems with a device are never procfs: that saves the common case a system call. An error means yes,
    // because yes is the careful answer.
    !broken::is(Guard::Procfs)
        && major(stat.st_dev) == 0
        && fstatfs(fd).map_or(true, |fs| fs.f_type == PROC_SUPER_MAGIC)
}

/// Which directory of procfs a walk is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dir {
    /// The mount's root.
    Root,
    /// The guest's process, or one of its tasks.
    Process {
        /// A directory in `task`.
        thread: bool,
    },
    /// `task` of the process.
    Tasks,
    /// `fd`.
    Fds {
        /// Of a directory in `task`.
        thread: bool,
    },
    /// `fdinfo`.
    FdInfo {
        /// Of a directory in `task`.
        thread: bool,
    },
    /// What is about no process: `sys`, `bus`, ...
    Public,
}

/// What a name in a procfs directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// What the kernel says. If it is a directory, this one.
    Plain(Dir),
    /// Our own process: its number has to be walked to.
    Own,
    /// Our own thread: process, `task`, thread.
    OwnThread,
    /// A link that the kernel follows by magic; nurse does it instead.
    Magic(Magic),
    /// Nothing, as far as the guest is concerned.
    Missing,
    /// Never given out.
    Never,
}

/// Where a magic link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Magic {
    /// The guest's fd.
    Fd(i32),
    /// The guest's working directory.
    Cwd,
    /// The root directory.
    Root,
    /// The program.
    Exe,
}

/// Files about the guest itself that only tell, and tell it nothing it could not find out.
const PROCESS_FILES: &[&str] = &[
    "arch_status",
    "auxv",
    "cgroup",
    "cmdline",
    "comm",
    "coredump_filter",
    "cpuset",
    "environ",
    "io",
    "limits",
    "loginuid",
    "maps",
    "mountinfo",
    "mounts",
    "mountstats",
    "oom_adj",
    "oom_score",
    "oom_score_adj",
    "sched",
    "schedstat",
    "sessionid",
    "smaps",
    "smaps_rollup",
    "stat",
    "statm",
    "status",
    "wchan",
];

/// Files at the top of procfs that are windows into the kernel or levers on it.
const NEVER_PUBLIC: &[&str] = &["kcore", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "sysrq-trigger", "vmcore"];

impl Dir {
    /// What `name` is in this directory.
    pub(super) fn entry(self, name: &OsStr, guest: &Guest) -> Entry {
        let text = name.to_str().unwrap_or("");
        match self {
            Self::Root => root_entry(text, guest.pid),
            Self::Process { thread } => process_entry(text, thread),
            Self::Tasks => number(text).map_or(Entry::Missing, |_| Entry::Plain(Self::Process { thread: true })),
            Self::Fds { .. } => match number(text) {
                Some(fd) if !guest.is_reserved(fd) => Entry::Magic(Magic::Fd(fd)),
                _ => Entry::Missing,
            },
            Self::FdInfo { thread } => match number(text) {
                Some(fd) if !guest.is_reserved(fd) => Entry::Plain(Self::FdInfo { thread }),
                _ => Entry::Missing,
            },
            Self::Public => Entry::Plain(Self::Public),
        }
    }

    /// Where `..` leads; `None` if that is outside, or has to be found out.
    pub(super) fn parent(self) -> Option<Self> {
        match self {
            Self::Root | Self::Public => None,
            Self::Process { thread: false } => Some(Self::Root),
            Self::Process { thread: true } => Some(Self::Tasks),
            Self::Tasks => Some(Self::Process { thread: false }),
            Self::Fds { thread } | Self::FdInfo { thread } => Some(Self::Process { thread }),
        }
    }

    /// Whether the directory is about the guest's process.
    pub(super) fn is_own(self) -> bool {
        !matches!(self, Self::Root | Self::Public)
    }
}

fn root_entry(name: &str, own: Pid) -> Entry {
    match name {
        "self" => Entry::Own,
        "thread-self" => Entry::OwnThread,
        _ if bytes(name).iter().all(u8::is_ascii_digit) => {
            if number(name) == Some(own.as_raw()) {
                Entry::Plain(Dir::Process { thread: false })
            } else {
                Entry::Missing
            }
        }
        _ if NEVER_PUBLIC.contains(&name) => Entry::Never,
        _ => Entry::Plain(Dir::Public),
    }
}

fn process_entry(name: &str, thread: bool) -> Entry {
    match name {
        "fd" => Entry::Plain(Dir::Fds { thread }),
        "fdinfo" => Entry::Plain(Dir::FdInfo { thread }),
        "task" if !thread => Entry::Plain(Dir::Tasks),
        "cwd" => Entry::Magic(Magic::Cwd),
        "root" => Entry::Magic(Magic::Root),
        "exe" => Entry::Magic(Magic::Exe),
        _ if PROCESS_FILES.contains(&name) => Entry::Plain(Dir::Process { thread }),
        _ => Entry::Never,
    }
}

/// A number as procfs writes it: decimal, no sign, no leading zero.
fn number(name: &str) -> Option<i32> {
    let canonical = name == "0" || (!name.starts_with('0') && bytes(name).iter().all(u8::is_ascii_digit));
    if canonical { name.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_kernel_reads_them() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("17"), Some(17));
        for wrong in ["", "017", "+1", "-1", "1 ", "99999999999"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_steers_a_process_is_never_given_out() {
        for name in ["mem", "map_files", "clear_refs", "pagemap", "syscall", "stack", "ns", "attr", "setgroups"] {
            assert_eq!(process_entry(name, false), Entry::Never, "{name}");
            assert_eq!(process_entry(name, true), Entry::Never, "task: {name}");
        }
        assert_eq!(root_entry("1", Pid::from_raw(17)), Entry::Missing);
        assert_eq!(root_entry("kcore", Pid::from_raw(17)), Entry::Never);
    }
}
