//! Changing or replacing nurse's own pages: by remapping, by storing, by having the kernel store, by files that show them.

use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;

use trampoline::layout::{CONSTANTS, CONSTANTS_LEN, ORDERS, PRIVATE, REQUESTS, STACKS, fds};

use crate::Attack;
use crate::forge::{To, direct, guard, post, send};
use crate::raw::{breached, call, gadget, held, open, path, refused, told};

pub(crate) const ATTACKS: &[Attack] = &[
    ("pages.mprotect-direct", || mprotect(direct, "direct")),
    ("pages.mprotect-posted", || mprotect(post, "posted")),
    ("pages.mmap-direct", || mmap(direct, "direct")),
    ("pages.mmap-posted", || mmap(post, "posted")),
    ("pages.munmap-direct", || munmap(direct, "direct")),
    ("pages.munmap-posted", || munmap(post, "posted")),
    ("pages.remove-posted", || remove(post, "posted")),
    ("pages.lock-direct", || lock(direct, "direct")),
    ("pages.lock-posted", || lock(post, "posted")),
    ("pages.advice-direct", || advice(direct, "direct")),
    ("pages.advice-posted", || advice(post, "posted")),
    ("pages.mremap-from", mremap_from),
    ("pages.mremap-onto", mremap_onto),
    ("pages.others", others),
    ("pages.obey", obey),
    ("pages.store", store),
    ("pages.kernel-store", kernel_store),
    ("pages.proc-mem", proc_mem),
    ("pages.memfds", memfds),
];

type Way = fn(u64, &[u64]) -> i64;

/// An order page that no thread uses: it may be lost without anybody noticing.
const SPARE: u64 = 5;
const PAGE: u64 = 4096;
const RW: u64 = 3;

/// Ranges that are nurse's, or reach into what is nurse's; the spare order first.
fn ranges() -> Vec<(&'static str, u64, u64)> {
    let guard = guard();
    let (base, end) = (guard.base, guard.end());
    vec![
        ("a spare order", guard.order(SPARE), PAGE),
        ("the text", base, guard.text),
        ("the constants", base + CONSTANTS as u64, CONSTANTS_LEN as u64),
        ("the first order", base + ORDERS as u64, PAGE),
        ("all orders", base + ORDERS as u64, (REQUESTS - ORDERS) as u64),
        ("the requests", base + REQUESTS as u64, PAGE),
        ("the private pages", base + PRIVATE as u64, PAGE),
        ("a signal stack", base + STACKS as u64, PAGE),
        ("all of it", base, end - base),
        ("the last page", end - PAGE, PAGE),
        ("from below into it", base - PAGE, 2 * PAGE),
        ("out of it", end - PAGE, 2 * PAGE),
        ("more than all of it", base - PAGE, end - base + 2 * PAGE),
        ("from 4096 on", PAGE, 0x7fff_ffff_e000 - PAGE),
        ("round the end of the address space", guard.order(SPARE), PAGE_MAX - guard.order(SPARE) + PAGE),
        ("an unaligned length", guard.order(SPARE), 1),
    ]
}

/// Those whose content nurse trusts.
fn trusted() -> impl Iterator<Item = (&'static str, u64, u64)> {
    ranges().into_iter().take(5)
}

/// The highest page boundary.
const PAGE_MAX: u64 = !(PAGE - 1);

fn mprotect(way: Way, how: &str) {
    for (what, start, len) in trusted() {
        for prot in [RW, 7] {
            let result = way(libc::SYS_mprotect as u64, &[start, len, prot]);
            refused(&format!("mprotect {how} of {what} to {prot:#x}"), result);
        }
    }
}

/// To take rights away, or to give them where they are, is lawful to the files' seals, but not to the checks.
fn lock(way: Way, how: &str) {
    for (what, start, len) in ranges() {
        for prot in [RW, 0, 1 | 0x0100_0000, 1 | 0x0200_0000] {
            let result = way(libc::SYS_mprotect as u64, &[start, len, prot]);
            refused(&format!("mprotect {how} of {what} to {prot:#x}"), result);
        }
    }
}

fn mmap(way: Way, how: &str) {
    const FIXED_ANON: u64 = 0x32;
    for (what, start, len) in ranges() {
        let anonymous = way(libc::SYS_mmap as u64, &[start, len, RW, FIXED_ANON, u64::MAX, 0]);
        refused(&format!("mmap {how} over {what}"), anonymous);
        let growing = way(libc::SYS_mmap as u64, &[start, len, RW, FIXED_ANON | 0x100, u64::MAX, 0]);
        refused(&format!("mmap {how} of a growing stack over {what}"), growing);
    }
    let below = way(libc::SYS_mmap as u64, &[guard().base - 16 * PAGE, PAGE, RW, 0x122, u64::MAX, 0]);
    refused(&format!("mmap {how} of a growing stack near the guard"), below);
}

fn munmap(way: Way, how: &str) {
    for (what, start, len) in ranges() {
        refused(&format!("munmap {how} of {what}"), way(libc::SYS_munmap as u64, &[start, len]));
    }
}

/// Punching a hole into the file behind the orders zeroes them for the broker as well.
fn remove(way: Way, how: &str) {
    for (what, start, len) in trusted() {
        refused(&format!("madvise REMOVE {how} of {what}"), way(libc::SYS_madvise as u64, &[start, len, 9]));
    }
}

/// Advice that would harm nobody but the guest: the checks refuse it all the same.
fn advice(way: Way, how: &str) {
    let all = [
        (4, "DONTNEED"),
        (9, "REMOVE"),
        (8, "FREE"),
        (18, "WIPEONFORK"),
        (11, "DOFORK"),
        (102, "GUARD_INSTALL"),
        (100, "HWPOISON"),
        (21, "PAGEOUT"),
    ];
    for (advice, name) in all {
        for (what, start, len) in ranges() {
            let result = way(libc::SYS_madvise as u64, &[start, len, advice]);
            refused(&format!("madvise {name} {how} of {what}"), result);
        }
    }
}

const MAYMOVE: u64 = 1;
const FIXED: u64 = 2;
const DONTUNMAP: u64 = 4;

fn mremap_from() {
    for way in [call as Way, post, direct] {
        for (what, start, len) in ranges() {
            let tries = [
                ("moved", len, len, MAYMOVE | FIXED),
                ("grown", len, len + PAGE, MAYMOVE),
                ("shrunk", len, 1, 0),
                ("moved without unmapping", len, len, MAYMOVE | DONTUNMAP),
                ("mapped twice", 0, len, MAYMOVE),
            ];
            for (name, old, new, flags) in tries {
                let result = way(libc::SYS_mremap as u64, &[start, old, new, flags, 0x1000_0000]);
                refused(&format!("{what}, {name}"), result);
            }
        }
    }
}

fn mremap_onto() {
    let own = call(libc::SYS_mmap as u64, &[0, 4 * PAGE, RW, 0x22, u64::MAX, 0]);
    assert!(own > 0, "{}", told(own));
    for way in [call as Way, post, direct] {
        for (what, start, _) in ranges().into_iter().filter(|(_, start, _)| *start >= guard().base) {
            let onto = way(libc::SYS_mremap as u64, &[own as u64, PAGE, PAGE, MAYMOVE | FIXED, start]);
            refused(&format!("own page onto {what}"), onto);
            let kept = way(libc::SYS_mremap as u64, &[own as u64, PAGE, PAGE, MAYMOVE | FIXED | DONTUNMAP, start]);
            refused(&format!("own page onto {what} without unmapping"), kept);
            let reaching =
                way(libc::SYS_mremap as u64, &[own as u64, PAGE, 4 * PAGE, MAYMOVE | FIXED, start - 2 * PAGE]);
            if start == guard().base {
                refused("own page into it from below", reaching);
            }
        }
    }
}

/// Calls that could change a mapping and that nobody is given.
fn others() {
    let at = guard().order(SPARE);
    let calls: [(&str, i64, [u64; 6]); 9] = [
        ("shmat with SHM_REMAP", libc::SYS_shmat, [0, at, 0x4000, 0, 0, 0]),
        ("remap_file_pages", libc::SYS_remap_file_pages, [at, PAGE, 0, 1, 0, 0]),
        ("pkey_mprotect", libc::SYS_pkey_mprotect, [at, PAGE, RW, u64::MAX, 0, 0]),
        ("process_madvise", libc::SYS_process_madvise, [0, at, 1, 4, 0, 0]),
        ("mlock", libc::SYS_mlock, [at, PAGE, 0, 0, 0, 0]),
        ("mlockall", libc::SYS_mlockall, [3, 0, 0, 0, 0, 0]),
        ("mbind", libc::SYS_mbind, [at, PAGE, 0, 0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0]),
        ("map_shadow_stack", 453, [at, PAGE, 0, 0, 0, 0]),
    ];
    for (name, number, args) in calls {
        for (way, how) in [(call as Way, "by the shim"), (post, "posted"), (direct, "direct")] {
            refused(&format!("{name} {how}"), way(number as u64, &args));
        }
    }
    // The heap cannot be grown into it either: brk(2) answers where it stands.
    let before = call(libc::SYS_brk as u64, &[0]);
    let after = direct(libc::SYS_brk as u64, &[at + PAGE]);
    if after == before { held("brk", "stayed") } else { breached("brk", format!("{after:#x}")) }
}

/// The whole way: an order page of one's own in the place of nurse's, and a call in it that nobody decided about.
fn obey() {
    let at = guard().order(0);
    let request = guard().request();
    let before = request.done.load(SeqCst);
    send(To::Trustee, libc::SYS_mmap as u64, &[at, PAGE, RW, 0x32, u64::MAX, 0], &[]);
    // A fresh page names no bell, so the answer would never wake us; and it is an order to read nothing for request 0, which
    // the trustee is quick to obey.
    while request.done.load(SeqCst) == before {
        std::hint::spin_loop();
    }
    let result = unsafe { (&raw const request.result).read_volatile() };
    if result < 0 && request.done.load(SeqCst) != 0 {
        return held("an order page of our own", told(result));
    }
    let order = at as *mut trampoline::layout::Order;
    let low = guard().fd_low();
    let name = path("obeyed");
    unsafe {
        (&raw mut (*order).trustee_bell).write_volatile(low + u64::from(fds::BELLS));
        (&raw mut (*order).guest_bell).write_volatile(low + u64::from(fds::BELLS) + 1);
        (&raw mut (*order).frame_top).write_volatile(guard().base + STACKS as u64 + 16 * 1024);
        (&raw mut (*order).nr).write_volatile(libc::SYS_memfd_create as u64);
        (&raw mut (*order).args).write_volatile([name, 0, 0, 0, 0, 0]);
        (&raw mut (*order).request).write_volatile(77);
        (*order).seq.store(0x4000_0000, SeqCst);
    }
    crate::forge::ring(fds::BELLS);
    for _ in 0..4_000_000_000_u64 {
        if request.done.load(SeqCst) == 77 {
            let fd = unsafe { (&raw const request.result).read_volatile() };
            breached("an order page of our own", format!("the trustee obeyed it: memfd_create gave {fd}"));
        }
    }
    held("an order page of our own", "mapped, but not obeyed");
}

thread_local! {
    /// Whether the last store faulted.
    static FAULTED: Cell<bool> = const { Cell::new(false) };
}

extern "C" fn over(_: i32, _: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    FAULTED.set(true);
    // The store below is three bytes long: `mov [rdi], rsi`.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] += 3 };
}

/// Stores right into the pages.
fn store() {
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = over as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()), 0);
    }
    let guard = guard();
    for (what, at) in [
        ("a spare order", guard.order(SPARE)),
        ("the first order", guard.order(0) + 8),
        ("the constants", guard.base + CONSTANTS as u64),
        ("the text", guard.base),
    ] {
        FAULTED.set(false);
        unsafe { std::arch::asm!("mov [rdi], rsi", in("rdi") at, in("rsi") 0x4141_4141_u64) };
        if FAULTED.get() { held(what, "SIGSEGV") } else { breached(what, "stored") }
    }
}

/// Lets the kernel store, on behalf of the guest thread, of the trustee, or by the broker's order.
fn kernel_store() {
    let at = guard().order(SPARE);
    let file = open("alive", libc::O_RDONLY) as u64;
    refused("read by the guest thread", gadget(libc::SYS_read as u64, &[file, at, 4]));
    refused("pread64 direct", direct(libc::SYS_pread64 as u64, &[file, at, 4, 0]));
    refused("fstat direct", direct(libc::SYS_fstat as u64, &[file, at]));
    refused("getrandom direct", direct(libc::SYS_getrandom as u64, &[at, 8, 0]));
    refused("uname direct", direct(libc::SYS_uname as u64, &[at]));
    refused("pipe2 direct", direct(libc::SYS_pipe2 as u64, &[at, 0]));
    refused("clock_gettime direct", direct(libc::SYS_clock_gettime as u64, &[1, at]));
    refused("getrlimit posted", post(libc::SYS_prlimit64 as u64, &[0, 7, 0, at]));
    refused("getresuid direct", direct(libc::SYS_getresuid as u64, &[at, at, at]));
}

/// Files of /proc that write memory whatever its protection.
fn proc_mem() {
    let pid = call(libc::SYS_getpid as u64, &[]);
    let at = guard().order(SPARE);
    let names = [
        format!("/proc/{pid}/mem"),
        "/proc/self/mem".to_owned(),
        "/proc/thread-self/mem".to_owned(),
        format!("/proc/self/task/{pid}/mem"),
        format!("/proc/{pid}/task/{pid}/mem"),
        "/proc/self/root/proc/self/mem".to_owned(),
        "/proc/self/cwd/../../../../../../proc/self/mem".to_owned(),
        format!("/proc/./{pid}//task/../mem"),
    ];
    for name in &names {
        let fd = open(name, libc::O_RDWR);
        if fd < 0 {
            held(name, told(fd));
            continue;
        }
        let bytes = 0x4242_4242_4242_4242_u64;
        let wrote = direct(libc::SYS_pwrite64 as u64, &[fd as u64, &raw const bytes as u64, 8, at]);
        let now = unsafe { (at as *const u64).read_volatile() };
        if now == bytes {
            breached(name, "an order was overwritten");
        }
        held(name, format!("opened, but the write: {}", told(wrote)));
    }
}

/// The memfds behind the pages, in case one is still open somewhere: by raw write, which strict mode allows.
fn memfds() {
    let low = guard().fd_low();
    let before = guard().constants().guard_start;
    for fd in (3..64).chain(low..low + 64) {
        let number = 0x4343_4343_4343_4343_u64;
        if (low..low + 4).contains(&fd) {
            continue;
        }
        let wrote = gadget(libc::SYS_write as u64, &[fd, &raw const number as u64, 8]);
        let now = unsafe { (&raw const guard().constants().guard_start).read_volatile() };
        if now != before {
            breached(&format!("fd {fd}"), "the constants were overwritten");
        }
        // The file of the request pages: what stands there is ours to write anyway.
        let requests = low + u64::from(fds::BELLS) + 4;
        if wrote >= 0 && fd != requests {
            breached(&format!("fd {fd}"), "took a write");
        }
        if fd >= low && fd < low + 12 {
            held(&format!("fd {fd}"), told(wrote));
        }
    }
    held("all other fds", "closed");
}
