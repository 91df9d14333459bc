//! Calls from 424 on, which all architectures number alike.

use super::super::Arg::{Fd, InBuf, Int, Path, Ptr};
use super::super::Route::{Broker, Never, Order, Shim};
use super::super::Syscall;
use super::super::checks::{FD0, ZERO4};
use super::errno::{ENOSYS, EPERM};
use super::{grant, row};

const PIDFD: &str = "fds of processes are not there yet; looks like an older kernel";
const RING: &str = "would act by structures that can change after the decision";
const MOUNTS: &str = "changes what paths mean, on which every decision about them rests";
const MOUNTED: &str = "tells of mounts that the policy may hide";
const LANDLOCK: &str = "would confine the trustee, not the program; looks like a kernel without it";
const FUTEX2: &str = "could wait on nurse's own words; looks like an older kernel, which has futex";
const LSM: &str = "tells of the host's security modules";
const XATTRAT: &str = "looks like an older kernel, which has the calls without -at";
const FILEATTR: &str = "looks like an older kernel";

#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row(424, "pidfd_send_signal", &[Fd, Int, Ptr, Int], Never(ENOSYS), PIDFD),
    row(425, "io_uring_setup", &[Int, Ptr], Never(ENOSYS), RING),
    row(426, "io_uring_enter", &[Fd, Int, Int, Int, Ptr, Int], Never(ENOSYS), RING),
    row(427, "io_uring_register", &[Fd, Int, Ptr, Int], Never(ENOSYS), RING),
    row(428, "open_tree", &[Fd, Ptr, Int], Never(EPERM), MOUNTS),
    row(429, "move_mount", &[Fd, Ptr, Fd, Ptr, Int], Never(EPERM), MOUNTS),
    row(430, "fsopen", &[Ptr, Int], Never(EPERM), MOUNTS),
    row(431, "fsconfig", &[Fd, Int, Ptr, Ptr, Int], Never(EPERM), MOUNTS),
    row(432, "fsmount", &[Fd, Int, Int], Never(EPERM), MOUNTS),
    row(433, "fspick", &[Fd, Ptr, Int], Never(EPERM), MOUNTS),
    row(434, "pidfd_open", &[Int, Int], Never(ENOSYS), PIDFD),
    row(435, "clone3", &[Ptr, Int], Shim, "looks like a kernel without it: ENOSYS, upon which the C library takes clone"),
    row(436, "close_range", &[Int, Int, Int], Order, "passes over nurse's own fds; CLOSE_RANGE_UNSHARE: EINVAL"),
    row(437, "openat2", &[Fd, Path, InBuf { len: 3 }, Int], Broker, ""),
    row(438, "pidfd_getfd", &[Fd, Fd, Int], Never(EPERM), "takes fds from other processes"),
    row(439, "faccessat2", &[Fd, Path, Int, Int], Broker, ""),
    row(440, "process_madvise", &[Fd, Ptr, Int, Int, Int], Never(ENOSYS), "reaches into other processes, and past what nurse protects in this one"),
    row(441, "epoll_pwait2", &[Fd, Ptr, Int, Ptr, Ptr, Int], grant(FD0 | ZERO4), ""),
    row(442, "mount_setattr", &[Fd, Ptr, Int, Ptr, Int], Never(EPERM), MOUNTS),
    row(443, "quotactl_fd", &[Fd, Int, Int, Ptr], Never(EPERM), "administers the host"),
    row(444, "landlock_create_ruleset", &[Ptr, Int, Int], Never(ENOSYS), LANDLOCK),
    row(445, "landlock_add_rule", &[Fd, Int, Ptr, Int], Never(ENOSYS), LANDLOCK),
    row(446, "landlock_restrict_self", &[Fd, Int], Never(ENOSYS), LANDLOCK),
    row(447, "memfd_secret", &[Int], Never(ENOSYS), "memory that nurse could not look into"),
    row(448, "process_mrelease", &[Fd, Int], Never(ENOSYS), PIDFD),
    row(449, "futex_waitv", &[Ptr, Int, Int, Ptr, Int], Never(ENOSYS), FUTEX2),
    row(450, "set_mempolicy_home_node", &[Int, Int, Int, Int], Never(ENOSYS), "where memory lies is nurse's; looks like a kernel without NUMA"),
    row(451, "cachestat", &[Fd, Ptr, Ptr, Int], Never(ENOSYS), "tells what others read lately"),
    row(452, "fchmodat2", &[Fd, Path, Int, Int], Broker, ""),
    row(453, "map_shadow_stack", &[Int, Int, Int], Never(ENOSYS), "shadow stacks are not there yet; looks like a kernel without them"),
    row(454, "futex_wake", &[Ptr, Int, Int, Int], Never(ENOSYS), FUTEX2),
    row(455, "futex_wait", &[Ptr, Int, Int, Int, Ptr, Int], Never(ENOSYS), FUTEX2),
    row(456, "futex_requeue", &[Ptr, Int, Int, Int], Never(ENOSYS), FUTEX2),
    row(457, "statmount", &[Ptr, Ptr, Int, Int], Never(ENOSYS), MOUNTED),
    row(458, "listmount", &[Ptr, Ptr, Int, Int], Never(ENOSYS), MOUNTED),
    row(459, "lsm_get_self_attr", &[Int, Ptr, Ptr, Int], Never(ENOSYS), LSM),
    row(460, "lsm_set_self_attr", &[Int, Ptr, Int, Int], Never(ENOSYS), LSM),
    row(461, "lsm_list_modules", &[Ptr, Ptr, Int], Never(ENOSYS), LSM),
    row(462, "mseal", &[Int, Int, Int], Order, "nurse's own pages: EPERM"),
    row(463, "setxattrat", &[Fd, Ptr, Int, Ptr, Ptr, Int], Never(ENOSYS), XATTRAT),
    row(464, "getxattrat", &[Fd, Ptr, Int, Ptr, Ptr, Int], Never(ENOSYS), XATTRAT),
    row(465, "listxattrat", &[Fd, Ptr, Int, Ptr, Int], Never(ENOSYS), XATTRAT),
    row(466, "removexattrat", &[Fd, Ptr, Int, Ptr], Never(ENOSYS), XATTRAT),
    row(467, "open_tree_attr", &[Fd, Ptr, Int, Ptr, Int], Never(EPERM), MOUNTS),
    row(468, "file_getattr", &[Fd, Ptr, Ptr, Int, Int], Never(ENOSYS), FILEATTR),
    row(469, "file_setattr", &[Fd, Ptr, Ptr, Int, Int], Never(ENOSYS), FILEATTR),
];
