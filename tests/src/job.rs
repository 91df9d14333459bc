//! One command, run to its end under a time limit, with everything it said.

use crate::Account;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long output may stay open after the command itself has ended: whatever holds it then is a leftover process.
const GRACE: Duration = Duration::from_secs(3);

/// A command with its input and surroundings.
#[derive(Debug, Clone)]
pub struct Job {
    /// Path or name of the program.
    pub program: OsString,
    /// Its arguments, without the name.
    pub args: Vec<OsString>,
    /// What stands on its standard input.
    pub stdin: Vec<u8>,
    /// Variables besides PATH, LANG, TZ and HOME, which are the same for every job.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// When it is given up.
    pub limit: Duration,
    /// Who it runs as.
    pub account: Account,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Not in time; it was killed.
    TimedOut,
}

/// What a command did, as far as its caller can see.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, without the lines that `nurse` itself wrote.
    pub stderr: Vec<u8>,
    /// Lines on standard error that `nurse` wrote.
    pub notes: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// Wall-clock time from start to end.
    pub took: Duration,
    /// Something kept standard output or error open for long after the command's end.
    pub leftover: bool,
    /// What it left in its scratch directory, as [`crate::Scratch::listing`] tells it.
    pub files: Vec<String>,
}

impl Job {
    /// A job for an ordinary user in `/`, with empty input and half a minute to run.
    pub fn new<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Self {
        Job {
            program: program.as_ref().into(),
            args: args.into_iter().map(|arg| arg.as_ref().into()).collect(),
            stdin: Vec::new(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            limit: Duration::from_secs(30),
            account: Account::Ordinary,
        }
    }

    /// The job, started elsewhere.
    #[must_use]
    pub fn at(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// The job, given something to read.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The job, as a command whose standard streams are still to be set.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.cwd).env_clear();
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", &self.cwd);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        self.account.apply(&mut command);
        let no_more_than_standard_streams = || {
            // SAFETY: the call takes numbers only.
            match unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: close_range(2) may be called between fork and exec; descriptors only get a flag.
        unsafe { command.pre_exec(no_more_than_standard_streams) };
        command
    }

    /// Runs the job in a process group of its own, without a terminal.
    ///
    /// # Errors
    /// When the program cannot be started or its pipes fail.
    pub fn run(&self) -> io::Result<Outcome> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let start = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", self.program.display()))
        })?;
        if let Some(mut pipe) = child.stdin.take() {
            let bytes = self.stdin.clone();
            // A program that does not read all of its input breaks the pipe: its right.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let out = drain(child.stdout.take());
        let err = drain(child.stderr.take());
        let status = wait(&mut child, start + self.limit)?;
        let took = start.elapsed();
        let (stdout, held_out) = collect(&out);
        let (stderr, held_err) = collect(&err);
        let (stderr, notes) = split_notes(&stderr);
        Ok(Outcome { stdout, stderr, notes, status, took, leftover: held_out || held_err, files: Vec::new() })
    }
}

impl Outcome {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text, `nurse`'s own lines last.
    #[must_use]
    pub fn complaints(&self) -> String {
        format!("{}{}", String::from_utf8_lossy(&self.stderr), self.notes.join("\n"))
    }
}

impl From<ExitStatus> for Status {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Status::Code(code),
            (None, Some(signal)) => Status::Signal(signal),
            (None, None) => Status::TimedOut,
        }
    }
}

/// Reads a pipe to its end on a thread; pieces arrive as they come, so that a pipe that never ends loses nothing.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut piece = vec![0; 65536];
        while let Ok(count @ 1..) = pipe.read(&mut piece) {
            if sender.send(piece[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// All that a drained pipe gave, and whether it was still open when patience ended.
fn collect(pieces: &Receiver<Vec<u8>>) -> (Vec<u8>, bool) {
    let deadline = Instant::now() + GRACE;
    let mut all = Vec::new();
    loop {
        match pieces.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(piece) => all.extend(piece),
            Err(RecvTimeoutError::Disconnected) => return (all, false),
            Err(RecvTimeoutError::Timeout) => return (all, true),
        }
    }
}

/// Waits for the end, at latest until `deadline`; then the command and its process group are killed.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Status> {
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.into());
        }
        if Instant::now() > deadline {
            child.kill()?;
            if let Ok(group) = i32::try_from(child.id()) {
                // The group is gone when its leader was all of it.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            child.wait()?;
            return Ok(Status::TimedOut);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(8));
    }
}

/// Takes the lines that begin with `nurse: `, and the indented ones that continue them, out of standard error.
fn split_notes(stderr: &[u8]) -> (Vec<u8>, Vec<String>) {
    let (mut rest, mut notes) = (Vec::new(), Vec::new());
    let mut ours = false;
    for line in stderr.split_inclusive(|byte| *byte == b'\n') {
        ours = line.starts_with(b"nurse: ") || (ours && line.starts_with(b"  "));
        if ours {
            notes.push(String::from_utf8_lossy(line).trim_end().to_owned());
        } else {
            rest.extend(line);
        }
    }
    (rest, notes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_signals_and_output_are_seen() {
        let seen = Job::new("sh", ["-c", "cat; echo bad >&2; exit 3"]).input("in").run().unwrap();
        assert_eq!((seen.text().as_str(), seen.status), ("in", Status::Code(3)));
        assert_eq!(seen.complaints(), "bad\n");
        assert_eq!(Job::new("sh", ["-c", "kill -TERM $$"]).run().unwrap().status, Status::Signal(15));
    }

    #[test]
    fn a_job_that_hangs_is_killed() {
        let job = Job { limit: Duration::from_millis(100), ..Job::new("sleep", ["60"]) };
        assert_eq!(job.run().unwrap().status, Status::TimedOut);
    }

    #[test]
    fn notes_are_told_from_the_programs_own_words() {
        let (rest, notes) = split_notes(b"one\nnurse: refused\n  see there\n  two\nthree\n");
        assert_eq!(rest, b"one\nthree\n");
        assert_eq!(notes.len(), 3);
    }
}
