//! stat(2) and relatives, access(2), statfs(2).

use crate::raw::{BAD, file, opened, path, pipe};
use crate::{Probe, probe};
use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW};

pub(crate) const PROBES: &[Probe] = &[
    probe("stat.stat", stat),
    probe("stat.at", at),
    probe("stat.statx", statx),
    probe("stat.access", access),
    probe("stat.filesystem", filesystem),
];

fn words(result: i64, found: &libc::stat) -> String {
    if result < 0 {
        return crate::raw::told(result);
    }
    format!(
        "mode {:o} links {} size {} uid is mine {}",
        found.st_mode,
        found.st_nlink,
        found.st_size,
        unsafe { libc::getuid() } == found.st_uid
    )
}

fn prepare() {
    file("f", "12345");
    std::fs::hard_link("f", "hard").unwrap();
    std::fs::create_dir("d").unwrap();
    std::os::unix::fs::symlink("f", "link").unwrap();
    std::os::unix::fs::symlink("nowhere", "dangling").unwrap();
}

fn stat() {
    prepare();
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    for name in ["f", "f/", "d", "d/", "link", "dangling", "absent", "f/x", "", "/", "/dev/null", "/usr/bin/env"] {
        println!("stat {name:?}: {}", words(sys!(SYS_stat, path(name).as_ptr(), &raw mut found), &found));
        println!("lstat {name:?}: {}", words(sys!(SYS_lstat, path(name).as_ptr(), &raw mut found), &found));
    }
    let fd = opened("f", 0);
    println!("fstat: {}", words(sys!(SYS_fstat, fd, &raw mut found), &found));
    println!("fstat of a pipe: {:o}", {
        sys!(SYS_fstat, pipe(0).0, &raw mut found);
        found.st_mode
    });
    say!("fstat closed", sys!(SYS_fstat, 999, &raw mut found));
    say!("fstat to a bad address", sys!(SYS_fstat, fd, BAD));
    say!("stat to a bad address", sys!(SYS_stat, c"f".as_ptr(), BAD));
    say!("stat of a bad address", sys!(SYS_stat, BAD, &raw mut found));
    let (mut a, mut b) = (found, found);
    sys!(SYS_stat, c"f".as_ptr(), &raw mut a);
    sys!(SYS_fstat, fd, &raw mut b);
    println!(
        "the same file {}",
        (a.st_dev, a.st_ino, a.st_mtime, a.st_mtime_nsec) == (b.st_dev, b.st_ino, b.st_mtime, b.st_mtime_nsec)
    );
}

fn at() {
    prepare();
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    let (dir, fd) = (opened(".", libc::O_PATH), opened("f", 0));
    let mut look = |what: &str, at: i32, name: &str, flags: i32| {
        println!("{what}: {}", words(sys!(SYS_newfstatat, at, path(name).as_ptr(), &raw mut found, flags), &found));
    };
    look("in a directory", dir, "f", 0);
    look("not following", dir, "link", AT_SYMLINK_NOFOLLOW);
    look("AT_EMPTY_PATH on a file", fd, "", AT_EMPTY_PATH);
    look("AT_EMPTY_PATH on the working directory", AT_FDCWD, "", AT_EMPTY_PATH);
    look("empty without the flag", fd, "", 0);
    look("AT_EMPTY_PATH with a name", dir, "f", AT_EMPTY_PATH);
    look("AT_NO_AUTOMOUNT", dir, "f", libc::AT_NO_AUTOMOUNT);
    look("unknown flag", dir, "f", 0x4_0000);
    look("closed", 999, "f", 0);
    look("below a file", fd, "f", 0);
    look("standard input", 0, "", AT_EMPTY_PATH);
    // An empty name at NULL is allowed with AT_EMPTY_PATH by newer kernels only: the same here and there.
    say!("no name at all", sys!(SYS_newfstatat, fd, 0, &raw mut found, AT_EMPTY_PATH));
}

fn statx() {
    prepare();
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    let mut look = |what: &str, at: i32, name: &str, flags: i32, mask: u32| {
        let result = sys!(SYS_statx, at, path(name).as_ptr(), flags, mask, &raw mut found);
        let basic = found.stx_mask & libc::STATX_BASIC_STATS == libc::STATX_BASIC_STATS;
        println!("{what}: {} {:o} {} {basic}", crate::raw::told(result), found.stx_mode, found.stx_size);
    };
    look("file", AT_FDCWD, "f", 0, libc::STATX_BASIC_STATS);
    look("link itself", AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, libc::STATX_BASIC_STATS);
    look("fd", opened("f", 0), "", AT_EMPTY_PATH, libc::STATX_BASIC_STATS);
    look("birth", AT_FDCWD, "f", 0, libc::STATX_ALL);
    look("sync both ways", AT_FDCWD, "f", 0x6000, libc::STATX_BASIC_STATS);
    look("reserved mask", AT_FDCWD, "f", 0, 0x8000_0000);
    look("absent", AT_FDCWD, "absent", 0, libc::STATX_BASIC_STATS);
    say!("NULL name", sys!(SYS_statx, AT_FDCWD, 0, 0, libc::STATX_BASIC_STATS, &raw mut found));
    say!("to a bad address", sys!(SYS_statx, AT_FDCWD, c"f".as_ptr(), 0, libc::STATX_BASIC_STATS, BAD));
}

fn access() {
    prepare();
    sys!(SYS_chmod, c"f".as_ptr(), 0o400);
    for (name, mode) in [
        ("f", 0),
        ("f", 4),
        ("f", 2),
        ("f", 1),
        ("d", 7),
        ("absent", 0),
        ("dangling", 0),
        ("/etc/shadow", 4),
        ("/etc/shadow", 0),
        ("/usr/bin/env", 1),
        ("/usr", 2),
        ("f", 8),
        ("", 0),
    ] {
        say!(format!("access {name:?} {mode}"), sys!(SYS_access, path(name).as_ptr(), mode));
    }
    let faccessat2 = |name: &str, flags: i32| sys!(SYS_faccessat2, AT_FDCWD, path(name).as_ptr(), 0, flags);
    say!("faccessat", sys!(SYS_faccessat, AT_FDCWD, c"f".as_ptr(), 4));
    say!("faccessat2 dangling itself", faccessat2("dangling", AT_SYMLINK_NOFOLLOW));
    say!("faccessat2 AT_EACCESS", faccessat2("f", libc::AT_EACCESS));
    say!("faccessat2 unknown flag", faccessat2("f", 0x40000));
    say!("bad address", sys!(SYS_access, BAD, 0));
}

fn filesystem() {
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    say!("statfs", sys!(SYS_statfs, c".".as_ptr(), &raw mut found));
    let here = found.f_type;
    say!("fstatfs", sys!(SYS_fstatfs, opened(".", 0), &raw mut found));
    println!("the same type {}", here == found.f_type);
    say!("statfs /proc", sys!(SYS_statfs, c"/proc".as_ptr(), &raw mut found));
    println!("proc {}", found.f_type == libc::PROC_SUPER_MAGIC);
    say!("absent", sys!(SYS_statfs, c"absent".as_ptr(), &raw mut found));
    say!("to a bad address", sys!(SYS_statfs, c".".as_ptr(), BAD));
    say!("fstatfs to a bad address", sys!(SYS_fstatfs, opened(".", 0), BAD));
    say!("closed", sys!(SYS_fstatfs, 999, &raw mut found));
}
