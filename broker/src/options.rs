//! How a run is asked for: the flags of `nurse -- PROG`, defined once. Parsing, help, manual page and completions all come
//! from here.

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// What to run, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct RunOptions {
    /// Policy to run under; may be given several times, and then every one of them has to agree
    ///
    /// NAME is one of `nurse policies`, FILE is a path (it has a slash or ends in .rhai). Without any, the policy `default`
    /// applies: read the system, the program's own folder and the files named on the command line; no network, no writes.
    #[arg(short = 'p', long = "policy", value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub policies: Vec<OsString>,

    /// Let the program read PATH and what is below it
    #[arg(short = 'r', long = "read", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub read: Vec<PathBuf>,

    /// Let the program read, write, create and delete at PATH and below it
    #[arg(short = 'w', long = "write", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub write: Vec<PathBuf>,

    /// Let the program read and execute PATH and what is below it
    #[arg(short = 'x', long = "exec", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub exec: Vec<PathBuf>,

    /// How nurse gets into the program
    #[arg(long, value_enum, default_value_t, value_name = "DOOR")]
    pub entry: Entry,

    /// What keeps the program's threads from making system calls
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    pub engine: Engine,

    /// Print each refused call as it happens: what, the error given, the rule, and the flag that would allow it
    #[arg(long)]
    pub explain: bool,

    /// Form of the refusals on standard error; json prints one object per line, as they happen
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub log: LogForm,

    /// No summary of refused calls at the end
    #[arg(short, long)]
    pub quiet: bool,

    /// Working directory of the program
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cwd: Option<PathBuf>,

    /// Set an environment variable for the program; may be given several times
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = VariableParser)]
    pub env: Vec<Variable>,

    /// Start from an empty environment
    #[arg(long)]
    pub clear_env: bool,

    /// Leave file descriptor N open in the program, besides 0, 1 and 2
    #[arg(long = "pass-fd", value_name = "N", value_parser = clap::value_parser!(i32).range(0..1 << 20))]
    pub pass_fds: Vec<RawFd>,

    /// The program and its arguments; everything from PROG on belongs to it
    #[arg(value_name = "PROG", trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

impl RunOptions {
    /// The program, if one was named.
    #[must_use]
    pub fn program(&self) -> Option<&OsStr> {
        self.command.first().map(OsString::as_os_str)
    }

    /// Its arguments, without argv\[0\].
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        self.command.get(1..).unwrap_or_default()
    }

    /// Whether refusals are printed as they happen, and how.
    #[must_use]
    pub fn report(&self) -> Option<LogForm> {
        (self.explain || self.log == LogForm::Json).then_some(self.log)
    }

    /// The environment of the program: ours or none, then what `--env` sets.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> =
            if self.clear_env { Vec::new() } else { std::env::vars_os().collect() };
        for Variable { name, value } in &self.env {
            all.retain(|(known, _)| known != name);
            all.push((name.clone(), value.clone()));
        }
        all
    }
}

/// The way into a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Entry {
    /// A loader of nurse's own maps the program under the sandbox: works for every program
    #[default]
    Loader,
    /// LD_AUDIT: for trusted programs with untrusted data; debuggers and ps see the real program
    Audit,
    /// LD_PRELOAD: where auditing is unavailable; the libraries are loaded before the sandbox closes
    Preload,
}

/// The kernel mechanism that guest threads are locked in with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Strict where the kernel lets it, else filter
    #[default]
    Auto,
    /// seccomp mode 1: read, write, exit, rt_sigreturn; fails where a seccomp filter is there already
    Strict,
    /// A seccomp filter that allows the same four calls: works inside containers
    Filter,
}

/// Form of what nurse says about refusals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// One `--env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Before the first `=`; never empty.
    pub name: OsString,
    /// All behind it.
    pub value: OsString,
}

#[derive(Clone)]
struct VariableParser;

impl clap::builder::TypedValueParser for VariableParser {
    type Value = Variable;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Variable, clap::Error> {
        let bytes = value.as_bytes();
        match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) if at > 0 => Ok(Variable {
                name: OsString::from_vec(bytes[..at].to_vec()),
                value: OsString::from_vec(bytes[at + 1..].to_vec()),
            }),
            _ => {
                let mut error = clap::Error::new(clap::error::ErrorKind::ValueValidation).with_cmd(command);
                if let Some(arg) = arg {
                    let name = clap::error::ContextValue::String(arg.to_string());
                    error.insert(clap::error::ContextKind::InvalidArg, name);
                }
                let value = clap::error::ContextValue::String(crate::message::shown(value));
                error.insert(clap::error::ContextKind::InvalidValue, value);
                Err(error)
            }
        }
    }
}
