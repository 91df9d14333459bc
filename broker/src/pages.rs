//! The shared pages of one guest process, from the broker's side. Alone writes orders and constants, alone reads requests.
//!
//! Request slots are hostile: every field is read once, as an atomic or a volatile copy, and never again.

#![allow(unsafe_code)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "each block is a field or two of one slot, by raw pointers")]

use std::io;
use std::mem::offset_of;
use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use trampoline::layout::{
    self, Answer, CONSTANTS, Constants, DATA_LEN, MAX_THREADS, ORDER_DATA, ORDERS, ORDERS_FILE_LEN, Order, OrderKind,
    REQUEST_LEN, REQUESTS, REQUESTS_FILE_LEN, Receive, Request, fds,
};

use crate::broken::{self, Guard};
use crate::call;

/// Number of a thread's slot, always below [`MAX_THREADS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(usize);

impl Slot {
    /// The slot of a process's first thread.
    pub const LEADER: Self = Self(0);
}

/// A private copy of a request's words, and of its marshalled bytes.
#[derive(Debug)]
pub struct Snapshot {
    /// Number of the request.
    pub seq: u32,
    /// Syscall number.
    pub nr: u64,
    /// Arguments.
    pub args: [u64; 6],
    /// Marshalled arguments.
    pub data: Vec<u8>,
}

/// The pages of one guest process.
#[derive(Debug)]
pub struct Pages {
    orders: MmapRaw,
    requests: Arc<MmapRaw>,
    /// First address of the guard range in the guest.
    pub base: u64,
}

/// The memfds that the guest maps; sealed, and closed in both processes once mapped.
#[derive(Debug)]
pub struct PageFds {
    /// CONSTANTS and ORDERS.
    pub orders: OwnedFd,
    /// REQUESTS.
    pub requests: OwnedFd,
}

impl Pages {
    /// Creates and maps the pages for a guard range at `base`; `constants` is written once.
    ///
    /// # Errors
    /// As memfd_create(2), ftruncate(2), mmap(2) and fcntl(2).
    pub fn create(base: u64, constants: impl FnOnce(&mut Constants)) -> io::Result<(Self, PageFds)> {
        let (orders_fd, orders) = memfd(c"nurse-orders", ORDERS_FILE_LEN)?;
        let (requests_fd, requests) = memfd(c"nurse-requests", REQUESTS_FILE_LEN)?;
        let first = orders.as_mut_ptr().cast::<Constants>();
        // SAFETY: the mapping is zeroed, page-aligned and larger than `Constants`, which is valid when all zero; no guest
        // has it yet.
        constants(unsafe { &mut *first });
        // The broker's own mapping goes on working; no other writable one can be made.
        let seals =
            SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_FUTURE_WRITE | SealFlag::F_SEAL_SEAL;
        if !broken::is(Guard::Seals) {
            fcntl(&orders_fd, FcntlArg::F_ADD_SEALS(seals))?;
        }
        let size = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&requests_fd, FcntlArg::F_ADD_SEALS(size))?;
        Ok((Self { orders, requests: Arc::new(requests), base }, PageFds { orders: orders_fd, requests: requests_fd }))
    }

    /// Prepares a slot for a thread: its constants, and the word that tells of its death.
    pub fn prepare(&self, slot: Slot, fd_low: u32) {
        let order = self.order(slot);
        let bell = u64::from(fd_low + fds::BELLS) + 2 * slot.0 as u64;
        let stack = self.base + (layout::STACKS + slot.0 * layout::STACK_LEN) as u64;
        // SAFETY: `order` is valid for writes; the trustee of the slot does not exist yet.
        unsafe {
            (&raw mut (*order).trustee_bell).write_volatile(bell);
            (&raw mut (*order).guest_bell).write_volatile(bell + 1);
            (&raw mut (*order).frame_top).write_volatile(stack + trampoline::thread::TRUSTEE_FRAME_TOP as u64);
        }
        self.request(slot).tid_clear.store(ALIVE, SeqCst);
    }

    /// The word that the kernel zeroes, with a futex wake, when the slot's thread dies.
    #[must_use]
    pub fn death_word(&self, slot: Slot) -> &std::sync::atomic::AtomicU32 {
        &self.request(slot).tid_clear
    }

    /// Keeps the requests mapped as long as it lives.
    #[must_use]
    pub fn hold(&self) -> Arc<MmapRaw> {
        Arc::clone(&self.requests)
    }

    /// A request for the broker that is newer than `last`, if there is one.
    #[must_use]
    pub fn take(&self, slot: Slot, last: u32) -> Option<Snapshot> {
        let request = self.request(slot);
        let seq = request.posted.load(Acquire);
        if seq == last || seq == 0 {
            return None;
        }
        let raw = ptr::from_ref(request);
        // SAFETY: `raw` is valid for reads; the guest may write meanwhile, hence volatile: what is read is what is used.
        let (nr, args, len) = unsafe {
            (
                (&raw const (*raw).nr).read_volatile(),
                (&raw const (*raw).args).read_volatile(),
                (&raw const (*raw).data_len).read_volatile(),
            )
        };
        let most = if broken::is(Guard::Clamp) { usize::MAX } else { DATA_LEN };
        let len = usize::try_from(len).unwrap_or(most).min(most);
        let mut data = vec![0; len];
        // SAFETY: `len` bytes at `data` lie inside the slot; the copy may see any mixture of the guest's writes, and is all
        // that is looked at afterwards.
        unsafe { ptr::copy_nonoverlapping((&raw const (*raw).data).cast::<u8>(), data.as_mut_ptr(), len) };
        Some(Snapshot { seq, nr, args, data })
    }

    /// The request that a signal wants ended, and the last such that was dealt with.
    #[must_use]
    pub fn cancelled(&self, slot: Slot) -> Option<u32> {
        let request = self.request(slot);
        let wanted = request.cancel.load(SeqCst);
        (wanted != request.cancel_ack.load(Relaxed)).then_some(wanted)
    }

    /// Says that the cancellation of `seq` has been dealt with.
    pub fn settle(&self, slot: Slot, seq: u32) {
        self.request(slot).cancel_ack.store(seq, SeqCst);
    }

    /// Whether the guest's own word says that `seq` is answered.
    #[must_use]
    pub fn is_done(&self, slot: Slot, seq: u32) -> bool {
        self.request(slot).done.load(SeqCst) == seq
    }

    /// The thread id that the slot's trustee gave; a claim, good for a signal within the process only.
    #[must_use]
    pub fn trustee_tid(&self, slot: Slot) -> i32 {
        self.request(slot).trustee_tid.load(Relaxed).cast_signed()
    }

    /// Answers request `seq`. True if the guest thread sleeps and its bell has to be rung.
    #[must_use]
    pub fn answer(&self, slot: Slot, seq: u32, result: i64) -> bool {
        let request = ptr::from_ref(self.request(slot)).cast_mut();
        // SAFETY: valid for writes; the words are the guest's to misuse.
        unsafe { (&raw mut (*request).result).write_volatile(result) };
        let request = self.request(slot);
        request.answer.store(Answer::Value as u32, Relaxed);
        request.done.store(seq, SeqCst);
        request.sleeping.load(SeqCst) != 0
    }

    /// Fills the marshalled argument at `place` (its word in the request, so offset plus 1) with `bytes`.
    pub fn fill(&self, slot: Slot, place: u64, bytes: &[u8]) {
        let Some(at) = usize::try_from(place).ok().and_then(|place| place.checked_sub(1)) else { return };
        let most = if broken::is(Guard::Fill) { DATA_LEN + REQUEST_LEN } else { DATA_LEN };
        if at.checked_add(bytes.len()).is_none_or(|end| end > most) {
            return;
        }
        let request = ptr::from_ref(self.request(slot)).cast_mut();
        // SAFETY: `at + bytes.len()` was just checked against the slot's data.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut (*request).data).cast::<u8>().add(at), bytes.len())
        };
    }

    /// Lays the `recvmsg` header for one fd into the slot and returns its address in the guest.
    #[must_use]
    pub fn expect_fd(&self, slot: Slot) -> u64 {
        let at = self.base + (REQUESTS + slot.0 * REQUEST_LEN + offset_of!(Request, receive)) as u64;
        let receive = Receive {
            name: [0; 2],
            iov: at + offset_of!(Receive, vec) as u64,
            iov_len: 1,
            control: at + offset_of!(Receive, cmsg_len) as u64,
            control_size: 24,
            flags: 0,
            vec: [at + offset_of!(Receive, byte) as u64, 1],
            cmsg_len: 0,
            cmsg_kind: [0; 2],
            // What stays if the kernel finds no free number.
            fd: if broken::is(Guard::Injection) { 0 } else { -(call::Errno::EMFILE as i32) },
            pad: 0,
            byte: 0,
        };
        let request = ptr::from_ref(self.request(slot)).cast_mut();
        // SAFETY: valid for writes.
        unsafe { (&raw mut (*request).receive).write_volatile(receive) };
        at
    }

    /// Where the marshalled bytes of a request lie in the guest.
    fn request_data(&self, slot: Slot) -> u64 {
        self.base + (REQUESTS + slot.0 * REQUEST_LEN + offset_of!(Request, data)) as u64
    }

    /// Writes an order and makes it the slot's current one. `answer` is what its result is, for request `seq`.
    ///
    /// The trustee never sees half an order: `seq` is odd while the rest is written.
    ///
    /// # Errors
    /// `E2BIG` if the order's data is larger than the page takes.
    pub fn order_call(&self, slot: Slot, seq: u32, order: &call::Order, answer: Answer) -> Result<(), call::Errno> {
        if order.data.len() > ORDER_DATA {
            return Err(call::Errno::E2BIG);
        }
        let page = self.order(slot);
        let data_at = self.base + (ORDERS + slot.0 * layout::ORDER_LEN + offset_of!(Order, data)) as u64;
        let mut args = order.args;
        let mut data = order.data.clone();
        for &(index, offset) in &order.pointers {
            let address = match order.args.get(index) {
                Some(place) if broken::is(Guard::Copy) => self.request_data(slot) + place.wrapping_sub(1),
                _ => data_at + offset as u64,
            };
            if let Some(arg) = args.get_mut(index) {
                *arg = address;
            } else {
                let at = 8 * (index - call::Order::WORDS);
                data.get_mut(at..at + 8).ok_or(call::Errno::E2BIG)?.copy_from_slice(&address.to_ne_bytes());
            }
        }
        self.write(slot, |page| {
            // SAFETY: `page` is valid for writes, and only the broker writes it.
            unsafe {
                (&raw mut (*page).kind).write_volatile(OrderKind::Call as u32);
                (&raw mut (*page).nr).write_volatile(u64::from(order.nr));
                (&raw mut (*page).args).write_volatile(args);
                (&raw mut (*page).answer).write_volatile(answer as u64);
                (&raw mut (*page).request).write_volatile(u64::from(seq));
                ptr::copy_nonoverlapping(data.as_ptr(), (&raw mut (*page).data).cast::<u8>(), data.len());
            }
        });
        let _ = page;
        Ok(())
    }

    /// Orders a fence; see [`OrderKind::Fence`].
    pub fn order_fence(&self, slot: Slot) {
        self.write(slot, |page| {
            // SAFETY: as in `order_call`.
            unsafe { (&raw mut (*page).kind).write_volatile(OrderKind::Fence as u32) };
        });
    }

    /// The fence's futex word.
    #[must_use]
    pub fn fence_word(&self) -> &std::sync::atomic::AtomicU32 {
        // SAFETY: the mapping starts with `Constants` and lives as long as `self`.
        unsafe { &(*self.orders.as_mut_ptr().cast::<Constants>()).fence }
    }

    fn write(&self, slot: Slot, body: impl FnOnce(*mut Order)) {
        let page = self.order(slot);
        // SAFETY: valid and atomic.
        let seq = unsafe { &(*page).seq };
        let before = seq.load(Relaxed);
        seq.store(before.wrapping_add(1), SeqCst);
        fence(SeqCst);
        body(page);
        fence(SeqCst);
        seq.store(before.wrapping_add(2), Release);
    }

    fn order(&self, slot: Slot) -> *mut Order {
        debug_assert!(slot.0 < MAX_THREADS, "slots are made here, from numbers in range");
        // SAFETY: inside the mapping, by the layout.
        unsafe { self.orders.as_mut_ptr().add(ORDERS - CONSTANTS + slot.0 * layout::ORDER_LEN).cast() }
    }

    fn request(&self, slot: Slot) -> &Request {
        // SAFETY: inside the mapping, aligned, and zero or the guest's bytes, all of which are valid for its integer fields.
        // Fields other than atomics are only touched through raw pointers, volatile.
        unsafe { &*self.requests.as_mut_ptr().add(slot.0 * REQUEST_LEN).cast() }
    }
}

/// Value of [`Request::tid_clear`] while the thread lives.
pub const ALIVE: u32 = 1;

fn memfd(name: &std::ffi::CStr, len: usize) -> io::Result<(OwnedFd, MmapRaw)> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    ftruncate(&fd, i64::try_from(len).map_err(io::Error::other)?)?;
    let map = MmapOptions::new().len(len).map_raw(&fd)?;
    Ok((fd, map))
}
