//! Copies a call's pointed-to arguments into the request slot and its results back, by the words of its table row.

use crate::abi::errno;
use crate::copy;
use crate::layout::{DATA_LEN, PAGE};
use crate::request::{self, To};
use crate::syscall::{Arg, Syscall};
use crate::thread::{self, Thread};

/// Longest path, with its NUL (PATH_MAX).
const PATH_MAX: usize = 4096;
/// Longest other string, with its NUL (XATTR_NAME_MAX + 1).
const NAME_MAX: usize = 256;

/// Results to copy back: argument's index, offset in `data`, room.
#[derive(Clone, Copy)]
struct Back {
    arg: usize,
    at: usize,
    room: usize,
    exact: bool,
}

/// Makes a call that somebody else acts on: marshals, asks the broker, copies results back.
///
/// # Safety
/// As [`request::ask`].
pub unsafe fn call(thread: &Thread, row: &Syscall, args: &[u64; 6]) -> i64 {
    // SAFETY: takes an address inside the slot, which is mapped for the life of the process.
    let data = unsafe { &raw mut (*thread::request()).data } as usize;
    let mut sent = *args;
    let mut used = 0;
    let mut back = [None::<Back>; 2];
    for (index, kind) in row.args.iter().enumerate().take(6) {
        let pointer = args[index];
        let (room, copied) = match *kind {
            Arg::Int | Arg::Fd | Arg::Ptr => continue,
            _ if pointer == 0 => continue,
            Arg::Path => match string(data + used, DATA_LEN - used, pointer, PATH_MAX) {
                Ok(len) => (len, true),
                Err(error) => return -error,
            },
            Arg::Name => match string(data + used, DATA_LEN - used, pointer, NAME_MAX) {
                Ok(len) => (len, true),
                Err(errno::ENAMETOOLONG) => return -errno::ERANGE,
                Err(error) => return -error,
            },
            Arg::In(len) => (usize::from(len), false),
            Arg::InBuf { len } => (clamp(args[usize::from(len) % 6], DATA_LEN - used), false),
            Arg::Out(len) => (usize::from(len), true),
            Arg::OutBuf { len } => (clamp(args[usize::from(len) % 6], DATA_LEN - used), true),
        };
        if room > DATA_LEN - used {
            return -errno::ENOMEM;
        }
        if !copied {
            // SAFETY: `room` bytes fit behind `used`; the source may be any address.
            if unsafe { copy::copy(data + used, pointer as usize, room) } != 0 {
                return -errno::EFAULT;
            }
        }
        if let Arg::Out(_) | Arg::OutBuf { .. } = *kind {
            let place = usize::from(back[0].is_some());
            back[place] = Some(Back { arg: index, at: used, room, exact: matches!(kind, Arg::Out(_)) });
        }
        sent[index] = used as u64 + 1;
        used = (used + room).next_multiple_of(8).min(DATA_LEN);
    }
    // SAFETY: the caller's.
    let result = unsafe { request::ask(thread, To::Broker, u64::from(row.nr), &sent, used) };
    if result >= 0 {
        for one in back.into_iter().flatten() {
            let len = if one.exact { one.room } else { (result as usize).min(one.room) };
            // SAFETY: `len` bytes at `at` lie in the slot; the destination may be any address.
            if unsafe { copy::copy(args[one.arg] as usize, data + one.at, len) } != 0 {
                return -errno::EFAULT;
            }
        }
    }
    result
}

fn clamp(len: u64, most: usize) -> usize {
    usize::try_from(len).map_or(most, |len| len.min(most))
}

/// Copies a NUL-terminated string of at most `most` bytes; returns its length with the NUL.
fn string(to: usize, room: usize, from: u64, most: usize) -> Result<usize, i64> {
    let most = most.min(room);
    let mut len = 0;
    while len < most {
        let at = from as usize + len;
        let chunk = (PAGE - at % PAGE).min(most - len).min(256);
        // SAFETY: `chunk` bytes fit; the source may be any address.
        let left = unsafe { copy::copy(to + len, at, chunk) };
        // SAFETY: these bytes of the slot were just written.
        let copied = unsafe { core::slice::from_raw_parts((to + len) as *const u8, chunk - left) };
        if let Some(end) = copied.iter().position(|&byte| byte == 0) {
            return Ok(len + end + 1);
        }
        if left != 0 {
            return Err(errno::EFAULT);
        }
        len += chunk;
    }
    Err(errno::ENAMETOOLONG)
}
