//! Signals that the program sends. They reach the program itself and nobody else, and never carry nurse's own signal.

use std::fs;

use trampoline::layout::CANCEL_SIGNAL;

use super::{is_self, own, word};
use crate::call::{Answer, Call, Errno, Order, Outcome};
use crate::guest::Guest;

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    Some(match i64::from(call.row.nr) {
        libc::SYS_kill => kill(guest, call),
        libc::SYS_tkill => to_thread(guest, guest.pid.as_raw(), call.int(0), call.int(1)),
        libc::SYS_tgkill => to_thread(guest, call.int(0), call.int(1), call.int(2)),
        libc::SYS_rt_sigqueueinfo => queue(guest, call),
        libc::SYS_rt_tgsigqueueinfo => queue_to_thread(guest, call),
        libc::SYS_signalfd | libc::SYS_signalfd4 => signalfd(guest, call),
        libc::SYS_rt_sigpending => pending(guest, call),
        libc::SYS_rt_sigtimedwait => Err(guest.refuse("rt_sigtimedwait", Errno::ENOSYS, call.row.note)),
        _ => return None,
    })
}

/// Whether a timer or the like may raise `signal`: 1 to 64, but for nurse's.
pub(super) fn lawful(signal: i32) -> Result<(), Errno> {
    if (1..=64).contains(&signal) && signal != CANCEL_SIGNAL { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Whether a call may send `signal`: as [`lawful`], or 0 for a mere question.
fn sendable(signal: i32) -> Result<(), Errno> {
    if signal == 0 { Ok(()) } else { lawful(signal) }
}

/// kill(2). The group of the program is the program, even where it shares one with whoever started nurse.
fn kill(guest: &mut Guest, call: &Call) -> Answer {
    let (pid, signal) = (call.int(0), call.int(1));
    sendable(signal)?;
    if is_self(guest, pid) || pid.checked_neg() == Some(guest.pid.as_raw()) {
        return Ok(Order::plain(call.row.nr, [own(guest), word(signal), 0, 0, 0, 0]));
    }
    Err(guest.refuse(format!("kill {pid}"), Errno::EPERM, "signals stay inside the sandbox"))
}

/// tkill(2) and tgkill(2): the trustee is no thread that the program could know of.
fn to_thread(guest: &Guest, process: i32, thread: i32, signal: i32) -> Answer {
    if process <= 0 || thread <= 0 {
        return Err(Errno::EINVAL);
    }
    sendable(signal)?;
    if process != guest.pid.as_raw() || thread != guest.pid.as_raw() {
        return Err(Errno::ESRCH);
    }
    let tgkill = u32::try_from(libc::SYS_tgkill).map_err(|_| Errno::ENOSYS)?;
    Ok(Order::plain(tgkill, [own(guest), own(guest), word(signal), 0, 0, 0]))
}

/// Bytes of a `siginfo_t`.
const SIGINFO: usize = 128;

fn queue(guest: &mut Guest, call: &Call) -> Answer {
    let (pid, signal) = (call.int(0), call.int(1));
    sendable(signal)?;
    if pid != guest.pid.as_raw() {
        return Err(guest.refuse(format!("rt_sigqueueinfo {pid}"), Errno::EPERM, "signals stay inside the sandbox"));
    }
    Ok(Order::with_copy(call, 2, call.bytes(2, SIGINFO)?.to_vec()))
}

fn queue_to_thread(guest: &Guest, call: &Call) -> Answer {
    sendable(call.int(2))?;
    if call.int(0) != guest.pid.as_raw() || call.int(1) != guest.pid.as_raw() {
        return Err(Errno::ESRCH);
    }
    Ok(Order::with_copy(call, 3, call.bytes(3, SIGINFO)?.to_vec()))
}

/// signalfd4(2): the set is fixed in our copy; whoever reads the fd reads his own signals.
fn signalfd(guest: &Guest, call: &Call) -> Answer {
    let fd = call.fd(0);
    if guest.is_reserved(fd) {
        return Err(Errno::EBADF);
    }
    if call.args[2] != 8 {
        return Err(Errno::EINVAL);
    }
    let set: [u8; 8] = call.bytes(1, 8)?.try_into().map_err(|_| Errno::EFAULT)?;
    let set = u64::from_ne_bytes(set) & !(1 << (CANCEL_SIGNAL - 1));
    Ok(Order::with_copy(call, 1, set.to_ne_bytes().to_vec()))
}

/// rt_sigpending(2). The trustee would tell of its own; /proc tells of the program's thread.
fn pending(guest: &Guest, call: &Call) -> Answer {
    let size = usize::try_from(call.args[1]).ok().filter(|&size| size <= 8).ok_or(Errno::EINVAL)?;
    let pid = guest.pid;
    let status = fs::read_to_string(format!("/proc/{pid}/task/{pid}/status")).map_err(|_| Errno::ESRCH)?;
    let set = |name: &str| super::process::status_bits(&status, name).unwrap_or(0);
    let both = (set("SigPnd") | set("ShdPnd")) & !(1 << (CANCEL_SIGNAL - 1));
    let mut bytes = both.to_ne_bytes().to_vec();
    bytes.truncate(size);
    Ok(Outcome::Filled { result: 0, arg: 0, bytes })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FD_LOW, ask, call_with, errno, guest, order};
    use super::*;

    fn me() -> i32 {
        guest().pid.as_raw()
    }

    #[test]
    fn kill_reaches_the_program_alone() {
        for target in [0, me(), -me()] {
            assert_eq!(order(ask("kill", &[word(target), 15])).args[..2], [word(me()), 15], "{target}");
        }
        for target in [-1, 1, me() + 1, -me() - 1, i32::MIN, i32::MAX] {
            assert_eq!(errno(ask("kill", &[word(target), 15])), Errno::EPERM, "{target}");
            assert_eq!(errno(ask("kill", &[word(target), 0])), Errno::EPERM, "{target}: not even a question");
        }
        let parent = nix::unistd::getppid().as_raw();
        assert_eq!(errno(ask("kill", &[word(parent), 19])), Errno::EPERM);
    }

    #[test]
    fn nurses_signal_is_never_sent() {
        let me = word(me());
        for signal in [16, 65, word(-1), 16 | 1 << 32] {
            assert_eq!(errno(ask("kill", &[me, signal])), Errno::EINVAL);
            assert_eq!(errno(ask("tkill", &[me, signal])), Errno::EINVAL);
            assert_eq!(errno(ask("tgkill", &[me, me, signal])), Errno::EINVAL);
        }
    }

    #[test]
    fn threads_of_others_do_not_exist() {
        let me = me();
        assert_eq!(order(ask("tkill", &[word(me), 6])).args[..3], [word(me), word(me), 6]);
        assert_eq!(order(ask("tgkill", &[word(me), word(me), 6])).nr, 234);
        assert_eq!(errno(ask("tgkill", &[word(me), word(me + 1), 6])), Errno::ESRCH, "the trustee, perhaps");
        assert_eq!(errno(ask("tgkill", &[word(me + 1), word(me), 6])), Errno::ESRCH);
        assert_eq!(errno(ask("tkill", &[0, 6])), Errno::EINVAL);
        assert_eq!(errno(ask("tkill", &[word(-1), 6])), Errno::EINVAL);
    }

    #[test]
    fn queued_signals_carry_a_copy() {
        let ask = |pid: i32, signal| {
            let call = call_with("rt_sigqueueinfo", &[word(pid), signal, 0], 2, &[7; SIGINFO]);
            super::super::handle(&mut guest(), &call)
        };
        let order = order(ask(me(), 10));
        assert_eq!((order.data.len(), &order.pointers[..]), (SIGINFO, &[(2, 0)][..]));
        assert_eq!(errno(ask(1, 10)), Errno::EPERM);
        assert_eq!(errno(ask(me(), 16)), Errno::EINVAL);
    }

    #[test]
    fn signalfds_leave_nurses_signal_out() {
        let ask = |fd, size| {
            let call = call_with("signalfd4", &[fd, 0, size, 0], 1, &[0xff; 8]);
            super::super::handle(&mut guest(), &call)
        };
        assert_eq!(order(ask(word(-1), 8)).data, (!(1_u64 << 15)).to_ne_bytes());
        assert_eq!(errno(ask(FD_LOW.into(), 8)), Errno::EBADF);
        assert_eq!(errno(ask(word(-1), 16)), Errno::EINVAL);
    }

    #[test]
    fn pending_signals_come_from_proc() {
        match ask("rt_sigpending", &[1, 8]) {
            Ok(Outcome::Filled { result: 0, arg: 0, bytes }) => assert_eq!(bytes.len(), 8),
            other => panic!("{other:?}"),
        }
        assert_eq!(errno(ask("rt_sigpending", &[1, 9])), Errno::EINVAL);
    }
}
