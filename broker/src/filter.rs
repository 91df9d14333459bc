//! What is derived from the syscall table for the guest's threads: the trustee's standing grants, and the BPF filters.
//!
//! The trustee's filter is defence in depth: should an attacker ever make the trustee execute a call of his choice, the
//! kernel still allows no call but those that the table says a trustee makes, and of those none of the forms that the
//! broker never orders. It kills the process for anything else: a trustee that tries has been taken over.

use std::collections::BTreeMap;
use std::io;
use std::mem::offset_of;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, Le, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use trampoline::layout::{CANCEL_SIGNAL, CONSTANTS, Constants, GRANTS};
use trampoline::syscall::{Route, SYSCALLS, checks};

/// Standing grants that the shim uses for calls which it answers itself in part: their rows say `Shim`.
const SHIM_GRANTS: [(i64, u32); 1] = [(libc::SYS_rt_sigaction, checks::GRANTED | checks::SIGNAL)];

/// What the trustee's loop calls besides: its bells, its fence, and its end. The kernel itself makes a stopped and continued
/// wait go on by restart_syscall(2).
const LOOP: [i64; 5] = [libc::SYS_read, libc::SYS_write, libc::SYS_futex, libc::SYS_exit, libc::SYS_restart_syscall];

/// The four calls of strict mode.
const STRICT: [i64; 4] = [libc::SYS_read, libc::SYS_write, libc::SYS_exit, libc::SYS_rt_sigreturn];

/// Standing grants by syscall number, for [`Constants::grants`](trampoline::layout::Constants).
#[must_use]
pub fn grants() -> [u32; GRANTS] {
    let mut grants = [0; GRANTS];
    for row in SYSCALLS {
        if let (Route::Grant(checks), Some(grant)) = (row.route, grants.get_mut(row.nr as usize)) {
            *grant = checks;
        }
    }
    for (nr, checks) in SHIM_GRANTS {
        if let Some(grant) = usize::try_from(nr).ok().and_then(|nr| grants.get_mut(nr)) {
            *grant = checks;
        }
    }
    grants
}

/// The trustee's filter for a guard range that begins at `guard_start`, as the kernel's `sock_filter` words.
///
/// # Errors
/// If the filter cannot be compiled, which the tests rule out.
pub fn trustee(guard_start: u64) -> io::Result<Vec<u64>> {
    Ok(words(&trustee_program(guard_start).map_err(io::Error::other)?))
}

/// The filter that stands in for strict mode in guest threads, as the kernel's `sock_filter` words.
///
/// # Errors
/// As [`trustee`].
pub fn guest() -> io::Result<Vec<u64>> {
    Ok(words(&program(STRICT.iter().map(|&nr| (nr, Vec::new())).collect()).map_err(io::Error::other)?))
}

fn trustee_program(guard_start: u64) -> Result<BpfProgram, BackendError> {
    let table =
        SYSCALLS.iter().filter(|row| matches!(row.route, Route::Grant(_) | Route::Order)).map(|row| i64::from(row.nr));
    let shim = SHIM_GRANTS.iter().map(|&(nr, _)| nr);
    let mut allowed = table
        .chain(shim)
        .chain(LOOP)
        .map(|nr| Ok((nr, forms(nr)?)))
        .collect::<Result<BTreeMap<_, _>, BackendError>>()?;
    allowed.insert(libc::SYS_rt_sigprocmask, vec![own_mask(guard_start)?]);
    program(allowed)
}

/// The one sigprocmask that a trustee makes, when it wears this filter already: to the mask in the constants, which the
/// guest cannot write.
fn own_mask(guard_start: u64) -> Result<SeccompRule, BackendError> {
    let mask = guard_start + (CONSTANTS + offset_of!(Constants, trustee_mask)) as u64;
    let how = u64::from(libc::SIG_SETMASK.cast_unsigned());
    SeccompRule::new(vec![
        when(0, Dword, Eq, how)?,
        when(1, Qword, Eq, mask)?,
        when(2, Qword, Eq, 0)?,
        when(3, Qword, Eq, 8)?,
    ])
}

fn program(allowed: BTreeMap<i64, Vec<SeccompRule>>) -> Result<BpfProgram, BackendError> {
    // The architecture is checked first, and the x32 bit makes a number that no rule has.
    SeccompFilter::new(allowed, SeccompAction::KillProcess, SeccompAction::Allow, TargetArch::x86_64)?.try_into()
}

fn when(arg: u8, len: SeccompCmpArgLen, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(arg, len, op, value)
}

/// In which forms a trustee makes a call; empty for all. What is left out here is refused by the broker and by the
/// trustee's checks already.
fn forms(nr: i64) -> Result<Vec<SeccompRule>, BackendError> {
    let cancel = u64::from(CANCEL_SIGNAL.cast_unsigned());
    let all = |conditions: Vec<SeccompCondition>| Ok(vec![SeccompRule::new(conditions)?]);
    let none_of = |arg: u8, values: &[u32]| -> Result<Vec<SeccompRule>, BackendError> {
        let conditions = values.iter().map(|&value| when(arg, Dword, Ne, value.into())).collect::<Result<_, _>>()?;
        Ok(vec![SeccompRule::new(conditions)?])
    };
    let one_of = |arg: u8, values: &[u32]| -> Result<Vec<SeccompRule>, BackendError> {
        values.iter().map(|&value| SeccompRule::new(vec![when(arg, Dword, Eq, value.into())?])).collect()
    };
    match nr {
        libc::SYS_ioctl => none_of(1, &crate::syscalls::NEVER_IOCTLS),
        libc::SYS_fcntl => none_of(1, &crate::syscalls::NEVER_FCNTLS),
        libc::SYS_socket => one_of(0, &crate::syscalls::FAMILIES),
        libc::SYS_socketpair => one_of(0, &[libc::AF_UNIX.cast_unsigned()]),
        // No signal mask: it would be the trustee's own.
        libc::SYS_ppoll => all(vec![when(3, Qword, Eq, 0)?]),
        libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => all(vec![when(4, Qword, Eq, 0)?]),
        libc::SYS_pselect6 => all(vec![when(5, Qword, Eq, 0)?]),
        libc::SYS_close_range => all(vec![when(2, Dword, MaskedEq(libc::CLOSE_RANGE_UNSHARE.into()), 0)?]),
        libc::SYS_mmap => all(vec![when(3, Dword, MaskedEq(libc::MAP_GROWSDOWN.cast_unsigned().into()), 0)?]),
        libc::SYS_mprotect => all(vec![when(2, Qword, Le, 7)?]),
        libc::SYS_madvise => {
            none_of(2, &[libc::MADV_HWPOISON.cast_unsigned(), libc::MADV_SOFT_OFFLINE.cast_unsigned()])
        }
        libc::SYS_prlimit64 => all(vec![when(0, Dword, Eq, 0)?]),
        libc::SYS_rt_sigaction => all(vec![when(0, Dword, Ne, cancel)?]),
        libc::SYS_kill | libc::SYS_rt_sigqueueinfo => all(vec![when(1, Dword, Ne, cancel)?]),
        libc::SYS_tgkill | libc::SYS_rt_tgsigqueueinfo => all(vec![when(2, Dword, Ne, cancel)?]),
        _ => Ok(Vec::new()),
    }
}

/// `struct sock_filter` as one word: code, jt, jf, k from the low end.
fn words(program: &BpfProgram) -> Vec<u64> {
    program
        .iter()
        .map(|one| u64::from(one.code) | u64::from(one.jt) << 16 | u64::from(one.jf) << 24 | u64::from(one.k) << 32)
        .collect()
}

#[cfg(test)]
mod tests;
