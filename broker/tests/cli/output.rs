//! What is printed where, and the exit status.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;
use nurse::cli::Cli;

fn nurse(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nurse")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn nothing_to_run_is_a_failure_with_usage() {
    let output = nurse(&[]);
    assert_eq!(output.status.code(), Some(125));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains("Usage: nurse [OPTIONS] [--] PROG"), "{}", stderr(&output));
}

#[test]
fn an_unknown_option_is_a_failure_of_nurse() {
    let output = nurse(&["--bogus", "ls"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("--bogus"));
}

#[test]
fn help_and_version_go_to_standard_output() {
    for flag in ["--help", "-h", "--version"] {
        let output = nurse(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert!(output.stderr.is_empty() && stdout(&output).contains("nurse"), "{flag}");
        assert!(!stdout(&output).contains('\x1b'), "{flag}: colour without a terminal");
    }
}

#[test]
fn a_program_that_is_not_there_is_127() {
    let output = nurse(&["--", "no-such-program-anywhere"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(stderr(&output).starts_with("nurse: no-such-program-anywhere: no such program in PATH"));
    assert!(stderr(&output).contains("nothing was started"));
    assert_eq!(nurse(&["/no/such/program"]).status.code(), Some(127));
    assert_eq!(nurse(&["--", "doctor-of-nothing"]).status.code(), Some(127));
}

#[test]
fn a_program_that_cannot_run_is_126() {
    for path in ["/etc/passwd", "/tmp", "/dev/null"] {
        let output = nurse(&[path]);
        assert_eq!(output.status.code(), Some(126), "{path}");
        assert!(stderr(&output).starts_with(&format!("nurse: {path}: ")), "{}", stderr(&output));
    }
}

#[test]
fn what_nurse_needs_and_does_not_get_is_125() {
    assert_eq!(nurse(&["--cwd", "/no/such/folder", "true"]).status.code(), Some(125));
    let output = nurse(&["--pass-fd", "99", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("--pass-fd 99: not open"), "{}", stderr(&output));
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let output = nurse(&["/x/\x1b[31mred\nnurse: fine"]);
    assert!(!output.stderr.contains(&0x1b));
    assert!(stderr(&output).contains(r"/x/\x1b[31mred\nnurse: fine"), "{}", stderr(&output));
}

#[test]
fn a_program_that_can_only_be_executed_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let [program, tool] = ["program", "nurse"].map(|name| folder.path().join(name));
    fs::copy("/bin/true", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o111)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_nurse"), &tool).unwrap();
    let mut command = Command::new(&tool);
    if nix::unistd::geteuid().is_root() {
        // Root may read everything: be nobody.
        command.uid(65534).gid(65534);
    }
    command.arg(&program).stdin(Stdio::null());
    let output = loop {
        match command.output() {
            // Just written: another test's child holds our fd until it execs.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            done => break done.unwrap(),
        }
    };
    assert_eq!(output.status.code(), Some(126));
    assert!(stderr(&output).contains("can be executed but not read"), "{}", stderr(&output));
}

#[test]
fn the_manual_page_and_completions_have_every_flag() {
    let page = nurse(&["man"]);
    assert_eq!(page.status.code(), Some(0));
    let plain = stdout(&page).replace('\\', "");
    let shells = ["bash", "zsh", "fish"].map(|shell| nurse(&["completions", shell]));
    let mut flags = 0;
    for name in Cli::command().get_arguments().filter_map(|flag| flag.get_long()) {
        assert!(plain.contains(&format!("--{name}")), "{name} is not in the page");
        for shell in &shells {
            assert!(stdout(shell).contains(name), "{name} is not in a completion");
        }
        flags += 1;
    }
    assert!(flags >= 10);
    assert!(plain.contains(".SH \"EXIT STATUS\"") || plain.contains(".SH EXIT STATUS"), "{plain}");
    let page = nurse(&["man", "check"]);
    assert!(stdout(&page).contains("nurse-check") || stdout(&page).contains("nurse\\-check"));
    assert_eq!(nurse(&["man", "nothing"]).status.code(), Some(125));
}

#[test]
fn all_pages_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = nurse(&["man", "--all", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let pages = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(pages, Cli::command().get_subcommands().count() + 1);
    assert!(fs::read_to_string(folder.path().join("nurse.1")).unwrap().contains("EXIT STATUS"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nurse"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nurse")).args(["completions", "bash"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
}

#[test]
fn the_doctor_speaks_both_ways() {
    let output = nurse(&["doctor"]);
    let json: serde_json::Value = serde_json::from_slice(&nurse(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(output.status.code(), Some(if json["can_run"] == true { 0 } else { 1 }));
    for check in json["checks"].as_array().unwrap() {
        assert!(stdout(&output).contains(check["name"].as_str().unwrap()), "{check}");
    }
    assert!(!stdout(&output).contains('\x1b'));
}
