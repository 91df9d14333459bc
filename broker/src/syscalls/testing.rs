//! A guest to decide about in tests: the test program itself, with a guard range and reserved fds that it does not have.

use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::getpid;
use trampoline::syscall::SYSCALLS;

use crate::call::{Answer, Call, Errno, Order, Outcome};
use crate::guest::Guest;
use crate::policy::Policy;
use crate::refusals::Refusals;

/// First reserved fd of [`guest`].
pub(super) const FD_LOW: u32 = 1000;
/// Guard range of [`guest`].
pub(super) const GUARD: (u64, u64) = (0x7e80_0000_0000, 0x7e80_0100_0000);

pub(super) fn guest() -> Guest {
    Guest {
        pid: getpid(),
        cwd: std::fs::File::open("/").unwrap().into(),
        umask: 0o22,
        exe: PathBuf::from("/proc/self/exe"),
        fd_low: FD_LOW,
        guard_start: GUARD.0,
        guard_end: GUARD.1,
        affinity: vec![3, 0, 0, 0, 0, 0, 0, 0],
        belief: crate::guest::Belief::default(),
        comm: *b"test\0\0\0\0\0\0\0\0\0\0\0\0",
        policy: Arc::new(Policy::allow_everything()),
        refusals: Refusals::default(),
        killed: false,
    }
}

/// A call by name, with plain arguments.
pub(super) fn call(name: &str, args: &[u64]) -> Call {
    let row = SYSCALLS.iter().find(|row| row.name == name).expect(name);
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    Call { row, args: all, data: Vec::new() }
}

/// A call by name, with `data` marshalled as argument `index`.
pub(super) fn call_with(name: &str, args: &[u64], index: usize, data: &[u8]) -> Call {
    let mut call = call(name, args);
    call.args[index] = 1;
    call.data = data.to_vec();
    call
}

/// What becomes of a call by name with plain arguments.
pub(super) fn ask(name: &str, args: &[u64]) -> Answer {
    super::handle(&mut guest(), &call(name, args))
}

/// The order that an answer is.
pub(super) fn order(answer: Answer) -> Order {
    match answer {
        Ok(Outcome::Order(order)) => order,
        other => panic!("not an order: {other:?}"),
    }
}

/// The value that an answer is.
pub(super) fn value(answer: Answer) -> i64 {
    match answer {
        Ok(Outcome::Value(value)) => value,
        other => panic!("not a value: {other:?}"),
    }
}

/// The errno that an answer is.
pub(super) fn errno(answer: Answer) -> Errno {
    answer.expect_err("a refusal")
}
