//! The extended attribute calls: by path, by link, by fd.

use std::ffi::CStr;
use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, getxattr, getxattr_query, listxattr, listxattr_query, removexattr, setxattr};

use super::{Ask, attributes, done, uint};
use crate::call::{Answer, Errno, Outcome};
use crate::policy::Access;
use crate::resolve::{CWD, Last, Pin, Start, lift, proc_path};

/// Largest value, and largest list.
///
/// Source: xattr(7).
const XATTR_SIZE_MAX: usize = 65536;

/// How the first argument names the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// A path.
    Path(Last),
    /// An fd.
    Fd,
}

pub(super) fn get(mut ask: Ask<'_>, of: Of) -> Answer {
    let name = name(&ask)?;
    let path = find(&mut ask, of, Access::LOOK)?;
    match ask.call.args[3] {
        0 => sized(getxattr_query(path.path.as_str(), name)),
        size => filled(size, 2, |buffer| getxattr(path.path.as_str(), name, buffer)),
    }
}

pub(super) fn list(mut ask: Ask<'_>, of: Of) -> Answer {
    let path = find(&mut ask, of, Access::LOOK)?;
    match ask.call.args[2] {
        0 => sized(listxattr_query(path.path.as_str())),
        size => filled(size, 1, |buffer| listxattr(path.path.as_str(), buffer)),
    }
}

pub(super) fn set(mut ask: Ask<'_>, of: Of) -> Answer {
    let flags = uint(ask.call, 4);
    if flags & !(XattrFlags::CREATE | XattrFlags::REPLACE).bits() != 0 {
        return Err(Errno::EINVAL);
    }
    let name = name(&ask)?;
    let size = usize::try_from(ask.call.args[3]).map_err(|_| Errno::E2BIG)?;
    if size > XATTR_SIZE_MAX {
        return Err(Errno::E2BIG);
    }
    let value = if size == 0 { &[] } else { ask.call.bytes(2, size)? };
    let path = find(&mut ask, of, Access::WRITE)?;
    done(setxattr(path.path.as_str(), name, value, XattrFlags::from_bits_retain(flags)))
}

pub(super) fn remove(mut ask: Ask<'_>, of: Of) -> Answer {
    let name = name(&ask)?;
    let path = find(&mut ask, of, Access::WRITE)?;
    done(removexattr(path.path.as_str(), name))
}

/// A pin and the path by which the kernel finds it.
struct Found {
    path: String,
    _pin: Pin,
}

fn find(ask: &mut Ask<'_>, of: Of, access: Access) -> Result<Found, Errno> {
    let pin = match of {
        Of::Path(last) => ask.find(Start::Guest(CWD), ask.path(0)?, last)?,
        Of::Fd => attributes::held(ask)?,
    };
    // Whoever holds an fd may read its attributes.
    if !(pin.by_fd && access == Access::LOOK) {
        ask.permit(&pin, access)?;
    }
    Ok(Found { path: proc_path(pin.as_fd()), _pin: pin })
}

/// The attribute's name.
fn name<'a>(ask: &Ask<'a>) -> Result<&'a CStr, Errno> {
    match ask.call.string(1) {
        Ok(name) if name.is_empty() || name.count_bytes() > 255 => Err(Errno::ERANGE),
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        other => other,
    }
}

/// The answer to how large a buffer would have to be.
fn sized(length: rustix::io::Result<usize>) -> Answer {
    Ok(Outcome::Value(i64::try_from(lift(length)?).map_err(|_| Errno::E2BIG)?))
}

/// Runs `read` into a buffer of the guest's size.
fn filled(size: u64, arg: usize, read: impl FnOnce(&mut [u8]) -> rustix::io::Result<usize>) -> Answer {
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(XATTR_SIZE_MAX);
    let mut bytes = vec![0; size];
    let length = lift(read(&mut bytes))?;
    let result = i64::try_from(length).map_err(|_| Errno::E2BIG)?;
    bytes.truncate(length);
    Ok(Outcome::Filled { result, arg, bytes })
}
