//! chdir(2), getcwd(2), mkdir(2), rmdir(2), getdents64(2).

use crate::raw::{BAD, file, opened, path};
use crate::{Probe, probe};

pub(crate) const PROBES: &[Probe] = &[
    probe("directories.working", working),
    probe("directories.make", make),
    probe("directories.list", list),
    probe("directories.deep", deep),
];

fn cwd() -> String {
    std::env::current_dir().map_or_else(|error| format!("{:?}", error.kind()), |dir| dir.display().to_string())
}

fn working() {
    std::fs::create_dir_all("a/b").unwrap();
    std::os::unix::fs::symlink("a/b", "link").unwrap();
    file("f", "");
    file("a/b/inner", "x");
    println!("{}", cwd());
    let home = opened(".", libc::O_DIRECTORY);
    say!("chdir a", sys!(SYS_chdir, c"a".as_ptr()));
    println!("{}", cwd());
    say!("open below", crate::raw::well(crate::raw::open("b/inner", 0, 0)));
    say!("chdir ../link", sys!(SYS_chdir, c"../link".as_ptr()));
    println!("{}", cwd());
    say!("fchdir", sys!(SYS_fchdir, home));
    println!("{}", cwd());
    say!("chdir to a file", sys!(SYS_chdir, c"f".as_ptr()));
    say!("chdir to nothing", sys!(SYS_chdir, c"absent".as_ptr()));
    say!("chdir empty", sys!(SYS_chdir, c"".as_ptr()));
    say!("chdir to a bad address", sys!(SYS_chdir, BAD));
    say!("fchdir to a file", sys!(SYS_fchdir, opened("f", 0)));
    say!("fchdir closed", sys!(SYS_fchdir, 999));
    let mut buffer = [0u8; 4096];
    say!("getcwd length fits", i64::from(sys!(SYS_getcwd, buffer.as_mut_ptr(), 4096) == cwd().len() as i64 + 1));
    say!("getcwd too small", sys!(SYS_getcwd, buffer.as_mut_ptr(), 3));
    say!("getcwd to a bad address", sys!(SYS_getcwd, BAD, 4096));
    std::fs::create_dir("gone").unwrap();
    std::env::set_current_dir("gone").unwrap();
    std::fs::remove_dir("../gone").unwrap();
    println!("removed: {}", cwd());
    say!("open in it", crate::raw::open("x", libc::O_CREAT | libc::O_WRONLY, 0o600));
    say!("up", sys!(SYS_chdir, c"..".as_ptr()));
    println!("{}", cwd());
}

fn make() {
    let mkdir = |name: &str| sys!(SYS_mkdir, path(name).as_ptr(), 0o755);
    let rmdir = |name: &str| sys!(SYS_rmdir, path(name).as_ptr());
    say!("mkdir", mkdir("d"));
    say!("mkdir again", mkdir("d"));
    say!("mkdir with a slash", mkdir("e/"));
    say!("mkdir below nothing", mkdir("x/y"));
    say!("mkdir .", mkdir("."));
    say!("mkdir /", mkdir("/"));
    say!("mkdir empty", mkdir(""));
    say!("mkdirat", sys!(SYS_mkdirat, opened("d", libc::O_PATH), c"inner".as_ptr(), 0o700));
    say!("mkdir where I may not", mkdir("/usr/mine"));
    say!("rmdir full", rmdir("d"));
    say!("rmdir inner", rmdir("d/inner"));
    say!("rmdir with a slash", rmdir("d/"));
    say!("rmdir .", rmdir("."));
    say!("rmdir ..", rmdir("e/.."));
    say!("rmdir nothing", rmdir("d"));
    file("f", "");
    say!("rmdir a file", rmdir("f"));
    std::os::unix::fs::symlink("e", "link").unwrap();
    say!("rmdir a link", rmdir("link"));
    say!("mkdir over a link", mkdir("link"));
}

fn list() {
    std::fs::create_dir("d").unwrap();
    for number in 0..300 {
        file(&format!("d/a-file-with-a-rather-long-name-{number:03}"), "");
    }
    std::os::unix::fs::symlink("x", "d/link").unwrap();
    std::fs::create_dir("d/dir").unwrap();
    let mut names: Vec<String> = std::fs::read_dir("d")
        .unwrap()
        .map(|entry| {
            entry.map(|entry| format!("{:?} {}", entry.file_type().unwrap(), entry.file_name().display())).unwrap()
        })
        .collect();
    names.sort();
    println!("{} names, {:?}", names.len(), &names[..2]);
    let fd = opened("d", libc::O_DIRECTORY);
    let mut buffer = [0u8; 1024];
    let mut rounds = 0;
    while sys!(SYS_getdents64, fd, buffer.as_mut_ptr(), 1024) > 0 {
        rounds += 1;
    }
    println!("rounds {rounds}");
    say!("at the end", sys!(SYS_getdents64, fd, buffer.as_mut_ptr(), 1024));
    say!("rewind", sys!(SYS_lseek, fd, 0, 0));
    say!("too small", sys!(SYS_getdents64, fd, buffer.as_mut_ptr(), 8));
    say!("bad address", sys!(SYS_getdents64, fd, BAD, 1024));
    say!("a file", sys!(SYS_getdents64, opened("d/a-file-with-a-rather-long-name-000", 0), buffer.as_mut_ptr(), 1024));
    say!("closed", sys!(SYS_getdents64, 999, buffer.as_mut_ptr(), 1024));
}

/// A working directory deeper than PATH_MAX is reached step by step and has no name that fits.
fn deep() {
    println!("deep down {:?}", go_deep().map_err(|error| error.kind()));
}

fn go_deep() -> std::io::Result<[String; 2]> {
    let name = "n".repeat(200);
    for _ in 0..25 {
        std::fs::create_dir(&name)?;
        std::env::set_current_dir(&name)?;
    }
    let mut buffer = vec![0u8; 8192];
    assert!(sys!(SYS_getcwd, buffer.as_mut_ptr(), 8192) < 0, "there is no name for it");
    file("f", "deep");
    Ok([std::fs::read_to_string("f")?, std::fs::read_to_string(format!("../{name}/./f"))?])
}
