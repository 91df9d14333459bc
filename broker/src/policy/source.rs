//! Where policies come from: shipped with nurse, the user's own directory, a file.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Place, PolicyError, Problem, ReadProblem, nearest};

/// Bytes that a policy may have.
pub const MAX_SCRIPT: u64 = 1 << 20;

/// The policies that come with nurse.
pub(super) const SHIPPED: &[(&str, &str)] = &[
    ("base", include_str!("../../../policy-scripts/base.rhai")),
    ("compute", include_str!("../../../policy-scripts/compute.rhai")),
    ("default", include_str!("../../../policy-scripts/default.rhai")),
    ("python", include_str!("../../../policy-scripts/python.rhai")),
    ("read-only", include_str!("../../../policy-scripts/read-only.rhai")),
    ("secrets", include_str!("../../../policy-scripts/secrets.rhai")),
];

/// One part of the policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A shipped policy or one of the user's, by name.
    Name(String),
    /// A script.
    File(PathBuf),
    /// Rules from the command line, added to the policy before them.
    Grants(Vec<Grant>),
}

/// What a quick grant lets the program do with a path, and with all beneath it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantKind {
    /// `-r`: read.
    Read,
    /// `-w`: read, write, create and delete.
    Write,
    /// `-x`: read and execute.
    Exec,
}

/// A quick grant from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What is allowed.
    pub kind: GrantKind,
    /// On what; relative paths start at the working directory. No patterns: stars stand for themselves.
    pub path: PathBuf,
}

impl Source {
    /// What `-p` was given: a path if it has a `/` or ends in `.rhai`, else a name.
    #[must_use]
    pub fn parse(given: &OsStr) -> Self {
        match given.to_str() {
            Some(name) if !name.contains('/') && !name.ends_with(".rhai") => Self::Name(name.to_owned()),
            _ => Self::File(given.into()),
        }
    }
}

/// A script and what it is called.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// As places name it.
    pub(super) label: Arc<str>,
    pub(super) text: String,
    /// What tells it from others, however it was named.
    pub(super) identity: PathBuf,
    /// What its relative includes start from; `None` for a shipped one.
    pub(super) directory: Option<PathBuf>,
}

/// A policy that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What to give to `-p`.
    pub name: String,
    /// The first comment line of the script.
    pub summary: String,
    /// The file, or `None` if it comes with nurse.
    pub path: Option<PathBuf>,
}

/// Where the user's own policies are: `$XDG_CONFIG_HOME/nurse/policies`, by default in `~/.config`.
#[must_use]
pub fn user_directory() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config =
        config.or_else(|| Some(super::variables::home()).filter(|home| home.exists()).map(|home| home.join(".config")));
    config.map(|config| config.join("nurse/policies"))
}

/// Every policy that can be named: the shipped ones, then the user's, each in order of name.
#[must_use]
pub fn policies() -> Vec<Listed> {
    let shipped =
        SHIPPED.iter().map(|(name, text)| Listed { name: (*name).into(), summary: summary(text), path: None });
    shipped.chain(own(user_directory().as_deref())).collect()
}

fn own(directory: Option<&Path>) -> Vec<Listed> {
    let entries = directory.and_then(|directory| std::fs::read_dir(directory).ok()).into_iter().flatten().flatten();
    let mut own: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".rhai").filter(|name| is_name(name))?.to_owned();
            // A shipped policy cannot be replaced by a file of the same name.
            let shipped = SHIPPED.iter().any(|known| known.0 == name);
            let summary = if shipped {
                "(not used: a shipped policy has this name; give the path)".into()
            } else {
                read(&path).map_or_else(|error| format!("({})", error.problem), |script| summary(&script.text))
            };
            Some(Listed { name, summary, path: Some(path) })
        })
        .collect();
    own.sort_by(|a, b| a.name.cmp(&b.name));
    own
}

/// The first comment line of a script, without a leading `name.rhai:`.
fn summary(text: &str) -> String {
    let line =
        text.lines().map(|line| line.trim().trim_start_matches(['/', '*', '!']).trim()).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    line.split_once(".rhai: ").map_or(line, |(_, summary)| summary).to_owned()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The script of a name: a shipped one before one in `directory`.
pub(super) fn by_name(name: &str, directory: Option<&Path>) -> Result<Script, PolicyError> {
    if let Some((name, text)) = SHIPPED.iter().find(|shipped| shipped.0 == name) {
        return Ok(Script {
            label: format!("{name}.rhai").into(),
            text: (*text).into(),
            identity: format!("{name}.rhai").into(),
            directory: None,
        });
    }
    let path = directory.filter(|_| is_name(name)).map(|directory| directory.join(format!("{name}.rhai")));
    if let Some(path) = path.filter(|path| path.exists()) {
        return read(&path);
    }
    let own = own(directory);
    let known = SHIPPED.iter().map(|shipped| shipped.0).chain(own.iter().map(|listed| listed.name.as_str()));
    let problem = Problem::NoSuchPolicy {
        name: name.into(),
        meant: nearest(name, known),
        directory: directory.map(Path::to_owned),
    };
    Err(PolicyError { place: Place::file("policy"), problem })
}

/// The script in a file.
pub(super) fn read(path: &Path) -> Result<Script, PolicyError> {
    let label: Arc<str> = path.to_string_lossy().into();
    let fail = |problem| PolicyError { place: Place::file(&label), problem: Problem::Unreadable(problem) };
    let io = |error: std::io::Error| {
        // Without "(os error 2)".
        let words = error
            .raw_os_error()
            .map_or_else(|| error.to_string(), |raw| nix::errno::Errno::from_raw(raw).desc().into());
        fail(ReadProblem::Io(error.kind(), words))
    };
    // Looked at before it is opened: opening a pipe would wait, opening a device may do more.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(fail(ReadProblem::NotAFile));
    }
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    let len = file.take(MAX_SCRIPT + 1).read_to_end(&mut bytes).map_err(io)?;
    if len as u64 > MAX_SCRIPT {
        return Err(fail(ReadProblem::TooBig(std::fs::metadata(path).map_or(MAX_SCRIPT + 1, |data| data.len()))));
    }
    let text =
        String::from_utf8(bytes).map_err(|error| fail(ReadProblem::NotText(error.utf8_error().valid_up_to())))?;
    let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(Script { label, text, identity, directory: path.parent().map(Path::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_are_told_apart() {
        assert_eq!(Source::parse("python".as_ref()), Source::Name("python".into()));
        assert_eq!(Source::parse("./python".as_ref()), Source::File("./python".into()));
        assert_eq!(Source::parse("web.rhai".as_ref()), Source::File("web.rhai".into()));
    }

    #[test]
    fn every_shipped_policy_says_what_it_is_for() {
        for listed in policies().iter().filter(|listed| listed.path.is_none()) {
            assert!(listed.summary.len() > 20 && !listed.summary.contains("rhai"), "{listed:?}");
        }
    }

    #[test]
    fn own_policies_are_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.rhai"), "// Mine alone.\nread(\"/x\");").unwrap();
        std::fs::write(dir.path().join("base.rhai"), "// Another base.").unwrap();
        let own = own(Some(dir.path()));
        assert_eq!(own[1].summary, "Mine alone.");
        assert!(own[0].summary.contains("not used"));
        assert!(by_name("mine", Some(dir.path())).is_ok());
        assert_eq!(&*by_name("base", Some(dir.path())).unwrap().label, "base.rhai");
    }
}
