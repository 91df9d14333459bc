//! The guest's fds, as objects that the broker can hold.

use std::os::fd::{OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::own::{lift, proc_root};
use crate::call::Errno;
use crate::guest::Guest;
use crate::policy::Access;

/// Pins what the guest's `fd` is open on.
///
/// # Errors
/// `EBADF` if the guest has no such fd, or it is one of nurse's.
pub fn pin_fd(guest: &Guest, fd: RawFd) -> Result<OwnedFd, Errno> {
    if fd < 0 || guest.is_reserved(fd) {
        return Err(Errno::EBADF);
    }
    let path = format!("{}/fd/{fd}", guest.pid);
    match lift(openat(proc_root()?, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())) {
        Err(Errno::ENOENT) => Err(Errno::EBADF),
        other => other,
    }
}

/// A duplicate of the guest's `fd`: the same open file, with its flags and offset.
///
/// # Errors
/// `EBADF` if the guest has no such fd, or it is one of nurse's; `EPERM` if the guest may not be looked into.
///
/// Source: pidfd_getfd(2).
pub fn take_fd(guest: &Guest, fd: RawFd) -> Result<OwnedFd, Errno> {
    if fd < 0 || guest.is_reserved(fd) {
        return Err(Errno::EBADF);
    }
    let pid = Pid::from_raw(guest.pid.as_raw()).ok_or(Errno::ESRCH)?;
    let process = lift(pidfd_open(pid, PidfdFlags::empty()))?;
    lift(pidfd_getfd(process, fd, PidfdGetfdFlags::empty()))
}

/// What an open file lets its holder do.
#[must_use]
pub fn flags_access(flags: OFlags) -> Access {
    if flags.contains(OFlags::PATH) {
        return Access::LOOK;
    }
    Access::LOOK
        | match flags & OFlags::ACCMODE {
            OFlags::RDONLY => Access::READ,
            OFlags::WRONLY => Access::WRITE,
            OFlags::RDWR => Access::READ | Access::WRITE,
            _ => Access::empty(),
        }
}
