//! Ways around a policy by naming files cleverly. Each must fail, and must not tell what is there.
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
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use paths::scene::{Scene, content};
use paths::{Arg, FD_LOW, Result, ask, number};

#[test]
fn what_is_allowed_works() {
    let mut scene = Scene::new();
    assert_eq!(content(scene.open("f", libc::O_RDONLY).fd()), "public");
    assert_eq!(content(scene.open("../ro/f", libc::O_RDONLY).fd()), "public");
    assert!(scene.open("new", libc::O_WRONLY | libc::O_CREAT).is_ok());
    assert!(scene.ask("rename", &["new".into(), "newer".into()]).is_ok());
    assert!(scene.ask("unlink", &["newer".into()]).is_ok());
    assert_eq!(scene.open("../ro/f", libc::O_RDWR).errno(), Some(Errno::EPERM));
    assert_eq!(scene.open("../ro/f", libc::O_RDONLY | libc::O_TRUNC).errno(), Some(Errno::EPERM));
    assert_eq!(scene.read("ro/f").unwrap(), "public");
}

#[test]
fn links_and_dots_lead_to_what_they_name() {
    let mut scene = Scene::new();
    scene.link("abs", scene.root.join("secret"));
    scene.link("rel", "../secret/password");
    scene.link("deep", "../ro/deep");
    scene.link("chain", "rel");
    for path in [
        "../secret/password",
        "abs/password",
        "rel",
        "chain",
        "deep/../../secret/password",
        "./dir/../../secret/./password",
        "abs/dir/../password",
        "dir/../abs/../secret/password",
        "deep/../../open/abs/password",
        "..//secret//password",
    ] {
        for flags in [libc::O_RDONLY, libc::O_WRONLY | libc::O_TRUNC, libc::O_RDWR | libc::O_CREAT, libc::O_PATH] {
            assert_eq!(scene.open(path, flags).errno(), Some(Errno::EPERM), "{path} {flags:o}");
        }
        assert_eq!(scene.ask("stat", &[path.into(), Arg::Out(144)]).errno(), Some(Errno::EPERM), "{path}");
    }
    assert_eq!(scene.read("secret/password").unwrap(), "secret");
}

/// seccomp-nurse decided on the path as a string; syd and sandlock had some twenty such races.
#[test]
fn a_link_swapped_during_the_open_wins_nothing() {
    let mut scene = Scene::new();
    let stop = AtomicBool::new(false);
    let open = scene.root.join("open");
    let swap = || {
        for target in ["../ro/f", "../secret/password"].iter().cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let fresh = open.join("fresh");
            symlink(target, &fresh).unwrap();
            fs::rename(&fresh, open.join("swapped")).unwrap();
        }
    };
    let (mut read, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(swap);
        while !open.join("swapped").exists() {}
        for _ in 0..20_000 {
            match scene.open("swapped", libc::O_RDONLY) {
                Result::Fd(fd) => {
                    read += 1;
                    assert_eq!(content(fd), "public");
                }
                Result::Errno(errno) => {
                    refused += 1;
                    assert_eq!(errno, Errno::EPERM);
                }
                other => panic!("{other:?}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(read > 0 && refused > 0, "no race took place: {read} read, {refused} refused");
}

#[test]
fn a_directory_swapped_for_a_link_during_the_call_wins_nothing() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let mut scene = Scene::new();
    scene.link("other", scene.root.join("secret/dir"));
    let (dir, other) = (scene.root.join("open/dir"), scene.root.join("open/other"));
    let stop = AtomicBool::new(false);
    let mut reached = [0; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &dir, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for round in 0..20_000 {
            match scene.open("dir/f", libc::O_RDONLY) {
                Result::Fd(fd) => {
                    reached[0] += 1;
                    assert_eq!(content(fd), "public");
                }
                _ => reached[1] += 1,
            }
            // Creation and removal act on the directory that was decided on.
            let name = format!("dir/new{}", round % 7);
            drop(scene.open(&name, libc::O_WRONLY | libc::O_CREAT));
            scene.ask("unlink", &[name.as_str().into()]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(reached[0] > 0 && reached[1] > 0, "no race took place: {reached:?}");
    let left: Vec<_> =
        fs::read_dir(scene.root.join("secret/dir")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["f"]);
}

#[test]
fn nothing_is_created_through_a_dangling_link() {
    let mut scene = Scene::new();
    scene.link("abs", scene.root.join("secret/new"));
    scene.link("rel", "../secret/new");
    scene.link("chain", "dir/hop");
    symlink("../rel", scene.root.join("open/dir/hop")).unwrap();
    scene.link("dir2", "../secret");
    for path in ["abs", "rel", "chain", "dir2/new", "dir/../../secret/new"] {
        for flags in [libc::O_CREAT | libc::O_WRONLY, libc::O_CREAT | libc::O_RDWR | libc::O_TRUNC] {
            assert_eq!(scene.open(path, flags).errno(), Some(Errno::EPERM), "{path}");
        }
        assert_eq!(scene.ask("creat", &[path.into(), 0o600.into()]).errno(), Some(Errno::EPERM), "{path}");
        assert_eq!(scene.read("secret/new"), None);
    }
    // The same way to an allowed place works, as natively.
    scene.link("good", "dir/born");
    assert!(scene.open("good", libc::O_CREAT | libc::O_WRONLY).is_ok());
    assert!(scene.read("open/dir/born").is_some());
}

/// What exists cannot be told from what does not, where the policy denies or hides.
#[test]
fn no_call_is_an_oracle() {
    let mut scene = Scene::new();
    let out = || Arg::Out(256);
    for (corner, expected) in [("secret", Errno::EPERM), ("hidden", Errno::ENOENT)] {
        let paths = |tail: &str| {
            let known = if corner == "secret" { "password" } else { "f" };
            [format!("{corner}/{known}{tail}"), format!("{corner}/missing{tail}"), format!("{corner}/dir{tail}")]
        };
        for path in ["", "/", "/x", "/x/y", "/.", "/.."].iter().flat_map(|tail| paths(tail)) {
            let path = || scene_path(&scene.root, &path);
            let calls: Vec<(&str, Vec<Arg>)> = vec![
                ("open", vec![path(), libc::O_RDONLY.into()]),
                ("open", vec![path(), (libc::O_RDONLY | libc::O_DIRECTORY).into()]),
                ("open", vec![path(), (libc::O_PATH | libc::O_NOFOLLOW).into()]),
                ("open", vec![path(), (libc::O_WRONLY | libc::O_TRUNC).into()]),
                ("stat", vec![path(), out()]),
                ("lstat", vec![path(), out()]),
                ("statx", vec![libc::AT_FDCWD.into(), path(), 0.into(), 0x7ff.into(), out()]),
                ("access", vec![path(), libc::F_OK.into()]),
                ("access", vec![path(), libc::R_OK.into()]),
                ("readlink", vec![path(), out(), 256.into()]),
                ("chdir", vec![path()]),
                ("truncate", vec![path(), 0.into()]),
                ("chmod", vec![path(), 0o777.into()]),
                ("chown", vec![path(), (-1).into(), (-1).into()]),
                ("utimensat", vec![libc::AT_FDCWD.into(), path(), Arg::Null, 0.into()]),
                ("getxattr", vec![path(), "user.a".into(), out(), 256.into()]),
                ("setxattr", vec![path(), "user.a".into(), Arg::Bytes(vec![1]), 1.into(), 0.into()]),
                ("statfs", vec![path(), out()]),
                ("link", vec![path(), scene.at("open/stolen")]),
            ];
            for (name, args) in calls {
                let found = ask(&mut scene.guest, name, &args).errno();
                assert_eq!(found, Some(expected), "{name} {args:?}");
            }
        }
        for path in ["", "/x"].iter().flat_map(|tail| paths(tail)) {
            let path = || scene_path(&scene.root, &path);
            let calls: Vec<(&str, Vec<Arg>)> = vec![
                ("open", vec![path(), (libc::O_CREAT | libc::O_WRONLY).into(), 0o600.into()]),
                ("open", vec![path(), (libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY).into(), 0o600.into()]),
                ("mkdir", vec![path(), 0o700.into()]),
                ("mknod", vec![path(), 0o600.into(), 0.into()]),
                ("symlink", vec!["x".into(), path()]),
                ("link", vec![scene.at("open/f"), path()]),
                ("unlink", vec![path()]),
                ("rmdir", vec![path()]),
                ("rename", vec![path(), scene.at("open/stolen")]),
                ("rename", vec![scene.at("open/f"), path()]),
                ("renameat2", vec![libc::AT_FDCWD.into(), scene.at("open/f"), libc::AT_FDCWD.into(), path(), 2.into()]),
                ("renameat2", vec![libc::AT_FDCWD.into(), scene.at("open/f"), libc::AT_FDCWD.into(), path(), 1.into()]),
            ];
            for (name, args) in calls {
                let found = ask(&mut scene.guest, name, &args).errno();
                assert_eq!(found, Some(expected), "{name} {args:?}");
            }
        }
        // A way through the corner ends alike, whether its steps exist or not.
        for step in ["dir", "missing"] {
            let path = format!("../{corner}/{step}/../../open/f");
            assert_eq!(scene.open(&path, libc::O_RDONLY).errno(), Some(expected), "{path}");
        }
    }
    assert_eq!(scene.open("ghost", libc::O_RDONLY).errno(), Some(Errno::ENOENT), "a hidden link is not followed");
    assert_eq!(scene.open("ghost", libc::O_WRONLY | libc::O_CREAT).errno(), Some(Errno::ENOENT));
    for file in ["secret/password", "hidden/f", "secret/dir/f", "hidden/dir/f"] {
        assert_eq!(scene.read(file).unwrap(), "secret", "{file}");
    }
    assert_eq!(scene.read("open/f").unwrap(), "public");
    assert_eq!(scene.read("open/stolen"), None);
}

fn scene_path(root: &Path, path: &str) -> Arg {
    Arg::Path(root.join(path).into_os_string().into())
}

#[test]
fn a_new_name_gives_no_new_rights() {
    let mut scene = Scene::new();
    let denied = Some(Errno::EPERM);
    let cases = [
        ("../secret/password", "stolen"),
        ("../ro/f", "stolen"),
        ("f", "../ro/f"),
        ("f", "../ro/new"),
        ("f", "../secret/password"),
        ("box", "box2"),
        ("box/keep", "kept"),
        ("box/keep/f", "stolen"),
        ("f", "../drop/f"),
    ];
    for (from, to) in cases {
        assert_eq!(scene.ask("rename", &[from.into(), to.into()]).errno(), denied, "rename {from} {to}");
    }
    let exchange = |from: &str, to: &str| -> [Arg; 5] {
        [libc::AT_FDCWD.into(), from.into(), libc::AT_FDCWD.into(), to.into(), 2.into()]
    };
    for (from, to) in [("f", "../ro/f"), ("../ro/f", "f"), ("box", "dir"), ("dir", "box"), ("f", "../secret/password")]
    {
        assert_eq!(scene.ask("renameat2", &exchange(from, to)).errno(), denied, "exchange {from} {to}");
    }
    assert!(scene.ask("renameat2", &exchange("f", "dir")).is_ok());
    assert!(scene.ask("renameat2", &exchange("f", "dir")).is_ok());
    for from in ["../secret/password", "../ro/f", "box/keep/f"] {
        assert_eq!(scene.ask("link", &[from.into(), "stolen".into()]).errno(), denied, "link {from}");
        let held: OwnedFd = fs::File::open(scene.root.join("open").join(from)).unwrap().into();
        let by_fd = [number(&held), "".into(), libc::AT_FDCWD.into(), "stolen".into(), libc::AT_EMPTY_PATH.into()];
        assert_eq!(scene.ask("linkat", &by_fd).errno(), denied, "linkat an fd of {from}");
        let shown = format!("/proc/self/fd/{}", held.as_raw_fd());
        let by_path = [
            libc::AT_FDCWD.into(),
            shown.as_str().into(),
            libc::AT_FDCWD.into(),
            "stolen".into(),
            libc::AT_SYMLINK_FOLLOW.into(),
        ];
        assert_eq!(scene.ask("linkat", &by_path).errno(), denied, "linkat {shown}");
    }
    assert_eq!(scene.read("open/stolen"), None);
    assert!(scene.ask("link", &["f".into(), "f2".into()]).is_ok());
    assert!(scene.ask("rename", &["full".into(), "fuller".into()]).is_ok());
    // A place to drop things takes new ones, and lets none be replaced.
    assert!(scene.ask("rename", &["f2".into(), "../drop/new".into()]).is_ok());
    assert_eq!(scene.read("drop/f").unwrap(), "dropped");
}

#[test]
fn natural_errors_stay_where_the_guest_may_look() {
    let mut scene = Scene::new();
    assert_eq!(scene.ask("mkdir", &["../ro/deep".into(), 0o700.into()]).errno(), Some(Errno::EEXIST));
    assert_eq!(scene.ask("mkdir", &["../ro/new".into(), 0o700.into()]).errno(), Some(Errno::EPERM));
    assert_eq!(scene.ask("unlink", &["../ro/none".into()]).errno(), Some(Errno::ENOENT));
    assert_eq!(scene.ask("unlink", &["../ro/f".into()]).errno(), Some(Errno::EPERM));
    assert_eq!(scene.open("../ro/none", libc::O_RDONLY).errno(), Some(Errno::ENOENT));
    assert_eq!(scene.open("../ro/f/x", libc::O_RDONLY).errno(), Some(Errno::ENOTDIR));
    assert_eq!(scene.ask("access", &["../ro/f".into(), libc::R_OK.into()]).errno(), None);
    assert_eq!(scene.ask("access", &["../ro/f".into(), libc::W_OK.into()]).errno(), Some(Errno::EPERM));
}

#[test]
fn watches_need_the_right_to_read() {
    use rustix::fs::inotify;
    let mut scene = Scene::new();
    let watcher = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    let mut watch =
        |path: &str| ask(&mut scene.guest, "inotify_add_watch", &[number(&watcher), path.into(), 0x100.into()]);
    assert_eq!(watch("../secret").errno(), Some(Errno::EPERM));
    assert_eq!(watch("../hidden").errno(), Some(Errno::ENOENT));
    assert!(watch(".").is_ok());
    fs::write(scene.root.join("open/seen"), "").unwrap();
    let mut buffer = [0; 64];
    assert!(rustix::io::read(&watcher, &mut buffer).unwrap() > 0);
    assert_eq!(
        ask(&mut scene.guest, "inotify_add_watch", &[FD_LOW.into(), ".".into(), 0x100.into()]).errno(),
        Some(Errno::EBADF)
    );
}

#[test]
fn an_open_that_may_wait_does_not_hold_up_the_broker() {
    use nurse::call::{Call, Outcome};
    let mut scene = Scene::new();
    let fifo = scene.root.join("open/fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let call = Call { row: paths::row("open"), args: [1, libc::O_RDONLY as u64, 0, 0, 0, 0], data: b"fifo\0".to_vec() };
    let Ok(Outcome::Later(work)) = nurse::syscalls::handle(&mut scene.guest, &call) else {
        panic!("it was opened at once")
    };
    let waits = std::thread::spawn(move || (work.0)().is_ok());
    drop(fs::File::options().write(true).open(&fifo).unwrap());
    assert!(waits.join().unwrap());
}

#[test]
fn the_working_directory_is_where_it_is() {
    let mut scene = Scene::new();
    let cwd = |scene: &mut Scene| match scene.ask("getcwd", &[Arg::Out(4096), 4096.into()]) {
        Result::Filled(length, bytes) if length == bytes.len() as i64 => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(scene.ask("chdir", &["dir".into()]).is_ok());
    fs::rename(scene.root.join("open/dir"), scene.root.join("ro/moved")).unwrap();
    assert_eq!(cwd(&mut scene), format!("{}/ro/moved\0", scene.root.display()));
    assert_eq!(scene.open("f", libc::O_RDWR).errno(), Some(Errno::EPERM), "the rules of the new place hold");
    assert_eq!(content(scene.open("f", libc::O_RDONLY).fd()), "public");
    assert_eq!(scene.ask("getcwd", &[Arg::Out(5), 5.into()]).errno(), Some(Errno::ERANGE));
    fs::remove_dir_all(scene.root.join("ro/moved")).unwrap();
    assert_eq!(scene.ask("getcwd", &[Arg::Out(4096), 4096.into()]).errno(), Some(Errno::ENOENT));
    assert_eq!(scene.ask("chdir", &[scene.at("secret")]).errno(), Some(Errno::EPERM));
    assert_eq!(scene.ask("chdir", &[scene.at("open/f")]).errno(), Some(Errno::ENOTDIR));
}

#[test]
fn a_refusal_is_remembered_in_words_that_cannot_write_to_a_terminal() {
    let mut scene = Scene::new();
    let path = scene.root.join("secret/a\n\x1b[31mb");
    let _ = scene.ask("openat", &[libc::AT_FDCWD.into(), (&path).into(), 0.into()]);
    let what = &scene.guest.refusals.list()[0].what;
    assert_eq!(*what, format!("open {}/secret/a\\n\\u{{1b}}[31mb", scene.root.display()));
}

#[test]
fn new_files_get_the_guests_umask() {
    use std::os::unix::fs::PermissionsExt;
    let mut scene = Scene::new();
    scene.guest.umask = 0o027;
    drop(scene.ask("open", &["made".into(), (libc::O_CREAT | libc::O_WRONLY).into(), 0o666.into()]));
    scene.ask("mkdir", &["made-dir".into(), 0o777.into()]);
    let mode = |name: &str| fs::metadata(scene.root.join("open").join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("made"), mode("made-dir")), (0o640, 0o750));
}
