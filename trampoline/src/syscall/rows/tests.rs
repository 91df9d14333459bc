use super::super::{Route, SYSCALLS, checks, find};
use super::rises;

#[test]
fn rows_rise_and_are_found() {
    assert!(rises(SYSCALLS));
    for row in SYSCALLS {
        assert_eq!(find(u64::from(row.nr)).map(|found| found.name), Some(row.name));
    }
    for unknown in [337, 400, 423, 470, 512, 0x4000_0000, u64::MAX] {
        assert!(find(unknown).is_none(), "{unknown} is no call of Linux 6.18");
    }
}

#[test]
fn every_number_of_linux_6_18_has_a_row() {
    for nr in (0..=336).chain(424..=469) {
        assert!(find(nr).is_some(), "{nr} has no row");
    }
}

#[test]
fn names_differ() {
    let mut names: Vec<_> = SYSCALLS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn grants_are_marked_as_such() {
    for row in SYSCALLS {
        if let Route::Grant(checks) = row.route {
            assert!(checks & checks::GRANTED != 0, "{} would never be granted", row.name);
        }
    }
}

/// The calls by which a thread changes itself, another process or what a filter protects: a standing grant for one of
/// them would hand the trustee to the guest.
#[test]
fn nothing_that_changes_the_trustee_is_granted_or_ordered() {
    let never_trustee = [
        "clone",
        "clone3",
        "fork",
        "vfork",
        "execve",
        "execveat",
        "prctl",
        "arch_prctl",
        "ptrace",
        "seccomp",
        "setns",
        "unshare",
        "rt_sigprocmask",
        "rt_sigreturn",
        "sigaltstack",
        "set_tid_address",
        "set_robust_list",
        "rseq",
        "capset",
        "personality",
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "setfsuid",
        "setfsgid",
        "setgroups",
        "sched_setaffinity",
        "sched_setscheduler",
        "sched_setattr",
        "sched_setparam",
        "ioprio_set",
        "set_mempolicy",
        "mbind",
        "chdir",
        "fchdir",
        "chroot",
        "umask",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "userfaultfd",
        "bpf",
        "keyctl",
        "perf_event_open",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        "process_madvise",
        "remap_file_pages",
        "pkey_mprotect",
        "vmsplice",
        "landlock_restrict_self",
        "modify_ldt",
        "shmat",
        "io_submit",
        "futex_waitv",
        "kexec_load",
        "mount",
        "open_by_handle_at",
        "open",
        "openat",
    ];
    for name in never_trustee {
        let row = SYSCALLS.iter().find(|row| row.name == name).expect(name);
        assert!(!matches!(row.route, Route::Grant(_) | Route::Order), "{name} reaches the trustee");
    }
}

#[test]
fn calls_on_a_descriptor_are_granted_only_with_a_look_at_it() {
    use super::super::Arg;
    let look = [checks::FD0, checks::FD1, checks::FD2, 0, checks::FD4, 0];
    for row in SYSCALLS {
        let Route::Grant(checks) = row.route else { continue };
        for (index, kind) in row.args.iter().enumerate() {
            assert!(*kind != Arg::Fd || checks & look[index] != 0, "{} takes any fd as argument {index}", row.name);
        }
    }
}
