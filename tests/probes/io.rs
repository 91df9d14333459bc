//! read(2), write(2), their vectored and positioned relatives, lseek(2).

use crate::raw::{BAD, HIGH, open, opened, pipe};
use crate::{Probe, probe};

pub(crate) const PROBES: &[Probe] = &[
    probe("io.read_write", read_write),
    probe("io.stdin", stdin),
    probe("io.vectors", vectors),
    probe("io.positioned", positioned),
    probe("io.seek", seek),
    probe("io.partly_mapped", partly_mapped),
    probe("io.wide_fd", wide_fd),
    probe("io.large", large),
];

fn read_write() {
    let (from, to) = pipe(0);
    let mut buffer = [0u8; 16];
    say!("write 5", sys!(SYS_write, to, c"hello".as_ptr(), 5));
    say!("read 3", sys!(SYS_read, from, buffer.as_mut_ptr(), 3));
    say!("read the rest", sys!(SYS_read, from, buffer.as_mut_ptr(), 16));
    println!("got {:?}", std::str::from_utf8(&buffer[..2]));
    say!("write nothing", sys!(SYS_write, to, c"".as_ptr(), 0));
    say!("read nothing", sys!(SYS_read, from, buffer.as_mut_ptr(), 0));
    say!("read from the writing end", sys!(SYS_read, to, buffer.as_mut_ptr(), 1));
    say!("write to the reading end", sys!(SYS_write, from, buffer.as_ptr(), 1));
    say!("read from fd 999", sys!(SYS_read, 999, buffer.as_mut_ptr(), 1));
    say!("read from fd -1", sys!(SYS_read, -1, buffer.as_mut_ptr(), 1));
    say!("write to fd 999", sys!(SYS_write, 999, buffer.as_ptr(), 1));
    sys!(SYS_write, to, c"x".as_ptr(), 1);
    say!("read to a bad address", sys!(SYS_read, from, BAD, 1));
    say!("read to a kernel address", sys!(SYS_read, from, HIGH, 1));
    say!("read to NULL", sys!(SYS_read, from, 0, 1));
    say!("write from a bad address", sys!(SYS_write, to, BAD, 1));
    say!("write from a kernel address", sys!(SYS_write, to, HIGH, 1));
    say!("a size below zero", sys!(SYS_read, from, buffer.as_mut_ptr(), -1));
    say!("the byte is still there", sys!(SYS_read, from, buffer.as_mut_ptr(), 1));
    say!("read a directory", sys!(SYS_read, opened("/", libc::O_RDONLY), buffer.as_mut_ptr(), 1));
    sys!(SYS_close, from);
    // Rust's runtime ignores SIGPIPE.
    say!("write to a pipe nobody reads", sys!(SYS_write, to, c"x".as_ptr(), 1));
    let (from, to) = pipe(libc::O_NONBLOCK);
    say!("read an empty pipe without waiting", sys!(SYS_read, from, buffer.as_mut_ptr(), 1));
    sys!(SYS_close, to);
    say!("read at the end", sys!(SYS_read, from, buffer.as_mut_ptr(), 1));
}

fn stdin() {
    let mut all = Vec::new();
    let mut buffer = [0u8; 4];
    loop {
        let count = sys!(SYS_read, 0, buffer.as_mut_ptr(), 4);
        if count <= 0 {
            say!("ended by", count);
            break;
        }
        all.extend_from_slice(&buffer[..count as usize]);
    }
    println!("{:?}", String::from_utf8(all));
}

fn vectors() {
    let (from, to) = pipe(0);
    let (mut a, mut b) = (*b"abc", *b"defgh");
    let mut parts = [
        libc::iovec { iov_base: a.as_mut_ptr().cast(), iov_len: 3 },
        libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: 5 },
    ];
    say!("writev", sys!(SYS_writev, to, parts.as_ptr(), 2));
    parts.reverse();
    say!("readv", sys!(SYS_readv, from, parts.as_ptr(), 2));
    println!("{:?} {:?}", std::str::from_utf8(&a), std::str::from_utf8(&b));
    say!("no parts", sys!(SYS_writev, to, parts.as_ptr(), 0));
    say!("-1 parts", sys!(SYS_writev, to, parts.as_ptr(), -1));
    say!("too many parts", sys!(SYS_writev, to, parts.as_ptr(), 1025));
    say!("parts at a bad address", sys!(SYS_writev, to, BAD, 1));
    say!("parts at NULL", sys!(SYS_readv, from, 0, 1));
    parts[0].iov_len = usize::MAX;
    say!("a part longer than memory", sys!(SYS_writev, to, parts.as_ptr(), 2));
    parts[0] = libc::iovec { iov_base: BAD.cast(), iov_len: 2 };
    say!("the first part is at a bad address", sys!(SYS_writev, to, parts.as_ptr(), 2));
    let fd = opened("vectors", libc::O_CREAT | libc::O_RDWR);
    parts[0] = libc::iovec { iov_base: a.as_mut_ptr().cast(), iov_len: 3 };
    parts[1] = libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: 5 };
    say!("pwritev at 2", sys!(SYS_pwritev, fd, parts.as_ptr(), 2, 2, 0));
    say!("preadv at 0", sys!(SYS_preadv, fd, parts.as_ptr(), 2, 0, 0));
    println!("{:?} {:?}", std::str::from_utf8(&a), std::str::from_utf8(&b));
    say!("preadv2, unknown flag", sys!(SYS_preadv2, fd, parts.as_ptr(), 2, 0, 0, 0x4000_0000));
    say!("preadv2 at the file position", sys!(SYS_preadv2, fd, parts.as_ptr(), 1, -1, -1, 0));
}

fn positioned() {
    let fd = opened("file", libc::O_CREAT | libc::O_RDWR);
    let mut buffer = [0u8; 8];
    say!("pwrite at 3", sys!(SYS_pwrite64, fd, c"abc".as_ptr(), 3, 3));
    say!("pread at 4", sys!(SYS_pread64, fd, buffer.as_mut_ptr(), 8, 4));
    println!("{buffer:?}");
    say!("pread behind the end", sys!(SYS_pread64, fd, buffer.as_mut_ptr(), 8, 100));
    say!("pread at -1", sys!(SYS_pread64, fd, buffer.as_mut_ptr(), 8, -1));
    say!("pread to a bad address", sys!(SYS_pread64, fd, BAD, 3, 0));
    say!("pwrite from a bad address", sys!(SYS_pwrite64, fd, BAD, 3, 0));
    say!("the position has not moved", sys!(SYS_lseek, fd, 0, libc::SEEK_CUR));
    let (from, _) = pipe(0);
    say!("pread from a pipe", sys!(SYS_pread64, from, buffer.as_mut_ptr(), 1, 0));
    say!("pread from a directory", sys!(SYS_pread64, opened(".", 0), buffer.as_mut_ptr(), 1, 0));
}

fn seek() {
    let fd = opened("file", libc::O_CREAT | libc::O_RDWR);
    say!("truncate to 10000", sys!(SYS_ftruncate, fd, 10000));
    say!("set 5", sys!(SYS_lseek, fd, 5, libc::SEEK_SET));
    say!("current -2", sys!(SYS_lseek, fd, -2, libc::SEEK_CUR));
    say!("current -9", sys!(SYS_lseek, fd, -9, libc::SEEK_CUR));
    say!("end +7", sys!(SYS_lseek, fd, 7, libc::SEEK_END));
    say!("beyond 4 GB", sys!(SYS_lseek, fd, 5_000_000_000i64, libc::SEEK_SET));
    say!("hole", sys!(SYS_lseek, fd, 0, libc::SEEK_HOLE));
    say!("data behind the end", sys!(SYS_lseek, fd, 20000, libc::SEEK_DATA));
    say!("whence 9", sys!(SYS_lseek, fd, 0, 9));
    say!("pipe", sys!(SYS_lseek, pipe(0).0, 0, 0));
    say!("closed", sys!(SYS_lseek, 999, 0, 0));
    say!("/dev/null", sys!(SYS_lseek, opened("/dev/null", 0), 10, 0));
    say!("/dev/zero", sys!(SYS_lseek, opened("/dev/zero", 0), 10, 0));
}

/// Buffers that end where the mapping does: the kernel does what it can, or nothing.
fn partly_mapped() {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let start = sys!(SYS_mmap, 0, 8192, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
    assert!(start > 0);
    say!("unmap the second page", sys!(SYS_munmap, start + 4096, 4096));
    let (from, to) = pipe(0);
    say!("write across the edge", sys!(SYS_write, to, start + 4090, 20));
    let mut buffer = [0u8; 64];
    say!("fill", sys!(SYS_write, to, buffer.as_ptr(), 64));
    say!("read across the edge", sys!(SYS_read, from, start + 4090, 20));
    say!("what is left", sys!(SYS_read, from, buffer.as_mut_ptr(), 64));
    let fd = opened("file", libc::O_CREAT | libc::O_RDWR);
    say!("pwrite across the edge", sys!(SYS_pwrite64, fd, start + 4090, 20, 0));
    say!("stat to the edge", sys!(SYS_fstat, fd, start + 4090));
    // A path that runs into the edge without its NUL.
    unsafe { std::ptr::with_exposed_provenance_mut::<u8>((start + 4095) as usize).write(b'f') };
    say!("a path without an end", sys!(SYS_openat, libc::AT_FDCWD, start + 4095, 0));
    unsafe { std::ptr::with_exposed_provenance_mut::<[u8; 2]>((start + 4094) as usize).write(*b".\0") };
    say!("a path that just fits", crate::raw::well(sys!(SYS_openat, libc::AT_FDCWD, start + 4094, 0)));
}

/// The kernel looks at the lower half of an fd only.
fn wide_fd() {
    let (from, to) = pipe(0);
    let wide = |fd: i32| 0xdead_0000_0000_0000u64 | fd as u64;
    let mut buffer = [0u8; 4];
    say!("write", sys!(SYS_write, wide(to), c"abc".as_ptr(), 3));
    say!("fcntl", sys!(SYS_fcntl, wide(to), libc::F_GETFD));
    say!("lseek", sys!(SYS_lseek, wide(to), 0, 0));
    say!("read", sys!(SYS_read, wide(from), buffer.as_mut_ptr(), 3));
    say!("close", sys!(SYS_close, wide(from)));
    say!("close again", sys!(SYS_close, from));
}

fn large() {
    let data: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let fd = opened("large", libc::O_CREAT | libc::O_RDWR);
    say!("write 3 MB", sys!(SYS_write, fd, data.as_ptr(), data.len()));
    let mut back = vec![0u8; data.len() + 10];
    say!("pread 3 MB", sys!(SYS_pread64, fd, back.as_mut_ptr(), back.len(), 0));
    println!("equal {}", back[..data.len()] == data[..]);
    say!("open once more", open("large", libc::O_RDONLY, 0));
}
