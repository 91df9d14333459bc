//! Signals of the program: its handlers are real, entered through a thin handler of ours that moves the frame to the
//! program's own stack, or keeps the signal until the shim is done.

use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::abi::{
    CANCEL, Frame, OURS, SIGBUS, SIGPIPE, SIGSEGV, SS_AUTODISARM, SS_DISABLE, SigAction, SigInfo, StackT, UNMASKABLE,
    Ucontext, bit, errno, reg, sa,
};
use crate::entry::{self, STUB_LEN, WayOut, handler};
use crate::layout::{MAX_THREADS, TEXT_LEN, fds};
use crate::syscall::Syscall;
use crate::thread::{self, Thread};
use crate::{copy, fault, raw, request};

handler!(
    /// Handler of all signals that the program handles, but those of [`OURS`].
    signal, on_signal
);

extern "C" fn on_signal(number: i32, info: &SigInfo, context: &mut Ucontext) -> WayOut {
    // SAFETY: the low end of this very stack; only this thread uses it.
    let thread = unsafe { &mut *thread::current() };
    arrived(number, info, context, thread)
}

/// A signal for the program: delivers it, or keeps it if it interrupted the shim.
pub fn arrived(number: i32, info: &SigInfo, context: &mut Ucontext, thread: &mut Thread) -> WayOut {
    // What the kernel cannot keep masked for us: masked by the program, or too early for the one place of `deferred`.
    if bit(number) & OURS != 0 && (bit(number) & thread.hidden_mask != 0 || thread.has_pending()) {
        thread.held |= bit(number);
        thread.held_info[held_place(number)] = *info;
        let in_shim = in_text(context.regs[reg::RIP]);
        return WayOut { context, thread: if in_shim { core::ptr::null_mut() } else { thread } };
    }
    leave_stub(context, thread);
    if !in_text(context.regs[reg::RIP]) {
        deliver(number, info, context, thread);
        return WayOut { context, thread };
    }
    thread.deferred = *info;
    thread.pending.store(number as u32, SeqCst);
    // No second one until this is delivered.
    context.sigmask = !OURS;
    let waiting = thread.waiting.load(SeqCst);
    if waiting != 0 {
        let slot = thread::request();
        // SAFETY: the slot is mapped for the life of the process; the word is atomic.
        unsafe { (*slot).cancel.store(waiting, SeqCst) };
        request::ring(thread::constants().fd_low + u64::from(fds::BROKER_BELL));
    }
    let (again, window, end) = landmarks();
    if (window..end).contains(&context.regs[reg::RIP]) {
        context.regs[reg::RIP] = again;
    }
    WayOut { context, thread: core::ptr::null_mut() }
}

/// Makes a context that was interrupted in a [`entry::direct_stubs`] look as if the program itself had made the call.
fn leave_stub(context: &mut Ucontext, thread: &Thread) {
    let offset = context.regs[reg::RIP].wrapping_sub(entry::direct_stubs as *const () as u64);
    if offset < (MAX_THREADS * STUB_LEN) as u64 {
        let before_call = offset.is_multiple_of(STUB_LEN as u64);
        context.regs[reg::RIP] = thread.return_to - if before_call { 2 } else { 0 };
    }
}

/// Whether an address lies in the trampoline's text.
#[must_use]
pub fn in_text(rip: u64) -> bool {
    rip.wrapping_sub(raw::guard_base() as u64) < TEXT_LEN as u64
}

fn landmarks() -> (u64, u64, u64) {
    let (again, window, end);
    // SAFETY: takes the addresses of labels in the handlers' way out.
    unsafe {
        core::arch::asm!("lea {}, [rip + nurse_again]", "lea {}, [rip + nurse_window]", "lea {}, [rip + nurse_window_end]",
            out(reg) again, out(reg) window, out(reg) end, options(nomem, nostack, preserves_flags));
    }
    (again, window, end)
}

/// Last look before a handler leaves: delivers what was kept, on top of the context it returns to.
pub extern "C" fn finish(context: &mut Ucontext, thread: &mut Thread) {
    let number = thread.pending.load(SeqCst);
    if number != 0 {
        let info = thread.deferred;
        thread.pending.store(0, SeqCst);
        // The handler may read or write, too, and the slot has one `return_to`.
        leave_stub(context, thread);
        deliver(number as i32, &info, context, thread);
    }
    while thread.held & !thread.hidden_mask != 0 {
        let number = (thread.held & !thread.hidden_mask).trailing_zeros() as i32 + 1;
        thread.held &= !bit(number);
        let info = thread.held_info[held_place(number)];
        leave_stub(context, thread);
        deliver(number, &info, context, thread);
    }
}

/// Adds to the set at `set`, in the program's memory, what the kernel does not know to be pending.
pub fn add_held(thread: &Thread, set: u64) {
    if thread.held != 0
        && let Some(pending) = copy::read::<u64>(set)
    {
        let _ = copy::write(set, &(pending | thread.held));
    }
}

/// Index into [`Thread::held_info`].
#[must_use]
pub const fn held_place(number: i32) -> usize {
    match number {
        SIGBUS => 0,
        SIGSEGV => 1,
        _ => 2,
    }
}

/// The action that the program set for a signal.
#[must_use]
pub fn action(number: i32) -> SigAction {
    // SAFETY: mapped for the life of the process; signal numbers are 1 to 64.
    unsafe { (&raw const (*thread::process()).actions[(number as usize).min(64)]).read() }
}

/// Puts a signal frame on the program's stack, as the kernel would, and turns `context` into the start of its handler.
pub fn deliver(number: i32, info: &SigInfo, context: &mut Ucontext, thread: &mut Thread) {
    let action = action(number);
    if action.handler <= 1 {
        if action.handler == 0 {
            fault::die_by(thread, number);
        }
        return;
    }
    let on_alt = on_altstack(&thread.altstack, context.regs[reg::RSP]);
    let mut top = context.regs[reg::RSP].wrapping_sub(128);
    if action.flags & sa::ONSTACK != 0 && thread.altstack.flags & SS_DISABLE == 0 && !on_alt {
        top = thread.altstack.sp.wrapping_add(thread.altstack.size);
    }
    let fpu_len = fpu_len(context.fpstate);
    let fpu = top.wrapping_sub(fpu_len) & !63;
    let at = ((fpu.wrapping_sub(size_of::<Frame>() as u64)) & !15).wrapping_sub(8);
    let mut frame = Frame { restorer: action.restorer, uc: *context, info: *info };
    frame.uc.stack = thread.altstack;
    frame.uc.sigmask = self::mask(context, thread);
    if context.fpstate != 0 {
        frame.uc.fpstate = fpu;
        // SAFETY: the source is the kernel's own frame; the destination may be any address.
        if unsafe { copy::copy(fpu as usize, context.fpstate as usize, fpu_len as usize) } != 0 {
            fault::die_by(thread, SIGSEGV);
        }
    }
    if !copy::write(at, &frame) {
        fault::die_by(thread, SIGSEGV);
    }
    if thread.altstack.flags & SS_AUTODISARM != 0 {
        thread.altstack = StackT { sp: 0, flags: SS_DISABLE, pad: 0, size: 0 };
    }
    if action.flags & sa::RESETHAND != 0 {
        // SAFETY: as in `action`; a plain store to memory of the guest's own.
        unsafe { (*thread::process()).actions[number as usize].handler = 0 };
    }
    let mut mask = frame.uc.sigmask | action.mask;
    if action.flags & sa::NODEFER == 0 {
        mask |= bit(number);
    }
    set_mask(context, thread, mask);
    let uc = at + core::mem::offset_of!(Frame, uc) as u64;
    context.regs[reg::RDI] = number as u64;
    context.regs[reg::RSI] = at + core::mem::offset_of!(Frame, info) as u64;
    context.regs[reg::RDX] = uc;
    context.regs[reg::RAX] = 0;
    context.regs[reg::RSP] = at;
    context.regs[reg::RIP] = action.handler;
    context.regs[reg::EFLAGS] &= !0x1_0500;
    // A handler starts with a fresh FPU state.
    context.fpstate = 0;
}

/// Signals whose real mask is not the program's to set.
const HIDDEN: u64 = OURS | CANCEL;

/// A program's mask as the kernel gets it.
#[must_use]
pub fn real_mask(mask: u64) -> u64 {
    mask & !OURS & !UNMASKABLE | CANCEL
}

/// Sets the mask that `context` restores; what must stay open or blocked is kept as a belief of the program.
pub fn set_mask(context: &mut Ucontext, thread: &mut Thread, mask: u64) {
    thread.hidden_mask = mask & HIDDEN;
    context.sigmask = real_mask(mask);
}

/// The mask as the program believes it.
#[must_use]
pub fn mask(context: &Ucontext, thread: &Thread) -> u64 {
    context.sigmask & !HIDDEN | thread.hidden_mask
}

/// Whether a stack pointer lies on an alternate stack.
#[must_use]
pub fn on_altstack(stack: &StackT, sp: u64) -> bool {
    stack.flags & SS_DISABLE == 0 && sp > stack.sp && sp - stack.sp <= stack.size
}

/// Bytes of the FPU state that a frame points to: with `FP_XSTATE_MAGIC1` it says so itself, else it is FXSAVE's 512.
#[must_use]
pub fn fpu_len(fpstate: u64) -> u64 {
    if fpstate == 0 {
        return 0;
    }
    match copy::read::<[u32; 2]>(fpstate.wrapping_add(464)) {
        Some([0x4650_5853, len]) => u64::from(len.clamp(512, 16 * 1024)),
        _ => 512,
    }
}

/// After a call that a kept signal ended: has it made again once the signal is delivered, always if it was not made at
/// all, else if the program asked for that (`SA_RESTART`) and the kernel would. signal(7) lists which calls restart.
pub fn maybe_restart(thread: &Thread, context: &mut Ucontext, row: &Syscall, args: &[u64; 6]) {
    let again = match context.regs[reg::RAX] as i64 {
        result if result == -errno::NOT_MADE => true,
        result if result == -errno::EINTR => {
            let action = action(thread.pending.load(Relaxed) as i32);
            thread.has_pending() && action.handler > 1 && action.flags & sa::RESTART != 0 && restarts(row.name, args)
        }
        _ => false,
    };
    if again {
        context.regs[reg::RAX] = u64::from(row.nr);
        context.regs[reg::RIP] -= 2;
    }
}

/// A write to a broken pipe that the trustee made raised its SIGPIPE, not ours: the program gets its own.
pub fn broken_pipe(thread: &Thread, row: &Syscall, args: &[u64; 6]) {
    const MSG_NOSIGNAL: u64 = 0x4000;
    let silent = match row.name {
        "writev" | "pwritev" | "pwritev2" | "splice" | "sendfile" | "tee" => false,
        "sendto" => args[3] & MSG_NOSIGNAL != 0,
        "sendmsg" => args[2] & MSG_NOSIGNAL != 0,
        _ => true,
    };
    if !silent {
        // SAFETY: mapped for the life of the process.
        let pid = unsafe { (*thread::process()).pid };
        // SAFETY: we are on the thread's signal stack; tgkill reads no memory.
        unsafe {
            request::insist(thread, request::To::Broker, raw::nr::TGKILL, &[pid, thread.tid, SIGPIPE as u64, 0, 0, 0])
        };
    }
}

fn restarts(name: &str, args: &[u64; 6]) -> bool {
    match name {
        "readv" | "writev" | "preadv" | "pwritev" | "pread64" | "pwrite64" | "wait4" | "waitid" | "ioctl" | "open"
        | "openat" | "openat2" | "flock" | "fcntl" | "accept" | "accept4" | "connect" | "recvfrom" | "recvmsg"
        | "sendto" | "sendmsg" | "sendfile" | "splice" | "tee" | "getrandom" | "fsync" | "copy_file_range" => true,
        // A futex wait without a time-out.
        "futex" => args[3] == 0,
        _ => false,
    }
}
