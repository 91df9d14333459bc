//! From an outcome to what the guest sees of it: a value, filled bytes, an fd, an order, or an answer that comes later.

use std::os::fd::OwnedFd;

use trampoline::layout::{Answer as Kind, fds};

use super::{Supervisor, death};
use crate::call::{Answer, Errno, Order, Outcome};
use crate::channel;
use crate::pages::Slot;

impl Supervisor {
    pub(super) fn answer(&mut self, index: usize, seq: u32, places: &[u64; 6], answer: Answer) {
        match answer {
            Err(errno) => self.value(index, seq, -(errno as i64)),
            Ok(Outcome::Value(value)) => self.value(index, seq, value),
            Ok(Outcome::Filled { result, arg, bytes }) => {
                self.pages.fill(self.threads[index].slot, places.get(arg).copied().unwrap_or(0), &bytes);
                self.value(index, seq, result);
            }
            Ok(Outcome::Fd { fd, cloexec }) => {
                self.threads[index].receiving = Some(seq);
                if let Err(errno) = self.give(index, seq, &fd, cloexec) {
                    self.value(index, seq, -(errno as i64));
                }
            }
            Ok(Outcome::Order(order)) => {
                if let Err(errno) = self.order(index, seq, &order, Kind::Value) {
                    self.value(index, seq, -(errno as i64));
                }
            }
            Ok(Outcome::Later(work)) => {
                self.threads[index].later = Some(seq);
                if self.workers.start(index, seq, *places, work).is_err() {
                    self.threads[index].later = None;
                    self.value(index, seq, -(Errno::EAGAIN as i64));
                }
            }
        }
    }

    /// **For tests only**: what a broker without [`Guard::Snapshot`] would do, to look at a request's words after the decision.
    pub(super) fn fetch_again(&self, slot: Slot, answer: Answer) -> Answer {
        match (answer, self.pages.take(slot, 0)) {
            (Ok(Outcome::Order(order)), Some(now)) => {
                let nr = u32::try_from(now.nr).unwrap_or(order.nr);
                Ok(Outcome::Order(Order { nr, args: now.args, ..order }))
            }
            (answer, _) => answer,
        }
    }

    pub(super) fn value(&self, index: usize, seq: u32, value: i64) {
        let thread = &self.threads[index];
        if self.pages.answer(thread.slot, seq, value) {
            thread.bells.1.ring();
        }
    }

    fn give(&self, index: usize, seq: u32, fd: &OwnedFd, cloexec: bool) -> Result<(), Errno> {
        const RECVMSG: u32 = 47;
        const MSG_DONTWAIT: u64 = 0x40;
        const MSG_CMSG_CLOEXEC: u64 = 0x4000_0000;
        channel::send(&self.channel, fd)?;
        let header = self.pages.expect_fd(self.threads[index].slot);
        let flags = MSG_DONTWAIT | if cloexec { MSG_CMSG_CLOEXEC } else { 0 };
        let socket = u64::from(self.fd_low + fds::CHANNEL);
        let order =
            Order { nr: RECVMSG, args: [socket, header, flags, 0, 0, 0], data: Vec::new(), pointers: Vec::new() };
        self.order(index, seq, &order, Kind::Fd)
    }

    fn order(&self, index: usize, seq: u32, order: &Order, kind: Kind) -> Result<(), Errno> {
        let thread = &self.threads[index];
        if !order.data.is_empty() {
            death::fence(&self.pages, thread.slot, &thread.bells.0)?;
        }
        self.pages.order_call(thread.slot, seq, order, kind)?;
        thread.bells.0.ring();
        Ok(())
    }

    pub(super) fn finished_work(&mut self) {
        while let Some(done) = self.workers.finished() {
            if self.threads[done.index].later == Some(done.seq) {
                self.threads[done.index].later = None;
                self.answer(done.index, done.seq, &done.places, done.answer);
            }
        }
    }
}
