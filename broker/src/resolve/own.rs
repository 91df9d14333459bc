//! The broker's own fds as paths: how a pinned object is named, reopened and acted upon.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, fstatfs, openat, readlinkat};
use rustix::path::DecInt;

use crate::call::Errno;

/// `f_type` of procfs.
pub(super) const PROC_SUPER_MAGIC: i64 = 0x9fa0;

/// rustix's errno as the one that nurse speaks of.
///
/// # Errors
/// The same.
pub fn lift<T>(result: rustix::io::Result<T>) -> Result<T, Errno> {
    result.map_err(|errno| Errno::from_raw(errno.raw_os_error()))
}

/// A procfs directory that stays open, checked once to really be procfs.
fn anchor(kept: &'static OnceLock<Result<OwnedFd, Errno>>, path: &str) -> Result<BorrowedFd<'static>, Errno> {
    let open = || {
        let dir = lift(openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()))?;
        let kind = lift(fstatfs(&dir))?.f_type;
        if kind == PROC_SUPER_MAGIC { Ok(dir) } else { Err(Errno::EPERM) }
    };
    kept.get_or_init(open).as_ref().map(AsFd::as_fd).map_err(|errno| *errno)
}

/// `/proc`.
pub(super) fn proc_root() -> Result<BorrowedFd<'static>, Errno> {
    static ROOT: OnceLock<Result<OwnedFd, Errno>> = OnceLock::new();
    anchor(&ROOT, "/proc")
}

/// A pinned object in words that path-taking system calls understand: a directory fd and a name in it, a magic link that leads
/// to the very object, whatever its names have become. A symlink that is pinned is not followed.
#[derive(Debug)]
pub struct Shown {
    /// The broker's /proc/self/fd.
    pub dir: BorrowedFd<'static>,
    /// The pin's number.
    pub name: DecInt,
}

/// How path-taking calls of the broker's own name a pin.
///
/// # Errors
/// If /proc is not what it should be.
pub fn shown_path(pin: BorrowedFd<'_>) -> Result<Shown, Errno> {
    static FDS: OnceLock<Result<OwnedFd, Errno>> = OnceLock::new();
    Ok(Shown { dir: anchor(&FDS, "/proc/self/fd")?, name: DecInt::from_fd(pin) })
}

/// Where an fd of the broker's points, as the kernel words it: a path, `... (deleted)`, `pipe:[1]`.
///
/// # Errors
/// If /proc is not what it should be.
pub fn shown(pin: BorrowedFd<'_>) -> Result<PathBuf, Errno> {
    let link = shown_path(pin)?;
    let text = lift(readlinkat(link.dir, link.name, Vec::with_capacity(256)))?;
    Ok(PathBuf::from(OsString::from_vec(text.into_bytes())))
}

/// Opens a pinned object for real. Never makes a terminal the broker's own, and never leaks over an exec.
///
/// # Errors
/// As open(2) of the object: the kernel checks permissions again.
pub fn reopen(pin: BorrowedFd<'_>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let link = shown_path(pin)?;
    // With O_TMPFILE, O_EXCL means that the file can never get a name; else it belongs to O_CREAT.
    let excl = if flags.contains(OFlags::TMPFILE) { OFlags::empty() } else { OFlags::EXCL };
    let flags = flags.difference(OFlags::CREATE | OFlags::NOFOLLOW | excl);
    lift(openat(link.dir, link.name, flags | OFlags::CLOEXEC | OFlags::NOCTTY, mode))
}

/// The absolute path of a pin in /proc, for calls without an `at` form.
#[must_use]
pub fn proc_path(pin: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", pin.as_raw_fd())
}

/// Whether the host has `fs.protected_symlinks` on; yes if it cannot be told.
pub(super) fn links_protected() -> bool {
    static PROTECTED: OnceLock<bool> = OnceLock::new();
    *PROTECTED
        .get_or_init(|| std::fs::read("/proc/sys/fs/protected_symlinks").map_or(true, |text| !text.starts_with(b"0")))
}
