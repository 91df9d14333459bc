//! What a caller sees of the `nurse` command itself: exit statuses, signals, terminals, and what it leaves behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use nurse_tests::{Config, Engine, Entry, Job, Outcome, Scratch, Status, fixture, nurse, policy, probe};
use std::fs;
use std::path::Path;

#[path = "cli/terminal.rs"]
mod terminal;

#[path = "cli/endings.rs"]
mod endings;

/// Engine strict, default door: for behaviour that does not depend on either.
const CONFIG: Config = Config { entry: Entry::Loader, engine: Engine::Strict };

/// Runs a command under nurse and the parity policy, in a scratch directory.
fn sandboxed(program: &str, args: &[&str]) -> Outcome {
    let scratch = Scratch::new().unwrap();
    let job = Job::new(program, args).at(scratch.path());
    CONFIG.wrap(&job, &[]).unwrap().run().unwrap()
}

/// Runs `nurse` with these arguments.
fn bare(args: &[&str]) -> Outcome {
    Job::new(nurse().unwrap(), args).run().unwrap()
}

#[test]
fn the_programs_own_exit_code_is_passed_on() {
    for code in [0, 1, 7, 124, 125, 126, 127, 255] {
        let seen = sandboxed("/usr/bin/python3", &["-c", &format!("import os; os._exit({code})")]);
        assert_eq!(seen.status, Status::Code(code), "{}", seen.complaints());
    }
}

#[test]
fn a_program_that_is_not_there_is_127() {
    for name in ["no-such-program", "/no/such/program"] {
        let seen = sandboxed(name, &[]);
        assert_eq!(seen.status, Status::Code(127), "{}", seen.complaints());
        assert!(seen.complaints().contains(name), "{}", seen.complaints());
    }
}

#[test]
fn a_file_that_cannot_be_run_is_126() {
    let seen = sandboxed("/etc/passwd", &[]);
    assert_eq!(seen.status, Status::Code(126), "{}", seen.complaints());
    let seen = sandboxed("/usr", &[]);
    assert_eq!(seen.status, Status::Code(126), "{}", seen.complaints());
}

#[test]
fn wrong_usage_is_nurses_own_failure() {
    for args in [&["--no-such-option", "--", "true"][..], &["--engine", "nonsense", "--", "true"], &["--"], &[]] {
        let seen = bare(args);
        assert_eq!(seen.status, Status::Code(125), "{args:?}: {}", seen.complaints());
        assert!(!seen.complaints().is_empty());
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = bare(&["--help"]);
    assert_eq!(help.status, Status::Code(0));
    for word in ["--entry", "--engine", "--policy", "nurse"] {
        assert!(help.text().contains(word), "no {word} in the help");
    }
    let version = bare(&["--version"]);
    assert_eq!((version.status, version.text().starts_with("nurse ")), (Status::Code(0), true));
}

#[test]
fn a_broken_policy_starts_nothing() {
    let scratch = Scratch::new().unwrap();
    let file = scratch.path().join("broken.rhai");
    fs::write(&file, "raed(\"/usr/**\");\n").unwrap();
    let job = Job::new("/usr/bin/touch", ["made"]).at(scratch.path());
    for policy in [file.as_path(), Path::new("/no/such/policy.rhai")] {
        let seen = CONFIG.wrap_with(&job, vec!["-p".into(), policy.into()]).unwrap().run().unwrap();
        assert_eq!(seen.status, Status::Code(125), "{}", seen.complaints());
        assert!(seen.complaints().contains(&policy.display().to_string()), "{}", seen.complaints());
    }
    assert_eq!(scratch.listing().len(), 1, "{:?}", scratch.listing());
}

/// The demonstration of the README: an interpreter reads what it may, and is told EPERM for what it may not.
#[test]
fn python_may_read_the_system_but_not_the_secret() {
    let secret = fixture::inputs().unwrap().join("secret/password");
    let script = "
import os, sys
print(len(open('/etc/passwd').read()) > 0, os.path.exists('/etc/resolv.conf') and len(open('/etc/resolv.conf').read()) >= 0)
print(os.getpid() > 0, os.getpid() == int(os.readlink('/proc/self')))
try:
    open(sys.argv[1])
except PermissionError as error:
    print('PermissionError', error.errno)
print(os.access(sys.argv[1], os.R_OK), os.access(sys.argv[1], os.F_OK))
try:
    open('/tmp/new-file-of-the-demonstration', 'w')
except OSError as error:
    print(type(error).__name__, error.errno)
";
    for config in nurse_tests::MATRIX {
        let job = Job::new("/usr/bin/python3", ["-c".as_ref(), script.as_ref(), secret.as_os_str()]);
        assert_eq!(job.run().unwrap().text().lines().nth(2), Some("True True"), "natively the secret is readable");
        let seen = config.wrap_with(&job, vec!["-p".into(), policy("demo").unwrap().into()]).unwrap().run().unwrap();
        let expected = "True True\nTrue True\nPermissionError 1\nFalse False\nPermissionError 1\n";
        assert_eq!(seen.text(), expected, "{config}: {}", seen.complaints());
        assert_eq!(seen.status, Status::Code(0), "{config}");
        let told = seen.notes.join("\n");
        assert!(
            told.contains("refused") && told.contains("secret/password"),
            "{config} should sum up refusals: {told:?}"
        );
    }
    let _ = fs::remove_file("/tmp/new-file-of-the-demonstration");
}

#[test]
fn nothing_is_said_when_nothing_was_refused() {
    let seen = sandboxed("/usr/bin/true", &[]);
    assert_eq!((seen.status, seen.complaints().as_str()), (Status::Code(0), ""));
}

#[test]
fn many_at_once_do_not_disturb_each_other() {
    let program = probe().unwrap();
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let program = program.clone();
            std::thread::spawn(move || sandboxed(program.to_str().unwrap(), &["storm.paths"]))
        })
        .collect();
    for run in runs {
        let seen = run.join().unwrap();
        assert!(seen.text().contains("wrong 0"), "{}{}", seen.text(), seen.complaints());
    }
}
