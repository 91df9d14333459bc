//! sendfile(2), copy_file_range(2), splice(2), fallocate(2), fsync(2), readahead and the like.

use crate::raw::{BAD, file, opened, pipe};
use crate::{Probe, probe};
use libc::{O_CREAT, O_RDONLY, O_RDWR};

pub(crate) const PROBES: &[Probe] = &[
    probe("transfer.sendfile", sendfile),
    probe("transfer.copy_file_range", copy_file_range),
    probe("transfer.splice", splice),
    probe("transfer.space", space),
    probe("transfer.locks", locks),
];

fn sendfile() {
    file("from", "0123456789");
    let (from, to) = (opened("from", O_RDONLY), opened("to", O_CREAT | O_RDWR));
    let mut offset = 3i64;
    say!("with offset", sys!(SYS_sendfile, to, from, &raw mut offset, 4));
    println!("offset {offset}");
    say!("at position", sys!(SYS_sendfile, to, from, 0, 100));
    println!("{:?}", std::fs::read_to_string("to"));
    say!("bad offset pointer", sys!(SYS_sendfile, to, from, BAD, 4));
    say!("closed", sys!(SYS_sendfile, to, 999, 0, 4));
    let (_, end) = pipe(0);
    offset = 0;
    say!("to a pipe", sys!(SYS_sendfile, end, from, &raw mut offset, 5));
}

fn copy_file_range() {
    file("from", "0123456789");
    let (from, to) = (opened("from", O_RDONLY), opened("to", O_CREAT | O_RDWR));
    let (mut a, mut b) = (2i64, 1i64);
    say!("with offsets", sys!(SYS_copy_file_range, from, &raw mut a, to, &raw mut b, 4, 0));
    println!("{a} {b}");
    say!("at positions", sys!(SYS_copy_file_range, from, 0, to, 0, 2, 0));
    println!("{:?}", std::fs::read("to"));
    say!("flags", sys!(SYS_copy_file_range, from, 0, to, 0, 2, 1));
    say!("to a read-only fd", sys!(SYS_copy_file_range, to, 0, from, 0, 2, 0));
}

fn splice() {
    file("from", "0123456789");
    let file = opened("from", O_RDONLY);
    let (from, to) = pipe(libc::O_NONBLOCK);
    let (from2, to2) = pipe(0);
    let mut buffer = [0u8; 16];
    let mut offset = 4i64;
    say!("file to pipe", sys!(SYS_splice, file, &raw mut offset, to, 0, 3, 0));
    say!("tee", sys!(SYS_tee, from, to2, 16, 0));
    say!("pipe to pipe", sys!(SYS_splice, from, 0, to2, 0, 16, 0));
    say!("read", sys!(SYS_read, from2, buffer.as_mut_ptr(), 16));
    println!("{:?}", std::str::from_utf8(&buffer[..6]));
    say!("file to file", sys!(SYS_splice, file, 0, file, 0, 3, 0));
    let part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 5 };
    say!("vmsplice", sys!(SYS_vmsplice, to, &raw const part, 1, 0));
    say!("read what vmsplice put", sys!(SYS_read, from, buffer.as_mut_ptr(), 16));
}

fn space() {
    let fd = opened("f", O_CREAT | O_RDWR);
    say!("fallocate", sys!(SYS_fallocate, fd, 0, 0, 8192));
    say!("length", sys!(SYS_lseek, fd, 0, libc::SEEK_END));
    say!("fallocate nothing", sys!(SYS_fallocate, fd, 0, 0, 0));
    say!("fsync", sys!(SYS_fsync, fd));
    say!("fdatasync", sys!(SYS_fdatasync, fd));
    say!("fadvise", sys!(SYS_fadvise64, fd, 0, 0, libc::POSIX_FADV_SEQUENTIAL));
    say!("fadvise unknown", sys!(SYS_fadvise64, fd, 0, 0, 99));
    say!("readahead", sys!(SYS_readahead, fd, 0, 4096));
    say!("fsync on a pipe", sys!(SYS_fsync, pipe(0).0));
    say!("fadvise on a pipe", sys!(SYS_fadvise64, pipe(0).0, 0, 0, 0));
}

fn locks() {
    let fd = opened("f", O_CREAT | O_RDWR);
    let other = opened("f", O_RDWR);
    say!("flock", sys!(SYS_flock, fd, libc::LOCK_EX));
    say!("flock by another fd", sys!(SYS_flock, other, libc::LOCK_EX | libc::LOCK_NB));
    say!("unlock", sys!(SYS_flock, fd, libc::LOCK_UN));
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as i16;
    lock.l_len = 10;
    say!("F_SETLK", sys!(SYS_fcntl, fd, libc::F_SETLK, &raw const lock));
    say!("F_GETLK of my own", sys!(SYS_fcntl, other, libc::F_GETLK, &raw mut lock));
    println!("type {} is F_UNLCK {}", lock.l_type, i32::from(lock.l_type) == libc::F_UNLCK);
    lock.l_type = libc::F_WRLCK as i16;
    say!("F_OFD_SETLK", sys!(SYS_fcntl, fd, libc::F_OFD_SETLK, &raw const lock));
    say!("F_OFD_SETLK by another", sys!(SYS_fcntl, other, libc::F_OFD_SETLK, &raw const lock));
    say!("bad pointer", sys!(SYS_fcntl, fd, libc::F_SETLK, BAD));
}
