//! readlink, link, symlink and their `at` forms.

use std::os::fd::RawFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, linkat as link_at, readlinkat as readlink_at, symlinkat as symlink_at};

use super::{Ask, done, rename, shown, tree};
use crate::call::{Answer, Errno, Outcome};
use crate::policy::Access;
use crate::resolve::{CWD, Start, lift};

pub(super) fn readlink(ask: Ask<'_>) -> Answer {
    read(ask, CWD, 0)
}

pub(super) fn readlinkat(ask: Ask<'_>) -> Answer {
    let fd = ask.call.fd(0);
    read(ask, fd, 1)
}

/// Reads the link in argument `path`; the buffer and its size follow.
fn read(mut ask: Ask<'_>, fd: RawFd, path: usize) -> Answer {
    let size = usize::try_from(ask.call.int(path + 2)).ok().filter(|size| *size > 0).ok_or(Errno::EINVAL)?;
    // An O_PATH fd of a link may itself be meant, by an empty path.
    let empty = if path == 1 { libc::AT_EMPTY_PATH } else { 0 };
    let pin = ask.find_at(fd, path, libc::AT_SYMLINK_NOFOLLOW | empty)?;
    if !pin.by_fd {
        ask.permit(&pin, Access::LOOK)?;
    }
    if pin.kind() != FileType::Symlink {
        return Err(if pin.by_fd { Errno::ENOENT } else { Errno::EINVAL });
    }
    let mut bytes = match &pin.target {
        Some(target) => crate::resolve::bytes(target).to_vec(),
        None => lift(readlink_at(&pin.fd, "", Vec::with_capacity(256)))?.into_bytes(),
    };
    bytes.truncate(size);
    let result = i64::try_from(bytes.len()).map_err(|_| Errno::EINVAL)?;
    Ok(Outcome::Filled { result, arg: path + 1, bytes })
}

pub(super) fn symlink(ask: Ask<'_>) -> Answer {
    make_symlink(ask, CWD, 1)
}

pub(super) fn symlinkat(ask: Ask<'_>) -> Answer {
    let fd = ask.call.fd(1);
    make_symlink(ask, fd, 2)
}

/// Makes a link with the text of argument 0. Where it leads is decided when somebody follows it.
fn make_symlink(mut ask: Ask<'_>, fd: RawFd, path: usize) -> Answer {
    let target = ask.path(0)?;
    if target.as_os_str().is_empty() {
        return Err(Errno::ENOENT);
    }
    let place = ask.place(Start::Guest(fd), ask.path(path)?)?;
    tree::permit_new(&mut ask, &place, 0)?;
    done(symlink_at(target, &place.parent.fd, &place.name))
}

pub(super) fn link(ask: Ask<'_>) -> Answer {
    make_link(ask, (CWD, 0), (CWD, 1), 0)
}

pub(super) fn linkat(ask: Ask<'_>) -> Answer {
    let (from, to, flags) = (ask.call.fd(0), ask.call.fd(2), ask.call.int(4));
    make_link(ask, (from, 1), (to, 3), flags)
}

fn make_link(mut ask: Ask<'_>, (from, old): (RawFd, usize), (to, new): (RawFd, usize), flags: i32) -> Answer {
    if flags & !(libc::AT_SYMLINK_FOLLOW | libc::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let keep = if flags & libc::AT_SYMLINK_FOLLOW == 0 { libc::AT_SYMLINK_NOFOLLOW } else { 0 };
    let pin = ask.find_at(from, old, keep | flags & libc::AT_EMPTY_PATH)?;
    ask.permit(&pin, Access::LOOK)?;
    let place = ask.place(Start::Guest(to), ask.path(new)?)?;
    tree::permit_new(&mut ask, &place, 0)?;
    match pin.path().map(Path::to_owned) {
        Some(path) => rename::no_gain(&mut ask, &path, &place.path)?,
        // What has no name gets none: it would be a file that no rule has seen coming.
        None => return Err(Errno::EXDEV),
    }
    let source = shown(&pin)?;
    done(link_at(source.dir, source.name, &place.parent.fd, &place.name, AtFlags::SYMLINK_FOLLOW))
}
