//! The request page: an attacker writes what he likes, when he likes.

use std::sync::atomic::Ordering::SeqCst;

use trampoline::layout::{DATA_LEN, Request, fds};
use trampoline::syscall::{Route, SYSCALLS};

use crate::Attack;
use crate::forge::{To, direct, guard, post, post_with, ring, send, wait, write_bell};
use crate::raw::{breached, call, gadget, held, path, refused, told};

pub(crate) const ATTACKS: &[Attack] = &[
    ("request.flip-args", flip_args),
    ("request.flip-number", flip_number),
    ("request.flip-address", flip_address),
    ("request.numbers", numbers),
    ("request.ungranted", ungranted),
    ("request.not-granted", not_granted),
    ("request.replay", replay),
    ("request.words", words),
    ("request.own-death", own_death),
    ("request.fill", fill),
    ("request.junk", junk),
    ("request.die-meanwhile", die_meanwhile),
    ("request.flood", flood),
    ("request.full-bell", full_bell),
    ("request.busy-trustee", busy_trustee),
];

const GETPGID: u64 = libc::SYS_getpgid as u64;
const GETPPID: u64 = libc::SYS_getppid as u64;

/// Posts a request again and again, and changes it with `change` as long as it is not answered.
fn race(number: u64, arg: u64, change: impl Fn(&mut Request), tell: impl Fn(i64)) {
    let request = guard().request();
    for _ in 0..200 {
        let seq = send(To::Broker, number, &[arg], &[]);
        for _ in 0..2_000_000_u64 {
            change(request);
            if request.done.load(SeqCst) == seq {
                break;
            }
        }
        tell(wait(seq));
    }
}

/// Double fetch: the process that is asked about changes once the broker has looked.
fn flip_args() {
    const INIT: u64 = 1;
    let own = post(GETPGID, &[0]);
    race(
        GETPGID,
        0,
        |request| unsafe { (&raw mut request.args[0]).write_volatile(INIT) },
        |got| {
            if got != own && got != -i64::from(libc::ESRCH) {
                breached("getpgid of another process", told(got));
            }
        },
    );
    held("getpgid(0) that turns into getpgid(1)", "answered as the one or refused as the other");
}

/// The number changes once the broker has looked: a harmless call turns into one that would be refused.
fn flip_number() {
    let parent = direct(GETPPID, &[]);
    race(
        libc::SYS_munlockall as u64,
        parent as u64,
        |request| unsafe { (&raw mut request.nr).write_volatile(GETPGID) },
        |got| {
            if got > 0 {
                breached("getpgid of another process in the place of munlockall", told(got));
            }
        },
    );
    held("munlockall that turns into getpgid of another process", "answered as the one or refused as the other");
}

/// The address of a connect changes once the broker has looked: the policy allows one port, not the other.
fn flip_address() {
    const ALLOWED: u16 = 7777;
    const DENIED: u16 = 8888;
    let address = |port: u16| {
        let [high, low] = port.to_be_bytes();
        [2, 0, high, low, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0_u8]
    };
    let socket = call(libc::SYS_socket as u64, &[2, 2, 0]);
    assert!(socket >= 0, "socket: {}", told(socket));
    let connect = |port| post_with(libc::SYS_connect as u64, &[socket as u64, 1, 16], &address(port));
    let (good, bad) = (connect(ALLOWED), connect(DENIED));
    assert!(good == 0 && bad < 0, "the policy is not that of this test: {}, {}", told(good), told(bad));
    let request = guard().request();
    let mut refusals = 0;
    for _ in 0..200 {
        let seq = send(To::Broker, libc::SYS_connect as u64, &[socket as u64, 1, 16], &address(ALLOWED));
        for _ in 0..2_000_000_u64 {
            unsafe { (&raw mut request.data[2]).cast::<u16>().write_volatile(DENIED.to_be()) };
            if request.done.load(SeqCst) == seq {
                break;
            }
        }
        refusals += u32::from(wait(seq) < 0);
        let (mut peer, mut len) = ([0_u8; 16], 16_u32);
        direct(libc::SYS_getpeername as u64, &[socket as u64, peer.as_mut_ptr() as u64, (&raw mut len) as u64]);
        if u16::from_be_bytes([peer[2], peer[3]]) == DENIED {
            breached("an address that changes", "connected where the policy does not allow it");
        }
    }
    held("an address that changes", format!("connected as allowed, or refused ({refusals} times)"));
}

/// Numbers that are none, or are more than their low bits.
fn numbers() {
    let openat = libc::SYS_openat as u64;
    let all = [
        u64::MAX,
        1 << 63,
        0xffff_ffff,
        512,
        511,
        470,
        335,
        1 << 32 | openat,
        1 << 32 | 39,
        0x4000_0000 | openat,
        0x4000_0027,
        0x8000_0000,
        547,
        1 << 62,
    ];
    for number in all {
        // The kernel looks at 32 bits of a number, and so does the shim: what that leaves is an ordinary call.
        if trampoline::syscall::find(number & 0xffff_ffff).is_none() {
            refused(&format!("call {number:#x} by the shim"), call(number, &[0, 0, 0, 0, 0, 0]));
        }
        refused(&format!("call {number:#x} posted"), post(number, &[0; 6]));
        refused(&format!("call {number:#x} direct"), direct(number, &[0; 6]));
    }
}

/// Calls without a standing grant, asked of the trustee.
fn ungranted() {
    let name = path("/etc/passwd");
    let at = libc::AT_FDCWD as u64;
    refused("openat direct", direct(libc::SYS_openat as u64, &[at, name, 0, 0]));
    refused("open direct", direct(libc::SYS_open as u64, &[name, 0, 0]));
}

/// All calls of the table that are not granted, asked of the trustee.
fn not_granted() {
    for row in SYSCALLS
        .iter()
        .filter(|row| !matches!(row.route, Route::Grant(_) | Route::Direct) && row.name != "rt_sigaction")
    {
        let result = direct(row.nr.into(), &[0; 6]);
        if result != -1 {
            breached(row.name, format!("the trustee answered {}", told(result)));
        }
    }
    held("all calls without a grant", "EPERM from the trustee");
}

/// Wakes the trustee without an order, and shows requests to the broker twice: nothing may be made twice.
fn replay() {
    let name = path("replayed");
    let fd = post_with(libc::SYS_memfd_create as u64, &[1, 0], b"replayed\0");
    let fd = if fd >= 0 { fd } else { call(libc::SYS_memfd_create as u64, &[name, 0]) };
    assert!(fd >= 0, "memfd_create: {}", told(fd));
    let request = guard().request();
    for _ in 0..100 {
        ring(fds::BELLS);
        ring(fds::BROKER_BELL);
        // The same again: `posted` as it stands, and stored anew.
        request.posted.store(request.posted.load(SeqCst), SeqCst);
        ring(fds::BROKER_BELL);
        assert!(direct(GETPPID, &[]) > 0);
    }
    let next = direct(libc::SYS_dup as u64, &[fd as u64]);
    if next != fd + 1 {
        breached("a replayed order", format!("the next fd after {fd} is {next}"));
    }
    held("wakes without an order, requests shown again", "nothing was made twice");
}

/// All state words set to junk, in all orders.
fn words() {
    let request = guard().request();
    let mut random = 0x1234_5678_9abc_def1_u64;
    for _ in 0..2000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let value = match random % 5 {
            0 => 0,
            1 => u32::MAX,
            2 => request.seq.load(SeqCst),
            3 => request.seq.load(SeqCst).wrapping_add(1),
            _ => (random >> 32) as u32,
        };
        let word = match random / 5 % 7 {
            0 => &request.done,
            1 => &request.sleeping,
            2 => &request.cancel,
            3 => &request.cancel_ack,
            4 => &request.answer,
            5 => &request.trustee_tid,
            _ => &request.seq,
        };
        word.store(value, SeqCst);
        if random.is_multiple_of(3) {
            ring(fds::BROKER_BELL);
        }
        if random.is_multiple_of(7) {
            ring(fds::BELLS);
        }
    }
    // Order restored, as far as an honest shim needs it.
    request.trustee_tid.store(0, SeqCst);
    request.seq.store(request.posted.load(SeqCst), SeqCst);
    let cancel = request.cancel_ack.load(SeqCst);
    request.cancel.store(cancel, SeqCst);
    let result = post(GETPGID, &[0]);
    if result < 0 {
        breached("junk in the state words", format!("afterwards getpgid gives {}", told(result)));
    }
    held("junk in the state words", "the broker goes on");
    futexes();
}

/// The words that the broker and the kernel wait on.
fn futexes() {
    let guard = guard();
    let request = guard.request();
    let fence = &raw const guard.constants().fence as u64;
    let death = &raw const request.tid_clear as u64;
    let mut own = 0_u32;
    let own = &raw mut own as u64;
    for (what, word) in [("the fence", fence), ("the word of our death", death), ("the guard's first word", guard.base)]
    {
        for (name, op) in [("WAKE", 1), ("WAKE private", 129), ("WAKE_BITSET", 10)] {
            refused(
                &format!("{name} of {what}"),
                direct(libc::SYS_futex as u64, &[word, op, 1, 0, 0, u64::from(u32::MAX)]),
            );
        }
        refused(&format!("WAKE_OP onto {what}"), direct(libc::SYS_futex as u64, &[own, 5, 0, 0, word, 0]));
        refused(&format!("REQUEUE onto {what}"), direct(libc::SYS_futex as u64, &[own, 3, 0, 1, word, 0]));
        refused(&format!("WAKE posted of {what}"), post(libc::SYS_futex as u64, &[word, 1, 1, 0, 0, 0]));
    }
    for op in [6, 7, 8, 11, 12, 13, 2, 14, 30] {
        refused(&format!("futex operation {op}"), direct(libc::SYS_futex as u64, &[own, op, 1, 0, own, 0]));
    }
}

/// The word that tells of this thread's death, written by hand.
fn own_death() {
    let request = guard().request();
    request.tid_clear.store(0, SeqCst);
    held("told the broker of our own death", "now waiting for it to be believed");
    // The broker's watcher is woken by the kernel only; a true death does that.
    gadget(libc::SYS_exit as u64, &[0]);
}

/// Results that are to land outside the request's slot.
fn fill() {
    let guard = guard();
    let next = guard.request_at(1) as *const u64;
    let slot = DATA_LEN as u64;
    for place in [slot - 2, slot - 1, slot, slot + 1, slot + 2, u64::MAX, u64::MAX - 2, 0, 1 << 32, 1 << 63] {
        for number in [libc::SYS_getcwd as u64, libc::SYS_newfstatat as u64, libc::SYS_readlink as u64] {
            let args = match number as i64 {
                libc::SYS_getcwd => [place, 4096, 0, 0, 0, 0],
                libc::SYS_newfstatat => [libc::AT_FDCWD as u64, 1, place, 0, 0, 0],
                _ => [1, place, 4096, 0, 0, 0],
            };
            post_with(number, &args, b"/proc/self/exe\0");
            if unsafe { next.read_volatile() } != 0 {
                breached(&format!("a result at {place:#x}"), "written into another thread's slot");
            }
        }
    }
    held("results beyond the slot", "not written");
}

/// Calls of the broker with random words: it must answer every one.
fn junk() {
    // What a random argument could rightly end or starve the program by.
    const NOT: [&str; 12] = [
        "kill",
        "tgkill",
        "tkill",
        "rt_sigqueueinfo",
        "rt_tgsigqueueinfo",
        "setrlimit",
        "prlimit64",
        "close_range",
        "timer_create",
        "wait4",
        "waitid",
        "execve",
    ];
    let rows: Vec<_> = SYSCALLS
        .iter()
        .filter(|row| !matches!(row.route, Route::Direct | Route::Grant(_)) && !NOT.contains(&row.name))
        .collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut answers = 0;
    for round in 0..6000 {
        let row = rows[next() as usize % rows.len()];
        let args: Vec<u64> = (0..6)
            .map(|_| match next() % 8 {
                0 => 0,
                1 => next(),
                2 => u64::MAX - next() % 4096,
                3 => next() % (1 << 32),
                4 => guard().base + next() % 0x10_0000,
                5 => DATA_LEN as u64 - next() % 64,
                _ => next() % 64,
            })
            .collect();
        let len = [0, 1, 7, 200, DATA_LEN as u64, u64::MAX, DATA_LEN as u64 + 1][round % 7];
        let data: Vec<u8> = (0..len.min(300)).map(|_| next() as u8).collect();
        let request = guard().request();
        let seq = send(To::Broker, row.nr.into(), &args, &data);
        unsafe { (&raw mut request.data_len).write_volatile(len) };
        wait(seq);
        answers += 1;
    }
    held("requests full of junk", format!("{answers} answers"));
}

/// Dies with a request under way: the broker must notice, and end what is left.
fn die_meanwhile() {
    held("a request posted and nobody there to be answered", "now waiting for the broker");
    send(To::Broker, GETPGID, &[0], &[]);
    gadget(libc::SYS_exit as u64, &[0]);
}

/// More requests than anybody could want, unwaited for.
fn flood() {
    for round in 0..20_000 {
        send(To::Broker, if round % 2 == 0 { GETPGID } else { 9999 }, &[0], &[]);
    }
    let last = post(GETPGID, &[0]);
    if last < 0 {
        breached("a flood of requests", told(last));
    }
    held("a flood of requests", "the last is answered");
}

/// Fills the bell by which the broker wakes us, so that its write would have to wait for room.
fn full_bell() {
    fill_bell(fds::BELLS + 1);
    let request = guard().request();
    let seq = send(To::Broker, 9999, &[], &[]);
    let mut patience = 0_u64;
    while request.done.load(SeqCst) != seq {
        patience += 1;
        if patience > 1 << 31 {
            breached("a full bell", "no answer");
        }
    }
    // If the broker hangs in its write now, then the one thing that is ours alone to do, to die, goes unnoticed.
    held("a full bell", "answered; now waiting for our death to be noticed");
    gadget(libc::SYS_exit as u64, &[0]);
}

/// Fills a bell to where the next write would wait for room: a pipe's, with its 65536 bytes.
fn fill_bell(offset: u32) {
    let mut bytes = vec![1_u8; 65536];
    let (fd, at) = (guard().fd_low() + u64::from(offset), bytes.as_mut_ptr() as u64);
    // Emptied first, which takes something to read, so that the write is not the one to wait.
    write_bell(offset, 1);
    gadget(libc::SYS_read as u64, &[fd, at, 65536]);
    held("a bell filled", told(gadget(libc::SYS_write as u64, &[fd, at, 65536])));
}

/// Keeps the trustee asleep, fills its bell, asks for something that only it can do, and dies.
fn busy_trustee() {
    let hour = [3600_u64, 0];
    send(To::Trustee, libc::SYS_nanosleep as u64, &[&raw const hour as u64, 0], &[]);
    // Let it take the call.
    let request = guard().request();
    while request.direct.load(SeqCst) != 0 {
        std::hint::spin_loop();
    }
    fill_bell(fds::BELLS);
    for _ in 0..3 {
        send(To::Broker, GETPGID, &[0], &[]);
    }
    for _ in 0..3_000_000_u64 {
        std::hint::spin_loop();
    }
    held("a trustee that sleeps behind a full bell", "now waiting for our death to be noticed");
    gadget(libc::SYS_exit as u64, &[0]);
}
