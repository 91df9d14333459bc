//! The rows, in files by number, and the few words they are written in.
//!
//! A call is granted (`grant`) only if it is safe **with any arguments an attacker picks** when the trustee makes it:
//! it changes nothing of the calling thread, it writes no memory but through a pointer of the guest's own (no page of the
//! guard range that matters is writable in the guest), and what it reads through a pointer is mere content. All else is
//! the broker's, or nobody's.

mod n000;
mod n100;
mod n200;
mod n300;
mod n400;

use super::{Arg, Route, Syscall, checks};

const fn row(nr: u32, name: &'static str, args: &'static [Arg], route: Route, note: &'static str) -> Syscall {
    assert!(args.len() <= 6, "a system call has at most six arguments");
    let mut index = 0;
    while index < args.len() {
        if let Arg::InBuf { len } | Arg::OutBuf { len } = args[index] {
            assert!((len as usize) < args.len(), "a buffer's length is one of the call's arguments");
            assert!(matches!(args[len as usize], Arg::Int), "a length is a number");
        }
        if let Route::Grant(_) | Route::Order = route {
            assert!(
                !matches!(args[index], Arg::Out(_) | Arg::OutBuf { .. }),
                "what the trustee calls fills the guest's own memory: a plain Ptr"
            );
        }
        index += 1;
    }
    assert!(!matches!(route, Route::Never(_)) || !note.is_empty(), "a refusal has a reason");
    Syscall { nr, name, args, route, note }
}

/// A standing grant with these checks.
const fn grant(checks: u32) -> Route {
    Route::Grant(checks::GRANTED | checks)
}

/// Errno values of [`Route::Never`], as errno(3) names them.
mod errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const EINTR: i32 = 4;
    pub(super) const EINVAL: i32 = 22;
    pub(super) const ENOSYS: i32 = 38;
    pub(super) const EOPNOTSUPP: i32 = 95;
}

/// How many calls there are.
const COUNT: usize = n000::ROWS.len() + n100::ROWS.len() + n200::ROWS.len() + n300::ROWS.len() + n400::ROWS.len();

const fn joined() -> [Syscall; COUNT] {
    let parts = [n000::ROWS, n100::ROWS, n200::ROWS, n300::ROWS, n400::ROWS];
    let mut all = [n000::ROWS[0]; COUNT];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[at] = parts[part][index];
            at += 1;
            index += 1;
        }
        part += 1;
    }
    all
}

const fn rises(rows: &[Syscall]) -> bool {
    let mut index = 1;
    while index < rows.len() {
        if rows[index - 1].nr >= rows[index].nr {
            return false;
        }
        index += 1;
    }
    true
}

static ALL: [Syscall; COUNT] = joined();

/// Every system call of x86_64 up to Linux 6.18, by number.
pub const SYSCALLS: &[Syscall] = &ALL;

const _: () = assert!(rises(&joined()), "the rows must rise by number, each number once");

#[cfg(test)]
mod tests;
