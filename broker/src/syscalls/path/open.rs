//! open, openat, creat: what there is already. What is yet to be made is [`super::create`]'s.

use std::os::fd::{AsFd, RawFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, major};

use super::{Ask, create, uint};
use crate::broken::{self, Guard};
use crate::call::{Answer, Errno, Outcome, Work};
use crate::policy::Access;
use crate::resolve::{CWD, Last, Object, Pin, Start, reopen};

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// O_*.
    pub(super) flags: OFlags,
    /// Permission bits of a new file.
    pub(super) mode: u32,
}

pub(super) fn open(mut ask: Ask<'_>) -> Answer {
    let how = How::lenient(ask.call.int(1), uint(ask.call, 2))?;
    let path = ask.path(0)?;
    file(&mut ask, CWD, path, how)
}

pub(super) fn openat(mut ask: Ask<'_>) -> Answer {
    let how = How::lenient(ask.call.int(2), uint(ask.call, 3))?;
    let (fd, path) = (ask.call.fd(0), ask.path(1)?);
    file(&mut ask, fd, path, how)
}

pub(super) fn creat(mut ask: Ask<'_>) -> Answer {
    let how = How::lenient(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, uint(ask.call, 1))?;
    let path = ask.path(0)?;
    file(&mut ask, CWD, path, how)
}

impl How {
    /// As open(2) takes them: what it does not know it ignores.
    ///
    /// # Errors
    /// `EINVAL` for combinations that the kernel refuses.
    fn lenient(flags: i32, mode: u32) -> Result<Self, Errno> {
        let flags = OFlags::from_bits_retain(flags.cast_unsigned()) & Self::known();
        // O_PATH makes most others void.
        let with_path = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let flags = if flags.contains(OFlags::PATH) { flags & with_path } else { flags };
        Self { flags, mode: mode & 0o7777 }.validated()
    }

    /// As openat2(2) takes them: what it does not know it refuses.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(super) fn strict(flags: OFlags, mode: u32) -> Result<Self, Errno> {
        let how = Self::lenient(flags.bits().cast_signed(), mode)?;
        let creates = how.flags.contains(OFlags::CREATE) || how.tmpfile();
        let ignored = OFlags::from_bits_retain(libc::O_ASYNC.cast_unsigned());
        if flags.difference(how.flags | ignored).is_empty() && (mode == 0 || creates) {
            Ok(how)
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// All open flags; signal-driven input is not for guests.
    fn known() -> OFlags {
        OFlags::ACCMODE
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOCTTY
            | OFlags::TRUNC
            | OFlags::APPEND
            | OFlags::NONBLOCK
            | OFlags::SYNC
            | OFlags::DSYNC
            | OFlags::DIRECT
            | OFlags::LARGEFILE
            | OFlags::DIRECTORY
            | OFlags::NOFOLLOW
            | OFlags::NOATIME
            | OFlags::CLOEXEC
            | OFlags::PATH
            | OFlags::TMPFILE
    }

    /// What the policy is asked for.
    pub(super) fn access(self) -> Access {
        if self.flags.contains(OFlags::PATH) {
            return Access::LOOK;
        }
        let mut access = match self.flags & OFlags::ACCMODE {
            OFlags::RDONLY => Access::READ,
            OFlags::WRONLY => Access::WRITE,
            // 3 is a mode of its own in Linux that demands both.
            _ => Access::READ | Access::WRITE,
        };
        access.set(Access::WRITE, access.contains(Access::WRITE) || self.flags.contains(OFlags::TRUNC));
        access
    }

    pub(super) fn last(self) -> Last {
        if self.flags.contains(OFlags::NOFOLLOW) { Last::Keep } else { Last::Follow }
    }

    pub(super) fn cloexec(self) -> bool {
        self.flags.contains(OFlags::CLOEXEC)
    }

    /// Whether a nameless file in a directory is asked for. `O_TMPFILE` contains `O_DIRECTORY`.
    pub(super) fn tmpfile(self) -> bool {
        self.flags.intersects(OFlags::TMPFILE.difference(OFlags::DIRECTORY))
    }

    fn validated(self) -> Result<Self, Errno> {
        let wrong = if self.tmpfile() {
            !self.flags.contains(OFlags::TMPFILE)
                || self.flags.contains(OFlags::CREATE)
                || self.flags & OFlags::ACCMODE == OFlags::RDONLY
        } else {
            self.flags.contains(OFlags::CREATE | OFlags::DIRECTORY)
        };
        if wrong { Err(Errno::EINVAL) } else { Ok(self) }
    }
}

/// Opens a path.
pub(super) fn file(ask: &mut Ask<'_>, fd: RawFd, path: &Path, how: How) -> Answer {
    let start = Start::Guest(fd);
    if how.tmpfile() {
        let pin = ask.find(start, path, how.last())?;
        create::tmpfile(ask, &pin, how)
    } else if how.flags.contains(OFlags::CREATE) {
        create::file(ask, start, path, how)
    } else {
        let pin = ask.find(start, path, how.last())?;
        if broken::is(Guard::Pin) {
            return twice(ask, start, path, pin, how);
        }
        pinned(ask, pin, how)
    }
}

/// **For tests only**: what a broker without [`Guard::Pin`] would do, to decide about a path and then resolve it again.
fn twice(ask: &mut Ask<'_>, start: Start<'_>, path: &Path, pin: Pin, how: How) -> Answer {
    pinned(ask, pin, how)?;
    broken::pause();
    let again = ask.find(start, path, how.last())?;
    Ok(Outcome::Fd { fd: reopen(again.as_fd(), how.flags, Mode::empty())?, cloexec: how.cloexec() })
}

/// Opens what is pinned.
pub(super) fn pinned(ask: &mut Ask<'_>, pin: Pin, how: How) -> Answer {
    let kind = pin.kind();
    let misfit = match kind {
        FileType::Directory if how.flags.contains(OFlags::CREATE) => Some(Errno::EISDIR),
        FileType::Directory => None,
        _ if how.flags.contains(OFlags::DIRECTORY) => Some(Errno::ENOTDIR),
        FileType::Symlink if !how.flags.contains(OFlags::PATH) => Some(Errno::ELOOP),
        _ => None,
    };
    if let Some(errno) = misfit {
        ask.permit(&pin, Access::LOOK)?;
        return Err(errno);
    }
    permit(ask, &pin, how)?;
    let cloexec = how.cloexec();
    if how.flags.contains(OFlags::PATH) {
        // A fresh one has the flags that the guest may read back; only a link cannot be opened anew.
        let fd = if kind == FileType::Symlink { pin.fd } else { reopen(pin.as_fd(), how.flags, Mode::empty())? };
        return Ok(Outcome::Fd { fd, cloexec });
    }
    let blocks = may_block(&pin, how);
    let open = move || Ok(Outcome::Fd { fd: reopen(pin.as_fd(), how.flags, Mode::empty())?, cloexec });
    if blocks { Ok(Outcome::Later(Work(Box::new(open)))) } else { open() }
}

/// Allows or refuses the content of a pinned object.
fn permit(ask: &mut Ask<'_>, pin: &Pin, how: How) -> Result<(), Errno> {
    let access = how.access();
    let holds = pin.held.is_some_and(|held| held.contains(access));
    let Some(path) = pin.path() else {
        return match pin.object {
            Object::Nameless if holds => Ok(()),
            Object::Nameless => Err(Errno::EACCES),
            _ => ask.permit(pin, access),
        };
    };
    if pin.procfs {
        if pin.held.is_some() && !holds {
            return ask.never(Errno::EACCES, path, "never: more access to a file in /proc than the fd has");
        }
        // A thread's name is its own affair.
        if access.contains(Access::WRITE) && !path.ends_with("comm") {
            return ask.permit(pin, access);
        }
    } else if holds && matches!(pin.kind(), FileType::CharacterDevice | FileType::Fifo | FileType::Socket) {
        // A terminal or pipe that the guest was given, under whatever name: it can do no more than with its own fd.
        return Ok(());
    }
    let decision = ask.decide(path, access, how.flags.bits().cast_signed(), 0);
    ask.rule(decision, path)
}

/// Whether an open may wait for somebody: a FIFO for its other end, a device for its carrier.
fn may_block(pin: &Pin, how: How) -> bool {
    !how.flags.contains(OFlags::NONBLOCK)
        && match pin.kind() {
            FileType::Fifo | FileType::BlockDevice => true,
            // Memory devices, /dev/tty and its like, and pseudo-terminals open at once.
            FileType::CharacterDevice => !matches!(major(pin.stat.st_rdev), 1 | 5 | 136..=143),
            _ => false,
        }
}
