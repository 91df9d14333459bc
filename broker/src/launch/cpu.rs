//! One core for the guest thread, its trustee and the broker: they hand calls to each other and never work at the same time,
//! and to wake a sleeper on an idle core costs ten times as much as on one's own.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread: 0 in the kernel's interface.
const SELF: Pid = Pid::from_raw(0);

/// Keeps this thread, and what it starts, on the CPU that it runs on. Returns the CPUs that were allowed before; `None`
/// if nothing was changed, which only costs speed.
#[must_use]
pub fn stay_here() -> Option<CpuSet> {
    let before = sched_getaffinity(SELF).ok()?;
    let here = nix::sched::sched_getcpu().ok()?;
    let mut one = CpuSet::new();
    one.set(here).ok()?;
    sched_setaffinity(SELF, &one).ok()?;
    Some(before)
}

/// Lets this thread run where it could before.
pub fn roam(before: &CpuSet) {
    // Fails only if the CPUs have gone offline since; the thread then stays where it is.
    let _ = sched_setaffinity(SELF, before);
}
