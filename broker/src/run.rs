//! From a vetted program and a policy to the end of the guest.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, umask};

use crate::filter;
use crate::guest::Guest;
use crate::launch::{self, Engine, Entry, Start};
use crate::policy::Policy;
use crate::program::Program;
use crate::refusals::Refusals;
use crate::supervise::{self, Ended, Supervisor};

/// What to run, and how.
#[derive(Debug)]
pub struct Run {
    /// The program.
    pub program: Program,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Strict or filter.
    pub engine: Engine,
    /// The door.
    pub entry: Entry,
    /// What it may do.
    pub policy: Arc<Policy>,
    /// Fds above 2 that it gets.
    pub pass: Vec<RawFd>,
    /// Its working directory.
    pub cwd: std::path::PathBuf,
    /// Where its refusals are counted, and told.
    pub refusals: Refusals,
}

/// Runs a program to its end.
///
/// # Errors
/// As the system calls that start and serve it; nothing is left running.
pub fn run(run: Run) -> io::Result<(Ended, Refusals)> {
    let (mask, signals) = supervise::block()?;
    let exe = run.program.exe.clone();
    let affinity = cpus()?;
    let mut comm = [0; 16];
    for (to, from) in comm[..15].iter_mut().zip(run.program.found.file_name().map_or(&[][..], OsStrExt::as_bytes)) {
        *to = *from;
    }
    let cpus = launch::cpu::stay_here();
    let started = launch::start(Start {
        program: run.program,
        environment: run.environment,
        engine: run.engine,
        entry: run.entry,
        network: false,
        mask,
        pass: run.pass,
        grants: filter::grants().to_vec(),
    })?;
    let umask = {
        let old = umask(Mode::empty());
        old.bits()
    };
    let guest = Guest {
        pid: nix::unistd::Pid::from_raw(started.child.id().cast_signed()),
        cwd: open(Path::new(&run.cwd), OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?,
        umask,
        exe,
        fd_low: started.fd_low,
        guard_start: started.pages.base,
        guard_end: started.pages.base + trampoline::layout::GUARD_LEN as u64,
        affinity,
        comm,
        belief: crate::guest::Belief::default(),
        policy: run.policy,
        refusals: run.refusals,
        killed: false,
    };
    let mut supervisor = Supervisor::new(guest, started, signals, run.engine, run.entry)?;
    let ended = supervisor.run();
    if let Some(cpus) = &cpus {
        launch::cpu::roam(cpus);
    }
    let ended = ended?;
    Ok((ended, supervisor.guest.refusals))
}

/// The CPUs that nurse itself may run on, one bit each, in the kernel's words of eight bytes.
fn cpus() -> io::Result<Vec<u8>> {
    let set = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0))?;
    let count = nix::sched::CpuSet::count();
    let mut bits = vec![0_u8; count.div_ceil(8)];
    for cpu in (0..count).filter(|&cpu| set.is_set(cpu).unwrap_or(false)) {
        bits[cpu / 8] |= 1 << (cpu % 8);
    }
    let used = bits.iter().rposition(|&byte| byte != 0).map_or(1, |last| last + 1);
    bits.truncate(used.next_multiple_of(8));
    Ok(bits)
}
