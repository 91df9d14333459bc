//! The trampoline image: what is mapped as the guard range's text. Its entry point is `enter`.
#![no_std]
#![no_main]

#[path = "mem.rs"]
mod mem;

use trampoline::layout::Handoff;

/// See [`trampoline::enter::enter`].
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nurse_enter(handoff: &Handoff, stack: *mut u64) {
    // SAFETY: the caller's.
    unsafe { trampoline::enter::enter(handoff, stack) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ud2 raises SIGILL: the program ends, nothing goes on in an unknown state.
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}
