//! utime, utimes, futimesat, utimensat.

use std::os::fd::RawFd;

use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_NOW, utimensat as set_times};

use super::{Ask, attributes, done, shown};
use crate::call::{Answer, Errno};
use crate::policy::Access;
use crate::resolve::{CWD, Last, Pin, Start};

pub(super) fn utime(mut ask: Ask<'_>) -> Answer {
    let times = match words(&ask, 1)? {
        None => now(),
        Some([access, modification, ..]) => stamps((access, 0), (modification, 0)),
    };
    let pin = ask.find(Start::Guest(CWD), ask.path(0)?, Last::Follow)?;
    set(ask, &pin, &times)
}

/// utimes and futimesat: microseconds.
pub(super) fn utimes(mut ask: Ask<'_>, fd: RawFd, path: usize) -> Answer {
    let times = match words(&ask, path + 1)? {
        None => now(),
        Some([access, access_micros, modification, modification_micros]) => {
            let micros = 0..1_000_000;
            if !micros.contains(&access_micros) || !micros.contains(&modification_micros) {
                return Err(Errno::EINVAL);
            }
            stamps((access, access_micros * 1000), (modification, modification_micros * 1000))
        }
    };
    let pin = if path == 1 && ask.call.is_null(path) {
        Pin::of_fd(ask.guest, fd)?
    } else {
        ask.find(Start::Guest(fd), ask.path(path)?, Last::Follow)?
    };
    set(ask, &pin, &times)
}

pub(super) fn utimensat(mut ask: Ask<'_>) -> Answer {
    let times = match words(&ask, 2)? {
        None => now(),
        Some([access, access_nanos, modification, modification_nanos]) => {
            stamps((access, access_nanos), (modification, modification_nanos))
        }
    };
    if times.last_access.tv_nsec == UTIME_OMIT && times.last_modification.tv_nsec == UTIME_OMIT {
        return Ok(crate::call::Outcome::Value(0));
    }
    let (fd, flags) = (ask.call.fd(0), ask.call.int(3));
    if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let pin = if ask.call.is_null(1) && fd != CWD {
        // futimens: no path, no flags.
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        attributes::held(&ask)?
    } else {
        ask.find_at(fd, 1, flags)?
    };
    set(ask, &pin, &times)
}

/// `tv_nsec` that leaves a time as it is.
const UTIME_OMIT: i64 = rustix::fs::UTIME_OMIT;

fn set(mut ask: Ask<'_>, pin: &Pin, times: &Timestamps) -> Answer {
    ask.permit(pin, Access::WRITE)?;
    let link = shown(pin)?;
    done(set_times(link.dir, link.name, times, AtFlags::empty()))
}

fn now() -> Timestamps {
    stamps((0, UTIME_NOW), (0, UTIME_NOW))
}

fn stamps((access, access_nanos): (i64, i64), (modification, modification_nanos): (i64, i64)) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: access, tv_nsec: access_nanos },
        last_modification: Timespec { tv_sec: modification, tv_nsec: modification_nanos },
    }
}

/// The four words of two timestamps in argument `index`; `None` for NULL. A `utimbuf` has two.
fn words(ask: &Ask<'_>, index: usize) -> Result<Option<[i64; 4]>, Errno> {
    if ask.call.is_null(index) {
        return Ok(None);
    }
    let mut words = [0; 4];
    let given = if ask.call.row.name == "utime" { 2 } else { 4 };
    let bytes = ask.call.bytes(index, given * 8)?;
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = i64::from_ne_bytes(bytes.try_into().map_err(|_| Errno::EFAULT)?);
    }
    Ok(Some(words))
}
