//! The trustee: what could give an attacker a say in what it runs, or change it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use trampoline::layout::{CANCEL_SIGNAL, fds};

use crate::Attack;
use crate::forge::{To, direct, guard, post, post_with, send};
use crate::raw::{breached, call, held, refused, told};

pub(crate) const ATTACKS: &[Attack] = &[
    ("trustee.cancel-handler", cancel_handler),
    ("trustee.own-state", own_state),
    ("trustee.rseq", rseq),
    ("trustee.masks", masks),
    ("trustee.signals", signals),
    ("trustee.cancel-storm", cancel_storm),
];

type Way = fn(u64, &[u64]) -> i64;

const CANCEL: u64 = CANCEL_SIGNAL as u64;

/// What our code found out when it ran in the trustee: its thread id.
static RAN: AtomicU64 = AtomicU64::new(0);

/// Runs in the trustee, if ever: with its rights, by a `syscall` instruction of our own.
#[unsafe(naked)]
unsafe extern "C" fn evil() {
    std::arch::naked_asm!(
        "mov eax, 110", "syscall", "lea rcx, [rip + {ran}]", "mov [rcx], rax",
        "2: mov eax, 24", "syscall", "jmp 2b",
        ran = sym RAN,
    )
}

/// The one signal that a trustee takes, given a handler of our own; and then sent by the broker itself.
fn cancel_handler() {
    let action = [evil as *const () as u64, 0x0400_0000 | 4, evil as *const () as u64, 0];
    let pointer = &raw const action as u64;
    for number in [CANCEL, CANCEL | 1 << 32, CANCEL | 0xffff_ffff_0000_0000] {
        refused_but(
            &format!("rt_sigaction({number:#x}) posted"),
            post(libc::SYS_rt_sigaction as u64, &[number, pointer, 0, 8]),
        );
        let result = direct(libc::SYS_rt_sigaction as u64, &[number, pointer, 0, 8]);
        if result < 0 {
            held(&format!("rt_sigaction({number:#x}) direct"), told(result));
            continue;
        }
        // The broker ends a blocking call of the trustee by this signal.
        let hour = [3600_u64, 0];
        let seq = send(To::Trustee, libc::SYS_nanosleep as u64, &[&raw const hour as u64, 0], &[]);
        let request = guard().request();
        while request.direct.load(SeqCst) != 0 {
            std::hint::spin_loop();
        }
        request.cancel.store(seq, SeqCst);
        crate::forge::ring(fds::BROKER_BELL);
        for _ in 0..2_000_000_000_u64 {
            if RAN.load(SeqCst) != 0 {
                crate::raw::say(&format!(
                    "BREACHED: the cancel signal's handler: our code ran in the trustee ({})",
                    RAN.load(SeqCst)
                ));
                crate::raw::gadget(libc::SYS_exit as u64, &[3]);
            }
        }
        breached("the cancel signal's handler", "set");
    }
}

/// Some calls may be answered without anything coming of it.
fn refused_but(what: &str, result: i64) {
    held(what, told(result));
}

/// Calls that change the thread that makes them.
fn own_state() {
    let (mut words, name) = ([0_u64; 8], *b"taken over\0");
    let at = words.as_mut_ptr() as u64;
    let calls: [(&str, i64, [u64; 5]); 17] = [
        ("prctl(PR_SET_NAME)", libc::SYS_prctl, [15, name.as_ptr() as u64, 0, 0, 0]),
        ("prctl(PR_SET_PDEATHSIG)", libc::SYS_prctl, [1, 0, 0, 0, 0]),
        ("prctl(PR_SET_TSC)", libc::SYS_prctl, [26, 1, 0, 0, 0]),
        ("prctl(PR_SET_DUMPABLE)", libc::SYS_prctl, [4, 0, 0, 0, 0]),
        ("prctl(PR_SET_PTRACER)", libc::SYS_prctl, [0x5961_6d61, u64::MAX, 0, 0, 0]),
        ("prctl(PR_SET_SYSCALL_USER_DISPATCH)", libc::SYS_prctl, [59, 0, 0, 0, 0]),
        ("prctl(PR_SET_MM)", libc::SYS_prctl, [35, 1, at, 0, 0]),
        ("sigaltstack", libc::SYS_sigaltstack, [0, at, 0, 0, 0]),
        ("set_robust_list", libc::SYS_set_robust_list, [at, 24, 0, 0, 0]),
        ("set_tid_address", libc::SYS_set_tid_address, [at, 0, 0, 0, 0]),
        ("arch_prctl(ARCH_SET_GS)", libc::SYS_arch_prctl, [0x1001, at, 0, 0, 0]),
        ("rt_sigprocmask", libc::SYS_rt_sigprocmask, [2, at, 0, 8, 0]),
        ("personality", libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0]),
        ("unshare", libc::SYS_unshare, [0x200, 0, 0, 0, 0]),
        ("sched_setaffinity", libc::SYS_sched_setaffinity, [0, 8, at, 0, 0]),
        ("capset", libc::SYS_capset, [at, at, 0, 0, 0]),
        ("seccomp", libc::SYS_seccomp, [1, 0, at, 0, 0]),
    ];
    for (what, number, args) in calls {
        refused(&format!("{what} direct"), direct(number as u64, &args));
    }
    // By the broker: what it answers may look like success, but must not have been done by the trustee. Its name tells.
    post_with(libc::SYS_prctl as u64, &[15, 1], &name);
    let tid = guard().request().trustee_tid.load(SeqCst);
    let comm = crate::raw::content(&format!("/proc/self/task/{tid}/comm"));
    match comm {
        Ok(comm) if comm.starts_with("taken over") => breached("the trustee's name", comm.trim()),
        other => held("the trustee's name", format!("{other:?}")),
    }
}

/// A restartable sequence's abort handler is a way into a thread; a trustee must have none, and get none.
fn rseq() {
    #[repr(align(32))]
    struct Area([u64; 4]);
    let area = Area([0; 4]);
    let at = area.0.as_ptr() as u64;
    refused("rseq by the shim", call(libc::SYS_rseq as u64, &[at, 32, 0, 0x5305_3053]));
    refused("rseq posted", post(libc::SYS_rseq as u64, &[at, 32, 0, 0x5305_3053]));
    refused("rseq direct", direct(libc::SYS_rseq as u64, &[at, 32, 0, 0x5305_3053]));
}

/// Calls that wait under another signal mask: the trustee's, if it made them so.
fn masks() {
    let (none, zero) = ([0_u64; 2], [0_u64; 2]);
    let (mask, time) = (none.as_ptr() as u64, zero.as_ptr() as u64);
    let pair = [mask, 8];
    refused("ppoll with a mask", direct(libc::SYS_ppoll as u64, &[0, 0, time, mask, 8]));
    refused("pselect6 with a mask", direct(libc::SYS_pselect6 as u64, &[0, 0, 0, 0, time, pair.as_ptr() as u64]));
    let epoll = direct(libc::SYS_epoll_create1 as u64, &[0]) as u64;
    let mut event = [0_u64; 2];
    let event = event.as_mut_ptr() as u64;
    refused("epoll_pwait with a mask", direct(libc::SYS_epoll_pwait as u64, &[epoll, event, 1, 0, mask, 8]));
    refused("epoll_pwait2 with a mask", direct(libc::SYS_epoll_pwait2 as u64, &[epoll, event, 1, time, mask, 8]));
}

/// Signals to the trustee, the broker, the host.
fn signals() {
    let (own, parent) = (call(libc::SYS_getpid as u64, &[]) as u64, direct(libc::SYS_getppid as u64, &[]) as u64);
    let trustee = guard().request().trustee_tid.load(SeqCst) as u64;
    let ways: [(&str, Way); 3] = [("by the shim", call), ("posted", post), ("direct", direct)];
    for (how, way) in ways {
        for target in [parent, 1, u64::MAX, 1_u64.wrapping_neg() << 32 | parent, parent.wrapping_neg()] {
            for signal in [0, 9, 15, 19, CANCEL] {
                refused(&format!("kill({target:#x}, {signal}) {how}"), way(libc::SYS_kill as u64, &[target, signal]));
            }
        }
        for target in [own, 0, trustee] {
            refused(&format!("kill({target:#x}, cancel) {how}"), way(libc::SYS_kill as u64, &[target, CANCEL]));
            let thread = way(libc::SYS_tgkill as u64, &[own, target, CANCEL]);
            refused(&format!("tgkill({target:#x}, cancel) {how}"), thread);
            let high = way(libc::SYS_tgkill as u64, &[own | 1 << 32, target, CANCEL | 1 << 32]);
            refused(&format!("tgkill with high bits {how}"), high);
        }
        refused(&format!("tgkill of the broker {how}"), way(libc::SYS_tgkill as u64, &[parent, parent, 0]));
        refused(&format!("tkill of the trustee {how}"), way(libc::SYS_tkill as u64, &[trustee, CANCEL]));
        refused(&format!("pidfd_open {how}"), way(libc::SYS_pidfd_open as u64, &[parent, 0]));
    }
}

/// Cancels every call, whether there is one or not.
fn cancel_storm() {
    let request = guard().request();
    let time = [0_u64, 20_000];
    for round in 0..500_u64 {
        let to = if round.is_multiple_of(3) { To::Broker } else { To::Trustee };
        let number = if to == To::Broker { libc::SYS_getpgid as u64 } else { libc::SYS_nanosleep as u64 };
        let seq = send(to, number, &[if to == To::Broker { 0 } else { time.as_ptr() as u64 }, 0], &[]);
        request.cancel.store(seq, SeqCst);
        crate::forge::ring(fds::BROKER_BELL);
        crate::forge::wait(seq);
        // The broker acknowledges once the call is over; an honest shim waits for that.
        while request.cancel_ack.load(SeqCst) != seq {
            crate::forge::read_bell();
        }
    }
    held("a storm of cancelled calls", "all ended");
}
