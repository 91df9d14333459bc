//! Bring-up: from a fresh process to a strict guest thread with its trustee. No instruction of the program has run yet.

use core::arch::naked_asm;
use core::mem::offset_of;

use crate::abi::{CANCEL, OURS, SigAction, StackT, Ucontext, reg, sa};
use crate::layout::{
    CANCEL_SIGNAL, CONSTANTS, Constants, GUARD_LEN, Handoff, ORDERS, ORDERS_FILE_LEN, PRIVATE, REQUESTS,
    REQUESTS_FILE_LEN, Request, STACK_LEN, STACKS, breaks, flags,
};
use crate::raw::{self, nr};
use crate::thread::{Process, Thread};
use crate::{copy, entry, environment, fault, load, signal, trustee, vdso};

/// Exit status when bring-up fails; the broker has the reason in words. Never a status of the program's.
const FAILED: u64 = 125;

/// What a step needs: a result that is no error, or the process ends.
#[allow(clippy::inline_always, reason = "used before any stack of ours exists")]
#[inline(always)]
pub(crate) unsafe fn must(number: u64, args: [u64; 6]) -> u64 {
    // SAFETY: the caller's.
    let result = unsafe { raw::syscall(number, args) };
    if result < 0 {
        // SAFETY: ends the process.
        unsafe { raw::syscall(nr::EXIT_GROUP, [FAILED, 0, 0, 0, 0, 0]) };
    }
    result as u64
}

/// Reads the start of a file into `buffer`; what was read.
///
/// # Safety
/// Before strict mode only.
pub(crate) unsafe fn read_file<'a>(path: &core::ffi::CStr, buffer: &'a mut [u8]) -> &'a [u8] {
    const CLOEXEC: u64 = 0o2_000_000;
    // SAFETY: a path with its NUL, and a buffer of the length given.
    let len = unsafe {
        let fd = must(nr::OPEN, [path.as_ptr() as u64, CLOEXEC, 0, 0, 0, 0]);
        let len = must(nr::READ, [fd, buffer.as_mut_ptr() as u64, buffer.len() as u64, 0, 0, 0]);
        must(nr::CLOSE, [fd, 0, 0, 0, 0, 0]);
        len as usize
    };
    buffer.get(..len).unwrap_or_default()
}

/// The image's entry point: makes the calling thread a strict guest thread.
///
/// `stack` is the initial stack of a process that came in through the loader: the program is then mapped by the plan and
/// started, and this does not return. It is null for the audit and preload doors: this returns, strict, with
/// all signals but [`OURS`] blocked; the mask to restore is `Constants::start_mask`.
///
/// # Safety
/// To be called once, by the only thread, from the text mapped at `handoff.base`.
pub unsafe extern "C" fn enter(handoff: &Handoff, stack: *mut u64) {
    let base = handoff.base;
    // SAFETY: fresh mappings inside the guard range, which is free but for this text.
    unsafe { map_pages(handoff) };
    // SAFETY: just mapped; written by the broker before this process started.
    let constants = unsafe { &*((base as usize + CONSTANTS) as *const Constants) };
    let mut program = None;
    if !stack.is_null() {
        // SAFETY: the plan was vetted; the guard range is in place and the plan's maps do not touch it.
        program = unsafe { load::map(constants) };
    }
    let thread = (base as usize + STACKS) as *mut Thread;
    let process = (base as usize + PRIVATE) as *mut Process;
    let request = base + REQUESTS as u64;
    // SAFETY: every pointer below is to memory that the call it is given to expects.
    unsafe {
        let all = u64::MAX;
        must(nr::RT_SIGPROCMASK, [2, &raw const all as u64, 0, 8, 0, 0]);
        (*process).pid = must(nr::GETPID, [0; 6]);
        (*thread).tid = must(nr::GETTID, [0; 6]);
        (*thread).altstack = StackT { sp: 0, flags: crate::abi::SS_DISABLE, pad: 0, size: 0 };
        must(nr::SET_TID_ADDRESS, [request + offset_of!(Request, tid_clear) as u64, 0, 0, 0, 0, 0]);
        signals(process, base);
        if stack.is_null() {
            environment::scrub(handoff.door);
            if constants.flags & flags::FILTER_ENGINE == 0 {
                vdso::replace(constants);
            }
        }
        must(nr::PRCTL, [15, constants.comm.as_ptr() as u64, 0, 0, 0, 0]);
        if trustee::spawn(base as usize + ORDERS, request as usize, base as usize + CONSTANTS) < 0 {
            must(nr::EXIT_GROUP, [FAILED, 0, 0, 0, 0, 0]);
        }
        // Syscall User Dispatch: everything outside this text, with no selector byte that could switch it off.
        if !handoff.lacks(breaks::DISPATCH) {
            must(nr::PRCTL, [59, 1, base, handoff.text_len, 0, 0]);
        }
        let rest = !OURS;
        must(nr::RT_SIGPROCMASK, [2, &raw const rest as u64, 0, 8, 0, 0]);
        if handoff.lacks(breaks::STRICT) {
            // A test wants to see what happens then.
        } else if constants.flags & flags::FILTER_ENGINE != 0 {
            must(nr::PRCTL, [22, 2, &raw const constants.guest_filter as u64, 0, 0, 0]);
        } else {
            must(nr::PRCTL, [22, 1, 0, 0, 0, 0]);
        }
        if let Some(program) = program {
            let mut start = Ucontext {
                flags: 0,
                link: 0,
                // What it is already: kernels before 6.12 would take anything else.
                stack: StackT { sp: base + STACKS as u64, flags: 0, pad: 0, size: STACK_LEN as u64 },
                regs: [0; 23],
                fpstate: 0,
                reserved: [0; 8],
                sigmask: signal::real_mask(constants.start_mask),
            };
            start.regs[reg::RIP] = program.start;
            start.regs[reg::RSP] = load::patch_stack(stack, constants, &program);
            start.regs[reg::EFLAGS] = 0x202;
            start.regs[reg::SEGMENTS] = 0x002b_0000_0000_0033;
            (*thread).hidden_mask = constants.start_mask & (OURS | CANCEL);
            // The kernel takes a frame from the thread's own signal stack as from any handler.
            let at = base + (STACKS + STACK_LEN - 1024) as u64;
            let _ = copy::write(at, &start);
            resume(at);
        }
    }
}

/// `rt_sigreturn` with the context at `at`.
#[unsafe(naked)]
unsafe extern "C" fn resume(at: u64) -> ! {
    naked_asm!("mov rsp, rdi", "mov eax, 15", "syscall", "ud2")
}

/// Maps the rest of the guard range behind the text, seals it, and closes the memfds.
unsafe fn map_pages(handoff: &Handoff) {
    const READ: u64 = 1;
    const WRITE: u64 = 2;
    const SHARED: u64 = 1;
    const PRIVATE_ONLY: u64 = 2;
    const PRIVATE_ANON: u64 = 0x22;
    const NORESERVE: u64 = 0x4000;
    const FIXED_NOREPLACE: u64 = 0x10_0000;
    const DONTFORK: u64 = 10;
    let base = handoff.base;
    let private_len = (GUARD_LEN - PRIVATE) as u64;
    let orders_len = ORDERS_FILE_LEN as u64;
    let requests_len = REQUESTS_FILE_LEN as u64;
    // SAFETY: fresh mappings at addresses that nothing else uses.
    unsafe {
        // What lies between the text's end and the constants must not stay free for others to map.
        let rest = CONSTANTS as u64 - handoff.text_len;
        if rest > 0 {
            must(nr::MMAP, [base + handoff.text_len, rest, 0, PRIVATE_ANON | FIXED_NOREPLACE | NORESERVE, u64::MAX, 0]);
        }
        let constants = base + CONSTANTS as u64;
        let (writable, sharing) = (handoff.lacks(breaks::READ_ONLY), handoff.lacks(breaks::SHARED));
        let prot = if writable { READ | WRITE } else { READ };
        let sharing = if sharing { PRIVATE_ONLY } else { SHARED };
        must(nr::MMAP, [constants, orders_len, prot, sharing | FIXED_NOREPLACE, handoff.orders_fd, 0]);
        let requests = base + REQUESTS as u64;
        must(nr::MMAP, [requests, requests_len, READ | WRITE, SHARED | FIXED_NOREPLACE, handoff.requests_fd, 0]);
        let private = base + PRIVATE as u64;
        must(nr::MMAP, [private, private_len, READ | WRITE, PRIVATE_ANON | FIXED_NOREPLACE | NORESERVE, u64::MAX, 0]);
        // A child gets pages of its own.
        must(nr::MADVISE, [constants, orders_len + requests_len, DONTFORK, 0, 0, 0]);
        if !handoff.lacks(breaks::CLOSE) {
            must(nr::CLOSE, [handoff.orders_fd, 0, 0, 0, 0, 0]);
            must(nr::CLOSE, [handoff.requests_fd, 0, 0, 0, 0, 0]);
            must(nr::CLOSE, [handoff.text_fd, 0, 0, 0, 0, 0]);
        }
        raw::syscall(nr::CLOSE, [handoff.door_fd, 0, 0, 0, 0, 0]);
        // Linux 6.10; without it the broker and the trustee alone keep the range whole.
        if !handoff.lacks(breaks::MSEAL) {
            raw::syscall(nr::MSEAL, [base, GUARD_LEN as u64, 0, 0, 0, 0]);
        }
    }
}

/// Our signal stack and handlers; what the process was started with becomes the program's first belief.
unsafe fn signals(process: *mut Process, base: u64) {
    let stack = StackT { sp: base + STACKS as u64, flags: 0, pad: 0, size: STACK_LEN as u64 };
    let mask = !OURS;
    let flags = sa::SIGINFO | sa::ONSTACK | sa::RESTORER;
    let restorer = entry::restorer as *const () as u64;
    let sigsys = SigAction { handler: entry::sigsys as *const () as u64, flags, restorer, mask: 0 };
    let fault = SigAction { handler: fault::fault as *const () as u64, flags, restorer, mask };
    // The cancel signal may come again while its handler runs, which never returns.
    let cancel = SigAction { handler: trustee::cancel_entry(), flags: flags | sa::NODEFER, restorer, mask: 0 };
    // SAFETY: all pointers are to structs of the size that the calls expect.
    unsafe {
        must(nr::SIGALTSTACK, [&raw const stack as u64, 0, 0, 0, 0, 0]);
        for number in 1..=64 {
            let action = &raw mut (*process).actions[number];
            let new = match number as i32 {
                crate::abi::SIGSYS => &raw const sigsys,
                crate::abi::SIGSEGV | crate::abi::SIGBUS => &raw const fault,
                CANCEL_SIGNAL => &raw const cancel,
                _ => core::ptr::null(),
            };
            must(nr::RT_SIGACTION, [number as u64, new as u64, action as u64, 8, 0, 0]);
        }
    }
}
