//! A pinned object and what it is called.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat, fstat};

use super::names::DELETED;
use super::{Last, bytes, guest_fd, lift, own, procfs, straight};
use crate::call::Errno;
use crate::guest::Guest;
use crate::policy::Access;

/// An object held by an `O_PATH` fd.
#[derive(Debug)]
pub struct Pin {
    /// The object.
    pub fd: OwnedFd,
    /// Its metadata when it was pinned.
    pub stat: Stat,
    /// What the policy is asked about.
    pub object: Object,
    /// Where a link leads in the guest's eyes, if the kernel would say otherwise (`/proc/self/exe`).
    pub target: Option<PathBuf>,
    /// What the guest can do with the fd of its own that it named this object by (`/dev/stdin`, `/proc/self/fd/3`).
    pub held: Option<Access>,
    /// The object is in procfs.
    pub procfs: bool,
    /// The guest named an fd of its own and no path.
    pub by_fd: bool,
}

/// What an object is, to a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// Something with a place. Of a deleted file, the last place it had.
    Path(PathBuf),
    /// A pipe, socket, memfd or the like: reachable only by who holds an fd to it.
    Nameless,
    /// Outside of what the broker can see.
    Unreachable,
}

impl Pin {
    pub(super) fn new(fd: OwnedFd, stat: Stat) -> Result<Self, Errno> {
        let object = object(fd.as_fd(), &stat)?;
        Ok(Self { fd, stat, object, target: None, held: None, procfs: false, by_fd: false })
    }

    /// What an `O_PATH` fd of the broker's holds.
    pub(crate) fn of(fd: OwnedFd) -> Result<Self, Errno> {
        let stat = lift(fstat(&fd))?;
        let procfs = procfs::is_procfs(fd.as_fd(), &stat);
        let mut pin = Self::new(fd, stat)?;
        pin.procfs = procfs;
        Ok(pin)
    }

    /// Pins what an fd of the guest is open on.
    ///
    /// # Errors
    /// `EBADF` if the guest has no such fd, or it is one of nurse's.
    pub fn of_fd(guest: &Guest, fd: i32) -> Result<Self, Errno> {
        let fd = match fd {
            libc::AT_FDCWD => guest.cwd.try_clone().map_err(|_| Errno::EMFILE)?,
            fd => guest_fd::pin_fd(guest, fd)?,
        };
        let stat = lift(fstat(&fd))?;
        let procfs = procfs::is_procfs(fd.as_fd(), &stat);
        let mut pin = Self::new(fd, stat)?;
        pin.by_fd = true;
        if procfs {
            pin.set_procfs(pin.path().map(|path| own_path(guest, path)));
        }
        Ok(pin)
    }

    /// Marks the object as one of procfs, with its path in the guest's eyes.
    pub(super) fn set_procfs(&mut self, path: Option<PathBuf>) {
        self.procfs = true;
        self.object = path.map_or(Object::Unreachable, Object::Path);
    }

    /// The path, if the object has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.object {
            Object::Path(path) => Some(path),
            Object::Nameless | Object::Unreachable => None,
        }
    }

    /// What kind of file it is.
    #[must_use]
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

impl AsFd for Pin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A path of procfs in the guest's eyes, whose own process is `self` there.
pub(super) fn own_path(guest: &Guest, path: &Path) -> PathBuf {
    match path.strip_prefix(Path::new("/proc").join(guest.pid.to_string())) {
        Ok(rest) => Path::new("/proc/self").join(rest),
        Err(_) => path.to_owned(),
    }
}

/// What a pinned object is called.
fn object(fd: BorrowedFd<'_>, stat: &Stat) -> Result<Object, Errno> {
    let shown = own::shown(fd)?;
    let text = bytes(&shown);
    if text.starts_with(b"(unreachable)") {
        return Ok(Object::Unreachable);
    }
    if !text.starts_with(b"/") {
        return Ok(Object::Nameless);
    }
    let Some(rest) = text.strip_suffix(DELETED) else { return Ok(Object::Path(shown)) };
    if stat.st_nlink == 0 && text.starts_with(b"/memfd:") {
        return Ok(Object::Nameless);
    }
    // A file may really be called so; only the kernel's mark names nothing, or something else.
    let named = straight(rustix::fs::CWD, &shown, Last::Keep).and_then(|fd| lift(fstat(fd)));
    let same = named.is_ok_and(|named| (named.st_dev, named.st_ino) == (stat.st_dev, stat.st_ino));
    let path = if same { shown.clone() } else { PathBuf::from(OsStr::from_bytes(rest)) };
    Ok(Object::Path(path))
}
