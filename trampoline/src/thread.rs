//! What the shim knows of the thread it runs in. All of it is the guest's own memory: convenience, never authority.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::abi::{SigAction, SigInfo, StackT};
use crate::layout::{
    CONSTANTS, Constants, ORDER_LEN, ORDERS, Order, PRIVATE, REQUEST_LEN, REQUESTS, Request, STACK_LEN, STACKS,
};
use crate::raw;

/// At the low end of a thread's signal stack.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Thread {
    /// Where a direct read or write returns to.
    pub return_to: u64,
    /// Nonzero while `deferred` waits to be delivered.
    pub pending: AtomicU32,
    /// `seq` of the request that this thread waits for, or 0.
    pub waiting: AtomicU32,
    /// A signal that came while the shim ran.
    pub deferred: SigInfo,
    /// The program's alternate stack; the kernel knows only ours.
    pub altstack: StackT,
    /// Signals of [`crate::abi::OURS`] that the program believes it has masked.
    pub hidden_mask: u64,
    /// Those of [`Thread::hidden_mask`] that somebody sent meanwhile, as bits, and what came with each.
    pub held: u64,
    /// By [`crate::signal::held_place`].
    pub held_info: [SigInfo; 3],
    /// Thread id.
    pub tid: u64,
    /// Robust list head and its length, as the program set them.
    pub robust_list: [u64; 2],
}

/// Where on a slot's signal stack the trustee's cancel frames end; the thread's own frames come from the top.
pub const TRUSTEE_FRAME_TOP: usize = 16 * 1024;

/// The shim's process-wide state, at [`PRIVATE`].
#[repr(C)]
#[derive(Debug)]
pub struct Process {
    /// What the program believes its signal actions are, by number.
    pub actions: [SigAction; 65],
    /// Process id.
    pub pid: u64,
}

/// Offset of [`Thread::return_to`] from the base of the guard range, for slot 0.
pub const RETURN_TO: usize = STACKS + offset_of!(Thread, return_to);

/// Number of the slot whose signal stack we run on.
#[inline]
fn slot() -> usize {
    (raw::stack_pointer() - raw::guard_base() - STACKS) / STACK_LEN
}

/// The calling thread's state.
#[inline]
pub fn current() -> *mut Thread {
    ((raw::stack_pointer() & !(STACK_LEN - 1)) as *mut u8).cast()
}

/// Number of the slot of `thread`.
#[inline]
pub fn slot_of(thread: *const Thread) -> usize {
    (thread as usize - raw::guard_base() - STACKS) / STACK_LEN
}

/// The calling thread's request slot.
#[inline]
pub fn request() -> *mut Request {
    ((raw::guard_base() + REQUESTS + slot() * REQUEST_LEN) as *mut u8).cast()
}

/// The calling thread's order page.
#[inline]
pub fn order() -> *const Order {
    ((raw::guard_base() + ORDERS + slot() * ORDER_LEN) as *const u8).cast()
}

/// The constants.
#[inline]
pub fn constants() -> &'static Constants {
    let page = (raw::guard_base() + CONSTANTS) as *const Constants;
    // SAFETY: the page is mapped as long as this text is, and nobody writes it while the guest runs.
    unsafe { &*page }
}

/// The process-wide state.
#[inline]
pub fn process() -> *mut Process {
    ((raw::guard_base() + PRIVATE) as *mut u8).cast()
}

impl Thread {
    /// True if a signal waits for delivery.
    pub fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed) != 0
    }
}
