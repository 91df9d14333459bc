//! Race-free path resolution: from a guest's claim to a pinned object and its true path.
//!
//! A path is only ever resolved by the broker, to an `O_PATH` fd (a [`Pin`]). The policy decides about what the pin
//! *is*, and the operation is done on the pin, so nothing that the guest renames or relinks meanwhile matters.
//! Calls that work on a name (unlink, rename, mkdir, ...) pin the parent directory and hand the kernel one component
//! ([`Place`]).
//!
//! The kernel resolves what has no symlinks, no `..` and no /proc in it, in one `openat2`. All else is
//! walked component by component (`walk`), because only then do `/proc/self` mean the guest, magic links lead
//! where the guest may go, and a directory that the policy hides betray nothing on the way.

mod guest_fd;
mod names;
mod own;
mod pin;
mod place;
mod procfs;
mod walk;

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, openat2};

use crate::call::Errno;
use crate::guest::Guest;
use crate::policy::Decision;

pub use guest_fd::{flags_access, pin_fd, take_fd};
pub use own::{Shown, lift, proc_path, reopen, shown, shown_path};
pub use pin::{Object, Pin};
pub use place::Place;

/// Longest path, its NUL included.
pub const PATH_MAX: usize = 4096;
/// `AT_FDCWD`: relative to the guest's working directory.
pub const CWD: RawFd = libc::AT_FDCWD;

/// Where a relative path starts.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// At an fd number of the guest, or [`CWD`].
    Guest(RawFd),
    /// At a directory that the broker pinned.
    Dir(BorrowedFd<'a>),
}

/// What happens to a symlink in the last component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It is followed.
    Follow,
    /// It is itself what is meant.
    Keep,
}

/// Why nothing was pinned.
#[derive(Debug)]
pub enum Lost {
    /// The kernel's errno. `at` is what the path would have named: the policy says whether the guest may learn of it.
    Errno {
        /// As a native call would fail.
        errno: Errno,
        /// The would-be path, if resolution came far enough to have one.
        at: Option<PathBuf>,
    },
    /// Refused on the way.
    Refused {
        /// By whom.
        decision: Decision,
        /// About what.
        at: PathBuf,
    },
}

impl From<Errno> for Lost {
    fn from(errno: Errno) -> Self {
        Self::Errno { errno, at: None }
    }
}

/// A directory to start from: the guest's, ours, or one opened for the purpose.
#[derive(Debug)]
pub(crate) enum Base<'a> {
    /// Belongs to someone else.
    Borrowed(BorrowedFd<'a>),
    /// Opened for this resolution.
    Owned(OwnedFd),
}

impl AsFd for Base<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Borrowed(fd) => *fd,
            Self::Owned(fd) => fd.as_fd(),
        }
    }
}

/// The directory that `path` starts from; for an absolute path `start` does not count.
pub(crate) fn base<'a>(guest: &'a Guest, start: Start<'a>, path: &Path) -> Result<Base<'a>, Errno> {
    match start {
        _ if path.is_absolute() => Ok(Base::Borrowed(rustix::fs::CWD)),
        Start::Dir(fd) => Ok(Base::Borrowed(fd)),
        Start::Guest(CWD) => Ok(Base::Borrowed(guest.cwd.as_fd())),
        Start::Guest(fd) => pin_fd(guest, fd).map(Base::Owned),
    }
}

/// Pins what `path` names.
///
/// # Errors
/// [`Lost`], with the errno of a native call: `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`, `EBADF`.
///
/// Source: path_resolution(7), openat2(2).
pub fn pin(guest: &Guest, call: &'static str, start: Start<'_>, path: &Path, last: Last) -> Result<Pin, Lost> {
    let length = path.as_os_str().len();
    if length == 0 {
        return Err(Errno::ENOENT.into());
    }
    if length >= PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let base = base(guest, start, path)?;
    if !names::climbs(path) {
        match straight(base.as_fd(), path, last) {
            Ok(fd) => {
                let stat = lift(rustix::fs::fstat(&fd))?;
                if !procfs::is_procfs(fd.as_fd(), &stat) {
                    return Ok(Pin::new(fd, stat)?);
                }
            }
            // Without a symlink or `..` before the missing component the path is literal, so this is what it names.
            Err(errno @ (Errno::ENOENT | Errno::ENAMETOOLONG)) => {
                return Err(Lost::Errno { errno, at: names::literal(base.as_fd(), path) });
            }
            // A symlink, or an error in a directory that may turn out to be none of the guest's business.
            Err(_) => {}
        }
    }
    walk::walk(guest, call, base, path, last)
}

/// Pins a path that the kernel resolves without any symlink.
fn straight(base: BorrowedFd<'_>, path: &Path, last: Last) -> Result<OwnedFd, Errno> {
    let keep = if last == Last::Keep { OFlags::NOFOLLOW } else { OFlags::empty() };
    lift(openat2(
        base,
        path,
        OFlags::PATH | OFlags::CLOEXEC | keep,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    ))
}

/// Pins one component of a pinned directory; a symlink is itself pinned.
pub(crate) fn child(dir: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    lift(openat2(
        dir,
        name,
        OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW,
        Mode::empty(),
        ResolveFlags::NO_MAGICLINKS,
    ))
}

/// Refuses to follow a link that somebody else has put into a directory such as /tmp: the kernel would not either.
///
/// # Errors
/// `EACCES`.
///
/// Source: proc_sys_fs(5), protected_symlinks.
pub(crate) fn may_follow(dir: &Stat, link: &Stat) -> Result<(), Errno> {
    const STICKY_FOR_ALL: u32 = 0o1002;
    let trap = dir.st_mode & STICKY_FOR_ALL == STICKY_FOR_ALL
        && link.st_uid != dir.st_uid
        && link.st_uid != rustix::process::geteuid().as_raw();
    if trap && own::links_protected() { Err(Errno::EACCES) } else { Ok(()) }
}

/// The path with these bytes.
pub(crate) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// The bytes of a path's or name's string.
pub(crate) fn bytes(path: &(impl AsRef<OsStr> + ?Sized)) -> &[u8] {
    path.as_ref().as_bytes()
}
