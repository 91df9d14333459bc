//! unlink(2), rename(2), link(2), symlink(2), truncate(2), mknod(2).

use crate::raw::{BAD, file, opened, path};
use crate::{Probe, probe};
use libc::AT_FDCWD;

pub(crate) const PROBES: &[Probe] = &[
    probe("tree.unlink", unlink),
    probe("tree.rename", rename),
    probe("tree.link", link),
    probe("tree.symlink", symlink),
    probe("tree.truncate", truncate),
    probe("tree.mknod", mknod),
];

fn unlink() {
    file("f", "");
    std::fs::create_dir("d").unwrap();
    std::os::unix::fs::symlink("f", "link").unwrap();
    let unlink = |name: &str| sys!(SYS_unlink, path(name).as_ptr());
    say!("a link", unlink("link"));
    say!("with a slash", unlink("f/"));
    say!("a file", unlink("f"));
    say!("again", unlink("f"));
    say!("a directory", unlink("d"));
    say!("empty", unlink(""));
    say!("not mine", unlink("/etc/passwd"));
    say!("bad address", sys!(SYS_unlink, BAD));
    file("d/f", "");
    let dir = opened("d", libc::O_PATH);
    say!("unlinkat", sys!(SYS_unlinkat, dir, c"f".as_ptr(), 0));
    say!("unlinkat a directory", sys!(SYS_unlinkat, AT_FDCWD, c"d".as_ptr(), libc::AT_REMOVEDIR));
    say!("unknown flag", sys!(SYS_unlinkat, AT_FDCWD, c"d".as_ptr(), 1));
    file("g", "kept");
    let held = opened("g", 0);
    say!("remove an open file", unlink("g"));
    let mut buffer = [0u8; 4];
    say!("read it", sys!(SYS_read, held, buffer.as_mut_ptr(), 4));
}

fn rename() {
    file("a", "a");
    file("b", "b");
    std::fs::create_dir_all("d/sub").unwrap();
    std::fs::create_dir("empty").unwrap();
    std::os::unix::fs::symlink("a", "link").unwrap();
    let rename = |from: &str, to: &str| sys!(SYS_rename, path(from).as_ptr(), path(to).as_ptr());
    say!("over a file", rename("a", "b"));
    println!("{:?}", std::fs::read_to_string("b"));
    say!("absent", rename("a", "c"));
    say!("a file over a directory", rename("b", "empty"));
    say!("a directory over a file", rename("empty", "b"));
    say!("a directory over an empty one", rename("d/sub", "empty"));
    say!("a directory into itself", rename("d", "d/x"));
    say!("a file to a name with a slash", rename("b", "c/"));
    say!("a directory to a name with a slash", rename("empty", "moved/"));
    say!("a link itself", rename("link", "link2"));
    println!("{:?}", std::fs::read_link("link2"));
    say!("onto itself", rename("b", "b"));
    say!("a dot", rename(".", "x"));
    say!("to another file system", rename("b", "/dev/shm/probe-b"));
    say!("from a bad address", sys!(SYS_rename, BAD, c"x".as_ptr()));
    say!("to a bad address", sys!(SYS_rename, c"b".as_ptr(), BAD));
    let rename2 = |from: &str, to: &str, flags: u32| {
        sys!(SYS_renameat2, AT_FDCWD, path(from).as_ptr(), AT_FDCWD, path(to).as_ptr(), flags)
    };
    file("c", "c");
    say!("not over a file", rename2("b", "c", libc::RENAME_NOREPLACE));
    say!("exchange", rename2("b", "c", libc::RENAME_EXCHANGE));
    println!("{:?} {:?}", std::fs::read_to_string("b"), std::fs::read_to_string("c"));
    say!("exchange with nothing", rename2("b", "absent", libc::RENAME_EXCHANGE));
    say!("unknown flag", rename2("b", "c", 64));
    let (one, two) = (opened("d", libc::O_PATH), opened("moved", libc::O_PATH));
    file("d/x", "x");
    say!("renameat", sys!(SYS_renameat, one, c"x".as_ptr(), two, c"y".as_ptr()));
    println!("{:?}", std::fs::read_to_string("moved/y"));
}

fn link() {
    file("f", "x");
    std::fs::create_dir("d").unwrap();
    std::os::unix::fs::symlink("f", "soft").unwrap();
    let link = |from: &str, to: &str| sys!(SYS_link, path(from).as_ptr(), path(to).as_ptr());
    say!("link", link("f", "g"));
    say!("over something", link("f", "g"));
    say!("a directory", link("d", "e"));
    say!("absent", link("absent", "e"));
    say!("to another file system", link("f", "/dev/shm/probe-f"));
    say!("a link itself", link("soft", "soft2"));
    println!("{:?}", std::fs::read_link("soft2"));
    say!(
        "through a link",
        sys!(SYS_linkat, AT_FDCWD, c"soft".as_ptr(), AT_FDCWD, c"h".as_ptr(), libc::AT_SYMLINK_FOLLOW)
    );
    println!("links {:?}", std::os::unix::fs::MetadataExt::nlink(&std::fs::metadata("f").unwrap()));
    say!("unknown flag", sys!(SYS_linkat, AT_FDCWD, c"f".as_ptr(), AT_FDCWD, c"i".as_ptr(), 1));
}

fn symlink() {
    let symlink = |target: &str, name: &str| sys!(SYS_symlink, path(target).as_ptr(), path(name).as_ptr());
    say!("to nothing", symlink("nothing", "a"));
    say!("again", symlink("other", "a"));
    say!("empty target", symlink("", "b"));
    say!("empty name", symlink("x", ""));
    say!("a long target", symlink(&"t/".repeat(2000), "c"));
    say!("a target too long", symlink(&"t/".repeat(2100), "d"));
    say!("to the outside", symlink("/etc/passwd", "e"));
    println!("{:?}", std::fs::read_link("e"));
    say!("at", sys!(SYS_symlinkat, c"t".as_ptr(), opened(".", libc::O_PATH), c"f".as_ptr()));
    say!("name with a slash", symlink("x", "g/"));
    say!("bad target address", sys!(SYS_symlink, BAD, c"h".as_ptr()));
    say!("bad name address", sys!(SYS_symlink, c"h".as_ptr(), BAD));
}

fn truncate() {
    file("f", "0123456789");
    std::fs::create_dir("d").unwrap();
    let truncate = |name: &str, length: i64| sys!(SYS_truncate, path(name).as_ptr(), length);
    say!("shorter", truncate("f", 4));
    println!("{:?}", std::fs::read_to_string("f"));
    say!("longer", truncate("f", 6));
    println!("{:?}", std::fs::read("f"));
    say!("below zero", truncate("f", -1));
    say!("a directory", truncate("d", 0));
    say!("absent", truncate("absent", 0));
    say!("not mine", truncate("/etc/passwd", 0));
    say!("ftruncate", sys!(SYS_ftruncate, opened("f", libc::O_RDWR), 1));
    say!("ftruncate read-only", sys!(SYS_ftruncate, opened("f", 0), 1));
    say!("ftruncate closed", sys!(SYS_ftruncate, 999, 1));
    println!("{:?}", std::fs::read_to_string("f"));
}

fn mknod() {
    say!("fifo", sys!(SYS_mknod, c"fifo".as_ptr(), libc::S_IFIFO | 0o600, 0));
    say!("plain", sys!(SYS_mknod, c"plain".as_ptr(), libc::S_IFREG | 0o600, 0));
    say!("again", sys!(SYS_mknodat, AT_FDCWD, c"plain".as_ptr(), libc::S_IFREG | 0o600, 0));
    let fifo = opened("fifo", libc::O_RDWR);
    say!("write", sys!(SYS_write, fifo, c"abc".as_ptr(), 3));
    let mut buffer = [0u8; 4];
    say!("read", sys!(SYS_read, fifo, buffer.as_mut_ptr(), 4));
    say!("without a reader", {
        sys!(SYS_close, fifo);
        crate::raw::open("fifo", libc::O_WRONLY | libc::O_NONBLOCK, 0)
    });
}
