//! What wakes a sleeper in the guest: a pipe, of which the guest has one end that reads and writes, and the broker one that
//! writes and never blocks. An eventfd would be shorter, but the guest could fill its counter, and block the broker's write.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::broken::{self, Guard};

/// The broker's end.
#[derive(Debug)]
pub struct Bell(File);

impl Bell {
    /// A bell, and the fd by which the guest sleeps on it and rings it.
    ///
    /// # Errors
    /// As pipe2(2) and open(2).
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (read, _write) = pipe2(OFlag::O_CLOEXEC)?;
        // To open a pipe's entry in /proc makes a new description of it, with flags of its own.
        let path = format!("/proc/self/fd/{}", read.as_raw_fd());
        let guest = OpenOptions::new().read(true).write(true).open(&path)?;
        let broker = OpenOptions::new()
            .write(true)
            .custom_flags(if broken::is(Guard::Bells) { 0 } else { OFlag::O_NONBLOCK.bits() })
            .open(&path)?;
        Ok((Self(broker), guest.into()))
    }

    /// Wakes the sleeper. A full pipe wakes it as well.
    pub fn ring(&self) {
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }
}
