use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::*;

/// Where the guard range begins in these tests.
const GUARD: u64 = 0x7e80_1234_0000;
const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// `struct seccomp_data` as its 32-bit words: nr, arch, ip, then the arguments.
fn data(nr: u32, arch: u32, args: [u64; 6]) -> [u32; 16] {
    let mut data = [0; 16];
    (data[0], data[1]) = (nr, arch);
    for (index, arg) in args.iter().enumerate() {
        data[4 + 2 * index] = *arg as u32;
        data[5 + 2 * index] = (arg >> 32) as u32;
    }
    data
}

/// Runs a filter as the kernel does; knows what seccompiler writes and panics at anything else.
fn verdict(program: &[u64], data: [u32; 16]) -> u32 {
    let (mut at, mut acc) = (0, 0_u32);
    loop {
        let word = program[at];
        let (code, jt, jf, k) = (word as u16, (word >> 16) as u8, (word >> 24) as u8, (word >> 32) as u32);
        at += 1;
        let jump = |yes: bool| usize::from(if yes { jt } else { jf });
        match code {
            0x20 => acc = data[k as usize / 4],
            0x54 => acc &= k,
            0x05 => at += k as usize,
            0x15 => at += jump(acc == k),
            0x25 => at += jump(acc > k),
            0x35 => at += jump(acc >= k),
            0x06 => return k,
            other => panic!("unknown instruction {other:#x}"),
        }
    }
}

fn trustee_says(name: &str, args: [u64; 6]) -> u32 {
    let row = SYSCALLS.iter().find(|row| row.name == name).expect(name);
    verdict(&trustee(GUARD).unwrap(), data(row.nr, X86_64, args))
}

#[test]
fn both_filters_fit_their_page() {
    let both = trustee(GUARD).unwrap().len() + guest().unwrap().len();
    let room = std::mem::size_of::<Constants>() - std::mem::offset_of!(Constants, filters);
    assert!(both * 8 <= room, "{both} instructions");
    assert!(trustee(GUARD).unwrap().len() < 4096, "BPF_MAXINSNS");
}

#[test]
fn the_guest_filter_allows_four_calls_of_one_abi() {
    let guest = guest().unwrap();
    for nr in 0..1024 {
        let expected = if STRICT.contains(&i64::from(nr)) { ALLOW } else { KILL_PROCESS };
        assert_eq!(verdict(&guest, data(nr, X86_64, [0; 6])), expected, "{nr}");
        assert_eq!(verdict(&guest, data(nr, I386, [0; 6])), KILL_PROCESS, "{nr} of i386");
        assert_eq!(verdict(&guest, data(nr | 0x4000_0000, X86_64, [0; 6])), KILL_PROCESS, "{nr} of x32");
    }
}

#[test]
fn the_trustee_filter_follows_the_table() {
    let trustee = trustee(GUARD).unwrap();
    for row in SYSCALLS {
        let by_table = matches!(row.route, Route::Grant(_) | Route::Order);
        let besides = LOOP.contains(&i64::from(row.nr)) || row.name == "rt_sigaction";
        let allowed = verdict(&trustee, data(row.nr, X86_64, [1, 1, 0, 0, 0, 0])) == ALLOW
            || verdict(&trustee, data(row.nr, X86_64, [0; 6])) == ALLOW;
        assert_eq!(allowed, by_table || besides, "{}", row.name);
        assert_eq!(verdict(&trustee, data(row.nr | 0x4000_0000, X86_64, [0; 6])), KILL_PROCESS, "{} of x32", row.name);
        assert_eq!(verdict(&trustee, data(row.nr, I386, [0; 6])), KILL_PROCESS, "{} of i386", row.name);
    }
}

#[test]
fn the_trustee_never_gets_what_would_change_it() {
    for name in [
        "clone",
        "clone3",
        "fork",
        "vfork",
        "execve",
        "execveat",
        "prctl",
        "arch_prctl",
        "ptrace",
        "seccomp",
        "setns",
        "unshare",
        "rt_sigprocmask",
        "rt_sigreturn",
        "sigaltstack",
        "setresuid",
        "capset",
        "personality",
        "io_uring_enter",
        "open",
        "openat",
    ] {
        assert_eq!(trustee_says(name, [0; 6]), KILL_PROCESS, "{name}");
    }
}

#[test]
fn forms_that_the_broker_never_orders_are_not_allowed() {
    let (tcgets, tiocsti) = (0x5401, 0x5412);
    assert_eq!(trustee_says("ioctl", [0, tcgets, 0, 0, 0, 0]), ALLOW);
    assert_eq!(trustee_says("ioctl", [0, tiocsti, 0, 0, 0, 0]), KILL_PROCESS);
    assert_eq!(trustee_says("ioctl", [0, tiocsti | 1 << 40, 0, 0, 0, 0]), KILL_PROCESS, "the kernel looks at 32 bits");
    assert_eq!(trustee_says("ppoll", [0, 0, 0, 0x1000, 8, 0]), KILL_PROCESS);
    assert_eq!(trustee_says("ppoll", [0, 0, 0, 1 << 32, 8, 0]), KILL_PROCESS);
    assert_eq!(trustee_says("close_range", [3, 9, 4, 0, 0, 0]), ALLOW);
    assert_eq!(trustee_says("close_range", [3, 9, 2, 0, 0, 0]), KILL_PROCESS);
    assert_eq!(trustee_says("socket", [1, 1, 0, 0, 0, 0]), ALLOW);
    assert_eq!(trustee_says("socket", [38, 5, 0, 0, 0, 0]), KILL_PROCESS, "AF_ALG");
    assert_eq!(trustee_says("kill", [7, 15, 0, 0, 0, 0]), ALLOW);
    assert_eq!(trustee_says("kill", [7, 16, 0, 0, 0, 0]), KILL_PROCESS);
}

#[test]
fn one_signal_mask_and_no_other() {
    let mask = GUARD + (CONSTANTS + offset_of!(Constants, trustee_mask)) as u64;
    assert_eq!(trustee_says("rt_sigprocmask", [2, mask, 0, 8, 0, 0]), ALLOW);
    for other in [
        [2, mask + 8, 0, 8, 0, 0],
        [1, mask, 0, 8, 0, 0],
        [2, mask, 8, 8, 0, 0],
        [2, mask ^ 1 << 40, 0, 8, 0, 0],
        [2, 0, 0, 8, 0, 0],
    ] {
        assert_eq!(trustee_says("rt_sigprocmask", other), KILL_PROCESS, "{other:x?}");
    }
}

#[test]
fn grants_are_the_tables() {
    let grants = grants();
    assert_eq!(grants[8], checks::GRANTED | checks::FD0, "lseek");
    assert_eq!(grants[13], checks::GRANTED | checks::SIGNAL, "rt_sigaction");
    for nr in [0, 1, 2, 16, 56, 59, 157, 511] {
        assert_eq!(grants[nr], 0, "{nr}");
    }
}

/// Set in a copy of the test program that wears a filter and then makes the call named by it.
const CHILD: &str = "NURSE_TEST_FILTER_CHILD";

/// Not a test of its own: what the copy does. Without the variable it does nothing.
#[test]
fn child_that_wears_a_filter() {
    let Ok(call) = std::env::var(CHILD) else { return };
    let me = nix::unistd::getpid();
    // The test runs in a thread of its own, and a thread's filter is its own; what it kills is the process.
    seccompiler::apply_filter(&trustee_program(GUARD).unwrap()).unwrap();
    match call.as_str() {
        "getppid" => drop(nix::unistd::getppid()),
        "prctl" => drop(nix::sys::prctl::get_dumpable()),
        "chdir" => drop(nix::unistd::chdir("/")),
        other => panic!("{other}"),
    }
    // Leave at once: the harness's own calls are not the trustee's.
    nix::sys::signal::kill(me, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn the_kernel_takes_the_trustee_filter_and_means_the_same() {
    for (call, signal) in [("getppid", libc::SIGKILL), ("prctl", libc::SIGSYS), ("chdir", libc::SIGSYS)] {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "filter::tests::child_that_wears_a_filter", "--nocapture"])
            .env(CHILD, call)
            .output()
            .unwrap()
            .status;
        assert_eq!(status.signal(), Some(signal), "{call}: {status}");
    }
}
