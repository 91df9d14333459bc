//! Who and where a process is: ids, limits, prctl(2), uname(2), scheduling.

use crate::raw::{BAD, told, well};
use crate::{Probe, probe};

pub(crate) const PROBES: &[Probe] = &[
    probe("identity.ids", ids),
    probe("identity.groups", groups),
    probe("identity.prctl", prctl),
    probe("identity.limits", limits),
    probe("identity.system", system),
    probe("identity.scheduling", scheduling),
    probe("identity.segments", segments),
    probe("identity.unknown", unknown),
    probe("identity.random", random),
];

fn ids() {
    let pid = sys!(SYS_getpid);
    println!("gettid is getpid {}", sys!(SYS_gettid) == pid);
    println!("std knows {}", i64::from(std::process::id()) == pid);
    println!("parent {}", sys!(SYS_getppid) > 0);
    println!("group of pid 0 is mine {}", sys!(SYS_getpgid, 0) == sys!(SYS_getpgrp));
    println!("group {}", well(sys!(SYS_getpgid, pid)));
    println!("session {}", well(sys!(SYS_getsid, 0)));
    println!(
        "proc agrees {}",
        std::fs::read_link("/proc/self").is_ok_and(|link| link.display().to_string() == pid.to_string())
    );
    say!("set_tid_address gives the tid", i64::from(sys!(SYS_set_tid_address, 0) == pid));
    say!("kill 0 to myself", sys!(SYS_kill, pid, 0));
    say!("tgkill 0 to myself", sys!(SYS_tgkill, pid, pid, 0));
    say!("kill 0 to nobody", sys!(SYS_kill, 0x3fff_ffff, 0));
    say!("kill with signal 99", sys!(SYS_kill, pid, 99));
    say!("robust list", sys!(SYS_set_robust_list, [0u64; 3].as_ptr(), 24));
    say!("robust list of wrong size", sys!(SYS_set_robust_list, 0, 23));
}

fn groups() {
    for (what, call) in [
        ("getuid", sys!(SYS_getuid)),
        ("geteuid", sys!(SYS_geteuid)),
        ("getgid", sys!(SYS_getgid)),
        ("getegid", sys!(SYS_getegid)),
    ] {
        say!(what, call);
    }
    let mut ids = [0u32; 3];
    let [a, b, c] = &mut ids;
    say!("getresuid", sys!(SYS_getresuid, &raw mut *a, &raw mut *b, &raw mut *c));
    println!("{ids:?}");
    let [a, b, c] = &mut ids;
    say!("getresgid", sys!(SYS_getresgid, &raw mut *a, &raw mut *b, &raw mut *c));
    println!("{ids:?}");
    let mut list = [0u32; 64];
    say!("getgroups", sys!(SYS_getgroups, 64, list.as_mut_ptr()));
    say!("setuid to root", sys!(SYS_setuid, 0));
    say!("capget", {
        let mut header = [0x2008_0522u32, 0];
        let mut data = [0u32; 6];
        sys!(SYS_capget, header.as_mut_ptr(), data.as_mut_ptr())
    });
}

fn prctl() {
    let mut name = [0u8; 16];
    say!("get the name", sys!(SYS_prctl, libc::PR_GET_NAME, name.as_mut_ptr()));
    println!("{:?}", std::str::from_utf8(&name).map(|name| name.trim_end_matches('\0')));
    say!("set the name", sys!(SYS_prctl, libc::PR_SET_NAME, c"a-name-that-is-too-long".as_ptr()));
    say!("get the name", sys!(SYS_prctl, libc::PR_GET_NAME, name.as_mut_ptr()));
    println!("{:?}", std::str::from_utf8(&name).map(|name| name.trim_end_matches('\0')));
    println!("{:?}", std::fs::read_to_string("/proc/self/comm"));
    say!("set it from a bad address", sys!(SYS_prctl, libc::PR_SET_NAME, BAD));
    let mut signal = 5i32;
    say!("PR_SET_PDEATHSIG", sys!(SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGUSR1));
    say!("PR_GET_PDEATHSIG", sys!(SYS_prctl, libc::PR_GET_PDEATHSIG, &raw mut signal));
    println!("{signal}");
    say!("PR_SET_DUMPABLE 0", sys!(SYS_prctl, libc::PR_SET_DUMPABLE, 0));
    say!("PR_GET_DUMPABLE", sys!(SYS_prctl, libc::PR_GET_DUMPABLE));
    say!("PR_GET_KEEPCAPS", sys!(SYS_prctl, libc::PR_GET_KEEPCAPS));
    say!("PR_GET_TIMERSLACK", well(sys!(SYS_prctl, libc::PR_GET_TIMERSLACK)));
    say!("unknown", sys!(SYS_prctl, 99_999, 0, 0, 0, 0));
}

fn limits() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    for which in 0..16 {
        say!(format!("getrlimit {which}"), sys!(SYS_getrlimit, which, &raw mut limit));
    }
    say!("unknown", sys!(SYS_getrlimit, 99, &raw mut limit));
    say!("bad address", sys!(SYS_getrlimit, 0, BAD));
    limit = libc::rlimit { rlim_cur: 1000, rlim_max: 2000 };
    say!("set cpu", sys!(SYS_setrlimit, libc::RLIMIT_CPU, &raw const limit));
    say!("get it", sys!(SYS_prlimit64, 0, libc::RLIMIT_CPU, 0, &raw mut limit));
    println!("{} {}", limit.rlim_cur, limit.rlim_max);
    limit.rlim_max = 3000;
    say!("raise it", sys!(SYS_setrlimit, libc::RLIMIT_CPU, &raw const limit));
    limit.rlim_cur = 4000;
    say!("soft above hard", sys!(SYS_setrlimit, libc::RLIMIT_CPU, &raw const limit));
    say!("of my own pid", sys!(SYS_prlimit64, std::process::id(), libc::RLIMIT_CPU, 0, &raw mut limit));
    limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
    say!("file size", sys!(SYS_setrlimit, libc::RLIMIT_FSIZE, &raw const limit));
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let fd = crate::raw::opened("f", libc::O_CREAT | libc::O_RDWR);
    say!("write too much", sys!(SYS_write, fd, [1u8; 8192].as_ptr(), 8192));
    say!("and more", sys!(SYS_write, fd, [1u8; 16].as_ptr(), 16));
}

fn system() {
    let mut name: libc::utsname = unsafe { std::mem::zeroed() };
    say!("uname", sys!(SYS_uname, &raw mut name));
    for field in [&name.sysname, &name.machine, &name.nodename, &name.release] {
        println!("{:?}", unsafe { std::ffi::CStr::from_ptr(field.as_ptr()) });
    }
    say!("uname to a bad address", sys!(SYS_uname, BAD));
    let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
    say!("sysinfo", sys!(SYS_sysinfo, &raw mut info));
    println!("{} {}", info.totalram > 0, info.uptime > 0);
    say!("sysinfo to a bad address", sys!(SYS_sysinfo, BAD));
    println!("pages {}", unsafe { libc::sysconf(libc::_SC_PAGESIZE) });
    println!("processors {}", unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) });
    let mut cpu = [99u32; 2];
    let [a, b] = &mut cpu;
    say!("getcpu", sys!(SYS_getcpu, &raw mut *a, &raw mut *b, 0));
    println!("{}", cpu[0] < 99 && cpu[1] < 99);
}

fn scheduling() {
    let mut set = [0u64; 128];
    let length = sys!(SYS_sched_getaffinity, 0, 1024, set.as_mut_ptr());
    println!("affinity {} {}", told(length.min(1)), set[0] != 0);
    say!("by pid", sys!(SYS_sched_getaffinity, std::process::id(), 1024, set.as_mut_ptr()) - length);
    println!("as many as natively {}", set.iter().map(|word| word.count_ones()).sum::<u32>());
    say!("too small", sys!(SYS_sched_getaffinity, 0, 1, set.as_mut_ptr()));
    say!("bad address", sys!(SYS_sched_getaffinity, 0, 1024, BAD));
    say!("set the same", sys!(SYS_sched_setaffinity, 0, 1024, set.as_ptr()));
    say!("set to none", sys!(SYS_sched_setaffinity, 0, 8, [0u64].as_ptr()));
    say!("getscheduler", sys!(SYS_sched_getscheduler, 0));
    say!("getpriority", sys!(SYS_getpriority, 0, 0));
    say!("setpriority", sys!(SYS_setpriority, 0, 0, 5));
    say!("getpriority", sys!(SYS_getpriority, 0, 0));
    say!("nicer than allowed", sys!(SYS_setpriority, 0, 0, -5));
    say!("max priority", sys!(SYS_sched_get_priority_max, libc::SCHED_FIFO));
    let mut parameter = 9i32;
    say!("getparam", sys!(SYS_sched_getparam, 0, &raw mut parameter));
    println!("{parameter}");
}

fn segments() {
    let mut base = 0u64;
    say!("get FS", sys!(SYS_arch_prctl, 0x1003, &raw mut base));
    let own: u64;
    unsafe { std::arch::asm!("mov {}, fs:0", out(reg) own) };
    println!("FS:0 points at itself {}", own == base);
    say!("get GS", sys!(SYS_arch_prctl, 0x1004, &raw mut base));
    println!("GS {base}");
    let mine = [0x55u64, 0x66];
    say!("set GS", sys!(SYS_arch_prctl, 0x1001, mine.as_ptr()));
    let seen: u64;
    unsafe { std::arch::asm!("mov {}, gs:8", out(reg) seen) };
    println!("through GS {seen:x}");
    sys!(SYS_getpid);
    say!("get GS", sys!(SYS_arch_prctl, 0x1004, &raw mut base));
    println!("kept {}", base == mine.as_ptr().expose_provenance() as u64);
    say!("set it to the kernel's half", sys!(SYS_arch_prctl, 0x1001, crate::raw::HIGH));
    say!("get to a bad address", sys!(SYS_arch_prctl, 0x1003, BAD));
    say!("unknown", sys!(SYS_arch_prctl, 0x9999, 0));
}

fn unknown() {
    for number in [400i64, 511, 600, 9999, 1 << 31, -1, i64::MAX] {
        say!(format!("number {number:#x}"), crate::raw::call(number, &[0; 6]));
    }
    // The kernel looks at the lower half only: 39 is getpid.
    say!("a high half", i64::from(crate::raw::call(0x7_0000_0027, &[]) == sys!(SYS_getpid)));
}

fn random() {
    let mut bytes = [0u8; 64];
    say!("getrandom", sys!(SYS_getrandom, bytes.as_mut_ptr(), 64, 0));
    println!("something came {}", bytes.iter().any(|byte| *byte != 0));
    say!("not waiting", sys!(SYS_getrandom, bytes.as_mut_ptr(), 64, libc::GRND_NONBLOCK));
    say!("unknown flag", sys!(SYS_getrandom, bytes.as_mut_ptr(), 64, 0x100));
    say!("bad address", sys!(SYS_getrandom, BAD, 64, 0));
    say!("a megabyte", {
        let mut much = vec![0u8; 1 << 20];
        sys!(SYS_getrandom, much.as_mut_ptr(), much.len(), 0)
    });
}
