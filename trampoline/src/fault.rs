//! SIGSEGV and SIGBUS: faults of our own copies, time-stamp instructions that strict mode forbids, and the program's.

use crate::abi::{SIGSEGV, SS_DISABLE, SigInfo, Ucontext, bit, reg};
use crate::entry::{WayOut, handler};
use crate::raw::{self, nr};
use crate::request::{self, To};
use crate::thread::{self, Thread};
use crate::{copy, signal};

handler!(
    /// Handler of SIGSEGV and SIGBUS.
    fault, on_fault
);

/// `SI_KERNEL` of siginfo.
const SI_KERNEL: i32 = 128;

extern "C" fn on_fault(number: i32, info: &SigInfo, context: &mut Ucontext) -> WayOut {
    let thread = thread::current();
    // SAFETY: the low end of this very stack; only this thread uses it.
    let state = unsafe { &mut *thread };
    if let Some(fixed) = copy::fixup(context.regs[reg::RIP]) {
        context.regs[reg::RIP] = fixed;
        return WayOut { context, thread: core::ptr::null_mut() };
    }
    if number == SIGSEGV && info.code == SI_KERNEL && time_stamp(state, context) {
        return WayOut { context, thread };
    }
    if info.code > 0 && signal::in_text(context.regs[reg::RIP]) {
        // A fault of the shim's own, by hostile hands: to go back would only repeat it.
        die_by(state, number);
    }
    if info.code > 0 && (signal::action(number).handler == 1 || state.hidden_mask & bit(number) != 0) {
        // As the kernel: a fault that is ignored or masked kills, for the instruction would only fault again.
        die_by(state, number);
    }
    signal::arrived(number, info, context, state)
}

/// Emulates rdtsc and rdtscp: nanoseconds of the monotonic clock stand for ticks, as of a 1 GHz counter.
fn time_stamp(thread: &Thread, context: &mut Ucontext) -> bool {
    const CLOCK_MONOTONIC: u64 = 1;
    let rip = context.regs[reg::RIP];
    let Some(code) = copy::read::<[u8; 2]>(rip) else { return false };
    let len = match code {
        [0x0f, 0x31] => 2,
        [0x0f, 0x01] if copy::read::<u8>(rip + 2) == Some(0xf9) => 3,
        _ => return false,
    };
    let mut time = [0_u64; 2];
    let args = [CLOCK_MONOTONIC, &raw mut time as u64, 0, 0, 0, 0];
    // SAFETY: we are on the thread's signal stack, and `time` has room for a timespec.
    unsafe { request::insist(thread, To::Trustee, nr::CLOCK_GETTIME, &args) };
    // SAFETY: the kernel wrote it; read as volatile since no code of ours did.
    let [seconds, nanos] = unsafe { (&raw const time).read_volatile() };
    let ticks = seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
    context.regs[reg::RAX] = ticks & 0xffff_ffff;
    context.regs[reg::RDX] = ticks >> 32;
    if len == 3 {
        context.regs[reg::RCX] = 0;
    }
    context.regs[reg::RIP] += len;
    true
}

/// Ends the program as the default action of `number` does.
pub fn die_by(thread: &mut Thread, number: i32) -> ! {
    // Whatever fails from here on, no handler of the program runs any more.
    thread.altstack.flags = SS_DISABLE;
    let default = [0_u64; 4];
    let action = [number as u64, &raw const default as u64, 0, 8, 0, 0];
    // SAFETY: mapped for the life of the process.
    let pid = unsafe { (*thread::process()).pid };
    // SAFETY: we are on the thread's signal stack; `default` is a sigaction struct.
    unsafe { request::insist(thread, To::Trustee, nr::RT_SIGACTION, &action) };
    // SAFETY: as above; tgkill reads no memory.
    unsafe { request::insist(thread, To::Broker, nr::TGKILL, &[pid, thread.tid, number as u64, 0, 0, 0]) };
    // The signal is open here but for a mask of the program's own: then exit with what a shell would show.
    // SAFETY: as above.
    unsafe { request::insist(thread, To::Trustee, nr::EXIT_GROUP, &[128 + number as u64, 0, 0, 0, 0, 0]) };
    loop {
        // Nobody obeys: this thread ends, and the broker ends the rest.
        // SAFETY: strict mode allows it.
        unsafe { raw::syscall(nr::EXIT, [128 + number as u64, 0, 0, 0, 0, 0]) };
    }
}
