//! Installing and running signal handlers in the thread that raised the signal.

use crate::raw::{BAD, told};
use crate::{Probe, probe};
use libc::{
    SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIGALRM, SIGBUS, SIGSEGV, SIGSYS, SIGUSR1, SIGUSR2,
    siginfo_t,
};
use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed};

pub(crate) const PROBES: &[Probe] = &[
    probe("handlers.roundtrip", roundtrip),
    probe("handlers.mask", mask),
    probe("handlers.raise", raise),
    probe("handlers.siginfo", siginfo),
    probe("handlers.nested", nested),
    probe("handlers.nodefer", nodefer),
    probe("handlers.resethand", resethand),
    probe("handlers.altstack", altstack),
    probe("handlers.on_altstack", on_altstack),
    probe("handlers.segv", segv),
    probe("handlers.longjmp", longjmp),
    probe("handlers.repair", repair),
    probe("handlers.stack_overflow", stack_overflow),
    probe("handlers.sigsys", sigsys),
    probe("handlers.other_faults", other_faults),
    probe("handlers.mask_in_frame", mask_in_frame),
];

/// What kernel and libc agree on less: the raw struct.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Action {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

type Handler = extern "C" fn(i32, *mut siginfo_t, *mut c_void);

/// Installs a handler through libc; gives errno.
pub(crate) fn install(signal: i32, handler: Handler, flags: i32, masked: &[i32]) -> i64 {
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = flags | SA_SIGINFO;
    for other in masked {
        unsafe { libc::sigaddset(&raw mut action.sa_mask, *other) };
    }
    crate::raw::errno(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })
}

pub(crate) fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The signals blocked now.
pub(crate) fn blocked() -> Vec<i32> {
    let mut mask = 0u64;
    sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, 0, &raw mut mask, 8);
    (1..=64).filter(|signal| mask & bit(*signal) != 0).collect()
}

static COUNT: AtomicUsize = AtomicUsize::new(0);
static SEEN: AtomicI32 = AtomicI32::new(0);
static PLACE: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    COUNT.fetch_add(1, Relaxed);
}

fn roundtrip() {
    for signal in 0..=66 {
        let mut old = Action::default();
        let new = Action {
            handler: 0x1234_5000,
            flags: (SA_RESTART | SA_SIGINFO) as u64 | 0x0400_0000,
            restorer: 0x5678,
            mask: bit(SIGUSR1) | bit(SIGSYS),
        };
        let first = sys!(SYS_rt_sigaction, signal, 0, &raw mut old, 8);
        if first == 0 && old.handler > 1 {
            println!("{signal} has a handler already");
        }
        let set = sys!(SYS_rt_sigaction, signal, &raw const new, 0, 8);
        let back = sys!(SYS_rt_sigaction, signal, 0, &raw mut old, 8);
        println!(
            "{signal}: {} {} {} {:x} {:x} {:x}",
            told(first),
            told(set),
            told(back),
            old.handler,
            old.flags,
            old.mask
        );
        let ignore = Action { handler: 1, ..Action::default() };
        sys!(SYS_rt_sigaction, signal, &raw const ignore, &raw mut old, 8);
        println!("  {:x}", old.handler);
    }
    let action = Action::default();
    say!("size 4", sys!(SYS_rt_sigaction, SIGUSR1, &raw const action, 0, 4));
    say!("from a bad address", sys!(SYS_rt_sigaction, SIGUSR1, BAD, 0, 8));
    say!("to a bad address", sys!(SYS_rt_sigaction, SIGUSR1, 0, BAD, 8));
}

fn mask() {
    println!("{:?}", blocked());
    let (all, some) = (u64::MAX, bit(SIGUSR1) | bit(SIGSYS) | bit(SIGSEGV));
    let mut old = 0u64;
    say!("block all", sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const all, &raw mut old, 8));
    println!("{:x} {:?}", old, blocked());
    sys!(SYS_getpid);
    println!("{:?}", blocked());
    say!("unblock some", sys!(SYS_rt_sigprocmask, libc::SIG_UNBLOCK, &raw const some, 0, 8));
    println!("{:?}", blocked());
    say!("set", sys!(SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const some, &raw mut old, 8));
    println!("{old:x} {:?}", blocked());
    say!("how 9", sys!(SYS_rt_sigprocmask, 9, &raw const some, 0, 8));
    say!("how 9 without a set", sys!(SYS_rt_sigprocmask, 9, 0, &raw mut old, 8));
    say!("size 4", sys!(SYS_rt_sigprocmask, 0, &raw const some, 0, 4));
    say!("from a bad address", sys!(SYS_rt_sigprocmask, 0, BAD, 0, 8));
    say!("to a bad address", sys!(SYS_rt_sigprocmask, 0, 0, BAD, 8));
    let mut pending = 0u64;
    sys!(SYS_kill, std::process::id(), SIGUSR1);
    say!("pending", sys!(SYS_rt_sigpending, &raw mut pending, 8));
    println!("{pending:x}");
    install(SIGUSR1, count, 0, &[]);
    sys!(SYS_rt_sigprocmask, libc::SIG_SETMASK, [0u64].as_ptr(), 0, 8);
    println!("delivered when unblocked {}", COUNT.load(Relaxed));
    println!("{:?}", blocked());
}

fn raise() {
    say!("install", install(SIGUSR1, count, 0, &[]));
    println!("raise {}", unsafe { libc::raise(SIGUSR1) });
    println!("count {}", COUNT.load(Relaxed));
    say!("kill", sys!(SYS_kill, std::process::id(), SIGUSR1));
    println!("count {}", COUNT.load(Relaxed));
    say!("tgkill", sys!(SYS_tgkill, std::process::id(), sys!(SYS_gettid), SIGUSR1));
    say!("tkill", sys!(SYS_tkill, sys!(SYS_gettid), SIGUSR1));
    println!("count {}", COUNT.load(Relaxed));
    for _ in 0..1000 {
        unsafe { libc::raise(SIGUSR1) };
    }
    println!("count {}", COUNT.load(Relaxed));
    for signal in [libc::SIGRTMIN(), libc::SIGRTMAX() - 1, libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGTRAP] {
        install(signal, count, 0, &[]);
        unsafe { libc::raise(signal) };
    }
    println!("count {}", COUNT.load(Relaxed));
    unsafe { libc::signal(SIGUSR2, libc::SIG_IGN) };
    println!("ignored {}", unsafe { libc::raise(SIGUSR2) });
}

static INFO: [AtomicI32; 4] = [const { AtomicI32::new(0) }; 4];

extern "C" fn keep(signal: i32, info: *mut siginfo_t, context: *mut c_void) {
    let info = unsafe { &*info };
    INFO[0].store(signal, Relaxed);
    INFO[1].store(info.si_signo, Relaxed);
    INFO[2].store(info.si_code, Relaxed);
    INFO[3].store(unsafe { info.si_value().sival_ptr.addr() } as i32, Relaxed);
    PLACE.store(info.si_addr_word(), Relaxed);
    let context = context.cast::<libc::ucontext_t>();
    SEEN.store(i32::from(unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] } != 0), Relaxed);
}

trait Address {
    fn si_addr_word(&self) -> u64;
}
impl Address for siginfo_t {
    fn si_addr_word(&self) -> u64 {
        unsafe { self.si_addr().expose_provenance() as u64 }
    }
}

fn siginfo() {
    install(libc::SIGRTMIN() + 3, keep, 0, &[]);
    #[repr(C)]
    struct Queued(i32, i32, i32, i32, u32, u32, u64, [u64; 12]);
    let queued = Queued(0, 0, -1, 0, std::process::id(), 0, 4242, [0; 12]);
    say!("queue", sys!(SYS_rt_sigqueueinfo, std::process::id(), libc::SIGRTMIN() + 3, &raw const queued));
    println!("{INFO:?} context {}", SEEN.load(Relaxed));
    say!("kill", sys!(SYS_kill, std::process::id(), libc::SIGRTMIN() + 3));
    println!("code {}", INFO[2].load(Relaxed));
    unsafe { libc::raise(libc::SIGRTMIN() + 3) };
    println!("code {}", INFO[2].load(Relaxed));
}

static DEPTH: AtomicUsize = AtomicUsize::new(0);
static DEEPEST: AtomicUsize = AtomicUsize::new(0);

extern "C" fn outer(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    DEPTH.fetch_add(1, Relaxed);
    println!("outer, blocked {:?}", blocked());
    unsafe { libc::raise(SIGUSR2) };
    unsafe { libc::raise(SIGALRM) };
    println!("outer ends");
}

extern "C" fn inner(signal: i32, _: *mut siginfo_t, _: *mut c_void) {
    println!("inner {signal}, blocked {:?}", blocked());
}

fn nested() {
    install(SIGUSR1, outer, 0, &[SIGALRM]);
    install(SIGUSR2, inner, 0, &[]);
    install(SIGALRM, inner, 0, &[]);
    unsafe { libc::raise(SIGUSR1) };
    println!("end, blocked {:?}", blocked());
}

extern "C" fn recurse(signal: i32, _: *mut siginfo_t, _: *mut c_void) {
    let depth = DEPTH.fetch_add(1, Relaxed) + 1;
    DEEPEST.fetch_max(depth, Relaxed);
    if COUNT.fetch_add(1, Relaxed) < 10 {
        unsafe { libc::raise(signal) };
    }
    DEPTH.fetch_sub(1, Relaxed);
}

fn nodefer() {
    install(SIGUSR1, recurse, SA_NODEFER, &[]);
    unsafe { libc::raise(SIGUSR1) };
    println!("count {} deepest {}", COUNT.load(Relaxed), DEEPEST.load(Relaxed));
    COUNT.store(0, Relaxed);
    DEEPEST.store(0, Relaxed);
    install(SIGUSR1, recurse, 0, &[]);
    unsafe { libc::raise(SIGUSR1) };
    println!("count {} deepest {}", COUNT.load(Relaxed), DEEPEST.load(Relaxed));
}

fn resethand() {
    install(SIGUSR1, count, SA_RESETHAND, &[]);
    unsafe { libc::raise(SIGUSR1) };
    let mut old = Action::default();
    sys!(SYS_rt_sigaction, SIGUSR1, 0, &raw mut old, 8);
    println!("count {} handler {}", COUNT.load(Relaxed), old.handler);
    install(SIGSEGV, count, SA_RESETHAND, &[]);
    unsafe { libc::raise(SIGSEGV) };
    sys!(SYS_rt_sigaction, SIGSEGV, 0, &raw mut old, 8);
    println!("count {} handler {}", COUNT.load(Relaxed), old.handler);
}

fn altstack() {
    let mut old: libc::stack_t = unsafe { std::mem::zeroed() };
    let memory = vec![0u8; 65536];
    let stack = |size: usize, flags: i32| libc::stack_t {
        ss_sp: memory.as_ptr().cast_mut().cast(),
        ss_flags: flags,
        ss_size: size,
    };
    let set = |stack: libc::stack_t| sys!(SYS_sigaltstack, &raw const stack, 0);
    say!("get", sys!(SYS_sigaltstack, 0, &raw mut old));
    say!("set", set(stack(65536, 0)));
    say!("get", sys!(SYS_sigaltstack, 0, &raw mut old));
    println!("{} {} {}", old.ss_sp.cast_const().cast() == memory.as_ptr(), old.ss_size, old.ss_flags);
    say!("too small", set(stack(100, 0)));
    say!("unknown flag", set(stack(65536, 64)));
    say!("kept", sys!(SYS_sigaltstack, 0, &raw mut old));
    println!("{}", old.ss_size);
    say!("autodisarm", set(stack(65536, 1 << 31)));
    say!("get", sys!(SYS_sigaltstack, 0, &raw mut old));
    println!("{:x}", old.ss_flags);
    say!("off", set(stack(0, libc::SS_DISABLE)));
    say!("get", sys!(SYS_sigaltstack, 0, &raw mut old));
    println!("{} {}", old.ss_flags, old.ss_size);
    say!("from a bad address", sys!(SYS_sigaltstack, BAD, 0));
    say!("to a bad address", sys!(SYS_sigaltstack, 0, BAD));
}

/// A stack of 64 KB for handlers, with known limits.
fn own_stack() -> (u64, u64) {
    let memory = Box::leak(vec![0u8; 65536].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: 65536 };
    say!("sigaltstack", sys!(SYS_sigaltstack, &raw const stack, 0));
    let start = memory.as_ptr().expose_provenance() as u64;
    (start, start + 65536)
}

extern "C" fn where_am_i(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    let here = 0u8;
    PLACE.store((&raw const here).expose_provenance() as u64, Relaxed);
    let mut stack: libc::stack_t = unsafe { std::mem::zeroed() };
    sys!(SYS_sigaltstack, 0, &raw mut stack);
    SEEN.store(stack.ss_flags, Relaxed);
    let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    INFO[0].store(sys!(SYS_sigaltstack, &raw const off, 0) as i32, Relaxed);
}

fn on_altstack() {
    let (start, end) = own_stack();
    for signal in [SIGUSR1, SIGSEGV, SIGSYS] {
        for flags in [SA_ONSTACK, 0] {
            install(signal, where_am_i, flags, &[]);
            unsafe { libc::raise(signal) };
            println!(
                "{signal} {flags:x}: on it {}, flags {}, turning it off gives {}",
                (start..end).contains(&PLACE.load(Relaxed)),
                SEEN.load(Relaxed),
                told(INFO[0].load(Relaxed).into())
            );
            own_stack();
            let again = libc::stack_t {
                ss_sp: std::ptr::with_exposed_provenance_mut(start as usize),
                ss_flags: 0,
                ss_size: 65536,
            };
            sys!(SYS_sigaltstack, &raw const again, 0);
        }
    }
}

extern "C" fn skip_read(signal: i32, info: *mut siginfo_t, context: *mut c_void) {
    keep(signal, info, context);
    COUNT.fetch_add(1, Relaxed);
    // The faulting instruction below is `movb (%rax), %al`: two bytes.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 2 };
}

fn touch(address: u64) {
    unsafe { std::arch::asm!("mov al, [rax]", inout("rax") address => _) };
}

fn segv() {
    install(SIGSEGV, skip_read, 0, &[]);
    let none = sys!(SYS_mmap, 0, 4096, 0, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) as u64;
    for (what, address) in [("low", 0x10), ("no permission", none + 5), ("not canonical", 0x8888_0000_0000_0000)] {
        touch(address);
        let place = PLACE.load(Relaxed);
        println!(
            "{what}: signal {} code {} address as touched {}",
            INFO[0].load(Relaxed),
            INFO[2].load(Relaxed),
            place == address
        );
    }
    for _ in 0..1000 {
        touch(0x10);
    }
    println!("count {}, blocked {:?}", COUNT.load(Relaxed), blocked());
    // What strict mode does with SIGSEGV must not be seen: rdtsc goes on working between the program's own faults.
    println!("rdtsc {}", unsafe { std::arch::x86_64::_rdtsc() } != 0);
    touch(0x10);
    println!("count {}", COUNT.load(Relaxed));
}

unsafe extern "C" {
    #[link_name = "__sigsetjmp"]
    fn sigsetjmp(buffer: *mut [u64; 32], save: i32) -> i32;
    fn siglongjmp(buffer: *mut [u64; 32], value: i32) -> !;
}

static mut JUMP: [u64; 32] = [0; 32];

extern "C" fn jump(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    unsafe { siglongjmp(&raw mut JUMP, 7) }
}

/// Calls `go` and says what sigsetjmp gave: 0 is not seen unless nothing jumped.
#[inline(never)]
fn catch(go: fn()) -> i32 {
    // SAFETY is out of the question: what is live across the second return is only this number, on the stack.
    let came = unsafe { sigsetjmp(&raw mut JUMP, 1) };
    if came == 0 {
        go();
    }
    came
}

fn longjmp() {
    install(SIGSEGV, jump, 0, &[]);
    for _ in 0..3 {
        println!("{} {:?}", catch(|| touch(0x10)), blocked());
    }
    own_stack();
    install(SIGSEGV, jump, SA_ONSTACK, &[]);
    for _ in 0..3 {
        println!("{} {:?}", catch(|| touch(0x10)), blocked());
    }
    install(SIGUSR1, jump, 0, &[]);
    println!("{}", catch(|| assert_eq!(unsafe { libc::raise(SIGUSR1) }, 0)));
    println!("{} {:?}", sys!(SYS_getpid) > 0, blocked());
}

extern "C" fn allow(_: i32, info: *mut siginfo_t, _: *mut c_void) {
    let page = unsafe { &*info }.si_addr_word() & !4095;
    COUNT.fetch_add(1, Relaxed);
    if sys!(SYS_mprotect, page, 4096, libc::PROT_READ | libc::PROT_WRITE) != 0 {
        unsafe { libc::_exit(9) };
    }
}

/// A garbage collector's trick: pages opened by the handler as they are touched.
fn repair() {
    install(SIGSEGV, allow, 0, &[]);
    let start = sys!(SYS_mmap, 0, 64 * 4096, libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) as usize;
    for page in 0..64 {
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(start + page * 4096).write_volatile(1) };
    }
    println!("opened {}", COUNT.load(Relaxed));
}

#[inline(never)]
fn dig(depth: u64) -> u64 {
    let filler = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { filler[3] } else { dig(depth + 1) + filler[usize::from(depth % 2 == 1)] }
}

fn stack_overflow() {
    own_stack();
    install(SIGSEGV, jump, SA_ONSTACK, &[]);
    for _ in 0..3 {
        println!("{}", catch(|| println!("{}", dig(0))));
    }
    println!("{} {:?}", sys!(SYS_getpid) > 0, blocked());
}

/// A program that uses SIGSYS itself: blocks it, handles it, ignores it.
fn sigsys() {
    let mask = bit(SIGSYS);
    say!("block", sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8));
    say!("a call", sys!(SYS_getpid).min(1));
    println!("{:?}", blocked());
    install(SIGSYS, count, 0, &[]);
    say!("send", sys!(SYS_kill, std::process::id(), SIGSYS));
    println!("not yet {}", COUNT.load(Relaxed));
    say!("unblock", sys!(SYS_rt_sigprocmask, libc::SIG_UNBLOCK, &raw const mask, 0, 8));
    println!("now {}", COUNT.load(Relaxed));
    unsafe { libc::raise(SIGSYS) };
    println!("again {}", COUNT.load(Relaxed));
    install(SIGUSR1, outer_with_sigsys, 0, &[SIGSYS, SIGSEGV]);
    unsafe { libc::raise(SIGUSR1) };
    unsafe { libc::signal(SIGSYS, libc::SIG_IGN) };
    say!("ignored", sys!(SYS_kill, std::process::id(), SIGSYS));
    say!("a call", sys!(SYS_getpid).min(1));
    println!("end {}", COUNT.load(Relaxed));
}

extern "C" fn outer_with_sigsys(_: i32, _: *mut siginfo_t, _: *mut c_void) {
    println!("in a handler {:?}", blocked());
    unsafe { libc::raise(SIGSYS) };
    println!("held back {}", COUNT.load(Relaxed));
}

extern "C" fn skip_two(signal: i32, info: *mut siginfo_t, context: *mut c_void) {
    keep(signal, info, context);
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 2 };
}

fn other_faults() {
    install(libc::SIGILL, skip_two, 0, &[]);
    unsafe { std::arch::asm!("ud2") };
    println!("ud2: {} code {}", INFO[0].load(Relaxed), INFO[2].load(Relaxed));
    install(libc::SIGFPE, skip_two, 0, &[]);
    // div ecx is two bytes.
    unsafe { std::arch::asm!("div ecx", inout("eax") 1 => _, inout("edx") 0 => _, in("ecx") 0) };
    println!("division by 0: {} code {}", INFO[0].load(Relaxed), INFO[2].load(Relaxed));
    install(libc::SIGTRAP, keep, 0, &[]);
    unsafe { std::arch::asm!("int3") };
    println!("int3: {} code {}", INFO[0].load(Relaxed), INFO[2].load(Relaxed));
    install(SIGBUS, skip_two, 0, &[]);
    let fd = crate::raw::opened("f", libc::O_CREAT | libc::O_RDWR);
    let start = sys!(SYS_mmap, 0, 4096, libc::PROT_READ, libc::MAP_SHARED, fd, 0);
    touch(start as u64);
    println!("behind the file's end: {} code {}", INFO[0].load(Relaxed), INFO[2].load(Relaxed));
}

extern "C" fn change_mask(_: i32, _: *mut siginfo_t, context: *mut c_void) {
    let mask = unsafe { &raw mut (*context.cast::<libc::ucontext_t>()).uc_sigmask };
    unsafe { mask.cast::<u64>().write(bit(SIGUSR2) | bit(SIGSYS)) };
}

/// A handler that changes the mask which returning restores.
fn mask_in_frame() {
    install(SIGUSR1, change_mask, 0, &[]);
    unsafe { libc::raise(SIGUSR1) };
    println!("{:?}", blocked());
    say!("a call", sys!(SYS_getpid).min(1));
}
