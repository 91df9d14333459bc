//! Signals to nurse and to the program inside, and deaths of either.

use super::{CONFIG, sandboxed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nurse_tests::{Job, Scratch, Status};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// A program under nurse that has said `ready` and now waits for input.
struct Waiting {
    child: Child,
    output: BufReader<ChildStdout>,
    // Its working directory.
    _scratch: Scratch,
}

impl Waiting {
    fn start() -> Self {
        // Python's own handler of SIGINT only notes the signal: one that comes just before a blocking read is then not seen
        // until the read ends, natively as well.
        let script = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); print('ready', flush=True); \
                      print('got', sys.stdin.readline(), flush=True)";
        let scratch = Scratch::new().unwrap();
        let job = CONFIG.wrap(&Job::new("/usr/bin/python3", ["-c", script]).at(scratch.path()), &[]).unwrap();
        let mut command = job.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        if line != "ready\n" {
            child.kill().unwrap();
            panic!("the program did not come up under nurse: {:?}", child.wait());
        }
        Waiting { child, output, _scratch: scratch }
    }

    fn nurse(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// All processes below nurse.
    fn guests(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        let mut open = vec![self.nurse()];
        while let Some(pid) = open.pop() {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            for task in tasks {
                let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                let pids: Vec<Pid> = text.split_whitespace().map(|word| Pid::from_raw(word.parse().unwrap())).collect();
                found.extend(&pids);
                open.extend(pids);
            }
        }
        assert!(!found.is_empty(), "no process below nurse");
        found
    }

    /// How nurse ends within five seconds.
    fn end(&mut self) -> Status {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.into();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Status::TimedOut
    }
}

fn gone(pid: Pid) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        // A zombie is dead: its parent has not looked yet.
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => std::thread::sleep(Duration::from_millis(5)),
            _ => return true,
        }
    }
    false
}

#[test]
fn input_arrives_while_the_program_waits() {
    let mut run = Waiting::start();
    run.child.stdin.take().unwrap().write_all(b"word\n").unwrap();
    assert_eq!(run.end(), Status::Code(0));
    let mut rest = String::new();
    run.output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "got word\n\n");
}

#[test]
fn a_program_killed_from_outside_is_reported() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGHUP] {
        let mut run = Waiting::start();
        let guests = run.guests();
        kill(guests[0], signal).unwrap();
        assert_eq!(run.end(), Status::Code(128 + signal as i32), "{signal}");
        assert!(guests.into_iter().all(gone), "{signal}: something was left behind");
    }
}

#[test]
fn a_killed_nurse_takes_the_program_along() {
    let mut run = Waiting::start();
    let guests = run.guests();
    kill(run.nurse(), Signal::SIGKILL).unwrap();
    assert_eq!(run.end(), Status::Signal(9));
    assert!(guests.into_iter().all(gone), "the program outlived its nurse");
}

#[test]
fn nurse_told_to_end_ends_the_program() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut run = Waiting::start();
        let guests = run.guests();
        kill(run.nurse(), signal).unwrap();
        assert_eq!(run.end(), Status::Code(128 + signal as i32), "{signal}");
        assert!(guests.into_iter().all(gone), "{signal}: the program outlived its nurse");
    }
}

#[test]
fn a_stopped_program_goes_on() {
    let mut run = Waiting::start();
    for guest in run.guests() {
        kill(guest, Signal::SIGSTOP).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    for guest in run.guests() {
        kill(guest, Signal::SIGCONT).unwrap();
    }
    run.child.stdin.take().unwrap().write_all(b"word\n").unwrap();
    assert_eq!(run.end(), Status::Code(0));
}

/// With standard streams closed, descriptors are numbered as they are natively; nurse's own, which /proc lists, have numbers
/// that programs do not come near.
#[test]
fn closed_standard_streams_stay_closed() {
    for closed in [&[0][..], &[2], &[0, 2]] {
        let scratch = Scratch::new().unwrap();
        // A program in C: Rust's runtime and Python open what is closed.
        let native =
            Job::new("/usr/bin/find", ["/proc/self/fd", "-mindepth", "1", "-printf", "%f\n"]).at(scratch.path());
        let run = |job: &Job| {
            let mut command = job.command();
            command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
            let list = closed.to_vec();
            // SAFETY: close(2) is all that the child does before exec.
            unsafe {
                command.pre_exec(move || {
                    for fd in &list {
                        let _ = nix::unistd::close(*fd);
                    }
                    Ok(())
                })
            };
            let output = command.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let (low, own): (Vec<u32>, Vec<u32>) =
                text.lines().map(|fd| fd.parse::<u32>().unwrap()).partition(|fd| *fd < 10_000);
            assert!(own.len() <= 8, "{own:?}");
            (low, output.status.code())
        };
        let expected = run(&native);
        assert!(expected.0.contains(&1), "{expected:?}");
        assert_eq!(run(&CONFIG.wrap(&native, &[]).unwrap()), expected, "closed {closed:?}");
    }
}

#[test]
fn a_refused_program_leaves_no_process() {
    let before = children();
    sandboxed("/no/such/program", &[]);
    sandboxed("/etc/passwd", &[]);
    assert_eq!(children(), before);
}

/// Processes that this test process has.
fn children() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let mine = format!("/proc/self/task/{}", nix::unistd::gettid());
    tasks
        .filter(|task| task.path().ends_with(mine.rsplit('/').next().unwrap()))
        .flat_map(|task| fs::read_to_string(task.path().join("children")))
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
