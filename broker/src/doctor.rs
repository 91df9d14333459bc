//! What this host offers: for `nurse doctor`, and for refusing to start, by name, where something is missing.

mod features;
mod host;

use std::fmt::Write as _;
use std::io::IsTerminal;

use serde::Serialize;

use crate::launch;
use crate::options::Engine;
use crate::sys::{self, Probe};
use nix::errno::Errno;

/// How well one thing serves nurse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// nurse runs, with less.
    Limited,
    /// nurse cannot run.
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, in a word or two.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub found: String,
    /// What follows, and what to do; empty if all is well.
    pub advice: String,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Good, found: found.into(), advice: String::new() }
    }

    fn limited(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Limited, found: found.into(), advice: advice.into() }
    }

    fn missing(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Missing, found: found.into(), advice: advice.into() }
    }
}

/// What nurse cannot do without: cheap to look at, done before every run.
const REQUIRED: &[fn() -> Check] = &[
    features::architecture,
    features::kernel,
    host::proc_mounted,
    features::seccomp,
    features::user_dispatch,
    features::fsgsbase,
    features::memfd,
    features::openat2,
    features::pidfd,
    host::open_files,
];

/// What makes it better.
const WELCOME: &[fn() -> Check] = &[
    features::strict,
    host::installed_filter,
    features::mseal,
    features::landlock,
    features::user_namespaces,
    host::child_memory,
    host::cgroup,
];

/// Everything that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// No check is [`State::Missing`].
    can_run: bool,
    /// What `--engine auto` means here.
    engine: &'static str,
    checks: Vec<Check>,
}

impl Report {
    /// Looks at everything. Starts a few short-lived child processes.
    #[must_use]
    pub fn make() -> Self {
        let checks: Vec<Check> = REQUIRED.iter().chain(WELCOME).map(|check| check()).collect();
        let can_run = checks.iter().all(|check| check.state != State::Missing);
        let engine = match engine(Engine::Auto) {
            Ok(launch::Engine::Strict) => "strict",
            _ => "filter",
        };
        Self { can_run, engine, checks }
    }

    /// Whether nurse can run programs here.
    #[must_use]
    pub fn can_run(&self) -> bool {
        self.can_run
    }

    /// All that was seen.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        // Strings and a bool: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// One line each, the advice behind the finding; in colour if standard output is a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let colour =
            std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for check in &self.checks {
            let (word, code) = match check.state {
                State::Good => ("good   ", "32"),
                State::Limited => ("limited", "33"),
                State::Missing => ("MISSING", "31"),
            };
            let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() };
            let advice = if check.advice.is_empty() { String::new() } else { format!("; {}", check.advice) };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{word}  {:width$}  {}{advice}", check.name, check.found);
        }
        let engine = self.engine;
        text.push_str(&match self.can_run {
            true => format!("nurse can run programs here; --engine auto means {engine}."),
            false => "nurse cannot run programs here: see what is MISSING.".to_owned(),
        });
        text
    }
}

/// What keeps nurse from running programs on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub Vec<Check>);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this host lacks what nurse needs\n")?;
        for check in &self.0 {
            writeln!(f, "  {}: {}; {}", check.name, check.found, check.advice)?;
        }
        f.write_str("  nothing was started. See `nurse doctor`.")
    }
}

impl std::error::Error for Missing {}

/// Looks at what nurse cannot do without.
///
/// # Errors
/// All that is missing.
pub fn require() -> Result<(), Missing> {
    let missing: Vec<Check> =
        REQUIRED.iter().map(|check| check()).filter(|check| check.state == State::Missing).collect();
    if missing.is_empty() { Ok(()) } else { Err(Missing(missing)) }
}

/// Which engine to use when this one is asked for.
///
/// # Errors
/// If strict mode is insisted on and a seccomp filter, which a container or service manager put there, rules it out.
pub fn engine(asked: Engine) -> Result<launch::Engine, Missing> {
    let filtered = host::installed_filter().state != State::Good;
    match asked {
        Engine::Filter => Ok(launch::Engine::Filter),
        Engine::Auto if filtered => Ok(launch::Engine::Filter),
        Engine::Strict if filtered => Err(Missing(vec![Check::missing(
            "strict mode",
            "a seccomp filter is installed already, so the kernel refuses mode 1",
            "use --engine filter or auto, or run nurse outside the container or service",
        )])),
        Engine::Auto | Engine::Strict => Ok(launch::Engine::Strict),
    }
}

/// Whether a call exists, by the error that it gives to senseless arguments.
fn exists(probe: Probe) -> Result<(), Errno> {
    match sys::numbers_only(probe) {
        Ok(_) | Err(Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests;
