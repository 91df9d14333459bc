//! Descriptors: duplicating, closing, flags and locks, waiting for them. What opens a path is in `path`, sockets are in
//! `socket`.

mod fcntl;
mod ioctl;

pub use fcntl::NEVER_FCNTLS;
pub use ioctl::NEVER_IOCTLS;

use super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    Some(match i64::from(call.row.nr) {
        libc::SYS_fcntl => fcntl::decide(guest, call),
        libc::SYS_ioctl => ioctl::decide(guest, call),
        libc::SYS_close_range => close_range(guest, call),
        libc::SYS_ppoll => Ok(without(call, 3)),
        libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => Ok(without(call, 4)),
        libc::SYS_pselect6 => Ok(without(call, 5)),
        libc::SYS_preadv2 | libc::SYS_pwritev2 => vector(call),
        libc::SYS_memfd_create => memfd_create(call),
        libc::SYS_sync => Ok(Order::same(call)),
        _ => return None,
    })
}

/// The call without its signal mask, which would become the trustee's: whoever wants one waits under it himself, as
/// the shim does.
fn without(call: &Call, mask: usize) -> crate::call::Outcome {
    let mut args = call.args;
    args[mask] = 0;
    Order::plain(call.row.nr, args)
}

/// close_range(2) around nurse's own fds. There are none of the program's above them: RLIMIT_NOFILE ends below.
fn close_range(guest: &Guest, call: &Call) -> Answer {
    let (first, last) = (call.int(0).cast_unsigned(), call.int(1).cast_unsigned());
    let flags = call.int(2).cast_unsigned();
    if flags & !libc::CLOSE_RANGE_CLOEXEC != 0 || first > last {
        // CLOSE_RANGE_UNSHARE would give the trustee a table of its own.
        return Err(Errno::EINVAL);
    }
    if first >= guest.fd_low {
        return Ok(crate::call::Outcome::Value(0));
    }
    let last = last.min(guest.fd_low - 1);
    Ok(Order::plain(call.row.nr, [first.into(), last.into(), flags.into(), 0, 0, 0]))
}

/// Flags of preadv2 and pwritev2 that do not change what the policy allowed when the file was opened.
const VECTOR_FLAGS: i32 = libc::RWF_HIPRI | libc::RWF_DSYNC | libc::RWF_SYNC | libc::RWF_NOWAIT | libc::RWF_APPEND;

fn vector(call: &Call) -> Answer {
    if call.int(5) & !VECTOR_FLAGS != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut args = call.args;
    args[5] = word(call.int(5));
    Ok(Order::plain(call.row.nr, args))
}

/// Memory files: huge pages are a pool of the host's.
fn memfd_create(call: &Call) -> Answer {
    const MFD_NOEXEC_SEAL: u32 = 8;
    const MFD_EXEC: u32 = 16;
    let flags = call.int(1).cast_unsigned();
    if flags & !(libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Order::plain(call.row.nr, [call.args[0], flags.into(), 0, 0, 0, 0]))
}

#[cfg(test)]
mod tests;
