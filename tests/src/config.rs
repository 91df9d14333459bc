//! The ways to run a program under `nurse`.

use crate::{Job, install};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// Which door a program comes in through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The static loader maps it.
    Loader,
    /// LD_AUDIT.
    Audit,
    /// LD_PRELOAD.
    Preload,
}

/// What confines its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Mode-1 strict seccomp.
    Strict,
    /// A four-call mode-2 filter.
    Filter,
}

/// One way to run a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The door.
    pub entry: Entry,
    /// The engine.
    pub engine: Engine,
}

/// The configurations that every test goes through.
pub const MATRIX: [Config; 4] = [
    Config { entry: Entry::Loader, engine: Engine::Strict },
    Config { entry: Entry::Loader, engine: Engine::Filter },
    Config { entry: Entry::Audit, engine: Engine::Strict },
    Config { entry: Entry::Audit, engine: Engine::Filter },
];

/// The configuration that a few tests go through besides.
pub const PRELOAD: Config = Config { entry: Entry::Preload, engine: Engine::Strict };

impl Config {
    /// The job, wrapped into a `nurse` command line under the parity policy, with `writable` open for writing.
    ///
    /// # Errors
    /// When there is no `nurse` binary.
    pub fn wrap(self, job: &Job, writable: &[&Path]) -> Result<Job, String> {
        let mut options: Vec<OsString> = vec!["-p".into(), install::policy("parity")?.into()];
        for path in writable {
            options.extend(["-w".into(), path.as_os_str().to_owned()]);
        }
        self.wrap_with(job, options)
    }

    /// The job, wrapped into a `nurse` command line with `options` of the caller's choice.
    ///
    /// # Errors
    /// When there is no `nurse` binary.
    pub fn wrap_with(self, job: &Job, options: Vec<OsString>) -> Result<Job, String> {
        let nurse = install::nurse()?;
        let mut args: Vec<OsString> =
            vec!["--entry".into(), self.entry.to_string().into(), "--engine".into(), self.engine.to_string().into()];
        args.extend(options);
        args.extend(["--".into(), job.program.clone()]);
        args.extend(job.args.iter().cloned());
        Ok(Job { program: nurse.into(), args, ..job.clone() })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Entry::Loader => "loader",
            Entry::Audit => "audit",
            Entry::Preload => "preload",
        })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Strict => "strict",
            Engine::Filter => "filter",
        })
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.entry, self.engine)
    }
}
