//! The Rhai engine and its limits: the one place that says what a script may use.

use std::sync::OnceLock;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LogicPackage, MoreStringPackage, Package as _,
};
use rhai::{Engine, Module, OptimizationLevel, Shared, Token};

use super::pattern::escape;

/// Operations of a top level, and of each file that it includes.
const LOAD_OPERATIONS: u64 = 1_000_000;
/// Operations of one call of a hook: some milliseconds.
const HOOK_OPERATIONS: u64 = 50_000;
/// Functions of a script that call each other.
const CALL_LEVELS: usize = 32;
/// Depth of an expression, at the top level and in a function.
const EXPRESSION_DEPTHS: (usize, usize) = (64, 48);
/// Bytes of a string.
const STRING: usize = 16 * 1024;
/// Elements of an array.
const ARRAY: usize = 10_000;
/// Entries of a map.
const MAP: usize = 1_000;
/// Variables in scope at a time.
const VARIABLES: usize = 1_000;
/// Functions of a script.
const FUNCTIONS: usize = 500;

/// An engine that can compute and nothing else: no clock, no sleep, no exit, no files, no modules, no eval.
pub(super) fn new() -> Engine {
    let mut engine = parser();
    for module in library() {
        engine.register_global_module(module.clone());
    }
    engine
        .on_print(|text| log::info!(target: "nurse::policy", "{}", escape(text.as_bytes())))
        .on_debug(|text, source, position| {
            log::info!(target: "nurse::policy", "{}:{position:?}: {}", source.unwrap_or("policy"), escape(text.as_bytes()));
        });
    engine
}

/// An engine with the same limits that knows no functions: enough to parse.
pub(super) fn parser() -> Engine {
    let mut engine = Engine::new_raw();
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_max_operations(LOAD_OPERATIONS)
        .set_max_call_levels(CALL_LEVELS)
        .set_max_expr_depths(EXPRESSION_DEPTHS.0, EXPRESSION_DEPTHS.1)
        .set_max_string_size(STRING)
        .set_max_array_size(ARRAY)
        .set_max_map_size(MAP)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS)
        .disable_symbol("eval");
    // Rhai keeps `call` for itself, as the method of a function pointer; it is the best name for what a hook is given.
    // "Deprecated" only says that the interface may change with a new version of the crate.
    #[allow(deprecated)]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if word.as_str() == "call" => Token::Identifier(word),
        token => token,
    });
    engine
}

/// Rhai's own functions, built once for all engines. Its LanguageCorePackage is left out: it has `sleep` and `exit`.
fn library() -> &'static [Shared<Module>] {
    static LIBRARY: OnceLock<Vec<Shared<Module>>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        vec![
            ArithmeticPackage::new().as_shared_module(),
            LogicPackage::new().as_shared_module(),
            BasicStringPackage::new().as_shared_module(),
            MoreStringPackage::new().as_shared_module(),
            BasicMathPackage::new().as_shared_module(),
            BasicArrayPackage::new().as_shared_module(),
            BasicMapPackage::new().as_shared_module(),
            BasicIteratorPackage::new().as_shared_module(),
            BasicFnPackage::new().as_shared_module(),
        ]
    })
}

/// Tightens the limits for hooks, once all rules are declared.
pub(super) fn tighten(engine: &mut Engine) {
    engine.set_max_operations(HOOK_OPERATIONS);
}
