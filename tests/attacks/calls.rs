//! Calls that nobody gets, and forms of other calls that nobody gets.

use trampoline::syscall::{Route, SYSCALLS};

use crate::Attack;
use crate::forge::{direct, post, post_with};
use crate::raw::{breached, call, held, refused, told};

pub(crate) const ATTACKS: &[Attack] =
    &[("calls.never", never), ("calls.prctl", prctl), ("calls.terminal", terminal), ("calls.owner", owner)];

/// Every refusal of the table; first those that an ordinary user would be granted by the kernel.
fn never() {
    let pid = call(libc::SYS_getpid as u64, &[]) as u64;
    let (mut buffer, text) = ([0_u8; 256], b"some text\0");
    let (to, from) = (buffer.as_mut_ptr() as u64, text.as_ptr() as u64);
    let (local, remote) = ([to, 4], [from, 4]);
    let vectors = [pid, local.as_ptr() as u64, 1, remote.as_ptr() as u64, 1, 0];
    let easy: [(&str, i64, [u64; 6]); 9] = [
        ("process_vm_readv", libc::SYS_process_vm_readv, vectors),
        ("pidfd_open", libc::SYS_pidfd_open, [pid, 0, 0, 0, 0, 0]),
        ("kcmp", libc::SYS_kcmp, [pid, pid, 0, 0, 0, 0]),
        ("unshare", libc::SYS_unshare, [0, 0, 0, 0, 0, 0]),
        ("modify_ldt", libc::SYS_modify_ldt, [0, to, 16, 0, 0, 0]),
        ("get_mempolicy", libc::SYS_get_mempolicy, [0, 0, 0, 0, 0, 0]),
        ("get_robust_list", libc::SYS_get_robust_list, [0, to, to + 8, 0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0]),
        ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset, [0, 0, 1, 0, 0, 0]),
    ];
    for (name, number, args) in easy {
        refused(&format!("{name} posted"), post(number as u64, &args));
    }
    for row in SYSCALLS {
        let Route::Never(errno) = row.route else { continue };
        for args in [[0; 6], [1, to, 8, to, 8, to], [u64::MAX; 6]] {
            for (how, result) in [
                ("by the shim", call(row.nr.into(), &args)),
                ("posted", post(row.nr.into(), &args)),
                ("direct", direct(row.nr.into(), &args)),
            ] {
                let expected = if how == "direct" { -1 } else { -i64::from(errno) };
                if result != expected {
                    breached(&format!("{} {how}", row.name), told(result));
                }
            }
        }
    }
    held("every call that the table refuses", "refused in three ways");
}

/// prctl(2) and its like: what would change the process or the confinement.
fn prctl() {
    let mut room = [0_u64; 8];
    let at = room.as_mut_ptr() as u64;
    let options: [(&str, u64, u64, u64); 13] = [
        ("PR_SET_KEEPCAPS", 8, 1, 0),
        ("PR_SET_SECCOMP", 22, 2, at),
        ("PR_SET_TSC", 26, 1, 0),
        ("PR_SET_SECUREBITS", 28, 0, 0),
        ("PR_SET_MM", 35, 1, at),
        ("PR_SET_CHILD_SUBREAPER", 36, 1, 0),
        ("PR_SET_SYSCALL_USER_DISPATCH", 59, 0, 0),
        ("PR_CAP_AMBIENT", 47, 2, 1),
        ("PR_SET_MDWE", 65, 1, 0),
        ("PR_SET_PTRACER", 0x5961_6d61, u64::MAX, 0),
        ("PR_SET_IO_FLUSHER", 57, 1, 0),
        ("PR_SET_SHADOW_STACK_STATUS", 75, 0, 0),
        ("an unknown option", 0x7777, 0, 0),
    ];
    for (name, option, second, third) in options {
        refused(&format!("{name} by the shim"), call(libc::SYS_prctl as u64, &[option, second, third, 0, 0]));
        refused(&format!("{name} posted"), post(libc::SYS_prctl as u64, &[option, second, third, 0, 0]));
        let high = post(libc::SYS_prctl as u64, &[option | 1 << 32, second, third, 0, 0]);
        refused(&format!("{name} with high bits"), high);
    }
    for (name, code) in [
        ("ARCH_MAP_VDSO_64", 0x2003),
        ("ARCH_SET_CPUID", 0x1012),
        ("ARCH_SHSTK_ENABLE", 0x5001),
        ("ARCH_REQ_XCOMP_PERM", 0x1023),
        ("ARCH_GET_UNTAG_MASK", 0x4001),
    ] {
        refused(&format!("{name} by the shim"), call(libc::SYS_arch_prctl as u64, &[code, at]));
        refused(&format!("{name} posted"), post(libc::SYS_arch_prctl as u64, &[code, at]));
    }
    refused("personality(READ_IMPLIES_EXEC)", call(libc::SYS_personality as u64, &[0x0040_0000]));
    // It may look like success; the broker must not go blind by it.
    let dumpable = call(libc::SYS_prctl as u64, &[4, 0, 0, 0, 0]);
    match crate::raw::content("/proc/self/maps") {
        Ok(maps) if maps.contains("nurse-text") => held("PR_SET_DUMPABLE", told(dumpable)),
        other => breached("PR_SET_DUMPABLE", format!("the broker is blind: {:?}", other.err())),
    }
}

/// Typing into the terminal that nurse was started from.
fn terminal() {
    let byte = b'x';
    let at = &raw const byte as u64;
    for (name, request) in [
        ("TIOCSTI", 0x5412),
        ("TIOCSTI with high bits", 0x5412 | 7 << 32),
        ("TIOCLINUX", 0x541c),
        ("TIOCSETD", 0x5423),
        ("TIOCCONS", 0x541d),
        ("FIOASYNC", 0x5452),
        ("FIOSETOWN", 0x8901),
        ("SIOCSPGRP", 0x8902),
    ] {
        for fd in 0..3 {
            refused(&format!("{name} on {fd} by the shim"), call(libc::SYS_ioctl as u64, &[fd, request, at]));
            refused(&format!("{name} on {fd} posted"), post_with(libc::SYS_ioctl as u64, &[fd, request, at], b"x"));
            refused(&format!("{name} on {fd} direct"), direct(libc::SYS_ioctl as u64, &[fd, request, at]));
        }
    }
}

/// Signals by way of files: the owner of an fd gets them, and could be the broker.
fn owner() {
    let mut ends = [0_i32; 2];
    assert_eq!(direct(libc::SYS_pipe2 as u64, &[ends.as_mut_ptr() as u64, 0]), 0);
    let broker = direct(libc::SYS_getppid as u64, &[]) as u64;
    let fd = ends[0] as u64;
    for (name, command, argument) in [
        ("F_SETOWN", 8, broker),
        ("F_SETSIG", 10, u64::from(trampoline::layout::CANCEL_SIGNAL.unsigned_abs())),
        ("F_SETOWN_EX", 15, ends.as_ptr() as u64),
        ("F_NOTIFY", 1026, 1),
        ("F_SETLEASE", 1024, 1),
        ("F_SETOWN with high bits", 8 | 1 << 32, broker),
        ("F_SETFL O_ASYNC", 4, 0x2000),
    ] {
        refused(&format!("{name} direct"), direct(libc::SYS_fcntl as u64, &[fd, command, argument]));
        // O_ASYNC may be left out of what is set.
        if command != 4 {
            refused(&format!("{name} posted"), post(libc::SYS_fcntl as u64, &[fd, command, argument]));
            refused(&format!("{name} by the shim"), call(libc::SYS_fcntl as u64, &[fd, command, argument]));
        }
    }
    let flags = direct(libc::SYS_fcntl as u64, &[fd, 3, 0]);
    post(libc::SYS_fcntl as u64, &[fd, 4, 0x2000]);
    let now = direct(libc::SYS_fcntl as u64, &[fd, 3, 0]);
    if now & 0x2000 != 0 {
        breached("O_ASYNC", format!("{flags:#x}, then {now:#x}"))
    } else {
        held("O_ASYNC", "not set")
    }
}
