//! truncate, chmod and chown with their `f`, `l` and `at` forms.

use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, chmodat, chownat};

use super::{Ask, done, real_fd, shown, tree, uint};
use crate::call::{Answer, Errno, Outcome};
use crate::policy::Access;
use crate::resolve::{CWD, Last, Pin, Start, proc_path};

pub(super) fn truncate(mut ask: Ask<'_>) -> Answer {
    let length = ask.call.args[1].cast_signed();
    if length < 0 {
        return Err(Errno::EINVAL);
    }
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, Last::Follow)?;
    ask.permit(&pin, Access::WRITE)?;
    nix::unistd::truncate(proc_path(std::os::fd::AsFd::as_fd(&pin)).as_str(), length)?;
    Ok(Outcome::Value(0))
}

pub(super) fn chmod(mut ask: Ask<'_>) -> Answer {
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, Last::Follow)?;
    let mode = uint(ask.call, 1);
    set_mode(ask, &pin, mode)
}

pub(super) fn fchmod(ask: Ask<'_>) -> Answer {
    let pin = held(&ask)?;
    let mode = uint(ask.call, 1);
    set_mode(ask, &pin, mode)
}

pub(super) fn fchmodat(mut ask: Ask<'_>) -> Answer {
    let pin = ask.find(Start::Guest(ask.call.fd(0)), ask.path(1)?, Last::Follow)?;
    let mode = uint(ask.call, 2);
    set_mode(ask, &pin, mode)
}

pub(super) fn fchmodat2(mut ask: Ask<'_>) -> Answer {
    let (mode, flags) = (uint(ask.call, 2), ask.call.int(3));
    if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let pin = ask.find_at(ask.call.fd(0), 1, flags)?;
    set_mode(ask, &pin, mode)
}

fn set_mode(mut ask: Ask<'_>, pin: &Pin, mode: u32) -> Answer {
    permit(&mut ask, pin)?;
    if pin.kind() == FileType::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    let link = shown(pin)?;
    done(chmodat(link.dir, link.name, Mode::from_bits_retain(mode & 0o7777), AtFlags::empty()))
}

pub(super) fn chown(mut ask: Ask<'_>, last: Last) -> Answer {
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, last)?;
    let owner = (uint(ask.call, 1), uint(ask.call, 2));
    set_owner(ask, &pin, owner)
}

pub(super) fn fchown(ask: Ask<'_>) -> Answer {
    let pin = held(&ask)?;
    let owner = (uint(ask.call, 1), uint(ask.call, 2));
    set_owner(ask, &pin, owner)
}

pub(super) fn fchownat(mut ask: Ask<'_>) -> Answer {
    let (owner, flags) = ((uint(ask.call, 2), uint(ask.call, 3)), ask.call.int(4));
    if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let pin = ask.find_at(ask.call.fd(0), 1, flags)?;
    set_owner(ask, &pin, owner)
}

fn set_owner(mut ask: Ask<'_>, pin: &Pin, (user, group): (u32, u32)) -> Answer {
    /// Leaves an owner as it is.
    const SAME: u32 = u32::MAX;
    permit(&mut ask, pin)?;
    let user = if user == SAME { None } else { Some(Uid::from_raw(user)) };
    let group = if group == SAME { None } else { Some(Gid::from_raw(group)) };
    done(chownat(&pin.fd, "", user, group, AtFlags::EMPTY_PATH))
}

/// Allows or refuses a new owner or mode. Not of a device, see [`tree::keep_device`].
fn permit(ask: &mut Ask<'_>, pin: &Pin) -> Result<(), Errno> {
    ask.permit(pin, Access::WRITE)?;
    match pin.path() {
        Some(path) if tree::is_device(pin.kind()) => ask.never(Errno::EPERM, path, tree::DEVICES),
        _ => Ok(()),
    }
}

/// The object of an `f` call. An `O_PATH` fd gives no right to change anything.
pub(super) fn held(ask: &Ask<'_>) -> Result<Pin, Errno> {
    use rustix::fs::{OFlags, fcntl_getfl};
    let fd = real_fd(ask.call.fd(0))?;
    let flags = crate::resolve::lift(fcntl_getfl(crate::resolve::take_fd(ask.guest, fd)?))?;
    if flags.contains(OFlags::PATH) {
        return Err(Errno::EBADF);
    }
    Pin::of_fd(ask.guest, fd)
}
