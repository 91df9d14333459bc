//! Scheduling: the program may ask about its own thread and be nicer; the rest is nurse's.

use super::{is_self, own, word};
use crate::call::{Answer, Call, Errno, Order, Outcome};
use crate::guest::Guest;

/// Decides a call about scheduling.
pub(super) fn decide(guest: &mut Guest, call: &Call) -> Answer {
    match i64::from(call.row.nr) {
        libc::SYS_getpriority => get_priority(guest, call),
        libc::SYS_setpriority => set_priority(guest, call),
        libc::SYS_ioprio_get => ioprio_get(guest, call),
        _ if !is_self(guest, call.int(0)) => Err(Errno::ESRCH),
        libc::SYS_sched_getaffinity => affinity(guest, call),
        // Done in name only: nurse keeps its threads together.
        libc::SYS_sched_setaffinity => Ok(Outcome::Value(0)),
        _ => {
            // 0 would be the trustee.
            let mut args = call.args;
            args[0] = own(guest);
            Ok(Order::plain(call.row.nr, args))
        }
    }
}

fn affinity(guest: &Guest, call: &Call) -> Answer {
    let len = usize::try_from(call.int(1)).map_err(|_| Errno::EINVAL)?;
    let mask = &guest.affinity;
    if len % 8 != 0 || len < mask.len() {
        return Err(Errno::EINVAL);
    }
    let result = i64::try_from(mask.len()).map_err(|_| Errno::EINVAL)?;
    Ok(Outcome::Filled { result, arg: 2, bytes: mask.clone() })
}

const PRIO_PROCESS: i32 = 0;
const PRIO_PGRP: i32 = 1;
const PRIO_USER: i32 = 2;

/// getpriority(2). Group and user mean the program: it is all that it may know of them.
fn get_priority(guest: &Guest, call: &Call) -> Answer {
    let who = call.int(1);
    match call.int(0) {
        PRIO_PROCESS | PRIO_PGRP if is_self(guest, who) => {}
        PRIO_USER if who == 0 || who.cast_unsigned() == nix::unistd::getuid().as_raw() => {}
        PRIO_PROCESS | PRIO_PGRP | PRIO_USER => return Err(Errno::ESRCH),
        _ => return Err(Errno::EINVAL),
    }
    Ok(Order::plain(call.row.nr, [word(PRIO_PROCESS), own(guest), 0, 0, 0, 0]))
}

fn set_priority(guest: &mut Guest, call: &Call) -> Answer {
    let (which, who, nice) = (call.int(0), call.int(1), call.int(2).min(19));
    if which != PRIO_PROCESS {
        return Err(guest.refuse("setpriority", Errno::EPERM, "of the program itself only, not of groups or users"));
    }
    if !is_self(guest, who) {
        return Err(Errno::ESRCH);
    }
    if nice < 0 {
        // Not even for root.
        return Err(Errno::EACCES);
    }
    Ok(Order::plain(call.row.nr, [word(PRIO_PROCESS), own(guest), word(nice), 0, 0, 0]))
}

fn ioprio_get(guest: &Guest, call: &Call) -> Answer {
    const WHO_PROCESS: i32 = 1;
    if call.int(0) != WHO_PROCESS || !is_self(guest, call.int(1)) {
        return Err(Errno::ESRCH);
    }
    Ok(Order::plain(call.row.nr, [word(WHO_PROCESS), own(guest), 0, 0, 0, 0]))
}
