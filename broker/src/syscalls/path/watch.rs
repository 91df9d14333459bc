//! inotify_add_watch. A watch tells what happens to files, so it needs the right to read what is watched.

use std::os::fd::AsFd;

use rustix::fs::inotify::{WatchFlags, add_watch};

use super::{Ask, uint};
use crate::call::{Answer, Outcome};
use crate::policy::Access;
use crate::resolve::{CWD, Last, Start, lift, proc_path, take_fd};

pub(super) fn inotify_add_watch(mut ask: Ask<'_>) -> Answer {
    let mask = WatchFlags::from_bits_retain(uint(ask.call, 2));
    // The watch is set from here, on the pin: an order would have the guest's own /proc/self resolve the path.
    let inotify = take_fd(ask.guest, ask.call.fd(0))?;
    let last = if mask.contains(WatchFlags::DONT_FOLLOW) { Last::Keep } else { Last::Follow };
    let pin = ask.find(Start::Guest(CWD), ask.path(1)?, last)?;
    ask.permit(&pin, Access::READ)?;
    let watch = lift(add_watch(&inotify, proc_path(pin.as_fd()), mask.difference(WatchFlags::DONT_FOLLOW)))?;
    Ok(Outcome::Value(i64::from(watch)))
}
