//! Calls with a standing grant that come to the broker nevertheless: the shim saw a check fail, or someone asks the
//! broker for the fun of it. What the checks allow is as lawful here; what names one of nurse's fds finds it closed.

use trampoline::checks::allowed;
use trampoline::syscall::{Route, checks};

use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

/// Answers where the checks themselves say how; `None` where a family has to look closer.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    let Route::Grant(grant) = call.row.route else { return None };
    if allowed(u64::from(call.row.nr), &call.args, grant, &guest.bounds()) {
        return Some(Ok(Order::same(call)));
    }
    let looked_at = [(checks::FD0, 0), (checks::FD1, 1), (checks::FD2, 2), (checks::FD4, 4)];
    let reserved = looked_at.iter().any(|&(check, index)| grant & check != 0 && guest.is_reserved(call.fd(index)));
    reserved.then_some(Err(Errno::EBADF))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FD_LOW, ask, errno, order};
    use super::*;

    #[test]
    fn lawful_grants_are_ordered_as_they_are() {
        let order = order(ask("lseek", &[3, 10, 0]));
        assert_eq!((order.nr, order.args), (8, [3, 10, 0, 0, 0, 0]));
    }

    #[test]
    fn fds_of_nurse_look_closed() {
        let fd = u64::from(FD_LOW);
        assert_eq!(errno(ask("close", &[fd])), Errno::EBADF);
        assert_eq!(errno(ask("close", &[fd | 1 << 32])), Errno::EBADF, "the kernel looks at 32 bits");
        assert_eq!(errno(ask("dup2", &[1, fd + 5])), Errno::EBADF);
        assert_eq!(errno(ask("epoll_ctl", &[5, 1, fd, 0])), Errno::EBADF);
        assert_eq!(errno(ask("copy_file_range", &[5, 0, fd, 0, 1, 0])), Errno::EBADF);
        assert_eq!(errno(ask("mmap", &[0, 4096, 1, 2, fd, 0])), Errno::EBADF);
        assert_eq!(order(ask("dup2", &[1, fd - 1])).nr, 33);
    }
}
