//! The request loop: one private copy per request, decide, act or order, answer. Ends with the guest.

mod answer;
mod confirm;
mod death;
mod signals;
mod work;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use trampoline::layout::CANCEL_SIGNAL;
use trampoline::syscall::{Route, find};

use crate::broken::{self, Guard};
use crate::call::{Answer, Call, Errno, Order, Outcome};
use crate::guest::Guest;
use crate::launch::{Bell, Engine, Entry, Started};
use crate::pages::{Pages, Slot, Snapshot};
use crate::sys;

pub use signals::block;
use work::Workers;

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status.
    Exited(i32),
    /// A signal killed it; the flag says whether nurse sent it because a thread broke strict mode.
    Killed {
        /// The signal.
        signal: i32,
        /// A guest thread made a call that strict mode forbids.
        violation: bool,
    },
}

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Event {
    Bell,
    Signal,
    Work,
    Death,
}

/// What the broker privately knows of a thread slot.
#[derive(Debug)]
struct Thread {
    slot: Slot,
    /// The last request taken.
    last: u32,
    /// A request whose answer comes from a worker.
    later: Option<u32>,
    /// A request whose answer is an fd on its way: taking it never blocks, and an fd left behind would be taken for the next.
    receiving: Option<u32>,
    /// The cancellation that the trustee was signalled for.
    signalled: Option<u32>,
    bells: (Bell, Bell),
}

/// The broker of one guest process.
#[derive(Debug)]
pub struct Supervisor {
    /// What handlers know of the guest.
    pub guest: Guest,
    pages: Pages,
    threads: Vec<Thread>,
    bell: EventFd,
    channel: OwnedFd,
    fd_low: u32,
    workers: Workers,
    death: EventFd,
    signals: SignalFd,
    engine: Engine,
    /// The guest's threads are known to be confined.
    confirmed: bool,
    /// Set once a guest thread died that should not have.
    dying: Option<Violation>,
}

/// A thread's death that was noticed before the process's end; natural if that follows at once.
#[derive(Debug, Clone, Copy)]
struct Violation {
    /// How many waits of [`GRACE`] are left.
    waits: u32,
}

/// How long a process may outlive its leader before that counts as a violation, in milliseconds, and how often.
const GRACE: u8 = 10;
const GRACES: u32 = 20;
/// Milliseconds after which a guest that has come in through a late door is looked at even if it asks for nothing.
const FIRST_REQUEST: u8 = 200;
/// Milliseconds between two tries to cancel a call.
const RETRY: u8 = 2;

impl Supervisor {
    /// Takes over a started guest.
    ///
    /// # Errors
    /// As eventfd(2), signalfd(2).
    pub fn new(guest: Guest, started: Started, signals: SignalFd, engine: Engine, entry: Entry) -> io::Result<Self> {
        let threads = vec![Thread {
            slot: Slot::LEADER,
            last: 0,
            later: None,
            receiving: None,
            signalled: None,
            bells: started.bells,
        }];
        let death = death::bell()?;
        Ok(Self {
            guest,
            pages: started.pages,
            threads,
            bell: started.bell,
            channel: started.channel,
            fd_low: started.fd_low,
            workers: Workers::new()?,
            death,
            signals,
            engine,
            confirmed: entry == Entry::Loader || broken::is(Guard::Confirm),
            dying: None,
        })
    }

    /// Serves the guest until it ends.
    ///
    /// # Errors
    /// As epoll_wait(2): the caller ends the guest.
    pub fn run(&mut self) -> io::Result<Ended> {
        // From here to the end no clock may be read on this thread.
        sys::time_stamps(self.engine == Engine::Filter);
        let ended = self.serve_all();
        if ended.is_err() {
            self.end();
        }
        sys::time_stamps(true);
        ended
    }

    fn serve_all(&mut self) -> io::Result<Ended> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // Edge-triggered: every write to an eventfd is an edge, and nobody has to read it.
        let edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(self.bell.as_fd(), EpollEvent::new(edge, Event::Bell as u64))?;
        epoll.add(self.workers.bell(), EpollEvent::new(edge, Event::Work as u64))?;
        epoll.add(self.death.as_fd(), EpollEvent::new(edge, Event::Death as u64))?;
        epoll.add(self.signals.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, Event::Signal as u64))?;
        if !broken::is(Guard::Death) {
            death::watch(&self.pages, Slot::LEADER, &self.death)?;
        }
        let mut events = [EpollEvent::empty(); 8];
        loop {
            let count = match epoll.wait(&mut events, self.timeout()) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            for event in &events[..count] {
                match event.data() {
                    data if data == Event::Signal as u64 => {
                        if let Some(ended) = self.signal()? {
                            return Ok(ended);
                        }
                    }
                    data if data == Event::Work as u64 => self.finished_work(),
                    data if data == Event::Death as u64 => {
                        self.dying.get_or_insert(Violation { waits: GRACES });
                    }
                    // Only a confined guest has anything to ring for: one that is not must not put off the look at it.
                    _ => _ = self.confirm(),
                }
            }
            for index in 0..self.threads.len() {
                self.serve(index, count == 0);
            }
            if self.guest.killed {
                self.end();
            }
            if count == 0 {
                self.grace();
            }
        }
    }

    fn timeout(&self) -> EpollTimeout {
        if self.dying.is_some() {
            return EpollTimeout::from(GRACE);
        }
        if !self.confirmed {
            return EpollTimeout::from(FIRST_REQUEST);
        }
        let cancelling = self.threads.iter().any(|thread| thread.signalled.is_some());
        if cancelling { EpollTimeout::from(RETRY) } else { EpollTimeout::NONE }
    }

    /// A dead leader whose process lives on broke strict mode, or wrote the word that tells of its death.
    fn grace(&mut self) {
        self.confirm();
        let Some(dying) = &mut self.dying else { return };
        dying.waits = dying.waits.saturating_sub(1);
        if dying.waits == 0 {
            self.end();
        }
    }

    /// Ends a guest that is not confined when it has to be.
    fn confirm(&mut self) -> bool {
        if !self.confirmed {
            self.confirmed = confirm::is_confined(self.guest.pid, self.engine);
            if !self.confirmed {
                self.end();
            }
        }
        self.confirmed
    }

    fn end(&self) {
        // ESRCH: it is gone already.
        let _ = kill(self.guest.pid, Signal::SIGKILL);
    }

    /// Handles signals to nurse; the guest's end is one of them.
    fn signal(&mut self) -> io::Result<Option<Ended>> {
        while let Some(info) = self.signals.read_signal()? {
            if info.ssi_signo == Signal::SIGCHLD as u32 {
                if let Some(ended) = self.child()? {
                    return Ok(Some(ended));
                }
            } else {
                signals::forward(&info, self.guest.pid);
            }
        }
        Ok(None)
    }

    fn child(&mut self) -> io::Result<Option<Ended>> {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED;
        loop {
            match waitpid(self.guest.pid, Some(flags)) {
                Ok(WaitStatus::Exited(_, status)) => return Ok(Some(Ended::Exited(status))),
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    let violation = signal == Signal::SIGKILL && self.dying.is_some_and(|dying| dying.waits == 0);
                    return Ok(Some(Ended::Killed { signal: signal as i32, violation }));
                }
                // The stops of a terminal. Whoever sends SIGSTOP means the program alone, and sends it SIGCONT as well.
                Ok(WaitStatus::Stopped(_, Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU)) => {
                    signals::stop_with_guest();
                }
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Looks at one slot: a new request, or a call that a signal wants ended.
    fn serve(&mut self, index: usize, late: bool) {
        let thread = &self.threads[index];
        if let Some(snapshot) = self.pages.take(thread.slot, thread.last) {
            if !self.confirm() {
                return;
            }
            let thread = &mut self.threads[index];
            thread.last = snapshot.seq;
            thread.later = None;
            let seq = snapshot.seq;
            let places = snapshot.args;
            let answer = decide(&mut self.guest, snapshot);
            broken::pause();
            let answer =
                if broken::is(Guard::Snapshot) { self.fetch_again(self.threads[index].slot, answer) } else { answer };
            self.answer(index, seq, &places, answer);
        }
        self.cancel(index, late);
    }

    /// A cancelled call is over when its answer stands; until then, whoever blocks in it is interrupted.
    ///
    /// One signal a call, and another each [`RETRY`] (`late`): whoever rings the bell in between gets no more, for each puts a
    /// frame on the trustee's small stack.
    fn cancel(&mut self, index: usize, late: bool) {
        let thread = &mut self.threads[index];
        let slot = thread.slot;
        let Some(seq) = self.pages.cancelled(slot) else {
            thread.signalled = None;
            return;
        };
        if !self.pages.is_done(slot, seq) {
            if thread.later == Some(seq) {
                thread.later = None;
                self.value(index, seq, -(Errno::EINTR as i64));
            } else {
                let again = thread.signalled == Some(seq);
                thread.signalled = Some(seq);
                if thread.receiving == Some(seq) || (again && !late) {
                    return;
                }
                signals::interrupt(self.guest.pid, self.pages.trustee_tid(slot), CANCEL_SIGNAL);
                return;
            }
        }
        let thread = &mut self.threads[index];
        thread.signalled = None;
        self.pages.settle(slot, seq);
        thread.bells.1.ring();
    }
}

/// Decides one request: the guard and the table in Rust first, then the handlers, which ask the policy.
fn decide(guest: &mut Guest, snapshot: Snapshot) -> Answer {
    let Some(row) = find(snapshot.nr) else {
        guest.refusals.add(
            format!("call {}", snapshot.nr),
            Errno::ENOSYS,
            "this kernel call is unknown to nurse".into(),
        );
        return Err(Errno::ENOSYS);
    };
    if let Route::Never(errno) = row.route {
        if broken::is(Guard::Never) {
            return Ok(Outcome::Order(Order {
                nr: row.nr,
                args: snapshot.args,
                data: Vec::new(),
                pointers: Vec::new(),
            }));
        }
        let errno = Errno::from_raw(errno);
        guest.refusals.add(row.name.into(), errno, row.note.into());
        return Err(errno);
    }
    if broken::is(Guard::Judgement) && (row.route == Route::Order || row.name == "prctl") {
        return Ok(Outcome::Order(Order { nr: row.nr, args: snapshot.args, data: Vec::new(), pointers: Vec::new() }));
    }
    let call = Call { row, args: snapshot.args, data: snapshot.data };
    crate::syscalls::handle(guest, &call)
}
