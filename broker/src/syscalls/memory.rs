//! Memory: what touches the guard range is refused, and flags that nurse does not know. The guard range is sealed as
//! well (mseal(2)), where the kernel can.

use trampoline::layout::PAGE;
use trampoline::syscall::checks::{FUTEX_OPS, MMAP_FLAGS};

use super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    Some(match i64::from(call.row.nr) {
        libc::SYS_mmap => mmap(guest, call),
        libc::SYS_mprotect => mprotect(guest, call),
        libc::SYS_munmap
        | libc::SYS_msync
        | libc::SYS_mlock
        | libc::SYS_munlock
        | libc::SYS_mlock2
        | libc::SYS_mseal => outside(guest, call, call.args[0], call.args[1]).map(|()| Order::same(call)),
        libc::SYS_madvise => madvise(guest, call),
        libc::SYS_mremap => mremap(guest, call),
        libc::SYS_munlockall => Ok(Order::same(call)),
        libc::SYS_futex => futex(guest, call),
        _ => return None,
    })
}

/// Refuses a range that touches the guard range, or wraps.
fn outside(guest: &mut Guest, call: &Call, start: u64, len: u64) -> Result<(), Errno> {
    if start.checked_add(len).is_none() {
        return Err(Errno::EINVAL);
    }
    if guest.bounds().touches_guard(start, len) {
        return Err(guest.refuse(call.row.name, Errno::EPERM, "these are nurse's own pages"));
    }
    Ok(())
}

/// Memory flags that the trustee's check leaves to the broker, and that are harmless: they place or lock, no more.
const MORE_FLAGS: u32 = (libc::MAP_32BIT | libc::MAP_LOCKED).cast_unsigned();

fn mmap(guest: &mut Guest, call: &Call) -> Answer {
    let [start, len, prot, flags, ..] = call.args;
    let known = u64::from(MMAP_FLAGS | MORE_FLAGS);
    if flags & u64::from(libc::MAP_HUGETLB.cast_unsigned()) != 0 {
        // As on a host without a pool of huge pages.
        return Err(Errno::ENOMEM);
    }
    if flags & !known != 0 || prot > 7 {
        return Err(guest.refuse(
            "mmap",
            Errno::EINVAL,
            "flags that nurse does not know, or that make a mapping grow by itself",
        ));
    }
    let flags = call.int(3);
    if start.checked_add(len).is_none() {
        return Err(Errno::ENOMEM);
    }
    if !guest.bounds().touches_guard(start, len) {
        return Ok(Order::same(call));
    }
    if flags & libc::MAP_FIXED_NOREPLACE != 0 {
        return Err(Errno::EEXIST);
    }
    if flags & libc::MAP_FIXED != 0 {
        return Err(guest.refuse("mmap", Errno::EPERM, "these are nurse's own pages"));
    }
    // A mere hint: the kernel finds another place.
    let mut args = call.args;
    args[0] = 0;
    Ok(Order::plain(call.row.nr, args))
}

fn mprotect(guest: &mut Guest, call: &Call) -> Answer {
    if call.args[2] > 7 {
        return Err(Errno::EINVAL);
    }
    outside(guest, call, call.args[0], call.args[1])?;
    Ok(Order::same(call))
}

/// Advice that concerns the guest's own pages alone. Not: merging with other processes' pages, and breaking the host's.
const ADVICE: [i32; 23] = [
    libc::MADV_NORMAL,
    libc::MADV_RANDOM,
    libc::MADV_SEQUENTIAL,
    libc::MADV_WILLNEED,
    libc::MADV_DONTNEED,
    libc::MADV_FREE,
    libc::MADV_REMOVE,
    libc::MADV_DONTFORK,
    libc::MADV_DOFORK,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    libc::MADV_DONTDUMP,
    libc::MADV_DODUMP,
    libc::MADV_WIPEONFORK,
    libc::MADV_KEEPONFORK,
    libc::MADV_COLD,
    libc::MADV_PAGEOUT,
    libc::MADV_POPULATE_READ,
    libc::MADV_POPULATE_WRITE,
    24,  // MADV_DONTNEED_LOCKED
    25,  // MADV_COLLAPSE
    102, // MADV_GUARD_INSTALL
    103, // MADV_GUARD_REMOVE
];

fn madvise(guest: &mut Guest, call: &Call) -> Answer {
    if !ADVICE.contains(&call.int(2)) {
        return Err(Errno::EINVAL);
    }
    outside(guest, call, call.args[0], call.args[1])?;
    Ok(Order::plain(call.row.nr, [call.args[0], call.args[1], word(call.int(2)), 0, 0, 0]))
}

fn mremap(guest: &mut Guest, call: &Call) -> Answer {
    let [old, old_len, new_len, flags, new, _] = call.args;
    let fixed = flags & u64::from(libc::MREMAP_FIXED.cast_unsigned()) != 0;
    let known = libc::MREMAP_FIXED | libc::MREMAP_MAYMOVE | libc::MREMAP_DONTUNMAP;
    if flags & !u64::from(known.cast_unsigned()) != 0 {
        return Err(Errno::EINVAL);
    }
    // A length of 0 maps shared pages a second time: the page at `old` is what it is about.
    outside(guest, call, old, old_len.max(PAGE as u64))?;
    outside(guest, call, old, new_len)?;
    if fixed {
        outside(guest, call, new, new_len)?;
    }
    // Where nothing is fixed, the new address is at most a hint; it is not passed on.
    Ok(Order::plain(call.row.nr, [old, old_len, new_len, flags, if fixed { new } else { 0 }, 0]))
}

fn futex(guest: &mut Guest, call: &Call) -> Answer {
    let op = call.int(1).cast_unsigned();
    let bare = op & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME).cast_unsigned();
    if bare > 31 || FUTEX_OPS >> bare & 1 == 0 {
        return Err(guest.refuse(format!("futex operation {bare}"), Errno::ENOSYS, call.row.note));
    }
    let two = matches!(bare.cast_signed(), libc::FUTEX_REQUEUE | libc::FUTEX_CMP_REQUEUE | libc::FUTEX_WAKE_OP);
    let mut args = call.args;
    if !two {
        // Not looked at by the kernel, so it may hold anything.
        args[4] = 0;
    }
    let bounds = guest.bounds();
    if bounds.touches_guard(args[0], 4) || (two && bounds.touches_guard(args[4], 4)) {
        return Err(guest.refuse("futex", Errno::EPERM, "these are nurse's own words"));
    }
    Ok(Order::plain(call.row.nr, args))
}

#[cfg(test)]
mod tests;
