//! The guard range as an attacker finds it, and requests made without the shim.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;

use trampoline::layout::{CONSTANTS, Constants, GUARD_LEN, ORDER_LEN, ORDERS, REQUEST_LEN, REQUESTS, Request, fds};

use crate::raw::{self, call};

/// Where the guard range lies.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) base: u64,
    /// Bytes of the trampoline's text.
    pub(crate) text: u64,
    stub: OnceLock<u64>,
}

/// The guard range, found in /proc/self/maps.
pub(crate) fn guard() -> &'static Guard {
    static GUARD: OnceLock<Guard> = OnceLock::new();
    GUARD.get_or_init(|| {
        // By number: where nurse's knowledge of procfs is left out, `self` is the broker.
        let pid = call(libc::SYS_getpid as u64, &[]);
        let maps =
            raw::content(&format!("/proc/{pid}/maps")).unwrap_or_else(|error| panic!("maps: {}", raw::told(error)));
        let line =
            maps.lines().find(|line| line.contains("nurse-text")).expect("no memfd of nurse's in /proc/self/maps");
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        Guard { base: number(start), text: number(end) - number(start), stub: OnceLock::new() }
    })
}

impl Guard {
    /// The first direct stub: `syscall; jmp [rip + ...]`.
    pub(crate) fn stub(&self) -> u64 {
        *self
            .stub
            .get_or_init(|| self.find(&[0x0f, 0x05, 0xff, 0x25]).expect("no direct stub in the trampoline's text"))
    }

    /// The first place of these bytes in the trampoline's text.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u64> {
        let text = unsafe { std::slice::from_raw_parts(self.base as *const u8, self.text as usize) };
        text.windows(bytes.len()).position(|window| window == bytes).map(|at| self.base + at as u64)
    }

    /// First address behind the range.
    pub(crate) fn end(&self) -> u64 {
        self.base + GUARD_LEN as u64
    }

    pub(crate) fn constants(&self) -> &'static Constants {
        unsafe { &*((self.base + CONSTANTS as u64) as *const Constants) }
    }

    /// Address of a slot's order.
    pub(crate) fn order(&self, slot: u64) -> u64 {
        self.base + ORDERS as u64 + slot * ORDER_LEN as u64
    }

    /// Address of a slot's request.
    pub(crate) fn request_at(&self, slot: u64) -> u64 {
        self.base + REQUESTS as u64 + slot * REQUEST_LEN as u64
    }

    /// This thread's request.
    pub(crate) fn request(&self) -> &'static mut Request {
        unsafe { &mut *(self.request_at(0) as *mut Request) }
    }

    /// First reserved fd.
    pub(crate) fn fd_low(&self) -> u64 {
        self.constants().fd_low
    }
}

/// Whom a forged request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Trustee,
    Broker,
}

/// Rings one of nurse's bells, given by its offset in the reserved range.
pub(crate) fn ring(offset: u32) {
    write_bell(offset, 1);
}

/// Writes eight bytes to one of nurse's bells.
pub(crate) fn write_bell(offset: u32, count: u64) -> i64 {
    call(libc::SYS_write as u64, &[guard().fd_low() + u64::from(offset), &raw const count as u64, 8])
}

/// Waits for the guest thread's own bell.
pub(crate) fn read_bell() {
    let mut count = 0_u64;
    call(libc::SYS_read as u64, &[guard().fd_low() + u64::from(fds::BELLS) + 1, &raw mut count as u64, 8]);
}

/// Lays a request into the slot and tells whom it is for, past all that the shim would look at. Returns its `seq`.
pub(crate) fn send(to: To, number: u64, args: &[u64], data: &[u8]) -> u32 {
    let request = guard().request();
    let seq = request.seq.load(SeqCst).wrapping_add(1).max(1);
    request.seq.store(seq, SeqCst);
    request.sleeping.store(1, SeqCst);
    request.answer.store(0, SeqCst);
    unsafe {
        (&raw mut request.nr).write_volatile(number);
        for index in 0..6 {
            (&raw mut request.args[index]).write_volatile(args.get(index).copied().unwrap_or(0));
        }
        (&raw mut request.data_len).write_volatile(data.len() as u64);
        std::ptr::copy_nonoverlapping(data.as_ptr(), (&raw mut request.data).cast(), data.len());
    }
    match to {
        To::Trustee => {
            request.direct.store(seq, SeqCst);
            ring(fds::BELLS);
        }
        To::Broker => {
            request.posted.store(seq, SeqCst);
            ring(fds::BROKER_BELL);
        }
    }
    seq
}

/// Waits for the answer of a request that was sent. An fd's number, if it is one.
pub(crate) fn wait(seq: u32) -> i64 {
    let request = guard().request();
    while request.done.load(SeqCst) != seq {
        read_bell();
    }
    let result = unsafe { (&raw const request.result).read_volatile() };
    let fd = unsafe { (&raw const request.receive.fd).read_volatile() };
    if request.answer.load(SeqCst) == 1 && result >= 0 { fd.into() } else { result }
}

/// A forged request for the trustee, by standing grant.
pub(crate) fn direct(number: u64, args: &[u64]) -> i64 {
    wait(send(To::Trustee, number, args, &[]))
}

/// A forged request for the broker.
pub(crate) fn post(number: u64, args: &[u64]) -> i64 {
    wait(send(To::Broker, number, args, &[]))
}

/// A forged request for the broker with marshalled bytes.
pub(crate) fn post_with(number: u64, args: &[u64], data: &[u8]) -> i64 {
    wait(send(To::Broker, number, args, data))
}
