//! File descriptors: nurse's own, inherited ones, ones that do not arrive.

use trampoline::layout::fds;

use crate::Attack;
use crate::forge::{To, direct, guard, post, read_bell, send, wait, write_bell};
use crate::raw::{breached, call, content, gadget, held, open, path, refused, told};

pub(crate) const ATTACKS: &[Attack] = &[
    ("fds.inherited", inherited),
    ("fds.doorbells", doorbells),
    ("fds.stolen-message", stolen_message),
    ("fds.reserved-direct", || reserved(direct, "direct")),
    ("fds.reserved-posted", || reserved(post, "posted")),
    ("fds.full-table", full_table),
    ("fds.reopen", reopen),
];

type Way = fn(u64, &[u64]) -> i64;

/// Whatever the one who started nurse had open: the suite leaves a file and a directory.
fn inherited() {
    for fd in 3..1024_u64 {
        let mut text = [0_u8; 32];
        let read = gadget(libc::SYS_read as u64, &[fd, text.as_mut_ptr() as u64, 32]);
        if read >= 0 {
            breached(&format!("fd {fd}"), format!("read {:?}", String::from_utf8_lossy(&text[..read as usize])));
        }
        let flags = direct(libc::SYS_fcntl as u64, &[fd, 1, 0]);
        let up = call(libc::SYS_openat as u64, &[fd, path(".."), 0, 0]);
        if flags >= 0 || up >= 0 {
            breached(&format!("fd {fd}"), format!("open (flags {}, .. {})", told(flags), told(up)));
        }
    }
    held("fds 3 to 1023", "closed");
}

/// Writes and reads nurse's bells and its socket as strict mode allows: they must carry nothing.
fn doorbells() {
    let low = guard().fd_low();
    for round in 0..2000 {
        write_bell(fds::BROKER_BELL, 1 + round);
        write_bell(fds::BELLS, 1);
        write_bell(fds::BELLS + 1, 1);
        read_bell();
    }
    let junk = [0xa5_u8; 4096];
    for len in [0_u64, 1, 7, 8, 9, 4096] {
        held(&format!("{len} bytes to the broker's bell"), told(gadget(1, &[low, junk.as_ptr() as u64, len])));
    }
    // Nobody reads the channel at its other end; what fits in its buffer is lost.
    let mut sent = 0;
    for _ in 0..4 {
        sent += i64::from(gadget(1, &[low + u64::from(fds::CHANNEL), junk.as_ptr() as u64, 64]) > 0);
    }
    held("messages to the broker's end of the channel", format!("{sent} taken by the kernel, read by nobody"));
}

/// Reads the message that brings an fd, before the trustee can take it: the fd must be lost, and nothing mixed up after it.
fn stolen_message() {
    let time = [0_u64, 300_000_000];
    send(To::Trustee, libc::SYS_nanosleep as u64, &[time.as_ptr() as u64, 0], &[]);
    while guard().request().direct.load(std::sync::atomic::Ordering::SeqCst) != 0 {
        std::hint::spin_loop();
    }
    let seq = send(To::Broker, libc::SYS_openat as u64, &[libc::AT_FDCWD as u64, 1, 0, 0], b"/etc/passwd\0");
    let mut byte = 0_u64;
    let got = gadget(libc::SYS_read as u64, &[guard().fd_low() + u64::from(fds::CHANNEL), &raw mut byte as u64, 8]);
    held("the message of an fd, read by hand", told(got));
    let fd = wait(seq);
    if fd >= 0 {
        breached("an open whose fd was thrown away", format!("gave {fd}"));
    }
    held("an open whose fd was thrown away", told(fd));
    let next = content("alive");
    if next.as_deref() != Ok("alive\n") {
        breached("the next open", format!("{next:?}"));
    }
}

/// Closing, replacing and copying nurse's fds.
fn reserved(way: Way, how: &str) {
    let low = guard().fd_low();
    let own = open("alive", libc::O_RDONLY) as u64;
    for offset in [1, 0, 2, 3, 4, 100] {
        for high in [0, 1 << 32] {
            let fd = (low + offset) | high;
            let told = |name: &str| format!("{name} of {fd:#x} {how}");
            if offset < 4 {
                refused(&told("dup"), way(libc::SYS_dup as u64, &[fd]));
                refused(&told("dup2 from"), way(libc::SYS_dup2 as u64, &[fd, own]));
                refused(&told("F_DUPFD"), way(libc::SYS_fcntl as u64, &[fd, 0, 3]));
                refused(&told("F_SETFD"), way(libc::SYS_fcntl as u64, &[fd, 2, 1]));
                refused(&told("fstat"), way(libc::SYS_fstat as u64, &[fd, (&raw const RESULT) as u64]));
                refused(&told("epoll_ctl"), way(libc::SYS_epoll_ctl as u64, &[own, 1, fd, 0]));
                refused(&told("recvfrom"), way(libc::SYS_recvfrom as u64, &[fd, 0, 0, 0x40, 0, 0]));
                refused(&told("F_SETFL"), post(libc::SYS_fcntl as u64, &[fd, 4, 0x800]));
                refused(&told("mmap"), way(libc::SYS_mmap as u64, &[0, 4096, 1, 1, fd, 0]));
                refused(&told("sendfile"), way(libc::SYS_sendfile as u64, &[fd, own, 0, 1]));
                refused(&told("splice"), way(libc::SYS_splice as u64, &[own, 0, fd, 0, 1, 0]));
            }
            refused(&told("dup2 onto"), way(libc::SYS_dup2 as u64, &[own, fd]));
            refused(&told("dup3 onto"), way(libc::SYS_dup3 as u64, &[own, fd, 0]));
            refused(&told("F_DUPFD from"), way(libc::SYS_fcntl as u64, &[own, 0, fd]));
            refused(&told("close"), way(libc::SYS_close as u64, &[fd]));
        }
    }
    let pid = call(libc::SYS_getpid as u64, &[]);
    for name in [format!("/proc/self/fd/{}", low + 1), format!("/proc/{pid}/fd/{low}"), format!("/dev/fd/{}", low + 2)]
    {
        refused(&format!("open of {name}"), open(&name, libc::O_RDWR));
    }
    // All that is above 2 may be closed by the program; ours must live on, which the end of every attack shows.
    held("close_range", told(call(libc::SYS_close_range as u64, &[3, u64::from(u32::MAX), 0])));
}

/// Room for what nobody looks at.
static RESULT: [std::sync::atomic::AtomicU64; 32] = [const { std::sync::atomic::AtomicU64::new(0) }; 32];

/// No number free for the fd that is to come: an error, not a success with somebody else's fd.
fn full_table() {
    let mut count = 0;
    let last = loop {
        let fd = direct(libc::SYS_dup as u64, &[1]);
        if fd < 0 {
            break fd;
        }
        count = fd;
    };
    held("the table of fds", format!("full behind {count}: {}", told(last)));
    for _ in 0..20 {
        let fd = open("alive", libc::O_RDONLY);
        if fd >= 0 {
            breached("an open without a free number", format!("gave {fd}"));
        }
    }
    held("opens without a free number", "refused");
    direct(libc::SYS_close as u64, &[count as u64]);
    // Not one of those that did not fit.
    let fd = open("/etc/passwd", libc::O_RDONLY);
    if fd != count {
        breached("the first free number", told(fd));
    }
    let mut text = [0_u8; 5];
    call(libc::SYS_read as u64, &[fd as u64, text.as_mut_ptr() as u64, 5]);
    if &text != b"root:" {
        breached("an open after that", "another file's fd arrived");
    }
    for fd in 3..=count {
        direct(libc::SYS_close as u64, &[fd as u64]);
    }
}

/// An fd to look by, or to read by, made into one to write by.
fn reopen() {
    for flags in [libc::O_PATH, libc::O_RDONLY] {
        let fd = open("../public/password", flags);
        assert!(fd >= 0, "{}", told(fd));
        let pid = call(libc::SYS_getpid as u64, &[]);
        for name in [format!("/proc/self/fd/{fd}"), format!("/dev/fd/{fd}"), format!("/proc/{pid}/task/{pid}/fd/{fd}")]
        {
            for more in [libc::O_RDWR, libc::O_WRONLY | libc::O_APPEND, libc::O_RDONLY | libc::O_TRUNC] {
                refused(&format!("{name} (open {flags:#x}) opened anew {more:#x}"), open(&name, more));
            }
        }
        let empty = path("");
        let at = [fd as u64, empty];
        refused("fchmod", call(libc::SYS_fchmod as u64, &[fd as u64, 0o777]));
        refused("fchmodat with an empty path", call(452, &[at[0], at[1], 0o777, 0x1000]));
        let onto = path("linked");
        refused("linkat of it", call(libc::SYS_linkat as u64, &[at[0], at[1], libc::AT_FDCWD as u64, onto, 0x1000]));
        refused("ftruncate of it", direct(libc::SYS_ftruncate as u64, &[fd as u64, 0]));
        refused("a write to it", gadget(libc::SYS_write as u64, &[fd as u64, onto, 3]));
    }
}
