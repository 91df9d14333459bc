//! getcwd, chdir, fchdir: the working directory is the broker's record; the kernel's own of the guest is unused.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, accessat};

use super::{Ask, real_fd, shown};
use crate::call::{Answer, Errno, Outcome};
use crate::policy::Access;
use crate::resolve::{self, CWD, Last, Pin, Start, lift};

pub(super) fn getcwd(ask: Ask<'_>) -> Answer {
    let pin = Pin::of_fd(ask.guest, CWD)?;
    let mut bytes = resolve::bytes(&resolve::shown(pin.as_fd())?).to_vec();
    if bytes.ends_with(b" (deleted)") && pin.path().is_some_and(|path| resolve::bytes(path) != bytes) {
        return Err(Errno::ENOENT);
    }
    bytes.push(0);
    if ask.call.args[1] < bytes.len() as u64 {
        return Err(Errno::ERANGE);
    }
    let result = i64::try_from(bytes.len()).map_err(|_| Errno::ENAMETOOLONG)?;
    Ok(Outcome::Filled { result, arg: 0, bytes })
}

pub(super) fn chdir(mut ask: Ask<'_>) -> Answer {
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, Last::Follow)?;
    ask.permit(&pin, Access::LOOK)?;
    enter(ask, pin)
}

pub(super) fn fchdir(ask: Ask<'_>) -> Answer {
    let pin = Pin::of_fd(ask.guest, real_fd(ask.call.fd(0))?)?;
    enter(ask, pin)
}

fn enter(ask: Ask<'_>, pin: Pin) -> Answer {
    if pin.kind() != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    let link = shown(&pin)?;
    lift(accessat(link.dir, link.name, rustix::fs::Access::EXEC_OK, AtFlags::EACCESS))?;
    ask.guest.cwd = pin.fd;
    Ok(Outcome::Value(0))
}
