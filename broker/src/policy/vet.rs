//! What can be known of a script before it runs: a misspelt word in a hook should not wait for the first call.

use std::collections::{BTreeSet, HashMap};

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, ParseError, Position, Scope, Stmt};

use super::error::{Place, PolicyError, Problem, nearest};
use super::loader::Loader;
use super::source::Script;
use super::values::{CALL_PROPERTIES, constants};
use super::verbs::{bad_argument, wants};

/// The hooks that nurse calls.
pub(super) const HOOKS: [&str; 2] = ["on_open", "on_call"];

/// Functions that are part of Rhai's language.
const LANGUAGE: [&str; 10] =
    ["call", "curry", "debug", "Fn", "is_def_fn", "is_def_var", "is_shared", "print", "to_string", "type_of"];

fn engine_functions(engine: &Engine) -> HashMap<String, BTreeSet<usize>> {
    let mut known: HashMap<String, BTreeSet<usize>> = HashMap::new();
    let metadata =
        engine.collect_fn_metadata(None, |info| Some((info.metadata.name.to_string(), info.metadata.num_params)), true);
    for (name, arguments) in metadata {
        known.entry(name).or_default().insert(arguments);
    }
    known
}

/// The hooks that a script defines.
pub(super) fn hooks(ast: &AST) -> Vec<String> {
    ast.iter_functions()
        .map(|function| function.name.to_owned())
        .filter(|name| HOOKS.contains(&name.as_str()))
        .collect()
}

/// Refuses calls of functions that nobody defined, hooks that would never be called, and unknown properties of a call.
pub(super) fn functions(loader: &Loader, engine: &Engine, ast: &AST, script: &Script) -> Result<(), PolicyError> {
    let known = loader.functions.get_or_init(|| engine_functions(engine));
    let own: Vec<&str> = ast.iter_functions().map(|function| function.name).collect();
    let at = |position, problem| PolicyError { place: Place::at(&script.label, position), problem };
    for function in ast.iter_functions().filter(|function| function.name.starts_with("on_")) {
        if let Some(words) = bad_hook(function.name, function.params.len()) {
            let mut place = Place::file(&script.label);
            place.line = line_of(&script.text, function.name);
            return Err(PolicyError { place, problem: Problem::BadHook(words) });
        }
    }
    let mut vetted = ast.clone();
    // Tests speak of more than policies do.
    vetted.retain_functions(|_, _, name, _| !name.starts_with("test_"));
    let mut found = None;
    vetted.walk(&mut |path| {
        if let Some((call, position)) = path.last().and_then(call) {
            found = vet_call(call, known, &own).map(|problem| at(position, problem));
        }
        found.is_none()
    });
    for hook in hooks(ast) {
        let Some(parameter) = ast
            .iter_functions()
            .find(|function| function.name == hook)
            .and_then(|function| function.params.first().copied())
        else {
            continue;
        };
        let mut only = ast.clone_functions_only();
        only.retain_functions(|_, _, name, _| name == hook);
        only.walk(&mut |path| {
            if found.is_none() {
                found = path.last().and_then(|node| unknown_property(node, parameter)).map(|(name, position)| {
                    let meant = nearest(&name, CALL_PROPERTIES.iter().map(|property| property.0));
                    at(position, Problem::UnknownName { name: format!("{parameter}.{name}"), meant })
                });
            }
            found.is_none()
        });
    }
    found.map_or(Ok(()), Err)
}

fn bad_hook(name: &str, parameters: usize) -> Option<String> {
    match (HOOKS.contains(&name), parameters) {
        (true, 1) => None,
        (true, count) => Some(format!("`{name}` takes one argument, the call, not {count}")),
        (false, _) => {
            let meant = nearest(name, HOOKS).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            Some(format!("no hook `{name}`{meant}"))
        }
    }
}

/// The line on which a function begins, as the engine does not keep it.
pub(super) fn line_of(text: &str, function: &str) -> usize {
    let begins = |line: &str| {
        line.split_once("fn ").is_some_and(|(_, rest)| {
            rest.trim_start().strip_prefix(function).is_some_and(|rest| rest.trim_start().starts_with('('))
        })
    };
    text.lines().position(begins).map_or(0, |line| line + 1)
}

fn call<'a>(node: &'a ASTNode<'a>) -> Option<(&'a FnCallExpr, Position)> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
        | ASTNode::Stmt(Stmt::FnCall(call, position)) => Some((call, *position)),
        _ => None,
    }
}

fn vet_call(call: &FnCallExpr, known: &HashMap<String, BTreeSet<usize>>, own: &[&str]) -> Option<Problem> {
    let name = call.name.as_str();
    let written_as_word = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    if call.op_token.is_some() || !written_as_word || own.contains(&name) || LANGUAGE.contains(&name) {
        return None;
    }
    match known.get(name) {
        None => {
            let names = known.keys().map(String::as_str).chain(own.iter().copied());
            // Rule verbs first: they are what is written most.
            let verbs = super::verbs::verbs().iter().map(|verb| verb.name);
            let meant = nearest(name, verbs).or_else(|| nearest(name, names));
            Some(Problem::UnknownVerb { name: name.into(), meant })
        }
        // Only for words of ours: the rest may also be methods, which have an argument more.
        Some(counts) if wants(name).is_some() && !counts.contains(&call.args.len()) => {
            let got = match call.args.len() {
                0 => "nothing".into(),
                1 => "one argument".into(),
                count if counts.last().is_some_and(|&most| count > most) => {
                    format!("{count} arguments (give an array)")
                }
                count => format!("{count} arguments"),
            };
            Some(bad_argument(name, got))
        }
        Some(_) => None,
    }
}

/// `call.pth`, where `call` is the hook's parameter.
fn unknown_property(node: &ASTNode<'_>, parameter: &str) -> Option<(String, Position)> {
    let ASTNode::Expr(Expr::Dot(dot, ..)) = node else { return None };
    let Expr::Variable(variable, ..) = &dot.lhs else { return None };
    if variable.1 != parameter {
        return None;
    }
    let first = match &dot.rhs {
        Expr::Dot(more, ..) => &more.lhs,
        other => other,
    };
    let Expr::Property(property, position) = first else { return None };
    let name = property.2.as_str();
    (!CALL_PROPERTIES.iter().any(|known| known.0 == name)).then(|| (name.to_owned(), *position))
}

/// Refuses variables that nobody defined, also where the script did not come by. `scope` is what its top level left.
pub(super) fn names(text: &str, scope: &Scope<'_>) -> Result<(), ParseError> {
    let mut engine = super::engine::parser();
    engine.set_strict_variables(true);
    let mut scope = scope.clone();
    for (name, value) in constants().iter_var() {
        scope.push_constant_dynamic(name.to_string(), value.clone());
    }
    engine.compile_with_scope(&scope, text).map(drop)
}
