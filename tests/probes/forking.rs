//! fork(2), execve(2), wait4(2): children and other programs.

use crate::raw::{pipe, told, well};
use crate::{Probe, ending, probe};
use std::process::Command;

pub(crate) const PROBES: &[Probe] = &[
    probe("forking.fork", fork),
    probe("forking.many", many),
    probe("forking.ids", ids),
    probe("forking.signals", signals),
    probe("forking.command", command),
    probe("forking.failures", failures),
    probe("forking.shell", shell),
    probe("forking.vfork", vfork),
    ending("forking.exec", "3", exec),
];

fn child(run: impl FnOnce() -> i32) -> i32 {
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = run();
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork: {}", told(crate::raw::errno(pid)));
    pid
}

fn wait(pid: i32) -> String {
    let mut status = 0;
    let found = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    format!("right one {} status {status:x}", found == pid)
}

fn fork() {
    let (from, to) = pipe(0);
    let pid = child(|| sys!(SYS_write, to, c"from the child".as_ptr(), 14) as i32);
    println!("{}", wait(pid));
    let mut buffer = [0u8; 32];
    say!("read", sys!(SYS_read, from, buffer.as_mut_ptr(), 32));
    println!("{:?}", std::str::from_utf8(&buffer[..14]));
    println!("{}", wait(child(|| unsafe { libc::raise(libc::SIGTERM) })));
    say!("no more children", crate::raw::errno(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) }));
}

fn many() {
    let pids: Vec<i32> = (0..20).map(|n| child(move || n)).collect();
    let codes: Vec<String> = pids.into_iter().map(wait).collect();
    println!("{codes:?}");
    println!("{}", wait(child(|| if wait(child(|| 3)).ends_with("300") { 4 } else { 5 })));
}

fn ids() {
    let parent = sys!(SYS_getpid);
    println!(
        "{}",
        wait(child(move || i32::from(
            sys!(SYS_getppid) == parent && sys!(SYS_getpid) == sys!(SYS_gettid) && sys!(SYS_getpid) != parent
        )))
    );
}

fn signals() {
    let pid = child(|| {
        loop {
            sys!(SYS_pause);
        }
    });
    say!("kill", sys!(SYS_kill, pid, libc::SIGTERM));
    println!("{}", wait(pid));
    say!("kill again", sys!(SYS_kill, pid, libc::SIGTERM));
}

fn command() {
    let out = Command::new("echo").args(["a", "b c"]).output().unwrap();
    println!("{:?} {:?}", String::from_utf8_lossy(&out.stdout), out.status.code());
    let out = Command::new("sh")
        .args(["-c", "cat; exit 4"])
        .stdin(std::fs::File::open("/dev/null").unwrap())
        .output()
        .unwrap();
    println!("{:?}", out.status.code());
    let out = Command::new("env").env_clear().env("A", "b").output().unwrap();
    println!("{}", String::from_utf8_lossy(&out.stdout));
}

fn failures() {
    println!("{:?}", Command::new("/no/such/program").output().map_err(|error| error.kind()));
    crate::raw::file("not-executable", "#!/bin/sh\n");
    println!("{:?}", Command::new("./not-executable").output().map_err(|error| error.kind()));
    crate::raw::file("nonsense", "\u{1}\u{2}\u{3}");
    sys!(SYS_chmod, c"nonsense".as_ptr(), 0o755);
    println!("{:?}", Command::new("./nonsense").output().map_err(|error| error.raw_os_error()));
    println!("{:?}", Command::new("/tmp").output().map_err(|error| error.kind()));
}

fn shell() {
    crate::raw::file("script", "#!/bin/sh -e\necho \"$0\" \"$@\"\n");
    sys!(SYS_chmod, c"script".as_ptr(), 0o755);
    let out = Command::new("./script").args(["x", "y z"]).output().unwrap();
    println!("{:?}", String::from_utf8_lossy(&out.stdout));
    let out = Command::new("sh")
        .args(["-c", "seq 1000 | sort -rn | head -3; (echo sub); x=$(echo inner); echo $x"])
        .output()
        .unwrap();
    println!("{:?}", String::from_utf8_lossy(&out.stdout));
}

fn vfork() {
    println!("{}", well(i64::from(unsafe { libc::system(c"exit 3".as_ptr()) })));
    println!("{}", told(i64::from(unsafe { libc::system(c"true".as_ptr()) })));
}

fn exec() {
    println!("before");
    let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), c"echo after; exit 3".as_ptr(), std::ptr::null()];
    let environment = [c"A=b".as_ptr(), std::ptr::null()];
    say!("execve", sys!(SYS_execve, c"/bin/sh".as_ptr(), arguments.as_ptr(), environment.as_ptr()));
}
