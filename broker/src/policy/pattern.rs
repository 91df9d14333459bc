//! Path patterns: what a policy writes, taken apart into components.
//!
//! A pattern is an absolute path. `*` stands for any bytes within one component (also for a leading dot), `**` as a whole
//! component for any number of components, none included: `/usr/**` is `/usr` and all beneath it. Nothing else is
//! special. `\*` is a star, `\\` a backslash, `\xE9` the byte E9. A pattern may begin with a variable: `${HOME}/.config`.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::glob::Glob;

/// A pattern without variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) components: Vec<Component>,
}

/// What one component of a path has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Component {
    /// These bytes.
    Literal(Box<[u8]>),
    /// Bytes with stars among them.
    Glob(Glob),
    /// Any number of components.
    Deep,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternProblem {
    /// No text.
    Empty,
    /// Neither `/` nor a variable comes first.
    Relative,
    /// A component is `.` or `..`.
    Dots,
    /// `**` with something else in the same component.
    DeepInName,
    /// A backslash that begins no escape.
    Escape,
    /// A NUL byte, which no path has.
    Nul,
    /// More than PATH_MAX bytes.
    TooLong,
    /// `${` without `}`, or a variable that is no whole component at the start.
    Variable,
    /// A socket address in a form that is not known.
    Address,
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the pattern is empty",
            Self::Relative => "the pattern is not an absolute path",
            Self::Dots => "the pattern has `.` or `..` as a component, which no resolved path has",
            Self::DeepInName => "`**` has to be a component of its own",
            Self::Escape => "a backslash in the pattern escapes nothing",
            Self::Nul => "the pattern has a NUL byte, which no path has",
            Self::TooLong => "the pattern is longer than any path",
            Self::Variable => "a variable in a pattern has to be its first component, as in ${HOME}/x",
            Self::Address => "the address has a form that is not known",
        })
    }
}

impl PatternProblem {
    pub(super) fn next_step(self) -> &'static str {
        match self {
            Self::Empty | Self::Relative => "Begin it with / or with a variable such as ${CWD}.",
            Self::Dots => "Write the path that it leads to.",
            Self::DeepInName => "Write /dir/** for all beneath, /dir/*.txt for names.",
            Self::Escape => "Write \"\\\\*\" for a star, \"\\\\\\\\\" for a backslash, \"\\\\xE9\" for a byte.",
            Self::Nul | Self::TooLong => "Correct the pattern.",
            Self::Variable => "See `nurse check --verbs` for the variables.",
            Self::Address => "Write tcp://host:port, udp://10.0.0.0/8:53, unix:/path or unix-abstract:name.",
        }
    }
}

/// PATH_MAX.
const MAX_LEN: usize = 4096;

impl Pattern {
    /// Parses `text` that has no variable in it, under the components of `root`.
    pub(super) fn parse(root: &Path, text: &str) -> Result<Self, PatternProblem> {
        if text.len() > MAX_LEN {
            return Err(PatternProblem::TooLong);
        }
        let mut pattern = Self::literal(root)?;
        for part in text.split('/').filter(|part| !part.is_empty()) {
            let component = component(part)?;
            // `**/**` says no more than `**`.
            if component != Component::Deep || pattern.components.last() != Some(&Component::Deep) {
                pattern.components.push(component);
            }
        }
        Ok(pattern)
    }

    /// The pattern that is just this path.
    pub(super) fn literal(path: &Path) -> Result<Self, PatternProblem> {
        let bytes = path.as_os_str().as_bytes();
        if !bytes.starts_with(b"/") {
            return Err(PatternProblem::Relative);
        }
        let parts = bytes.split(|&byte| byte == b'/').filter(|part| !part.is_empty());
        let components = parts
            .map(|part| match part {
                b"." | b".." => Err(PatternProblem::Dots),
                part if part.contains(&0) => Err(PatternProblem::Nul),
                part => Ok(Component::Literal(part.into())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { components })
    }

    /// The components before the first one with a star.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &[u8]> {
        self.components.iter().map_while(|component| match component {
            Component::Literal(bytes) => Some(&**bytes),
            _ => None,
        })
    }

    /// [`Pattern::fixed`] as a path.
    pub(super) fn fixed_path(&self) -> PathBuf {
        self.fixed().fold(PathBuf::from("/"), |path, part| path.join(OsStr::from_bytes(part)))
    }

    /// Whether every path that matches `other` matches this too (may say no where it would take thought to say yes).
    pub(super) fn covers(&self, other: &Self) -> bool {
        covers(&self.components, &other.components)
    }
}

fn covers(wide: &[Component], narrow: &[Component]) -> bool {
    match (wide, narrow) {
        ([], []) => true,
        ([Component::Deep, rest @ ..], _) => {
            covers(rest, narrow) || narrow.split_first().is_some_and(|(_, narrow)| covers(wide, narrow))
        }
        ([Component::Literal(a), wide @ ..], [Component::Literal(b), narrow @ ..]) => a == b && covers(wide, narrow),
        ([Component::Glob(a), wide @ ..], [Component::Literal(b), narrow @ ..]) => a.matches(b) && covers(wide, narrow),
        ([Component::Glob(a), wide @ ..], [Component::Glob(b), narrow @ ..]) => {
            (a.is_star() || a == b) && covers(wide, narrow)
        }
        _ => false,
    }
}

fn component(part: &str) -> Result<Component, PatternProblem> {
    if part == "**" {
        return Ok(Component::Deep);
    }
    // Bytes between stars.
    let mut pieces: Vec<Vec<u8>> = vec![Vec::new()];
    let mut last_was_star = false;
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let star = byte == b'*';
        let byte = match byte {
            0 => return Err(PatternProblem::Nul),
            b'*' if last_was_star => return Err(PatternProblem::DeepInName),
            b'*' => {
                pieces.push(Vec::new());
                last_was_star = true;
                continue;
            }
            b'$' if bytes.clone().next() == Some(b'{') => return Err(PatternProblem::Variable),
            b'\\' => escaped(&mut bytes)?,
            byte => byte,
        };
        last_was_star = star;
        if let Some(piece) = pieces.last_mut() {
            piece.push(byte);
        }
    }
    match Glob::new(pieces) {
        Ok(glob) => Ok(Component::Glob(glob)),
        Err(literal) if &*literal == b"." || &*literal == b".." => Err(PatternProblem::Dots),
        Err(literal) => Ok(Component::Literal(literal)),
    }
}

fn escaped(bytes: &mut std::str::Bytes<'_>) -> Result<u8, PatternProblem> {
    let mut next = || bytes.next().ok_or(PatternProblem::Escape);
    match next()? {
        byte @ (b'*' | b'\\' | b'$') => Ok(byte),
        b'x' => {
            let (high, low) = (digit(next()?)?, digit(next()?)?);
            match high << 4 | low {
                0 => Err(PatternProblem::Nul),
                b'/' => Err(PatternProblem::Escape),
                byte => Ok(byte),
            }
        }
        _ => Err(PatternProblem::Escape),
    }
}

fn digit(byte: u8) -> Result<u8, PatternProblem> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(PatternProblem::Escape),
    }
}

/// The pattern text that stands for exactly these bytes: also fit for a log, as it has no control characters.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '*' | '\\' => text.extend(['\\', character]),
                '$' => text.push_str("\\$"),
                character if character.is_control() => {
                    let mut buffer = [0; 4];
                    character.encode_utf8(&mut buffer).bytes().for_each(|byte| text += &format!("\\x{byte:02X}"));
                }
                character => text.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02X}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pattern, PatternProblem> {
        Pattern::parse(Path::new("/"), text)
    }

    fn covered(wide: &str, narrow: &str) -> bool {
        parse(wide).unwrap().covers(&parse(narrow).unwrap())
    }

    #[test]
    fn components_are_told_apart() {
        let pattern = parse("/usr//lib/*.so/**/**/\\*\\xFF").unwrap();
        assert_eq!(pattern.components.len(), 5);
        assert!(matches!(&pattern.components[2], Component::Glob(glob) if glob.matches(b"libc.so")));
        assert_eq!(pattern.components[3], Component::Deep);
        assert_eq!(pattern.components[4], Component::Literal(b"*\xFF".as_slice().into()));
        assert_eq!(pattern.fixed_path(), Path::new("/usr/lib"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse("/a**"), Err(PatternProblem::DeepInName));
        assert_eq!(parse("/a/../b"), Err(PatternProblem::Dots));
        assert_eq!(parse("/a/\\x2e./b"), Err(PatternProblem::Dots));
        assert_eq!(parse("/a/\\x2fb"), Err(PatternProblem::Escape));
        assert_eq!(parse("/a\\q"), Err(PatternProblem::Escape));
        assert_eq!(parse("/a\\x4"), Err(PatternProblem::Escape));
        assert_eq!(parse("/a\0"), Err(PatternProblem::Nul));
        assert_eq!(parse("/a/${HOME}"), Err(PatternProblem::Variable));
        assert_eq!(parse(&"/a".repeat(3000)), Err(PatternProblem::TooLong));
    }

    #[test]
    fn escape_comes_back_as_the_same_bytes() {
        let odd = b"a*b\\c\n$\xFF\xC3\xA9";
        let pattern = parse(&format!("/{}", escape(odd))).unwrap();
        assert_eq!(pattern.components, [Component::Literal(odd.as_slice().into())]);
        assert!(!escape(odd).contains('\n'));
    }

    #[test]
    fn covering() {
        assert!(covered("/secret/**", "/secret/a/*"));
        assert!(covered("/**", "/x/**/y"));
        assert!(covered("/a/*/c", "/a/b/c"));
        assert!(covered("/a/*/c", "/a/b*/c"));
        assert!(covered("/**/c", "/a/b/c"));
        assert!(!covered("/secret/*", "/secret/**"));
        assert!(!covered("/a/b", "/a/*"));
        assert!(!covered("/a/b/**", "/a/**"));
    }
}
