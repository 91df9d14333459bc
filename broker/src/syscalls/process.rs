//! The process itself: its ids, limits, priorities, children and names. What concerns another process is refused; what
//! concerns the calling thread is asked about the program's thread, never the trustee.

mod identity;
mod limits;
mod prctl;
mod schedule;

use std::fs;

use super::{is_self, own, word};
use crate::call::{Answer, Call, Errno, Order, Outcome};
use crate::guest::Guest;

/// CLONE_THREAD of clone(2).
const CLONE_THREAD: u64 = 0x1_0000;

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    Some(match i64::from(call.row.nr) {
        libc::SYS_clone | libc::SYS_fork | libc::SYS_vfork => {
            // EAGAIN is what thread libraries expect; shells would try again, for seconds, where ENOSYS settles it.
            let thread = call.row.name == "clone" && call.args[0] & CLONE_THREAD != 0;
            let errno = if thread { Errno::EAGAIN } else { Errno::ENOSYS };
            Err(guest.refuse(
                call.row.name,
                errno,
                "starting threads and processes inside the sandbox is not there yet",
            ))
        }
        libc::SYS_execve => execve(guest, call, 0),
        libc::SYS_execveat => execve(guest, call, 1),
        libc::SYS_wait4 | libc::SYS_waitid | libc::SYS_setsid => Ok(Order::same(call)),
        libc::SYS_getpgid | libc::SYS_getsid => getpgid(guest, call),
        libc::SYS_setpgid => setpgid(guest, call),
        libc::SYS_getrusage => getrusage(call),
        libc::SYS_personality => personality(guest, call),
        libc::SYS_umask => Ok(umask(guest, call)),
        libc::SYS_prctl => prctl::decide(guest, call),
        libc::SYS_prlimit64 | libc::SYS_setrlimit => limits::decide(guest, call),
        libc::SYS_capget => identity::capget(guest, call),
        libc::SYS_setuid
        | libc::SYS_setgid
        | libc::SYS_setreuid
        | libc::SYS_setregid
        | libc::SYS_setresuid
        | libc::SYS_setresgid
        | libc::SYS_setfsuid
        | libc::SYS_setfsgid => identity::set(guest, call),
        libc::SYS_sched_getaffinity
        | libc::SYS_sched_setaffinity
        | libc::SYS_sched_getparam
        | libc::SYS_sched_getscheduler
        | libc::SYS_sched_rr_get_interval
        | libc::SYS_sched_getattr
        | libc::SYS_getpriority
        | libc::SYS_setpriority
        | libc::SYS_ioprio_get => schedule::decide(guest, call),
        _ => return None,
    })
}

/// A hexadecimal mask of /proc/PID/status, as of `SigPnd:` or `CapEff:`.
pub(super) fn status_bits(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// /proc/PID/status of the program.
fn status(guest: &Guest) -> Result<String, Errno> {
    fs::read_to_string(format!("/proc/{}/status", guest.pid)).map_err(|_| Errno::ESRCH)
}

fn execve(guest: &mut Guest, call: &Call, path: usize) -> Answer {
    let what = format!("exec {}", call.path(path)?.display());
    Err(guest.refuse(what, Errno::EPERM, "starting another program inside the sandbox is not there yet"))
}

fn getpgid(guest: &Guest, call: &Call) -> Answer {
    if !is_self(guest, call.int(0)) {
        return Err(Errno::ESRCH);
    }
    Ok(Order::plain(call.row.nr, [own(guest), 0, 0, 0, 0, 0]))
}

fn setpgid(guest: &mut Guest, call: &Call) -> Answer {
    if !is_self(guest, call.int(0)) {
        return Err(Errno::ESRCH);
    }
    if !is_self(guest, call.int(1)) {
        return Err(guest.refuse(
            "setpgid",
            Errno::EPERM,
            "joining another process group would let its signals in, and ours out",
        ));
    }
    Ok(Order::plain(call.row.nr, [own(guest), own(guest), 0, 0, 0, 0]))
}

fn getrusage(call: &Call) -> Answer {
    let who = match call.int(0) {
        who @ (libc::RUSAGE_SELF | libc::RUSAGE_CHILDREN) => who,
        libc::RUSAGE_THREAD => libc::RUSAGE_SELF,
        _ => return Err(Errno::EINVAL),
    };
    Ok(Order::plain(call.row.nr, [word(who), call.args[1], 0, 0, 0, 0]))
}

/// personality(2): the plain one, which is what it is set to as well.
fn personality(guest: &mut Guest, call: &Call) -> Answer {
    const QUERY: i32 = -1;
    const PER_LINUX: i32 = 0;
    match call.int(0) {
        QUERY | PER_LINUX => Ok(Outcome::Value(0)),
        _ => Err(guest.refuse("personality", Errno::EPERM, "would change how the kernel treats the trustee")),
    }
}

fn umask(guest: &mut Guest, call: &Call) -> Outcome {
    let old = std::mem::replace(&mut guest.umask, call.int(0).cast_unsigned() & 0o777);
    Outcome::Value(old.into())
}

#[cfg(test)]
mod tests;
