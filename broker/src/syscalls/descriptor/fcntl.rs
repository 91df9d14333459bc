//! fcntl(2), by a list of commands.

use super::super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;
const F_GETOWNER_UIDS: i32 = 17;
const F_DUPFD_QUERY: i32 = 1027;
const F_CREATED_QUERY: i32 = 1028;
const F_GET_RW_HINT: i32 = 1035;
const F_GET_FILE_RW_HINT: i32 = 1037;

/// Commands by which the kernel would send signals about a file, to whom one likes, or make others wait. The trustee's
/// filter knows them as well.
pub const NEVER_FCNTLS: [u32; 5] = [
    libc::F_SETOWN.cast_unsigned(),
    10, // F_SETSIG
    F_SETOWN_EX.cast_unsigned(),
    libc::F_SETLEASE.cast_unsigned(),
    libc::F_NOTIFY.cast_unsigned(),
];

/// Commands that change no more than the open file itself, or only ask; locks belong to the fd table that the trustee
/// shares.
const HARMLESS: [i32; 20] = [
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
    libc::F_GETOWN,
    11, // F_GETSIG
    F_GETOWN_EX,
    F_GETOWNER_UIDS,
    libc::F_GETLEASE,
    libc::F_SETPIPE_SZ,
    libc::F_GETPIPE_SZ,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
    F_GET_RW_HINT,
    F_GET_FILE_RW_HINT,
];

/// Decides an fcntl on an fd that is none of nurse's.
pub(super) fn decide(guest: &mut Guest, call: &Call) -> Answer {
    let (fd, command, arg) = (word(call.fd(0)), call.int(1), call.args[2]);
    if NEVER_FCNTLS.contains(&command.cast_unsigned()) {
        return Err(guest.refuse(
            format!("fcntl command {command}"),
            Errno::EPERM,
            "the kernel would send signals, or make others wait, past nurse",
        ));
    }
    match command {
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC if arg >= u64::from(guest.fd_low) => return Err(Errno::EINVAL),
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => {}
        libc::F_SETFL if arg & u64::from(libc::O_ASYNC.cast_unsigned()) != 0 => {
            return Err(guest.refuse(
                "fcntl F_SETFL O_ASYNC",
                Errno::EPERM,
                "the kernel would send signals past nurse",
            ));
        }
        libc::F_SETFL | F_CREATED_QUERY => {}
        F_DUPFD_QUERY if guest.is_reserved(call.int(2)) => return Err(Errno::EBADF),
        F_DUPFD_QUERY => {}
        command if HARMLESS.contains(&command) => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(Order::plain(call.row.nr, [fd, word(command), arg, 0, 0, 0]))
}
