//! Calls that name files. Each pins what the guest means, asks the policy about what that is, and acts on the pin.

mod access;
mod attributes;
mod create;
mod cwd;
mod links;
mod open;
mod openat2;
mod rename;
mod stat;
mod structs;
mod times;
mod tree;
mod watch;
mod xattr;

use std::os::fd::{AsFd, RawFd};
use std::path::Path;

use libc::c_long;
use rustix::fs::AtFlags;

use crate::broken::{self, Guard};
use crate::call::{Answer, Call, Errno, Outcome};
use crate::guest::Guest;
use crate::policy::{Access, Asked, Decision, Verdict};
use crate::resolve::{self, CWD, Last, Lost, Object, Pin, Place, Start};

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    let ask = Ask { guest, call };
    Some(match c_long::from(call.row.nr) {
        libc::SYS_open => open::open(ask),
        libc::SYS_openat => open::openat(ask),
        libc::SYS_openat2 => openat2::openat2(ask),
        libc::SYS_creat => open::creat(ask),
        libc::SYS_stat => stat::stat(ask, Last::Follow),
        libc::SYS_lstat => stat::stat(ask, Last::Keep),
        libc::SYS_newfstatat => stat::newfstatat(ask),
        libc::SYS_statx => stat::statx(ask),
        libc::SYS_statfs => stat::statfs(ask),
        libc::SYS_fstatfs => stat::fstatfs(ask),
        libc::SYS_access => access::access(ask),
        libc::SYS_faccessat => access::faccessat(ask),
        libc::SYS_faccessat2 => access::faccessat2(ask),
        libc::SYS_readlink => links::readlink(ask),
        libc::SYS_readlinkat => links::readlinkat(ask),
        libc::SYS_link => links::link(ask),
        libc::SYS_linkat => links::linkat(ask),
        libc::SYS_symlink => links::symlink(ask),
        libc::SYS_symlinkat => links::symlinkat(ask),
        libc::SYS_getcwd => cwd::getcwd(ask),
        libc::SYS_chdir => cwd::chdir(ask),
        libc::SYS_fchdir => cwd::fchdir(ask),
        libc::SYS_mkdir => tree::mkdir(ask, CWD, 0),
        libc::SYS_mkdirat => {
            let fd = call.fd(0);
            tree::mkdir(ask, fd, 1)
        }
        libc::SYS_mknod => tree::mknod(ask, CWD, 0),
        libc::SYS_mknodat => {
            let fd = call.fd(0);
            tree::mknod(ask, fd, 1)
        }
        libc::SYS_unlink => tree::unlink(ask, CWD, 0, AtFlags::empty()),
        libc::SYS_rmdir => tree::unlink(ask, CWD, 0, AtFlags::REMOVEDIR),
        libc::SYS_unlinkat => tree::unlinkat(ask),
        libc::SYS_rename => rename::rename(ask),
        libc::SYS_renameat => rename::renameat(ask),
        libc::SYS_renameat2 => rename::renameat2(ask),
        libc::SYS_truncate => attributes::truncate(ask),
        libc::SYS_chmod => attributes::chmod(ask),
        libc::SYS_fchmod => attributes::fchmod(ask),
        libc::SYS_fchmodat => attributes::fchmodat(ask),
        FCHMODAT2 => attributes::fchmodat2(ask),
        libc::SYS_chown => attributes::chown(ask, Last::Follow),
        libc::SYS_lchown => attributes::chown(ask, Last::Keep),
        libc::SYS_fchown => attributes::fchown(ask),
        libc::SYS_fchownat => attributes::fchownat(ask),
        libc::SYS_utime => times::utime(ask),
        libc::SYS_utimes => times::utimes(ask, CWD, 0),
        libc::SYS_futimesat => {
            let fd = call.fd(0);
            times::utimes(ask, fd, 1)
        }
        libc::SYS_utimensat => times::utimensat(ask),
        libc::SYS_getxattr => xattr::get(ask, xattr::Of::Path(Last::Follow)),
        libc::SYS_lgetxattr => xattr::get(ask, xattr::Of::Path(Last::Keep)),
        libc::SYS_fgetxattr => xattr::get(ask, xattr::Of::Fd),
        libc::SYS_listxattr => xattr::list(ask, xattr::Of::Path(Last::Follow)),
        libc::SYS_llistxattr => xattr::list(ask, xattr::Of::Path(Last::Keep)),
        libc::SYS_flistxattr => xattr::list(ask, xattr::Of::Fd),
        libc::SYS_setxattr => xattr::set(ask, xattr::Of::Path(Last::Follow)),
        libc::SYS_lsetxattr => xattr::set(ask, xattr::Of::Path(Last::Keep)),
        libc::SYS_fsetxattr => xattr::set(ask, xattr::Of::Fd),
        libc::SYS_removexattr => xattr::remove(ask, xattr::Of::Path(Last::Follow)),
        libc::SYS_lremovexattr => xattr::remove(ask, xattr::Of::Path(Last::Keep)),
        libc::SYS_fremovexattr => xattr::remove(ask, xattr::Of::Fd),
        libc::SYS_inotify_add_watch => watch::inotify_add_watch(ask),
        _ => return None,
    })
}

/// fchmodat2, Linux 6.6.
const FCHMODAT2: c_long = 452;

/// A call with the guest that makes it: resolution and decision in the call's name.
struct Ask<'a> {
    guest: &'a mut Guest,
    call: &'a Call,
}

impl<'a> Ask<'a> {
    /// The marshalled path of argument `index`. As in the kernel, one that is too long fails before all else.
    fn path(&self, index: usize) -> Result<&'a Path, Errno> {
        let path = self.call.path(index)?;
        if path.as_os_str().len() >= resolve::PATH_MAX { Err(Errno::ENAMETOOLONG) } else { Ok(path) }
    }

    /// Pins what `path` names.
    fn find(&mut self, start: Start<'_>, path: &Path, last: Last) -> Result<Pin, Errno> {
        let found = resolve::pin(self.guest, self.call.row.name, start, path, last);
        found.map_err(|lost| self.settle(lost))
    }

    /// Pins the object of an `*at` call, which is the fd's own if the path is empty and `AT_EMPTY_PATH` says so.
    fn find_at(&mut self, fd: RawFd, path: usize, flags: i32) -> Result<Pin, Errno> {
        if flags & libc::AT_EMPTY_PATH != 0 && (self.call.is_null(path) || self.path(path)?.as_os_str().is_empty()) {
            return Pin::of_fd(self.guest, fd);
        }
        let last = if flags & libc::AT_SYMLINK_NOFOLLOW != 0 { Last::Keep } else { Last::Follow };
        self.find(Start::Guest(fd), self.path(path)?, last)
    }

    /// Pins the directory of the name that `path` ends in.
    fn place(&mut self, start: Start<'_>, path: &Path) -> Result<Place, Errno> {
        let found = Place::new(self.guest, self.call.row.name, start, path);
        found.map_err(|lost| self.settle(lost))
    }

    /// The errno of a failed resolution: the kernel's only if the policy lets the guest know about what it asked for.
    fn settle(&mut self, lost: Lost) -> Errno {
        self.judge(lost).unwrap_or_else(|refused| refused)
    }

    /// The kernel's errno of a failed resolution; or, as error, that of a refusal.
    fn judge(&mut self, lost: Lost) -> Result<Errno, Errno> {
        match lost {
            Lost::Errno { errno, at: None } => Ok(errno),
            Lost::Errno { errno, at: Some(at) } => self.permit_path(&at, Access::LOOK).map(|()| errno),
            // A refusal that rules as an allowance would be a mistake of ours: refuse.
            Lost::Refused { decision, at } => self.rule(decision, &at).and(Err(Errno::EPERM)),
        }
    }

    /// What the policy says about `access` to `path`.
    fn decide(&self, path: &Path, access: Access, flags: i32, mode: u32) -> Decision {
        self.guest.policy.path(&Asked { call: self.call.row.name, path, access, flags, mode })
    }

    /// Whether the policy allows `access`, without it counting as a refusal.
    fn allows(&self, path: &Path, access: Access) -> bool {
        self.decide(path, access, 0, 0).verdict == Verdict::Allow
    }

    /// Puts a decision into effect.
    fn rule(&mut self, decision: Decision, path: &Path) -> Result<(), Errno> {
        let name = self.call.row.name;
        self.guest.rule(decision, || format!("{} {}", verb(name), words(path)))
    }

    /// Refuses what no policy could allow.
    fn never(&mut self, errno: Errno, path: &Path, why: &str) -> Result<(), Errno> {
        self.rule(Decision { verdict: Verdict::Deny(errno), why: why.to_owned() }, path)
    }

    /// Allows or refuses `access` to a path.
    fn permit_path(&mut self, path: &Path, access: Access) -> Result<(), Errno> {
        let decision = self.decide(path, access, 0, 0);
        self.rule(decision, path)
    }

    /// Allows or refuses `access` to a pinned object. What has no name belongs to who holds it.
    fn permit(&mut self, pin: &Pin, access: Access) -> Result<(), Errno> {
        match &pin.object {
            Object::Nameless => Ok(()),
            Object::Unreachable => self.never(Errno::EPERM, Path::new("(unreachable)"), "outside of the visible tree"),
            Object::Path(path) if pin.procfs && access.intersects(Access::WRITE) => {
                self.never(Errno::EACCES, path, "never: the guest changes nothing in /proc")
            }
            Object::Path(path) => self.permit_path(path, access),
        }
    }
}

/// What a person calls a system call: `open` for `openat2`.
fn verb(name: &'static str) -> &'static str {
    match name {
        "openat" | "openat2" => "open",
        "newfstatat" | "lstat" | "statx" => "stat",
        "faccessat" | "faccessat2" => "access",
        "fchmodat" | "fchmodat2" | "fchmod" => "chmod",
        "fchownat" | "fchown" | "lchown" => "chown",
        "renameat" | "renameat2" => "rename",
        "utimes" | "futimesat" | "utimensat" => "utime",
        "inotify_add_watch" => "watch",
        _ => name.strip_suffix("at").unwrap_or(name),
    }
}

/// A path for a message: control characters escaped, so that a name cannot write to a log or terminal.
fn words(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.chars().any(char::is_control) && !broken::is(Guard::Escape) {
        text.escape_debug().to_string()
    } else {
        text.into_owned()
    }
}

/// A call that returns 0.
fn done<T>(result: rustix::io::Result<T>) -> Answer {
    resolve::lift(result).map(|_| Outcome::Value(0))
}

/// Whether something is at a place.
fn is_taken(place: &Place) -> bool {
    place.occupant().is_ok()
}

/// Unsigned argument `index`, as the kernel reads an `unsigned int` or `umode_t`.
fn uint(call: &Call, index: usize) -> u32 {
    call.int(index).cast_unsigned()
}

/// An fd argument of a call that does not take `AT_FDCWD`.
fn real_fd(fd: RawFd) -> Result<RawFd, Errno> {
    if fd < 0 { Err(Errno::EBADF) } else { Ok(fd) }
}

/// Runs `make` under the guest's umask. The process's own has to be set, for the kernel does not apply it where a
/// directory has a default ACL.
fn with_umask<T>(guest: &Guest, make: impl FnOnce() -> T) -> T {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    rustix::process::umask(rustix::fs::Mode::from_bits_retain(guest.umask & 0o777));
    make()
}

/// The kernel's words for a pin, to act on it by path.
fn shown(pin: &Pin) -> Result<resolve::Shown, Errno> {
    resolve::shown_path(pin.as_fd())
}
