//! One request as the broker sees it: a private copy that no guest can change, and what may become of it.

use std::ffi::{CStr, OsStr};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use trampoline::syscall::Syscall;

/// An errno of the kernel, as a positive number.
pub use nix::errno::Errno;

/// A request, copied once out of the shared page. What its bytes say is the guest's claim.
#[derive(Debug, Clone)]
pub struct Call {
    /// The row of the call's number.
    pub row: &'static Syscall,
    /// The arguments; a marshalled pointer is an index into `data` plus 1, or 0 for NULL.
    pub args: [u64; 6],
    /// The marshalled arguments.
    pub data: Vec<u8>,
}

impl Call {
    /// Argument `index` as the kernel reads an `int`: the low 32 bits.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "that is what the kernel does")]
    pub fn int(&self, index: usize) -> i32 {
        (self.args[index] as u32).cast_signed()
    }

    /// Argument `index` as a file descriptor (or `AT_FDCWD`).
    #[must_use]
    pub fn fd(&self, index: usize) -> RawFd {
        self.int(index)
    }

    /// True if pointer argument `index` is NULL.
    #[must_use]
    pub fn is_null(&self, index: usize) -> bool {
        self.args[index] == 0
    }

    /// The marshalled bytes of argument `index`, at most `len`.
    ///
    /// # Errors
    /// `EFAULT` if the pointer is NULL or the bytes are not all there.
    pub fn bytes(&self, index: usize, len: usize) -> Result<&[u8], Errno> {
        let at = usize::try_from(self.args[index]).ok().and_then(|at| at.checked_sub(1)).ok_or(Errno::EFAULT)?;
        self.data.get(at..).and_then(|rest| rest.get(..len)).ok_or(Errno::EFAULT)
    }

    /// The marshalled string of argument `index`.
    ///
    /// # Errors
    /// `EFAULT` if the pointer is NULL, `ENAMETOOLONG` if no NUL ends the string.
    pub fn string(&self, index: usize) -> Result<&CStr, Errno> {
        let at = usize::try_from(self.args[index]).ok().and_then(|at| at.checked_sub(1)).ok_or(Errno::EFAULT)?;
        let rest = self.data.get(at..).ok_or(Errno::EFAULT)?;
        CStr::from_bytes_until_nul(rest).map_err(|_| Errno::ENAMETOOLONG)
    }

    /// The marshalled path of argument `index`.
    ///
    /// # Errors
    /// As [`Call::string`].
    pub fn path(&self, index: usize) -> Result<&Path, Errno> {
        Ok(Path::new(OsStr::from_bytes(self.string(index)?.to_bytes())))
    }
}

/// What becomes of a call that was not refused. A refusal is the `Err` of [`Answer`].
#[derive(Debug)]
pub enum Outcome {
    /// The call returns this.
    Value(i64),
    /// The call returns `result` and fills pointer argument `arg` with `bytes` (at most the size the guest gave).
    Filled {
        /// Return value.
        result: i64,
        /// Index of the `Out` or `OutBuf` argument.
        arg: usize,
        /// What it is filled with.
        bytes: Vec<u8>,
    },
    /// The guest gets this fd, under its lowest free number, and that number as the result.
    Fd {
        /// The broker's copy; closed once sent.
        fd: OwnedFd,
        /// Whether the guest's fd closes on exec.
        cloexec: bool,
    },
    /// The trustee makes a call on the guest's behalf and its result is the answer.
    Order(Order),
    /// The work may block: it runs on a thread of its own and its answer is the call's.
    Later(Work),
}

/// Work that may block. It owns all it needs.
pub struct Work(pub Box<dyn FnOnce() -> Answer + Send>);

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

/// A system call for the trustee.
#[derive(Debug, Clone)]
pub struct Order {
    /// Syscall number, from a constant of ours, never the guest's word.
    pub nr: u32,
    /// Arguments. For each `(index, offset)` in `pointers`, `args[index]` becomes the address of `data[offset]`
    /// in the read-only order page.
    pub args: [u64; 6],
    /// Vetted copies that the call reads.
    pub data: Vec<u8>,
    /// Which arguments point into `data`. An index from [`Order::WORDS`] on is a word of `data` itself: the one at
    /// `8 * (index - WORDS)` becomes the address of `data[offset]` (a struct that points to the next one, as a msghdr).
    pub pointers: Vec<(usize, usize)>,
}

impl Order {
    /// See [`Order::pointers`].
    pub const WORDS: usize = 6;

    /// A call with numbers and the guest's own pointers only.
    #[must_use]
    pub fn plain(nr: u32, args: [u64; 6]) -> Outcome {
        Outcome::Order(Self { nr, args, data: Vec::new(), pointers: Vec::new() })
    }

    /// The call itself, with argument `index` pointing to a vetted copy.
    #[must_use]
    pub fn with_copy(call: &Call, index: usize, data: Vec<u8>) -> Outcome {
        Outcome::Order(Self { nr: call.row.nr, args: call.args, data, pointers: vec![(index, 0)] })
    }

    /// The call itself with the very arguments that were asked for.
    #[must_use]
    pub fn same(call: &Call) -> Outcome {
        Outcome::Order(Self { nr: call.row.nr, args: call.args, data: Vec::new(), pointers: Vec::new() })
    }
}

/// What a handler says.
pub type Answer = Result<Outcome, Errno>;
