//! Thin wrappers for system calls that nix does not offer as safe functions. Nothing is decided here.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Whether the file carries capabilities (`security.capability`), which an exec would grant.
#[must_use]
pub fn has_file_capabilities(file: &File) -> bool {
    // SAFETY: the name is a C string, and a size of 0 asks for the length only: the null buffer is not written to.
    let len = unsafe { libc::fgetxattr(file.as_raw_fd(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0) };
    len > 0
}

/// One entry of the auxiliary vector, 0 if it is not there. Source: getauxval(3).
#[must_use]
pub fn auxiliary(kind: u64) -> u64 {
    // SAFETY: getauxval takes any number and only reads the vector that the kernel left.
    unsafe { libc::getauxval(kind) }
}

/// A system call that takes numbers only, or NULL where a pointer would be. Used to ask whether a call exists.
///
/// # Errors
/// The errno of the call.
pub fn numbers_only(call: Probe) -> Result<i64, Errno> {
    let (nr, [a, b, c, d, e]) = call.arguments();
    // SAFETY: `Probe` holds the only calls that can be made here; see there why each is harmless.
    Errno::result(unsafe { libc::syscall(nr, a, b, c, d, e) })
}

/// Calls that change nothing and touch no memory, whatever the kernel makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `mseal(0, 0, 1)`: an unknown flag, EINVAL where the call exists.
    Mseal,
    /// `landlock_create_ruleset(NULL, 0, VERSION)`: the ABI's number.
    LandlockVersion,
    /// `prctl(PR_SET_SYSCALL_USER_DISPATCH, OFF)`: off is what it is.
    UserDispatchOff,
    /// `prctl(PR_GET_SECCOMP)`: EINVAL on a kernel without seccomp.
    Seccomp,
    /// `pidfd_open(-1)`: EINVAL where the call exists.
    PidfdOpen,
}

impl Probe {
    fn arguments(self) -> (i64, [u64; 5]) {
        match self {
            Self::Mseal => (462, [0, 0, 1, 0, 0]),
            Self::LandlockVersion => (libc::SYS_landlock_create_ruleset, [0, 0, 1, 0, 0]),
            Self::UserDispatchOff => (libc::SYS_prctl, [59, 0, 0, 0, 0]),
            Self::Seccomp => (libc::SYS_prctl, [21, 0, 0, 0, 0]),
            Self::PidfdOpen => (libc::SYS_pidfd_open, [u64::MAX, 0, 0, 0, 0]),
        }
    }
}

/// What is tried in a child process, because it cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Enter seccomp's strict mode.
    Strict,
    /// Make a user namespace.
    UserNamespace,
}

/// Tries it in a child process.
///
/// # Errors
/// The errno that the child met, or that kept it from being started.
pub fn try_in_child(trial: Trial) -> Result<(), Errno> {
    // SAFETY: the child makes system calls only: no allocation, no lock, no destructor of ours runs in it.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let (nr, argument) = match trial {
                Trial::Strict => (libc::SYS_prctl, [22, 1]),
                Trial::UserNamespace => (libc::SYS_unshare, [0x1000_0000, 0]),
            };
            // SAFETY: both calls take numbers only.
            let done = unsafe { libc::syscall(nr, argument[0], argument[1], 0, 0, 0) };
            let code = if done == 0 { 0 } else { Errno::last_raw() };
            // Strict mode allows exit, not exit_group.
            loop {
                // SAFETY: the child has one thread, and nothing to clean up.
                unsafe { libc::syscall(libc::SYS_exit, code) };
            }
        }
        ForkResult::Parent { child } => loop {
            match waitpid(child, None) {
                Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
                Ok(WaitStatus::Exited(_, code)) => return Err(Errno::from_raw(code)),
                Ok(WaitStatus::Signaled(..)) => return Err(Errno::EPERM),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        },
    }
}

/// Reads one word of a child's memory, the way the broker would read a guest's.
///
/// # Errors
/// `EPERM` where ptrace access to one's own child is forbidden, `ENOSYS` without process_vm_readv.
pub fn read_child_memory() -> Result<(), Errno> {
    use nix::sys::uio::{RemoteIoVec, process_vm_readv};
    let word = 0x6e75_7273_u32;
    // SAFETY: the child makes system calls only.
    match unsafe { fork() }? {
        ForkResult::Child => loop {
            // SAFETY: pause takes no arguments; the parent ends this process, or its own end does.
            unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            // SAFETY: as above.
            unsafe { libc::syscall(libc::SYS_pause) };
        },
        ForkResult::Parent { child } => {
            let mut copy = [0; 4];
            // The child's memory is a copy of ours: the word lies at the same address there.
            let remote = RemoteIoVec { base: (&raw const word).addr(), len: copy.len() };
            let read = process_vm_readv(child, &mut [std::io::IoSliceMut::new(&mut copy)], &[remote]);
            let _ = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL);
            while waitpid(child, None) == Err(Errno::EINTR) {}
            read.map(drop)
        }
    }
}

/// Lets this thread read the time-stamp counter, or not: then `rdtsc`, and with it the vDSO's clocks, is a SIGSEGV.
///
/// A strict guest thread has no TSC. Where its partners have none either, the kernel need not write CR4 at each switch
/// between them, which costs microseconds in a virtual machine. Source: PR_SET_TSC(2const).
pub fn time_stamps(allowed: bool) {
    let how = if allowed { libc::PR_TSC_ENABLE } else { libc::PR_TSC_SIGSEGV };
    // SAFETY: numbers only; without effect on anything but this thread's TSC, and a failure costs speed only.
    unsafe { libc::prctl(libc::PR_SET_TSC, how, 0, 0, 0) };
}

/// Which of the fds 0, 1 and 2 were open when this process started, one bit each. Looked up before `main`, for the Rust
/// runtime opens /dev/null in the place of those that were not.
static OPEN_AT_START: AtomicU8 = AtomicU8::new(0);

/// SIGPIPE was ignored when this process started; the Rust runtime sets it so itself, before `main`.
static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);

extern "C" fn note_start() {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only, into a struct of our own.
    let known = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: all zero is a valid sigaction, too.
    let action = unsafe { action.assume_init() };
    PIPE_IGNORED.store(known && action.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
    for fd in 0..3 {
        // SAFETY: numbers only.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0 {
            OPEN_AT_START.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

// SAFETY: the C runtime calls what stands here once, before `main` and before any thread; it makes four system calls.
#[used]
#[unsafe(link_section = ".init_array")]
static NOTE_START: extern "C" fn() = note_start;

/// The fds among 0, 1 and 2 that were closed when this process started.
pub fn closed_at_start() -> impl Iterator<Item = i32> {
    (0..3).filter(|fd| OPEN_AT_START.load(Ordering::Relaxed) & 1 << fd == 0)
}

/// Whether this process was started with SIGPIPE ignored, and so starts its program.
#[must_use]
pub fn pipe_ignored_at_start() -> bool {
    PIPE_IGNORED.load(Ordering::Relaxed)
}
