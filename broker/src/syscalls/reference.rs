//! The generated reference of system calls.

use std::fmt::Write as _;

use trampoline::syscall::{Route, SYSCALLS};

use crate::call::Errno;

const HEAD: &str = "\
# System calls

What nurse does with every system call of x86_64 Linux up to 6.18. Generated from the syscall table
(`trampoline/src/syscall/rows/`) by `nurse syscalls`; edit the table, not this file.

A call that is not refused here still does no more than the policy allows.

| how | means |
|---|---|
| itself | the program's own thread makes the call, as strict seccomp lets it |
| emulated | answered inside the program's thread, without asking anyone |
| granted | made at once by the trustee, a helper thread: safe with any arguments, after a look at them where needed |
| asked | decided by nurse, then made by the trustee |
| nurse | decided and done by nurse on the program's behalf |
| refused | answered with the errno, whatever the policy says |

Numbers that are not listed are answered with ENOSYS.

| number | call | how | what differs |
|---:|---|---|---|
";

/// SYSCALLS.md, as the table says.
#[must_use]
pub fn syscalls_markdown() -> String {
    let mut text = String::from(HEAD);
    for row in SYSCALLS {
        let how = match row.route {
            Route::Direct => "itself".into(),
            Route::Shim => "emulated".into(),
            Route::Grant(_) => "granted".into(),
            Route::Order => "asked".into(),
            Route::Broker => "nurse".into(),
            Route::Never(errno) => format!("refused: {:?}", Errno::from_raw(errno)),
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "| {} | {} | {how} | {} |", row.nr, row.name, row.note);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../SYSCALLS.md");

    #[test]
    fn the_file_is_fresh() {
        if std::env::var_os("NURSE_REGENERATE").is_some() {
            std::fs::write(FILE, syscalls_markdown()).unwrap();
        }
        let file = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            file == syscalls_markdown(),
            "SYSCALLS.md is not what the table says; write it anew with NURSE_REGENERATE=1 cargo test -p nurse --lib reference"
        );
    }

    #[test]
    fn every_row_is_one_line_of_four_cells() {
        for line in syscalls_markdown().lines().skip_while(|line| !line.starts_with("| 0 |")) {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_c_library() {
        macro_rules! check {
            ($($name:ident)*) => { [$((stringify!($name).strip_prefix("SYS_").unwrap_or_default(), libc::$name)),*] };
        }
        let known = check![
            SYS_read SYS_write SYS_open SYS_stat SYS_mmap SYS_rt_sigaction SYS_ioctl SYS_mremap SYS_shmat SYS_dup2 SYS_sendfile
            SYS_socket SYS_sendmsg SYS_socketpair SYS_clone SYS_execve SYS_kill SYS_fcntl SYS_getcwd SYS_rename SYS_readlink
            SYS_umask SYS_getrusage SYS_ptrace SYS_setuid SYS_getppid SYS_setresuid SYS_capget SYS_rt_sigsuspend SYS_personality
            SYS_statfs SYS_getpriority SYS_sched_getparam SYS_mlock SYS_prctl SYS_arch_prctl SYS_setrlimit SYS_mount SYS_gettid
            SYS_setxattr SYS_fremovexattr SYS_tkill SYS_futex SYS_sched_getaffinity SYS_io_submit SYS_remap_file_pages
            SYS_getdents64 SYS_set_tid_address SYS_timer_create SYS_clock_gettime SYS_exit_group SYS_epoll_ctl SYS_tgkill
            SYS_mq_notify SYS_waitid SYS_keyctl SYS_inotify_add_watch SYS_openat SYS_newfstatat SYS_readlinkat SYS_faccessat
            SYS_pselect6 SYS_ppoll SYS_set_robust_list SYS_splice SYS_vmsplice SYS_utimensat SYS_epoll_pwait SYS_signalfd4
            SYS_dup3 SYS_pipe2 SYS_preadv SYS_rt_tgsigqueueinfo SYS_recvmmsg SYS_prlimit64 SYS_open_by_handle_at SYS_sendmmsg
            SYS_process_vm_writev SYS_kcmp SYS_renameat2 SYS_seccomp SYS_getrandom SYS_memfd_create SYS_bpf SYS_execveat
            SYS_userfaultfd SYS_membarrier SYS_copy_file_range SYS_pwritev2 SYS_pkey_mprotect SYS_statx SYS_rseq
            SYS_pidfd_send_signal SYS_io_uring_setup SYS_pidfd_open SYS_clone3 SYS_close_range SYS_openat2 SYS_pidfd_getfd
            SYS_faccessat2 SYS_process_madvise SYS_epoll_pwait2 SYS_landlock_restrict_self SYS_memfd_secret SYS_futex_waitv
            SYS_fchmodat2 SYS_mseal
        ];
        for (name, nr) in known {
            let row = SYSCALLS.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no row {name}"));
            assert_eq!(i64::from(row.nr), nr, "{name}");
        }
    }
}
