//! Calls 300 to 336.

use super::super::Arg::{Fd, In, Int, Out, Path, Ptr};
use super::super::Route::{Broker, Never, Order, Shim};
use super::super::Syscall;
use super::super::checks::{FD0, FD2, ZERO5};
use super::errno::{EINVAL, ENOSYS, EOPNOTSUPP, EPERM};
use super::{grant, row};

const ADMIN: &str = "administers the host";
const OTHERS: &str = "reaches into other processes, and past what nurse protects in this one";
const HANDLES: &str = "reaches files past their paths, on which the policy decides";
const PKEY: &str = "keys are a thread's own register, which the trustee does not share";

#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row(300, "fanotify_init", &[Int, Int], Never(EPERM), "watches what others do"),
    row(301, "fanotify_mark", &[Fd, Int, Int, Fd, Ptr], Never(EPERM), "watches what others do"),
    row(302, "prlimit64", &[Int, Int, In(16), Ptr], Order, "of the program itself only; never above the hard limit, not even for root"),
    row(303, "name_to_handle_at", &[Fd, Ptr, Ptr, Ptr, Int], Never(EOPNOTSUPP), HANDLES),
    row(304, "open_by_handle_at", &[Fd, Ptr, Int], Never(EPERM), HANDLES),
    row(305, "clock_adjtime", &[Int, Ptr], Never(EPERM), ADMIN),
    row(306, "syncfs", &[Fd], grant(FD0), ""),
    row(307, "sendmmsg", &[Fd, Ptr, Int, Int], Shim, "several messages are sent one at a time, each as sendmsg"),
    row(308, "setns", &[Fd, Int], Never(EPERM), "would take the trustee, not the program, into another namespace"),
    row(309, "getcpu", &[Ptr, Ptr, Ptr], grant(0), ""),
    row(310, "process_vm_readv", &[Int, Ptr, Int, Ptr, Int, Int], Never(EPERM), OTHERS),
    row(311, "process_vm_writev", &[Int, Ptr, Int, Ptr, Int, Int], Never(EPERM), OTHERS),
    row(312, "kcmp", &[Int, Int, Int, Int, Int], Never(EPERM), OTHERS),
    row(313, "finit_module", &[Fd, Ptr, Int], Never(EPERM), "kernel modules are the host's"),
    row(314, "sched_setattr", &[Int, Ptr, Int], Never(EPERM), "scheduling is nurse's"),
    row(315, "sched_getattr", &[Int, Ptr, Int, Int], Order, "of the program itself only; others: ESRCH"),
    row(316, "renameat2", &[Fd, Path, Fd, Path, Int], Broker, ""),
    row(317, "seccomp", &[Int, Int, Ptr], Never(EINVAL), "would filter the trustee, not the program"),
    row(318, "getrandom", &[Ptr, Int, Int], grant(0), ""),
    row(319, "memfd_create", &[Ptr, Int], Order, "without MFD_HUGETLB"),
    row(320, "kexec_file_load", &[Fd, Fd, Int, Ptr, Int], Never(EPERM), ADMIN),
    row(321, "bpf", &[Int, Ptr, Int], Never(EPERM), "runs code in the kernel"),
    row(322, "execveat", &[Fd, Path, Ptr, Ptr, Int], Broker, "starting another program inside the sandbox is not there yet: EPERM"),
    row(323, "userfaultfd", &[Int], Never(ENOSYS), "could stall nurse in the middle of a copy"),
    row(324, "membarrier", &[Int, Int, Int], grant(0), ""),
    row(325, "mlock2", &[Int, Int, Int], Order, "nurse's own pages: EPERM"),
    row(326, "copy_file_range", &[Fd, Ptr, Fd, Ptr, Int, Int], grant(FD0 | FD2), ""),
    row(327, "preadv2", &[Fd, Ptr, Int, Int, Int, Int], grant(FD0 | ZERO5), "flags nurse does not know: EOPNOTSUPP"),
    row(328, "pwritev2", &[Fd, Ptr, Int, Int, Int, Int], grant(FD0 | ZERO5), "flags nurse does not know, RWF_NOAPPEND among them: EOPNOTSUPP"),
    row(329, "pkey_mprotect", &[Int, Int, Int, Int], Never(ENOSYS), PKEY),
    row(330, "pkey_alloc", &[Int, Int], Never(ENOSYS), PKEY),
    row(331, "pkey_free", &[Int], Never(ENOSYS), PKEY),
    row(332, "statx", &[Fd, Path, Int, Int, Out(256)], Broker, ""),
    row(333, "io_pgetevents", &[Int, Int, Int, Ptr, Ptr, Ptr], Never(ENOSYS), "would act on fds by structures that can change after the decision"),
    row(334, "rseq", &[Ptr, Int, Int, Int], Shim, "looks like a kernel without it: ENOSYS"),
    row(335, "uretprobe", &[], Never(ENOSYS), "only the kernel's own trampoline may call it"),
    row(336, "uprobe", &[], Never(ENOSYS), "only the kernel's own trampoline may call it"),
];
