//! How long calls take: not a parity probe, for benches only, since what it prints differs from run to run.

use crate::raw::opened;
use std::time::Instant;

/// Prints nanoseconds per call and the call's name, a line each.
pub(crate) fn calls() {
    let zero = opened("/dev/zero", libc::O_RDONLY);
    let null = opened("/dev/null", libc::O_WRONLY);
    let mut byte = 0u8;
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    measure("getpid", || sys!(SYS_getpid));
    measure("getppid", || sys!(SYS_getppid));
    measure("read 1 byte", || sys!(SYS_read, zero, &raw mut byte, 1));
    measure("write 1 byte", || sys!(SYS_write, null, &raw const byte, 1));
    measure("lseek", || sys!(SYS_lseek, zero, 0, libc::SEEK_SET));
    measure("fstat", || sys!(SYS_fstat, zero, &raw mut found));
    measure("stat", || sys!(SYS_stat, c"/etc/passwd".as_ptr(), &raw mut found));
    measure("stat, absent", || sys!(SYS_stat, c"/etc/absent".as_ptr(), &raw mut found));
    measure("open, close", || sys!(SYS_close, sys!(SYS_open, c"/etc/passwd".as_ptr(), 0)));
    measure("mmap, munmap", || {
        let start = sys!(SYS_mmap, 0, 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        sys!(SYS_munmap, start, 4096)
    });
    measure("clock_gettime, raw", || sys!(SYS_clock_gettime, 1, &raw mut time));
    measure("clock_gettime, libc", || i64::from(unsafe { libc::clock_gettime(1, &raw mut time) }));
    measure("read 1 byte, libc", || unsafe { libc::read(zero, (&raw mut byte).cast(), 1) } as i64);
    measure("lseek, libc", || unsafe { libc::lseek(zero, 0, libc::SEEK_SET) });
    measure("rt_sigprocmask", || sys!(SYS_rt_sigprocmask, 0, 0, 0, 8));
    measure("ioctl TCGETS", || sys!(SYS_ioctl, zero, libc::TCGETS, 0));
}

/// Runs a call for about 40 ms, after a warm-up.
fn measure(name: &str, mut call: impl FnMut() -> i64) {
    for _ in 0..50 {
        std::hint::black_box(call());
    }
    let (mut count, start) = (0u32, Instant::now());
    while start.elapsed().as_millis() < 40 {
        // Looking at the clock is a call as well under nurse: seldom enough not to matter.
        for _ in 0..100 {
            std::hint::black_box(call());
        }
        count += 100;
    }
    println!("{:.1} {name}", start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
}
