//! Under a policy that allows everything, each call has to end as the kernel alone would have it end: same errno, same
//! output, same tree.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test"
)]

mod paths;

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use nurse::guest::Guest;
use paths::{Arg, Result, ask, guest, native};

/// Steps of one run before the trees are made anew.
const STEPS: u32 = 60;

#[test]
fn random_calls_end_as_natively() {
    let seeds: u64 = env::var("NURSE_PARITY_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let first: u64 = env::var("NURSE_PARITY_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let failures: Vec<_> = (first..first + seeds).filter_map(|seed| run(seed).err()).take(12).collect();
    assert!(failures.is_empty(), "{} seeds differ:\n{}", failures.len(), failures.join("\n"));
}

/// Permissions only mean something to those who are not root.
#[test]
fn random_calls_end_as_natively_without_privileges() {
    use std::os::unix::process::CommandExt;
    if !nix::unistd::geteuid().is_root() || env::var_os("NURSE_PARITY_FIRST").is_some() {
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = copy.path().join("parity");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let status = Command::new(program)
        .args(["--exact", "random_calls_end_as_natively"])
        .env("NURSE_PARITY_FIRST", "10001")
        .env("TMPDIR", copy.path())
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .status()
        .unwrap();
    assert!(status.success());
}

/// A small generator: the same seed, the same run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }
}

/// One of two equal trees.
struct Tree {
    root: PathBuf,
    /// Where relative paths start.
    work: PathBuf,
    dir: fs::File,
    file: fs::File,
}

impl Tree {
    fn new(root: PathBuf) -> Self {
        let work = root.join("work");
        fs::create_dir_all(work.join("d/e")).unwrap();
        fs::create_dir(work.join("closed")).unwrap();
        fs::create_dir(work.join("empty")).unwrap();
        fs::write(work.join("f"), "content").unwrap();
        fs::write(work.join("d/f"), "deeper").unwrap();
        fs::write(work.join("d/e/f"), "deepest").unwrap();
        fs::write(work.join("closed/f"), "secret").unwrap();
        fs::write(work.join("unreadable"), "secret").unwrap();
        fs::write(work.join("name (deleted)"), "is a name").unwrap();
        for (link, target) in [
            ("lf", "f"),
            ("ld", "d"),
            ("ldslash", "d/"),
            ("lup", "../work/d/.."),
            ("dangling", "d/new"),
            ("dangling2", "dangling3"),
            ("dangling3", "d/e/newer"),
            ("loop", "loop"),
            ("loop1", "loop2"),
            ("loop2", "loop1"),
            ("deep", "ld/e/f"),
            ("d/back", ".."),
            ("d/lf", "../f"),
            ("lost", "no/where"),
            ("lfile", "f/x"),
        ] {
            symlink(target, work.join(link)).unwrap();
        }
        symlink(work.join("d"), work.join("labs")).unwrap();
        nix::unistd::mkfifo(&work.join("fifo"), nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
        fs::set_permissions(work.join("closed"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(work.join("unreadable"), fs::Permissions::from_mode(0o200)).unwrap();
        let dir = fs::File::open(work.join("d")).unwrap();
        let file = fs::File::open(work.join("f")).unwrap();
        Self { root, work, dir, file }
    }

    fn arg(&self, arg: &Arg) -> Arg {
        match arg {
            Arg::Path(path) => match path.strip_prefix("/TREE") {
                Ok(rest) => Arg::Path(self.root.join(rest)),
                Err(_) => arg.clone(),
            },
            Arg::Int(DIR) => self.dir.as_raw_fd().into(),
            Arg::Int(FILE) => self.file.as_raw_fd().into(),
            _ => arg.clone(),
        }
    }

    /// All there is in the tree.
    fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut all = BTreeMap::new();
        gather(&self.root, &self.root, &mut all);
        all
    }
}

fn gather(root: &Path, at: &Path, all: &mut BTreeMap<PathBuf, String>) {
    let Ok(entries) = fs::read_dir(at) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let Ok(meta) = path.symlink_metadata() else { continue };
        let mut text = format!(
            "{:o} links {} size {} owner {}:{}",
            meta.mode(),
            if meta.is_dir() { 0 } else { meta.nlink() },
            if meta.is_dir() { 0 } else { meta.len() },
            meta.uid(),
            meta.gid()
        );
        if meta.mtime() < 1_000_000 {
            text += &format!(" modified {}.{}", meta.mtime(), meta.mtime_nsec());
        }
        if meta.is_symlink() {
            text += &fs::read_link(&path).unwrap().to_string_lossy().replace(&*root.to_string_lossy(), "/TREE");
        } else if meta.is_dir() {
            gather(root, &path, all);
        }
        let mut names = vec![0; 1000];
        let length = rustix::fs::llistxattr(&path, &mut names[..]).unwrap_or(0);
        text += &String::from_utf8_lossy(&names[..length]);
        all.insert(path.strip_prefix(root).unwrap().to_owned(), text);
    }
}

const CWD: i64 = libc::AT_FDCWD as i64;
const DIR: i64 = -1001;
const FILE: i64 = -1002;

fn path(dice: &mut Dice) -> Arg {
    let names = [
        "f",
        "d",
        "d/f",
        "d/e",
        "d/e/f",
        "ld",
        "lf",
        "ld/f",
        "ld/e",
        "ldslash",
        "ldslash/f",
        "lup",
        "lup/f",
        "dangling",
        "dangling2",
        "loop",
        "loop1",
        "loop/x",
        "deep",
        "d/back/f",
        "d/lf",
        "d/back/d/back/f",
        "lost",
        "lfile",
        "labs",
        "labs/e/f",
        "fifo",
        "empty",
        "empty/..",
        "closed",
        "closed/f",
        "closed/../f",
        "closed/none",
        "closed/.",
        "unreadable",
        "new",
        "new2",
        "d/new",
        "d/e/newer",
        "new/x",
        "new/",
        "f/",
        "d/",
        "ld/",
        "lf/",
        "dangling/",
        "loop/",
        "lfile/",
        ".",
        "..",
        "./",
        "../",
        "",
        "./f",
        "d/.",
        "d/..",
        "f/.",
        "f/..",
        "ld/.",
        "ld/..",
        "ld/../f",
        "lf/..",
        "d/../f",
        "d//f",
        "none/../f",
        "d/none/..",
        "../work/f",
        "../work/new",
        "../new",
        "name (deleted)",
        "name",
        "f/x",
        "dangling/x",
        "fifo/x",
        "d/e/../../ld/../f",
        "new/../f",
        "/TREE/work/f",
        "/TREE/work/d/",
        "/TREE/work/new",
        "/TREE/work/ld/f",
        "/TREE/work/../work/f",
        "/TREE/none/f",
        "/TREE",
    ];
    match dice.roll(40) {
        0 => Arg::Path("x".repeat(255).into()),
        1 => Arg::Path("x".repeat(256).into()),
        2 => Arg::Path("d/".repeat(2047).into()),
        3 => Arg::Path("d/../".repeat(900).into()),
        4 => Arg::Path("./".repeat(2048).into()),
        _ => Arg::Path(dice.pick(&names).into()),
    }
}

fn dirfd(dice: &mut Dice) -> Arg {
    Arg::Int(dice.pick(&[CWD, CWD, CWD, DIR, DIR, FILE, -1, 899]))
}

fn open_flags(dice: &mut Dice) -> i32 {
    use libc::{
        O_APPEND, O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_NOATIME, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE,
        O_TRUNC, O_WRONLY,
    };
    let mut flags = dice.pick(&[O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, 3]) | libc::O_NONBLOCK;
    for (flag, sides) in [
        (O_CREAT, 3),
        (O_EXCL, 5),
        (O_TRUNC, 5),
        (O_NOFOLLOW, 5),
        (O_DIRECTORY, 6),
        (O_PATH, 8),
        (O_APPEND, 9),
        (O_TMPFILE, 20),
        (O_NOATIME, 20),
        (O_DIRECT, 100),
    ] {
        if dice.roll(sides) == 0 {
            flags |= flag;
        }
    }
    flags
}

fn times(dice: &mut Dice, words: usize) -> Arg {
    let values = [0i64, 17, 1000, 999_999, 1_000_000, 1_000_000_000, -1, libc::UTIME_OMIT, libc::UTIME_NOW];
    if dice.roll(4) == 0 {
        return Arg::Null;
    }
    let first =
        (0..words).flat_map(|at| if words == 2 || at % 2 == 0 { 5i64 } else { dice.pick(&values) }.to_ne_bytes());
    Arg::Bytes(first.collect())
}

fn call(dice: &mut Dice) -> (&'static str, Vec<Arg>) {
    let int = |number: i32| Arg::Int(number.into());
    let mode = dice.pick(&[0o644, 0o600, 0o777, 0o4755, 0o1777, 0o100_644, 0]);
    let at_flags =
        dice.pick(&[0, 0, 0, libc::AT_SYMLINK_NOFOLLOW, libc::AT_EMPTY_PATH, libc::AT_SYMLINK_FOLLOW, 0x10_0000]);
    let size = dice.pick(&[0, 1, 5, 100, 4096]);
    let owner = int(dice.pick(&[-1, nix::unistd::getuid().as_raw() as i32]));
    let xattr = Arg::Path(dice.pick(&["user.a", "user.b", "trusted.x", "none", ""]).into());
    let (p, q, d, e) = (path(dice), path(dice), dirfd(dice), dirfd(dice));
    match dice.roll(56) {
        0..=4 => ("open", vec![p, int(open_flags(dice)), int(mode)]),
        5..=12 => ("openat", vec![d, p, int(open_flags(dice)), int(mode)]),
        13 => ("creat", vec![p, int(mode)]),
        14 => ("stat", vec![p, Arg::Out(144)]),
        15 => ("lstat", vec![p, Arg::Out(144)]),
        16 => ("newfstatat", vec![d, p, Arg::Out(144), int(at_flags)]),
        17 => ("statx", vec![d, p, int(at_flags), int(0x7ff), Arg::Out(256)]),
        18 => ("access", vec![p, int(dice.pick(&[0, 1, 2, 4, 7, 8]))]),
        19 => ("faccessat", vec![d, p, int(dice.pick(&[0, 1, 2, 4, 7]))]),
        20 => {
            ("faccessat2", vec![d, p, int(dice.pick(&[0, 1, 2, 4])), int(at_flags | dice.pick(&[0, libc::AT_EACCESS]))])
        }
        21 => ("readlink", vec![p, Arg::Out(size), int(size as i32)]),
        22 => ("readlinkat", vec![d, p, Arg::Out(size), int(size as i32)]),
        23 | 24 => ("mkdir", vec![p, int(mode)]),
        25 => ("mkdirat", vec![d, p, int(mode)]),
        26 => {
            ("mknod", vec![p, int(mode & 0o7777 | dice.pick(&[0, 0o100_000, 0o010_000, 0o040_000, 0o130_000])), int(0)])
        }
        27 => ("mknodat", vec![d, p, int(mode & 0o7777 | 0o010_000), int(0)]),
        28 => ("unlink", vec![p]),
        29 => ("rmdir", vec![p]),
        30 => ("unlinkat", vec![d, p, int(dice.pick(&[0, libc::AT_REMOVEDIR, 1]))]),
        31 | 32 => ("rename", vec![p, q]),
        33 => ("renameat", vec![d, p, e, q]),
        34 | 35 => ("renameat2", vec![d, p, e, q, int(dice.pick(&[0, 1, 2, 3, 8, 6]))]),
        36 => ("link", vec![p, q]),
        37 | 38 => ("linkat", vec![d, p, e, q, int(dice.pick(&[0, 0, libc::AT_SYMLINK_FOLLOW, 0x10_0000]))]),
        39 => ("symlink", vec![p, q]),
        40 => ("symlinkat", vec![p, d, q]),
        41 => ("truncate", vec![p, int(dice.pick(&[0, 3, 100, -1]))]),
        42 => ("chmod", vec![p, int(mode)]),
        43 => ("fchmodat", vec![d, p, int(mode)]),
        44 => ("fchmodat2", vec![d, p, int(mode), int(at_flags)]),
        45 => ("chown", vec![p, owner.clone(), owner]),
        46 => ("lchown", vec![p, owner.clone(), owner]),
        47 => ("fchownat", vec![d, p, owner.clone(), owner, int(at_flags)]),
        48 => ("utimensat", vec![d, p, times(dice, 4), int(at_flags)]),
        49 => match dice.roll(3) {
            0 => ("utime", vec![p, times(dice, 2)]),
            1 => ("utimes", vec![p, times(dice, 4)]),
            _ => ("futimesat", vec![d, p, times(dice, 4)]),
        },
        50 => ("getxattr", vec![p, xattr, Arg::Out(size), int(size as i32)]),
        51 => {
            ("lsetxattr", vec![p, xattr, Arg::Bytes(vec![7; size]), int(size as i32), int(dice.pick(&[0, 1, 2, 3, 4]))])
        }
        52 => ("setxattr", vec![p, xattr, Arg::Bytes(vec![8; size]), int(size as i32), int(dice.pick(&[0, 1, 2]))]),
        53 => ("listxattr", vec![p, Arg::Out(size), int(size as i32)]),
        54 => ("removexattr", vec![p, xattr]),
        _ => how(dice, d, p),
    }
}

/// openat2 with resolve flags.
fn how(dice: &mut Dice, fd: Arg, path: Arg) -> (&'static str, Vec<Arg>) {
    let flags = open_flags(dice);
    let flags = if flags & libc::O_PATH != 0 { flags & (libc::O_PATH | libc::O_NOFOLLOW) } else { flags };
    let creates = flags & (libc::O_CREAT | 0o20_000_000) != 0;
    let limits = dice.pick(&[0u64, 1, 2, 4, 8, 16, 24, 64]);
    // Creation within limits is refused where natively it would be followed: not compared.
    let limits = if creates { 0 } else { limits };
    let words = [flags as u64, if creates { 0o644 } else { 0 }, limits];
    ("openat2", vec![fd, path, Arg::Bytes(words.iter().flat_map(|word| word.to_ne_bytes()).collect()), Arg::Int(24)])
}

/// What can be compared between two trees.
fn summary(name: &str, tree: &Tree, result: Result) -> String {
    match result {
        Result::Errno(errno) => format!("{errno:?}"),
        Result::Value(value) => format!("= {value}"),
        Result::Fd(fd) => {
            let stat = nix::sys::stat::fstat(&fd).unwrap();
            let flags = rustix::fs::fcntl_getfl(&fd).unwrap().difference(rustix::fs::OFlags::NOFOLLOW);
            let size = if stat.st_mode & libc::S_IFMT == libc::S_IFDIR { 0 } else { stat.st_size };
            let place = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap();
            let place = place.strip_prefix(&tree.root).unwrap_or(&place).to_string_lossy().into_owned();
            let place = if place.contains('#') { "nameless".into() } else { place };
            format!("fd {:o} {size} {:o} {place}", stat.st_mode, flags.bits())
        }
        Result::Filled(result, bytes) => match name {
            "stat" | "lstat" | "newfstatat" => {
                let is_dir = bytes[25] & 0xf0 == 0x40;
                format!(
                    "stat mode {:?} owner {:?} size {:?}",
                    &bytes[24..28],
                    &bytes[28..36],
                    if is_dir { &[] } else { &bytes[48..56] }
                )
            }
            "statx" => {
                format!("statx mask {:?} mode {:?} attributes {:?}", &bytes[..4], &bytes[28..30], &bytes[56..64])
            }
            _ => {
                let text = String::from_utf8_lossy(&bytes).replace(&*tree.root.to_string_lossy(), "/TREE");
                format!("{result} {text}")
            }
        },
    }
}

/// One run; what differs, if something does.
fn run(seed: u64) -> std::result::Result<(), String> {
    let scratch = tempfile::tempdir().unwrap();
    let (theirs, ours) = (Tree::new(scratch.path().join("one")), Tree::new(scratch.path().join("two")));
    env::set_current_dir(&theirs.work).unwrap();
    // Natively and here alike.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut guest: Guest = guest(nurse::policy::Policy::allow_everything(), &ours.work);
    let mut history = Vec::new();
    for step in 0..STEPS {
        let (name, args) = call(&mut dice);
        // Natively it would wait for a reader.
        if let ("creat", Some(Arg::Path(path))) = (name, args.first().map(|arg| theirs.arg(arg))) {
            use std::os::unix::fs::FileTypeExt;
            if path.metadata().is_ok_and(|meta| meta.file_type().is_fifo()) {
                continue;
            }
        }
        let shown = args.iter().map(|arg| format!("{arg:?}").chars().take(60).collect::<String>());
        history.push(format!("{name} {}", shown.collect::<Vec<_>>().join(" ")));
        let expected =
            summary(name, &theirs, native(name, &args.iter().map(|arg| theirs.arg(arg)).collect::<Vec<_>>()));
        let found =
            summary(name, &ours, ask(&mut guest, name, &args.iter().map(|arg| ours.arg(arg)).collect::<Vec<_>>()));
        let tail = || history[history.len().saturating_sub(8)..].join("\n    ");
        if expected != found {
            if env::var_os("NURSE_PARITY_ALL").is_some() {
                return Err(format!("{seed} {expected} {found} {}", history.join("\n")));
            }
            return Err(format!("seed {seed} step {step}: natively {expected}, here {found}\n    {}", tail()));
        }
        let (theirs, ours) = (theirs.snapshot(), ours.snapshot());
        let at = theirs.keys().chain(ours.keys()).find(|path| theirs.get(*path) != ours.get(*path));
        if let Some(at) = at {
            let (theirs, ours) = (theirs.get(at), ours.get(at));
            return Err(format!(
                "seed {seed} step {step}: {} natively {theirs:?}, here {ours:?}\n    {}",
                at.display(),
                tail()
            ));
        }
    }
    drop(guest);
    env::set_current_dir("/").unwrap();
    for closed in [&theirs, &ours].map(|tree| tree.work.join("closed")) {
        let _ = fs::set_permissions(closed, fs::Permissions::from_mode(0o700));
    }
    Ok(())
}
