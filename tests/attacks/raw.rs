//! System calls by raw instructions, by both ways that a guest thread has, and how an attack tells what came of it.

use std::arch::asm;

use crate::forge::guard;
use trampoline::thread::RETURN_TO;

/// The call of that number by a `syscall` instruction of the program's own: Syscall User Dispatch takes it to the shim.
pub(crate) fn call(number: u64, args: &[u64]) -> i64 {
    let arg = |index: usize| args.get(index).copied().unwrap_or(0);
    let result;
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") arg(0), in("rsi") arg(1), in("rdx") arg(2),
             in("r10") arg(3), in("r8") arg(4), in("r9") arg(5), lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// The call of that number by the trampoline's own `syscall` instruction, where no dispatch happens: the kernel gets to see
/// it, in the guest thread's confinement.
///
/// The instruction is that of the first slot's direct stub (`syscall; jmp [return_to]`), whose way back is guest memory.
pub(crate) fn gadget(number: u64, args: &[u64]) -> i64 {
    let arg = |index: usize| args.get(index).copied().unwrap_or(0);
    let guard = guard();
    let back = (guard.base + RETURN_TO as u64) as *mut u64;
    let stub = guard.stub();
    let result;
    unsafe {
        asm!("lea r11, [rip + 2f]", "mov [r12], r11", "jmp r13", "2:",
             inlateout("rax") number => result, in("rdi") arg(0), in("rsi") arg(1), in("rdx") arg(2),
             in("r10") arg(3), in("r8") arg(4), in("r9") arg(5), in("r12") back, in("r13") stub,
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Prints a line, by the one call that needs nobody.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    call(libc::SYS_write as u64, &[1, line.as_ptr() as u64, line.len() as u64]);
}

/// A try that the sandbox stood.
pub(crate) fn held(what: &str, how: impl std::fmt::Display) {
    say(&format!("held: {what}: {how}"));
}

/// A try that it did not stand: there is nothing left to try.
pub(crate) fn breached(what: &str, how: impl std::fmt::Display) -> ! {
    say(&format!("BREACHED: {what}: {how}"));
    loop {
        call(libc::SYS_exit_group as u64, &[3]);
    }
}

/// A call that has to fail.
pub(crate) fn refused(what: &str, result: i64) {
    if result < 0 { held(what, told(result)) } else { breached(what, format!("gave {result}")) }
}

/// A result as number, or as its errno.
pub(crate) fn told(result: i64) -> String {
    match i32::try_from(-result) {
        Ok(errno @ 1..4096) => {
            let text = std::io::Error::from_raw_os_error(errno).to_string();
            text.split(" (os").next().unwrap_or_default().to_owned()
        }
        _ => result.to_string(),
    }
}

/// Shows that the broker and the trustee still answer, the one with an fd, the other with a number.
pub(crate) fn alive() {
    let fd = open("alive", libc::O_RDONLY);
    let mut text = [0_u8; 64];
    let got = call(libc::SYS_read as u64, &[fd as u64, text.as_mut_ptr() as u64, 64]);
    let end = call(libc::SYS_lseek as u64, &[fd as u64, 0, 2]);
    call(libc::SYS_close as u64, &[fd as u64]);
    if got == 6 && &text[..6] == b"alive\n" && end == 6 {
        say("alive");
    } else {
        say(&format!("NOT ALIVE: open {}, read {}, lseek {}", told(fd), told(got), told(end)));
    }
}

/// A path as the kernel takes it; lives as long as the program.
pub(crate) fn path(text: &str) -> u64 {
    std::ffi::CString::new(text).unwrap().into_raw() as u64
}

/// openat(2) from the working directory.
pub(crate) fn open(name: &str, flags: i32) -> i64 {
    call(libc::SYS_openat as u64, &[libc::AT_FDCWD as u64, path(name), flags as u64, 0o644])
}

/// All that can be read from a file at once; the errno if it cannot be opened or read.
pub(crate) fn content(name: &str) -> Result<String, i64> {
    let fd = open(name, libc::O_RDONLY);
    if fd < 0 {
        return Err(fd);
    }
    let mut text = vec![0_u8; 65536];
    let mut used = 0;
    let result = loop {
        let at = text[used..].as_mut_ptr() as u64;
        match call(libc::SYS_read as u64, &[fd as u64, at, (text.len() - used) as u64]) {
            got @ 1.. => used += got as usize,
            0 => break Ok(String::from_utf8_lossy(&text[..used]).into_owned()),
            error => break Err(error),
        }
    };
    call(libc::SYS_close as u64, &[fd as u64]);
    result
}
