//! Work that may block runs on threads of its own; its answers come back through a queue and a bell.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::eventfd::EventFd;

use crate::broken::{self, Guard};
use crate::call::{Answer, Work};

/// A finished piece of work.
#[derive(Debug)]
pub(super) struct Done {
    /// Index of the thread it is for.
    pub index: usize,
    /// The request it answers.
    pub seq: u32,
    /// The request's argument words.
    pub places: [u64; 6],
    /// What came of it.
    pub answer: Answer,
}

/// Starts work and collects it.
#[derive(Debug)]
pub(super) struct Workers {
    bell: EventFd,
    sender: Sender<Done>,
    receiver: Receiver<Done>,
    /// One reference more than there are pieces of work under way.
    running: Arc<()>,
}

/// Pieces of work under way at a time. A cancelled one goes on until it is done: without an end to them, a guest could
/// open FIFOs until no thread is left for anybody.
const MOST: usize = 32;

impl Workers {
    /// No work yet.
    ///
    /// # Errors
    /// As eventfd(2).
    pub(super) fn new() -> io::Result<Self> {
        let (sender, receiver) = channel();
        Ok(Self { bell: super::death::bell()?, sender, receiver, running: Arc::new(()) })
    }

    /// What to poll.
    #[must_use]
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Runs `work` on a thread of its own.
    ///
    /// # Errors
    /// As the start of a thread; `EAGAIN` if too much is under way.
    pub(super) fn start(&self, index: usize, seq: u32, places: [u64; 6], work: Work) -> io::Result<()> {
        if Arc::strong_count(&self.running) > MOST && !broken::is(Guard::Workers) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let running = Arc::clone(&self.running);
        let sender = self.sender.clone();
        let bell: OwnedFd = self.bell.as_fd().try_clone_to_owned()?;
        std::thread::Builder::new().name("blocking-call".into()).spawn(move || {
            let answer = (work.0)();
            drop(running);
            // The supervisor may be gone by now; so is the guest then.
            let _ = sender.send(Done { index, seq, places, answer });
            let _ = nix::unistd::write(&bell, &1_u64.to_ne_bytes());
        })?;
        Ok(())
    }

    /// The next finished piece, if there is one.
    pub(super) fn finished(&self) -> Option<Done> {
        self.receiver.try_recv().ok()
    }
}
