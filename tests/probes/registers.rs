//! What a system call must leave alone: registers, flags, the red zone, x87, SSE and AVX state.

use crate::{Probe, probe};
use std::arch::asm;

pub(crate) const PROBES: &[Probe] = &[
    probe("registers.general", general),
    probe("registers.flags", flags),
    probe("registers.red_zone", red_zone),
    probe("registers.vector", vector),
    probe("registers.floating", floating),
];

/// Calls that take each of the ways through nurse: emulated, direct, granted, decided by the broker, refused.
fn numbers() -> [(&'static str, i64, [u64; 3]); 8] {
    [
        ("getpid", libc::SYS_getpid, [0, 0, 0]),
        ("read nothing", libc::SYS_read, [0, 0, 0]),
        ("write nothing", libc::SYS_write, [1, 0, 0]),
        ("lseek", libc::SYS_lseek, [999, 0, 0]),
        ("access", libc::SYS_access, [c"/".as_ptr().expose_provenance() as u64, 0, 0]),
        ("open absent", libc::SYS_open, [c"/absent".as_ptr().expose_provenance() as u64, 0, 0]),
        ("sched_yield", libc::SYS_sched_yield, [0, 0, 0]),
        ("unknown", 9999, [0, 0, 0]),
    ]
}

/// General registers before and after, in the order rdi rsi rdx r10 r8 r9 rbx rbp r12 r13 r14 r15.
fn general() {
    for (name, number, [a, b, c]) in numbers() {
        let mut values: [u64; 12] = [
            a,
            b,
            c,
            0x1010,
            0x0808,
            0x0909,
            0xbbbb_bbbb_bbbb,
            0x5555_5555_5555,
            0x1212_1212,
            0x1313_1313,
            0x1414_1414,
            0x1515_1515,
        ];
        let before = values;
        let (result, rcx, r11): (i64, u64, u64);
        unsafe {
            asm!(
                "push rbx", "push rbp", "push rax",
                "mov rdi, [rax]", "mov rsi, [rax + 8]", "mov rdx, [rax + 16]", "mov r10, [rax + 24]", "mov r8, [rax + 32]", "mov r9, [rax + 40]",
                "mov rbx, [rax + 48]", "mov rbp, [rax + 56]", "mov r12, [rax + 64]", "mov r13, [rax + 72]", "mov r14, [rax + 80]", "mov r15, [rax + 88]",
                "mov rax, rcx",
                "syscall",
                "xchg rax, [rsp]",
                "mov [rax], rdi", "mov [rax + 8], rsi", "mov [rax + 16], rdx", "mov [rax + 24], r10", "mov [rax + 32], r8", "mov [rax + 40], r9",
                "mov [rax + 48], rbx", "mov [rax + 56], rbp", "mov [rax + 64], r12", "mov [rax + 72], r13", "mov [rax + 80], r14", "mov [rax + 88], r15",
                "pop rax", "pop rbp", "pop rbx",
                inlateout("rax") values.as_mut_ptr() => result, inlateout("rcx") number => rcx, lateout("r11") r11,
                out("rdi") _, out("rsi") _, out("rdx") _, out("r10") _, out("r8") _, out("r9") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            );
        }
        std::hint::black_box((rcx, r11));
        let result = if result > 1 { "positive".to_owned() } else { crate::raw::told(result) };
        println!("{name}: {result}, kept {}", values == before);
    }
}

fn flags() {
    for (name, number, [a, b, c]) in numbers() {
        let after: u64;
        unsafe {
            asm!(
                // Carry, parity, adjust, zero, sign, direction stays clear, overflow.
                "push 0x8d7", "popfq", "syscall", "pushfq", "pop {after}",
                after = lateout(reg) after, inlateout("rax") number => _, in("rdi") a, in("rsi") b, in("rdx") c, out("rcx") _, out("r11") _,
            );
        }
        println!("{name}: flags {:x}", after & 0xcd5);
    }
}

/// 128 bytes below the stack pointer belong to the program, without any notice.
fn red_zone() {
    for (name, number, [a, b, c]) in numbers() {
        let mut sum: u64;
        unsafe {
            asm!(
                "mov {count}, 16",
                "2:", "mov [rsp + {count} * 8 - 136], {count}", "dec {count}", "jnz 2b",
                "syscall",
                "xor {sum:e}, {sum:e}", "mov {count}, 16",
                "3:", "add {sum}, [rsp + {count} * 8 - 136]", "rol {sum}, 3", "dec {count}", "jnz 3b",
                count = out(reg) _, sum = lateout(reg) sum, inlateout("rax") number => _, in("rdi") a, in("rsi") b, in("rdx") c,
                out("rcx") _, out("r11") _,
            );
        }
        sum = sum.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        println!("{name}: {sum:x}");
    }
}

fn vector() {
    let pattern: [u8; 64] = std::array::from_fn(|n| n as u8 ^ 0xa5);
    for (name, number, [a, b, c]) in numbers() {
        let mut after = [[0u8; 16]; 4];
        unsafe {
            asm!(
                "movdqu xmm0, [{from}]", "movdqu xmm5, [{from} + 16]", "movdqu xmm10, [{from} + 32]", "movdqu xmm15, [{from} + 48]",
                "syscall",
                "movdqu [{to}], xmm0", "movdqu [{to} + 16], xmm5", "movdqu [{to} + 32], xmm10", "movdqu [{to} + 48], xmm15",
                from = in(reg) pattern.as_ptr(), to = in(reg) after.as_mut_ptr(), inlateout("rax") number => _, in("rdi") a, in("rsi") b, in("rdx") c,
                out("rcx") _, out("r11") _, out("xmm0") _, out("xmm5") _, out("xmm10") _, out("xmm15") _,
            );
        }
        println!("{name}: SSE kept {}", after.as_flattened() == pattern);
        if std::is_x86_feature_detected!("avx") {
            println!("{name}: AVX kept {}", avx(&pattern, number, [a, b, c]));
        }
    }
}

#[target_feature(enable = "avx")]
fn avx_inner(pattern: &[u8; 64], number: i64, [a, b, c]: [u64; 3]) -> bool {
    let mut after = [0u8; 64];
    unsafe {
        asm!(
            "vmovdqu ymm3, [{from}]", "vmovdqu ymm12, [{from} + 32]", "syscall", "vmovdqu [{to}], ymm3", "vmovdqu [{to} + 32], ymm12",
            from = in(reg) pattern.as_ptr(), to = in(reg) after.as_mut_ptr(), inlateout("rax") number => _, in("rdi") a, in("rsi") b, in("rdx") c,
            out("rcx") _, out("r11") _, out("ymm3") _, out("ymm12") _,
        );
    }
    after == *pattern
}

fn avx(pattern: &[u8; 64], number: i64, arguments: [u64; 3]) -> bool {
    unsafe { avx_inner(pattern, number, arguments) }
}

/// Rounding modes and the x87 stack.
fn floating() {
    for (name, number, [a, b, c]) in numbers() {
        let (mut control, mut word, mut top) = (0x7fa0u32, 0x0e7fu16, 0f64);
        unsafe {
            asm!(
                "ldmxcsr [{control}]", "fldcw [{word}]", "fldpi",
                "syscall",
                "fstp qword ptr [{top}]", "fnstcw [{word}]", "stmxcsr [{control}]",
                control = in(reg) &raw mut control, word = in(reg) &raw mut word, top = in(reg) &raw mut top,
                inlateout("rax") number => _, in("rdi") a, in("rsi") b, in("rdx") c, out("rcx") _, out("r11") _,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _, out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            );
            asm!("fninit", "ldmxcsr [{0}]", in(reg) [0x1f80u32].as_ptr());
        }
        println!(
            "{name}: mxcsr {control:x} x87 {word:x} {}",
            top.to_bits() == 0x400c_90fd_aa22_168c || (3.1..3.2).contains(&top)
        );
    }
}
