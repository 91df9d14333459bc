//! One policy of those in force: its rules, its hooks, and how they decide together.

use std::path::Path;
use std::sync::Arc;

use super::address::AddressRule;
use super::error::PolicyError;
use super::hooks::Hooks;
use super::load::{grant, run};
use super::loader::{Declared, Loader};
use super::matcher::{Matcher, RuleId, Said};
use super::rules::{CallRule, Effect, Rule};
use super::source::{Grant, Script};
use super::values::Ruling;
use super::variables::Variables;
use super::verdict::{Access, Decision, Verdict};
use super::{Asked, engine, values, verbs};
use crate::call::Errno;

/// One policy.
#[derive(Debug)]
pub(super) struct Layer {
    /// What places call it.
    pub(super) label: Arc<str>,
    pub(super) rules: Vec<Rule>,
    matcher: Matcher,
    calls: Vec<CallRule>,
    pub(super) addresses: Vec<AddressRule>,
    default_errno: Errno,
    hooks: Option<Hooks>,
}

impl Layer {
    /// Loads a script (or none, for grants alone), and what its check may have to say about it.
    pub(super) fn load(
        script: Option<Script>,
        grants: &[Grant],
        variables: &Variables,
        directory: Option<&Path>,
    ) -> Result<(Self, Declared), PolicyError> {
        let loader = Loader::new(variables, directory.map(Path::to_owned));
        let mut hooks = None;
        let label = script.as_ref().map_or_else(|| "command line".into(), |script| script.label.clone());
        if let Some(script) = script {
            let mut engine = engine::new();
            values::register(&mut engine);
            verbs::register(&mut engine, &loader);
            engine.register_global_module(rhai::Shared::new(values::constants()));
            let (ast, scope) = run(&loader, &engine, script.clone())?;
            let found = Hooks::new(engine, &ast, scope, script, &loader);
            hooks = (found.on_open || found.on_call).then_some(found);
        }
        grant(&loader, grants)?;
        let mut declared = loader.finish();
        let rules = std::mem::take(&mut declared.rules);
        let layer = Self {
            label,
            matcher: Matcher::new(&rules),
            rules,
            calls: std::mem::take(&mut declared.calls),
            addresses: std::mem::take(&mut declared.addresses),
            default_errno: declared.default_errno.unwrap_or(Errno::EPERM),
            hooks,
        };
        Ok((layer, declared))
    }

    fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id as usize]
    }

    fn refuse(&self, id: RuleId) -> Decision {
        let rule = self.rule(id);
        let verdict = match rule.effect {
            Effect::Hide => Verdict::Hide,
            Effect::Deny(Some(errno)) => Verdict::Deny(errno),
            _ => Verdict::Deny(self.default_errno),
        };
        Decision { verdict, why: rule.to_string() }
    }

    /// Decides about a path.
    pub(super) fn path(&self, asked: &Asked<'_>) -> Decision {
        let Some(said) = self.matcher.say(asked.path) else {
            let why = format!("not a resolved path, so {} has no rule for it", self.label);
            return Decision { verdict: Verdict::Deny(self.default_errno), why };
        };
        if let Some(id) = said.deny.or(said.hide) {
            return self.refuse(id);
        }
        // A renamed directory takes along what is beneath it, out of reach of the rules that name it by its place.
        if let Some(id) = said.above_refusal.filter(|_| asked.call.starts_with("rename")) {
            let why = format!(
                "{} would not hold any more where this directory went; a pattern that begins with /**/ would",
                self.rule(id)
            );
            return Decision { verdict: Verdict::Deny(self.default_errno), why };
        }
        if said.allow.contains(asked.access) {
            return Decision { verdict: Verdict::Allow, why: String::new() };
        }
        let open = missing(said, asked.access);
        match self.hooks.as_ref().filter(|hooks| hooks.on_open) {
            Some(hooks) => self.ruled("on_open", open, hooks.path(asked)),
            None => Decision { verdict: Verdict::Deny(self.default_errno), why: open },
        }
    }

    /// Decides about a call without a path.
    pub(super) fn call(&self, name: &'static str, what: &str) -> Decision {
        if self.calls.iter().any(|rule| rule.matches(name, what)) {
            return Decision { verdict: Verdict::Allow, why: String::new() };
        }
        match self.hooks.as_ref().filter(|hooks| hooks.on_call) {
            Some(hooks) => self.ruled("on_call", "no rule allows it".into(), hooks.call(name, what)),
            None => Decision { verdict: Verdict::Deny(self.default_errno), why: "no rule allows it".into() },
        }
    }

    /// What a hook says about what rules leave open.
    fn ruled(&self, hook: &str, open: String, ruling: Result<Ruling, String>) -> Decision {
        let (verdict, does) = match ruling {
            Ok(Ruling { verdict: Verdict::Allow, .. }) => {
                return Decision { verdict: Verdict::Allow, why: String::new() };
            }
            Ok(Ruling { verdict, .. }) => {
                let does = match verdict {
                    Verdict::Hide => "hides it",
                    Verdict::Kill => "ends the sandbox",
                    _ => "refuses it",
                };
                (verdict, does)
            }
            Err(problem) => return Decision { verdict: Verdict::Deny(self.default_errno), why: problem },
        };
        Decision { verdict, why: format!("{open}; {} {hook} {does}", self.label) }
    }

    /// The reason for whatever is decided about a path, allowing included.
    pub(super) fn explain(&self, asked: &Asked<'_>) -> Decision {
        let mut decision = self.path(asked);
        if decision.verdict == Verdict::Allow {
            let by_rules = self.matcher.say(asked.path).is_some_and(|said| said.allow.contains(asked.access));
            let rules = self.matcher.allowing(asked.path).into_iter().map(|id| self.rule(id));
            let mut words: Vec<_> =
                rules.filter(|rule| rule.allows().intersects(asked.access)).map(Rule::to_string).collect();
            words.dedup();
            decision.why = if by_rules { words.join(", ") } else { format!("{} on_open", self.label) };
        }
        decision
    }

    /// The reason for whatever is decided about a call, allowing included.
    pub(super) fn explain_call(&self, name: &'static str, what: &str) -> Decision {
        let mut decision = self.call(name, what);
        if decision.verdict == Verdict::Allow {
            let rule = self.calls.iter().find(|rule| rule.matches(name, what));
            decision.why = rule.map_or_else(|| format!("{} on_call", self.label), CallRule::to_string);
        }
        decision
    }

    /// See [`super::Policy::grants_subtree`].
    pub(super) fn grants_subtree(&self, directory: &Path, access: Access) -> bool {
        self.matcher.allows_subtree(directory, access)
    }
}

/// What no rule allows, when some rule allows something.
fn missing(said: Said, asked: Access) -> String {
    let words = [
        (Access::LOOK, "look"),
        (Access::READ, "read"),
        (Access::WRITE, "write"),
        (Access::CREATE, "create"),
        (Access::DELETE, "delete"),
        (Access::EXEC, "exec"),
    ];
    let list = |access: Access| {
        words.iter().filter(|word| access.contains(word.0)).map(|word| word.1).collect::<Vec<_>>().join(" and ")
    };
    if (said.allow & asked).is_empty() {
        "no rule allows it".into()
    } else {
        format!("no rule allows {}, only {}", list(asked - said.allow), list(said.allow))
    }
}
