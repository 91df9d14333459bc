//! Calls that wait under another signal mask. A strict thread changes its mask by `rt_sigreturn` alone, so the shim
//! restores a context that goes on in its own next line.

use core::arch::naked_asm;

use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::abi::{OURS, SigAction, UNMASKABLE, Ucontext, bit, errno};
use crate::layout::CANCEL_SIGNAL;
use crate::request::{self, To};
use crate::signal;
use crate::syscall::Syscall;
use crate::thread::Thread;
use crate::{copy, emulate, entry};

/// Sets this thread's signal mask.
///
/// | register | on entry | on exit |
/// |----------|----------|---------|
/// | `rdi`    | the mask | lost    |
/// | `rbx rbp r12-r15 rsp` | -  | kept |
/// | all others, FPU state | - | lost |
///
/// Builds a `struct ucontext` (304 bytes, see [`Ucontext`]) below the stack pointer whose rip is the label behind the call.
#[unsafe(naked)]
unsafe extern "C" fn set_mask(mask: u64) {
    naked_asm!(
        "mov rdx, rsp",
        "sub rsp, 320",
        "and rsp, -16",
        "mov qword ptr [rsp], 0",
        "mov qword ptr [rsp + 8], 0",
        // no change of the alternate stack: we run on it, and the kernel then leaves it alone
        "mov qword ptr [rsp + 16], 0",
        "mov qword ptr [rsp + 24], 2",
        "mov qword ptr [rsp + 32], 0",
        "mov [rsp + 40 + 4*8], r12",
        "mov [rsp + 40 + 5*8], r13",
        "mov [rsp + 40 + 6*8], r14",
        "mov [rsp + 40 + 7*8], r15",
        "mov [rsp + 40 + 10*8], rbp",
        "mov [rsp + 40 + 11*8], rbx",
        "mov [rsp + 40 + 15*8], rdx",
        "lea rax, [rip + 2f]",
        "mov [rsp + 40 + 16*8], rax",
        "mov qword ptr [rsp + 40 + 17*8], 0x202",
        "mov rax, 0x002b000000000033",
        "mov [rsp + 40 + 18*8], rax",
        "mov qword ptr [rsp + 224], 0",
        "mov [rsp + 296], rdi",
        "mov eax, 15",
        "syscall",
        "2: ret",
    )
}
const _: () = assert!(core::mem::offset_of!(Ucontext, regs) == 40);
const _: () = assert!(core::mem::offset_of!(Ucontext, fpstate) == 224);
const _: () = assert!(core::mem::offset_of!(Ucontext, sigmask) == 296);

/// rt_sigsuspend(2) and pause(2).
pub fn suspend(thread: &mut Thread, context: &mut Ucontext, row: &Syscall, args: &[u64; 6]) -> i64 {
    let mask = if row.name == "pause" {
        signal::mask(context, thread)
    } else if args[1] != 8 {
        return -errno::EINVAL;
    } else {
        match copy::read::<u64>(args[0]) {
            Some(mask) => mask,
            None => return -errno::EFAULT,
        }
    };
    const POLL: u64 = 7;
    // SAFETY: on the thread's signal stack; a poll of nothing, for ever, touches no memory.
    wait(thread, mask, |thread| unsafe { request::ask(thread, To::Trustee, POLL, &[0, 0, u64::MAX, 0, 0, 0], 0) })
}

/// rt_sigtimedwait(2): opens the signals waited for, with our handler behind those that have none, and takes what arrives.
pub fn timed_wait(thread: &mut Thread, context: &mut Ucontext, args: &[u64; 6]) -> i64 {
    let [set, info, timeout, size, ..] = *args;
    if size != 8 {
        return -errno::EINVAL;
    }
    let Some(set) = copy::read::<u64>(set) else { return -errno::EFAULT };
    if timeout != 0 && copy::read::<[u64; 2]>(timeout).is_none() {
        return -errno::EFAULT;
    }
    let set = set & !OURS & !UNMASKABLE & !bit(CANCEL_SIGNAL);
    let bare = (1..=64).filter(|&number| set & bit(number) != 0 && signal::action(number).handler <= 1);
    for number in bare.clone() {
        emulate::set_kernel_action(thread, number, &TAKEN);
    }
    let mask = signal::mask(context, thread) & !set;
    // SAFETY: on the thread's signal stack; a poll of nothing reads the timeout only.
    let result =
        wait(thread, mask, |thread| unsafe { request::ask(thread, To::Trustee, PPOLL, &[0, 0, timeout, 0, 0, 0], 0) });
    // Closed again before their default actions are back.
    // SAFETY: as in `wait`.
    unsafe { set_mask(!OURS & !UNMASKABLE) };
    for number in bare {
        emulate::set_kernel_action(thread, number, &signal::action(number));
    }
    let number = thread.pending.load(Relaxed);
    if number == 0 {
        return if result == 0 { -errno::EAGAIN } else { result };
    }
    if set & bit(number as i32) == 0 {
        return -errno::EINTR;
    }
    let taken = thread.deferred;
    thread.pending.store(0, SeqCst);
    if info != 0 && !copy::write(info, &taken) {
        return -errno::EFAULT;
    }
    i64::from(number)
}

const PPOLL: u64 = 271;

/// Any handler of the program's: what counts is that the kernel calls ours.
const TAKEN: SigAction = SigAction { handler: 2, flags: 0, restorer: 0, mask: 0 };

/// ppoll, pselect6, epoll_pwait and epoll_pwait2 with a mask; `None` for anything else.
pub fn call(thread: &mut Thread, row: &Syscall, args: &[u64; 6]) -> Option<i64> {
    const PSELECT6: u32 = 270;
    const EPOLL_PWAIT: u32 = 281;
    const EPOLL_PWAIT2: u32 = 441;
    if !matches!(row.nr, PSELECT6 | EPOLL_PWAIT | EPOLL_PWAIT2) && u64::from(row.nr) != PPOLL {
        return None;
    }
    let mut plain = *args;
    let (set, size) = match row.name {
        "ppoll" if args[3] != 0 => {
            plain[3] = 0;
            (args[3], args[4])
        }
        "epoll_pwait" | "epoll_pwait2" if args[4] != 0 => {
            plain[4] = 0;
            (args[4], args[5])
        }
        "pselect6" if args[5] != 0 => {
            plain[5] = 0;
            match copy::read::<[u64; 2]>(args[5]) {
                Some([0, _]) => return Some(entry::grant(thread, row, &plain)),
                Some([set, size]) => (set, size),
                None => return Some(-errno::EFAULT),
            }
        }
        _ => return None,
    };
    if size != 8 {
        return Some(-errno::EINVAL);
    }
    let Some(mask) = copy::read::<u64>(set) else { return Some(-errno::EFAULT) };
    Some(wait(thread, mask, |thread| entry::grant(thread, row, &plain)))
}

/// Makes a blocking call under `mask`; a signal that it lets through ends it.
fn wait(thread: &mut Thread, mask: u64, call: impl FnOnce(&Thread) -> i64) -> i64 {
    if !thread.has_pending() {
        // SAFETY: we are on the thread's signal stack, in a handler whose own mask comes back with its way out.
        unsafe { set_mask(signal::real_mask(mask)) };
    }
    let result = call(thread);
    if result == -errno::NOT_MADE { -errno::EINTR } else { result }
}
