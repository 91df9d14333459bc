//! What is wrong with a policy, and what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::pattern::PatternProblem;

/// A place in a policy: `python.rhai:14:3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user knows it: `python.rhai` for a shipped one, else the path that was given.
    pub file: Arc<str>,
    /// Line from 1, or 0 for the file as a whole.
    pub line: usize,
    /// Column from 1, or 0 for the line as a whole.
    pub column: usize,
}

impl Place {
    /// The file as a whole.
    #[must_use]
    pub fn file(file: &str) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }

    pub(super) fn at(file: &Arc<str>, position: rhai::Position) -> Self {
        Self { file: file.clone(), line: position.line().unwrap_or(0), column: position.position().unwrap_or(0) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// Why a policy cannot be used. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}\n  nothing was started. {}", problem.next_step())]
pub struct PolicyError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// What can be wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A function that nobody defined; most often a misspelt rule verb.
    UnknownVerb {
        /// As written.
        name: String,
        /// A known name close to it.
        meant: Option<String>,
    },
    /// A variable or constant that nobody defined, or `${NAME}` of that kind in a pattern.
    UnknownName {
        /// As written.
        name: String,
        /// A known name close to it.
        meant: Option<String>,
    },
    /// A path pattern or address that cannot mean anything.
    BadPattern {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        problem: PatternProblem,
    },
    /// A verb or function was given something that it cannot use.
    BadArgument {
        /// The verb.
        verb: String,
        /// What it takes, in words.
        wants: &'static str,
        /// What it got, in words.
        got: String,
    },
    /// `deny` or `hide` of a variable that names nothing in this run.
    NoValue {
        /// The verb.
        verb: &'static str,
        /// The variable.
        name: String,
    },
    /// No shipped policy and no policy of the user has this name.
    NoSuchPolicy {
        /// As given.
        name: String,
        /// A known name close to it.
        meant: Option<String>,
        /// The user's own policy directory.
        directory: Option<PathBuf>,
    },
    /// The file cannot be read, is not text, or is too large.
    Unreadable(ReadProblem),
    /// `include` leads back to a file that is being read.
    Cycle(Vec<Arc<str>>),
    /// A hook that would never be called, or could not be.
    BadHook(String),
    /// The script has a syntax error or failed; in the interpreter's words.
    Script(String),
    /// The script needs more than its limits.
    Limit(String),
}

/// Why a policy file gives no script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadProblem {
    /// The system refuses to open or read it.
    Io(std::io::ErrorKind, String),
    /// It is a directory, a pipe or a device.
    NotAFile,
    /// Byte so many is not UTF-8.
    NotText(usize),
    /// It has more bytes than [`super::source::MAX_SCRIPT`].
    TooBig(u64),
}

fn did_you_mean(meant: Option<&String>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVerb { name, meant } => write!(f, "no rule verb `{name}`{}", did_you_mean(meant.as_ref())),
            Self::UnknownName { name, meant } => {
                write!(f, "no variable or constant `{name}`{}", did_you_mean(meant.as_ref()))
            }
            Self::BadPattern { pattern, problem } => write!(f, "{problem}: \"{}\"", pattern.escape_debug()),
            Self::BadArgument { verb, wants, got } => write!(f, "`{verb}` takes {wants}, not {got}"),
            Self::NoValue { verb, name } => {
                write!(f, "`${{{name}}}` has no value in this run, so this `{verb}` would protect nothing")
            }
            Self::NoSuchPolicy { name, meant, .. } => write!(f, "no policy `{name}`{}", did_you_mean(meant.as_ref())),
            Self::Unreadable(ReadProblem::Io(_, words)) => write!(f, "the policy cannot be read: {words}"),
            Self::Unreadable(ReadProblem::NotAFile) => f.write_str("a policy has to be a regular file"),
            Self::Unreadable(ReadProblem::NotText(at)) => write!(f, "the policy is not UTF-8 text (byte {at})"),
            Self::Unreadable(ReadProblem::TooBig(len)) => write!(f, "the policy has {len} bytes"),
            Self::Cycle(chain) => write!(f, "`include` goes round in a circle: {}", chain.join(" -> ")),
            Self::BadHook(words) | Self::Script(words) | Self::Limit(words) => f.write_str(words),
        }
    }
}

impl Problem {
    /// What to do next, as a sentence.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::UnknownVerb { .. } => "See `nurse check --verbs` for the list.".into(),
            Self::UnknownName { .. } => {
                "See `nurse check --verbs` for the variables, errno(3) for the names of errors.".into()
            }
            Self::BadPattern { problem, .. } => problem.next_step().into(),
            Self::BadArgument { .. } => "See `nurse check --verbs` for what each verb takes.".into(),
            Self::NoValue { name, .. } => format!("Write `if {name} != () {{ ... }}` around it."),
            Self::NoSuchPolicy { directory: Some(directory), .. } => format!(
                "`nurse policies` lists them; your own go to {}, and a file is given by a path with a / in it.",
                directory.display()
            ),
            Self::NoSuchPolicy { directory: None, .. } => {
                "`nurse policies` lists them; a file is given by a path with a / in it.".into()
            }
            Self::Unreadable(ReadProblem::Io(..)) => "Check the path and its permissions.".into(),
            Self::Unreadable(ReadProblem::NotAFile) => "Name the file with the script in it.".into(),
            Self::Unreadable(ReadProblem::NotText(_)) => {
                "Save it as UTF-8; other bytes in a path are written \"\\\\xE9\".".into()
            }
            Self::Unreadable(ReadProblem::TooBig(_)) => {
                format!("{} bytes are the limit; is it a policy?", super::source::MAX_SCRIPT)
            }
            Self::Cycle(_) => "Take one of these includes out.".into(),
            Self::BadHook(_) => "The hooks are `on_open(call)` for paths and `on_call(call)` for other calls.".into(),
            Self::Script(_) => "Correct the script; `nurse check` tries it without running anything.".into(),
            Self::Limit(_) => "A policy declares rules: look for a loop that does not end.".into(),
        }
    }
}

/// The one of `known` that is so close to `name` that it was probably meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let most = 1 + name.chars().count() / 4;
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|&(distance, known)| distance <= most && distance < known.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_nothing_else() {
        let verbs = ["read", "write", "exec", "deny"];
        assert_eq!(nearest("raed", verbs).as_deref(), Some("read"));
        assert_eq!(nearest("wrte", verbs).as_deref(), Some("write"));
        assert_eq!(nearest("frobnicate", verbs), None);
        assert_eq!(nearest("x", verbs), None);
    }
}
