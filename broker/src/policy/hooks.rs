//! Hooks: the functions of a policy that decide what its rules leave open.

use std::sync::Arc;

use rhai::{AST, CallFnOptions, Dynamic, Engine, ImmutableString, Module, Scope, Shared};

use super::Asked;
use super::error::Place;
use super::loader::Loader;
use super::pattern::escape;
use super::source::Script;
use super::translate::translate;
use super::values::{CallValue, PathValue, Ruling};
use super::vet;

/// The hooks of one policy, ready to be called.
#[derive(Debug)]
pub(super) struct Hooks {
    engine: Engine,
    ast: AST,
    label: Arc<str>,
    /// The script, to find the lines of hooks in.
    text: String,
    loader: Arc<Loader>,
    pub(super) on_open: bool,
    pub(super) on_call: bool,
}

impl Hooks {
    /// Takes over the engine after the top level has run; `scope` is what it left, which hooks see as constants.
    pub(super) fn new(mut engine: Engine, ast: &AST, scope: Scope<'_>, script: Script, loader: &Arc<Loader>) -> Self {
        super::engine::tighten(&mut engine);
        let mut constants = Module::new();
        for (name, _, value) in scope.iter() {
            constants.set_var(name, value);
        }
        engine.register_global_module(Shared::new(constants));
        let found = vet::hooks(ast);
        let has = |name: &str| found.iter().any(|found| found == name);
        Self {
            on_open: has("on_open"),
            on_call: has("on_call"),
            engine,
            ast: ast.clone_functions_only(),
            label: script.label,
            text: script.text,
            loader: loader.clone(),
        }
    }

    /// Asks `on_open`; an error in words if it fails, which has been logged.
    pub(super) fn path(&self, asked: &Asked<'_>) -> Result<Ruling, String> {
        let call = CallValue {
            name: asked.call,
            path: Some(PathValue::new(asked.path)),
            what: ImmutableString::new(),
            access: asked.access,
            flags: asked.flags,
            mode: asked.mode,
        };
        self.ask("on_open", call)
    }

    /// Asks `on_call`.
    pub(super) fn call(&self, name: &'static str, what: &str) -> Result<Ruling, String> {
        let access = super::Access::empty();
        self.ask("on_call", CallValue { name, path: None, what: what.into(), access, flags: 0, mode: 0 })
    }

    fn begin(&self, hook: &str) -> Place {
        Place { file: self.label.clone(), line: vet::line_of(&self.text, hook), column: 0 }
    }

    fn ask(&self, hook: &'static str, call: CallValue) -> Result<Ruling, String> {
        let object = call.path.as_ref().map_or_else(|| escape(call.what.as_bytes()), PathValue::text);
        let name = call.name;
        let options = CallFnOptions::new().eval_ast(false);
        let answer = self.engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), &self.ast, hook, (call,));
        let problem = match answer {
            Ok(answer) => match answer.try_cast_result::<Ruling>() {
                Ok(ruling) => {
                    if ruling.audit {
                        log::warn!(target: "nurse::audit", "{}: {hook}: {name} {object}: {:?}", self.label, ruling.verdict);
                    }
                    return Ok(ruling);
                }
                Err(answer) => format!(
                    "{}: `{hook}` has to answer allow(), deny(ERRNO), hide() or kill(), not {}",
                    self.begin(hook),
                    if answer.is_unit() { "nothing" } else { self.engine.map_type_name(answer.type_name()) }
                ),
            },
            Err(error) => {
                let error = translate(&self.loader, &self.label, &error);
                // Of a limit the engine does not say where it was met.
                let place = if error.place.line == 0 { self.begin(hook) } else { error.place };
                format!("{place}: `{hook}`: {}", error.problem)
            }
        };
        log::warn!(target: "nurse::policy", "{problem}\n  {name} {object} is refused.");
        Err(problem)
    }
}
