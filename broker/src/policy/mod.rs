//! Policies: Rhai scripts that declare rules, compiled to native matchers, and hooks for what rules leave open.
//!
//! A policy's top level runs once and declares rules with verbs ([`verbs`]); see [`policies`] for the shipped ones.
//!
//! - **Precedence**: deny beats hide beats allow, whatever the order. What no rule mentions goes to the policy's hook
//!   (`on_open(call)` for paths, `on_call(call)` for other calls), and without one is refused with EPERM or the errno of
//!   `default_deny`. A hook that fails, answers nothing sensible or takes too long refuses.
//! - **Allowed accesses add up**: `read` of one rule and `write` of another let a file be opened for both.
//! - **On the way**: the directories above an allowed pattern's fixed part, and the symbolic links that lead there, may be looked
//!   at (stat, chdir), not listed, unless a rule refuses that: programs walk their paths.
//! - **Links**: paths are decided on after resolution, so the fixed part of a pattern is resolved once, at load, and the rule
//!   holds for the name as written and for where it leads. Links behind the first star are not followed.
//! - **Renames**: a directory above something denied or hidden cannot be renamed, as the rule would not reach it any more; rules
//!   that begin with `/**/` hold wherever a thing goes and do not stand in the way.
//! - **Several policies**: all have to allow.

#![forbid(unsafe_code)]

mod address;
mod engine;
mod error;
mod glob;
mod hooks;
mod layer;
mod links;
mod lint;
mod load;
mod loader;
mod matcher;
mod pattern;
mod rules;
mod source;
mod translate;
mod values;
mod variables;
mod verbs;
mod verdict;
mod vet;

#[cfg(test)]
mod tests;

pub use address::{Address, AddressRule, AddressUse, Host, PathPattern, Ports};
pub use error::{Place, PolicyError, Problem, ReadProblem};
pub use lint::Finding;
pub use pattern::PatternProblem;
pub use source::{Grant, GrantKind, Listed, MAX_SCRIPT, Source, policies, user_directory};
pub use variables::{VARIABLES, Variables, home};
pub use verbs::{VERDICTS, Verb, reference, verbs};
pub use verdict::{Access, Decision, Verdict};

use std::path::Path;

use layer::Layer;
use source::Script;

/// A loaded policy (or several that all have to agree).
#[derive(Debug)]
pub struct Policy {
    layers: Vec<Layer>,
    /// Allow where no layer speaks: only for [`Policy::allow_everything`].
    open: bool,
}

/// What a path is asked for, besides the access.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The system call's name.
    pub call: &'static str,
    /// The resolved path: no symlinks, no `..`.
    pub path: &'a Path,
    /// What the call would do to it.
    pub access: Access,
    /// Open flags (O_*), or 0.
    pub flags: i32,
    /// Mode bits of a creating call, or 0.
    pub mode: u32,
}

impl Policy {
    /// Loads policies; [`Source::Grants`] add to the policy before them. No sources at all allow nothing.
    ///
    /// # Errors
    /// What is wrong with one of them, and where.
    pub fn load(sources: &[Source], variables: &Variables) -> Result<Self, PolicyError> {
        Self::load_from(sources, variables, user_directory().as_deref())
    }

    fn load_from(sources: &[Source], variables: &Variables, directory: Option<&Path>) -> Result<Self, PolicyError> {
        let mut scripts: Vec<(Option<Script>, Vec<Grant>)> = Vec::new();
        for source in sources {
            match source {
                Source::Name(name) => scripts.push((Some(source::by_name(name, directory)?), Vec::new())),
                Source::File(path) => scripts.push((Some(source::read(path)?), Vec::new())),
                Source::Grants(grants) => match scripts.last_mut() {
                    Some((_, list)) => list.extend_from_slice(grants),
                    None => scripts.push((None, grants.clone())),
                },
            }
        }
        let layers =
            scripts.into_iter().map(|(script, grants)| Ok(Layer::load(script, &grants, variables, directory)?.0));
        Ok(Self { layers: layers.collect::<Result<_, _>>()?, open: false })
    }

    /// Loads a policy as a run would, without running anything, and reports what looks like a mistake.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn check(source: &Source, variables: &Variables) -> Result<Vec<Finding>, PolicyError> {
        lint::check(source, variables, user_directory().as_deref())
    }

    /// The policy that allows everything: for tests, and for recording what a program does.
    #[must_use]
    pub fn allow_everything() -> Self {
        Self { layers: Vec::new(), open: true }
    }

    /// Decides about a path.
    pub fn path(&self, asked: &Asked<'_>) -> Decision {
        self.all(|layer| layer.path(asked))
    }

    /// Decides about a call that has no path: by its name, and what it would do in words (`AF_INET SOCK_STREAM`).
    pub fn call(&self, name: &'static str, what: &str) -> Decision {
        self.all(|layer| layer.call(name, what))
    }

    /// As [`Policy::path`], but the reason also says which rules allow. Slower; for people.
    pub fn explain(&self, asked: &Asked<'_>) -> Decision {
        self.explain_all(|layer| layer.explain(asked))
    }

    /// As [`Policy::call`], but the reason also says which rules allow.
    pub fn explain_call(&self, name: &'static str, what: &str) -> Decision {
        self.explain_all(|layer| layer.explain_call(name, what))
    }

    fn explain_all(&self, ask: impl Fn(&Layer) -> Decision) -> Decision {
        let mut reasons = Vec::new();
        let mut decision = self.all(|layer| {
            let decision = ask(layer);
            reasons.push(decision.why.clone());
            decision
        });
        if decision.verdict == Verdict::Allow {
            decision.why = reasons.join("; ");
        }
        decision
    }

    /// The first refusal, or that there is none.
    fn all(&self, mut ask: impl FnMut(&Layer) -> Decision) -> Decision {
        let refusal = self.layers.iter().find_map(|layer| {
            let mut decision = ask(layer);
            if decision.verdict == Verdict::Allow {
                return None;
            }
            if self.layers.len() > 1 && decision.why.starts_with("no rule") {
                decision.why += &format!(" ({})", layer.label);
            }
            Some(decision)
        });
        refusal.unwrap_or_else(|| match self.open || !self.layers.is_empty() {
            true => Decision { verdict: Verdict::Allow, why: String::new() },
            false => Decision { verdict: Verdict::Deny(crate::call::Errno::EPERM), why: "no policy is loaded".into() },
        })
    }

    /// Whether rules alone allow `access` to `directory` and to all that is or will be beneath it, with no deny, hide or hook
    /// that could say otherwise: what may become a standing grant.
    #[must_use]
    pub fn grants_subtree(&self, directory: &Path, access: Access) -> bool {
        match self.layers.as_slice() {
            [] => self.open,
            layers => layers.iter().all(|layer| layer.grants_subtree(directory, access)),
        }
    }

    /// The rules about socket addresses, policy by policy: a use has to be allowed by each.
    pub fn addresses(&self) -> impl Iterator<Item = &[AddressRule]> {
        self.layers.iter().map(|layer| layer.addresses.as_slice())
    }
}
