//! Signals that land in blocking calls: EINTR, SA_RESTART, what is left of a sleep.

use crate::handlers::{bit, blocked, install};
use crate::raw::{BAD, pipe, told};
use crate::{Probe, probe};
use libc::{SA_RESTART, SIGALRM, SIGUSR1, SIGUSR2, siginfo_t, timespec};
use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

pub(crate) const PROBES: &[Probe] = &[
    probe("delivery.read", read),
    probe("delivery.read_restart", read_restart),
    probe("delivery.write", write),
    probe("delivery.sleep", sleep),
    probe("delivery.poll", poll),
    probe("delivery.ppoll_mask", ppoll_mask),
    probe("delivery.select", select),
    probe("delivery.epoll", epoll),
    probe("delivery.futex", futex),
    probe("delivery.wait", wait),
    probe("delivery.pause", pause),
    probe("delivery.suspend", suspend),
    probe("delivery.timedwait", timedwait),
    probe("delivery.lock", lock),
    probe("delivery.pipe_from_handler", pipe_from_handler),
    probe("delivery.computing", computing),
];

static COUNT: AtomicUsize = AtomicUsize::new(0);
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn count(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    COUNT.fetch_add(1, Relaxed);
}

/// Writes a byte when it has run three times: what a restarted read is waiting for.
extern "C" fn feed(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    if COUNT.fetch_add(1, Relaxed) == 2 {
        sys!(SYS_write, PIPE.load(Relaxed), c"x".as_ptr(), 1);
    }
}

/// SIGALRM after so many milliseconds, and again and again if asked.
fn after(milliseconds: i64, again: bool) {
    let time = libc::timeval { tv_sec: 0, tv_usec: milliseconds * 1000 };
    let timer = libc::itimerval {
        it_value: time,
        it_interval: if again { time } else { libc::timeval { tv_sec: 0, tv_usec: 0 } },
    };
    sys!(SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0);
}

fn read() {
    install(SIGALRM, count, 0, &[]);
    let (from, _to) = pipe(0);
    let mut byte = 0u8;
    for _ in 0..3 {
        after(20, false);
        say!("read", sys!(SYS_read, from, &raw mut byte, 1));
    }
    after(20, false);
    let part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    say!("readv", sys!(SYS_readv, from, &raw const part, 1));
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
}

fn read_restart() {
    install(SIGALRM, feed, SA_RESTART, &[]);
    let (from, to) = pipe(0);
    PIPE.store(to, Relaxed);
    let mut byte = 0u8;
    after(10, true);
    say!("read", sys!(SYS_read, from, &raw mut byte, 1));
    after(0, false);
    println!("count {}", COUNT.load(Relaxed));
    COUNT.store(0, Relaxed);
    let part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    after(10, true);
    say!("readv", sys!(SYS_readv, from, &raw const part, 1));
    after(0, false);
    println!("count {}", COUNT.load(Relaxed));
}

fn write() {
    install(SIGALRM, count, 0, &[]);
    let (_from, to) = pipe(0);
    let data = vec![1u8; 70_000];
    after(20, false);
    say!("write more than fits", sys!(SYS_write, to, data.as_ptr(), data.len()));
    after(20, false);
    say!("write to a full pipe", sys!(SYS_write, to, data.as_ptr(), 1));
    println!("count {}", COUNT.load(Relaxed));
}

fn sleep() {
    for flags in [0, SA_RESTART] {
        install(SIGALRM, count, flags, &[]);
        let (long, mut left) = (timespec { tv_sec: 2, tv_nsec: 0 }, timespec { tv_sec: 9, tv_nsec: 9 });
        after(20, false);
        say!("nanosleep", sys!(SYS_nanosleep, &raw const long, &raw mut left));
        println!("rest {}", left.tv_sec == 1 && left.tv_nsec > 500_000_000);
        after(20, false);
        say!("clock_nanosleep", sys!(SYS_clock_nanosleep, libc::CLOCK_MONOTONIC, 0, &raw const long, &raw mut left));
        println!("rest {}", left.tv_sec == 1 && left.tv_nsec > 500_000_000);
        after(20, false);
        say!("rest to a bad address", sys!(SYS_nanosleep, &raw const long, BAD));
    }
    // An ignored signal does not end a sleep.
    unsafe { libc::signal(SIGALRM, libc::SIG_IGN) };
    let start = Instant::now();
    after(10, false);
    say!("ignored", sys!(SYS_nanosleep, std::ptr::from_ref(&timespec { tv_sec: 0, tv_nsec: 60_000_000 }), 0));
    println!("slept on {}", start.elapsed().as_millis() >= 60);
    println!("count {}", COUNT.load(Relaxed));
}

fn poll() {
    install(SIGALRM, count, SA_RESTART, &[]);
    let (from, _to) = pipe(0);
    let mut fd = libc::pollfd { fd: from, events: libc::POLLIN, revents: 0 };
    after(20, false);
    say!("poll", sys!(SYS_poll, &raw mut fd, 1, -1));
    after(20, false);
    say!("with a time", sys!(SYS_poll, &raw mut fd, 1, 5000));
    after(20, false);
    say!("ppoll", sys!(SYS_ppoll, &raw mut fd, 1, 0, 0, 0));
    println!("count {}", COUNT.load(Relaxed));
}

/// The signal is blocked but for the time of the call.
fn ppoll_mask() {
    install(SIGALRM, count, 0, &[]);
    let mask = bit(SIGALRM) | bit(SIGUSR1);
    sys!(SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, 0, 8);
    let (from, _to) = pipe(0);
    let mut fd = libc::pollfd { fd: from, events: libc::POLLIN, revents: 0 };
    let open = bit(SIGUSR2);
    after(20, false);
    say!("ppoll", sys!(SYS_ppoll, &raw mut fd, 1, 0, &raw const open, 8));
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
    sys!(SYS_kill, std::process::id(), SIGALRM);
    println!("held back {}", COUNT.load(Relaxed));
    let time = timespec { tv_sec: 5, tv_nsec: 0 };
    say!("already pending", sys!(SYS_ppoll, &raw mut fd, 1, &raw const time, &raw const open, 8));
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
    sys!(SYS_kill, std::process::id(), SIGALRM);
    let pack = [(&raw const open).expose_provenance() as u64, 8];
    say!("pselect6", sys!(SYS_pselect6, 0, 0, 0, 0, &raw const time, pack.as_ptr()));
    sys!(SYS_kill, std::process::id(), SIGALRM);
    let set = sys!(SYS_epoll_create1, 0);
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    say!("epoll_pwait", sys!(SYS_epoll_pwait, set, &raw mut event, 1, 5000, &raw const open, 8));
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
}

fn select() {
    install(SIGALRM, count, SA_RESTART, &[]);
    let (from, _to) = pipe(0);
    let mut set = [1u64 << from, 0];
    after(20, false);
    say!("select", sys!(SYS_select, 64, set.as_mut_ptr(), 0, 0, 0));
    println!("the set is untouched {}", set[0] == 1u64 << from);
    let mut time = libc::timeval { tv_sec: 3, tv_usec: 0 };
    after(20, false);
    say!("with a time", sys!(SYS_select, 64, set.as_mut_ptr(), 0, 0, &raw mut time));
    println!("time left {}", (1..3).contains(&time.tv_sec));
}

fn epoll() {
    install(SIGALRM, count, SA_RESTART, &[]);
    let set = sys!(SYS_epoll_create1, 0);
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    after(20, false);
    say!("epoll_wait", sys!(SYS_epoll_wait, set, &raw mut event, 1, -1));
    println!("count {}", COUNT.load(Relaxed));
}

fn futex() {
    install(SIGALRM, count, 0, &[]);
    let word = 1u32;
    after(20, false);
    say!("wait", sys!(SYS_futex, &raw const word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, 1, 0));
    let time = timespec { tv_sec: 3, tv_nsec: 0 };
    after(20, false);
    say!(
        "with a time",
        sys!(SYS_futex, &raw const word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, 1, &raw const time)
    );
    println!("count {}", COUNT.load(Relaxed));
}

fn wait() {
    let mut status = 0i32;
    say!("wait4 without children", sys!(SYS_wait4, -1, &raw mut status, 0, 0));
    say!("waitid without children", sys!(SYS_waitid, libc::P_ALL, 0, 0, libc::WEXITED, 0));
    say!("wait4 for somebody else", sys!(SYS_wait4, 1, &raw mut status, libc::WNOHANG, 0));
}

fn pause() {
    install(SIGALRM, count, SA_RESTART, &[]);
    after(20, false);
    say!("pause", sys!(SYS_pause));
    say!("alarm", sys!(SYS_alarm, 1));
    say!("pause", sys!(SYS_pause));
    println!("count {}", COUNT.load(Relaxed));
}

fn suspend() {
    install(SIGALRM, count, SA_RESTART, &[]);
    let mask = bit(SIGALRM) | bit(SIGUSR1);
    sys!(SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, 0, 8);
    let open = bit(SIGUSR2);
    sys!(SYS_kill, std::process::id(), SIGALRM);
    say!("pending already", sys!(SYS_rt_sigsuspend, &raw const open, 8));
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
    after(20, false);
    say!("to come", sys!(SYS_rt_sigsuspend, &raw const open, 8));
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
    say!("size 4", sys!(SYS_rt_sigsuspend, &raw const open, 4));
    say!("bad address", sys!(SYS_rt_sigsuspend, BAD, 8));
}

fn timedwait() {
    let mask = bit(SIGALRM) | bit(SIGUSR1);
    sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8);
    let mut info = [0i32; 32];
    let wait = |info: &mut [i32; 32], seconds: i64, nanoseconds: i64| {
        let time = timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        sys!(SYS_rt_sigtimedwait, &raw const mask, info.as_mut_ptr(), &raw const time, 8)
    };
    say!("nothing, at once", wait(&mut info, 0, 0));
    say!("nothing, 10 ms", wait(&mut info, 0, 10_000_000));
    sys!(SYS_kill, std::process::id(), SIGUSR1);
    say!("pending", wait(&mut info, 0, 0));
    println!("{} {} from me {}", info[0], info[2], info[4] == std::process::id().cast_signed());
    after(20, false);
    say!("to come", wait(&mut info, 5, 0));
    install(SIGUSR2, count, 0, &[]);
    install(SIGALRM, count, 0, &[]);
    let only = bit(SIGUSR1);
    sys!(SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const only, 0, 8);
    after(20, false);
    say!("ended by another", sys!(SYS_rt_sigtimedwait, &raw const only, 0, 0, 8));
    println!("count {}", COUNT.load(Relaxed));
    say!("impossible time", wait(&mut info, 0, -1));
}

fn lock() {
    install(SIGALRM, count, 0, &[]);
    let (one, two) = (crate::raw::opened("f", libc::O_CREAT | libc::O_RDWR), crate::raw::opened("f", libc::O_RDWR));
    sys!(SYS_flock, one, libc::LOCK_EX);
    after(20, false);
    say!("flock", sys!(SYS_flock, two, libc::LOCK_EX));
    println!("count {}", COUNT.load(Relaxed));
}

/// The self-pipe trick, with a call of the slow kind from the handler as well.
extern "C" fn tell(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    COUNT.fetch_add(1, Relaxed);
    sys!(SYS_write, PIPE.load(Relaxed), c"x".as_ptr(), 1);
    let fd = crate::raw::open("/dev/null", 0, 0);
    sys!(SYS_close, fd);
    // errno belongs to the interrupted code.
    unsafe { *libc::__errno_location() = 0 };
}

fn pipe_from_handler() {
    install(SIGALRM, tell, SA_RESTART, &[]);
    let (from, to) = pipe(libc::O_NONBLOCK);
    PIPE.store(to, Relaxed);
    after(2, true);
    let (mut polls, mut got) = (0, 0);
    while got < 50 {
        let mut fd = libc::pollfd { fd: from, events: libc::POLLIN, revents: 0 };
        sys!(SYS_poll, &raw mut fd, 1, 1000);
        polls += 1;
        let mut buffer = [0u8; 64];
        got += sys!(SYS_read, from, buffer.as_mut_ptr(), 64).max(0);
        if polls > 10_000 {
            break;
        }
    }
    after(0, false);
    println!("{}", got >= 50 && COUNT.load(Relaxed) as i64 >= got);
}

/// A signal in the middle of plain computing.
fn computing() {
    install(SIGALRM, count, 0, &[]);
    after(20, false);
    let mut sum = 0u64;
    let start = Instant::now();
    while COUNT.load(Relaxed) == 0 && start.elapsed().as_secs() < 5 {
        for n in 0..1000u64 {
            sum = std::hint::black_box(sum.wrapping_add(n));
        }
    }
    println!("{} {}", COUNT.load(Relaxed), told(i64::from(sum > 0)));
}
