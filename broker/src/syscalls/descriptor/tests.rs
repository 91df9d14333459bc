use super::super::testing::{FD_LOW, ask, errno, order, value};
use super::*;

const LOW: u64 = FD_LOW as u64;

#[test]
fn close_range_passes_over_nurses_fds() {
    assert_eq!(order(ask("close_range", &[3, 9, 0])).args[..3], [3, 9, 0]);
    assert_eq!(order(ask("close_range", &[3, u64::MAX, 0])).args[..3], [3, LOW - 1, 0]);
    assert_eq!(order(ask("close_range", &[3, LOW, 4])).args[..3], [3, LOW - 1, 4]);
    assert_eq!(value(ask("close_range", &[LOW, LOW + 1, 0])), 0);
    assert_eq!(value(ask("close_range", &[LOW + 9, u64::MAX, 0])), 0);
    assert_eq!(errno(ask("close_range", &[9, 3, 0])), Errno::EINVAL);
    assert_eq!(errno(ask("close_range", &[3, 9, 2])), Errno::EINVAL, "CLOSE_RANGE_UNSHARE");
}

#[test]
fn no_close_range_order_covers_a_reserved_fd() {
    for first in [0, 3, LOW - 1, LOW, LOW + 1, u64::from(u32::MAX), 1 << 32] {
        for last in [0, 3, LOW - 1, LOW, LOW + 1, u64::from(u32::MAX), u64::MAX] {
            if let Ok(crate::call::Outcome::Order(order)) = ask("close_range", &[first, last, 0]) {
                assert!(order.args[1] < LOW, "{first} {last}");
            }
        }
    }
}

#[test]
fn fcntl_by_its_list() {
    assert_eq!(order(ask("fcntl", &[3, 1030, 10])).args[..3], [3, 1030, 10], "F_DUPFD_CLOEXEC");
    assert_eq!(order(ask("fcntl", &[3, 6, 0x1000])).args[1], 6, "F_SETLK");
    assert_eq!(order(ask("fcntl", &[3, 4, 0x800])).args[2], 0x800, "F_SETFL O_NONBLOCK");
    assert_eq!(errno(ask("fcntl", &[3, 1030, LOW])), Errno::EINVAL);
    assert_eq!(errno(ask("fcntl", &[3, 0, 1 << 40])), Errno::EINVAL);
    assert_eq!(errno(ask("fcntl", &[3, 4, 0x2000])), Errno::EPERM, "O_ASYNC");
    assert_eq!(errno(ask("fcntl", &[LOW, 4, 0x800])), Errno::EBADF);
    for command in [8, 10, 15, 1024, 1026] {
        assert_eq!(errno(ask("fcntl", &[3, command, 1])), Errno::EPERM, "{command}");
        assert_eq!(errno(ask("fcntl", &[3, command | 1 << 32, 1])), Errno::EPERM, "{command} with high bits");
    }
    assert_eq!(errno(ask("fcntl", &[3, 9999, 1])), Errno::EINVAL);
    assert_eq!(errno(ask("fcntl", &[3, 1027, LOW])), Errno::EBADF, "F_DUPFD_QUERY");
}

#[test]
fn ioctl_by_its_list() {
    assert_eq!(order(ask("ioctl", &[0, 0x5401, 0x1000])).args[..3], [0, 0x5401, 0x1000]);
    assert_eq!(
        order(ask("ioctl", &[0, 0x5401 | 7 << 32, 0x1000])).args[1],
        0x5401,
        "what the kernel sees is what is ordered"
    );
    assert_eq!(errno(ask("ioctl", &[LOW, 0x5421, 0])), Errno::EBADF, "no mode of nurse's own fds");
    for request in NEVER_IOCTLS {
        assert_eq!(errno(ask("ioctl", &[0, request.into(), 0])), Errno::EPERM);
        assert_eq!(errno(ask("ioctl", &[0, u64::from(request) | 1 << 32, 0])), Errno::EPERM, "CVE-2019-10063");
    }
    assert_eq!(errno(ask("ioctl", &[0, 0x5410, 0])), Errno::EPERM, "TIOCSPGRP");
    assert_eq!(errno(ask("ioctl", &[0, 0x1234_5678, 0])), Errno::ENOTTY);
    assert_eq!(errno(ask("ioctl", &[3, 0x4004_9409, LOW])), Errno::EBADF, "FICLONE of nurse's fd");
    assert_eq!(order(ask("ioctl", &[3, 0x4004_9409, 4])).args[2], 4);
}

#[test]
fn the_lists_do_not_contradict_each_other() {
    use super::super::testing::guest;
    let mut guest = guest();
    for request in NEVER_IOCTLS {
        let call = super::super::testing::call("ioctl", &[0, request.into(), 0]);
        assert!(super::super::handle(&mut guest, &call).is_err());
    }
    assert_eq!(guest.refusals.total(), NEVER_IOCTLS.len() as u64, "each is remembered");
}

#[test]
fn a_trustee_never_waits_under_a_mask() {
    assert_eq!(order(ask("ppoll", &[0x1000, 1, 0, 0x2000, 8])).args, [0x1000, 1, 0, 0, 8, 0]);
    assert_eq!(order(ask("pselect6", &[1, 0, 0, 0, 0, 0x2000])).args[5], 0);
    assert_eq!(order(ask("epoll_pwait", &[5, 0x1000, 1, 0, 0x2000, 8])).args[4], 0);
    assert_eq!(order(ask("epoll_pwait2", &[5, 0x1000, 1, 0, 0x2000, 8])).args[4], 0);
    assert_eq!(errno(ask("epoll_pwait", &[LOW, 0x1000, 1, 0, 0x2000, 8])), Errno::EBADF);
}

#[test]
fn flags_of_vectors_and_memory_files() {
    assert_eq!(order(ask("preadv2", &[3, 0x1000, 1, 0, 0, 8])).args[5], 8, "RWF_NOWAIT");
    assert_eq!(errno(ask("pwritev2", &[3, 0x1000, 1, 0, 0, 0x20])), Errno::EOPNOTSUPP, "RWF_NOAPPEND");
    assert_eq!(order(ask("memfd_create", &[0x1000, 3])).args[1], 3);
    assert_eq!(errno(ask("memfd_create", &[0x1000, 4])), Errno::EINVAL, "MFD_HUGETLB");
}
