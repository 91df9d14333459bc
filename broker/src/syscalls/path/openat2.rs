//! openat2: as openat, with stricter flags and the caller's own limits on resolution.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2 as kernel_openat2};

use super::open::{How, file, pinned};
use super::{Ask, create};
use crate::call::{Answer, Errno};
use crate::policy::Access;
use crate::resolve::{self, Last, Pin, Place, Start, lift};

/// Bytes of the first published `open_how`.
const OPEN_HOW: usize = 24;
/// Largest `open_how` that the kernel takes.
const OPEN_HOW_MAX: u64 = 4096;

pub(super) fn openat2(mut ask: Ask<'_>) -> Answer {
    let (how, limits) = read(&ask)?;
    let (fd, path) = (ask.call.fd(0), ask.path(1)?);
    if limits.is_empty() {
        return file(&mut ask, fd, path, how);
    }
    if limits.contains(ResolveFlags::CACHED) {
        // "Only if it needs no waiting": the answer that every caller has to expect.
        return Err(Errno::EAGAIN);
    }
    limited(&mut ask, Start::Guest(fd), path, how, limits)
}

/// The struct in argument 2, checked as the kernel does.
fn read(ask: &Ask<'_>) -> Result<(How, ResolveFlags), Errno> {
    let size = ask.call.args[3];
    if size < OPEN_HOW as u64 {
        return Err(Errno::EINVAL);
    }
    if size > OPEN_HOW_MAX {
        return Err(Errno::E2BIG);
    }
    let bytes = ask.call.bytes(2, usize::try_from(size).map_err(|_| Errno::E2BIG)?)?;
    if bytes[OPEN_HOW..].iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let mut words = [0; 3];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(bytes.try_into().map_err(|_| Errno::EFAULT)?);
    }
    let [flags, mode, limits] = words;
    let limits = ResolveFlags::from_bits_retain(limits);
    if !known_limits().contains(limits) {
        return Err(Errno::EINVAL);
    }
    if limits.contains(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT) {
        return Err(Errno::EINVAL);
    }
    let flags = u32::try_from(flags).map_err(|_| Errno::EINVAL)?;
    let mode = u32::try_from(mode).ok().filter(|mode| mode & !0o7777 == 0).ok_or(Errno::EINVAL)?;
    Ok((How::strict(OFlags::from_bits_retain(flags), mode)?, limits))
}

fn known_limits() -> ResolveFlags {
    ResolveFlags::NO_XDEV
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::BENEATH
        | ResolveFlags::IN_ROOT
        | ResolveFlags::CACHED
}

/// Opens with limits, which only the kernel can keep: it resolves, and the policy decides on what that gave.
fn limited(ask: &mut Ask<'_>, start: Start<'_>, path: &Path, how: How, limits: ResolveFlags) -> Answer {
    let excl = how.flags.contains(OFlags::CREATE | OFlags::EXCL);
    let last = if excl { Last::Keep } else { how.last() };
    let pin = match pin(ask, start, path, last, limits) {
        Ok(pin) => pin,
        Err(Errno::ENOENT) if how.flags.contains(OFlags::CREATE) => return make(ask, start, path, how, limits),
        Err(errno) => return Err(judge(ask, start, path, last, limits, errno)?),
    };
    if pin.procfs {
        ask.never(Errno::EPERM, path, "openat2 with resolve flags is not offered in /proc")?;
    }
    if excl {
        ask.permit(&pin, Access::LOOK)?;
        return Err(Errno::EEXIST);
    }
    if how.tmpfile() { create::tmpfile(ask, &pin, how) } else { pinned(ask, pin, how) }
}

fn make(ask: &mut Ask<'_>, start: Start<'_>, path: &Path, how: How, limits: ResolveFlags) -> Answer {
    let (parent, name) = Place::split(path)?;
    let parent = match pin(ask, start, parent, Last::Follow, limits) {
        Ok(pin) if !pin.procfs => pin,
        Ok(_) => return Err(Errno::ENOENT),
        Err(errno) => return Err(judge(ask, start, path, Last::Follow, limits, errno)?),
    };
    let place = Place::within(parent, name)?;
    if !place.is_named() || place.is_slashed() {
        return Err(Errno::EISDIR);
    }
    if place.occupant().is_ok() {
        // A link to what is not there yet: whether it stays within the limits cannot be known beforehand.
        ask.permit_path(&place.path, Access::LOOK)?;
        return Err(Errno::ELOOP);
    }
    create::make(ask, &place, how).unwrap_or(Err(Errno::EAGAIN))
}

/// Pins under limits.
fn pin(ask: &Ask<'_>, start: Start<'_>, path: &Path, last: Last, limits: ResolveFlags) -> Result<Pin, Errno> {
    if path.as_os_str().is_empty() {
        return Err(Errno::ENOENT);
    }
    let base = match start {
        // An absolute path starts at the directory, too, when that is to be the root.
        Start::Guest(fd) if limits.intersects(ResolveFlags::IN_ROOT) => Pin::of_fd(ask.guest, fd)?.fd,
        Start::Guest(_) if path.is_absolute() => root()?,
        Start::Guest(fd) => Pin::of_fd(ask.guest, fd)?.fd,
        Start::Dir(fd) => fd.try_clone_to_owned().map_err(|_| Errno::EMFILE)?,
    };
    let keep = if last == Last::Keep { OFlags::NOFOLLOW } else { OFlags::empty() };
    let flags = OFlags::PATH | OFlags::CLOEXEC | keep;
    let limits = limits | ResolveFlags::NO_MAGICLINKS;
    Pin::of(lift(kernel_openat2(&base, path, flags, Mode::empty(), limits))?)
}

fn root() -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    lift(rustix::fs::open("/", flags, Mode::empty()))
}

/// What the guest is told of a failure under limits: `errno`, if it may know of what the path names without them.
fn judge(
    ask: &mut Ask<'_>,
    start: Start<'_>,
    path: &Path,
    last: Last,
    limits: ResolveFlags,
    errno: Errno,
) -> Result<Errno, Errno> {
    let path = match path.strip_prefix("/") {
        Ok(rest) if limits.contains(ResolveFlags::IN_ROOT) => rest,
        _ => path,
    };
    match resolve::pin(ask.guest, ask.call.row.name, start, path, last) {
        Ok(pin) => ask.permit(&pin, Access::LOOK)?,
        Err(lost) => {
            ask.judge(lost)?;
        }
    }
    Ok(errno)
}
