//! The words of a policy: rule verbs, and how the engine learns them.

use std::any::TypeId;
use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};

use super::address::AddressUse;
use super::error::Problem;
use super::load::include;
use super::loader::{Loader, Outcome};
use super::rules::Effect;
use super::values::Ruling;
use super::verdict::{Access, Verdict};
use crate::call::Errno;

/// A word that a policy may use at its top level.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// The word.
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub words: &'static str,
    /// What it takes, to end the sentence "`read` takes".
    pub(super) wants: &'static str,
}

const PATTERNS: &str = "path patterns (strings)";
const ADDRESSES: &str = "addresses (strings)";

const fn verb(name: &'static str, usage: &'static str, wants: &'static str, words: &'static str) -> Verb {
    Verb { name, usage, words, wants }
}

const VERBS: &[Verb] = &[
    verb("read", "read(\"/usr/**\", ...)", PATTERNS, "allow to read and list, and to look"),
    verb(
        "look",
        "look(\"/srv\", ...)",
        PATTERNS,
        "allow to learn that it exists, its size, owner, times; not its content",
    ),
    verb(
        "write",
        "write(\"${SCRATCH}/**\", ...)",
        PATTERNS,
        "allow to change, create and delete, and to look; reading takes `read` too",
    ),
    verb("create", "create(\"/srv/in/*\", ...)", PATTERNS, "allow to bring into being, and to look"),
    verb("delete", "delete(\"/srv/in/*\", ...)", PATTERNS, "allow to remove, and to look"),
    verb("exec", "exec(\"/usr/bin/*\", ...)", PATTERNS, "allow to execute, and to read"),
    verb(
        "deny",
        "deny(\"/secret/**\", ...), deny(EACCES, \"/secret/**\")",
        "path patterns (strings), with or without an error before them",
        "refuse everything, looking included, with the default error or the one that is given",
    ),
    verb("hide", "hide(\"/home/*/.ssh/**\", ...)", PATTERNS, "answer as if it were not there: ENOENT"),
    verb(
        "default_deny",
        "default_deny(EACCES)",
        "the name of an error such as EACCES",
        "the error for what no rule allows; EPERM if it is not given",
    ),
    verb(
        "include",
        "include(\"base\"), include(\"./mine.rhai\")",
        "the name or path of a policy",
        "add the rules of another policy (not its hooks); a relative path starts at this file",
    ),
    verb(
        "calls",
        "calls(\"socket:unix\", ...)",
        "names of system calls, such as \"socket\" or \"socket:AF_UNIX SOCK_STREAM\"",
        "allow calls that have no path, by name, and by the words behind the colon",
    ),
    verb("connect", "connect(\"tcp://*.example.org:443\", ...)", ADDRESSES, "allow to connect and send to an address"),
    verb("bind", "bind(\"tcp://127.0.0.1:8080\", ...)", ADDRESSES, "allow to bind to an address"),
    verb("listen", "listen(\"tcp://127.0.0.1:8080\", ...)", ADDRESSES, "allow to listen on an address"),
];

/// The rule verbs, in the order of the reference.
#[must_use]
pub fn verbs() -> &'static [Verb] {
    VERBS
}

/// What a hook may answer: form and meaning.
pub const VERDICTS: &[(&str, &str)] = &[
    ("allow()", "let it through"),
    ("deny(ERRNO)", "refuse it with this error"),
    ("hide()", "answer as if it were not there: ENOENT"),
    ("kill()", "end the sandbox"),
    (".audit()", "behind any of them: leave a line in the log"),
];

/// All words of a policy, for people: verbs, what patterns and variables mean, what hooks get and answer.
#[must_use]
pub fn reference() -> String {
    let list = |words: &[(&str, &str)], around: fn(&str) -> String| -> String {
        words.iter().map(|(word, meaning)| format!("  {:<16} {meaning}\n", around(word))).collect()
    };
    let same: fn(&str) -> String = str::to_owned;
    let verbs: String = VERBS.iter().map(|verb| format!("  {}\n      {}\n", verb.usage, verb.words)).collect();
    [
        "Rules, declared by the top level. Deny beats hide beats allow, in any order:\n\n",
        &verbs,
        "\nPatterns: * stands for any bytes in one component, ** alone for any number of components; \"\\\\*\" is a star.\n\
         Variables, at the start of a pattern as ${NAME} and as constants; those without a value are ():\n\n",
        &list(super::variables::VARIABLES, same),
        "\nHooks decide what no rule does: fn on_open(call) for paths, fn on_call(call) for other calls. Of a call:\n\n",
        &list(super::values::CALL_PROPERTIES, |word| format!(".{word}")),
        "\nA hook answers:\n\n",
        &list(VERDICTS, same),
    ]
    .concat()
}

/// What `name` takes, if it is a word of ours.
pub(super) fn wants(name: &str) -> Option<&'static str> {
    let verdict = match name {
        "allow" => Some("nothing: it is an answer of hooks, and the rules are `read`, `write`, `exec` and so on"),
        "kill" => Some("nothing: it is an answer of hooks"),
        _ => None,
    };
    VERBS.iter().find(|verb| verb.name == name).map(|verb| verb.wants).or(verdict)
}

/// Arguments of one rule when all are strings; ten otherwise.
const MOST_STRINGS: usize = 40;
const MOST_MIXED: usize = 10;

/// What an allowing verb allows.
const fn allowed(verb: &str) -> Access {
    let look = Access::LOOK;
    match verb.as_bytes() {
        b"read" => look.union(Access::READ),
        b"write" => look.union(Access::WRITE).union(Access::CREATE).union(Access::DELETE),
        b"create" => look.union(Access::CREATE),
        b"delete" => look.union(Access::DELETE),
        b"exec" => look.union(Access::READ).union(Access::EXEC),
        _ => look,
    }
}

/// What a quick grant and its verb allow.
pub(super) fn granted(kind: super::source::GrantKind) -> (&'static str, Access) {
    use super::source::GrantKind;
    match kind {
        GrantKind::Read => ("read", allowed("read")),
        GrantKind::Write => ("write", allowed("write").union(Access::READ)),
        GrantKind::Exec => ("exec", allowed("exec")),
    }
}

/// Teaches `engine` the verbs; what they declare goes to `loader`.
pub(super) fn register(engine: &mut Engine, loader: &Arc<Loader>) {
    for verb in ["read", "look", "write", "create", "delete", "exec"] {
        paths(engine, loader, verb, Effect::Allow(allowed(verb)));
    }
    paths(engine, loader, "hide", Effect::Hide);
    deny(engine, loader);
    for (verb, allows) in [("connect", AddressUse::Connect), ("bind", AddressUse::Bind), ("listen", AddressUse::Listen)]
    {
        variadic(engine, verb, false, loader, move |loader, at, args| loader.addresses(at, verb, allows, args));
    }
    variadic(engine, "calls", false, loader, |loader, at, args| loader.calls(at, args));
    let to = loader.clone();
    engine.register_fn("default_deny", move |context: NativeCallContext<'_>, errno: Errno| -> Outcome {
        to.default_deny(context.call_position(), errno)
    });
    let to = loader.clone();
    engine.register_fn("include", move |context: NativeCallContext<'_>, name: ImmutableString| -> Outcome {
        include(&to, context.engine(), context.call_position(), &name)
    });
}

fn paths(engine: &mut Engine, loader: &Arc<Loader>, verb: &'static str, effect: Effect) {
    variadic(engine, verb, false, loader, move |loader, at, args| loader.paths(at, verb, effect, args));
}

/// `deny` is a verb with patterns, with an error and patterns, and the answer of a hook with an error alone.
fn deny(engine: &mut Engine, loader: &Arc<Loader>) {
    paths(engine, loader, "deny", Effect::Deny(None));
    variadic(engine, "deny", true, loader, |loader, at, args| match args {
        [errno, patterns @ ..] => match errno.clone().try_cast::<Errno>() {
            Some(errno) => loader.paths(at, "deny", Effect::Deny(Some(errno)), patterns),
            None => loader.paths(at, "deny", Effect::Deny(None), args),
        },
        [] => Ok(()),
    });
    engine.register_fn("deny", |errno: Errno| Ruling::new(Verdict::Deny(errno)));
}

/// Registers `verb` for every number of arguments: once for strings alone, which Rhai finds at once, and once for anything,
/// which it finds by trial. With `errno` the first of two or more arguments is an error number.
fn variadic(
    engine: &mut Engine,
    verb: &'static str,
    errno: bool,
    loader: &Arc<Loader>,
    declare: impl Fn(&Loader, rhai::Position, &[Dynamic]) -> Outcome + Send + Sync + Clone + 'static,
) {
    let (text, any) = (TypeId::of::<ImmutableString>(), TypeId::of::<Dynamic>());
    for (kind, most) in [(text, MOST_STRINGS), (any, MOST_MIXED)] {
        for count in 1 + usize::from(errno)..=most {
            if errno && kind == any {
                continue;
            }
            let mut types = vec![kind; count];
            if errno {
                types[0] = TypeId::of::<Errno>();
            }
            let (to, declare) = (loader.clone(), declare.clone());
            engine.register_raw_fn(
                verb,
                types,
                move |context: NativeCallContext<'_>, args: &mut [&mut Dynamic]| -> Outcome {
                    let args: Vec<Dynamic> = args.iter_mut().map(|arg| arg.take()).collect();
                    declare(&to, context.call_position(), &args)
                },
            );
        }
    }
}

/// The problem of a call with arguments that nothing takes.
pub(super) fn bad_argument(verb: &str, got: String) -> Problem {
    Problem::BadArgument { verb: verb.into(), wants: wants(verb).unwrap_or("something else"), got }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_verbs_imply() {
        assert_eq!(allowed("look"), Access::LOOK);
        assert_eq!(allowed("read"), Access::LOOK | Access::READ);
        assert_eq!(allowed("write"), Access::LOOK | Access::WRITE | Access::CREATE | Access::DELETE);
        assert_eq!(allowed("exec"), Access::LOOK | Access::READ | Access::EXEC);
    }
}
