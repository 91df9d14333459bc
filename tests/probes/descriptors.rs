//! dup(2) and relatives, close(2), close_range(2), fcntl(2), pipe(2), ioctl(2).

use crate::raw::{BAD, file, opened, pipe, told, well};
use crate::{Probe, probe};

pub(crate) const PROBES: &[Probe] = &[
    probe("descriptors.dup", dup),
    probe("descriptors.close", close),
    probe("descriptors.close_range", close_range),
    probe("descriptors.fcntl", fcntl),
    probe("descriptors.pipe", pipes),
    probe("descriptors.ioctl", ioctl),
    probe("descriptors.limit", limit),
    probe("descriptors.high", high),
];

fn dup() {
    file("f", "0123");
    let fd = opened("f", 0);
    let copy = sys!(SYS_dup, fd);
    say!("dup", copy);
    let mut buffer = [0u8; 2];
    sys!(SYS_read, fd, buffer.as_mut_ptr(), 2);
    say!("one position", sys!(SYS_lseek, copy, 0, libc::SEEK_CUR));
    say!("dup2", sys!(SYS_dup2, fd, 20));
    say!("dup2 onto itself", sys!(SYS_dup2, fd, fd));
    say!("dup2 of a closed one onto itself", sys!(SYS_dup2, 999, 999));
    say!("dup2 to -1", sys!(SYS_dup2, fd, -1));
    say!("dup3 with O_CLOEXEC", sys!(SYS_dup3, fd, 21, libc::O_CLOEXEC));
    say!("its flag", sys!(SYS_fcntl, 21, libc::F_GETFD));
    say!("dup3 onto itself", sys!(SYS_dup3, fd, fd, 0));
    say!("dup3, unknown flag", sys!(SYS_dup3, fd, 22, 1));
    say!("dup of a closed one", sys!(SYS_dup, 999));
    let (from, to) = pipe(0);
    say!("stdout to a pipe and back", {
        let kept = sys!(SYS_dup, 1);
        sys!(SYS_dup2, to, 1);
        let put = sys!(SYS_write, 1, c"piped".as_ptr(), 5);
        sys!(SYS_dup2, kept, 1);
        sys!(SYS_close, kept);
        put
    });
    let mut buffer = [0u8; 8];
    say!("read", sys!(SYS_read, from, buffer.as_mut_ptr(), 8));
}

fn close() {
    let fd = opened("/dev/null", 0);
    say!("close", sys!(SYS_close, fd));
    say!("again", sys!(SYS_close, fd));
    say!("-1", sys!(SYS_close, -1));
    say!("a large one", sys!(SYS_close, i32::MAX));
    say!("stderr", sys!(SYS_close, 2));
    say!("stdin", sys!(SYS_close, 0));
    say!("reused", i64::from(opened("/dev/null", 0)));
}

fn close_range() {
    for _ in 0..8 {
        opened("/dev/null", 0);
    }
    say!("5 to 7", sys!(SYS_close_range, 5, 7, 0));
    println!("{:?}", (3..12).map(|fd| told(sys!(SYS_fcntl, fd, libc::F_GETFD))).collect::<Vec<_>>());
    say!("close on exec", sys!(SYS_close_range, 8, 9, libc::CLOSE_RANGE_CLOEXEC));
    println!("{:?}", (3..12).map(|fd| told(sys!(SYS_fcntl, fd, libc::F_GETFD))).collect::<Vec<_>>());
    say!("wrong way round", sys!(SYS_close_range, 9, 8, 0));
    say!("unknown flag", sys!(SYS_close_range, 3, 4, 64));
    say!("all from 3", sys!(SYS_close_range, 3, u32::MAX, 0));
    println!("{:?}", (3..12).map(|fd| told(sys!(SYS_fcntl, fd, libc::F_GETFD))).collect::<Vec<_>>());
    say!("life goes on", i64::from(opened("/dev/null", 0)));
}

fn fcntl() {
    let fd = opened("/dev/null", libc::O_RDWR);
    say!("F_DUPFD from 30", sys!(SYS_fcntl, fd, libc::F_DUPFD, 30));
    say!("F_DUPFD_CLOEXEC from 30", sys!(SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, 30));
    say!("F_GETFD", sys!(SYS_fcntl, 31, libc::F_GETFD));
    say!("F_SETFD", sys!(SYS_fcntl, 31, libc::F_SETFD, 0));
    say!("F_GETFD", sys!(SYS_fcntl, 31, libc::F_GETFD));
    say!("F_DUPFD from -1", sys!(SYS_fcntl, fd, libc::F_DUPFD, -1));
    say!("F_DUPFD beyond the limit", sys!(SYS_fcntl, fd, libc::F_DUPFD, 1 << 30));
    let (from, to) = pipe(0);
    say!("F_SETFL O_NONBLOCK", sys!(SYS_fcntl, from, libc::F_SETFL, libc::O_NONBLOCK));
    say!("F_GETFL", sys!(SYS_fcntl, from, libc::F_GETFL));
    let mut byte = 0u8;
    say!("read", sys!(SYS_read, from, &raw mut byte, 1));
    say!("F_GETPIPE_SZ", sys!(SYS_fcntl, to, libc::F_GETPIPE_SZ));
    say!("F_SETPIPE_SZ", sys!(SYS_fcntl, to, libc::F_SETPIPE_SZ, 8192));
    say!("F_GETOWN", sys!(SYS_fcntl, from, libc::F_GETOWN));
    say!("unknown", sys!(SYS_fcntl, fd, 12345));
    say!("closed", sys!(SYS_fcntl, 999, libc::F_GETFD));
}

fn pipes() {
    let mut ends = [0i32; 2];
    say!("pipe", sys!(SYS_pipe, ends.as_mut_ptr()));
    println!("{ends:?}");
    say!("pipe2", sys!(SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK));
    println!("{ends:?}");
    say!("flags", sys!(SYS_fcntl, ends[0], libc::F_GETFL));
    say!("fd flags", sys!(SYS_fcntl, ends[1], libc::F_GETFD));
    say!("unknown flag", sys!(SYS_pipe2, ends.as_mut_ptr(), 1));
    say!("bad address", sys!(SYS_pipe2, BAD, 0));
    // Nothing may leak from the call that failed.
    say!("next fd", i64::from(opened("/dev/null", 0)));
    let data = vec![1u8; 100_000];
    say!("fill", sys!(SYS_write, ends[1], data.as_ptr(), data.len()));
    say!("no room", sys!(SYS_write, ends[1], data.as_ptr(), 1));
}

fn ioctl() {
    file("f", "0123456789");
    let (from, to) = pipe(0);
    let mut size = [0u16; 4];
    let mut count = 0i32;
    for (what, fd) in [
        ("a pipe", from),
        ("a file", opened("f", 0)),
        ("stdin", 0),
        ("stdout", 1),
        ("/dev/null", opened("/dev/null", 0)),
        ("closed", 999),
    ] {
        say!(format!("TIOCGWINSZ on {what}"), sys!(SYS_ioctl, fd, libc::TIOCGWINSZ, size.as_mut_ptr()));
        let mut terminal = [0u8; 64];
        say!(format!("TCGETS on {what}"), sys!(SYS_ioctl, fd, libc::TCGETS, terminal.as_mut_ptr()));
    }
    sys!(SYS_write, to, c"abc".as_ptr(), 3);
    say!("FIONREAD", sys!(SYS_ioctl, from, libc::FIONREAD, &raw mut count));
    println!("{count}");
    say!("FIONREAD on a file", sys!(SYS_ioctl, opened("f", 0), libc::FIONREAD, &raw mut count));
    println!("{count}");
    count = 1;
    say!("FIONBIO", sys!(SYS_ioctl, from, libc::FIONBIO, &raw const count));
    say!("flags", sys!(SYS_fcntl, from, libc::F_GETFL));
    say!("FIOCLEX", sys!(SYS_ioctl, from, libc::FIOCLEX));
    say!("fd flags", sys!(SYS_fcntl, from, libc::F_GETFD));
    say!("FIONCLEX", sys!(SYS_ioctl, from, libc::FIONCLEX));
    say!("unknown", sys!(SYS_ioctl, from, 0x1234_5678));
    say!("bad address", sys!(SYS_ioctl, from, libc::FIONREAD, BAD));
}

fn limit() {
    let mut limit = libc::rlimit { rlim_cur: 20, rlim_max: 0 };
    let mut old = limit;
    say!("get", sys!(SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, &raw mut old));
    limit.rlim_max = old.rlim_max;
    say!("set", sys!(SYS_prlimit64, 0, libc::RLIMIT_NOFILE, &raw const limit, 0));
    let count = (0..100).take_while(|_| crate::raw::open("/dev/null", 0, 0) >= 0).count();
    println!("{count} files more");
    say!("open", crate::raw::open("/dev/null", 0, 0));
    say!("dup", sys!(SYS_dup, 0));
    let mut ends = [0i32; 2];
    say!("pipe", sys!(SYS_pipe2, ends.as_mut_ptr(), 0));
    say!("dup2 beyond", sys!(SYS_dup2, 0, 20));
    say!("one less", sys!(SYS_close, 10));
    say!("one more", crate::raw::open("/dev/null", 0, 0));
}

/// As many descriptors as a busy program has, all of them usable.
fn high() {
    let fds: Vec<i64> = (0..900).map(|_| crate::raw::open("/dev/zero", 0, 0)).collect();
    println!("{} to {}", told(fds[0]), told(fds[899]));
    let mut byte = 1u8;
    println!("{}", fds.iter().filter(|fd| sys!(SYS_read, **fd, &raw mut byte, 1) == 1).count());
    say!("dup2 to 1000", sys!(SYS_dup2, 0, 1000));
    say!("well", well(sys!(SYS_close, 1000)));
}
