//! Two futexes that no guest can forge: the one that the kernel wakes when a guest thread dies, and the trustee's fence.

#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::launch::Bell;
use crate::pages::{ALIVE, Pages, Slot};

/// How long the tries of a fence wait, in nanoseconds. An idle trustee needs microseconds; more than one try, since a wake
/// that comes before the wait is lost; two seconds in all, since other programs may keep the core from it. Only a guest that
/// plays false keeps its trustee busy longer.
const FENCE_TRIES: [(u32, i64); 2] = [(20, 1_000_000), (100, 20_000_000)];

/// An eventfd that rings when a watched thread dies.
///
/// # Errors
/// As eventfd(2).
pub(super) fn bell() -> io::Result<EventFd> {
    Ok(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?)
}

/// Rings `bell` when the thread of `slot` dies, or when the guest writes its word (which ends it, too).
///
/// The watcher is a thread of its own, since a futex cannot be polled; it ends with the process.
///
/// # Errors
/// As eventfd(2) and the start of a thread.
pub(super) fn watch(pages: &Pages, slot: Slot, bell: &EventFd) -> io::Result<()> {
    let word = std::ptr::from_ref(pages.death_word(slot)).addr();
    let bell = std::os::fd::AsFd::as_fd(bell).try_clone_to_owned()?;
    let mapping = pages.hold();
    std::thread::Builder::new().name("death-watch".into()).stack_size(64 * 1024).spawn(move || {
        // The guest's end wakes us and ends the supervisor, in no certain order.
        let _mapping = mapping;
        // SAFETY: an atomic inside the mapping, which this thread keeps.
        let word = unsafe { &*std::ptr::with_exposed_provenance::<AtomicU32>(word) };
        while word.load(SeqCst) == ALIVE {
            let _ = wait(word, ALIVE, None);
        }
        let _ = nix::unistd::write(&bell, &1_u64.to_ne_bytes());
    })?;
    Ok(())
}

/// Waits until the slot's trustee has made all orders so far, so that the data of the last one may be replaced.
///
/// # Errors
/// `EAGAIN` if it does not come: the guest keeps its trustee busy behind our back.
pub(super) fn fence(pages: &Pages, slot: Slot, trustee: &Bell) -> Result<(), Errno> {
    let word = pages.fence_word();
    let value = word.load(SeqCst);
    for nanos in FENCE_TRIES.into_iter().flat_map(|(tries, nanos)| (0..tries).map(move |_| nanos)) {
        pages.order_fence(slot);
        trustee.ring();
        if wait(word, value, Some(nanos)).is_ok() {
            return Ok(());
        }
    }
    log::warn!("the guest's trustee does not answer; a call of it fails with EAGAIN");
    Err(Errno::EAGAIN)
}

/// futex(2), FUTEX_WAIT on a shared word: returns when woken, `EAGAIN` if it is not `value`, `ETIMEDOUT`, `EINTR`.
fn wait(word: &AtomicU32, value: u32, nanos: Option<i64>) -> Result<(), Errno> {
    let timeout = nanos.map(|nanos| libc::timespec { tv_sec: 0, tv_nsec: nanos });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word outlives the call, and the timeout is NULL or a timespec that does.
    let result = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, timeout) };
    Errno::result(result).map(drop)
}
