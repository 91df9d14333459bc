//! access, faccessat, faccessat2: what the policy *and* the kernel would say.

use rustix::fs::{AtFlags, FileType, accessat};

use super::{Ask, done, shown};
use crate::call::{Answer, Errno};
use crate::policy::Access;
use crate::resolve::CWD;

pub(super) fn access(ask: Ask<'_>) -> Answer {
    let mode = ask.call.int(1);
    check(ask, CWD, 0, mode, 0)
}

pub(super) fn faccessat(ask: Ask<'_>) -> Answer {
    let (fd, mode) = (ask.call.fd(0), ask.call.int(2));
    check(ask, fd, 1, mode, 0)
}

pub(super) fn faccessat2(ask: Ask<'_>) -> Answer {
    let (fd, mode, flags) = (ask.call.fd(0), ask.call.int(2), ask.call.int(3));
    check(ask, fd, 1, mode, flags)
}

fn check(mut ask: Ask<'_>, fd: i32, path: usize, mode: i32, flags: i32) -> Answer {
    const KNOWN: i32 = libc::AT_EACCESS | libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH;
    if mode & !(libc::R_OK | libc::W_OK | libc::X_OK) != 0 || flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let pin = ask.find_at(fd, path, flags)?;
    let mut wanted = Access::LOOK;
    wanted.set(Access::READ, mode & libc::R_OK != 0);
    wanted.set(Access::WRITE, mode & libc::W_OK != 0);
    // To search a directory is to look at what is in it.
    wanted.set(Access::EXEC, mode & libc::X_OK != 0 && pin.kind() != FileType::Directory);
    if mode != 0 {
        wanted.remove(Access::LOOK);
        wanted.set(Access::LOOK, wanted.is_empty());
    }
    ask.permit(&pin, wanted)?;
    let link = shown(&pin)?;
    let flags = if flags & libc::AT_EACCESS != 0 { AtFlags::EACCESS } else { AtFlags::empty() };
    let mode = rustix::fs::Access::from_bits_retain(mode.cast_unsigned());
    done(accessat(link.dir, link.name, mode, flags))
}
