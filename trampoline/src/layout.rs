//! The guard range: every page that the broker and a guest process share, described once.
//!
//! Both sides read this file; the guest-side code takes offsets from here by `offset_of!`.
//! What lies in [`Request`] is written by an attacker. What lies in [`Order`] and [`Constants`] is written by
//! the broker alone: the guest maps it read-only from a memfd sealed against further writable mappings.
//!
//! ```text
//! base ┌────────────────────────┐ TEXT      r-x shared   the trampoline image
//!      ├────────────────────────┤ CONSTANTS r-- shared   what never changes during a run
//!      ├────────────────────────┤ ORDERS    r-- shared   one page per thread slot
//!      ├────────────────────────┤ REQUESTS  rw- shared   one slot per thread
//!      ├────────────────────────┤ PRIVATE   rw- private  the shim's own state (hostile, like all guest memory)
//!      ├────────────────────────┤ STACKS    rw- private  one signal stack per thread
//!  end └────────────────────────┘
//! ```

use core::mem::{offset_of, size_of};
use core::sync::atomic::AtomicU32;

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Thread slots of one guest process.
pub const MAX_THREADS: usize = 1024;

/// Bytes kept for the trampoline's text.
pub const TEXT_LEN: usize = 256 * 1024;
/// Offset and length of [`Constants`].
pub const CONSTANTS: usize = TEXT_LEN;
/// Bytes kept for [`Constants`].
pub const CONSTANTS_LEN: usize = 64 * 1024;
/// Offset of the first [`Order`].
pub const ORDERS: usize = CONSTANTS + CONSTANTS_LEN;
/// Bytes between two orders.
pub const ORDER_LEN: usize = PAGE;
/// Offset of the first [`Request`].
pub const REQUESTS: usize = ORDERS + MAX_THREADS * ORDER_LEN;
/// Bytes between two requests.
pub const REQUEST_LEN: usize = 4 * PAGE;
/// Offset of the shim's process-wide private state.
pub const PRIVATE: usize = REQUESTS + MAX_THREADS * REQUEST_LEN;
/// Bytes kept for the shim's process-wide private state.
pub const PRIVATE_LEN: usize = 64 * 1024;
/// Offset of the first signal stack; a multiple of [`STACK_LEN`] when the base is.
pub const STACKS: usize = (PRIVATE + PRIVATE_LEN).next_multiple_of(STACK_LEN);
/// Bytes of one thread's signal stack; the base of the guard range is a multiple of it, so that a stack pointer
/// rounded down names its slot.
pub const STACK_LEN: usize = 64 * 1024;
/// Bytes of the whole guard range.
pub const GUARD_LEN: usize = STACKS + MAX_THREADS * STACK_LEN;

/// Bytes of the memfd behind CONSTANTS and ORDERS (in that order).
pub const ORDERS_FILE_LEN: usize = REQUESTS - CONSTANTS;
/// Bytes of the memfd behind REQUESTS.
pub const REQUESTS_FILE_LEN: usize = PRIVATE - REQUESTS;

/// The signal that the broker sends to a trustee to end a blocking call; the guest can neither use nor see it.
///
/// SIGSTKFLT, which nothing on Linux sends. Not a real-time signal: those queue, each queued one would put a frame of its own
/// on the trustee's small stack at once, and a guest that never takes them could use up its user's pending signals.
pub const CANCEL_SIGNAL: i32 = 16;

/// Fds that nurse keeps open in a guest process; they begin at `Constants::fd_low`.
pub mod fds {
    use super::MAX_THREADS;
    /// Offset from `fd_low` of the eventfd that wakes the broker.
    pub const BROKER_BELL: u32 = 0;
    /// Offset of the socket over which new fds arrive.
    pub const CHANNEL: u32 = 1;
    /// Offset of the first pair of per-slot bells (pipes, open for both): the trustee's, then the guest thread's.
    pub const BELLS: u32 = 2;
    /// How many fd numbers are reserved from `fd_low` on.
    pub const COUNT: u32 = BELLS + 2 * MAX_THREADS as u32;
}

/// A guest thread's request. **Hostile**: any guest thread may change any byte at any time.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Request {
    /// Number of this call; never 0, rises by one per call of the slot.
    pub seq: AtomicU32,
    /// Equal to `seq` when the call is for the broker.
    pub posted: AtomicU32,
    /// Equal to `seq` when the call is for the trustee by standing grant.
    pub direct: AtomicU32,
    /// The `seq` whose result stands in `result`.
    pub done: AtomicU32,
    /// 1 while the guest thread sleeps in a read of its bell.
    pub sleeping: AtomicU32,
    /// A `seq` that a signal wants to see ended.
    pub cancel: AtomicU32,
    /// The last `cancel` that the broker has dealt with.
    pub cancel_ack: AtomicU32,
    /// What the answer is, an [`Answer`] as number.
    pub answer: AtomicU32,
    /// Syscall number.
    pub nr: u64,
    /// The six arguments. A marshalled pointer is an offset from the start of this struct; 0 is NULL.
    pub args: [u64; 6],
    /// Result, or -errno.
    pub result: i64,
    /// `set_tid_address` word: the kernel zeroes it and wakes its futex when the thread dies.
    pub tid_clear: AtomicU32,
    /// Thread id of the slot's trustee, as it says itself: only ever a target within the process.
    pub trustee_tid: AtomicU32,
    /// Where what comes from a bell is read to; nobody looks at it.
    pub bell: u64,
    /// How much of `data` the marshalled arguments take up.
    pub data_len: u64,
    /// `recvmsg` scratch for an fd that the broker sends: msghdr, iovec, control buffer, byte.
    pub receive: Receive,
    /// Marshalled arguments and results.
    pub data: [u8; DATA_LEN],
}

/// What a finished call left in the request slot.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `result` is the result.
    Value = 0,
    /// `result` is that of a `recvmsg` on the channel; the new fd stands in [`Receive::fd`].
    Fd = 1,
}

/// The `msghdr` and its buffers for the reception of one fd, laid out for the kernel. Hostile, and harmless: it only says
/// where in guest memory the kernel writes.
#[repr(C)]
#[derive(Debug)]
pub struct Receive {
    /// msg_name, msg_namelen (0).
    pub name: [u64; 2],
    /// Address of `vec`.
    pub iov: u64,
    /// 1.
    pub iov_len: u64,
    /// Address of `control_len` (the cmsghdr).
    pub control: u64,
    /// 24: one cmsghdr with one fd and its padding.
    pub control_size: u64,
    /// Filled by the kernel.
    pub flags: u64,
    /// iovec: address of `byte`, 1.
    pub vec: [u64; 2],
    /// cmsghdr: length.
    pub cmsg_len: u64,
    /// cmsghdr: level and type.
    pub cmsg_kind: [u32; 2],
    /// The fd, as the kernel numbered it.
    pub fd: i32,
    /// Padding of the cmsg.
    pub pad: u32,
    /// The one byte of payload.
    pub byte: u64,
}

/// Room for marshalled arguments: two full paths and a struct, and a page to spare.
pub const DATA_LEN: usize = REQUEST_LEN - 224;

const _: () = assert!(size_of::<Request>() == REQUEST_LEN);
const _: () =
    assert!(GUARD_LEN.is_multiple_of(PAGE) && STACKS.is_multiple_of(STACK_LEN) && PRIVATE.is_multiple_of(PAGE));

/// What the broker tells one trustee to do. Read-only in the guest.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Order {
    /// Rises by one per order; the trustee compares it before and after it has loaded the rest.
    pub seq: AtomicU32,
    /// An [`OrderKind`] as number.
    pub kind: u32,
    /// Syscall number.
    pub nr: u64,
    /// Its arguments; pointers lead into `data` or to memory whose content does not matter.
    pub args: [u64; 6],
    /// [`Answer`] that the trustee writes beside the result.
    pub answer: u64,
    /// The request `seq` that this order answers: what the trustee writes to [`Request::done`].
    pub request: u64,
    /// Constant for the slot: fd of the trustee's bell.
    pub trustee_bell: u64,
    /// Constant for the slot: fd of the guest thread's bell.
    pub guest_bell: u64,
    /// Constant for the slot: what the trustee keeps in `rsp`; the kernel writes the cancel signal's frame below it.
    pub frame_top: u64,
    /// Vetted copies of pointed-to arguments.
    pub data: [u8; ORDER_DATA],
}

/// Bytes of vetted copies in an order.
pub const ORDER_DATA: usize = ORDER_LEN - 104;
const _: () = assert!(size_of::<Order>() == ORDER_LEN && offset_of!(Order, data) == 104);

/// What a trustee is told to do.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// Make the system call and answer the request.
    Call = 0,
    /// Wake the broker's futex on [`Constants::fence`]: only a trustee's own code can, so it proves that every
    /// order before it is over.
    Fence = 1,
}

/// How many syscall numbers the grant table spans.
pub const GRANTS: usize = 512;

/// What never changes while the program runs. Read-only in the guest.
#[repr(C)]
#[derive(Debug)]
pub struct Constants {
    /// First address of the guard range.
    pub guard_start: u64,
    /// First address behind the guard range.
    pub guard_end: u64,
    /// First reserved fd.
    pub fd_low: u64,
    /// Number of reserved fds.
    pub fd_count: u64,
    /// 1: what is written to a bell.
    pub one: u64,
    /// All signals but [`CANCEL_SIGNAL`].
    pub trustee_mask: u64,
    /// See [`flags`].
    pub flags: u64,
    /// Futex word of [`OrderKind::Fence`]; its value never changes.
    pub fence: AtomicU32,
    /// Padding.
    pub pad: u32,
    /// Name of the thread (`PR_SET_NAME`), NUL-terminated.
    pub comm: [u8; 16],
    /// Signal mask that the program starts with.
    pub start_mask: u64,
    /// Standing grants: for each syscall number the [`checks`](crate::syscall::checks) to make, or 0 for no grant.
    pub grants: [u32; GRANTS],
    /// `sock_fprog` of the trustee's filter: length, then address.
    pub trustee_filter: [u64; 2],
    /// `sock_fprog` of the guest thread's filter (filter engine).
    pub guest_filter: [u64; 2],
    /// How the loader maps the program.
    pub plan: LoadPlan,
    /// What to overwrite in the vDSO (late doors, strict engine); `nr` 0 ends the list. The kernel maps the same vDSO into
    /// every process.
    pub vdso: [VdsoEntry; VDSO_ENTRIES],
    /// Bytes of the vDSO's mapping.
    pub vdso_len: u64,
    /// Path of the program, for AT_EXECFN; NUL-terminated.
    pub exe: [u8; 4096],
    /// Instructions of both filters.
    pub filters: [u64; 2048],
}
const _: () = assert!(size_of::<Constants>() <= CONSTANTS_LEN);

/// Bits of [`Constants::flags`].
pub mod flags {
    /// Guest threads wear a four-call mode-2 filter instead of mode-1 strict.
    pub const FILTER_ENGINE: u64 = 1;
    /// The program came in through LD_AUDIT or LD_PRELOAD: its vDSO pointers are taken already.
    pub const LATE_DOOR: u64 = 2;
}

/// Program and interpreter, as vetted by the broker. The loader has no ELF parser of its own.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LoadPlan {
    /// The program, then its interpreter (`count` 0 when it has none).
    pub objects: [LoadObject; 2],
}

/// How to map one ELF file.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LoadObject {
    /// Number of used `segments`; 0 for none.
    pub count: u64,
    /// The fd that the loader finds the file under, and closes when done.
    pub fd: u64,
    /// 1 if `base` must be met exactly (ET_EXEC), else it is a wish, 0 for none.
    pub fixed: u64,
    /// Where the lowest segment goes; page-aligned.
    pub base: u64,
    /// Bytes from the lowest segment's page to the end of the highest's.
    pub span: u64,
    /// Entry point, from `base`.
    pub entry: u64,
    /// Program headers, from `base`; [`NO_PHDR`] if they are not mapped.
    pub phdr: u64,
    /// Number of program headers.
    pub phnum: u64,
    /// Segments in rising order.
    pub segments: [LoadSegment; MAX_SEGMENTS],
}

/// [`LoadObject::phdr`] of a file whose program headers are in no segment.
pub const NO_PHDR: u64 = u64::MAX;
/// More loadable segments than any real program has.
pub const MAX_SEGMENTS: usize = 32;

/// One PT_LOAD, rounded to pages. All addresses count from [`LoadObject::base`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadSegment {
    /// First page.
    pub at: u64,
    /// Bytes mapped from the file, whole pages; 0 for none.
    pub file_len: u64,
    /// File offset of the first page.
    pub offset: u64,
    /// Where zeroing starts inside the last file page, up to that page's end (writable segments only).
    pub zero_from: u64,
    /// Bytes of anonymous pages behind the file pages.
    pub anon_len: u64,
    /// PROT_* bits.
    pub prot: u64,
}

/// What the broker writes into the loader's or the shim's file before the guest maps it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Handoff {
    /// Where the guard range goes.
    pub base: u64,
    /// memfd of the trampoline's text, its length, and the offset of `enter` in it.
    pub text_fd: u64,
    /// Bytes of text to map (whole pages).
    pub text_len: u64,
    /// Offset of `enter` in the text.
    pub enter: u64,
    /// memfd of constants and orders.
    pub orders_fd: u64,
    /// memfd of requests.
    pub requests_fd: u64,
    /// The door's own file, where the guest has an fd of it to close.
    pub door_fd: u64,
    /// One of [`door`].
    pub door: u64,
    /// For tests only: bits of [`breaks`].
    #[cfg(feature = "break-guards")]
    pub breaks: u64,
}

/// **For tests only**: guards that bring-up leaves out in a build with the feature `break-guards`.
pub mod breaks {
    /// The guard range is not mseal'ed.
    pub const MSEAL: u64 = 1;
    /// Constants and orders are mapped writable.
    pub const READ_ONLY: u64 = 2;
    /// Constants and orders are mapped private.
    pub const SHARED: u64 = 4;
    /// The fds of the memfds stay open.
    pub const CLOSE: u64 = 8;
    /// No strict mode, no filter.
    pub const STRICT: u64 = 16;
    /// No Syscall User Dispatch.
    pub const DISPATCH: u64 = 32;
}

impl Handoff {
    /// Whether a guard of [`breaks`] is left out: never, in a build without the feature `break-guards`.
    #[cfg_attr(
        not(feature = "break-guards"),
        allow(clippy::unused_self, reason = "the feature alone has a word for it")
    )]
    #[allow(clippy::inline_always, reason = "called before the text is all there is to call into")]
    #[inline(always)]
    #[must_use]
    pub const fn lacks(&self, guard: u64) -> bool {
        #[cfg(feature = "break-guards")]
        let lacks = self.breaks & guard != 0;
        #[cfg(not(feature = "break-guards"))]
        let lacks = {
            let _ = guard;
            false
        };
        lacks
    }
}

/// Values of [`Handoff::door`].
pub mod door {
    /// The loader.
    pub const LOADER: u64 = 0;
    /// LD_AUDIT.
    pub const AUDIT: u64 = 1;
    /// LD_PRELOAD.
    pub const PRELOAD: u64 = 2;
}

/// A function of the vDSO that reads the time-stamp counter, which strict mode forbids.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct VdsoEntry {
    /// Its offset from the vDSO's base.
    pub offset: u64,
    /// The system call that does the same.
    pub nr: u64,
}

/// More such functions than there are.
pub const VDSO_ENTRIES: usize = 8;
