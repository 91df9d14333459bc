//! A thousand signals a second while the program makes every kind of call: no result may be wrong, no signal lost.

use crate::handlers::{blocked, install};
use crate::raw::{opened, pipe};
use crate::{Probe, probe};
use libc::{SA_ONSTACK, SA_RESTART, SIGALRM, siginfo_t};
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub(crate) const PROBES: &[Probe] = &[
    probe("storm.direct", || storm(SA_RESTART, direct)),
    probe("storm.calls", || storm(SA_RESTART, calls)),
    probe("storm.altstack", || storm(SA_RESTART | SA_ONSTACK, calls)),
    probe("storm.paths", || storm(SA_RESTART, paths)),
    probe("storm.interrupted", || storm(0, interrupted)),
];

/// Signals that a round waits for.
const SIGNALS: usize = 600;

static COUNT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    COUNT.fetch_add(1, Relaxed);
    sys!(SYS_getppid);
}

/// Runs rounds of `work` under the storm; each says how many of its results were wrong.
fn storm(flags: i32, work: fn() -> usize) {
    install(SIGALRM, count, flags, &[]);
    let time = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let mut timer = libc::itimerval { it_interval: time, it_value: time };
    say!("setitimer", sys!(SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0));
    let start = std::time::Instant::now();
    let (mut rounds, mut wrong) = (0, 0);
    while COUNT.load(Relaxed) < SIGNALS && start.elapsed().as_secs() < 20 {
        wrong += work();
        rounds += 1;
    }
    timer = unsafe { std::mem::zeroed() };
    sys!(SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0);
    println!(
        "all signals {}, several rounds {}, wrong {wrong}, blocked {:?}",
        COUNT.load(Relaxed) >= SIGNALS,
        rounds > 3,
        blocked()
    );
}

fn direct() -> usize {
    let (from, to) = pipe(0);
    let mut wrong = 0;
    for round in 0..100u64 {
        let mut back = 0u64;
        wrong += usize::from(sys!(SYS_write, to, &raw const round, 8) != 8);
        wrong += usize::from(sys!(SYS_read, from, &raw mut back, 8) != 8 || back != round);
    }
    sys!(SYS_close, from);
    sys!(SYS_close, to);
    wrong
}

fn calls() -> usize {
    let zero = opened("/dev/zero", 0);
    let pid = i64::from(std::process::id());
    let mut wrong = 0;
    for round in 0..50i64 {
        let start = sys!(SYS_mmap, 0, 8192, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        wrong += usize::from(start <= 0);
        wrong += usize::from(sys!(SYS_pread64, zero, start, 100, round) != 100);
        wrong += usize::from(sys!(SYS_munmap, start, 8192) != 0);
        wrong += usize::from(sys!(SYS_getpid) != pid);
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        wrong +=
            usize::from(sys!(SYS_fstat, zero, &raw mut found) != 0 || found.st_mode & libc::S_IFMT != libc::S_IFCHR);
        wrong += usize::from(sys!(SYS_lseek, 999, 0, 0) != i64::from(-libc::EBADF));
    }
    sys!(SYS_close, zero);
    wrong
}

fn paths() -> usize {
    let mut wrong = 0;
    for _ in 0..10 {
        let fd = crate::raw::open("file", libc::O_CREAT | libc::O_RDWR, 0o600);
        wrong += usize::from(fd < 3);
        wrong += usize::from(sys!(SYS_write, fd, c"abc".as_ptr(), 3) != 3);
        wrong += usize::from(sys!(SYS_close, fd) != 0);
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        wrong += usize::from(sys!(SYS_stat, c"file".as_ptr(), &raw mut found) != 0 || found.st_size != 3);
        wrong += usize::from(sys!(SYS_unlink, c"file".as_ptr()) != 0);
        wrong += usize::from(sys!(SYS_stat, c"file".as_ptr(), &raw mut found) != i64::from(-libc::ENOENT));
        let mut buffer = [0u8; 64];
        wrong += usize::from(sys!(SYS_readlink, c"/proc/self/exe".as_ptr(), buffer.as_mut_ptr(), 64) <= 0);
    }
    // A descriptor that came although its open was interrupted would be found here.
    let next = crate::raw::open("/dev/null", 0, 0);
    sys!(SYS_close, next);
    wrong + usize::from(next != 3)
}

/// Without SA_RESTART: calls that wait are interrupted, and only with EINTR.
fn interrupted() -> usize {
    let (from, to) = pipe(0);
    let mut wrong = 0;
    let mut byte = 0u8;
    let time = libc::timespec { tv_sec: 10, tv_nsec: 0 };
    for _ in 0..5 {
        wrong += usize::from(sys!(SYS_read, from, &raw mut byte, 1) != i64::from(-libc::EINTR));
        wrong += usize::from(sys!(SYS_nanosleep, &raw const time, 0) != i64::from(-libc::EINTR));
        let mut fd = libc::pollfd { fd: from, events: libc::POLLIN, revents: 0 };
        wrong += usize::from(sys!(SYS_poll, &raw mut fd, 1, 10_000) != i64::from(-libc::EINTR));
    }
    sys!(SYS_close, from);
    sys!(SYS_close, to);
    wrong
}
