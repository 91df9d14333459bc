//! A guest that is the test process itself, and one way to ask the kernel and the handlers for the same call.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may fail")]

pub mod scene;

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::unistd::Pid;
use nurse::call::{Answer, Call, Outcome};
use nurse::guest::Guest;
use nurse::policy::Policy;
use nurse::refusals::Refusals;
use trampoline::syscall::{SYSCALLS, Syscall};

/// First fd that the guest of these tests may not touch.
pub const FD_LOW: u32 = 900;

/// One argument, in the form in which both sides can be given it.
#[derive(Debug, Clone)]
pub enum Arg {
    Int(i64),
    Path(PathBuf),
    Bytes(Vec<u8>),
    /// A buffer to fill, of this size.
    Out(usize),
    Null,
}

impl From<i32> for Arg {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<&str> for Arg {
    fn from(path: &str) -> Self {
        Self::Path(path.into())
    }
}

impl From<&Path> for Arg {
    fn from(path: &Path) -> Self {
        Self::Path(path.into())
    }
}

impl From<&PathBuf> for Arg {
    fn from(path: &PathBuf) -> Self {
        Self::Path(path.into())
    }
}

/// What a call came to.
#[derive(Debug)]
pub enum Result {
    Value(i64),
    Filled(i64, Vec<u8>),
    Fd(OwnedFd),
    Errno(Errno),
}

impl Result {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Errno(errno) => Some(*errno),
            _ => None,
        }
    }

    pub fn fd(self) -> OwnedFd {
        match self {
            Self::Fd(fd) => fd,
            other => panic!("no fd but {other:?}"),
        }
    }

    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Filled(_, bytes) => bytes,
            other => panic!("no bytes but {other:?}"),
        }
    }

    pub fn is_ok(&self) -> bool {
        self.errno().is_none()
    }
}

pub fn row(name: &str) -> &'static Syscall {
    SYSCALLS.iter().find(|row| row.name == name).unwrap()
}

/// Opens a directory as the guest's working directory.
pub fn directory(path: &Path) -> OwnedFd {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// A guest under `policy` whose working directory is `cwd`.
pub fn guest(policy: Policy, cwd: &Path) -> Guest {
    Guest {
        pid: Pid::this(),
        cwd: directory(cwd),
        umask: 0o022,
        exe: "/usr/bin/env".into(),
        fd_low: FD_LOW,
        guard_start: 0,
        guard_end: 0,
        affinity: Vec::new(),
        belief: nurse::guest::Belief::default(),
        comm: [0; 16],
        policy: Arc::new(policy),
        refusals: Refusals::default(),
        killed: false,
    }
}

/// The policy of a script, in which `TREE` stands for a directory.
pub fn policy(script: &str, tree: &Path) -> Policy {
    use nurse::policy::{Source, Variables};
    let file = tempfile::Builder::new().suffix(".rhai").tempfile().unwrap();
    std::fs::write(file.path(), script.replace("TREE", tree.to_str().unwrap())).unwrap();
    Policy::load(&[Source::File(file.path().into())], &Variables::for_check()).unwrap()
}

/// Has the handlers carry a call out.
pub fn ask(guest: &mut Guest, name: &str, args: &[Arg]) -> Result {
    let mut call = Call { row: row(name), args: [0; 6], data: Vec::new() };
    for (slot, arg) in call.args.iter_mut().zip(args) {
        let at = call.data.len() as u64 + 1;
        *slot = match arg {
            Arg::Int(number) => *number as u64,
            Arg::Null => 0,
            Arg::Path(path) => {
                call.data.extend(path.as_os_str().as_bytes());
                call.data.push(0);
                at
            }
            Arg::Bytes(bytes) => {
                call.data.extend(bytes);
                at
            }
            Arg::Out(size) => {
                call.data.resize(call.data.len() + size, 0);
                at
            }
        };
    }
    settle(nurse::syscalls::handle(guest, &call))
}

fn settle(answer: Answer) -> Result {
    match answer {
        Ok(Outcome::Value(value)) => Result::Value(value),
        Ok(Outcome::Filled { result, bytes, .. }) => Result::Filled(result, bytes),
        Ok(Outcome::Fd { fd, .. }) => Result::Fd(fd),
        Ok(Outcome::Later(work)) => settle((work.0)()),
        Ok(other) => panic!("unexpected {other:?}"),
        Err(errno) => Result::Errno(errno),
    }
}

/// Has the kernel carry a call out.
pub fn native(name: &str, args: &[Arg]) -> Result {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut out = None;
    let mut words = [0usize; 6];
    for (index, arg) in args.iter().enumerate() {
        words[index] = match arg {
            Arg::Int(number) => *number as usize,
            Arg::Null => 0,
            Arg::Path(path) => {
                kept.push(CString::new(path.as_os_str().as_bytes()).unwrap().into_bytes_with_nul());
                kept.last().unwrap().as_ptr() as usize
            }
            Arg::Bytes(bytes) => {
                kept.push(bytes.clone());
                kept.last().unwrap().as_ptr() as usize
            }
            Arg::Out(size) => {
                kept.push(vec![0; *size]);
                out = (*size > 0).then_some(kept.len() - 1);
                kept.last().unwrap().as_ptr() as usize
            }
        };
    }
    // SAFETY: every pointer leads into `kept`, which lives on, to as many bytes as the call is told.
    let result =
        unsafe { libc::syscall(row(name).nr.into(), words[0], words[1], words[2], words[3], words[4], words[5]) };
    if result < 0 {
        return Result::Errno(Errno::last());
    }
    if name.starts_with("open") || name == "creat" {
        // SAFETY: the kernel has just given us this fd.
        return Result::Fd(unsafe { OwnedFd::from_raw_fd(result as i32) });
    }
    match out {
        Some(index) => {
            let mut bytes = kept.swap_remove(index);
            if matches!(name, "readlink" | "readlinkat" | "getcwd") || name.contains("xattr") {
                bytes.truncate(result as usize);
            }
            Result::Filled(result, bytes)
        }
        None => Result::Value(result),
    }
}

/// The number of an fd, as an argument.
pub fn number(fd: &OwnedFd) -> Arg {
    fd.as_raw_fd().into()
}
