//! Calls that the shim answers in the guest thread itself: they concern this thread's own state, or nothing outside it.

use core::mem::offset_of;

use crate::abi::{
    Frame, OURS, SIGBUS, SIGKILL, SIGSEGV, SIGSTOP, SIGSYS, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, SigAction, StackT,
    UNMASKABLE, Ucontext, errno, reg, sa,
};
use crate::layout::CANCEL_SIGNAL;
use crate::raw::{self, nr};
use crate::request::{self, To};
use crate::signal::{self, on_altstack};
use crate::syscall::Syscall;
use crate::thread::{self, Thread};
use crate::{copy, entry, marshal, masked};

/// Answers a call of route `Shim`; `None` if the context is set already and its rax is not to be touched.
pub fn call(thread: &mut Thread, context: &mut Ucontext, row: &Syscall, args: &[u64; 6]) -> Option<i64> {
    Some(match row.name {
        "rt_sigaction" => sigaction(thread, args),
        "rt_sigprocmask" => sigprocmask(thread, context, args),
        "rt_sigreturn" => {
            sigreturn(thread, context);
            return None;
        }
        "sigaltstack" => sigaltstack(thread, context, args),
        "rt_sigsuspend" | "pause" => masked::suspend(thread, context, row, args),
        "rt_sigtimedwait" => masked::timed_wait(thread, context, args),
        "sendmmsg" => send_many(thread, args),
        "arch_prctl" => arch_prctl(args),
        // SAFETY: mapped for the life of the process.
        "getpid" => (unsafe { (*thread::process()).pid }) as i64,
        "gettid" | "set_tid_address" => thread.tid as i64,
        "set_robust_list" => robust_list(thread, args),
        // The only thread's exit is the program's; the trustee ends both.
        // SAFETY: we are on the thread's signal stack.
        "exit" => unsafe { request::insist(thread, To::Trustee, nr::EXIT_GROUP, args) },
        // clone3, rseq: as on a kernel without them; libc falls back.
        "clone3" | "rseq" => -errno::ENOSYS,
        // SAFETY: we are on the thread's signal stack.
        _ => unsafe { marshal::call(thread, row, args) },
    })
}

/// The flags of the kernel's action that we keep from the program's: what the kernel itself acts on.
const KEPT_FLAGS: u64 = sa::NOCLDSTOP | sa::NOCLDWAIT | sa::RESTART | sa::RESETHAND;

/// rt_sigaction(2): the program's action is kept aside; the kernel gets our entry in place of a handler.
fn sigaction(thread: &Thread, args: &[u64; 6]) -> i64 {
    let [number, new, old, size, ..] = *args;
    let number = number as i32;
    if size != 8 || !(1..=64).contains(&number) {
        return -errno::EINVAL;
    }
    let before = signal::action(number);
    if new != 0 {
        let Some(mut action) = copy::read::<SigAction>(new) else { return -errno::EFAULT };
        if number == SIGKILL || number == SIGSTOP {
            return -errno::EINVAL;
        }
        action.mask &= !UNMASKABLE;
        let ours = [SIGSYS, SIGSEGV, SIGBUS, CANCEL_SIGNAL].contains(&number);
        if !ours {
            let result = set_kernel_action(thread, number, &action);
            if result < 0 {
                return result;
            }
        }
        // SAFETY: mapped for the life of the process; `number` is 1 to 64.
        unsafe { (*thread::process()).actions[number as usize] = action };
    }
    if old != 0 && !copy::write(old, &before) {
        return -errno::EFAULT;
    }
    0
}

/// Tells the kernel of a program's action; -errno if it refuses.
pub fn set_kernel_action(thread: &Thread, number: i32, action: &SigAction) -> i64 {
    let kernel = kernel_action(action);
    let pointer = &raw const kernel as u64;
    // SAFETY: we are on the thread's signal stack, and `kernel` is the struct that the call reads.
    unsafe { request::insist(thread, To::Trustee, nr::RT_SIGACTION, &[number as u64, pointer, 0, 8, 0, 0]) }
}

/// What the kernel is told for a program's action.
fn kernel_action(action: &SigAction) -> SigAction {
    if action.handler <= 1 {
        return *action;
    }
    SigAction {
        handler: signal::signal as *const () as u64,
        flags: action.flags & KEPT_FLAGS | sa::SIGINFO | sa::ONSTACK | sa::RESTORER,
        restorer: entry::restorer as *const () as u64,
        mask: !OURS,
    }
}

/// rt_sigprocmask(2): the frame's mask is what the way out restores.
fn sigprocmask(thread: &mut Thread, context: &mut Ucontext, args: &[u64; 6]) -> i64 {
    let [how, new, old, size, ..] = *args;
    if size != 8 {
        return -errno::EINVAL;
    }
    let before = signal::mask(context, thread);
    if new != 0 {
        let Some(set) = copy::read::<u64>(new) else { return -errno::EFAULT };
        let mask = match how as i32 {
            0 => before | set,
            1 => before & !set,
            2 => set,
            _ => return -errno::EINVAL,
        };
        signal::set_mask(context, thread, mask & !UNMASKABLE);
    }
    if old != 0 && !copy::write(old, &before) {
        return -errno::EFAULT;
    }
    0
}

/// rt_sigreturn(2): moves the program's frame into ours, which the way out then restores.
fn sigreturn(thread: &mut Thread, context: &mut Ucontext) {
    let at = context.regs[reg::RSP];
    let Some(theirs) = copy::read::<Ucontext>(at) else {
        crate::fault::die_by(thread, SIGSEGV);
    };
    let ours = context.fpstate;
    let room = signal::fpu_len(ours);
    let len = signal::fpu_len(theirs.fpstate).min(room);
    // Ours stays: kernels before 6.12 look at the new stack pointer when they restore it, and would take the program's.
    let stack = context.stack;
    *context = Ucontext { stack, ..theirs };
    if theirs.fpstate != 0 {
        context.fpstate = ours;
        // SAFETY: our frame has `room` bytes of FPU state; the source may be any address.
        if unsafe { copy::copy(ours as usize, theirs.fpstate as usize, len as usize) } != 0 {
            crate::fault::die_by(thread, SIGSEGV);
        }
    }
    signal::set_mask(context, thread, theirs.sigmask);
    // As the kernel: an impossible alternate stack in the frame is ignored.
    let stack = theirs.stack;
    if !on_altstack(&thread.altstack, at) && stack.flags & !(SS_DISABLE | SS_AUTODISARM | SS_ONSTACK) == 0 {
        thread.altstack = StackT { flags: stack.flags & !SS_ONSTACK, ..stack };
    }
}

/// Smallest alternate stack that the kernel takes.
const MINSIGSTKSZ: u64 = 2048;

/// sigaltstack(2), for a stack that the kernel never hears of.
fn sigaltstack(thread: &mut Thread, context: &Ucontext, args: &[u64; 6]) -> i64 {
    let [new, old, ..] = *args;
    let on = on_altstack(&thread.altstack, context.regs[reg::RSP]) && thread.altstack.flags & SS_AUTODISARM == 0;
    let mut before = thread.altstack;
    before.pad = 0;
    if on {
        before.flags |= SS_ONSTACK;
    }
    if new != 0 {
        let Some(stack) = copy::read::<StackT>(new) else { return -errno::EFAULT };
        if on {
            return -errno::EPERM;
        }
        thread.altstack = match stack.flags & !SS_AUTODISARM {
            SS_DISABLE => StackT { sp: 0, flags: stack.flags, pad: 0, size: 0 },
            0 | SS_ONSTACK if stack.size < MINSIGSTKSZ => return -errno::ENOMEM,
            0 | SS_ONSTACK => StackT { flags: stack.flags & SS_AUTODISARM, pad: 0, ..stack },
            _ => return -errno::EINVAL,
        };
    }
    if old != 0 && !copy::write(old, &before) {
        return -errno::EFAULT;
    }
    0
}

/// arch_prctl(2): the segment bases, by the instructions of FSGSBASE.
fn arch_prctl(args: &[u64; 6]) -> i64 {
    const SET_GS: i32 = 0x1001;
    const SET_FS: i32 = 0x1002;
    const GET_FS: i32 = 0x1003;
    const GET_GS: i32 = 0x1004;
    // The highest address of user space: a base beyond it is refused, and would fault.
    const TASK_SIZE: u64 = 0x7fff_ffff_f000;
    let base = args[1];
    match args[0] as i32 {
        SET_FS | SET_GS if base >= TASK_SIZE => return -errno::EPERM,
        // SAFETY: canonical, as just checked.
        SET_FS => unsafe { raw::set_fs_base(base) },
        // SAFETY: as above.
        SET_GS => unsafe { raw::set_gs_base(base) },
        GET_FS if copy::write(base, &raw::fs_base()) => {}
        GET_GS if copy::write(base, &raw::gs_base()) => {}
        GET_FS | GET_GS => return -errno::EFAULT,
        _ => return -errno::EINVAL,
    }
    0
}

/// set_robust_list(2): remembered only; the kernel walks no list of a strict thread.
fn robust_list(thread: &mut Thread, args: &[u64; 6]) -> i64 {
    if args[1] != 24 {
        return -errno::EINVAL;
    }
    thread.robust_list = [args[0], args[1]];
    0
}

/// sendmmsg(2): each message as sendmsg(2), which the broker decides on; stops at the first that fails.
fn send_many(thread: &Thread, args: &[u64; 6]) -> i64 {
    const SENDMSG: u64 = 46;
    /// Of a `struct mmsghdr`, and where in it `msg_len` stands.
    const HEADER: (u64, u64) = (64, 56);
    /// UIO_MAXIOV: more are not looked at.
    const MOST: u64 = 1024;
    let [fd, vector, count, flags, ..] = *args;
    let Some(row) = crate::syscall::find(SENDMSG) else { return -errno::ENOSYS };
    let mut sent = 0;
    while sent < (count & 0xffff_ffff).min(MOST) {
        let header = vector.wrapping_add(sent * HEADER.0);
        // SAFETY: we are on the thread's signal stack.
        let result = unsafe { marshal::call(thread, row, &[fd, header, flags, 0, 0, 0]) };
        if result < 0 {
            return if sent == 0 { result } else { sent as i64 };
        }
        if !copy::write(header.wrapping_add(HEADER.1), &(result as u32)) {
            return -errno::EFAULT;
        }
        sent += 1;
    }
    sent as i64
}

const _: () = assert!(offset_of!(Frame, uc) == 8, "rt_sigreturn finds the context behind the return address");
