//! mkdir, mknod, unlink, rmdir and their `at` forms.

use std::os::fd::RawFd;

use rustix::fs::{AtFlags, FileType, Mode, mkdirat, mknodat, unlinkat as unlink_at};

use super::{Ask, done, is_taken, uint, with_umask};
use crate::call::{Answer, Errno};
use crate::policy::{Access, Verdict};
use crate::resolve::{Place, Start};

pub(super) fn mkdir(mut ask: Ask<'_>, fd: RawFd, path: usize) -> Answer {
    let mode = uint(ask.call, path + 1) & 0o7777;
    let place = ask.place(Start::Guest(fd), ask.path(path)?)?;
    permit_new(&mut ask, &place, mode)?;
    done(with_umask(ask.guest, || mkdirat(&place.parent.fd, &place.name, Mode::from_bits_retain(mode))))
}

pub(super) fn mknod(mut ask: Ask<'_>, fd: RawFd, path: usize) -> Answer {
    let raw = uint(ask.call, path + 1);
    let kind = match raw & libc::S_IFMT {
        0 | libc::S_IFREG => Some(FileType::RegularFile),
        libc::S_IFIFO => Some(FileType::Fifo),
        libc::S_IFCHR | libc::S_IFBLK | libc::S_IFSOCK => None,
        libc::S_IFDIR => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    };
    let place = ask.place(Start::Guest(fd), ask.path(path)?)?;
    let Some(kind) = kind else {
        return Err(ask
            .never(Errno::EPERM, &place.path, "never: only files and FIFOs are made by mknod")
            .err()
            .unwrap_or(Errno::EPERM));
    };
    let mode = raw & 0o7777;
    permit_new(&mut ask, &place, mode)?;
    done(with_umask(ask.guest, || mknodat(&place.parent.fd, &place.name, kind, Mode::from_bits_retain(mode), 0)))
}

pub(super) fn unlinkat(ask: Ask<'_>) -> Answer {
    let flags = ask.call.int(2);
    let fd = ask.call.fd(0);
    match flags {
        0 => unlink(ask, fd, 1, AtFlags::empty()),
        libc::AT_REMOVEDIR => unlink(ask, fd, 1, AtFlags::REMOVEDIR),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn unlink(mut ask: Ask<'_>, fd: RawFd, path: usize, flags: AtFlags) -> Answer {
    let place = ask.place(Start::Guest(fd), ask.path(path)?)?;
    permit_gone(&mut ask, &place)?;
    done(unlink_at(&place.parent.fd, &place.name, flags))
}

/// Allows or refuses to bring something into being.
///
/// Programs make directories that may exist already and rely on `EEXIST`; so that stays the answer where the policy
/// lets the guest look.
pub(super) fn permit_new(ask: &mut Ask<'_>, place: &Place, mode: u32) -> Result<(), Errno> {
    let decision = ask.decide(&place.path, Access::CREATE, 0, mode);
    if decision.verdict != Verdict::Allow && ask.allows(&place.path, Access::LOOK) && is_taken(place) {
        return Err(Errno::EEXIST);
    }
    ask.rule(decision, &place.path)
}

/// Allows or refuses to remove something; likewise, what is not there is not refused to be removed.
pub(super) fn permit_gone(ask: &mut Ask<'_>, place: &Place) -> Result<(), Errno> {
    let decision = ask.decide(&place.path, Access::DELETE, 0, 0);
    if decision.verdict != Verdict::Allow
        && ask.allows(&place.path, Access::LOOK)
        && matches!(place.occupant(), Err(Errno::ENOENT))
    {
        return Err(Errno::ENOENT);
    }
    ask.rule(decision, &place.path)?;
    keep_device(ask, place)
}

/// Refuses to remove or replace a device: policies allow writing to /dev/null and mean what it swallows, and where
/// nurse is run by root the kernel would let it go, for everybody.
pub(super) fn keep_device(ask: &mut Ask<'_>, place: &Place) -> Result<(), Errno> {
    let Ok(there) = place.occupant() else { return Ok(()) };
    let kind = FileType::from_raw_mode(crate::resolve::lift(rustix::fs::fstat(there))?.st_mode);
    if is_device(kind) { ask.never(Errno::EPERM, &place.path, DEVICES) } else { Ok(()) }
}

/// Why devices stay as they are.
pub(super) const DEVICES: &str = "never: devices are used, not changed";

/// Whether a file is a device.
pub(super) fn is_device(kind: FileType) -> bool {
    matches!(kind, FileType::CharacterDevice | FileType::BlockDevice)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use nix::sys::stat::{Mode, SFlag, makedev, mknod};

    use super::super::super::handle;
    use super::super::super::testing::{call, errno, guest};
    use super::*;

    /// A call with paths as its first arguments, and a number behind them.
    fn with_paths(name: &str, paths: &[&std::path::Path], number: u64) -> Answer {
        let mut call = call(name, &[0, number]);
        for (index, path) in paths.iter().enumerate() {
            call.args[index] = call.data.len() as u64 + 1;
            call.data.extend(path.as_os_str().as_bytes());
            call.data.push(0);
        }
        handle(&mut guest(), &call)
    }

    #[test]
    fn devices_stay_as_they_are_whatever_the_policy_allows() {
        let null = std::path::Path::new("/dev/null");
        assert_eq!(errno(with_paths("chmod", &[null], 0o666)), Errno::EPERM);
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let (device, file) = (top.join("device"), top.join("file"));
        std::fs::write(&file, "").unwrap();
        // Only root makes devices, and only root's would be lost.
        if mknod(&device, SFlag::S_IFCHR, Mode::from_bits_retain(0o666), makedev(1, 3)).is_ok() {
            assert_eq!(errno(with_paths("unlink", &[&device], 0)), Errno::EPERM);
            assert_eq!(errno(with_paths("rename", &[&device, &top.join("new")], 0)), Errno::EPERM);
            assert_eq!(errno(with_paths("rename", &[&file, &device], 0)), Errno::EPERM);
        }
        assert!(with_paths("rename", &[&file, &top.join("other")], 0).is_ok(), "files are free to move");
        assert!(with_paths("unlink", &[&top.join("other")], 0).is_ok());
    }
}
