//! stat, lstat, newfstatat, statx, statfs, fstatfs.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, StatxFlags};

use super::{Ask, structs, uint};
use crate::call::{Answer, Errno, Outcome};
use crate::policy::Access;
use crate::resolve::{CWD, Last, Pin, Start, lift};

pub(super) fn stat(mut ask: Ask<'_>, last: Last) -> Answer {
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, last)?;
    ask.permit(&pin, Access::LOOK)?;
    Ok(Outcome::Filled { result: 0, arg: 1, bytes: structs::stat(&pin.stat) })
}

pub(super) fn newfstatat(mut ask: Ask<'_>) -> Answer {
    let flags = ask.call.int(3);
    if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let pin = look_at(&mut ask, flags)?;
    Ok(Outcome::Filled { result: 0, arg: 2, bytes: structs::stat(&pin.stat) })
}

pub(super) fn statx(mut ask: Ask<'_>) -> Answer {
    const RESERVED: u32 = 0x8000_0000;
    const KNOWN: i32 =
        libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH | libc::AT_STATX_SYNC_TYPE;
    let (flags, mask) = (ask.call.int(2), uint(ask.call, 3));
    if mask & RESERVED != 0 || flags & !KNOWN != 0 || flags & libc::AT_STATX_SYNC_TYPE == libc::AT_STATX_SYNC_TYPE {
        return Err(Errno::EINVAL);
    }
    let pin = look_at(&mut ask, flags)?;
    let sync = (flags & libc::AT_STATX_SYNC_TYPE).cast_unsigned();
    let seen = rustix::fs::statx(
        &pin.fd,
        "",
        AtFlags::from_bits_retain(sync) | AtFlags::EMPTY_PATH,
        StatxFlags::from_bits_retain(mask),
    );
    Ok(Outcome::Filled { result: 0, arg: 4, bytes: structs::statx(&lift(seen)?) })
}

/// Pins the object of a stat call whose first two arguments are fd and path.
fn look_at(ask: &mut Ask<'_>, flags: i32) -> Result<Pin, Errno> {
    let found = ask.find_at(ask.call.fd(0), 1, flags)?;
    // Whoever holds an fd may look at what it is open on.
    if !found.by_fd {
        ask.permit(&found, Access::LOOK)?;
    }
    Ok(found)
}

pub(super) fn statfs(mut ask: Ask<'_>) -> Answer {
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, Last::Follow)?;
    ask.permit(&pin, Access::LOOK)?;
    filesystem(&pin)
}

pub(super) fn fstatfs(ask: Ask<'_>) -> Answer {
    filesystem(&Pin::of_fd(ask.guest, super::real_fd(ask.call.fd(0))?)?)
}

fn filesystem(pin: &Pin) -> Answer {
    let seen = lift(rustix::fs::fstatfs(pin.as_fd()))?;
    // rustix keeps `f_fsid` of the one struct to itself but not of the other.
    let fsid = lift(rustix::fs::fstatvfs(pin.as_fd()))?.f_fsid;
    Ok(Outcome::Filled { result: 0, arg: 1, bytes: structs::statfs(&seen, fsid) })
}
