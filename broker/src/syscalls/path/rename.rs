//! rename, renameat, renameat2; and the rule that a new name gives no new rights.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Dir, FileType, Mode, OFlags, RenameFlags, openat, renameat_with};

use super::{Ask, done, tree, uint};
use crate::call::{Answer, Errno};
use crate::policy::{Access, Verdict};
use crate::resolve::{CWD, Place, Start, lift};

/// Entries of a directory that is renamed whose rights are compared; beyond, the program has to move them one by one.
const MAX_ENTRIES: u32 = 20_000;
/// Depth of directories to which they are.
const MAX_DEPTH: u32 = 64;

pub(super) fn rename(ask: Ask<'_>) -> Answer {
    change(ask, (CWD, 0), (CWD, 1), 0)
}

pub(super) fn renameat(ask: Ask<'_>) -> Answer {
    let (from, to) = (ask.call.fd(0), ask.call.fd(2));
    change(ask, (from, 1), (to, 3), 0)
}

pub(super) fn renameat2(ask: Ask<'_>) -> Answer {
    let (from, to, flags) = (ask.call.fd(0), ask.call.fd(2), uint(ask.call, 4));
    change(ask, (from, 1), (to, 3), flags)
}

fn change(mut ask: Ask<'_>, (from, old): (RawFd, usize), (to, new): (RawFd, usize), flags: u32) -> Answer {
    let mut flags = RenameFlags::from_bits_retain(flags);
    let exchange = flags.contains(RenameFlags::EXCHANGE);
    if flags.intersects(!(RenameFlags::NOREPLACE | RenameFlags::EXCHANGE | RenameFlags::WHITEOUT))
        || exchange && flags.intersects(RenameFlags::NOREPLACE | RenameFlags::WHITEOUT)
    {
        return Err(Errno::EINVAL);
    }
    if flags.contains(RenameFlags::WHITEOUT) {
        return Err(Errno::EPERM);
    }
    let from = ask.place(Start::Guest(from), ask.path(old)?)?;
    if let Err(errno) = from.search() {
        ask.permit_path(&from.path, Access::LOOK)?;
        return Err(errno);
    }
    let to = ask.place(Start::Guest(to), ask.path(new)?)?;
    tree::permit_gone(&mut ask, &from)?;
    let mut careful = false;
    if exchange {
        tree::permit_gone(&mut ask, &to)?;
        ask.permit_path(&to.path, Access::CREATE)?;
        ask.permit_path(&from.path, Access::CREATE)?;
        no_gain_of(&mut ask, &to, &from.path)?;
    } else {
        let decision = ask.decide(&to.path, Access::CREATE, 0, 0);
        ask.rule(decision, &to.path)?;
        tree::keep_device(&mut ask, &to)?;
        // To replace is to remove. Whether there is something to replace only the kernel can say without a race.
        careful = !flags.contains(RenameFlags::NOREPLACE) && !ask.allows(&to.path, Access::DELETE);
        flags.set(RenameFlags::NOREPLACE, careful || flags.contains(RenameFlags::NOREPLACE));
    }
    no_gain_of(&mut ask, &from, &to.path)?;
    let result = done(renameat_with(&from.parent.fd, &from.name, &to.parent.fd, &to.name, flags));
    if careful && matches!(result, Err(Errno::EEXIST | Errno::EINVAL)) {
        ask.permit_path(&to.path, Access::DELETE)?;
    }
    result
}

/// What a new name could give that the old one did not.
const RIGHTS: [Access; 3] = [Access::READ, Access::WRITE, Access::EXEC];

/// Refuses a new path under which the policy allows what it forbids under the old one.
pub(super) fn no_gain(ask: &mut Ask<'_>, old: &Path, new: &Path) -> Result<(), Errno> {
    for right in RIGHTS {
        let decision = ask.decide(old, right, 0, 0);
        if decision.verdict != Verdict::Allow && ask.allows(new, right) {
            return ask.rule(decision, old);
        }
    }
    Ok(())
}

/// The same for what is at a place, and all that is in it.
fn no_gain_of(ask: &mut Ask<'_>, place: &Place, new: &Path) -> Result<(), Errno> {
    // Nothing moves to where it is, and the kernel moves no `.`, `..` or `/`.
    if place.path == new || !place.is_named() {
        return Ok(());
    }
    no_gain(ask, &place.path, new)?;
    let Ok(pin) = place.occupant() else { return Ok(()) };
    let kind = FileType::from_raw_mode(lift(rustix::fs::fstat(&pin))?.st_mode);
    let policy = &ask.guest.policy;
    if kind != FileType::Directory || RIGHTS.iter().all(|right| policy.grants_subtree(&place.path, *right)) {
        return Ok(());
    }
    let mut left = MAX_ENTRIES;
    let old = place.path.clone();
    no_gain_within(ask, pin.as_fd(), &old, new, &mut left, MAX_DEPTH)
}

/// Compares entry by entry. A directory too large or closed to us is `EXDEV`: mv(1) and its like then copy file by file,
/// each under its own decision.
fn no_gain_within(
    ask: &mut Ask<'_>,
    pin: BorrowedFd<'_>,
    old: &Path,
    new: &Path,
    left: &mut u32,
    depth: u32,
) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let deeper = depth.checked_sub(1).ok_or(Errno::EXDEV)?;
    let open = openat(pin, ".", flags, Mode::empty()).and_then(Dir::new);
    for entry in open.map_err(|_| Errno::EXDEV)? {
        let entry = entry.map_err(|_| Errno::EXDEV)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        *left = left.checked_sub(1).ok_or(Errno::EXDEV)?;
        let (old, new) = (old.join(name), new.join(name));
        no_gain(ask, &old, &new)?;
        if matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
            match openat(pin, name, OFlags::PATH | flags, Mode::empty()) {
                Ok(inner) => no_gain_within(ask, inner.as_fd(), &old, &new, left, deeper)?,
                Err(rustix::io::Errno::NOTDIR) => {}
                Err(_) => return Err(Errno::EXDEV),
            }
        }
    }
    Ok(())
}
