//! Clocks and timers. The calling thread's own clock would be the trustee's: it becomes the program's thread's.

use super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    Some(match i64::from(call.row.nr) {
        libc::SYS_clock_gettime | libc::SYS_clock_getres => with_clock(guest, call),
        libc::SYS_clock_nanosleep => nanosleep(guest, call),
        // The kernel takes none of the clocks that would have to be translated.
        libc::SYS_timerfd_create => Err(Errno::EINVAL),
        libc::SYS_timer_create => timer_create(guest, call),
        _ => return None,
    })
}

/// Bit of a clock id that means a thread and not a process (`CPUCLOCK_PERTHREAD_MASK`).
const PER_THREAD: i32 = 4;
/// Low bits of a clock id that count time on a CPU (`CPUCLOCK_SCHED`).
const SCHED: i32 = 2;

/// The clock of the program that `id` means when the program itself asks, in the kernel's numbering of CPU-time clocks:
/// the complement of the pid, then three bits.
fn clock(guest: &Guest, id: i32) -> Result<i32, Errno> {
    let own = !guest.pid.as_raw() << 3;
    match id {
        libc::CLOCK_THREAD_CPUTIME_ID => Ok(own | PER_THREAD | SCHED),
        // The process's own clock is the trustee's process's as well.
        0..=2 | 4..=11 => Ok(id),
        id if id < 0 && super::is_self(guest, !(id >> 3)) && id & 3 != 3 => Ok(own | id & 7),
        _ => Err(Errno::EINVAL),
    }
}

fn with_clock(guest: &Guest, call: &Call) -> Answer {
    Ok(Order::plain(call.row.nr, [word(clock(guest, call.int(0))?), call.args[1], 0, 0, 0, 0]))
}

fn nanosleep(guest: &Guest, call: &Call) -> Answer {
    let id = clock(guest, call.int(0))?;
    if id < 0 && id & PER_THREAD != 0 {
        // A thread that sleeps until it has computed.
        return Err(Errno::EOPNOTSUPP);
    }
    let mut args = call.args;
    args[0] = word(id);
    Ok(Order::plain(call.row.nr, args))
}

/// Bytes of a `struct sigevent`.
const SIGEVENT: usize = 64;

fn timer_create(guest: &mut Guest, call: &Call) -> Answer {
    let id = word(clock(guest, call.int(0))?);
    if call.is_null(1) {
        return Ok(Order::plain(call.row.nr, [id, 0, call.args[2], 0, 0, 0]));
    }
    let event = call.bytes(1, SIGEVENT)?.to_vec();
    let field = |at: usize| event.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    let (signal, notify, thread) = (field(8), field(12), field(16));
    match notify {
        libc::SIGEV_NONE => {}
        libc::SIGEV_SIGNAL | libc::SIGEV_THREAD | libc::SIGEV_THREAD_ID => super::signal::lawful(signal)?,
        _ => return Err(Errno::EINVAL),
    }
    if notify == libc::SIGEV_THREAD_ID && thread != guest.pid.as_raw() {
        return Err(Errno::EINVAL);
    }
    let mut call = call.clone();
    call.args[0] = id;
    Ok(Order::with_copy(&call, 1, event))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, call_with, errno, guest, order};
    use super::*;

    #[test]
    fn the_threads_clock_is_the_programs() {
        let pid = guest().pid.as_raw();
        let thread = word(!pid << 3 | 6);
        assert_eq!(order(ask("clock_gettime", &[3, 0x1000])).args[0], thread);
        assert_eq!(order(ask("clock_gettime", &[word(!0 << 3 | 6), 0x1000])).args[0], thread, "pid 0 is the caller");
        assert_eq!(order(ask("clock_gettime", &[2, 0x1000])).args[0], 2);
        assert_eq!(order(ask("clock_gettime", &[word(!pid << 3 | 2), 0x1000])).args[0], word(!pid << 3 | 2));
        // The kernel agrees on what that number means.
        assert!(nix::time::ClockId::from_raw(!pid << 3 | 6).now().is_ok());
    }

    #[test]
    fn clocks_of_others_are_refused() {
        assert_eq!(errno(ask("clock_gettime", &[word(!1 << 3 | 2), 0x1000])), Errno::EINVAL);
        assert_eq!(errno(ask("clock_gettime", &[word(!5 << 3 | 3), 0x1000])), Errno::EINVAL, "a clock by fd");
        assert_eq!(errno(ask("clock_gettime", &[77, 0x1000])), Errno::EINVAL);
        assert_eq!(errno(ask("clock_nanosleep", &[3, 0, 0x1000, 0])), Errno::EOPNOTSUPP);
        assert_eq!(errno(ask("timerfd_create", &[3, 0])), Errno::EINVAL);
    }

    fn event(signal: i32, notify: i32, thread: i32) -> Vec<u8> {
        let mut event = vec![0; SIGEVENT];
        event[8..12].copy_from_slice(&signal.to_ne_bytes());
        event[12..16].copy_from_slice(&notify.to_ne_bytes());
        event[16..20].copy_from_slice(&thread.to_ne_bytes());
        event
    }

    fn create(event: &[u8]) -> Answer {
        super::super::handle(&mut guest(), &call_with("timer_create", &[1, 0, 0x1000], 1, event))
    }

    #[test]
    fn timers_signal_the_program_only() {
        let me = guest().pid.as_raw();
        assert_eq!(order(create(&event(14, 0, 0))).pointers, [(1, 0)]);
        assert_eq!(order(create(&event(14, 4, me))).data.len(), SIGEVENT);
        assert_eq!(errno(create(&event(14, 4, me + 1))), Errno::EINVAL);
        assert_eq!(errno(create(&event(trampoline::layout::CANCEL_SIGNAL, 0, 0))), Errno::EINVAL, "nurse's own signal");
        assert_eq!(errno(create(&event(0, 0, 0))), Errno::EINVAL);
        assert_eq!(errno(create(&event(14, 9, 0))), Errno::EINVAL);
        assert_eq!(errno(create(&[0; 20])), Errno::EFAULT);
    }
}
