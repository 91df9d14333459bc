//! chmod(2), chown(2), utimensat(2), extended attributes.

use crate::raw::{BAD, file, opened, path};
use crate::{Probe, probe};
use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

pub(crate) const PROBES: &[Probe] = &[
    probe("attributes.mode", mode),
    probe("attributes.owner", owner),
    probe("attributes.times", times),
    probe("attributes.extended", extended),
];

fn mode() {
    file("f", "");
    std::os::unix::fs::symlink("f", "link").unwrap();
    let now = || format!("{:o}", std::fs::metadata("f").unwrap().permissions().mode());
    say!("chmod", sys!(SYS_chmod, c"f".as_ptr(), 0o4751));
    println!("{}", now());
    say!("through a link", sys!(SYS_chmod, c"link".as_ptr(), 0o640));
    println!("{}", now());
    say!("fchmod", sys!(SYS_fchmod, opened("f", 0), 0o604));
    println!("{}", now());
    say!("fchmodat", sys!(SYS_fchmodat, AT_FDCWD, c"f".as_ptr(), 0o600));
    say!("absent", sys!(SYS_chmod, c"absent".as_ptr(), 0o600));
    say!("not mine", sys!(SYS_chmod, c"/etc/passwd".as_ptr(), 0o644));
    say!("closed", sys!(SYS_fchmod, 999, 0o600));
    say!("mode 0", sys!(SYS_chmod, c"f".as_ptr(), 0));
    say!("then open", crate::raw::open("f", 0, 0));
}

fn owner() {
    file("f", "");
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    say!("to myself", sys!(SYS_chown, c"f".as_ptr(), uid, gid));
    say!("unchanged", sys!(SYS_chown, c"f".as_ptr(), -1, -1));
    say!("fchown", sys!(SYS_fchown, opened("f", 0), uid, -1));
    say!("lchown", sys!(SYS_lchown, c"f".as_ptr(), -1, gid));
    say!("fchownat", sys!(SYS_fchownat, AT_FDCWD, c"f".as_ptr(), uid, gid, AT_SYMLINK_NOFOLLOW));
    say!("not mine", sys!(SYS_chown, c"/etc/passwd".as_ptr(), uid, gid));
    say!("absent", sys!(SYS_chown, c"absent".as_ptr(), uid, gid));
}

fn times() {
    file("f", "");
    std::os::unix::fs::symlink("f", "link").unwrap();
    let stamp = |sec, nsec| libc::timespec { tv_sec: sec, tv_nsec: nsec };
    let now = |name: &str| {
        let found = std::fs::symlink_metadata(name).unwrap();
        format!("{}.{} {}.{}", found.atime(), found.atime_nsec(), found.mtime(), found.mtime_nsec())
    };
    let set = |name: &str, times: [libc::timespec; 2], flags: i32| {
        sys!(SYS_utimensat, AT_FDCWD, path(name).as_ptr(), times.as_ptr(), flags)
    };
    say!("set", set("f", [stamp(1000, 5), stamp(2000, 6)], 0));
    println!("{}", now("f"));
    say!("omit one", set("f", [stamp(0, libc::UTIME_OMIT), stamp(3000, 0)], 0));
    println!("{}", now("f"));
    say!("the link itself", set("link", [stamp(7, 0), stamp(8, 0)], AT_SYMLINK_NOFOLLOW));
    println!("{} {}", now("f"), now("link").ends_with(" 8.0"));
    say!("too many nanoseconds", set("f", [stamp(1, 2_000_000_000), stamp(1, 0)], 0));
    say!("absent", set("absent", [stamp(1, 0), stamp(1, 0)], 0));
    let times = [stamp(50, 0), stamp(60, 0)];
    say!("by fd", sys!(SYS_utimensat, opened("f", 0), 0, times.as_ptr(), 0));
    println!("{}", now("f"));
    say!("bad address", sys!(SYS_utimensat, AT_FDCWD, c"f".as_ptr(), BAD, 0));
    say!("to now", sys!(SYS_utimensat, AT_FDCWD, c"f".as_ptr(), 0, 0));
    println!("now {}", std::fs::metadata("f").unwrap().mtime() > 1_600_000_000);
    let seconds = [11i64, 22];
    say!("utime", sys!(SYS_utime, c"f".as_ptr(), seconds.as_ptr()));
    let micros = [33i64, 1, 44, 2];
    say!("utimes", sys!(SYS_utimes, c"f".as_ptr(), micros.as_ptr()));
    println!("{}", now("f"));
    say!("not mine", set("/etc/passwd", [stamp(1, 0), stamp(1, 0)], 0));
}

fn extended() {
    file("f", "");
    let (name, value) = (c"user.probe".as_ptr(), c"value".as_ptr());
    let mut buffer = [0u8; 64];
    say!("set", sys!(SYS_setxattr, c"f".as_ptr(), name, value, 5, 0));
    say!("set, must be new", sys!(SYS_setxattr, c"f".as_ptr(), name, value, 5, libc::XATTR_CREATE));
    say!("get", sys!(SYS_getxattr, c"f".as_ptr(), name, buffer.as_mut_ptr(), 64));
    println!("{:?}", std::str::from_utf8(&buffer[..5]));
    say!("get its size", sys!(SYS_getxattr, c"f".as_ptr(), name, 0, 0));
    say!("get, too small", sys!(SYS_getxattr, c"f".as_ptr(), name, buffer.as_mut_ptr(), 2));
    say!("get another", sys!(SYS_getxattr, c"f".as_ptr(), c"user.absent".as_ptr(), buffer.as_mut_ptr(), 64));
    say!("fget", sys!(SYS_fgetxattr, opened("f", 0), name, buffer.as_mut_ptr(), 64));
    say!("list", sys!(SYS_listxattr, c"f".as_ptr(), buffer.as_mut_ptr(), 64));
    println!("{:?}", std::str::from_utf8(&buffer[..11]));
    say!("remove", sys!(SYS_removexattr, c"f".as_ptr(), name));
    say!("remove again", sys!(SYS_removexattr, c"f".as_ptr(), name));
    say!("trusted", sys!(SYS_setxattr, c"f".as_ptr(), c"trusted.x".as_ptr(), value, 5, 0));
    say!("no such space", sys!(SYS_setxattr, c"f".as_ptr(), c"nonsense.x".as_ptr(), value, 5, 0));
    say!("empty name", sys!(SYS_getxattr, c"f".as_ptr(), c"".as_ptr(), buffer.as_mut_ptr(), 64));
    say!(
        "long name",
        sys!(SYS_getxattr, c"f".as_ptr(), path(&format!("user.{}", "x".repeat(300))).as_ptr(), buffer.as_mut_ptr(), 64)
    );
    say!("bad name address", sys!(SYS_getxattr, c"f".as_ptr(), BAD, buffer.as_mut_ptr(), 64));
    say!("to a bad address", sys!(SYS_setxattr, c"f".as_ptr(), name, BAD, 5, 0));
    // What ls -l asks for every file.
    say!(
        "capabilities",
        sys!(SYS_lgetxattr, c"/usr/bin/env".as_ptr(), c"security.capability".as_ptr(), buffer.as_mut_ptr(), 64)
    );
}
