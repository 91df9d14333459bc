//! The syscall instruction, and the few registers and symbols that no Rust expression names.

use core::arch::asm;

/// Makes system call `nr` with up to six arguments; returns the result or -errno.
///
/// # Safety
/// As the call: pointers must be what the kernel expects of them. In a strict thread only read, write, exit and
/// rt_sigreturn survive.
#[inline(always)]
pub unsafe fn syscall(nr: u64, args: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: the kernel clobbers rax, rcx, r11 and what the pointers name; the caller vouches for those.
    unsafe {
        asm!("syscall", inlateout("rax") nr as i64 => result, in("rdi") args[0], in("rsi") args[1],
            in("rdx") args[2], in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Numbers of the calls that guest-side code makes itself.
pub mod nr {
    /// read(2)
    pub const READ: u64 = 0;
    /// write(2)
    pub const WRITE: u64 = 1;
    /// open(2)
    pub const OPEN: u64 = 2;
    /// close(2)
    pub const CLOSE: u64 = 3;
    /// mmap(2)
    pub const MMAP: u64 = 9;
    /// mprotect(2)
    pub const MPROTECT: u64 = 10;
    /// rt_sigaction(2)
    pub const RT_SIGACTION: u64 = 13;
    /// rt_sigprocmask(2)
    pub const RT_SIGPROCMASK: u64 = 14;
    /// rt_sigreturn(2)
    pub const RT_SIGRETURN: u64 = 15;
    /// sched_yield(2)
    pub const SCHED_YIELD: u64 = 24;
    /// madvise(2)
    pub const MADVISE: u64 = 28;
    /// getpid(2)
    pub const GETPID: u64 = 39;
    /// clone(2)
    pub const CLONE: u64 = 56;
    /// exit(2)
    pub const EXIT: u64 = 60;
    /// sigaltstack(2)
    pub const SIGALTSTACK: u64 = 131;
    /// prctl(2)
    pub const PRCTL: u64 = 157;
    /// gettid(2)
    pub const GETTID: u64 = 186;
    /// tgkill(2)
    pub const TGKILL: u64 = 234;
    /// futex(2)
    pub const FUTEX: u64 = 202;
    /// set_tid_address(2)
    pub const SET_TID_ADDRESS: u64 = 218;
    /// clock_gettime(2)
    pub const CLOCK_GETTIME: u64 = 228;
    /// exit_group(2)
    pub const EXIT_GROUP: u64 = 231;
    /// seccomp(2)
    pub const SECCOMP: u64 = 317;
    /// mseal(2), Linux 6.10
    pub const MSEAL: u64 = 462;
}

/// The address that the trampoline's text is mapped at, which is where the guard range begins.
#[must_use]
#[inline(always)]
pub fn guard_base() -> usize {
    let base: usize;
    // SAFETY: takes an address; the linker defines the symbol as the first byte of the image.
    unsafe { asm!("lea {}, [rip + __ehdr_start]", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// The stack pointer.
#[must_use]
#[inline(always)]
pub fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Reads the FS base (needs FSGSBASE, which nurse checks for at start).
#[must_use]
pub fn fs_base() -> u64 {
    let base;
    // SAFETY: reads a register.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Reads the GS base.
#[must_use]
pub fn gs_base() -> u64 {
    let base;
    // SAFETY: reads a register.
    unsafe { asm!("rdgsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Sets the FS base: the program's TLS. The shim uses none itself.
///
/// # Safety
/// `base` must be canonical, else the instruction faults.
pub unsafe fn set_fs_base(base: u64) {
    // SAFETY: the caller vouches for the value; no code of ours uses fs.
    unsafe { asm!("wrfsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
}

/// Sets the GS base.
///
/// # Safety
/// As [`set_fs_base`].
pub unsafe fn set_gs_base(base: u64) {
    // SAFETY: the caller vouches for the value; no code of ours uses gs.
    unsafe { asm!("wrgsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
}
