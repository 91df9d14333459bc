//! The shipped policies hold what they promise, on any machine.

use std::ffi::OsString;

use super::super::{Verdict, policies};
use super::*;
use crate::call::Errno;

fn load(name: &str, variables: &Variables) -> Policy {
    Policy::load_from(&[Source::Name(name.into())], variables, None).unwrap_or_else(|error| panic!("{error}"))
}

/// A run of an interpreter under a home directory, with the working directory at `cwd`.
fn run(program: &str, args: &[&str], cwd: &str) -> Variables {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    Variables::for_run(Path::new(program), &args, Path::new(cwd), Path::new("/home/me"), None)
}

const PYENV: &str = "/home/me/.pyenv/versions/3.13.1";

#[test]
fn all_load_for_any_run_and_all_refuse_secrets() {
    let runs = [
        run("/usr/bin/cat", &[], "/"),
        run("/home/me/a.out", &[], "/home/me"),
        run("/a.out", &["/nowhere"], "/data"),
        Variables::for_check(),
    ];
    for listed in policies().iter().filter(|listed| listed.path.is_none()) {
        for run in &runs {
            let policy = load(&listed.name, run);
            for path in [
                "/home/me/.ssh/id_ed25519",
                "/root/.ssh/id_rsa",
                "/home/you/.aws/credentials",
                "/etc/shadow",
                "/etc/ssh/ssh_host_rsa_key",
                "/proc/1/environ",
                "/proc/1/mem",
            ] {
                assert_ne!(ask(&policy, path, Access::READ).verdict, Verdict::Allow, "{} {path}", listed.name);
            }
            for path in [
                "/etc/passwd",
                "/usr/bin/cat",
                "/home/me/.bashrc",
                "/data/x",
                "/dev/sda",
                "/proc/self/mem",
                "/sys/kernel/mm/x",
            ] {
                for access in [Access::WRITE, Access::CREATE, Access::DELETE] {
                    assert!(!allowed(&policy, path, access), "{} {path}", listed.name);
                }
            }
            assert_ne!(policy.call("socket", "AF_INET SOCK_STREAM").verdict, Verdict::Allow);
        }
    }
}

#[test]
fn all_let_a_dynamic_program_start() {
    for name in ["base", "compute", "default", "python", "read-only"] {
        let policy = load(name, &run("/usr/bin/python3", &[], "/data"));
        for path in [
            "/etc/ld.so.cache",
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/usr/lib/locale/locale-archive",
            "/dev/urandom",
            "/proc/self/fd",
            "/proc/meminfo",
            "/sys/devices/system/cpu/online",
            "/usr/share/zoneinfo/UTC",
        ] {
            assert!(allowed(&policy, path, Access::READ), "{name} {path}");
        }
        assert!(allowed(&policy, "/", Access::LOOK), "{name}");
        if name != "read-only" {
            assert!(allowed(&policy, "/dev/null", Access::READ | Access::WRITE), "{name}");
        }
    }
}

#[test]
fn default_reads_the_system_and_what_it_is_pointed_at() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    std::fs::write(top.join("in.txt"), "").unwrap();
    let named = top.join("in.txt").to_str().unwrap().to_owned();
    let policy = load("default", &run(&format!("{PYENV}/bin/python3.13"), &[&named], "/data/project"));
    for path in [
        "/usr/share/dict/words",
        "/etc/hostname",
        "/data/project/a/b",
        &named,
        &format!("{PYENV}/lib/python3.13/os.py"),
    ] {
        assert!(allowed(&policy, path, Access::READ), "{path}");
    }
    assert!(allowed(&policy, &format!("{PYENV}/bin/python3.13"), Access::EXEC));
    for path in ["/data/other", "/home/me/notes", "/secret/password", "/var/log/auth.log", "/home/me/.pyenv/x"] {
        assert!(!allowed(&policy, path, Access::READ), "{path}");
    }
    assert!(policy.grants_subtree(Path::new("/usr"), Access::READ), "the system can be granted as a whole");
    assert_eq!(ask(&policy, "/home/me/.gitconfig", Access::READ).verdict, Verdict::Hide, "a home without settings");
    let write = ask(&policy, "/home/me/.gitconfig", Access::LOOK | Access::WRITE);
    assert_eq!(write.verdict, Verdict::Deny(Errno::EPERM));
    assert!(write.why.starts_with("no rule allows it; default.rhai on_open"), "{}", write.why);
    let at_home = load("default", &run("/usr/bin/cat", &[], "/home/me"));
    assert!(!allowed(&at_home, "/home/me/notes", Access::READ) && allowed(&at_home, "/home/me", Access::LOOK));
    assert_eq!(ask(&at_home, "/home/me/.ssh/config", Access::LOOK).verdict, Verdict::Hide);
}

#[test]
fn python_reads_its_installation_and_the_scripts_folder() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    std::fs::write(top.join("x.py"), "").unwrap();
    let script = top.join("x.py").to_str().unwrap().to_owned();
    let policy = load("python", &run(&format!("{PYENV}/bin/python3"), &["-u", &script], "/data"));
    let beside = top.join("mod/y.py").to_str().unwrap().to_owned();
    for path in [
        &script,
        &beside,
        &format!("{PYENV}/lib/python3.13/site-packages/x.so"),
        "/etc/resolv.conf",
        "/usr/lib/python3.11/os.py",
    ] {
        assert!(allowed(&policy, path, Access::READ), "{path}");
    }
    for path in ["/secret/password", "/data/x", "/etc/fstab", "/home/me/notes", "/usr/share/dict/words"] {
        assert!(!allowed(&policy, path, Access::READ), "{path}");
    }
    let code =
        load("python", &run("/usr/bin/python3", &["-c", "open('/secret/password')", "/secret/password"], "/data"));
    assert!(!allowed(&code, "/secret/password", Access::READ), "an argument behind -c is no script");
}

#[test]
fn compute_sees_its_libraries_alone() {
    let policy = load("compute", &run("/usr/bin/bc", &["/etc/hosts"], "/data"));
    assert!(allowed(&policy, "/usr/bin/bc", Access::EXEC));
    for path in ["/etc/hosts", "/data", "/usr/share/dict/words", "/usr/bin/ls"] {
        assert!(!allowed(&policy, path, Access::READ), "{path}");
    }
}

#[test]
fn read_only_reads_all_but_secrets() {
    let policy = load("read-only", &run("/usr/bin/grep", &[], "/"));
    for path in ["/data/x", "/home/me/notes", "/etc/fstab", "/", "/proc/self/maps"] {
        assert!(allowed(&policy, path, Access::READ), "{path}");
    }
    assert!(!allowed(&policy, "/proc/12/maps", Access::READ));
    assert!(policy.grants_subtree(Path::new("/usr"), Access::READ));
}
