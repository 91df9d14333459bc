//! Maps the program and its interpreter by the broker's plan, and makes the initial stack say so.

use core::mem::offset_of;

use crate::layout::{CONSTANTS, Constants, LoadObject, NO_PHDR, PAGE, flags};
use crate::raw::{self, nr};

/// Where the mapped program is.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// First instruction: the interpreter's, or the program's own.
    pub start: u64,
    /// AT_ENTRY, AT_PHDR (0 for none), AT_PHNUM, AT_BASE.
    auxv: [u64; 4],
}

const FAILED: u64 = 125;

/// Maps both objects; `None` if the plan is empty.
///
/// # Safety
/// The plan must be the broker's, and the guard range in place.
pub unsafe fn map(constants: &Constants) -> Option<Program> {
    let [program, interpreter] = &constants.plan.objects;
    if program.count == 0 {
        return None;
    }
    // SAFETY: the caller's.
    let base = unsafe { object(program) };
    let entry = base + program.entry;
    let phdr = if program.phdr == NO_PHDR { 0 } else { base + program.phdr };
    let (mut start, mut interpreter_base) = (entry, 0);
    if interpreter.count != 0 {
        // SAFETY: the caller's.
        interpreter_base = unsafe { object(interpreter) };
        start = interpreter_base + interpreter.entry;
    }
    Some(Program { start, auxv: [entry, phdr, program.phnum, interpreter_base] })
}

unsafe fn object(object: &LoadObject) -> u64 {
    const WRITE: u64 = 2;
    const PRIVATE: u64 = 2;
    const FIXED: u64 = 0x10;
    const ANON: u64 = 0x20;
    const FIXED_NOREPLACE: u64 = 0x10_0000;
    let page = PAGE as u64;
    let reserve = |address, how| {
        // SAFETY: no FIXED: replaces nothing.
        unsafe { raw::syscall(nr::MMAP, [address, object.span, 0, PRIVATE | ANON | how, u64::MAX, 0]) }
    };
    let mut base = -1;
    if object.base != 0 || object.fixed != 0 {
        base = reserve(object.base, FIXED_NOREPLACE);
    }
    if base < 0 && object.fixed == 0 {
        base = reserve(0, 0);
    }
    let base = check(base);
    for segment in &object.segments[..object.count as usize] {
        let at = base + segment.at;
        // The plan is vetted; a mistake there must not map over anything else.
        let len = segment.file_len.checked_add(segment.anon_len);
        if len.and_then(|len| len.checked_add(segment.at)).is_none_or(|end| end > object.span)
            || segment.zero_from < segment.at
        {
            check(-1);
        }
        // SAFETY: inside the span just reserved, says the vetted plan.
        unsafe {
            if segment.file_len != 0 {
                check(raw::syscall(
                    nr::MMAP,
                    [at, segment.file_len, segment.prot, PRIVATE | FIXED, object.fd, segment.offset],
                ));
                if segment.prot & WRITE != 0 && segment.zero_from < segment.file_len + segment.at {
                    let from = base + segment.zero_from;
                    let len = (page - from % page) % page;
                    core::ptr::write_bytes(from as *mut u8, 0, len as usize);
                }
            }
            if segment.anon_len != 0 {
                let behind = at + segment.file_len;
                check(raw::syscall(
                    nr::MMAP,
                    [behind, segment.anon_len, segment.prot, PRIVATE | ANON | FIXED, u64::MAX, 0],
                ));
            }
        }
    }
    // SAFETY: our own fd.
    unsafe { raw::syscall(nr::CLOSE, [object.fd, 0, 0, 0, 0, 0]) };
    base
}

fn check(result: i64) -> u64 {
    if result < 0 {
        // SAFETY: ends the process; the broker says why it did not start.
        unsafe { raw::syscall(nr::EXIT_GROUP, [FAILED, 0, 0, 0, 0, 0]) };
    }
    result as u64
}

/// Makes the auxiliary vector name the program in place of the loader; returns the stack pointer to start with.
///
/// # Safety
/// `stack` must be the process's initial stack: argc, argv, NULL, envp, NULL, auxv.
pub unsafe fn patch_stack(stack: *mut u64, constants: &Constants, program: &Program) -> u64 {
    const AT_IGNORE: u64 = 1;
    const AT_EXECFN: u64 = 31;
    const AT_SYSINFO_EHDR: u64 = 33;
    let exe = raw::guard_base() + CONSTANTS + offset_of!(Constants, exe);
    // SAFETY: the kernel built the stack; each step stays inside what it put there.
    unsafe {
        let mut at = stack.add(1 + *stack as usize + 1);
        while *at != 0 {
            at = at.add(1);
        }
        at = at.add(1);
        while *at != 0 {
            let value = at.add(1);
            match *at {
                9 => *value = program.auxv[0],
                3 => *value = program.auxv[1],
                5 => *value = program.auxv[2],
                7 => *value = program.auxv[3],
                AT_EXECFN => *value = exe as u64,
                // Strict mode turns the TSC off, and the vDSO's clocks with it.
                AT_SYSINFO_EHDR if constants.flags & flags::FILTER_ENGINE == 0 => *at = AT_IGNORE,
                _ => {}
            }
            at = at.add(2);
        }
    }
    stack as u64
}
