//! What the child process does between fork and exec. Runs in a copy of the broker: system calls only, no allocation.

#![allow(unsafe_code)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "one set-up, call by call, between fork and exec")]

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use landlock::RulesetCreated;
use nix::errno::Errno;

use crate::broken::{self, Guard};

/// The child's set-up, ready before the fork.
#[derive(Debug)]
pub struct Setup {
    /// Which of our fds becomes which number in the child. Targets are in the reserved range, or the same number as the source.
    pub fds: Vec<(RawFd, RawFd)>,
    /// Standard streams that nurse was started without: the program has none either.
    pub closed: Vec<RawFd>,
    /// SIGPIPE is ignored: std's `Command` has made it default by the time that this runs.
    pub ignore_pipe: bool,
    /// Fds above 2 that stay open, besides the targets of `fds`; sorted.
    pub keep: Vec<RawFd>,
    /// The Landlock domain that it enters.
    pub domain: Option<RulesetCreated>,
    /// RLIMIT_NOFILE of the program: soft, hard.
    pub nofile: (u64, u64),
    /// Signal mask that the program starts with.
    pub mask: libc::sigset_t,
    /// The broker's process id: the child ends itself if it has lost its parent already.
    pub parent: i32,
}

/// Makes `command` do `setup` in the child before it execs.
pub fn prepare(command: &mut Command, mut setup: Setup) {
    // SAFETY: the closure makes system calls on memory allocated before the fork; the broker has one thread at this time, so
    // that nothing in the copy is locked by another.
    unsafe { command.pre_exec(move || setup.apply()) };
}

impl Setup {
    fn apply(&mut self) -> io::Result<()> {
        let zero = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        let most = libc::rlimit { rlim_cur: self.nofile.1, rlim_max: self.nofile.1 };
        let soft = libc::rlimit { rlim_cur: self.nofile.0, rlim_max: self.nofile.1 };
        // SAFETY: numbers, and pointers to structs that live until the calls return.
        unsafe {
            // The guest dies with the broker, and gets no privilege from any file it runs.
            if !broken::is(Guard::ParentDeath) {
                check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
            }
            if libc::getppid() != self.parent {
                return Err(Errno::ESRCH.into());
            }
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            if let Some(domain) = self.domain.take() {
                domain.restrict_self().map_err(|_| io::Error::last_os_error())?;
            }
            check(libc::setrlimit(libc::RLIMIT_CORE, &raw const zero))?;
            check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const most))?;
            for &(from, to) in &self.fds {
                if from == to {
                    check(libc::fcntl(from, libc::F_SETFD, 0))?;
                } else {
                    check(libc::dup2(from, to))?;
                }
            }
            if !broken::is(Guard::Sweep) {
                if self.ignore_pipe {
                    libc::signal(libc::SIGPIPE, libc::SIG_IGN);
                }
                self.sweep()?;
            }
            for &fd in &self.closed {
                libc::close(fd);
            }
            check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const soft))?;
            check(libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, std::ptr::null_mut()))
        }
    }

    /// Marks every other fd to be closed by the exec: the Rust runtime still needs one of its own until then.
    fn sweep(&self) -> io::Result<()> {
        let mut from = 3;
        for &fd in &self.keep {
            // SAFETY: numbers only.
            unsafe { Self::close_on_exec(from, fd - 1)? };
            from = fd + 1;
        }
        // SAFETY: numbers only.
        unsafe { Self::close_on_exec(from, RawFd::MAX) }
    }

    unsafe fn close_on_exec(first: RawFd, last: RawFd) -> io::Result<()> {
        const CLOSE_RANGE_CLOEXEC: u32 = 4;
        if first > last {
            return Ok(());
        }
        // SAFETY: the caller's.
        let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Shorthand for an fd's number.
#[must_use]
pub fn number(fd: &impl AsRawFd) -> RawFd {
    fd.as_raw_fd()
}
