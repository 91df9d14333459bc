//! The late doors come in by an environment variable, which the program is not to see.

use crate::enter::read_file;
use crate::layout::door;

/// Takes the variable that named our library out of the environment on the initial stack.
///
/// # Safety
/// Before strict mode, with no other thread.
pub unsafe fn scrub(door: u64) {
    let name: &[u8] = if door == door::AUDIT { b"LD_AUDIT=" } else { b"LD_PRELOAD=" };
    // SAFETY: the kernel's word on where argc stands; behind it argv, NULL, envp, NULL, as it built them.
    unsafe {
        let Some(stack) = stack_start() else { return };
        let stack = stack as *mut u64;
        let mut from = stack.add(1 + *stack as usize + 1);
        let mut to = from;
        while *from != 0 {
            if !starts_with(*from as *const u8, name) {
                *to = *from;
                to = to.add(1);
            }
            from = from.add(1);
        }
        *to = 0;
    }
}

unsafe fn starts_with(string: *const u8, start: &[u8]) -> bool {
    // SAFETY: a NUL-terminated string: no byte behind the first that differs is read.
    start.iter().enumerate().all(|(at, &byte)| unsafe { *string.add(at) } == byte)
}

/// Field 28 of /proc/self/stat, `startstack`: where the initial stack pointer was. Source: proc_pid_stat(5).
unsafe fn stack_start() -> Option<u64> {
    let mut buffer = [0_u8; 1024];
    // SAFETY: the caller's.
    let stat = unsafe { read_file(c"/proc/self/stat", &mut buffer) };
    // Field 2 is the name in parentheses, which may hold anything; field 3 follows the last of them.
    let behind = stat.iter().rposition(|&byte| byte == b')')? + 2;
    let field = stat.get(behind..)?.split(|&byte| byte == b' ').nth(28 - 3)?;
    field.iter().try_fold(0_u64, |number, &digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}
