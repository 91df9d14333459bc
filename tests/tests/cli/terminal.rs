//! A program under nurse on a terminal: isatty, ^C, ^Z.

use super::CONFIG;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use nurse_tests::{Job, Scratch};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A job in a session of its own, on a new terminal.
struct Session {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    _scratch: Scratch,
}

impl Session {
    fn start(wrapped: bool, program: &str, args: &[&str]) -> Self {
        let scratch = Scratch::new().unwrap();
        let job = Job::new(program, args).at(scratch.path());
        let job = if wrapped { CONFIG.wrap(&job, &[]).unwrap() } else { job };
        let terminal = openpty(None, None).unwrap();
        let mut command = job.command();
        let slave = |fd: &OwnedFd| fd.try_clone().unwrap();
        command.stdin(slave(&terminal.slave)).stdout(slave(&terminal.slave)).stderr(slave(&terminal.slave));
        let tty = terminal.slave.as_raw_fd();
        let own_terminal = move || {
            nix::unistd::setsid()?;
            // SAFETY: the terminal is open until spawn returns, and the call takes no pointer.
            match unsafe { libc::ioctl(tty, libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: setsid(2) and ioctl(2) may be called between fork and exec.
        unsafe { command.pre_exec(own_terminal) };
        let child = command.spawn().unwrap();
        drop(terminal.slave);
        let keyboard = File::from(terminal.master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Session { child, keyboard, screen, seen: String::new(), _scratch: scratch }
    }

    /// Waits until the screen shows `text`.
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.seen.contains(text) {
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => {
                    let _ = self.child.kill();
                    panic!("waited for {text:?}, saw {:?}", self.seen);
                }
            }
        }
    }

    /// Presses keys, no sooner than a person could: the program has begun to wait by then, and is not just about to. A signal
    /// that comes between Python's last look and the wait is not seen until the wait ends, natively as well.
    fn press(&mut self, keys: &[u8]) {
        std::thread::sleep(Duration::from_millis(200));
        self.keyboard.write_all(keys).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// The next change of state within ten seconds.
    fn change(&mut self) -> WaitStatus {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED | WaitPidFlag::WNOHANG;
            match waitpid(self.pid(), Some(flags)).unwrap() {
                WaitStatus::StillAlive if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                WaitStatus::StillAlive => {
                    let _ = kill(self.pid(), Signal::SIGKILL);
                    panic!("nothing happened; saw {:?}", self.seen);
                }
                status => return status,
            }
        }
    }
}

#[test]
fn the_terminal_is_the_programs() {
    let script = "import os; print(os.isatty(0), os.isatty(1), os.get_terminal_size()); print(os.ttyname(0).startswith('/dev/pts/')); \
                  print(os.tcgetpgrp(0) == os.getpgrp(), open('/dev/tty').isatty(), 'end')";
    for wrapped in [false, true] {
        let mut run = Session::start(wrapped, "/usr/bin/python3", &["-c", script]);
        run.expect("end");
        assert_eq!(run.seen.matches("True").count(), 5, "wrapped {wrapped}: {}", run.seen);
        assert_eq!(run.change(), WaitStatus::Exited(run.pid(), 0));
    }
}

#[test]
fn control_c_interrupts() {
    for (wrapped, ends) in [(false, None), (true, Some(130))] {
        let mut run = Session::start(
            wrapped,
            "/usr/bin/python3",
            &["-c", "import time; print('rea' + 'dy', flush=True); time.sleep(60)"],
        );
        run.expect("ready");
        run.press(b"\x03");
        run.expect("KeyboardInterrupt");
        match (run.change(), ends) {
            (WaitStatus::Signaled(_, Signal::SIGINT, _), _) => {}
            (WaitStatus::Exited(_, code), Some(expected)) if code == expected => {}
            other => panic!("wrapped {wrapped}: {other:?}"),
        }
    }
}

#[test]
fn control_c_that_is_handled_ends_nothing() {
    // By os.write: the signal may come in the middle of a print, which Python does not let another one into.
    let script = "import os, signal, time\nsignal.signal(signal.SIGINT, lambda *_: os.write(1, b'cau' + b'ght'))\n\
                  print('rea' + 'dy', flush=True)\ntime.sleep(1)\nprint('do' + 'ne')";
    for wrapped in [false, true] {
        let mut run = Session::start(wrapped, "/usr/bin/python3", &["-c", script]);
        run.expect("ready");
        run.press(b"\x03");
        run.expect("caught");
        run.expect("done");
        assert_eq!(run.change(), WaitStatus::Exited(run.pid(), 0), "wrapped {wrapped}");
    }
}

/// ^Z stops what the shell started, and `fg` lets it go on. A shell sees an orphaned process group otherwise, so the
/// session's leader here is a shell with job control.
#[test]
fn control_z_stops_and_the_program_goes_on() {
    let script = "import sys; print('rea' + 'dy', flush=True); print('got', sys.stdin.readline(), flush=True)";
    let scratch = Scratch::new().unwrap();
    let inner = CONFIG.wrap(&Job::new("/usr/bin/python3", ["-c", script]).at(scratch.path()), &[]).unwrap();
    let words: Vec<String> =
        std::iter::once(&inner.program).chain(&inner.args).map(|word| format!("\"{}\"", word.display())).collect();
    for line in [format!("python3 -c \"{script}\""), words.join(" ")] {
        let mut run = Session::start(false, "/bin/bash", &["--norc", "--noprofile", "-i"]);
        run.press(format!("{line}; echo status $((1 + $?))\n").as_bytes());
        run.expect("ready\r\n");
        run.press(b"\x1a");
        run.expect("Stopped");
        run.press(b"fg\n");
        std::thread::sleep(Duration::from_millis(200));
        run.press(b"word\n");
        run.expect("got word");
        run.press(b"exit 9\n");
        let end = loop {
            match run.change() {
                WaitStatus::Exited(_, code) => break code,
                _ => continue,
            }
        };
        assert_eq!(end, 9, "{}", run.seen);
        let _ = killpg(run.pid(), Signal::SIGHUP);
    }
}
