//! Signals to nurse, and by nurse.

#![allow(unsafe_code)]

use std::io;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::Pid;

/// What nurse takes through its signalfd. SIGKILL and SIGSTOP cannot be; faults and SIGPIPE are its own.
const TAKEN: [Signal; 12] = [
    Signal::SIGCHLD,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTTIN,
];

/// Blocks what nurse takes; returns the mask of before, for the program, and the signalfd.
///
/// # Errors
/// As sigprocmask(2), signalfd(2).
pub fn block() -> io::Result<(SigSet, SignalFd)> {
    let mut taken = SigSet::empty();
    for signal in TAKEN {
        taken.add(signal);
    }
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&taken), Some(&mut before))?;
    Ok((before, SignalFd::with_flags(&taken, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
}

/// Hands a signal on to the guest, unless the terminal has sent it to the whole foreground group, guest included.
pub(super) fn forward(info: &siginfo, guest: Pid) {
    const SI_KERNEL: i32 = 128;
    let Ok(signal) = i32::try_from(info.ssi_signo).map_err(|_| Errno::EINVAL).and_then(Signal::try_from) else {
        return;
    };
    if info.ssi_code != SI_KERNEL {
        let _ = kill(guest, signal);
    }
}

/// Stops nurse because its guest has stopped, so that the shell sees the job stop; returns when continued.
pub(super) fn stop_with_guest() {
    let _ = raise(Signal::SIGSTOP);
}

/// Sends a signal to one thread of the guest. A wrong thread id hits another thread of the same process, or none.
pub(super) fn interrupt(guest: Pid, thread: i32, signal: i32) {
    if thread > 0 {
        // SAFETY: numbers only.
        unsafe { libc::syscall(libc::SYS_tgkill, guest.as_raw(), thread, signal) };
    }
}
