//! The rows.
use super::{Arg, Route, Syscall, checks};
use Arg::{Fd, Int, Ptr};

const fn row(nr: u32, name: &'static str, args: &'static [Arg], route: Route, note: &'static str) -> Syscall {
    assert!(args.len() <= 6, "a system call has at most six arguments");
    Syscall { nr, name, args, route, note }
}

/// Every system call of x86_64 up to Linux 6.18, by number.
pub const SYSCALLS: &[Syscall] = &[
    row(0, "read", &[Fd, Ptr, Int], Route::Direct, ""),
    row(8, "lseek", &[Fd, Int, Int], Route::Grant(checks::GRANTED | checks::FD0), ""),
];
