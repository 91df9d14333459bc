//! The engine's errors in our words.

use std::collections::HashMap;
use std::sync::Arc;

use rhai::{EvalAltResult, Position};

use super::error::{Place, PolicyError, Problem, nearest};
use super::loader::Loader;
use super::values::constants;
use super::variables::VARIABLES;
use super::verbs::{bad_argument, wants};

/// An error of the engine in our words.
pub(super) fn translate(loader: &Loader, file: &Arc<str>, error: &EvalAltResult) -> PolicyError {
    use rhai::ParseErrorType::VariableUndefined;
    let inner = error.unwrap_inner();
    let place = Place::at(file, innermost_position(error));
    let problem = match inner {
        EvalAltResult::ErrorRuntime(value, _) if value.clone().try_cast::<PolicyError>().is_some() => {
            return value.clone_cast::<PolicyError>();
        }
        EvalAltResult::ErrorRuntime(value, _) => Problem::Script(value.to_string()),
        EvalAltResult::ErrorVariableNotFound(name, _) | EvalAltResult::ErrorParsing(VariableUndefined(name), _) => {
            Problem::UnknownName { name: name.clone(), meant: nearest_name(name) }
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ")"));
            let known = loader.functions.get();
            if wants(name).is_some() {
                bad_argument(name, format!("a value of type {}", arguments.trim_end_matches(')')))
            } else if known.is_some_and(|known| known.contains_key(name)) {
                Problem::Script(format!("no `{name}` takes ({arguments}"))
            } else {
                Problem::UnknownVerb {
                    name: name.into(),
                    meant: nearest(name, known.into_iter().flat_map(HashMap::keys).map(String::as_str)),
                }
            }
        }
        EvalAltResult::ErrorTooManyOperations(_) => Problem::Limit("the script takes too many steps".into()),
        EvalAltResult::ErrorStackOverflow(_) => Problem::Limit("functions call each other too deeply".into()),
        EvalAltResult::ErrorTooManyVariables(_) => Problem::Limit("the script has too many variables".into()),
        EvalAltResult::ErrorDataTooLarge(what, _) => Problem::Limit(format!("a value grows too large: {what}")),
        other => Problem::Script(without_place(other)),
    };
    PolicyError { place, problem }
}

pub(super) fn nearest_name(name: &str) -> Option<String> {
    let constants = constants();
    let errors = constants.iter_var().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    let variables = VARIABLES.iter().map(|variable| variable.0);
    nearest(name, variables.chain(errors.iter().map(String::as_str)))
}

/// The position nearest to the cause: the cause itself may come without one.
fn innermost_position(error: &EvalAltResult) -> Position {
    let inner = match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            innermost_position(inner)
        }
        _ => Position::NONE,
    };
    if inner.is_none() { error.position() } else { inner }
}

/// The engine's message less its own "(line 3, position 5)".
fn without_place(error: &EvalAltResult) -> String {
    let text = error.to_string();
    text.rsplit_once(" (line ").map_or_else(|| text.clone(), |(words, _)| words.to_owned())
}
