//! Opening with `O_CREAT` or `O_TMPFILE`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};

use super::open::{How, pinned};
use super::{Ask, with_umask};
use crate::call::{Answer, Errno, Outcome};
use crate::policy::{Access, Verdict};
use crate::resolve::{Last, Pin, Place, Start, lift, reopen};

/// Rounds until a path that changes under our hands, or a chain of links, is given up.
const MAX_ROUNDS: u32 = 40;

/// Opens a file, making it if it is not there.
///
/// The kernel would follow a symlink to a file yet to be made on its own; here each link's text is resolved anew, so
/// that the policy decides on where the file really comes to be.
pub(super) fn file(ask: &mut Ask<'_>, start: Start<'_>, path: &Path, how: How) -> Answer {
    let mut path = path.to_owned();
    let mut from: Option<OwnedFd> = None;
    for _ in 0..=MAX_ROUNDS {
        let start = from.as_ref().map_or(start, |dir| Start::Dir(dir.as_fd()));
        let place = ask.place(start, &path)?;
        if place.is_named() && place.is_slashed() {
            return Err(Errno::EISDIR);
        }
        if !place.is_named() || place.parent.procfs {
            let last = if how.flags.contains(OFlags::EXCL) { Last::Keep } else { how.last() };
            let pin = ask.find(start, &path, last)?;
            if how.flags.contains(OFlags::EXCL) {
                ask.permit(&pin, Access::LOOK)?;
                return Err(Errno::EEXIST);
            }
            return pinned(ask, pin, how);
        }
        match place.occupant() {
            Err(Errno::ENOENT) => {
                if let Some(answer) = make(ask, &place, how) {
                    return answer;
                }
            }
            Err(errno) => {
                ask.permit_path(&place.path, Access::LOOK)?;
                return Err(errno);
            }
            Ok(_) if how.flags.contains(OFlags::EXCL) => {
                ask.permit_path(&place.path, Access::LOOK)?;
                return Err(Errno::EEXIST);
            }
            Ok(found) => {
                let kind = FileType::from_raw_mode(lift(fstat(&found))?.st_mode);
                if kind != FileType::Symlink || how.flags.contains(OFlags::NOFOLLOW) {
                    let pin = ask.find(Start::Dir(place.parent.as_fd()), Path::new(&place.name), Last::Keep)?;
                    if kind == FileType::Symlink || pin.kind() != FileType::Symlink {
                        return pinned(ask, pin, how);
                    }
                    continue;
                }
                path = follow(ask, &place, &found)?;
                from = Some(place.parent.fd);
            }
        }
    }
    Err(Errno::ELOOP)
}

/// Where a symlink in the last component leads.
fn follow(ask: &mut Ask<'_>, place: &Place, link: &OwnedFd) -> Result<PathBuf, Errno> {
    let decision = ask.decide(&place.path, Access::LOOK, 0, 0);
    // As on any way through a link: only a hidden one is not there.
    if decision.verdict == Verdict::Hide {
        ask.rule(decision, &place.path)?;
    }
    crate::resolve::may_follow(&place.parent.stat, &lift(fstat(link))?)?;
    let text = lift(readlinkat(link, "", Vec::with_capacity(256)))?;
    Ok(crate::resolve::path_of(text.into_bytes()))
}

/// Makes the file; `None` if somebody was faster and it has to be looked at again.
pub(super) fn make(ask: &mut Ask<'_>, place: &Place, how: How) -> Option<Answer> {
    let access = Access::CREATE | how.access();
    let decision = ask.decide(&place.path, access, how.flags.bits().cast_signed(), how.mode);
    if let Err(errno) = ask.rule(decision, &place.path) {
        return Some(Err(errno));
    }
    let flags = how.flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mode = Mode::from_bits_retain(how.mode);
    match lift(with_umask(ask.guest, || openat(&place.parent.fd, &place.name, flags, mode))) {
        Err(Errno::EEXIST) if !how.flags.contains(OFlags::EXCL) => None,
        opened => Some(opened.map(|fd| Outcome::Fd { fd, cloexec: how.cloexec() })),
    }
}

/// Opens a file without a name in a directory.
pub(super) fn tmpfile(ask: &mut Ask<'_>, pin: &Pin, how: How) -> Answer {
    // What a rule for the directory's content says counts: the file may get a name there later.
    let at = pin.path().ok_or(Errno::EPERM)?.join("#tmpfile");
    let decision = ask.decide(&at, Access::CREATE | how.access(), how.flags.bits().cast_signed(), how.mode);
    ask.rule(decision, &at)?;
    let mode = Mode::from_bits_retain(how.mode);
    let fd = with_umask(ask.guest, || reopen(pin.as_fd(), how.flags, mode))?;
    Ok(Outcome::Fd { fd, cloexec: how.cloexec() })
}
