//! Copies from and to the program's memory that survive bad addresses, as the kernel's own do.

use core::arch::naked_asm;

/// Copies `len` bytes; returns how many were *not* copied, 0 when all were.
///
/// A fault inside is caught by the SIGSEGV and SIGBUS handlers, which continue at the label behind the copy.
///
/// | register | on entry    | on exit                    |
/// |----------|-------------|----------------------------|
/// | `rdi`    | destination | behind the last byte       |
/// | `rsi`    | source      | behind the last byte       |
/// | `rdx`    | length      | kept                       |
/// | `rax`    | -           | bytes left                 |
/// | `rcx`    | -           | bytes left                 |
///
/// # Safety
/// One side must be memory of ours that is large enough; the other may be any address.
#[unsafe(naked)]
pub unsafe extern "C" fn copy(to: usize, from: usize, len: usize) -> usize {
    naked_asm!(
        "mov rcx, rdx",
        ".globl nurse_copy_fault",
        ".hidden nurse_copy_fault",
        ".globl nurse_copy_fixed",
        ".hidden nurse_copy_fixed",
        "nurse_copy_fault: rep movsb",
        "nurse_copy_fixed: mov rax, rcx",
        "ret",
    )
}

/// If `rip` is where [`copy`] touches foreign memory: where to go on after a fault.
#[must_use]
pub fn fixup(rip: u64) -> Option<u64> {
    let (fault, fixed): (u64, u64);
    // SAFETY: takes the addresses of two labels in `copy`.
    unsafe {
        core::arch::asm!("lea {}, [rip + nurse_copy_fault]", "lea {}, [rip + nurse_copy_fixed]",
            out(reg) fault, out(reg) fixed, options(nomem, nostack, preserves_flags));
    }
    (rip == fault).then_some(fixed)
}

/// Reads a value from the program's memory.
#[must_use]
pub fn read<T: Copy>(from: u64) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: the destination is `value`, as large as the length says; every bit pattern is a valid `T` here, as
    // callers read integers and structs of integers only.
    unsafe { (copy(value.as_mut_ptr() as usize, from as usize, size_of::<T>()) == 0).then(|| value.assume_init()) }
}

/// Writes a value to the program's memory; false if that faults.
#[must_use]
pub fn write<T: Copy>(to: u64, value: &T) -> bool {
    // SAFETY: the source is `value`; the destination may be any address.
    unsafe { copy(to as usize, core::ptr::from_ref(value) as usize, size_of::<T>()) == 0 }
}
