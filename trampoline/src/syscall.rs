//! The syscall table: one row per system call of x86_64, and the words that rows are made of.
//!
//! Everything else that depends on a call's number is derived from [`SYSCALLS`]: the shim's marshalling, the
//! standing grants, the trustee's filter, the broker's dispatch, traces and the generated reference.

mod rows;
pub use rows::SYSCALLS;

/// What an argument is, and so what is copied for it and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// A number; passed on as it is.
    Int,
    /// A file descriptor (32 bit); passed on as it is.
    Fd,
    /// A pointer that nurse does not look behind: the content does not matter to the decision.
    Ptr,
    /// A NUL-terminated path; copied to the broker, at most 4096 bytes.
    Path,
    /// A NUL-terminated string that is no path (an xattr's name); copied to the broker, at most 256 bytes.
    Name,
    /// A struct of so many bytes that the call reads.
    In(u16),
    /// Bytes that the call reads; their number is in argument `len`.
    InBuf {
        /// Index of the argument that holds the length.
        len: u8,
    },
    /// A struct of so many bytes that the call fills when it succeeds.
    Out(u16),
    /// A buffer that the call fills with as many bytes as it returns; its size is in argument `len`.
    OutBuf {
        /// Index of the argument that holds the size.
        len: u8,
    },
}

/// Who carries a call out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The shim answers in the guest thread itself.
    Shim,
    /// The guest thread makes the call itself: one of the four of strict mode.
    Direct,
    /// The trustee, by standing grant, after the [`checks`] (never 0); where a check does not hold the broker is asked
    /// as for [`Route::Order`].
    Grant(u32),
    /// The broker decides, the trustee makes the call.
    Order,
    /// The broker decides and acts itself; pointed-to arguments are marshalled.
    Broker,
    /// Nobody, whatever the policy says: answered with this errno.
    Never(i32),
}

/// What a trustee checks of the registers before it makes a granted call.
pub mod checks {
    /// The call is granted (always set in a grant).
    pub const GRANTED: u32 = 1;
    /// Argument 0 is no reserved fd.
    pub const FD0: u32 = 2;
    /// Argument 1 is no reserved fd.
    pub const FD1: u32 = 4;
    /// Argument 2 is no reserved fd.
    pub const FD2: u32 = 8;
    /// Argument 4 is no reserved fd.
    pub const FD4: u32 = 16;
    /// `[arg0, arg0 + arg1)` does not touch the guard range and does not wrap.
    pub const RANGE: u32 = 32;
    /// Argument 0 and argument 4 are not addresses in the guard range (futex words).
    pub const WORDS: u32 = 64;
    /// Argument 0 is not [`CANCEL_SIGNAL`](crate::layout::CANCEL_SIGNAL).
    pub const SIGNAL: u32 = 128;
    /// Argument 3 is 0 (no signal mask in ppoll, no absolute pointers we would have to look behind).
    pub const ZERO3: u32 = 256;
    /// Argument 4 is 0.
    pub const ZERO4: u32 = 512;
    /// Argument 5 is 0.
    pub const ZERO5: u32 = 1024;
    /// Argument 1 is at most 3, and argument 2 is below the reserved fds (fcntl's DUPFD, GETFD, SETFD, GETFL).
    pub const FCNTL: u32 = 2048;
    /// Argument 3 has only mmap flags known to be harmless, see [`MMAP_FLAGS`].
    pub const MMAP: u32 = 4096;
    /// Argument 1, less FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME, is one of [`FUTEX_OPS`].
    pub const FUTEX: u32 = 8192;
    /// Argument 0 is none of the clocks that mean the calling thread or a given task: it is 0 to 2, or 4 to 11.
    pub const CLOCK: u32 = 16384;
    /// Argument 2 is at most 7 (mprotect without GROWSDOWN and the like).
    pub const PROT: u32 = 32768;

    /// SHARED PRIVATE SHARED_VALIDATE FIXED ANONYMOUS DENYWRITE EXECUTABLE NORESERVE POPULATE NONBLOCK STACK
    /// FIXED_NOREPLACE; not GROWSDOWN, LOCKED, HUGETLB, SYNC, 32BIT.
    pub const MMAP_FLAGS: u32 = 0x0013_d833;
    /// WAIT WAKE REQUEUE CMP_REQUEUE WAKE_OP WAIT_BITSET WAKE_BITSET, as bits by number.
    pub const FUTEX_OPS: u32 = 1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 10;
}

/// One system call.
#[derive(Debug, Clone, Copy)]
pub struct Syscall {
    /// x86_64 number.
    pub nr: u32,
    /// Name as in the kernel's table.
    pub name: &'static str,
    /// Its arguments, in order.
    pub args: &'static [Arg],
    /// Who carries it out.
    pub route: Route,
    /// Why it is refused, or what differs from a native call; empty if nothing does.
    pub note: &'static str,
}

/// The row of a number, if the kernel knows it.
#[must_use]
pub const fn find(nr: u64) -> Option<&'static Syscall> {
    let (mut low, mut high) = (0, SYSCALLS.len());
    while low < high {
        let mid = usize::midpoint(low, high);
        if (SYSCALLS[mid].nr as u64) < nr {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if low < SYSCALLS.len() && SYSCALLS[low].nr as u64 == nr { Some(&SYSCALLS[low]) } else { None }
}
