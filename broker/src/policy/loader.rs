//! What the verbs of a policy declare, and the checks on the way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rhai::{Dynamic, EvalAltResult, ImmutableString, Position};
use trampoline::syscall::SYSCALLS;

use super::address::{Address, AddressRule, AddressUse};
use super::error::{Place, PolicyError, Problem, nearest};
use super::links;
use super::pattern::{Pattern, PatternProblem};
use super::rules::{CallRule, Effect, Rule};
use super::source::Script;
use super::values::PathValue;
use super::variables::{VARIABLES, Variables};
use super::verbs::bad_argument;
use crate::call::Errno;

/// Rules of one policy, its includes counted.
const MAX_RULES: usize = 20_000;

/// Where the verbs of one policy put what they declare.
#[derive(Debug)]
pub(super) struct Loader {
    pub(super) variables: Variables,
    /// The user's policies.
    pub(super) directory: Option<PathBuf>,
    /// Every function of the engine, and with how many arguments.
    pub(super) functions: OnceLock<HashMap<String, BTreeSet<usize>>>,
    state: Mutex<Option<Declared>>,
}

/// What a policy declared so far.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) rules: Vec<Rule>,
    pub(super) calls: Vec<CallRule>,
    pub(super) addresses: Vec<AddressRule>,
    pub(super) default_errno: Option<Errno>,
    /// Rules about variables without a value: where, and which variable.
    pub(super) valueless: Vec<(Place, String)>,
    /// Hooks in included files, which are not used: where, and which.
    pub(super) unused_hooks: Vec<(Place, String)>,
    /// Scripts being read, the innermost last.
    pub(super) reading: Vec<Script>,
    /// Identities of scripts that were read.
    pub(super) read: HashSet<PathBuf>,
    /// What a verb complained about: a script must not get around it by catching the error.
    pub(super) failed: Option<PolicyError>,
}

pub(super) type Outcome = Result<(), Box<EvalAltResult>>;

/// A policy error on its way through the engine.
fn raise(error: PolicyError) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(error), Position::NONE))
}

impl Loader {
    pub(super) fn new(variables: &Variables, directory: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            variables: variables.clone(),
            directory,
            functions: OnceLock::new(),
            state: Mutex::new(Some(Declared::default())),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Declared>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the loading: from now on verbs fail.
    pub(super) fn finish(&self) -> Declared {
        self.lock().take().unwrap_or_default()
    }

    /// Lets a verb declare, and remembers what it complains about.
    pub(super) fn declare(
        &self,
        at: Position,
        what: impl FnOnce(&mut Declared, Place) -> Result<(), Problem>,
    ) -> Outcome {
        let mut state = self.lock();
        let Some(declared) = state.as_mut() else {
            return Err("rules are declared by the top level of a policy; a hook answers allow(), deny(ERRNO), hide() or kill()".into());
        };
        let file = declared.reading.last().map_or_else(|| "policy".into(), |script| script.label.clone());
        let place = Place::at(&file, at);
        what(declared, place.clone()).map_err(|problem| {
            let error = PolicyError { place, problem };
            declared.failed.get_or_insert_with(|| error.clone());
            raise(error)
        })
    }

    /// Remembers an error of an included script, and makes it one of the engine.
    pub(super) fn fail(&self, error: PolicyError) -> Box<EvalAltResult> {
        if let Some(declared) = self.lock().as_mut() {
            declared.failed.get_or_insert_with(|| error.clone());
        }
        raise(error)
    }

    /// `read`, `deny` and the like.
    pub(super) fn paths(&self, at: Position, verb: &'static str, effect: Effect, args: &[Dynamic]) -> Outcome {
        self.declare(at, |declared, place| {
            let mut given = Vec::new();
            flatten(verb, args, &mut given)?;
            for given in given {
                self.rule(declared, &place, verb, effect, &given)?;
            }
            Ok(())
        })
    }

    fn rule(
        &self,
        declared: &mut Declared,
        place: &Place,
        verb: &'static str,
        effect: Effect,
        given: &Given,
    ) -> Result<(), Problem> {
        let (text, patterns) = match given {
            Given::Text(text) => (text.as_str().into(), self.expand(text)?),
            Given::Path(path) => {
                let pattern = Pattern::literal(&path.0)
                    .map_err(|problem| Problem::BadPattern { pattern: path.text(), problem })?;
                (path.text().into(), Expanded::Patterns(vec![pattern]))
            }
            Given::Nothing => ("()".into(), Expanded::Valueless("VARIABLE".into())),
        };
        let varies = !matches!(given, Given::Text(text) if !text.starts_with('$'));
        let patterns = match patterns {
            Expanded::Patterns(patterns) => patterns,
            Expanded::Valueless(name) if matches!(effect, Effect::Allow(_)) => {
                declared.valueless.push((place.clone(), name));
                return Ok(());
            }
            Expanded::Valueless(name) => return Err(Problem::NoValue { verb, name }),
        };
        for pattern in patterns {
            if declared.rules.len() >= MAX_RULES {
                return Err(Problem::Limit(format!("the policy declares more than {MAX_RULES} rules")));
            }
            let (real, links) = links::follow_pattern(&pattern);
            declared.rules.push(Rule {
                place: place.clone(),
                verb,
                text: Arc::clone(&text),
                varies,
                effect,
                pattern,
                real,
                links,
            });
        }
        Ok(())
    }

    /// `connect`, `bind`, `listen`.
    pub(super) fn addresses(&self, at: Position, verb: &'static str, allows: AddressUse, args: &[Dynamic]) -> Outcome {
        self.declare(at, |declared, place| {
            for text in strings(verb, args)? {
                let path = |path: &str| match self.expand(path) {
                    Ok(Expanded::Patterns(mut patterns)) if patterns.len() == 1 => Ok(patterns.remove(0)),
                    Ok(_) => Err(PatternProblem::Variable),
                    Err(Problem::BadPattern { problem, .. }) => Err(problem),
                    Err(_) => Err(PatternProblem::Variable),
                };
                let address = Address::parse(&text, path)
                    .map_err(|problem| Problem::BadPattern { pattern: text.to_string(), problem })?;
                declared.addresses.push(AddressRule { place: place.clone(), allows, address });
            }
            Ok(())
        })
    }

    /// `calls`.
    pub(super) fn calls(&self, at: Position, args: &[Dynamic]) -> Outcome {
        self.declare(at, |declared, place| {
            for text in strings("calls", args)? {
                let (name, words) = text.split_once(':').unwrap_or((text.as_str(), ""));
                let Some(known) = SYSCALLS.iter().find(|known| known.name == name) else {
                    let hint = nearest(name, SYSCALLS.iter().map(|known| known.name));
                    let hint = hint.map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default();
                    return Err(bad_argument("calls", format!("\"{}\"{hint}", name.escape_debug())));
                };
                let words = words.split_whitespace().map(str::to_owned).collect();
                declared.calls.push(CallRule { place: place.clone(), name: known.name, words });
            }
            Ok(())
        })
    }

    /// `default_deny`.
    pub(super) fn default_deny(&self, at: Position, errno: Errno) -> Outcome {
        self.declare(at, |declared, _| {
            declared.default_errno = Some(errno);
            Ok(())
        })
    }

    /// The patterns that a text with variables means.
    fn expand(&self, text: &str) -> Result<Expanded, Problem> {
        let bad = |problem| Problem::BadPattern { pattern: text.into(), problem };
        if text.is_empty() {
            return Err(bad(PatternProblem::Empty));
        }
        let Some(rest) = text.strip_prefix("${") else {
            let problem = if text.starts_with('/') { None } else { Some(PatternProblem::Relative) };
            return match problem {
                Some(problem) => Err(bad(problem)),
                None => Ok(Expanded::Patterns(vec![Pattern::parse("/".as_ref(), text).map_err(bad)?])),
            };
        };
        let (name, rest) = rest.split_once('}').ok_or_else(|| bad(PatternProblem::Variable))?;
        let values = self.variables.get(name).ok_or_else(|| Problem::UnknownName {
            name: name.into(),
            meant: nearest(name, VARIABLES.iter().map(|variable| variable.0)),
        })?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(bad(PatternProblem::Variable));
        }
        // A list may well be empty; another variable without a value is worth a word.
        if values.is_empty() && !Variables::is_list(name) {
            return Ok(Expanded::Valueless(name.into()));
        }
        let patterns = values.into_iter().map(|value| Pattern::parse(value, rest));
        Ok(Expanded::Patterns(patterns.collect::<Result<_, _>>().map_err(bad)?))
    }
}

enum Expanded {
    Patterns(Vec<Pattern>),
    /// The variable has no value in this run.
    Valueless(String),
}

/// What a verb of paths was given.
enum Given {
    Text(ImmutableString),
    Path(PathValue),
    /// A variable without a value, as Rhai's `()`.
    Nothing,
}

fn flatten(verb: &str, args: &[Dynamic], into: &mut Vec<Given>) -> Result<(), Problem> {
    for arg in args {
        if let Ok(text) = arg.clone().into_immutable_string() {
            into.push(Given::Text(text));
        } else if let Some(path) = arg.clone().try_cast::<PathValue>() {
            into.push(Given::Path(path));
        } else if let Ok(list) = arg.clone().into_array() {
            flatten(verb, &list, into)?;
        } else if arg.is_unit() {
            into.push(Given::Nothing);
        } else {
            return Err(bad_argument(verb, describe(arg)));
        }
    }
    Ok(())
}

fn strings(verb: &str, args: &[Dynamic]) -> Result<Vec<ImmutableString>, Problem> {
    args.iter().map(|arg| arg.clone().into_immutable_string().map_err(|_| bad_argument(verb, describe(arg)))).collect()
}

fn describe(value: &Dynamic) -> String {
    let kind = match value.type_name() {
        "i64" => "the number",
        "f64" => "the fraction",
        "bool" => "the truth value",
        "char" => "the character",
        "map" => "a map",
        name if name.ends_with("Errno") => "the error",
        _ => "a value of another type",
    };
    match value.clone().try_cast::<Errno>() {
        Some(errno) => format!("{kind} {errno:?}"),
        None if kind.starts_with('a') => kind.into(),
        None => format!("{kind} {value}"),
    }
}
