//! The library for LD_AUDIT and LD_PRELOAD: no libc, no relocations against other objects, and one thing to do.
#![no_std]

#[path = "../../trampoline/src/mem.rs"]
mod mem;
#[path = "handoff.rs"]
mod handoff;

use trampoline::layout::door;

/// rtld-audit(7): called before the program's own libraries are mapped.
#[unsafe(no_mangle)]
pub extern "C" fn la_version(version: u32) -> u32 {
    come_in(door::AUDIT);
    version
}

/// With LD_PRELOAD: the constructor.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = {
    extern "C" fn constructor() {
        come_in(door::PRELOAD);
    }
    constructor
};

/// Enters the sandbox if this is the way that the broker chose: an audit library's constructor runs, too.
fn come_in(way: u64) {
    if handoff::door() == way {
        // SAFETY: once per process, for each way is tried once; the dynamic linker is single-threaded here.
        unsafe { handoff::enter(core::ptr::null_mut()) };
        handoff::open_mask();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    handoff::fail()
}
