//! One guest process as the broker knows it: what no fd table or /proc file of the kernel says.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::Pid;

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
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// What was refused so far.
    pub refusals: Refusals,
    /// Set by a verdict of `kill()`: the request loop ends the sandbox before it answers.
    pub killed: bool,
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

    /// Whether `fd` is one of nurse's own in the guest.
    #[must_use]
    pub fn is_reserved(&self, fd: i32) -> bool {
        u32::try_from(fd).is_ok_and(|fd| fd.wrapping_sub(self.fd_low) < trampoline::layout::fds::COUNT)
    }
}
