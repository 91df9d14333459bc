//! Paths: races, links, magic links, names. The suite's policy denies everything below `secret`, allows writing here alone, and
//! has a helper outside of the sandbox that exchanges `racing` for a link to `secret`, over and over.

use std::sync::atomic::Ordering::SeqCst;

use crate::Attack;
use crate::forge::{To, direct, guard, send, wait};
use crate::raw::{breached, call, content, held, open, path, refused, told};

pub(crate) const ATTACKS: &[Attack] = &[
    ("paths.race", race),
    ("paths.links", links),
    ("paths.truncate", truncate),
    ("paths.proc", proc),
    ("paths.names", names),
    ("paths.kinds", kinds),
];

const HERE: u64 = libc::AT_FDCWD as u64;

/// What nobody in the sandbox may ever see.
const SECRET: &str = "swordfish";

fn not_secret(what: &str, got: Result<String, i64>) {
    match got {
        Ok(text) if text.contains(SECRET) => breached(what, "read the secret"),
        Ok(text) => held(what, format!("{} bytes of something else", text.len())),
        Err(error) => held(what, told(error)),
    }
}

/// A directory that is now what the policy allows and now a link to what it denies.
fn race() {
    let (mut public, mut refused, mut rounds) = (0, 0, 0);
    // Both have to be seen, or there was no race.
    while rounds < 1000 || (rounds < 20_000 && (public < 20 || refused < 20)) {
        rounds += 1;
        match content("racing/password") {
            Ok(text) if text.contains(SECRET) => breached("racing/password", "read the secret"),
            Ok(_) => public += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(public >= 20 && refused >= 20, "no race: {public} times what is allowed, {refused} times refused");
    held("racing/password", format!("{public} times what is allowed, {refused} times refused"));
}

/// Names that lead to what is denied.
fn links() {
    let target = "../secret/password";
    for name in [target, "./../secret//password", "../secret/../secret/password", "../public/../secret/./password"] {
        not_secret(name, content(name));
    }
    call(libc::SYS_symlinkat as u64, &[path(target), HERE, path("link")]);
    not_secret("a symbolic link", content("link"));
    call(libc::SYS_symlinkat as u64, &[path("link"), HERE, path("link2")]);
    not_secret("a link to a link", content("link2"));
    call(libc::SYS_symlinkat as u64, &[path("../secret"), HERE, path("directory")]);
    not_secret("a link to the directory", content("directory/password"));
    for (number, args) in [
        (libc::SYS_linkat, [HERE, path(target), HERE, path("hard"), 0]),
        (libc::SYS_linkat, [HERE, path("link"), HERE, path("hard"), 0x400]),
        (libc::SYS_renameat, [HERE, path(target), HERE, path("moved"), 0]),
        (libc::SYS_renameat2, [HERE, path(target), HERE, path("alive"), 2]),
        (libc::SYS_renameat, [HERE, path("../secret"), HERE, path("moved"), 0]),
        (libc::SYS_renameat, [HERE, path("alive"), HERE, path(target), 0]),
        (libc::SYS_unlinkat, [HERE, path(target), 0, 0, 0]),
        (libc::SYS_symlinkat, [path("x"), HERE, path("../secret/x"), 0, 0]),
        (libc::SYS_mkdirat, [HERE, path("../secret/x"), 0o777, 0, 0]),
        (libc::SYS_fchmodat, [HERE, path(target), 0o777, 0, 0]),
        (libc::SYS_truncate, [path(target), 0, 0, 0, 0]),
    ] {
        refused(&format!("call {number} upon the secret"), call(number as u64, &args));
    }
    not_secret("a hard link", content("hard"));
    not_secret("a moved file", content("moved/password"));
    let directory = open("../secret", libc::O_PATH | libc::O_DIRECTORY);
    if directory >= 0 {
        let fd = call(libc::SYS_openat as u64, &[directory as u64, path("password"), 0, 0]);
        refused("openat from an O_PATH fd of the directory", fd);
    }
    let moved = call(libc::SYS_chdir as u64, &[path("../secret")]);
    not_secret(&format!("its own name after chdir ({})", told(moved)), content("password"));
    call(libc::SYS_chdir as u64, &[path("../scratch")]);
}

/// An open that would change a file by the way.
fn truncate() {
    for flags in [
        libc::O_WRONLY | libc::O_TRUNC,
        libc::O_RDWR | libc::O_TRUNC,
        libc::O_RDONLY | libc::O_TRUNC,
        libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
        libc::O_WRONLY | libc::O_APPEND,
    ] {
        refused(&format!("open {flags:#x} of the secret"), open("../secret/password", flags));
        refused(&format!("open {flags:#x} of what may be read"), open("../public/password", flags));
        refused(&format!("open {flags:#x} of a new file outside"), open("../new", flags | libc::O_CREAT));
    }
    refused("creat", call(libc::SYS_creat as u64, &[path("../public/password"), 0o666]));
}

/// /proc: the broker's own must not be taken for ours, magic links lead nowhere else, levers do not exist.
fn proc() {
    let pid = call(libc::SYS_getpid as u64, &[]);
    let parent = direct(libc::SYS_getppid as u64, &[]);
    for name in [
        "/proc/self/status",
        "/proc/thread-self/status",
        "/proc/self/root/proc/self/status",
        "/proc/self/task/../status",
    ] {
        let status = content(name).unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("Tgid:")).map(str::trim);
        if told != Some(&pid.to_string()) {
            breached(name, format!("is about process {told:?}, we are {pid}"));
        }
        held(name, "is about us");
    }
    for name in
        ["environ", "status", "maps", "cmdline", "exe", "cwd", "root", "mem", "fd", "fd/0", "task", "ns/mnt", "stat"]
    {
        for who in
            [parent.to_string(), "1".to_owned(), format!("self/root/proc/{parent}"), format!("{pid}/../{parent}")]
        {
            let name = format!("/proc/{who}/{name}");
            refused(&name, open(&name, libc::O_RDONLY));
            let mut room = [0_u8; 64];
            let link = call(libc::SYS_readlinkat as u64, &[HERE, path(&name), room.as_mut_ptr() as u64, 64]);
            refused(&format!("{name} as a link"), link);
        }
    }
    for lever in [
        "mem",
        "clear_refs",
        "pagemap",
        "syscall",
        "stack",
        "ns/net",
        "ns/pid",
        "attr/current",
        "setgroups",
        "uid_map",
        "map_files",
        "personality",
        "patch_state",
        "timerslack_ns",
        "projid_map",
        "auxv/..",
        "ns",
    ] {
        for who in ["self".to_owned(), "thread-self".to_owned(), pid.to_string(), format!("self/task/{pid}")] {
            for flags in [libc::O_RDONLY, libc::O_RDWR, libc::O_PATH] {
                let name = format!("/proc/{who}/{lever}");
                refused(&format!("{name} {flags:#x}"), open(&name, flags));
            }
        }
    }
    for name in ["/proc/self/comm", "/proc/self/oom_score_adj", "/proc/self/coredump_filter", "/proc/self/loginuid"] {
        if !name.ends_with("comm") {
            refused(&format!("{name} to write"), open(name, libc::O_WRONLY));
        }
    }
    for name in ["/proc/kcore", "/proc/kmsg", "/proc/sysrq-trigger", "/proc/kpageflags"] {
        refused(name, open(name, libc::O_RDWR));
    }
    refused("/proc/sys to write", open("/proc/sys/kernel/core_pattern", libc::O_WRONLY));
    // A directory of procfs as a start: what lies in it is no freer for it.
    let directory = open("/proc/self", libc::O_PATH | libc::O_DIRECTORY);
    if directory >= 0 {
        refused("mem from an fd of /proc/self", call(libc::SYS_openat as u64, &[directory as u64, path("mem"), 2, 0]));
        let up = format!("../{parent}/status");
        refused(
            "the broker from an fd of /proc/self",
            call(libc::SYS_openat as u64, &[directory as u64, path(&up), 0, 0]),
        );
    }
    for name in
        ["/proc/self/root/../../secret", "/proc/self/cwd/../secret/password", "/dev/fd/../cwd/../secret/password"]
    {
        not_secret(name, content(name));
    }
    let how = [0_u64; 3];
    for name in ["/proc/self/exe/../../mem", "/proc/self/fd/0/../mem"] {
        let fd = call(libc::SYS_openat2 as u64, &[HERE, path(name), how.as_ptr() as u64, 24]);
        refused(&format!("openat2 of {name}"), fd);
    }
}

/// Names that deceive who reads the messages about them.
fn names() {
    for name in [
        "../secret/\nnurse: all is well",
        "../secret/\x1b[2J\x1b[1;1Hhello",
        "../secret/\r\u{202e}x",
        "../secret/\x07\u{9b}2J",
    ] {
        refused(&format!("{name:?}"), open(name, libc::O_RDONLY));
    }
    let long = "x/".repeat(3000);
    refused("a very long name", open(&long, libc::O_RDONLY));
    refused("a name at the end of memory", call(libc::SYS_openat as u64, &[HERE, 8, 0, 0]));
    refused("a name in the kernel", call(libc::SYS_openat as u64, &[HERE, 0xffff_8000_0000_0000, 0, 0]));
}

/// Objects that answer an open by waiting, or that are levers on the host.
fn kinds() {
    for name in [
        "/dev/mem",
        "/dev/kmsg",
        "/dev/port",
        "/dev/fuse",
        "/dev/userfaultfd",
        "/dev/kvm",
        "/dev/uinput",
        "/dev/loop-control",
    ] {
        refused(name, open(name, libc::O_RDWR));
    }
    for (name, kind) in [("block", libc::S_IFBLK), ("character", libc::S_IFCHR)] {
        let made = call(libc::SYS_mknodat as u64, &[HERE, path(name), u64::from(kind | 0o666), 0x0103]);
        refused(&format!("a {name} device"), made);
    }
    // A FIFO that nobody opens at its other end: the broker must not wait in it.
    let fifo = call(libc::SYS_mknodat as u64, &[HERE, path("fifo"), u64::from(libc::S_IFIFO | 0o666), 0]);
    held("a FIFO", told(fifo));
    if fifo < 0 {
        return;
    }
    // Whoever gives each of them a thread to wait in runs out of threads.
    let request = guard().request();
    for count in 0..200 {
        let seq = send(To::Broker, libc::SYS_openat as u64, &[HERE, 1, 0, 0], b"fifo\0");
        for _ in 0..3_000_000_u64 {
            if request.done.load(SeqCst) == seq {
                return held("opens that wait for ever", format!("refused after {count}: {}", told(wait(seq))));
            }
        }
    }
    breached("opens that wait for ever", "200 at a time");
}
