//! Ways through /proc and /dev/fd: to the broker, to other processes, to more access than an fd has. Each must fail.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test"
)]

mod paths;

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::unistd::Pid;
use nurse::guest::Guest;
use nurse::policy::Policy;
use paths::scene::{Scene, content};
use paths::{Arg, FD_LOW, ask, directory, guest, number};

/// Another process as the guest, so that the broker's own /proc/self would show.
struct Sleeper(Child);

impl Sleeper {
    fn new(guest: &mut Guest) -> Self {
        let child = Command::new("sleep").arg("60").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // Until it has its own program, its /proc is that of a copy of ours.
        while fs::read_link(format!("/proc/{}/exe", child.id())).unwrap() == std::env::current_exe().unwrap() {}
        guest.pid = Pid::from_raw(child.id() as i32);
        Self(child)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn self_is_the_guest_whatever_way_it_is_reached() {
    let mut scene = Scene::new();
    let sleeper = Sleeper::new(&mut scene.guest);
    let pid = sleeper.0.id();
    scene.link("self", "/proc/self");
    scene.link("status", "/proc/thread-self/status");
    scene.guest.cwd = directory(&scene.root.join("open"));
    for path in [
        "/proc/self/status",
        "/proc//self/./status",
        "/proc/./self/status",
        "/proc/sys/../self/status",
        "/proc/thread-self/status",
        "/proc/self/task/../status",
        "self/status",
        "status",
        "/proc/self/fd/../status",
        "/proc/self/root/proc/self/status",
        "/proc/self/cwd/self/status",
        &format!("/proc/{pid}/status"),
        &format!("/proc/self/../{pid}/status"),
        &format!("/proc/self/task/{pid}/status"),
    ] {
        let status = content(scene.open(path, libc::O_RDONLY).fd());
        assert!(status.contains(&format!("\nPid:\t{pid}\n")), "{path}: {status}");
    }
    let link = |scene: &mut Scene, path: &str| {
        String::from_utf8(scene.ask("readlink", &[path.into(), Arg::Out(256), 256.into()]).bytes()).unwrap()
    };
    assert_eq!(link(&mut scene, "/proc/self"), pid.to_string());
    assert_eq!(link(&mut scene, "/proc/self/exe"), "/usr/bin/env");
    assert_eq!(link(&mut scene, "/proc/self/cwd"), scene.root.join("open").to_str().unwrap());
    assert_eq!(link(&mut scene, "/proc/self/root"), "/");
    assert!(link(&mut scene, "/proc/self/fd/0").starts_with("pipe:["));
    let (ours, env) = (std::process::id(), fs::canonicalize("/usr/bin/env").unwrap());
    for path in [
        format!("/proc/{ours}/status"),
        "/proc/1/status".into(),
        format!("/proc/self/../{ours}/status"),
        format!("/proc/{ours}"),
        format!("/proc/{ours}/fd/0"),
        format!("/proc/self/task/{ours}/status"),
        format!("/proc/{ours}/root/etc/passwd"),
        format!("/proc/0{pid}/status"),
    ] {
        assert_eq!(scene.open(&path, libc::O_RDONLY).errno(), Some(Errno::ENOENT), "{path}");
    }
    let exe = scene.open("/proc/self/exe", libc::O_RDONLY).fd();
    assert_eq!(fs::read_link(format!("/proc/self/fd/{}", exe.as_raw_fd())).unwrap(), env);
    // By fds of /proc, /proc/self and from within as working directory. They are ours, numbered alike in the guest's eyes.
    scene.guest.pid = Pid::this();
    for (dir, path) in [
        ("/proc", "self/status"),
        ("/proc/self", "status"),
        ("/proc/self", "../self/status"),
        ("/proc/self/fd", "../status"),
    ] {
        let fd = directory(Path::new(dir));
        let by_fd = scene.ask("openat", &[number(&fd), path.into(), libc::O_RDONLY.into()]);
        assert!(content(by_fd.fd()).contains(&format!("\nPid:\t{ours}\n")), "{dir} {path}");
        scene.guest.cwd = fd;
        assert!(scene.open(path, libc::O_RDONLY).is_ok(), "{dir} {path}");
        let other = if dir == "/proc" { "1/status" } else { "../1/status" };
        assert_eq!(scene.open(other, libc::O_RDONLY).errno(), Some(Errno::ENOENT), "{dir}");
    }
}

/// CVE-2024-21626 and many of syd's `procself_escape`s; `mem` would write even to sealed pages.
#[test]
fn what_steers_the_process_is_out_of_reach_under_any_policy() {
    let scratch = tempfile::tempdir().unwrap();
    let mut guest = guest(Policy::allow_everything(), scratch.path());
    symlink("/proc/self", scratch.path().join("me")).unwrap();
    symlink("/proc/self/mem", scratch.path().join("mem")).unwrap();
    let pid = std::process::id();
    let ways = [
        "/proc/self/mem".to_owned(),
        "/proc/thread-self/mem".into(),
        format!("/proc/{pid}/mem"),
        format!("/proc/self/task/{pid}/mem"),
        format!("/proc/{pid}/task/{pid}/mem"),
        "/proc//./self//mem".into(),
        "/proc/self/fd/../mem".into(),
        "/dev/fd/../mem".into(),
        "me/mem".into(),
        "mem".into(),
        "/proc/self/root/proc/self/mem".into(),
        "/proc/self/cwd/me/mem".into(),
        "/proc/self/map_files".into(),
        "/proc/self/clear_refs".into(),
        "/proc/self/pagemap".into(),
        "/proc/self/ns/mnt".into(),
        "/proc/self/syscall".into(),
        "/proc/kcore".into(),
        "/proc/sysrq-trigger".into(),
        "/proc/self/setgroups".into(),
        "/proc/self/fdinfo/../mem".into(),
        "/proc/self/attr/current".into(),
        "/proc/self/uid_map".into(),
    ];
    for way in &ways {
        for flags in [
            libc::O_RDONLY,
            libc::O_RDWR,
            libc::O_PATH,
            libc::O_WRONLY | libc::O_CREAT,
            libc::O_PATH | libc::O_NOFOLLOW,
        ] {
            if way == "mem" && flags & libc::O_NOFOLLOW != 0 {
                continue;
            }
            let found = ask(&mut guest, "open", &[way.as_str().into(), flags.into(), 0.into()]);
            // Not every kernel has all of them.
            let there = way.contains("cwd") || scratch.path().join(way).symlink_metadata().is_ok();
            let expected = if there { Errno::EPERM } else { Errno::ENOENT };
            assert_eq!(found.errno(), Some(expected), "{way} {flags:o}");
        }
        let how = [libc::O_RDWR as u64, 0, 0x08].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let root = directory(Path::new("/"));
        let relative = way.trim_start_matches('/');
        let found = ask(&mut guest, "openat2", &[number(&root), relative.into(), Arg::Bytes(how), 24.into()]);
        assert!(!found.is_ok(), "openat2 {way}");
    }
    for (dir, path) in
        [("/proc", format!("{pid}/mem")), ("/proc/self", "mem".into()), ("/proc/self/task", format!("{pid}/mem"))]
    {
        let fd = directory(Path::new(dir));
        let found = ask(&mut guest, "openat", &[number(&fd), path.as_str().into(), libc::O_RDWR.into()]);
        assert_eq!(found.errno(), Some(Errno::EPERM), "{dir} {path}");
        guest.cwd = fd;
        assert_eq!(ask(&mut guest, "open", &[path.as_str().into(), libc::O_RDWR.into()]).errno(), Some(Errno::EPERM));
    }
    for path in ["/proc/self/oom_score_adj", "/proc/sys/vm/swappiness", "/proc/self/maps"] {
        let found = ask(&mut guest, "open", &[path.into(), libc::O_WRONLY.into()]);
        assert_eq!(found.errno(), Some(Errno::EACCES), "{path} is written");
        assert!(ask(&mut guest, "chmod", &[path.into(), 0o777.into()]).errno().is_some());
    }
}

#[test]
fn magic_links_do_not_lead_around_the_policy() {
    let mut scene = Scene::new();
    let root = scene.root.to_str().unwrap().to_owned();
    let dir: OwnedFd = fs::File::open(scene.root.join("ro")).unwrap().into();
    let secret: OwnedFd = fs::File::open(scene.root.join("secret")).unwrap().into();
    for path in [
        format!("/proc/self/root{root}/secret/password"),
        "/proc/self/cwd/../secret/password".into(),
        format!("/proc/self/fd/{}/../secret/password", dir.as_raw_fd()),
        format!("/dev/fd/{}/password", secret.as_raw_fd()),
        format!("/proc/self/task/{}/cwd/../secret/password", std::process::id()),
        format!("/proc/self/fd/{}", secret.as_raw_fd()),
    ] {
        for flags in [libc::O_RDONLY, libc::O_PATH] {
            assert_eq!(scene.open(&path, flags).errno(), Some(Errno::EPERM), "{path}");
        }
    }
    assert_eq!(content(scene.open(&format!("/proc/self/fd/{}/f", dir.as_raw_fd()), libc::O_RDONLY).fd()), "public");
    assert_eq!(content(scene.open("/proc/self/cwd/f", libc::O_RDONLY).fd()), "public");
}

/// syd's `opath_escape`: an fd with little access must not become one with more.
#[test]
fn reopening_an_fd_is_a_new_decision() {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let mut scene = Scene::new();
    let root = scene.root.clone();
    let native = |path: &str, flags| openat(CWD, root.join(path), flags, Mode::empty()).unwrap();
    let mut again = |fd: &OwnedFd, flags: i32| {
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        (scene.open(&path, flags).errno(), scene.open(&path.replace("/proc/self", "/dev"), flags).errno())
    };
    let both = |errno| (errno, errno);
    assert_eq!(again(&native("secret/password", OFlags::PATH), libc::O_RDONLY), both(Some(Errno::EPERM)));
    assert_eq!(again(&native("secret/password", OFlags::RDONLY), libc::O_RDONLY), both(Some(Errno::EPERM)));
    assert_eq!(again(&native("ro/f", OFlags::RDONLY), libc::O_RDWR), both(Some(Errno::EPERM)));
    assert_eq!(again(&native("ro/f", OFlags::RDONLY), libc::O_RDONLY), both(None));
    assert_eq!(again(&native("ro/f", OFlags::PATH), libc::O_RDONLY | libc::O_TRUNC), both(Some(Errno::EPERM)));
    let (read, _write) = nix::unistd::pipe().unwrap();
    assert_eq!(again(&read, libc::O_RDONLY | libc::O_NONBLOCK), both(None));
    assert_eq!(again(&read, libc::O_RDWR | libc::O_NONBLOCK), both(Some(Errno::EACCES)));
    assert_eq!(again(&read, libc::O_WRONLY | libc::O_NONBLOCK), both(Some(Errno::EACCES)));
    let memory = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(again(&memory, libc::O_RDWR), both(None));
    let narrow = openat(CWD, format!("/proc/self/fd/{}", memory.as_raw_fd()), OFlags::RDONLY, Mode::empty()).unwrap();
    assert_eq!(again(&narrow, libc::O_RDWR), both(Some(Errno::EACCES)));
    let gone = native("ro/f", OFlags::RDONLY);
    fs::remove_file(root.join("ro/f")).unwrap();
    assert_eq!(again(&gone, libc::O_RDWR), both(Some(Errno::EPERM)), "a deleted file keeps the rules of its place");
    assert_eq!(again(&gone, libc::O_RDONLY), both(None));
}

#[test]
fn nurses_own_fds_are_not_there() {
    let mut scene = Scene::new();
    let low = FD_LOW as i32;
    let taken: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    // Stays open under the number: nobody owns it.
    assert_eq!(nix::fcntl::fcntl(&taken, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(low)), Ok(low));
    for path in [format!("/proc/self/fd/{low}"), format!("/dev/fd/{low}"), format!("/proc/self/fdinfo/{low}")] {
        assert_eq!(scene.open(&path, libc::O_RDONLY).errno(), Some(Errno::ENOENT), "{path}");
        assert_eq!(scene.ask("lstat", &[path.as_str().into(), Arg::Out(144)]).errno(), Some(Errno::ENOENT), "{path}");
        assert_eq!(
            scene.ask("readlink", &[path.as_str().into(), Arg::Out(99), 99.into()]).errno(),
            Some(Errno::ENOENT)
        );
    }
    for (name, args) in [
        ("openat", vec![low.into(), "x".into(), 0.into()]),
        ("newfstatat", vec![low.into(), "".into(), Arg::Out(144), libc::AT_EMPTY_PATH.into()]),
        ("fchdir", vec![low.into()]),
        ("fchmod", vec![low.into(), 0.into()]),
        ("fstatfs", vec![low.into(), Arg::Out(120)]),
        ("fgetxattr", vec![low.into(), "user.a".into(), Arg::Out(9), 9.into()]),
        ("utimensat", vec![low.into(), Arg::Null, Arg::Null, 0.into()]),
        ("fchown", vec![(-1).into(), (-1).into(), (-1).into()]),
        ("fchdir", vec![libc::AT_FDCWD.into()]),
    ] {
        assert_eq!(scene.ask(name, &args).errno(), Some(Errno::EBADF), "{name}");
    }
}
