//! Links of procfs that the kernel would follow by magic, and what stands in their place for a guest.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fstat, openat};

use super::{Step, Walk, root};
use crate::call::Errno;
use crate::guest::Guest;
use crate::policy::{Access, Verdict};
use crate::resolve::pin::own_path;
use crate::resolve::procfs::{self, Magic};
use crate::resolve::{Last, Lost, Pin, bytes, child, guest_fd, lift, names, own};

impl Walk<'_> {
    /// A name that nurse gives out to nobody; one that does not even exist is simply that.
    pub(super) fn never(&self, name: &OsStr) -> Lost {
        match (child(self.here.as_fd(), name), self.path()) {
            (Ok(_), Some(at)) => {
                let why = "never: it could steer the process or betray the system".to_owned();
                self.refuse(Verdict::Deny(Errno::EPERM), why, at.join(name))
            }
            _ => self.lost(Errno::ENOENT, name),
        }
    }

    /// Whether the component just taken is a link that is itself meant.
    pub(super) fn is_kept(&self) -> bool {
        self.todo.is_empty() && !self.directory && self.last == Last::Keep
    }

    /// Pins a link of procfs itself, which reads as `target`.
    pub(super) fn keep(&mut self, name: &OsStr, target: Option<PathBuf>) -> Result<Step, Lost> {
        let fd = child(self.here.as_fd(), name).map_err(|errno| self.lost(errno, name))?;
        let stat = lift(fstat(&fd))?;
        let mut pin = Pin::new(fd, stat)?;
        pin.set_procfs(self.path().map(|here| here.join(name)));
        pin.target = target;
        Ok(Step::Done(pin))
    }

    pub(super) fn own_link(&self, name: &OsStr) -> Option<PathBuf> {
        let pid = self.guest.pid.to_string();
        Some(if bytes(name) == b"self" { PathBuf::from(pid) } else { Path::new(&pid).join("task").join(&pid) })
    }

    pub(super) fn magic_target(&self, magic: Magic) -> Option<PathBuf> {
        match magic {
            Magic::Fd(_) => None,
            Magic::Cwd => own::shown(self.guest.cwd.as_fd()).ok(),
            Magic::Root => Some(PathBuf::from("/")),
            Magic::Exe => Some(self.guest.exe.clone()),
        }
    }

    /// Puts other names in the place of a link's.
    pub(super) fn instead(&mut self, names: &[String], name: &OsStr) -> Result<Step, Lost> {
        self.count_link(name)?;
        self.todo.extend(names.iter().rev().map(OsString::from));
        Ok(Step::On)
    }

    pub(super) fn jump(&mut self, magic: Magic, name: &OsStr) -> Result<Step, Lost> {
        self.count_link(name)?;
        let (target, held) = match magic {
            Magic::Root => (root()?, None),
            Magic::Cwd => (self.guest.cwd.try_clone().map_err(|_| Errno::EMFILE)?, None),
            Magic::Exe => {
                self.todo.extend(names::stack(&self.guest.exe));
                self.restart()?;
                return Ok(Step::On);
            }
            Magic::Fd(fd) => {
                let (pin, held) = held(self.guest, fd).map_err(|errno| match errno {
                    Errno::EBADF => self.lost(Errno::ENOENT, name),
                    errno => errno.into(),
                })?;
                (pin, Some(held))
            }
        };
        let stat = lift(fstat(&target))?;
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let ends = self.todo.is_empty();
        if !is_dir && (!ends || self.directory) {
            return Err(self.lost(Errno::ENOTDIR, name));
        }
        if is_dir {
            (self.here, self.here_stat, self.proc, self.entered) = (target, stat, None, 0);
            if procfs::is_procfs(self.here.as_fd(), &self.here_stat) {
                self.relocate()?;
            }
            return Ok(Step::On);
        }
        let procfs = procfs::is_procfs(target.as_fd(), &stat);
        let mut pin = Pin::new(target, stat)?;
        pin.held = held;
        if procfs {
            pin.set_procfs(pin.path().map(|path| own_path(self.guest, path)));
        }
        Ok(Step::Done(pin))
    }
}

/// Pins what an fd of the guest is open on, with what the guest can do by it. Both come from one duplicate: the
/// guest may put another file under the number at any time.
fn held(guest: &Guest, fd: i32) -> Result<(OwnedFd, Access), Errno> {
    let taken = guest_fd::take_fd(guest, fd)?;
    let flags = lift(fcntl_getfl(&taken))?;
    let access = guest_fd::flags_access(flags);
    if flags.contains(OFlags::PATH) {
        return Ok((taken, access));
    }
    let link = own::shown_path(taken.as_fd())?;
    let pin = lift(openat(link.dir, link.name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()))?;
    Ok((pin, access))
}
