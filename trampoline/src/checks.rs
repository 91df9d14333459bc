//! The standing grants' checks in plain Rust: what the shim asks before it bothers the trustee, and the model that
//! the trustee's assembly is tested against.

use crate::layout::{CANCEL_SIGNAL, Constants, GRANTS};
use crate::syscall::checks;

/// Clock ids a trustee may be asked for, as bits: not that of the calling thread (3), which would be the trustee, nor
/// the negative ones of tasks.
pub const CLOCKS: u32 = 0b1111_1111_0111;

/// The part of [`Constants`] that the checks read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// First address of the guard range, and first behind it.
    pub guard: (u64, u64),
    /// First reserved fd, and how many.
    pub fds: (u32, u32),
}

impl Bounds {
    /// Takes them from the page.
    #[must_use]
    pub fn of(constants: &Constants) -> Self {
        Self {
            guard: (constants.guard_start, constants.guard_end),
            fds: (constants.fd_low as u32, constants.fd_count as u32),
        }
    }

    fn reserved(&self, fd: u64) -> bool {
        (fd as u32).wrapping_sub(self.fds.0) < self.fds.1
    }

    fn in_guard(&self, address: u64) -> bool {
        address.wrapping_sub(self.guard.0) < self.guard.1 - self.guard.0
    }

    /// Whether `[start, start + len)` touches the guard range, or wraps.
    #[must_use]
    pub fn touches_guard(&self, start: u64, len: u64) -> bool {
        start.checked_add(len).is_none_or(|end| start < self.guard.1 && end > self.guard.0)
    }
}

/// Whether the trustee makes call `nr` with these arguments under `grant`.
#[must_use]
pub fn allowed(nr: u64, args: &[u64; 6], grant: u32, bounds: &Bounds) -> bool {
    let on = |bit: u32| grant & bit != 0;
    let word = args[1] as u32 & !0x180;
    nr < GRANTS as u64
        && on(checks::GRANTED)
        && !(on(checks::FD0) && bounds.reserved(args[0]))
        && !(on(checks::FD1) && bounds.reserved(args[1]))
        && !(on(checks::FD2) && bounds.reserved(args[2]))
        && !(on(checks::FD4) && bounds.reserved(args[4]))
        && !(on(checks::RANGE) && bounds.touches_guard(args[0], args[1]))
        && !(on(checks::WORDS) && (bounds.in_guard(args[0]) || bounds.in_guard(args[4])))
        && !(on(checks::SIGNAL) && args[0] as u32 == CANCEL_SIGNAL as u32)
        && !(on(checks::ZERO3) && args[3] != 0)
        && !(on(checks::ZERO4) && args[4] != 0)
        && !(on(checks::ZERO5) && args[5] != 0)
        && !(on(checks::FCNTL) && (args[1] as u32 > 3 || args[2] >= u64::from(bounds.fds.0)))
        && !(on(checks::MMAP) && args[3] & !u64::from(checks::MMAP_FLAGS) != 0)
        && !(on(checks::FUTEX) && (word > 31 || checks::FUTEX_OPS >> word & 1 == 0))
        && !(on(checks::CLOCK) && (args[0] as u32 > 31 || CLOCKS >> (args[0] as u32) & 1 == 0))
        && !(on(checks::PROT) && args[2] > 7)
}
