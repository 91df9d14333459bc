//! Ways into the kernel that are no 64-bit `syscall` of the program's: each must meet the confinement of the thread.

use std::arch::{asm, global_asm};

use crate::Attack;
use crate::forge::guard;
use crate::raw::{breached, call, gadget, held, told};

pub(crate) const ATTACKS: &[Attack] = &[
    ("abi.gadget", by_gadget),
    ("abi.x32", x32),
    ("abi.x32-dispatched", x32_dispatched),
    ("abi.int80", int80),
    ("abi.mode32", mode32),
    ("abi.vsyscall", vsyscall),
    ("abi.masked-sigsys", masked_sigsys),
    ("abi.forged-frame", forged_frame),
];

/// i386's number of getpid.
const GETPID_32: u64 = 20;

/// Jumps to the trampoline's own `syscall` instruction.
fn by_gadget() {
    held("a jump to the trampoline's syscall instruction", "about to be made");
    let pid = gadget(libc::SYS_getppid as u64, &[]);
    breached("a jump to the trampoline's syscall instruction", format!("the kernel answered {pid}"));
}

/// The same with an x32 number, whose low bits are those of write: a check of the low bits alone would let it pass.
fn x32() {
    held("an x32 call by the trampoline's instruction", "about to be made");
    let result = gadget(0x4000_0000 | libc::SYS_write as u64, &[1, 0, 0]);
    breached("an x32 call by the trampoline's instruction", format!("the kernel answered {}", told(result)));
}

fn x32_dispatched() {
    for number in [libc::SYS_getpid, libc::SYS_openat, libc::SYS_write, 512, 520] {
        let result = call(0x4000_0000 | number as u64, &[0; 6]);
        if result != -i64::from(libc::ENOSYS) {
            breached(&format!("x32 call {number}"), told(result));
        }
        held(&format!("x32 call {number}"), told(result));
    }
}

/// A 32-bit call from 64-bit code.
fn int80() {
    for place in [guard().find(&[0xcd, 0x80]), guard().find(&[0x0f, 0x34])] {
        held("32-bit entries among the trampoline's bytes", format!("{:?}", place.map(|at| at - guard().base)));
    }
    let result: i64;
    unsafe {
        asm!("int 0x80", inlateout("rax") GETPID_32 => result, lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _)
    };
    // A 32-bit result is not sign-extended in every way back.
    if result as i32 > 0 {
        breached("int 0x80", format!("getpid gave {result}"));
    }
    held("int 0x80", told(i64::from(result as i32)));
}

/// A 32-bit call from 32-bit code, in a page that such code can reach.
fn mode32() {
    let page = call(libc::SYS_mmap as u64, &[0x1000_0000, 4096, 7, 0x10_0022, u64::MAX, 0]);
    assert_eq!(page, 0x1000_0000, "{}", told(page));
    unsafe {
        let (start, end) = (&raw const nurse_mode32, &raw const nurse_mode32_end);
        let len = end.addr() - start.addr();
        std::ptr::copy_nonoverlapping(start, page as *mut u8, len);
    }
    held("32-bit code", "about to run");
    let result: i64;
    unsafe {
        // Far return into the 32-bit segment; the code comes back by a far jump through the word at 0x10000800.
        asm!(
            "push rbx", "push rbp", "mov r12, rsp",
            "lea rax, [rip + 3f]", "mov [0x10000800], eax", "mov word ptr [0x10000804], 0x33", "mov [0x10000808], rax",
            "push 0x23", "push 0x10000000", ".byte 0x48, 0xcb",
            "3: nop",
            "mov rsp, r12", "pop rbp", "pop rbx",
            out("rax") result, out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _, out("r8") _, out("r9") _, out("r10") _,
            out("r11") _, out("r12") _,
        );
    }
    if result as i32 > 0 {
        breached("int 0x80 from 32-bit code", format!("getpid gave {result}"));
    }
    held("int 0x80 from 32-bit code", told(i64::from(result as i32)));
}

unsafe extern "C" {
    static nurse_mode32: u8;
    static nurse_mode32_end: u8;
}

global_asm!(
    ".globl nurse_mode32, nurse_mode32_end",
    "nurse_mode32:",
    ".code32",
    "mov eax, 20",
    "int 0x80",
    // Far jump to the 64-bit segment, to the stub below.
    ".byte 0xea",
    ".long 0x10000000 + (4f - nurse_mode32)",
    ".word 0x33",
    ".code64",
    "4: jmp qword ptr [0x10000808]",
    "nurse_mode32_end:",
);

/// The page at a fixed address that the kernel emulates three calls for.
fn vsyscall() {
    let maps = crate::raw::content("/proc/self/maps").unwrap_or_default();
    if !maps.contains("[vsyscall]") {
        return held("vsyscall", "this kernel has none");
    }
    held("time(2) by the vsyscall page", "about to be called");
    let time: i64;
    unsafe {
        asm!("xor edi, edi", "mov r12, 0xffffffffff600400", "call r12", out("rax") time, out("rdi") _, out("r12") _,
             out("rcx") _, out("r11") _, clobber_abi("C"));
    }
    breached("time(2) by the vsyscall page", format!("gave {time}"));
}

/// Blocks every signal, SIGSYS among them, by a frame of our own, and then calls: what comes in place of the handler?
fn masked_sigsys() {
    held("a call with SIGSYS blocked", "about to be made");
    set_mask(u64::MAX);
    let result = call(libc::SYS_getppid as u64, &[]);
    breached("a call with SIGSYS blocked", format!("gave {result}"));
}

/// A frame that asks for more than registers: other segments, I/O privilege, single steps.
fn forged_frame() {
    set_mask(0);
    held("a frame with an empty mask", "taken");
    let flags: u64;
    unsafe { asm!("pushfq", "pop {}", out(reg) flags) };
    if flags & 0x3000 != 0 {
        breached("I/O privilege by a frame", format!("flags {flags:#x}"));
    }
    held("I/O privilege by a frame", format!("flags {flags:#x}"));
    held("a call after that by the trampoline's instruction", "about to be made");
    let pid = gadget(libc::SYS_getppid as u64, &[]);
    breached("a call after that by the trampoline's instruction", format!("the kernel answered {pid}"));
}

/// `rt_sigreturn`s by the trampoline's instruction into the next line, with this mask and all flags that could be asked for.
fn set_mask(mask: u64) {
    let stub = guard().stub();
    let stack = guard().base + trampoline::layout::STACKS as u64;
    unsafe {
        asm!(
            "push rbx", "push rbp", "mov r11, rsp", "sub rsp, 4096", "and rsp, -64",
            "mov qword ptr [rsp], 0", "mov qword ptr [rsp + 8], 0",
            // Our signal stack: a frame without one would take it from the kernel, and leave the shim without a handler.
            "mov [rsp + 16], rdx", "mov qword ptr [rsp + 24], 0", "mov qword ptr [rsp + 32], 65536",
            "mov [rsp + 40 + 15*8], r11",
            "lea rax, [rip + 2f]", "mov [rsp + 40 + 16*8], rax",
            // IOPL 3
            "mov qword ptr [rsp + 40 + 17*8], 0x3202",
            "mov rax, 0x002b000000000033", "mov [rsp + 40 + 18*8], rax",
            "mov qword ptr [rsp + 224], 0", "mov [rsp + 296], rdi",
            "mov eax, 15", "jmp rsi",
            "2: pop rbp", "pop rbx",
            inout("rdi") mask => _, inout("rsi") stub => _, inout("rdx") stack => _, clobber_abi("C"), out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
}
