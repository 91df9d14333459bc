//! The trustee: executes orders of the broker and granted calls of its guest thread, with registers only.
//!
//! It shares the address space with an attacker who owns all writable memory. It therefore keeps everything it
//! decides by in registers, in its own text and in the read-only pages: no stack, no TLS, no function calls.
//! [`crate::checks::allowed`] is the plain-Rust model of the checks below.

use core::arch::naked_asm;
use core::mem::offset_of;

use crate::layout::{Constants, Order, Request, flags};
use crate::raw::nr;
use crate::syscall::checks;

/// Clones the trustee of a slot; the caller's stack is used before the clone only.
///
/// | register | on entry                  | on exit                |
/// |----------|---------------------------|------------------------|
/// | `rdi`    | address of [`Order`]      | lost                   |
/// | `rsi`    | address of [`Request`]    | lost                   |
/// | `rdx`    | address of [`Constants`]  | lost                   |
/// | `rax`    | -                         | thread id, or -errno   |
///
/// All signals must be blocked: the new thread inherits the mask and never opens it.
///
/// # Safety
/// The three addresses must lie in a mapped guard range, and the thread must not be strict yet.
#[unsafe(naked)]
pub unsafe extern "C" fn spawn(order: usize, request: usize, constants: usize) -> i64 {
    naked_asm!(
        "push r12", "push r13", "push r14", "push r15",
        "mov r12, rdi", "mov r14, rsi", "mov r15, rdx", "xor r13d, r13d",
        // CLONE_VM FS FILES SIGHAND THREAD SYSVSEM; stack 0, no tid words, no TLS
        "mov edi, {flags}", "xor esi, esi", "xor edx, edx", "xor r10d, r10d", "xor r8d, r8d",
        "mov eax, {clone}", "syscall",
        "test rax, rax", "jz {start}",
        "pop r15", "pop r14", "pop r13", "pop r12", "ret",
        flags = const 0x0005_0f00, clone = const nr::CLONE, start = sym start,
    )
}

/// First instructions of a new trustee: its one stack pointer, its name in the request page, TSC alignment, its filter.
///
/// | register | on entry and for ever                     |
/// |----------|-------------------------------------------|
/// | `r12`    | address of its [`Order`]                  |
/// | `r13d`   | `seq` of the last order taken             |
/// | `r14`    | address of its [`Request`] (hostile)      |
/// | `r15`    | address of [`Constants`]                  |
/// | `rsp`    | `Order::frame_top`: the kernel writes the cancel signal's frame below it; never read by us but for rip and rax |
#[unsafe(naked)]
#[unsafe(link_section = ".text.trustee")]
unsafe extern "C" fn start() -> ! {
    naked_asm!(
        "mov rsp, [r12 + {frame_top}]",
        "mov eax, {gettid}", "syscall", "mov [r14 + {tid}], eax",
        // A strict guest thread has no TSC: equal flags spare a CR4 write at every switch between the two.
        "test qword ptr [r15 + {flags}], {filter_engine}", "jnz 2f",
        "mov eax, {prctl}", "mov edi, 26", "mov esi, 2", "xor edx, edx", "xor r10d, r10d", "xor r8d, r8d", "syscall",
        "2:",
        "mov eax, {seccomp}", "mov edi, 1", "xor esi, esi", "lea rdx, [r15 + {program}]", "syscall",
        "test rax, rax", "jnz 3f",
        // From here on the cancel signal may come. Not before: its frame lies in hostile memory, and whoever forges the rip in
        // it can send the trustee into the loop, which must wear its filter by then.
        "mov eax, {sigprocmask}", "mov edi, 2", "lea rsi, [r15 + {mask}]", "xor edx, edx", "mov r10d, 8", "syscall",
        "test rax, rax", "jz {run}",
        "3: ud2",
        frame_top = const offset_of!(Order, frame_top), gettid = const nr::GETTID,
        tid = const offset_of!(Request, trustee_tid), flags = const offset_of!(Constants, flags),
        filter_engine = const flags::FILTER_ENGINE, prctl = const nr::PRCTL, seccomp = const nr::SECCOMP,
        program = const offset_of!(Constants, trustee_filter), run = sym run,
        sigprocmask = const nr::RT_SIGPROCMASK, mask = const offset_of!(Constants, trustee_mask),
    )
}

/// The loop: an order if there is a new one, else a granted call if one is asked for, else sleep.
///
/// | register                | in the loop                                            |
/// |-------------------------|--------------------------------------------------------|
/// | `r12 r13 r14 r15 rsp`   | as in [`start`]                                        |
/// | `rbp`                   | the request `seq` to answer                            |
/// | `rbx`                   | the grant's checks; then the answer's kind             |
/// | `rax rdi rsi rdx r10 r8 r9` | the call, loaded once                              |
/// | `rcx r11`, flags        | scratch                                                |
///
/// Reads each word of an order once and compares `seq` before and after; an odd `seq` is an order being written.
/// Stack: none.
///
/// The cancel signal enters at `nurse_trustee_cancel` ([`cancel_entry`]) and decides by the interrupted rip:
/// nothing taken, or not in the loop yet: to its start; taken but not made: -NOT_MADE; made: its result is in the frame's rax. The frame lies
/// in hostile memory: whoever falsifies it falsifies his own result, for every target is a lawful place in this loop.
#[unsafe(naked)]
#[unsafe(link_section = ".text.trustee")]
unsafe extern "C" fn run() -> ! {
    naked_asm!(
        "20:", // idle
        "mov rsp, [r12 + {frame_top}]",
        "mov eax, [r12 + {order_seq}]",
        "cmp eax, r13d", "je 21f",
        "test al, 1", "jz 60f",
        "21:",
        "mov eax, [r14 + {direct}]",
        "test eax, eax", "jnz 22f",
        "xor eax, eax", "mov edi, [r12 + {trustee_bell}]", "lea rsi, [r14 + {bell}]", "mov edx, 8", "syscall",
        "jmp 20b",
        "22:",
        "mov ebp, eax",
        "mov dword ptr [r14 + {direct}], 0",

        "30:", // a granted call is taken: load it once, check the registers
        "mov rax, [r14 + {nr}]",
        "mov rdi, [r14 + {arg0}]", "mov rsi, [r14 + {arg0} + 8]", "mov rdx, [r14 + {arg0} + 16]",
        "mov r10, [r14 + {arg0} + 24]", "mov r8, [r14 + {arg0} + 32]", "mov r9, [r14 + {arg0} + 40]",
        "cmp rax, {grants_len}", "jae 39f",
        "mov ebx, [r15 + rax * 4 + {grants}]",
        "test ebx, {granted}", "jz 39f",
        "test ebx, {fd0}", "jz 2f",
        "mov ecx, edi", "sub ecx, [r15 + {fd_low}]", "cmp ecx, [r15 + {fd_count}]", "jb 39f",
        "2: test ebx, {fd1}", "jz 2f",
        "mov ecx, esi", "sub ecx, [r15 + {fd_low}]", "cmp ecx, [r15 + {fd_count}]", "jb 39f",
        "2: test ebx, {fd2}", "jz 2f",
        "mov ecx, edx", "sub ecx, [r15 + {fd_low}]", "cmp ecx, [r15 + {fd_count}]", "jb 39f",
        "2: test ebx, {fd4}", "jz 2f",
        "mov ecx, r8d", "sub ecx, [r15 + {fd_low}]", "cmp ecx, [r15 + {fd_count}]", "jb 39f",
        "2: test ebx, {range}", "jz 2f",
        "mov r11, rdi", "add r11, rsi", "jc 39f",
        "cmp rdi, [r15 + {guard_end}]", "jae 2f",
        "cmp r11, [r15 + {guard_start}]", "ja 39f",
        "2: test ebx, {words}", "jz 2f",
        "mov rcx, [r15 + {guard_end}]", "mov r11, [r15 + {guard_start}]", "sub rcx, r11",
        "neg r11", "add r11, rdi", "cmp r11, rcx", "jb 39f",
        "sub r11, rdi", "add r11, r8", "cmp r11, rcx", "jb 39f",
        "2: test ebx, {signal}", "jz 2f",
        "cmp edi, {cancel_signal}", "je 39f",
        "2: test ebx, {zero3}", "jz 2f",
        "test r10, r10", "jnz 39f",
        "2: test ebx, {zero4}", "jz 2f",
        "test r8, r8", "jnz 39f",
        "2: test ebx, {zero5}", "jz 2f",
        "test r9, r9", "jnz 39f",
        "2: test ebx, {fcntl}", "jz 2f",
        "cmp esi, 3", "ja 39f", "cmp rdx, [r15 + {fd_low}]", "jae 39f",
        "2: test ebx, {mmap}", "jz 2f",
        "test r10, {mmap_not}", "jnz 39f",
        "2: test ebx, {futex}", "jz 2f",
        "mov ecx, esi", "and ecx, {futex_not}", "cmp ecx, 31", "ja 39f",
        "mov r11d, {futex_ops}", "bt r11d, ecx", "jnc 39f",
        "2: test ebx, {clock}", "jz 2f",
        "cmp edi, 31", "ja 39f", "mov r11d, {clocks}", "bt r11d, edi", "jnc 39f",
        "2: test ebx, {prot}", "jz 2f",
        "cmp rdx, 7", "ja 39f",
        "2: xor ebx, ebx",
        "jmp 40f",
        "39: mov rax, -1", "xor ebx, ebx", "jmp 41f",

        "40: syscall", // the call
        "41: mov r10, rax",
        "42: mov [r14 + {result}], r10", "mov [r14 + {answer}], ebx",
        "mov eax, ebp", "xchg [r14 + {done}], eax",
        "43: cmp dword ptr [r14 + {sleeping}], 0", "je 20b",
        "mov eax, {write}", "mov edi, [r12 + {guest_bell}]", "lea rsi, [r15 + {one}]", "mov edx, 8", "syscall",
        "jmp 20b",

        "60:", // an order: load it, and take it only if it has not changed meanwhile
        "mov r11d, eax",
        "mov ecx, [r12 + {kind}]", "mov rbx, [r12 + {order_answer}]", "mov rbp, [r12 + {order_request}]",
        "mov rax, [r12 + {order_nr}]",
        "mov rdi, [r12 + {order_arg0}]", "mov rsi, [r12 + {order_arg0} + 8]", "mov rdx, [r12 + {order_arg0} + 16]",
        "mov r10, [r12 + {order_arg0} + 24]", "mov r8, [r12 + {order_arg0} + 32]", "mov r9, [r12 + {order_arg0} + 40]",
        "cmp r11d, [r12 + {order_seq}]", "jne 20b",
        "mov r13d, r11d",
        "61: test ecx, ecx", "jz 40b",
        // A fence: the broker may not wait for it yet, so give it time and wake again, until it does or has gone on.
        "mov r8d, {wakes}",
        "63: mov eax, {futex_nr}", "lea rdi, [r15 + {fence}]", "mov esi, 1", "mov edx, 1", "syscall",
        "test eax, eax", "jnz 62f",
        "mov eax, {yield_nr}", "syscall",
        "cmp r13d, [r12 + {order_seq}]", "jne 62f",
        "dec r8d", "jnz 63b",
        "62: jmp 20b",

        ".globl nurse_trustee_cancel", ".hidden nurse_trustee_cancel",
        "nurse_trustee_cancel:", // rdx: the frame's ucontext; rcx, rbx, rbp, r8 to r15 are as interrupted
        "mov rsi, [rdx + {uc_rip}]", "mov rax, [rdx + {uc_rax}]",
        "lea rdi, [rip + 20b]", "cmp rsi, rdi", "jb 20b",
        "lea rdi, [rip + 30b]", "cmp rsi, rdi", "jb 20b",
        "lea rdi, [rip + 40b]", "cmp rsi, rdi", "jbe 70f",
        "lea rdi, [rip + 41b]", "cmp rsi, rdi", "je 41b",
        "lea rdi, [rip + 43b]", "cmp rsi, rdi", "jb 42b",
        "lea rdi, [rip + 60b]", "cmp rsi, rdi", "jb 43b",
        "lea rdi, [rip + 61b]", "cmp rsi, rdi", "jb 20b",
        "lea rdi, [rip + 62b]", "cmp rsi, rdi", "ja 71f",
        "test ecx, ecx", "jnz 61b", // a fence may wake twice
        "70: mov rax, {not_made}", "xor ebx, ebx", "jmp 41b",
        // The signal came again while this very code ran: begin anew with the first frame.
        "71: lea rdi, [rip + 72f]", "cmp rsi, rdi", "ja 20b",
        "mov rdx, [rdx + {uc_rdx}]",
        "72: jmp nurse_trustee_cancel",
        frame_top = const offset_of!(Order, frame_top), order_seq = const offset_of!(Order, seq),
        direct = const offset_of!(Request, direct), trustee_bell = const offset_of!(Order, trustee_bell),
        bell = const offset_of!(Request, bell), nr = const offset_of!(Request, nr),
        arg0 = const offset_of!(Request, args), grants_len = const crate::layout::GRANTS,
        grants = const offset_of!(Constants, grants), granted = const checks::GRANTED,
        fd0 = const checks::FD0, fd1 = const checks::FD1, fd2 = const checks::FD2, fd4 = const checks::FD4,
        fd_low = const offset_of!(Constants, fd_low), fd_count = const offset_of!(Constants, fd_count),
        range = const checks::RANGE, guard_end = const offset_of!(Constants, guard_end),
        guard_start = const offset_of!(Constants, guard_start), words = const checks::WORDS,
        signal = const checks::SIGNAL, cancel_signal = const crate::layout::CANCEL_SIGNAL,
        zero3 = const checks::ZERO3, zero4 = const checks::ZERO4, zero5 = const checks::ZERO5,
        fcntl = const checks::FCNTL, mmap = const checks::MMAP, mmap_not = const !(checks::MMAP_FLAGS as i32),
        futex = const checks::FUTEX, futex_not = const !0x180_i32, futex_ops = const checks::FUTEX_OPS,
        clock = const checks::CLOCK, clocks = const crate::checks::CLOCKS, prot = const checks::PROT,
        result = const offset_of!(Request, result), answer = const offset_of!(Request, answer),
        done = const offset_of!(Request, done), sleeping = const offset_of!(Request, sleeping),
        write = const nr::WRITE, guest_bell = const offset_of!(Order, guest_bell),
        one = const offset_of!(Constants, one), kind = const offset_of!(Order, kind),
        order_answer = const offset_of!(Order, answer), order_request = const offset_of!(Order, request),
        order_nr = const offset_of!(Order, nr), order_arg0 = const offset_of!(Order, args),
        wakes = const FENCE_WAKES, yield_nr = const nr::SCHED_YIELD, futex_nr = const nr::FUTEX, fence = const offset_of!(Constants, fence),
        uc_rip = const offset_of!(crate::abi::Ucontext, regs) + 8 * crate::abi::reg::RIP,
        uc_rax = const offset_of!(crate::abi::Ucontext, regs) + 8 * crate::abi::reg::RAX,
        uc_rdx = const offset_of!(crate::abi::Ucontext, regs) + 8 * crate::abi::reg::RDX,
        not_made = const -crate::abi::errno::NOT_MADE,
    )
}

/// How often a fence is tried before the trustee goes back to sleep.
const FENCE_WAKES: u32 = 1000;

/// Address of the cancel signal's handler.
#[must_use]
pub fn cancel_entry() -> u64 {
    let entry: u64;
    // SAFETY: takes the address of a label in `run`, whose symbol this function's use of `spawn` keeps in the image.
    unsafe {
        core::arch::asm!("lea {}, [rip + nurse_trustee_cancel]", out(reg) entry, options(nomem, nostack, preserves_flags));
    }
    entry
}
