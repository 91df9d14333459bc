//! What all doors share: where the guard range goes (written into this file's section by the broker), and the way there.

use trampoline::layout::Handoff;
use trampoline::raw::{nr, syscall};

#[used]
#[unsafe(link_section = ".handoff")]
// SAFETY: all words of it are numbers, for which zero is as good as any; the broker writes the real ones.
static HANDOFF: Handoff = unsafe { core::mem::zeroed() };

/// Maps the trampoline's text where the broker said, and calls its `enter` with `stack`.
///
/// # Safety
/// To be called once, by the only thread. `stack` is the initial stack, or null to come back strict.
pub unsafe fn enter(stack: *mut u64) {
    const READ_EXEC: u64 = 5;
    const SHARED: u64 = 1;
    const FIXED_NOREPLACE: u64 = 0x10_0000;
    // SAFETY: a valid static; volatile because the broker changed it behind the compiler's back.
    let handoff = unsafe { (&raw const HANDOFF).read_volatile() };
    // SAFETY: a fresh mapping where nothing else is.
    let at = unsafe {
        syscall(nr::MMAP, [handoff.base, handoff.text_len, READ_EXEC, SHARED | FIXED_NOREPLACE, handoff.text_fd, 0])
    };
    if at as u64 != handoff.base {
        fail();
    }
    // SAFETY: the broker put the image's entry point at this offset.
    let enter: unsafe extern "C" fn(&Handoff, *mut u64) =
        unsafe { core::mem::transmute((handoff.base + handoff.enter) as *const ()) };
    // SAFETY: the caller's.
    unsafe { enter(&handoff, stack) }
}

/// Ends the process: the program must not run outside the sandbox.
pub fn fail() -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { syscall(nr::EXIT_GROUP, [125, 0, 0, 0, 0, 0]) };
    }
}

/// Which door this file is, one of [`trampoline::layout::door`].
#[allow(dead_code, reason = "the loader knows what it is")]
pub fn door() -> u64 {
    // SAFETY: a valid static; volatile because the broker changed it behind the compiler's back.
    unsafe { (&raw const HANDOFF.door).read_volatile() }
}

/// Restores the signal mask that the program was started with. This thread is strict already: the call comes in by SIGSYS.
#[allow(dead_code, reason = "the loader starts the program with its mask")]
pub fn open_mask() {
    // SAFETY: a valid static, and constants that `enter` has mapped; the mask is eight bytes.
    unsafe {
        let base = (&raw const HANDOFF.base).read_volatile();
        let constants = (base as usize + trampoline::layout::CONSTANTS) as *const trampoline::layout::Constants;
        syscall(nr::RT_SIGPROCMASK, [2, &raw const (*constants).start_mask as u64, 0, 8, 0, 0]);
    }
}
