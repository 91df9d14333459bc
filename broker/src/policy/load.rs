//! Running the top level of a policy: files, includes, quick grants.

use std::path::PathBuf;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, Position, Scope};

use super::error::{Place, PolicyError, Problem, ReadProblem};
use super::loader::{Loader, Outcome};
use super::pattern::{Pattern, PatternProblem};
use super::rules::{Effect, Rule};
use super::source::{self, Script};
use super::translate::translate;
use super::values::PathValue;
use super::variables::{VARIABLES, Variables, absolute};
use super::verbs::granted;
use super::{links, vet};

/// Files that include each other.
const MAX_DEPTH: usize = 16;

/// The variables as constants for scripts.
pub(super) fn constants(variables: &Variables) -> Vec<(&'static str, Dynamic)> {
    let value = |name: &str| {
        let mut values: Vec<Dynamic> = variables
            .get(name)
            .unwrap_or_default()
            .into_iter()
            .map(|path| Dynamic::from(PathValue::new(path)))
            .collect();
        if Variables::is_list(name) { Dynamic::from_array(values) } else { values.pop().unwrap_or(Dynamic::UNIT) }
    };
    VARIABLES.iter().map(|&(name, _)| (name, value(name))).collect()
}

/// `include`: a name, or a path from the including file.
pub(super) fn include(loader: &Arc<Loader>, engine: &Engine, at: Position, name: &str) -> Outcome {
    let mut script = None;
    loader.declare(at, |declared, _| {
        let from = declared.reading.last().and_then(|script| script.directory.clone());
        let found = match source::Source::parse(name.as_ref()) {
            source::Source::Name(name) => source::by_name(&name, loader.directory.as_deref()),
            _ => match from {
                // Without `.` between.
                Some(from) => source::read(&from.join(name).components().collect::<PathBuf>()),
                None => source::read(name.as_ref()),
            },
        };
        // The place of an include that finds nothing is the include.
        let found = found.map_err(|error| match error.problem {
            Problem::NoSuchPolicy { .. } => error.problem,
            Problem::Unreadable(ReadProblem::Io(kind, words)) => {
                Problem::Unreadable(ReadProblem::Io(kind, format!("{}: {words}", error.place)))
            }
            problem => problem,
        })?;
        script = Some(found);
        Ok(())
    })?;
    let Some(script) = script else { return Ok(()) };
    let mut skip = false;
    loader.declare(at, |declared, _| {
        let chain =
            || declared.reading.iter().map(|script| script.label.clone()).chain([script.label.clone()]).collect();
        if declared.reading.len() >= MAX_DEPTH
            || declared.reading.iter().any(|reading| reading.identity == script.identity)
        {
            return Err(Problem::Cycle(chain()));
        }
        skip = declared.read.contains(&script.identity);
        Ok(())
    })?;
    if skip {
        return Ok(());
    }
    let (ast, _) = run(loader, engine, script).map_err(|error| loader.fail(error))?;
    // A hook speaks for its own file.
    for hook in vet::hooks(&ast) {
        loader.declare(at, |declared, place| {
            declared.unused_hooks.push((place, hook.clone()));
            Ok(())
        })?;
    }
    Ok(())
}

/// Compiles and runs a script.
pub(super) fn run(loader: &Arc<Loader>, engine: &Engine, script: Script) -> Result<(AST, Scope<'static>), PolicyError> {
    let label = script.label.clone();
    let mut scope = Scope::new();
    for (name, value) in constants(&loader.variables) {
        scope.push_constant_dynamic(name, value);
    }
    let mut ast = engine.compile(&script.text).map_err(|error| translate(loader, &label, &error.into()))?;
    ast.set_source(&*label);
    vet::functions(loader, engine, &ast, &script)?;
    let text = script.text.clone();
    if let Some(declared) = loader.lock().as_mut() {
        declared.read.insert(script.identity.clone());
        declared.reading.push(script);
    }
    let result = engine.run_ast_with_scope(&mut scope, &ast);
    let failed = loader.lock().as_mut().and_then(|declared| {
        declared.reading.pop();
        declared.failed.clone()
    });
    if let Some(error) = failed {
        return Err(error);
    }
    result.map_err(|error| translate(loader, &label, &error))?;
    vet::names(&text, &scope).map_err(|error| translate(loader, &label, &error.into()))?;
    Ok((ast, scope))
}

/// The rules of quick grants.
pub(super) fn grant(loader: &Loader, grants: &[source::Grant]) -> Result<(), PolicyError> {
    let cwd = loader.variables.cwd.clone().unwrap_or_else(|| "/".into());
    let place = Place::file("command line");
    for grant in grants {
        let (verb, access) = granted(grant.kind);
        let path = absolute(&cwd, &grant.path);
        let bad = |problem| PolicyError {
            place: place.clone(),
            problem: Problem::BadPattern { pattern: grant.path.to_string_lossy().into(), problem },
        };
        if grant.path.as_os_str().is_empty() {
            return Err(bad(PatternProblem::Empty));
        }
        let text = format!("{}/**", PathValue::new(&path).text());
        let pattern = Pattern::parse(&path, "/**").map_err(bad)?;
        let (real, links) = links::follow_pattern(&pattern);
        if let Some(declared) = loader.lock().as_mut() {
            let effect = Effect::Allow(access);
            declared.rules.push(Rule {
                place: place.clone(),
                verb,
                text: text.into(),
                varies: false,
                effect,
                pattern,
                real,
                links,
            });
        }
    }
    Ok(())
}
