//! Asking: fill the request slot, ring the right bell, sleep until it is answered.

use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::abi::errno;
use crate::layout::{Answer, fds};
use crate::raw::{self, nr};
use crate::thread::{self, Thread};

/// Whom a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The slot's trustee, by standing grant.
    Trustee,
    /// The broker.
    Broker,
}

/// Makes call `nr` through `to` and returns its result or -errno. `data_len` bytes of marshalled arguments lie in the
/// request's `data` already.
///
/// A signal that comes meanwhile marks the request cancelled (see [`crate::signal`]); a blocking call then ends with
/// -EINTR, and one that was not made yet with -[`errno::NOT_MADE`].
///
/// # Safety
/// Must run on the calling thread's own signal stack.
pub unsafe fn ask(thread: &Thread, to: To, nr: u64, args: &[u64; 6], data_len: usize) -> i64 {
    // SAFETY: the caller's.
    unsafe { ask_unless(thread, to, nr, args, data_len, Thread::has_pending) }
}

/// As [`ask`], for a step of a longer call that a kept signal must not hold up. The call must not block.
///
/// # Safety
/// As [`ask`].
pub unsafe fn insist(thread: &Thread, to: To, nr: u64, args: &[u64; 6]) -> i64 {
    loop {
        // SAFETY: the caller's.
        let result = unsafe { ask_unless(thread, to, nr, args, 0, |_| false) };
        if result != -errno::NOT_MADE {
            return result;
        }
    }
}

unsafe fn ask_unless(
    thread: &Thread,
    to: To,
    nr: u64,
    args: &[u64; 6],
    data_len: usize,
    hold: impl FnOnce(&Thread) -> bool,
) -> i64 {
    let request = thread::request();
    // SAFETY: the slot is mapped for the life of the process and this thread is the one that writes it.
    let request = unsafe { &mut *request };
    let order = thread::order();
    // SAFETY: mapped likewise; these two words never change.
    let (trustee_bell, guest_bell) = unsafe { ((*order).trustee_bell, (*order).guest_bell) };

    let seq = match request.seq.load(Relaxed).wrapping_add(1) {
        0 => 1,
        next => next,
    };
    request.seq.store(seq, Relaxed);
    request.nr = nr;
    request.args = *args;
    request.data_len = data_len as u64;
    request.answer.store(Answer::Value as u32, Relaxed);
    request.sleeping.store(1, Relaxed);
    thread.waiting.store(seq, SeqCst);
    if hold(thread) {
        // The signal came before anybody was asked: it is delivered first, and the call made after it.
        thread.waiting.store(0, SeqCst);
        request.done.store(seq, SeqCst);
        if request.cancel.load(SeqCst) == seq {
            settle(request, seq, guest_bell);
        }
        return -errno::NOT_MADE;
    }
    match to {
        To::Trustee => {
            request.direct.store(seq, SeqCst);
            ring(trustee_bell);
        }
        To::Broker => {
            request.posted.store(seq, SeqCst);
            ring(thread::constants().fd_low + u64::from(fds::BROKER_BELL));
        }
    }
    while request.done.load(SeqCst) != seq {
        sleep(guest_bell, request);
    }
    request.sleeping.store(0, Relaxed);
    thread.waiting.store(0, SeqCst);
    let (result, answer, fd) = (request.result, request.answer.load(Relaxed), request.receive.fd);
    if request.cancel.load(SeqCst) == seq {
        settle(request, seq, guest_bell);
    }
    if answer == Answer::Fd as u32 && result >= 0 { i64::from(fd) } else { result }
}

/// Waits until the broker has dealt with the cancellation of `seq`, so that it cannot hit a later call.
fn settle(request: &crate::layout::Request, seq: u32, guest_bell: u64) {
    while request.cancel_ack.load(SeqCst) != seq {
        sleep(guest_bell, request);
    }
}

/// Wakes whoever reads the bell.
pub fn ring(bell: u64) {
    let one = &raw const thread::constants().one;
    // SAFETY: eight bytes of a page that is always mapped; write is allowed in strict mode.
    unsafe { raw::syscall(nr::WRITE, [bell, one as u64, 8, 0, 0, 0]) };
}

fn sleep(bell: u64, request: &crate::layout::Request) {
    let count = &raw const request.bell;
    // SAFETY: `bell` has room for eight bytes, and nobody reads it.
    unsafe { raw::syscall(nr::READ, [bell, count as u64, 8, 0, 0, 0]) };
}
