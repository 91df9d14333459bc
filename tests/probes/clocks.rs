//! Clocks and sleeping; rdtsc and the vDSO, which strict mode would take away.

use crate::raw::{BAD, well};
use crate::{Probe, probe};
use libc::{timespec, timeval};
use std::arch::x86_64::{__rdtscp, _rdtsc};

pub(crate) const PROBES: &[Probe] = &[
    probe("clocks.all", all),
    probe("clocks.vdso", vdso),
    probe("clocks.tsc", tsc),
    probe("clocks.sleep", sleep),
    probe("clocks.times", times),
    probe("clocks.itimer", itimer),
    probe("clocks.timer", timer),
];

fn all() {
    for clock in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, -1] {
        let mut time = timespec { tv_sec: -1, tv_nsec: -1 };
        say!(format!("clock {clock}"), sys!(SYS_clock_gettime, clock, &raw mut time));
        let first = (time.tv_sec, time.tv_nsec);
        sys!(SYS_clock_gettime, clock, &raw mut time);
        println!("does not run backwards {}", first <= (time.tv_sec, time.tv_nsec));
        say!("resolution", sys!(SYS_clock_getres, clock, &raw mut time));
        println!("{} {}", time.tv_sec, time.tv_nsec);
    }
    say!("bad address", sys!(SYS_clock_gettime, 0, BAD));
    say!("setting is not for me", sys!(SYS_clock_settime, 0, std::ptr::from_ref(&timespec { tv_sec: 1, tv_nsec: 0 })));
}

/// Through libc, which goes through the vDSO natively, against the raw call.
fn vdso() {
    let (mut a, mut b) = (timespec { tv_sec: 0, tv_nsec: 0 }, timespec { tv_sec: 0, tv_nsec: 0 });
    for clock in [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC_COARSE] {
        println!("clock_gettime {}", unsafe { libc::clock_gettime(clock, &raw mut a) });
        sys!(SYS_clock_gettime, clock, &raw mut b);
        let apart = (b.tv_sec - a.tv_sec) * 1_000_000_000 + b.tv_nsec - a.tv_nsec;
        println!("close to the raw one {}", (0..500_000_000).contains(&apart));
    }
    let mut day: timeval = unsafe { std::mem::zeroed() };
    println!(
        "gettimeofday {} {}",
        unsafe { libc::gettimeofday(&raw mut day, std::ptr::null_mut()) },
        day.tv_sec > 1_600_000_000
    );
    let seconds = unsafe { libc::time(std::ptr::null_mut()) };
    println!("time agrees {}", (-1..=1).contains(&(seconds - day.tv_sec)));
    println!("getcpu {}", unsafe { libc::sched_getcpu() } >= 0);
    say!("raw time", i64::from(sys!(SYS_time, 0) >= seconds));
    say!("raw gettimeofday", sys!(SYS_gettimeofday, &raw mut day, 0));
    let start = std::time::Instant::now();
    println!("Instant {}", (0..1000).all(|_| start.elapsed().as_secs() < 10));
}

fn tsc() {
    let mut last = 0;
    let mut rising = true;
    for _ in 0..200 {
        let now = unsafe { _rdtsc() };
        rising &= now > last;
        last = now;
    }
    println!("rdtsc rises {rising}");
    let mut cpu = 99_999;
    for _ in 0..200 {
        let now = unsafe { __rdtscp(&raw mut cpu) };
        rising &= now > last;
        last = now;
    }
    println!("rdtscp rises {rising}, cpu is sane {}", cpu & 0xfff < 1024);
    let kept: u64;
    unsafe {
        std::arch::asm!("mov {kept}, 0x1122334455667788", "rdtsc", kept = out(reg) kept, out("rax") _, out("rdx") _);
    }
    println!("other registers are kept {}", kept == 0x1122_3344_5566_7788);
}

fn sleep() {
    let mut time = timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    let start = std::time::Instant::now();
    say!("nanosleep", sys!(SYS_nanosleep, &raw const time, 0));
    say!("clock_nanosleep", sys!(SYS_clock_nanosleep, libc::CLOCK_MONOTONIC, 0, &raw const time, 0));
    println!("long enough {}", start.elapsed().as_millis() >= 20);
    say!(
        "until a time that is past",
        sys!(SYS_clock_nanosleep, libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const time, 0)
    );
    say!("on a clock without sleep", sys!(SYS_clock_nanosleep, libc::CLOCK_THREAD_CPUTIME_ID, 0, &raw const time, 0));
    time.tv_nsec = 1_000_000_000;
    say!("too many nanoseconds", sys!(SYS_nanosleep, &raw const time, 0));
    say!("bad address", sys!(SYS_nanosleep, BAD, 0));
    std::thread::sleep(std::time::Duration::from_millis(2));
    say!("yield", sys!(SYS_sched_yield));
}

fn times() {
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut times: libc::tms = unsafe { std::mem::zeroed() };
    for who in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN, libc::RUSAGE_THREAD, 99] {
        say!(format!("getrusage {who}"), sys!(SYS_getrusage, who, &raw mut usage));
    }
    println!("memory {}", {
        sys!(SYS_getrusage, 0, &raw mut usage);
        usage.ru_maxrss > 100
    });
    say!("times", well(sys!(SYS_times, &raw mut times)));
    // Work until it shows, or give up: how long that takes depends on what else the machine does.
    let start = std::time::Instant::now();
    let (mut clock, mut sum) = (timespec { tv_sec: 0, tv_nsec: 0 }, 0u64);
    let mut shows = false;
    while !shows && start.elapsed().as_secs() < 10 {
        sum = (0..10_000_000u64).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n)));
        sys!(SYS_times, &raw mut times);
        sys!(SYS_clock_gettime, libc::CLOCK_THREAD_CPUTIME_ID, &raw mut clock);
        shows = times.tms_utime + times.tms_stime >= 2 && (clock.tv_sec > 0 || clock.tv_nsec > 20_000_000);
    }
    println!("I and my thread used the processor {shows}");
}

fn itimer() {
    let mut time: libc::itimerval = unsafe { std::mem::zeroed() };
    for which in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF, 9] {
        say!(format!("getitimer {which}"), sys!(SYS_getitimer, which, &raw mut time));
    }
    time.it_value.tv_sec = 100;
    say!("set", sys!(SYS_setitimer, 0, &raw const time, 0));
    let mut old = time;
    say!(
        "stop",
        sys!(SYS_setitimer, 0, std::ptr::from_ref(&unsafe { std::mem::zeroed::<libc::itimerval>() }), &raw mut old)
    );
    println!("what was left {}", (98..=100).contains(&old.it_value.tv_sec));
    say!("alarm", sys!(SYS_alarm, 50));
    say!("alarm again", sys!(SYS_alarm, 0));
    say!("bad address", sys!(SYS_setitimer, 0, BAD, 0));
}

fn timer() {
    let mut timer = 0i32;
    let mask = 1u64 << (libc::SIGALRM - 1);
    sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8);
    say!("timer_create", sys!(SYS_timer_create, libc::CLOCK_MONOTONIC, 0, &raw mut timer));
    let time = libc::itimerspec {
        it_interval: timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: timespec { tv_sec: 0, tv_nsec: 1_000_000 },
    };
    say!("timer_settime", sys!(SYS_timer_settime, timer, 0, &raw const time, 0));
    let patience = timespec { tv_sec: 5, tv_nsec: 0 };
    say!("its signal", sys!(SYS_rt_sigtimedwait, &raw const mask, 0, &raw const patience, 8));
    let mut left = time;
    say!("timer_gettime", sys!(SYS_timer_gettime, timer, &raw mut left));
    say!("overrun", sys!(SYS_timer_getoverrun, timer));
    say!("delete", sys!(SYS_timer_delete, timer));
    say!("delete again", sys!(SYS_timer_delete, timer));
}
