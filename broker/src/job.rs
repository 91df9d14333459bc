//! From the options of a run to its end: checks them against the host, loads the policy, finds the program.

use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::broken::{self, Guard};
use crate::doctor::{self, Missing};
use crate::message::{self, shown};
use crate::options::{Entry, RunOptions};
use crate::policy::{Grant, GrantKind, Policy, PolicyError, Source, Variables};
use crate::program::{self, LaunchError, Program};
use crate::refusals::Refusals;
use crate::run::{self, Run};
use crate::supervise::Ended;

/// Why nothing was run, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program.
    #[error(transparent)]
    Program(#[from] LaunchError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The host.
    #[error(transparent)]
    Host(#[from] Missing),
    /// `--pass-fd` of what is not open.
    #[error(
        "--pass-fd {0}: not open here\n  nothing was started. Open it first, as in `nurse --pass-fd {0} … {0}<file`."
    )]
    NotOpen(RawFd),
    /// `--cwd` leads nowhere.
    #[error("--cwd {}: {error}\n  nothing was started.", shown(path))]
    WorkingDirectory {
        /// As given, or `.`.
        path: PathBuf,
        /// The kernel's word.
        error: io::Error,
    },
    /// A program that cannot come in by the door asked for.
    #[error(
        "--entry {door}: {} {why}\n  nothing was started, for it would run unconfined. Leave --entry out: the loader works \
        for every program.",
        shown(program)
    )]
    Door {
        /// The door.
        door: &'static str,
        /// The program.
        program: PathBuf,
        /// What keeps it out.
        why: &'static str,
    },
    /// A system call that nurse needs failed.
    #[error(
        "the sandbox failed: {0}\n  the program was not started, or was ended. RUST_LOG=debug shows more, `nurse doctor` \
        what this host lacks."
    )]
    Failed(#[from] io::Error),
}

impl Error {
    /// nurse's exit status for it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program(error) => error.exit_code(),
            _ => 125,
        }
    }
}

/// Runs what the options ask for, to its end.
///
/// # Errors
/// If it could not be started or served; [`Error::exit_code`] is nurse's exit status then.
pub fn run(options: &RunOptions) -> Result<(Ended, Refusals), Error> {
    // First of all: later, a number that the user had not opened might be an fd of our own.
    let pass = passed(&options.pass_fds)?;
    doctor::require()?;
    let engine = doctor::engine(options.engine)?;
    // Policies and granted paths count from here, the program's own path from its working directory, as with env -C.
    let start = std::env::current_dir()?;
    let cwd = enter(options.cwd.as_deref())?;
    let path = std::env::var_os("PATH");
    let program = program::find(options.program().unwrap_or_default(), options.arguments(), path.as_deref())?;
    late_door(options.entry, &program)?;
    let policy = policy(options, &program, &start, &cwd)?;
    if !options.quiet {
        program.notices.iter().for_each(|notice| message::tell(notice));
    }
    let refusals = Refusals::reporting(options.report());
    Ok(run::run(Run {
        program,
        environment: options.environment(),
        engine,
        entry: options.entry,
        policy,
        pass,
        cwd,
        refusals,
    })?)
}

/// Where glibc's dynamic linker lives: the one that serves LD_AUDIT.
const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";

/// The audit and preload doors depend on the dynamic linker, which passes over what it cannot load: so only programs for which
/// it can.
fn late_door(entry: Entry, program: &Program) -> Result<(), Error> {
    let door = match entry {
        Entry::Loader => return Ok(()),
        Entry::Audit => "audit",
        Entry::Preload => "preload",
    };
    let why = match &program.linker {
        None => "is a static program: no dynamic linker reads LD_AUDIT or LD_PRELOAD for it",
        Some(linker) if linker.path != Path::new(GLIBC) => "has a dynamic linker of its own",
        Some(_) if program.vetted.audit => "names audit libraries of its own",
        Some(_) => return Ok(()),
    };
    Err(Error::Door { door, program: program.found.clone(), why })
}

/// The policy in force: what `-p` names, or `default`, with the quick grants on top.
fn policy(options: &RunOptions, program: &Program, start: &Path, cwd: &Path) -> Result<Arc<Policy>, Error> {
    if broken::is(Guard::Policy) {
        return Ok(Arc::new(Policy::allow_everything()));
    }
    let mut sources: Vec<Source> = options.policies.iter().map(|given| Source::parse(given)).collect();
    for source in &mut sources {
        if let Source::File(path) = source {
            *path = start.join(&path);
        }
    }
    if sources.is_empty() {
        sources.push(Source::Name("default".into()));
    }
    let kinds =
        [(GrantKind::Read, &options.read), (GrantKind::Write, &options.write), (GrantKind::Exec, &options.exec)];
    let granted = kinds
        .into_iter()
        .flat_map(|(kind, paths)| paths.iter().map(move |path| Grant { kind, path: start.join(path) }));
    sources.push(Source::Grants(granted.collect()));
    let home = crate::policy::home();
    let variables = Variables::for_run(&program.found, options.arguments(), cwd, &home, None);
    Ok(Arc::new(Policy::load(&sources, &variables)?))
}

/// The fds to pass, each once; 0, 1 and 2 are passed anyway.
fn passed(wanted: &[RawFd]) -> Result<Vec<RawFd>, Error> {
    let mut pass: Vec<RawFd> = wanted.iter().copied().filter(|fd| *fd > 2).collect();
    pass.sort_unstable();
    pass.dedup();
    let closed = pass.iter().find(|fd| !Path::new(&format!("/proc/self/fd/{fd}")).is_symlink());
    closed.map_or(Ok(()), |fd| Err(Error::NotOpen(*fd)))?;
    Ok(pass)
}

/// Goes to the program's working directory; its absolute path.
fn enter(cwd: Option<&Path>) -> Result<PathBuf, Error> {
    let failed = |error| Error::WorkingDirectory { path: cwd.unwrap_or(Path::new(".")).to_owned(), error };
    if let Some(cwd) = cwd {
        std::env::set_current_dir(cwd).map_err(failed)?;
    }
    std::env::current_dir().map_err(failed)
}

/// nurse's exit status for the end of a program: its own, or 128+n for signal n.
#[must_use]
pub fn exit_code(ended: Ended) -> u8 {
    let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    match ended {
        Ended::Exited(status) => byte(status),
        Ended::Killed { signal, .. } => 128 | byte(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_status_is_the_shells() {
        assert_eq!(exit_code(Ended::Exited(3)), 3);
        assert_eq!(exit_code(Ended::Killed { signal: 9, violation: false }), 137);
        assert_eq!(exit_code(Ended::Killed { signal: 31, violation: true }), 159);
    }

    #[test]
    fn late_doors_are_for_the_systems_own_linker() {
        let find = |path: &str| program::find(path.as_ref(), &[], None).expect("a program of this system");
        assert!(late_door(Entry::Audit, &find("/bin/true")).is_ok());
        let linker = find(GLIBC);
        assert!(matches!(late_door(Entry::Audit, &linker), Err(Error::Door { door: "audit", .. })));
        assert!(late_door(Entry::Loader, &linker).is_ok());
        let mut strange = find("/bin/true");
        strange.linker.as_mut().expect("dynamic").path = "/lib/ld-musl-x86_64.so.1".into();
        assert!(late_door(Entry::Preload, &strange).is_err());
        let mut auditing = find("/bin/true");
        auditing.vetted.audit = true;
        assert!(late_door(Entry::Preload, &auditing).is_err());
    }

    #[test]
    fn only_open_fds_are_passed() {
        assert_eq!(passed(&[2, 0, 1]).expect("these are always there"), Vec::<RawFd>::new());
        assert!(matches!(passed(&[1_000_000]), Err(Error::NotOpen(1_000_000))));
    }
}
