//! The loader: a static-PIE program that becomes the guest. It maps the trampoline's text and enters it; everything else,
//! the program's own mapping included, happens there.
#![no_std]
#![no_main]

#[path = "../../trampoline/src/mem.rs"]
mod mem;
#[path = "handoff.rs"]
mod handoff;

use core::arch::naked_asm;

/// The process's first instruction: `rsp` is the initial stack, handed on in `rdi`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov rdi, rsp", "xor ebp, ebp", "and rsp, -16", "call {}", "ud2", sym start)
}

unsafe extern "C" fn start(stack: *mut u64) -> ! {
    // SAFETY: this is the only thread, and nothing else has run.
    unsafe { handoff::enter(stack) };
    handoff::fail()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    handoff::fail()
}
