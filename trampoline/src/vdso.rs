//! The vDSO's clocks read the time-stamp counter, which a strict thread must not. The loader hides the vDSO from the program;
//! by the time that the late doors open, the dynamic linker has its addresses already, so its code is replaced.

use crate::enter::{must, read_file};
use crate::layout::Constants;
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
        // mov $nr, %eax; syscall; ret
        let mut code = [0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3];
        code[1..5].copy_from_slice(&(entry.nr as u32).to_le_bytes());
        // SAFETY: the vDSO's text, private to this process once written; eight bytes are less than any of these functions.
        unsafe {
            // All of it at once: the kernel does not let the mapping be split.
            must(nr::MPROTECT, [base, constants.vdso_len, 7, 0, 0, 0]);
            (at as *mut [u8; 8]).write_unaligned(code);
            must(nr::MPROTECT, [base, constants.vdso_len, 5, 0, 0, 0]);
        }
    }
}

/// The vDSO's base, from the auxiliary vector.
unsafe fn address() -> Option<u64> {
    let mut auxv = [0_u8; 512];
    // SAFETY: the caller's.
    let auxv = unsafe { read_file(c"/proc/self/auxv", &mut auxv) };
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    auxv.chunks_exact(16).find(|pair| word(&pair[..8]) == AT_SYSINFO_EHDR).map(|pair| word(&pair[8..]))
}
