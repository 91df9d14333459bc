//! What a program finds when it starts: arguments, environment, auxiliary vector, descriptors, signal state.

use crate::raw::told;
use crate::{Probe, probe};
use std::ffi::CStr;

pub(crate) const PROBES: &[Probe] = &[
    probe("startup.argv", argv),
    probe("startup.environment", environment),
    probe("startup.auxv", auxv),
    probe("startup.descriptors", descriptors),
    probe("startup.signals", signals),
    probe("startup.stack", stack),
];

fn argv() {
    for argument in std::env::args_os().skip(1) {
        println!("{} bytes {:?}", argument.len(), argument.display().to_string().chars().take(30).collect::<String>());
    }
    println!("{:?}", std::env::var("PROBE"));
}

fn environment() {
    let mut all: Vec<_> = std::env::vars_os().collect();
    all.sort();
    for (name, value) in all {
        println!("{}={}", name.display(), value.display());
    }
}

fn auxv() {
    let get = |kind: u64| unsafe { libc::getauxval(kind) };
    let text = |kind: u64| {
        unsafe { CStr::from_ptr(std::ptr::with_exposed_provenance(get(kind) as usize)) }.to_string_lossy().into_owned()
    };
    println!("AT_EXECFN is argv[0] {}", text(libc::AT_EXECFN) == std::env::args().next().unwrap());
    println!("AT_PLATFORM {}", text(libc::AT_PLATFORM));
    println!(
        "AT_SECURE {} AT_PAGESZ {} AT_CLKTCK {}",
        get(libc::AT_SECURE),
        get(libc::AT_PAGESZ),
        get(libc::AT_CLKTCK)
    );
    println!("AT_UID {} {} {} {}", get(libc::AT_UID), get(libc::AT_EUID), get(libc::AT_GID), get(libc::AT_EGID));
    println!("AT_HWCAP {:x} {:x}", get(libc::AT_HWCAP), get(libc::AT_HWCAP2));
    println!("AT_PHNUM {} AT_PHENT {}", get(libc::AT_PHNUM), get(libc::AT_PHENT));
    println!(
        "AT_RANDOM {} AT_BASE {} AT_ENTRY {} AT_PHDR {}",
        get(libc::AT_RANDOM) != 0,
        get(libc::AT_BASE) != 0,
        get(libc::AT_ENTRY) != 0,
        get(libc::AT_PHDR) != 0
    );
    println!("AT_MINSIGSTKSZ {}", get(51));
    let first = unsafe { std::ptr::with_exposed_provenance::<u32>(get(libc::AT_PHDR) as usize).read() };
    println!("the first program header is PT_PHDR {}", first == libc::PT_PHDR);
}

fn descriptors() {
    for fd in 0..64 {
        let flags = sys!(SYS_fcntl, fd, libc::F_GETFD);
        if flags >= 0 {
            println!("{fd}: {} {:x}", told(flags), sys!(SYS_fcntl, fd, libc::F_GETFL));
        }
    }
    // Descriptors that the program did not open are not among those that it sees.
    println!("{:?}", crate::raw::open("/dev/null", 0, 0));
}

fn signals() {
    println!("blocked {:?}", crate::handlers::blocked());
    let mut ignored = Vec::new();
    for signal in (1..=64).filter(|signal| ![libc::SIGSEGV, libc::SIGBUS].contains(signal)) {
        let mut old = [0u64; 4];
        sys!(SYS_rt_sigaction, signal, 0, old.as_mut_ptr(), 8);
        if old[0] != 0 {
            ignored.push((signal, old[0].min(2)));
        }
    }
    println!("not default {ignored:?}");
    let mut pending = 9u64;
    sys!(SYS_rt_sigpending, &raw mut pending, 8);
    println!("pending {pending}");
}

/// The kernel's rule for the stack pointer, and room to grow.
fn stack() {
    let here = 0u8;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
    let bounds: Vec<usize> =
        line.split([' ', '-']).take(2).map(|word| usize::from_str_radix(word, 16).unwrap()).collect();
    println!("on the main stack {}", (bounds[0]..bounds[1]).contains(&(&raw const here).addr()));
    println!("grows {}", grow(4_000_000));
}

#[inline(never)]
fn grow(bytes: usize) -> usize {
    let filler = std::hint::black_box([1u8; 1024]);
    if bytes < 1024 { 0 } else { grow(bytes - 1024) + usize::from(filler[bytes % 1024]) }
}
