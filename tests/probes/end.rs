//! How a program can end, and what its caller sees of it.

use crate::{Probe, ending, probe};

pub(crate) const PROBES: &[Probe] = &[
    ending("end.code", "7", || leave(7)),
    ending("end.code_255", "255", || leave(-1)),
    ending("end.exit_thread", "9", exit_thread),
    ending("end.term", "signal 15", || die(libc::SIGTERM)),
    ending("end.kill", "signal 9", || die(libc::SIGKILL)),
    ending("end.usr1", "signal 10", || die(libc::SIGUSR1)),
    ending("end.pipe", "signal 13", broken_pipe),
    ending("end.abort", "signal 6", abort),
    ending("end.segv", "signal 11", segv),
    ending("end.segv_blocked", "signal 11", segv_blocked),
    ending("end.segv_raised", "signal 11", || die(libc::SIGSEGV)),
    ending("end.sys_raised", "signal 31", || die(libc::SIGSYS)),
    ending("end.ill", "signal 4", ill),
    ending("end.alarm", "signal 14", alarm),
    ending("end.overflow", "signal 6", overflow),
    ending("end.panic", "101", panic),
    ending("end.cpu_limit", "signal 24", cpu_limit),
    probe("end.output_kept", output_kept),
];

fn no_core() {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    println!("about to end");
}

fn leave(code: i32) {
    println!("about to end");
    sys!(SYS_exit_group, code);
}

/// exit(2), not exit_group(2), by the only thread.
fn exit_thread() {
    println!("about to end");
    sys!(SYS_exit, 9);
}

fn die(signal: i32) {
    no_core();
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    say!("kill", sys!(SYS_kill, std::process::id(), signal));
    println!("still here");
}

fn broken_pipe() {
    no_core();
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (from, to) = crate::raw::pipe(0);
    sys!(SYS_close, from);
    say!("write", sys!(SYS_write, to, c"x".as_ptr(), 1));
}

fn abort() {
    no_core();
    unsafe { libc::abort() }
}

fn touch() {
    unsafe { std::arch::asm!("mov al, [rax]", inout("rax") 0x10u64 => _) };
}

fn segv() {
    no_core();
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    touch();
}

/// A fault whose signal is blocked kills all the same, handler or not.
fn segv_blocked() {
    no_core();
    let mask = 1u64 << (libc::SIGSEGV - 1);
    say!("block", sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8));
    touch();
}

fn ill() {
    no_core();
    unsafe { std::arch::asm!("ud2") };
}

fn alarm() {
    no_core();
    let time = libc::itimerval {
        it_interval: unsafe { std::mem::zeroed() },
        it_value: libc::timeval { tv_sec: 0, tv_usec: 20_000 },
    };
    sys!(SYS_setitimer, 0, &raw const time, 0);
    sys!(SYS_nanosleep, std::ptr::from_ref(&libc::timespec { tv_sec: 5, tv_nsec: 0 }), 0);
    println!("still here");
}

#[inline(never)]
fn dig(depth: u64) -> u64 {
    let filler = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { filler[3] } else { dig(depth + 1) + filler[usize::from(depth % 2 == 1)] }
}

/// Rust's runtime notices it on its own altstack and aborts.
fn overflow() {
    no_core();
    // What it says holds the thread's id.
    sys!(SYS_close, 2);
    println!("{}", std::hint::black_box(dig(0)));
}

fn panic() {
    println!("about to end");
    std::panic::set_hook(Box::new(|_| println!("panicking")));
    std::process::exit(
        std::panic::catch_unwind(|| assert!(std::hint::black_box(false), "on purpose")).map_or(101, |()| 0),
    );
}

fn cpu_limit() {
    no_core();
    let limit = libc::rlimit { rlim_cur: 1, rlim_max: 3 };
    say!("setrlimit", sys!(SYS_setrlimit, libc::RLIMIT_CPU, &raw const limit));
    loop {
        std::hint::black_box(0);
    }
}

/// Much output right before the end arrives whole.
fn output_kept() {
    for line in 0..5000 {
        println!("line {line} of many");
    }
    sys!(SYS_exit_group, 0);
}
