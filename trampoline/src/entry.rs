//! SIGSYS: the door through which every system call of the program comes, and the way back out.

use core::arch::naked_asm;
use core::mem::offset_of;

use crate::abi::{SigInfo, Ucontext, errno, reg};
use crate::checks::{Bounds, allowed};
use crate::layout::{MAX_THREADS, STACK_LEN};
use crate::request::{self, To};
use crate::syscall::{Route, find};
use crate::thread::{self, RETURN_TO, Thread};
use crate::{emulate, marshal, masked, signal};

/// Where a handler's way out leads: the context to restore, and the thread's state.
#[repr(C)]
#[derive(Debug)]
pub struct WayOut {
    /// `rt_sigreturn` restores this.
    pub context: *mut Ucontext,
    /// Whose pending signals to look at; null to leave them (the interrupted code will).
    pub thread: *mut Thread,
}

/// Makes a signal handler `extern "C" fn(i32, &SigInfo, &mut Ucontext) -> WayOut` into one that the kernel can call.
///
/// | register | on entry (from the kernel) |
/// |----------|----------------------------|
/// | `rdi`    | signal number              |
/// | `rsi`    | address of [`SigInfo`]     |
/// | `rdx`    | address of [`Ucontext`]    |
/// | `rsp`    | the frame, on the thread's own signal stack |
///
/// Never returns: it ends in `rt_sigreturn`, which restores all registers, the mask and the FPU state.
/// Between the last look at `pending` and the call, a signal finds rip in `nurse_window`; its handler then continues at
/// `nurse_again` (with `rbx` and `r13` as they are), so that no signal is left undelivered.
macro_rules! handler {
    ($(#[$doc:meta])* $name:ident, $inner:path) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Only the kernel calls it.
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!("sub rsp, 8", "call {}", "jmp {}", sym $inner, sym $crate::entry::way_out)
        }
    };
}
pub(crate) use handler;

/// The common way out of handlers: `rax` context, `rdx` thread or null.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn way_out() -> ! {
    naked_asm!(
        "mov rbx, rax", "mov r13, rdx",
        "test r13, r13", "jz 9f",
        ".globl nurse_again, nurse_window, nurse_window_end",
        ".hidden nurse_again", ".hidden nurse_window", ".hidden nurse_window_end",
        "nurse_again:",
        "lea rsp, [rbx - 136]", "and rsp, -16",
        "mov rdi, rbx", "mov rsi, r13", "call {finish}",
        "nurse_window:",
        "cmp dword ptr [r13 + {pending}], 0", "jne nurse_again",
        "mov rsp, rbx", "mov eax, 15", "syscall",
        "nurse_window_end:",
        "9: mov rsp, rbx", "mov eax, 15", "syscall",
        "ud2",
        finish = sym signal::finish, pending = const offset_of!(Thread, pending),
    )
}

/// What the kernel finds as a frame's return address; handlers never return that way.
///
/// # Safety
/// For the kernel only: `rsp` must be behind a frame's return address.
#[unsafe(naked)]
pub unsafe extern "C" fn restorer() {
    naked_asm!("mov eax, 15", "syscall", "ud2")
}

/// A read or write made for real, once per slot: the shim points rip here and `rt_sigreturn`s, so that the kernel blocks,
/// restarts and interrupts as if the program itself had made the call.
///
/// All registers are the program's; after the call it goes on at [`Thread::return_to`] of the slot. Eight bytes each.
///
/// # Safety
/// Entered by `rt_sigreturn` only.
#[unsafe(naked)]
pub unsafe extern "C" fn direct_stubs() {
    naked_asm!(
        ".set nurse_n, 0",
        ".rept {slots}",
        "syscall",
        "jmp qword ptr [rip + __ehdr_start + {return_to} + nurse_n * {stack_len}]",
        ".set nurse_n, nurse_n + 1",
        ".endr",
        slots = const MAX_THREADS, return_to = const RETURN_TO, stack_len = const STACK_LEN,
    )
}

/// Bytes of one slot's stub.
pub const STUB_LEN: usize = 8;

handler!(
    /// Handler of SIGSYS.
    sigsys, on_sigsys
);

/// `SYS_USER_DISPATCH` of siginfo: this SIGSYS is a system call that was redirected.
const SYS_USER_DISPATCH: i32 = 2;
/// `AUDIT_ARCH_X86_64`.
const ARCH: u32 = 0xc000_003e;

extern "C" fn on_sigsys(number: i32, info: &SigInfo, context: &mut Ucontext) -> WayOut {
    let thread = thread::current();
    // SAFETY: the low end of this very stack; only this thread uses it.
    let state = unsafe { &mut *thread };
    if info.code != SYS_USER_DISPATCH {
        return signal::arrived(number, info, context, state);
    }
    if (info.fields[1] >> 32) as u32 != ARCH {
        context.regs[reg::RAX] = -errno::ENOSYS as u64;
        return WayOut { context, thread };
    }
    let r = &context.regs;
    let args = [r[reg::RDI], r[reg::RSI], r[reg::RDX], r[reg::R10], r[reg::R8], r[reg::R9]];
    // The kernel looks at 32 bits of the number.
    dispatch(state, context, r[reg::RAX] & 0xffff_ffff, &args);
    WayOut { context, thread }
}

const RT_SIGPENDING: u32 = 127;

/// Takes the cheapest lawful way for one call and leaves its result in the context.
fn dispatch(thread: &mut Thread, context: &mut Ucontext, nr: u64, args: &[u64; 6]) {
    let Some(row) = find(nr) else {
        context.regs[reg::RAX] = -errno::ENOSYS as u64;
        return;
    };
    let result = match row.route {
        Route::Direct => {
            thread.return_to = context.regs[reg::RIP];
            context.regs[reg::RIP] = direct_stubs as *const () as u64 + (thread::slot_of(thread) * STUB_LEN) as u64;
            return;
        }
        Route::Shim => match emulate::call(thread, context, row, args) {
            Some(result) => result,
            None => return,
        },
        Route::Grant(_) => match masked::call(thread, row, args) {
            Some(result) => result,
            None => grant(thread, row, args),
        },
        // SAFETY: we are on the thread's signal stack.
        Route::Order | Route::Broker => unsafe { marshal::call(thread, row, args) },
        // SAFETY: as above. The broker answers with the row's errno and remembers the refusal.
        Route::Never(_) => unsafe { request::ask(thread, To::Broker, nr, args, 0) },
    };
    if row.nr == RT_SIGPENDING && result == 0 {
        signal::add_held(thread, args[0]);
    }
    if result == -errno::EPIPE {
        signal::broken_pipe(thread, row, args);
    }
    context.regs[reg::RAX] = result as u64;
    signal::maybe_restart(thread, context, row, args);
}

/// A call with a standing grant: to the trustee if the checks hold, else to the broker.
pub fn grant(thread: &Thread, row: &crate::syscall::Syscall, args: &[u64; 6]) -> i64 {
    let nr = u64::from(row.nr);
    let constants = thread::constants();
    let granted = constants.grants.get(row.nr as usize).copied().unwrap_or(0);
    if allowed(nr, args, granted, &Bounds::of(constants)) {
        // SAFETY: we are on the thread's signal stack.
        unsafe { request::ask(thread, To::Trustee, nr, args, 0) }
    } else {
        // SAFETY: as above.
        unsafe { marshal::call(thread, row, args) }
    }
}
