//! poll(2), select(2), epoll(7), eventfd(2), timerfd(2), signalfd(2), futex(2), inotify(7).

use crate::raw::{BAD, pipe, told, well};
use crate::{Probe, probe};
use libc::{POLLHUP, POLLIN, POLLNVAL, POLLOUT, pollfd, timespec, timeval};

pub(crate) const PROBES: &[Probe] = &[
    probe("waiting.poll", poll),
    probe("waiting.ppoll", ppoll),
    probe("waiting.select", select),
    probe("waiting.epoll", epoll),
    probe("waiting.eventfd", eventfd),
    probe("waiting.timerfd", timerfd),
    probe("waiting.signalfd", signalfd),
    probe("waiting.futex", futex),
    probe("waiting.inotify", inotify),
];

fn poll() {
    let (from, to) = pipe(0);
    let mut fds = [pollfd { fd: from, events: POLLIN, revents: 9 }, pollfd { fd: to, events: POLLOUT, revents: 9 }];
    say!("writable", sys!(SYS_poll, fds.as_mut_ptr(), 2, -1));
    println!("{} {}", fds[0].revents, fds[1].revents == POLLOUT);
    say!("nothing, at once", sys!(SYS_poll, fds.as_mut_ptr(), 1, 0));
    say!("nothing, after 20 ms", sys!(SYS_poll, fds.as_mut_ptr(), 1, 20));
    sys!(SYS_write, to, c"x".as_ptr(), 1);
    say!("readable", sys!(SYS_poll, fds.as_mut_ptr(), 1, -1));
    sys!(SYS_close, to);
    say!("hung up", sys!(SYS_poll, fds.as_mut_ptr(), 1, -1));
    println!("{}", fds[0].revents == POLLIN | POLLHUP);
    fds[0].fd = 999;
    say!("closed", sys!(SYS_poll, fds.as_mut_ptr(), 1, -1));
    println!("{}", fds[0].revents == POLLNVAL);
    fds[0].fd = -1;
    say!("ignored", sys!(SYS_poll, fds.as_mut_ptr(), 1, 5));
    say!("no fds", sys!(SYS_poll, 0, 0, 5));
    say!("bad address", sys!(SYS_poll, BAD, 1, 0));
    say!("too many", sys!(SYS_poll, fds.as_mut_ptr(), 1u64 << 31, 0));
}

fn ppoll() {
    let (from, _to) = pipe(0);
    let mut fd = pollfd { fd: from, events: POLLIN, revents: 0 };
    let mut time = timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    let mask = 1u64 << (libc::SIGUSR1 - 1);
    say!("with a time", sys!(SYS_ppoll, &raw mut fd, 1, &raw mut time, 0, 0));
    println!("the time is used up {} {}", time.tv_sec, time.tv_nsec);
    time.tv_nsec = 5_000_000;
    say!("with a mask", sys!(SYS_ppoll, &raw mut fd, 1, &raw mut time, &raw const mask, 8));
    say!("a mask of 7 bytes", sys!(SYS_ppoll, &raw mut fd, 1, &raw mut time, &raw const mask, 7));
    say!("a mask at a bad address", sys!(SYS_ppoll, &raw mut fd, 1, &raw mut time, BAD, 8));
    time.tv_nsec = -1;
    say!("an impossible time", sys!(SYS_ppoll, &raw mut fd, 1, &raw mut time, 0, 0));
    say!("a time at a bad address", sys!(SYS_ppoll, &raw mut fd, 1, BAD, 0, 0));
}

fn select() {
    let (from, to) = pipe(0);
    let bit = |fd: i32| 1u64 << fd;
    let (mut read, mut write) = ([bit(from), 0], [bit(to), 0]);
    let mut time = timeval { tv_sec: 0, tv_usec: 20_000 };
    say!("select", sys!(SYS_select, 64, read.as_mut_ptr(), write.as_mut_ptr(), 0, &raw mut time));
    println!("{} {}", read[0], write[0] == bit(to));
    read[0] = bit(from);
    say!("time-out", sys!(SYS_select, 64, read.as_mut_ptr(), 0, 0, &raw mut time));
    println!("the time is used up {} {}", time.tv_sec, time.tv_usec);
    sys!(SYS_write, to, c"x".as_ptr(), 1);
    read[0] = bit(from);
    let spec = timespec { tv_sec: 1, tv_nsec: 0 };
    let (mask, size) = (0u64, 8u64);
    let pack = [(&raw const mask).expose_provenance() as u64, size];
    say!("pselect6", sys!(SYS_pselect6, 64, read.as_mut_ptr(), 0, 0, &raw const spec, pack.as_ptr()));
    say!("pselect6 without a mask", sys!(SYS_pselect6, 64, read.as_mut_ptr(), 0, 0, &raw const spec, 0));
    read[0] = bit(50);
    say!("closed", sys!(SYS_select, 64, read.as_mut_ptr(), 0, 0, 0));
    say!("-1 fds", sys!(SYS_select, -1, read.as_mut_ptr(), 0, 0, 0));
    say!("bad address", sys!(SYS_select, 64, BAD, 0, 0, &raw mut time));
    time.tv_usec = 1000;
    say!("only a time", sys!(SYS_select, 0, 0, 0, 0, &raw mut time));
}

fn epoll() {
    let (from, to) = pipe(0);
    let set = sys!(SYS_epoll_create1, libc::EPOLL_CLOEXEC);
    say!("make", well(set));
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0x1234_5678_9abc };
    say!("add", sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, from, &raw const event));
    say!("add again", sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, from, &raw const event));
    say!("add itself", sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, set, &raw const event));
    say!(
        "add a directory",
        sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, crate::raw::opened(".", 0), &raw const event)
    );
    say!("modify another", sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_MOD, to, &raw const event));
    event.u64 = 0;
    say!("nothing", sys!(SYS_epoll_wait, set, &raw mut event, 1, 10));
    sys!(SYS_write, to, c"x".as_ptr(), 1);
    say!("something", sys!(SYS_epoll_wait, set, &raw mut event, 1, -1));
    println!("{:x}", { event.u64 });
    say!("epoll_pwait", sys!(SYS_epoll_pwait, set, &raw mut event, 1, 0, 0, 8));
    let time = timespec { tv_sec: 0, tv_nsec: 1000 };
    say!("epoll_pwait2", sys!(SYS_epoll_pwait2, set, &raw mut event, 1, &raw const time, 0, 8));
    say!("remove", sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_DEL, from, 0));
    say!("no room", sys!(SYS_epoll_wait, set, &raw mut event, 0, 0));
    say!("bad address", sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, from, BAD));
    say!("no epoll fd", sys!(SYS_epoll_wait, from, &raw mut event, 1, 0));
    say!("epoll_create(0)", sys!(SYS_epoll_create, 0));
    say!("unknown flag", sys!(SYS_epoll_create1, 1));
}

fn eventfd() {
    let fd = sys!(SYS_eventfd2, 3, libc::EFD_NONBLOCK);
    say!("make", well(fd));
    let mut value = 0u64;
    say!("read", sys!(SYS_read, fd, &raw mut value, 8));
    println!("{value}");
    say!("read nothing", sys!(SYS_read, fd, &raw mut value, 8));
    value = u64::MAX;
    say!("write too much", sys!(SYS_write, fd, &raw const value, 8));
    say!("read 4 bytes", sys!(SYS_read, fd, &raw mut value, 4));
    say!("semaphore", well(sys!(SYS_eventfd2, 2, libc::EFD_SEMAPHORE)));
    say!("eventfd", well(sys!(SYS_eventfd, 0)));
    say!("unknown flag", sys!(SYS_eventfd2, 0, 2));
}

fn timerfd() {
    let fd = sys!(SYS_timerfd_create, libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC);
    say!("make", well(fd));
    let time = libc::itimerspec {
        it_interval: timespec { tv_sec: 0, tv_nsec: 5_000_000 },
        it_value: timespec { tv_sec: 0, tv_nsec: 1_000_000 },
    };
    say!("set", sys!(SYS_timerfd_settime, fd, 0, &raw const time, 0));
    let mut count = 0u64;
    say!("read", sys!(SYS_read, fd, &raw mut count, 8));
    println!("fired {}", count >= 1);
    let mut left = time;
    say!("get", sys!(SYS_timerfd_gettime, fd, &raw mut left));
    println!("interval {} value is less {}", left.it_interval.tv_nsec, left.it_value.tv_nsec <= 5_000_000);
    say!("bad clock", sys!(SYS_timerfd_create, 99, 0));
    say!("bad address", sys!(SYS_timerfd_settime, fd, 0, BAD, 0));
    say!("no timer", sys!(SYS_timerfd_gettime, 0, &raw mut left));
}

fn signalfd() {
    let mask = 1u64 << (libc::SIGUSR1 - 1);
    say!("block", sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8));
    let fd = sys!(SYS_signalfd4, -1, &raw const mask, 8, libc::SFD_NONBLOCK);
    say!("make", well(fd));
    let mut info = [0u32; 32];
    say!("nothing", sys!(SYS_read, fd, info.as_mut_ptr(), 128));
    say!("send", sys!(SYS_kill, std::process::id(), libc::SIGUSR1));
    say!("read", sys!(SYS_read, fd, info.as_mut_ptr(), 128));
    println!("signal {} from me {}", info[0], info[3] == std::process::id());
    say!("bad size", sys!(SYS_signalfd4, -1, &raw const mask, 4, 0));
    say!("bad address", sys!(SYS_signalfd4, -1, BAD, 8, 0));
}

fn futex() {
    let mut word = 5u32;
    let at = &raw mut word;
    let time = timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    let private = libc::FUTEX_PRIVATE_FLAG;
    say!("other value", sys!(SYS_futex, at, libc::FUTEX_WAIT | private, 4, 0));
    say!("time-out", sys!(SYS_futex, at, libc::FUTEX_WAIT | private, 5, &raw const time));
    say!("shared time-out", sys!(SYS_futex, at, libc::FUTEX_WAIT, 5, &raw const time));
    say!("wake nobody", sys!(SYS_futex, at, libc::FUTEX_WAKE | private, 1));
    say!(
        "bitset, time long past",
        sys!(SYS_futex, at, libc::FUTEX_WAIT_BITSET | private, 5, &raw const time, 0, u32::MAX)
    );
    say!("bitset 0", sys!(SYS_futex, at, libc::FUTEX_WAIT_BITSET | private, 5, &raw const time, 0, 0));
    say!(
        "bitset, realtime clock",
        sys!(
            SYS_futex,
            at,
            libc::FUTEX_WAIT_BITSET | private | libc::FUTEX_CLOCK_REALTIME,
            5,
            &raw const time,
            0,
            u32::MAX
        )
    );
    say!("requeue", sys!(SYS_futex, at, libc::FUTEX_CMP_REQUEUE | private, 1, 1, at, 5));
    say!("requeue, other value", sys!(SYS_futex, at, libc::FUTEX_CMP_REQUEUE | private, 1, 1, at, 6));
    say!("odd address", sys!(SYS_futex, at.wrapping_byte_add(1), libc::FUTEX_WAIT | private, 5, 0));
    say!("bad address", sys!(SYS_futex, 4096, libc::FUTEX_WAIT | private, 5, 0));
    say!("bad time address", sys!(SYS_futex, at, libc::FUTEX_WAIT | private, 5, BAD));
    say!("unknown operation", sys!(SYS_futex, at, 99, 5, 0));
    println!("{}", told(i64::from(word)));
}

fn inotify() {
    let fd = sys!(SYS_inotify_init1, libc::IN_NONBLOCK);
    say!("make", well(fd));
    say!("watch", sys!(SYS_inotify_add_watch, fd, c".".as_ptr(), libc::IN_CREATE));
    crate::raw::file("new", "");
    let mut buffer = [0u8; 256];
    say!("read", sys!(SYS_read, fd, buffer.as_mut_ptr(), 256));
    println!("{:?}", std::str::from_utf8(&buffer[16..19]));
    say!("watch what is absent", sys!(SYS_inotify_add_watch, fd, c"absent".as_ptr(), libc::IN_CREATE));
    say!("stop", sys!(SYS_inotify_rm_watch, fd, 1));
}
