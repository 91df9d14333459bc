//! The vDSO's clocks read the time-stamp counter, which a strict thread must not. The loader hides the vDSO from the program;
//! by the time that the late doors open, the dynamic linker has its addresses already, so its code is replaced.

use crate::enter::must;
use crate::layout::{Constants, PAGE};
use crate::raw::nr;

const AT_SYSINFO_EHDR: u64 = 33;

/// Overwrites each function in `Constants::vdso` with a plain system call. The process gets a copy of the page.
///
/// # Safety
/// No other thread may run.
pub unsafe fn replace(constants: &Constants) {
    // SAFETY: reads into a buffer of our own.
    let Some(base) = (unsafe { address() }) else { return };
    for entry in constants.vdso.iter().take_while(|entry| entry.nr != 0) {
        let at = base + entry.offset;
        let page = at & !(PAGE as u64 - 1);
        // The second page only if the code reaches it: the vDSO may end before.
        let len = (at + 8 - page).next_multiple_of(PAGE as u64);
        // mov $nr, %eax; syscall; ret
        let mut code = [0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3];
        code[1..5].copy_from_slice(&(entry.nr as u32).to_le_bytes());
        // SAFETY: the vDSO's text, private to this process once written; eight bytes are less than any of these functions.
        unsafe {
            must(nr::MPROTECT, [page, len, 7, 0, 0, 0]);
            (at as *mut [u8; 8]).write_unaligned(code);
            must(nr::MPROTECT, [page, len, 5, 0, 0, 0]);
        }
    }
}

/// The vDSO's base, from the auxiliary vector.
unsafe fn address() -> Option<u64> {
    let mut auxv = [0_u64; 64];
    // SAFETY: a path with its NUL, and a buffer of the length given.
    let len = unsafe {
        let fd = must(nr::OPEN, [c"/proc/self/auxv".as_ptr() as u64, 0o2_000_000, 0, 0, 0, 0]);
        let len = must(nr::READ, [fd, auxv.as_mut_ptr() as u64, size_of_val(&auxv) as u64, 0, 0, 0]);
        must(nr::CLOSE, [fd, 0, 0, 0, 0, 0]);
        len as usize
    };
    auxv[..len / 8].chunks_exact(2).find(|pair| pair[0] == AT_SYSINFO_EHDR).map(|pair| pair[1])
}
