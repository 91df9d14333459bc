//! What only the host can see: how a guest's threads are confined, what dies with what, and what the broken build says of itself.

use crate::{broken, stage::Stage, table::Row, trial};
use libtest_mimic::Trial;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use nurse_tests::{Config, Engine, Entry, MATRIX};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("host/version".to_owned(), version),
        trial("host/variable".to_owned(), variable),
        trial("host/table".to_owned(), table),
    ];
    for config in MATRIX {
        trials.push(trial(format!("host/{config}/threads"), move || threads(config)));
        trials.push(trial(format!("host/{config}/broker-killed"), move || broker_killed(config)));
    }
    let config = Config { entry: Entry::Loader, engine: Engine::Strict };
    trials.push(trial("host/unguarded/broker-killed".to_owned(), move || unguarded_broker_killed(config)));
    trials
}

/// A build that can break its guards says so; one that users have has never heard of it.
fn version() -> Result<(), String> {
    let said = |nurse: &Path, option: &str| {
        let done = Command::new(nurse)
            .args([option, "/bin/true"][..if option == "--version" { 1 } else { 2 }].iter())
            .output();
        let done = done.map_err(|error| error.to_string())?;
        Ok::<_, String>(format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)))
    };
    for option in ["--version", "--"] {
        let (ours, broken) = (said(&nurse_tests::nurse()?, option)?, said(&broken::nurse()?, option)?);
        if ours.to_uppercase().contains("GUARDS") || !broken.contains("GUARDS") {
            return Err(format!("{option}: nurse says {ours:?}, the broken build {broken:?}"));
        }
    }
    Ok(())
}

/// Every attack that the program knows is in the suite, and every one of the suite in the README, with its guards.
fn table() -> Result<(), String> {
    let list = Command::new(nurse_tests::attack()?).arg("--list").output().map_err(|error| error.to_string())?;
    let known = String::from_utf8_lossy(&list.stdout).into_owned();
    let read_me = include_str!("../../attacks/README.md");
    for name in known.lines() {
        let row = crate::ROWS.iter().find(|row| row.attack == name).ok_or_else(|| format!("{name} is in no row"))?;
        // `pages.munmap-posted` may stand as `pages.munmap-direct`, `-posted`.
        let short = name.rfind('-').map_or(name, |at| &name[at..]);
        let told = |line: &&str| {
            line.contains(&format!("`{name}`"))
                || (line.contains(&format!("`{short}`")) && line.contains(&name[..name.len() - short.len()]))
        };
        let line = read_me.lines().find(told).ok_or_else(|| format!("{name} is not in the README"))?;
        if let Some(guard) = row.guards.iter().find(|guard| !line.contains(&format!("`{guard}`"))) {
            return Err(format!("the README does not name {guard} for {name}"));
        }
    }
    match crate::ROWS.iter().find(|row| !known.lines().any(|name| name == row.attack)) {
        Some(row) => Err(format!("{} is in the table, and no attack", row.attack)),
        None => Ok(()),
    }
}

/// `NURSE_BREAK` means nothing to nurse itself.
fn variable() -> Result<(), String> {
    let row = crate::ROWS.iter().find(|row| row.attack == "abi.gadget").ok_or("no such attack")?;
    let stage = Stage::new(row)?;
    let config = Config { entry: Entry::Loader, engine: Engine::Strict };
    let seen = stage.run(&nurse_tests::nurse()?, config, row, &["strict", "no such guard"])?;
    crate::no_breach(&seen)?;
    if seen.text().contains("held") { Ok(()) } else { Err(crate::told(&seen, "tried nothing")) }
}

/// A guest that waits.
struct Waiting {
    nurse: Child,
    guest: Pid,
    stage: Stage,
}

fn start(nurse: &Path, config: Config, broken: &[&str]) -> Result<Waiting, String> {
    const ROW: &Row = &crate::ROWS[0];
    let stage = Stage::new(ROW)?;
    let mut command = stage.job(nurse, config, "host.wait", broken)?.command();
    let mut nurse = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let out = nurse.stdout.take().ok_or("no standard output")?;
    let line =
        BufReader::new(out).lines().next().ok_or("the guest said nothing")?.map_err(|error| error.to_string())?;
    let pid =
        line.strip_prefix("waiting ").and_then(|pid| pid.parse().ok()).ok_or(format!("the guest said {line:?}"))?;
    Ok(Waiting { nurse, guest: Pid::from_raw(pid), stage })
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.nurse.kill();
        let _ = self.nurse.wait();
        // Where the guest outlives its broker, it is ours to end.
        let _ = kill(self.guest, Signal::SIGKILL);
    }
}

/// The value of a line of /proc/PID/task/TID/status.
fn status(guest: Pid, tid: &str, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{guest}/task/{tid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// The guest thread is confined as the engine says, and the trustee is as bare as it has to be: filtered, every signal blocked but
/// one, no restartable sequence.
fn threads(config: Config) -> Result<(), String> {
    let waiting = start(&nurse_tests::nurse()?, config, &[])?;
    let guest = waiting.guest;
    let wanted = match config.engine {
        Engine::Strict => "1",
        Engine::Filter => "2",
    };
    let tasks = fs::read_dir(format!("/proc/{guest}/task")).map_err(|error| error.to_string())?;
    let tids: Vec<String> = tasks.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if tids.len() != 2 {
        return Err(format!("{} threads, not 2", tids.len()));
    }
    for tid in &tids {
        let (mode, privileges) = (status(guest, tid, "Seccomp"), status(guest, tid, "NoNewPrivs"));
        let trustee = *tid != guest.to_string();
        let due = if trustee { "2" } else { wanted };
        if mode != due || privileges != "1" {
            return Err(format!("thread {tid}: Seccomp {mode} (not {due}), NoNewPrivs {privileges}"));
        }
        if trustee {
            // All signals but the cancel signal; the kernel leaves SIGKILL and SIGSTOP out of any mask.
            let blocked = status(guest, tid, "SigBlk");
            if blocked != "fffffffffffb7eff" {
                return Err(format!("the trustee blocks {blocked}"));
            }
            let rseq = rseq_of(tid)?;
            if rseq != 0 {
                return Err(format!("the trustee has a restartable sequence area at {rseq:#x}"));
            }
        }
    }
    // A thread of an ordinary program has one: the look would see it.
    let own = own_rseq()?;
    if own == 0 { Err("an ordinary process seems to have no restartable sequences".to_owned()) } else { Ok(()) }
}

/// The address of a thread's rseq area, by PTRACE_GET_RSEQ_CONFIGURATION.
fn rseq_of(tid: &str) -> Result<u64, String> {
    const GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
    let tid = Pid::from_raw(tid.parse().map_err(|_| "no thread id")?);
    let failed = |errno: nix::Error| format!("tracing thread {tid}: {errno}");
    ptrace::seize(tid, ptrace::Options::empty()).map_err(failed)?;
    ptrace::interrupt(tid).map_err(failed)?;
    waitpid(tid, Some(WaitPidFlag::__WALL)).map_err(failed)?;
    let mut found = [0_u64; 3];
    // SAFETY: a stopped tracee of ours, and room for the 24 bytes of struct ptrace_rseq_configuration.
    let got = unsafe { libc::ptrace(GET_RSEQ_CONFIGURATION, tid.as_raw(), size_of_val(&found), found.as_mut_ptr()) };
    ptrace::detach(tid, None).map_err(failed)?;
    if got < 0 { Err("PTRACE_GET_RSEQ_CONFIGURATION failed".to_owned()) } else { Ok(found[0]) }
}

/// The same of a program that glibc started.
fn own_rseq() -> Result<u64, String> {
    let mut other = Command::new("/bin/sleep").arg("60").spawn().map_err(|error| error.to_string())?;
    // Until it has got through its start.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let found = rseq_of(&other.id().to_string());
    let _ = other.kill();
    let _ = other.wait();
    found
}

fn broker_killed(config: Config) -> Result<(), String> {
    let mut waiting = start(&nurse_tests::nurse()?, config, &[])?;
    waiting.nurse.kill().map_err(|error| error.to_string())?;
    waiting.nurse.wait().map_err(|error| error.to_string())?;
    match waiting.stage.left() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("the guest outlives its broker: {left:?}")),
    }
}

fn unguarded_broker_killed(config: Config) -> Result<(), String> {
    let mut waiting = start(&broken::nurse()?, config, &["parent-death"])?;
    waiting.nurse.kill().map_err(|error| error.to_string())?;
    waiting.nurse.wait().map_err(|error| error.to_string())?;
    if waiting.stage.left().is_empty() {
        Err("the guest dies nevertheless: is it looked at at all?".to_owned())
    } else {
        Ok(())
    }
}
