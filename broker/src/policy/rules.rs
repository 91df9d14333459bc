//! Rules as a policy declares them.

use std::fmt;
use std::sync::Arc;

use super::error::Place;
use super::pattern::Pattern;
use super::verdict::Access;
use crate::call::Errno;

/// What a rule about paths says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// These accesses are allowed.
    Allow(Access),
    /// Every access is refused with this errno, or the policy's default.
    Deny(Option<Errno>),
    /// Every access is answered as if there were nothing.
    Hide,
}

/// A rule about paths.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) place: Place,
    /// The verb that declared it.
    pub(super) verb: &'static str,
    /// The pattern as written, before variables.
    pub(super) text: Arc<str>,
    /// Whether the pattern begins with the value of a variable, and so differs from run to run.
    pub(super) varies: bool,
    pub(super) effect: Effect,
    pub(super) pattern: Pattern,
    /// Where symbolic links lead the fixed part of `pattern`, if elsewhere; matches as well.
    pub(super) real: Option<Pattern>,
    /// Links on the way there: they may be looked at where the pattern is allowed.
    pub(super) links: Vec<Pattern>,
}

impl Rule {
    /// Both forms of the pattern.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        std::iter::once(&self.pattern).chain(&self.real)
    }

    pub(super) fn allows(&self) -> Access {
        match self.effect {
            Effect::Allow(access) => access,
            _ => Access::empty(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}(\"{}\")", self.place, self.verb, self.text.escape_debug())
    }
}

/// A rule that allows calls without a path.
#[derive(Debug, Clone)]
pub(super) struct CallRule {
    pub(super) place: Place,
    /// Name of the system call.
    pub(super) name: &'static str,
    /// Words that have to be among those that describe the call; none for any.
    pub(super) words: Vec<String>,
}

impl CallRule {
    pub(super) fn matches(&self, name: &str, what: &str) -> bool {
        self.name == name && self.words.iter().all(|word| what.split_whitespace().any(|known| same_word(word, known)))
    }
}

impl fmt::Display for CallRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.words.is_empty() { "" } else { ":" };
        write!(f, "{} calls(\"{}{colon}{}\")", self.place, self.name, self.words.join(" ").escape_debug())
    }
}

/// `unix` means `AF_UNIX`, `stream` means `SOCK_STREAM`; a whole name means itself.
fn same_word(written: &str, known: &str) -> bool {
    let short = known.strip_prefix("AF_").or_else(|| known.strip_prefix("SOCK_"));
    written == known || short.is_some_and(|short| written.eq_ignore_ascii_case(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_rules_match_by_words() {
        let rule = |words: &[&str]| CallRule {
            place: Place::file("x"),
            name: "socket",
            words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        assert!(rule(&[]).matches("socket", "AF_INET SOCK_STREAM"));
        assert!(rule(&["unix"]).matches("socket", "AF_UNIX SOCK_DGRAM"));
        assert!(rule(&["AF_INET", "stream"]).matches("socket", "AF_INET SOCK_STREAM"));
        assert!(!rule(&["AF_INET", "stream"]).matches("socket", "AF_INET SOCK_DGRAM"));
        assert!(!rule(&["inet"]).matches("socket", "AF_INET6 SOCK_STREAM"));
        assert!(!rule(&[]).matches("socketpair", ""));
    }
}
