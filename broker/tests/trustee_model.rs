//! The real trustee, in a thread of this process, against its model [`trampoline::checks::allowed`].
//!
//! Its filter answers every call with an errno of its own, so that a call that was made shows, whatever it is, and does nothing.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::multiple_unsafe_ops_per_block,
    missing_docs
)]

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, MutexGuard, OnceLock};

use proptest::prelude::*;
use trampoline::checks::{Bounds, allowed};
use trampoline::layout::{CANCEL_SIGNAL, Constants, GRANTS, Order, OrderKind, Request, flags};
use trampoline::syscall::checks;
use trampoline::trustee;

/// What the filter answers: the call was made.
const MADE: i64 = -1234;
/// What the trustee answers where a check does not hold.
const REFUSED: i64 = -1;
const NOT_MADE: i64 = -trampoline::abi::errno::NOT_MADE;

const GUARD: (u64, u64) = (0x7e90_0000_0000, 0x7e90_0600_0000);
const FDS: (u32, u32) = (1024, 2050);

/// A trustee and its pages.
struct Rig {
    order: *mut Order,
    request: *mut Request,
    constants: *mut Constants,
    bells: [i32; 2],
    seq: u32,
}

// SAFETY: raw pointers to mappings that are never undone; one test at a time uses them.
unsafe impl Send for Rig {}

fn map<T>(len: usize) -> *mut T {
    // SAFETY: a fresh anonymous mapping.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    at.cast()
}

fn pipe() -> i32 {
    let mut ends = [0; 2];
    // SAFETY: room for two fds.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let path = format!("/proc/self/fd/{}\0", ends[0]);
    // SAFETY: a C string.
    let both = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDWR) };
    assert!(both > 0);
    both
}

/// Reads and writes of the bells, pause and the trustee's own sigprocmask are real; all else is answered with [`MADE`].
fn filter(bells: [i32; 2]) -> &'static [libc::sock_filter] {
    const ALLOW: u32 = 0x7fff_0000;
    const ERRNO: u32 = 0x0005_0000;
    let one = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let (load, equal, answer) = (0x20, 0x15, 0x06);
    let program = vec![
        one(load, 0, 0, 0),
        one(equal, 6, 0, 14),
        one(equal, 5, 0, 34),
        one(equal, 1, 0, 0),
        one(equal, 0, 4, 1),
        one(load, 0, 0, 16),
        one(equal, 1, 0, bells[0] as u32),
        one(equal, 0, 1, bells[1] as u32),
        one(answer, 0, 0, ALLOW),
        one(answer, 0, 0, ERRNO | MADE.unsigned_abs() as u32),
    ];
    Vec::leak(program)
}

fn rig() -> MutexGuard<'static, Rig> {
    static RIG: OnceLock<Mutex<Rig>> = OnceLock::new();
    RIG.get_or_init(|| Mutex::new(Rig::start())).lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Rig {
    fn start() -> Self {
        let (order, request, constants): (*mut Order, *mut Request, *mut Constants) =
            (map(size_of::<Order>()), map(size_of::<Request>()), map(size_of::<Constants>()));
        let bells = [pipe(), pipe()];
        let stack: *mut u8 = map(64 * 1024);
        let program = filter(bells);
        // SAFETY: fresh zeroed mappings, and a thread that is made with all signals blocked.
        unsafe {
            (*order).trustee_bell = bells[0] as u64;
            (*order).guest_bell = bells[1] as u64;
            (*order).frame_top = stack as u64 + 48 * 1024;
            (*constants).guard_start = GUARD.0;
            (*constants).guard_end = GUARD.1;
            (*constants).fd_low = FDS.0.into();
            (*constants).fd_count = FDS.1.into();
            (*constants).one = 1;
            (*constants).trustee_mask = !(1 << (CANCEL_SIGNAL - 1));
            (*constants).flags = flags::FILTER_ENGINE;
            (*constants).trustee_filter = [program.len() as u64, program.as_ptr() as u64];
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = trustee::cancel_entry() as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            assert_eq!(libc::sigaction(CANCEL_SIGNAL, &raw const action, std::ptr::null_mut()), 0);
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
            assert!(trustee::spawn(order as usize, request as usize, constants as usize) > 0);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        }
        Self { order, request, constants, bells, seq: 0 }
    }

    fn request(&self) -> &Request {
        // SAFETY: mapped for ever; what is not atomic is touched before and after the trustee's turn only.
        unsafe { &*self.request }
    }

    fn ring(&self) {
        // SAFETY: eight bytes.
        assert_eq!(unsafe { libc::write(self.bells[0], (&raw const self.seq).cast::<u8>().cast(), 4) }, 4);
    }

    fn wait(&self) -> Option<i64> {
        for _ in 0..5_000_000 {
            if self.request().done.load(SeqCst) == self.seq {
                // SAFETY: written before `done`.
                return Some(unsafe { (&raw const (*self.request).result).read_volatile() });
            }
            std::thread::yield_now();
        }
        None
    }

    /// Asks by standing grant.
    fn ask(&mut self, nr: u64, args: [u64; 6], grant: u32) -> i64 {
        self.seq += 1;
        // SAFETY: the trustee sleeps or looks for `direct` only.
        unsafe {
            if let Some(place) = (*self.constants).grants.get_mut(nr as usize) {
                *place = grant;
            }
            (&raw mut (*self.request).nr).write_volatile(nr);
            (&raw mut (*self.request).args).write_volatile(args);
        }
        self.request().direct.store(self.seq, SeqCst);
        self.ring();
        let result = self.wait().expect("the trustee answers");
        // SAFETY: as above.
        unsafe {
            if let Some(place) = (*self.constants).grants.get_mut(nr as usize) {
                *place = 0;
            }
        }
        result
    }

    /// Writes an order up to the last step.
    fn prepare(&mut self, nr: u64) {
        self.seq += 1;
        // SAFETY: mapped for ever; this is the broker's part, by volatile writes as there.
        unsafe {
            (*self.order).seq.fetch_add(1, SeqCst);
            (&raw mut (*self.order).kind).write_volatile(OrderKind::Call as u32);
            (&raw mut (*self.order).nr).write_volatile(nr);
            (&raw mut (*self.order).request).write_volatile(self.seq.into());
        }
    }

    fn publish(&self) {
        // SAFETY: mapped for ever.
        unsafe { (*self.order).seq.fetch_add(1, SeqCst) };
        self.ring();
    }

    fn cancel(&self) {
        let tid = self.request().trustee_tid.load(SeqCst) as i32;
        // SAFETY: numbers only.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, CANCEL_SIGNAL) };
    }
}

/// Numbers near whatever a check compares with.
fn word() -> impl Strategy<Value = u64> {
    let near = prop::sample::select(vec![
        0,
        GUARD.0,
        GUARD.1,
        FDS.0.into(),
        u64::from(FDS.0 + FDS.1),
        1 << 31,
        1 << 32,
        1 << 63,
        u64::MAX,
        CANCEL_SIGNAL as u64,
        7,
        32,
        0x7fff_ffff_f000,
        GUARD.1 - GUARD.0,
    ]);
    prop_oneof![
        3 => (near, -5_i64..6, prop_oneof![4 => Just(0_u64), 1 => 1_u64..3]).prop_map(|(at, by, high)| at.wrapping_add_signed(by).wrapping_add(high << 32)),
        2 => 0_u64..64,
        1 => (0_u32..64).prop_map(|bit| 1 << bit),
        1 => Just(u64::from(checks::MMAP_FLAGS)),
        1 => any::<u64>(),
    ]
}

fn grant() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => (0_u32..17, 0_u32..17).prop_map(|(a, b)| checks::GRANTED | 1 << a | 1 << b),
        1 => any::<u32>(),
        1 => Just(checks::GRANTED),
    ]
}

/// Any number but those that the filter lets through, and uretprobe and uprobe, which no filter sees: SIGILL for whoever
/// makes them out of place.
fn number() -> impl Strategy<Value = u64> {
    let real = [0_u64, 1, 14, 34, 335, 336];
    prop_oneof![8 => 2_u64..GRANTS as u64, 1 => word()]
        .prop_filter("the rig's own", move |nr| !real.contains(&(nr & 0xffff_ffff)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_trustee_does_what_its_model_says(nr in number(), args in prop::array::uniform6(word()), grant in grant()) {
        let bounds = Bounds { guard: GUARD, fds: FDS };
        let expected = if allowed(nr, &args, grant, &bounds) { MADE } else { REFUSED };
        prop_assert_eq!(rig().ask(nr, args, grant), expected, "{} {:x?} under {:#x}", nr, args, grant);
    }
}

#[test]
fn half_an_order_is_none_and_a_whole_one_is_made_once() {
    let mut rig = rig();
    rig.prepare(39);
    rig.ring();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_ne!(rig.request().done.load(SeqCst), rig.seq, "odd: it is being written");
    rig.publish();
    assert_eq!(rig.wait(), Some(MADE));
    rig.request().done.store(0, SeqCst);
    rig.ring();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(rig.request().done.load(SeqCst), 0, "the same order is not made again");
}

#[test]
fn cancelled_calls_end_and_are_answered_once() {
    const PAUSE: u64 = 34;
    let mut rig = rig();
    let mut seen = [0; 2];
    for round in 0..5_000_u32 {
        rig.prepare(PAUSE);
        rig.publish();
        // From before the order is seen to deep in the call, and more than once.
        for _ in 0..round % 200 {
            std::hint::spin_loop();
        }
        let mut tries = 0;
        while rig.request().done.load(SeqCst) != rig.seq {
            rig.cancel();
            tries += 1;
            assert!(tries < 1_000_000, "round {round}");
            // The broker leaves more time than this between two.
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
        match rig.wait() {
            Some(-4) => seen[0] += 1,
            Some(NOT_MADE) => seen[1] += 1,
            other => panic!("round {round}: {other:?}"),
        }
    }
    assert!(seen[0] > 0, "{seen:?}");
    // And it is all there still.
    assert_eq!(rig.ask(39, [0; 6], checks::GRANTED), MADE);
    assert_eq!(rig.ask(39, [0; 6], 0), REFUSED);
}
