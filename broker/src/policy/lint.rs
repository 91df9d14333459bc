//! What looks like a mistake in a policy that loads.

use std::fmt;
use std::path::Path;

use super::error::{Place, PolicyError};
use super::layer::Layer;
use super::pattern::Component;
use super::rules::{Effect, Rule};
use super::source::{self, Source};
use super::variables::Variables;
use super::verdict::Access;

/// Something in a policy that its author may want to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What, and what to write instead.
    pub words: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.words)
    }
}

/// Loads a policy and looks at its own rules (those of its includes are looked at when they are checked).
pub(super) fn check(
    source: &Source,
    variables: &Variables,
    directory: Option<&Path>,
) -> Result<Vec<Finding>, PolicyError> {
    let (script, grants) = match source {
        Source::Name(name) => (Some(source::by_name(name, directory)?), Vec::new()),
        Source::File(path) => (Some(source::read(path)?), Vec::new()),
        Source::Grants(grants) => (None, grants.clone()),
    };
    // A shipped policy is for every machine, so it may name what this one lacks.
    let portable = matches!(&script, Some(script) if script.directory.is_none());
    let (layer, declared) = Layer::load(script, &grants, variables, directory)?;
    let mut findings = Vec::new();
    for rule in layer.rules.iter().filter(|rule| rule.place.file == layer.label) {
        let words = shadowed(rule, &layer.rules)
            .into_iter()
            .chain(repeated(rule, &layer.rules))
            .chain(broad(rule, variables))
            .chain(ordinary(rule))
            .chain(missing(rule).filter(|_| !portable))
            .chain(directory_alone(rule).filter(|_| !portable));
        findings.extend(words.map(|words| Finding { place: rule.place.clone(), words }));
    }
    findings.extend(declared.valueless.into_iter().map(|(place, name)| Finding {
        place,
        words: format!("`{name}` has no value here, so the rule allows nothing"),
    }));
    findings.extend(declared.unused_hooks.into_iter().map(|(place, hook)| Finding {
        place,
        words: format!("the included policy has a hook `{hook}`, which an include leaves out; give both policies with -p to have both decide"),
    }));
    findings.sort_by_key(|finding| (finding.place.line, finding.place.column));
    findings.dedup();
    Ok(findings)
}

fn allows(rule: &Rule) -> bool {
    matches!(rule.effect, Effect::Allow(_))
}

/// An allow that a deny or hide leaves nothing of.
fn shadowed(rule: &Rule, rules: &[Rule]) -> Option<String> {
    let refusal = rules.iter().filter(|other| !allows(other)).find(|other| other.pattern.covers(&rule.pattern))?;
    allows(rule).then(|| format!("{}(\"{}\") has no effect: {refusal} refuses all of it", rule.verb, rule.text))
}

/// A rule that an earlier one of the same file says already.
fn repeated(rule: &Rule, rules: &[Rule]) -> Option<String> {
    // What varies may say something new in the next run.
    if rule.varies {
        return None;
    }
    let earlier = rules.iter().take_while(|other| !std::ptr::eq(*other, rule));
    let says = |other: &&Rule| {
        let same = match (other.effect, rule.effect) {
            (Effect::Allow(wide), Effect::Allow(narrow)) => wide.contains(narrow),
            (wide, narrow) => wide == narrow,
        };
        same && !other.varies && other.place.file == rule.place.file && other.pattern.covers(&rule.pattern)
    };
    earlier
        .into_iter()
        .find(says)
        .map(|other| format!("{}(\"{}\") says nothing new: see {other}", rule.verb, rule.text))
}

/// A rule that lets far more be changed than any program needs.
fn broad(rule: &Rule, variables: &Variables) -> Option<String> {
    let changes = Access::WRITE | Access::CREATE | Access::DELETE;
    let deep = rule.pattern.components.contains(&Component::Deep);
    if !deep || !rule.allows().intersects(changes) {
        return None;
    }
    let fixed = rule.pattern.fixed_path();
    let whole = |top: &Path| rule.pattern.components.len() == top.components().count() && fixed == top;
    let what = if fixed == Path::new("/") {
        "every file system"
    } else if variables.home.as_deref().is_some_and(whole) {
        "the whole home directory, with its start-up files and settings"
    } else if ["/etc", "/usr", "/bin", "/lib", "/boot", "/dev", "/home", "/root", "/var"]
        .iter()
        .any(|top| whole(Path::new(top)))
    {
        "a whole system directory"
    } else {
        return None;
    };
    Some(format!("{}(\"{}\") opens {what} to change; name the folder that the program writes to", rule.verb, rule.text))
}

/// Characters that are special elsewhere.
fn ordinary(rule: &Rule) -> Option<String> {
    let found = rule.text.replace("${", "").chars().find(|character| "?[{~".contains(*character))?;
    Some(format!("`{found}` in \"{}\" stands for itself; only `*` and `**` are special", rule.text))
}

/// A fixed part that is not on this machine.
fn missing(rule: &Rule) -> Option<String> {
    // A place that may come into being, or a variable, is no slip.
    let changes = rule.allows().intersects(Access::CREATE);
    if changes || rule.varies {
        return None;
    }
    let fixed = rule.pattern.fixed_path();
    let gone = fixed
        .ancestors()
        .filter(|path| std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound))
        .last()?;
    Some(format!("{} does not exist here, so {}(\"{}\") matches nothing yet", gone.display(), rule.verb, rule.text))
}

/// A directory without what is in it.
fn directory_alone(rule: &Rule) -> Option<String> {
    let fixed = rule.pattern.fixed_path();
    let literal = rule.pattern.fixed().count() == rule.pattern.components.len();
    if !literal || rule.allows() == Access::LOOK || rule.varies || !fixed.is_dir() {
        return None;
    }
    Some(format!(
        "\"{}\" is a directory: the rule is about itself alone, \"{}/**\" about all beneath it too",
        rule.text,
        rule.text.trim_end_matches('/')
    ))
}
