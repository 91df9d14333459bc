//! One guest process as the broker knows it: what no fd table or /proc file of the kernel says.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::Pid;
use trampoline::checks::Bounds;

use crate::broken::{self, Guard};
use crate::call::Errno;
use crate::policy::{Decision, Policy, Verdict};
use crate::refusals::Refusals;

/// State of a guest process. Handlers get it together with the call.
#[derive(Debug)]
pub struct Guest {
    /// The process.
    pub pid: Pid,
    /// O_PATH fd of the working directory (the broker's word on it; the kernel's own cwd of the process is unused).
    pub cwd: OwnedFd,
    /// File mode creation mask.
    pub umask: u32,
    /// The program, as /proc/self/exe names it.
    pub exe: PathBuf,
    /// First fd number kept for nurse.
    pub fd_low: u32,
    /// First address of the guard range.
    pub guard_start: u64,
    /// First address behind the guard range.
    pub guard_end: u64,
    /// The CPUs that nurse was started on, as sched_getaffinity(2) fills them in: the program is told of these, though
    /// nurse may keep its threads on fewer.
    pub affinity: Vec<u8>,
    /// What the program calls its thread (PR_SET_NAME), NUL-padded: no other process can set the kernel's own name of it.
    pub comm: [u8; 16],
    /// What it was told that it has set.
    pub belief: Belief,
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// What was refused so far.
    pub refusals: Refusals,
    /// Set by a verdict of `kill()`: the request loop ends the sandbox before it answers.
    pub killed: bool,
}

/// Settings that nurse keeps for itself, and answers as if the program had its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belief {
    /// PR_SET_DUMPABLE.
    pub dumpable: bool,
    /// PR_SET_PDEATHSIG.
    pub death_signal: i32,
}

impl Default for Belief {
    fn default() -> Self {
        Self { dumpable: true, death_signal: 0 }
    }
}

impl Guest {
    /// Turns a decision into what the guest is told, and remembers a refusal under `what` (`open /etc/shadow`).
    ///
    /// # Errors
    /// The errno of the refusal.
    pub fn rule(&mut self, decision: Decision, what: impl FnOnce() -> String) -> Result<(), Errno> {
        let errno = match decision.verdict {
            Verdict::Allow => return Ok(()),
            Verdict::Deny(errno) => errno,
            Verdict::Hide => Errno::ENOENT,
            Verdict::Kill => {
                self.killed = true;
                Errno::EPERM
            }
        };
        self.refusals.add(what(), errno, decision.why);
        Err(errno)
    }

    /// Remembers a refusal that no policy can change, and returns its errno.
    pub fn refuse(&mut self, what: impl Into<String>, errno: Errno, why: &str) -> Errno {
        self.refusals.add(what.into(), errno, why.into());
        errno
    }

    /// What the trustee checks granted calls against.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        if broken::is(Guard::Bounds) {
            return Bounds { guard: (0, 0), fds: (u32::MAX, 0) };
        }
        Bounds { guard: (self.guard_start, self.guard_end), fds: (self.fd_low, trampoline::layout::fds::COUNT) }
    }

    /// Whether `fd` is one of nurse's own in the guest.
    #[must_use]
    pub fn is_reserved(&self, fd: i32) -> bool {
        !broken::is(Guard::Bounds)
            && u32::try_from(fd).is_ok_and(|fd| fd.wrapping_sub(self.fd_low) < trampoline::layout::fds::COUNT)
    }
}
