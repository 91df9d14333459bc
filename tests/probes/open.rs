//! open(2) and its flags and errors.

use crate::raw::{BAD, file, open, opened, path, well};
use crate::{Probe, probe};
use libc::{
    O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC,
    O_WRONLY,
};

pub(crate) const PROBES: &[Probe] = &[
    probe("open.flags", flags),
    probe("open.errors", errors),
    probe("open.at", at),
    probe("open.openat2", openat2),
    probe("open.tmpfile", tmpfile),
    probe("open.path_only", path_only),
    probe("open.devices", devices),
    probe("open.lowest", lowest),
    probe("open.umask", umask),
    probe("open.proc", proc),
];

fn flags() {
    say!("absent", open("f", O_RDONLY, 0));
    say!("create", open("f", O_CREAT | O_EXCL | O_WRONLY, 0o600));
    say!("create again, exclusively", open("f", O_CREAT | O_EXCL | O_WRONLY, 0o600));
    say!("create again", open("f", O_CREAT | O_WRONLY, 0o600));
    file("f", "0123456789");
    let append = opened("f", O_APPEND | O_RDWR);
    sys!(SYS_lseek, append, 0, 0);
    say!("append", sys!(SYS_write, append, c"ab".as_ptr(), 2));
    say!("position", sys!(SYS_lseek, append, 0, libc::SEEK_CUR));
    println!("{:?}", std::fs::read_to_string("f"));
    let read_only = opened("f", O_RDONLY);
    say!("write to a read-only fd", sys!(SYS_write, read_only, c"ab".as_ptr(), 2));
    let truncated = opened("f", O_TRUNC | O_RDWR);
    say!("length after O_TRUNC", sys!(SYS_lseek, truncated, 0, libc::SEEK_END));
    say!("status flags", sys!(SYS_fcntl, append, libc::F_GETFL));
    say!("fd flags", sys!(SYS_fcntl, opened("f", O_CLOEXEC), libc::F_GETFD));
    say!("fd flags without", sys!(SYS_fcntl, read_only, libc::F_GETFD));
    say!("SYS_open", well(sys!(SYS_open, path("f").as_ptr(), O_RDONLY)));
    say!("SYS_creat", well(sys!(SYS_creat, path("g").as_ptr(), 0o600)));
}

fn errors() {
    file("f", "x");
    std::fs::create_dir("d").unwrap();
    std::os::unix::fs::symlink("f", "link").unwrap();
    std::os::unix::fs::symlink("nowhere", "dangling").unwrap();
    std::os::unix::fs::symlink("loop", "loop").unwrap();
    let long = "n".repeat(256);
    let longer = format!("./{}", "n/".repeat(2100));
    for (what, name, flags) in [
        ("empty", "", O_RDONLY),
        ("a file as directory", "f/x", O_RDONLY),
        ("a file with a slash behind", "f/", O_RDONLY),
        ("a directory with a slash behind", "d/", O_RDONLY),
        ("a new file with a slash behind", "new/", O_CREAT | O_WRONLY),
        ("O_DIRECTORY on a file", "f", O_DIRECTORY),
        ("O_DIRECTORY on a directory", "d", O_DIRECTORY),
        ("write to a directory", "d", O_WRONLY),
        ("create a directory that is there", "d", O_CREAT | O_WRONLY),
        ("O_NOFOLLOW on a link", "link", O_NOFOLLOW),
        ("O_NOFOLLOW|O_PATH on a link", "link", O_NOFOLLOW | O_PATH),
        ("through a link", "link", O_RDONLY),
        ("a dangling link", "dangling", O_RDONLY),
        ("exclusively through a dangling link", "dangling", O_CREAT | O_EXCL | O_WRONLY),
        ("create through a dangling link", "dangling", O_CREAT | O_WRONLY),
        ("which made its target", "nowhere", O_RDONLY),
        ("a loop", "loop", O_RDONLY),
        ("below a loop", "loop/x", O_RDONLY),
        ("a name too long", &long, O_RDONLY),
        ("a path too long", &longer, O_RDONLY),
        ("up from the root", "/../../../dev/null", O_RDONLY),
        ("dots and slashes", ".//./d/..//f", O_RDONLY),
        ("absent directory", "absent/f", O_CREAT | O_WRONLY),
        ("no permission", "/etc/shadow", O_RDONLY),
        ("not mine to write", "/etc/passwd", O_WRONLY),
        ("a new file where I may not", "/etc/new", O_CREAT | O_WRONLY),
        ("O_CREAT|O_DIRECTORY", "d2", O_CREAT | O_DIRECTORY),
    ] {
        let fd = open(name, flags, 0o644);
        say!(what, well(fd));
        sys!(SYS_close, fd);
    }
    say!("a path at a bad address", sys!(SYS_openat, libc::AT_FDCWD, BAD, 0));
    say!("a path at NULL", sys!(SYS_openat, libc::AT_FDCWD, 0, 0));
}

fn at() {
    std::fs::create_dir("d").unwrap();
    file("d/f", "x");
    let dir = opened("d", O_DIRECTORY);
    let plain = opened("d/f", O_RDONLY);
    let from = |fd: i32, name: &str| well(sys!(SYS_openat, fd, path(name).as_ptr(), O_RDONLY));
    say!("name in the directory", from(dir, "f"));
    say!("up and down", from(dir, "../d/f"));
    say!("absolute with a closed fd", from(999, "/dev/null"));
    say!("relative with a closed fd", from(999, "f"));
    say!("relative to a file", from(plain, "f"));
    say!("empty", from(dir, ""));
    let only = opened("d", O_PATH | O_DIRECTORY);
    say!("relative to an O_PATH fd", from(only, "f"));
    std::fs::remove_file("d/f").unwrap();
    std::fs::remove_dir("d").unwrap();
    say!("in a removed directory", from(dir, "f"));
    say!("the removed directory", from(dir, "."));
}

fn openat2() {
    #[repr(C)]
    struct How(u64, u64, u64, u64);
    std::fs::create_dir("d").unwrap();
    file("d/f", "x");
    std::os::unix::fs::symlink("/dev/null", "d/out").unwrap();
    let dir = opened("d", O_DIRECTORY);
    let with =
        |name: &str, how: How, size: usize| well(sys!(SYS_openat2, dir, path(name).as_ptr(), &raw const how, size));
    say!("plain", with("f", How(0, 0, 0, 0), 24));
    say!("beneath", with("f", How(0, 0, libc::RESOLVE_BENEATH, 0), 24));
    say!("beneath, up", with("../d/f", How(0, 0, libc::RESOLVE_BENEATH, 0), 24));
    say!("no links", with("out", How(0, 0, libc::RESOLVE_NO_SYMLINKS, 0), 24));
    say!("mode without O_CREAT", with("f", How(0, 0o644, 0, 0), 24));
    say!("unknown flag", with("f", How(1 << 60, 0, 0, 0), 24));
    say!("size 0", with("f", How(0, 0, 0, 0), 0));
    say!("size 32, zero behind", with("f", How(0, 0, 0, 0), 32));
    say!("size 32, more behind", with("f", How(0, 0, 0, 1), 32));
    say!("how at a bad address", sys!(SYS_openat2, dir, c"f".as_ptr(), BAD, 24));
}

fn tmpfile() {
    let fd = open(".", O_TMPFILE | O_RDWR, 0o600);
    say!("make", well(fd));
    say!("write", sys!(SYS_write, fd, c"abc".as_ptr(), 3));
    say!(
        "give it a name",
        sys!(
            SYS_linkat,
            libc::AT_FDCWD,
            path(&format!("/proc/self/fd/{fd}")).as_ptr(),
            libc::AT_FDCWD,
            c"named".as_ptr(),
            libc::AT_SYMLINK_FOLLOW
        )
    );
    println!("{:?}", std::fs::read_to_string("named"));
    say!("read-only", open(".", O_TMPFILE | O_RDONLY, 0o600));
    say!("in a place I may not write to", well(open("/usr", O_TMPFILE | O_RDWR, 0o600)));
}

fn path_only() {
    file("f", "abc");
    let fd = opened("f", O_PATH);
    let mut buffer = [0u8; 4];
    say!("read", sys!(SYS_read, fd, buffer.as_mut_ptr(), 4));
    say!("lseek", sys!(SYS_lseek, fd, 0, 0));
    say!("fchmod", sys!(SYS_fchmod, fd, 0o600));
    say!("flags", sys!(SYS_fcntl, fd, libc::F_GETFL));
    say!("dup", well(sys!(SYS_dup, fd)));
    let again = open(&format!("/proc/self/fd/{fd}"), O_RDONLY, 0);
    say!("reopen", well(again));
    say!("read that", sys!(SYS_read, again, buffer.as_mut_ptr(), 4));
}

fn devices() {
    let mut buffer = [1u8; 4];
    let null = opened("/dev/null", O_RDWR);
    say!("null read", sys!(SYS_read, null, buffer.as_mut_ptr(), 4));
    say!("null write", sys!(SYS_write, null, buffer.as_ptr(), 4));
    say!("zero read", sys!(SYS_read, opened("/dev/zero", 0), buffer.as_mut_ptr(), 4));
    println!("{buffer:?}");
    say!("urandom read", sys!(SYS_read, opened("/dev/urandom", 0), buffer.as_mut_ptr(), 4));
    say!("full write", sys!(SYS_write, opened("/dev/full", O_WRONLY), buffer.as_ptr(), 4));
    say!("no terminal", open("/dev/tty", O_RDWR, 0));
}

/// New descriptors get the lowest free number.
fn lowest() {
    let fds: Vec<i32> = (0..6).map(|_| opened("/dev/null", 0)).collect();
    println!("{fds:?}");
    sys!(SYS_close, fds[1]);
    sys!(SYS_close, fds[4]);
    say!("first gap", open(".", 0, 0));
    say!("second gap", sys!(SYS_dup, 0));
    say!("behind", sys!(SYS_epoll_create1, 0));
    sys!(SYS_close, 0);
    say!("zero", open("/dev/null", 0, 0));
}

fn umask() {
    let mode = |name: &str| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(name).unwrap().permissions());
    say!("old mask", sys!(SYS_umask, 0o027));
    opened("a", O_CREAT | O_WRONLY);
    say!("mkdir", sys!(SYS_mkdir, c"b".as_ptr(), 0o777));
    say!("mask", sys!(SYS_umask, 0o77777));
    opened("c", O_CREAT | O_WRONLY);
    println!("{:o} {:o} {:o}", mode("a"), mode("b"), mode("c"));
    say!("only nine bits count", sys!(SYS_umask, 0));
}

/// What programs commonly read about themselves.
fn proc() {
    let words =
        |name: &str| std::fs::read_to_string(name).map(|text| text.split_whitespace().next().unwrap_or("").to_owned());
    println!("comm {:?}", words("/proc/self/comm"));
    println!("status {:?}", words("/proc/self/status"));
    println!(
        "maps are there {}",
        std::fs::read_to_string("/proc/self/maps").is_ok_and(|text| text.contains("[stack]"))
    );
    println!(
        "stat begins with my pid {}",
        words("/proc/self/stat").is_ok_and(|word| word == std::process::id().to_string())
    );
    println!("by pid {}", words(&format!("/proc/{}/stat", std::process::id())).is_ok());
    println!(
        "cmdline {:?}",
        std::fs::read_to_string("/proc/self/cmdline").map(|text| text.split('\0').nth(1).map(str::to_owned))
    );
    println!("meminfo {:?}", words("/proc/meminfo"));
    println!("cpuinfo {:?}", words("/proc/cpuinfo"));
    println!("overcommit {}", words("/proc/sys/vm/overcommit_memory").is_ok());
    println!("mine {}", std::fs::read_dir("/proc/self/fd").is_ok_and(|list| list.count() >= 4));
}
