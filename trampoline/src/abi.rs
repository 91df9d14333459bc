//! The kernel's structures around signals, as x86_64 lays them out (uapi asm/sigcontext.h, asm-generic/siginfo.h).

/// `stack_t` of sigaltstack(2).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct StackT {
    /// Lowest address.
    pub sp: u64,
    /// `SS_*`.
    pub flags: u32,
    /// Padding.
    pub pad: u32,
    /// Bytes.
    pub size: u64,
}

/// `SS_ONSTACK`: the thread runs on it.
pub const SS_ONSTACK: u32 = 1;
/// `SS_DISABLE`: there is none.
pub const SS_DISABLE: u32 = 2;
/// `SS_AUTODISARM`: disabled while a handler runs on it.
pub const SS_AUTODISARM: u32 = 1 << 31;

/// `siginfo_t`: number, errno, code, and 116 bytes that depend on them.
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy)]
pub struct SigInfo {
    /// Signal number.
    pub signo: i32,
    /// Mostly 0.
    pub errno: i32,
    /// `SI_*`, `SYS_*`, …
    pub code: i32,
    /// Padding.
    pub pad: i32,
    /// The union. Of SIGSYS: call address, then number (low half) and architecture (high half).
    pub fields: [u64; 14],
}

/// `struct ucontext`, with `struct sigcontext` spread out.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Ucontext {
    /// `UC_*`.
    pub flags: u64,
    /// 0.
    pub link: u64,
    /// The alternate stack when the signal came.
    pub stack: StackT,
    /// Registers, in the kernel's order: see [`reg`].
    pub regs: [u64; 23],
    /// Address of the saved FPU state, or 0.
    pub fpstate: u64,
    /// Unused.
    pub reserved: [u64; 8],
    /// The signal mask to restore.
    pub sigmask: u64,
}

/// Indexes into [`Ucontext::regs`].
pub mod reg {
    #![allow(missing_docs, reason = "they are the registers' names")]
    pub const R8: usize = 0;
    pub const R9: usize = 1;
    pub const R10: usize = 2;
    pub const RDI: usize = 8;
    pub const RSI: usize = 9;
    pub const RDX: usize = 12;
    pub const RAX: usize = 13;
    pub const RCX: usize = 14;
    pub const RSP: usize = 15;
    pub const RIP: usize = 16;
    pub const EFLAGS: usize = 17;
    /// cs, gs, fs, ss: 16 bits each.
    pub const SEGMENTS: usize = 18;
    pub const TRAPNO: usize = 20;
}

/// `struct rt_sigframe`: what lies on the stack when a handler starts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Return address: the restorer.
    pub restorer: u64,
    /// The interrupted context.
    pub uc: Ucontext,
    /// Why.
    pub info: SigInfo,
}
const _: () = assert!(size_of::<Frame>() == 8 + 304 + 128);

/// `struct kernel_sigaction`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SigAction {
    /// Handler, or 0 for SIG_DFL, 1 for SIG_IGN.
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Restorer.
    pub restorer: u64,
    /// Mask while the handler runs.
    pub mask: u64,
}

/// Bits of [`SigAction::flags`].
pub mod sa {
    #![allow(missing_docs, reason = "they are sigaction(2)'s names")]
    pub const NOCLDSTOP: u64 = 1;
    pub const NOCLDWAIT: u64 = 2;
    pub const SIGINFO: u64 = 4;
    pub const RESTORER: u64 = 0x0400_0000;
    pub const ONSTACK: u64 = 0x0800_0000;
    pub const RESTART: u64 = 0x1000_0000;
    pub const NODEFER: u64 = 0x4000_0000;
    pub const RESETHAND: u64 = 0x8000_0000;
}

/// SIGBUS.
pub const SIGBUS: i32 = 7;
/// SIGKILL.
pub const SIGKILL: i32 = 9;
/// SIGSEGV.
pub const SIGSEGV: i32 = 11;
/// SIGPIPE.
pub const SIGPIPE: i32 = 13;
/// SIGSTOP.
pub const SIGSTOP: i32 = 19;
/// SIGSYS.
pub const SIGSYS: i32 = 31;

/// The mask bit of a signal.
#[must_use]
pub const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Signals that stay open whatever the program masks: the shim lives by them.
pub const OURS: u64 = bit(SIGSYS) | bit(SIGSEGV) | bit(SIGBUS);
/// The signal that a trustee alone may take: blocked in guest threads, whatever the program opens.
pub const CANCEL: u64 = bit(crate::layout::CANCEL_SIGNAL);
/// Signals that nobody can mask.
pub const UNMASKABLE: u64 = bit(SIGKILL) | bit(SIGSTOP);

/// Errno values, as the kernel returns them.
pub mod errno {
    #![allow(missing_docs, reason = "they are errno(3)'s names")]
    pub const EPERM: i64 = 1;
    pub const EINTR: i64 = 4;
    pub const EAGAIN: i64 = 11;
    pub const ENOMEM: i64 = 12;
    pub const EFAULT: i64 = 14;
    pub const EINVAL: i64 = 22;
    pub const EPIPE: i64 = 32;
    pub const ERANGE: i64 = 34;
    pub const ENAMETOOLONG: i64 = 36;
    pub const ENOSYS: i64 = 38;
    /// ERESTARTNOINTR: a signal came before the call was made; it is made after the signal's delivery.
    pub const NOT_MADE: i64 = 513;
}
