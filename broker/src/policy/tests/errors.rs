//! What is said of policies that do not load, word by word.

use super::*;

const VERBS: &str = "See `nurse check --verbs` for the list.";

fn error(text: &str) -> String {
    File::new(text).error()
}

#[test]
fn misspelt_verb() {
    let words = format!("test.rhai:2:3: no rule verb `raed`; did you mean `read`?\n  nothing was started. {VERBS}");
    assert_eq!(error("// x\n  raed(\"/x\");"), words);
    assert_eq!(
        error("frobnicate(1);"),
        format!("test.rhai:1:1: no rule verb `frobnicate`\n  nothing was started. {VERBS}")
    );
}

#[test]
fn misspelt_word_in_a_hook_is_found_at_load() {
    let text = "fn on_open(call) {\n  if call.write { alow() } else { deny(EPERM) }\n}";
    assert_eq!(
        error(text),
        format!("test.rhai:2:19: no rule verb `alow`; did you mean `allow`?\n  nothing was started. {VERBS}")
    );
}

#[test]
fn unknown_names() {
    let next = "See `nurse check --verbs` for the variables, errno(3) for the names of errors.";
    let words = |place: &str, name: &str, meant: &str| {
        format!(
            "test.rhai:{place}: no variable or constant `{name}`; did you mean `{meant}`?\n  nothing was started. {next}"
        )
    };
    assert_eq!(error("deny(EPREM, \"/x\");"), words("1:6", "EPREM", "EPERM"));
    assert_eq!(error("fn on_open(call) {\n  deny(EPREM)\n}"), words("2:8", "EPREM", "EPERM"));
    assert_eq!(error("read(\"${HOM}/x\");"), words("1:1", "HOM", "HOME"));
    assert_eq!(
        error("fn on_open(call) {\n  if call.pth.name == \"x\" { allow() } else { hide() }\n}"),
        words("2:11", "call.pth", "path")
    );
}

#[test]
fn bad_patterns() {
    let words = |problem: &str, pattern: &str, next: &str| {
        format!("test.rhai:1:1: {problem}: \"{pattern}\"\n  nothing was started. {next}")
    };
    let begin = "Begin it with / or with a variable such as ${CWD}.";
    assert_eq!(error("read(\"usr/lib\");"), words("the pattern is not an absolute path", "usr/lib", begin));
    assert_eq!(error("read(\"/ok\", \"\");"), words("the pattern is empty", "", begin));
    assert_eq!(
        error("read(\"/a/../b\");"),
        words(
            "the pattern has `.` or `..` as a component, which no resolved path has",
            "/a/../b",
            "Write the path that it leads to."
        )
    );
    assert_eq!(
        error("read(\"/a**\");"),
        words("`**` has to be a component of its own", "/a**", "Write /dir/** for all beneath, /dir/*.txt for names.")
    );
    let form = "Write tcp://host:port, udp://10.0.0.0/8:53, unix:/path or unix-abstract:name.";
    assert_eq!(error("connect(\"http://x\");"), words("the address has a form that is not known", "http://x", form));
}

#[test]
fn wrong_arguments() {
    let words = |words: &str| {
        format!("test.rhai:1:1: {words}\n  nothing was started. See `nurse check --verbs` for what each verb takes.")
    };
    assert_eq!(error("read(5);"), words("`read` takes path patterns (strings), not the number 5"));
    assert_eq!(error("read();"), words("`read` takes path patterns (strings), not nothing"));
    assert_eq!(error("read(\"/a\", #{});"), words("`read` takes path patterns (strings), not a map"));
    assert_eq!(error("hide(EPERM, \"/a\");"), words("`hide` takes path patterns (strings), not the error EPERM"));
    assert_eq!(
        error("default_deny(5);"),
        words("`default_deny` takes the name of an error such as EACCES, not a value of type i64")
    );
    let calls = "`calls` takes names of system calls, such as \"socket\" or \"socket:AF_UNIX SOCK_STREAM\", not \"sokcet\"; did you mean \"socket\"?";
    assert_eq!(error("calls(\"sokcet\");"), words(calls));
    let allow = "`allow` takes nothing: it is an answer of hooks, and the rules are `read`, `write`, `exec` and so on, not one argument";
    assert_eq!(error("allow(\"/a\");"), words(allow));
}

#[test]
fn deny_of_nothing() {
    let words = "test.rhai:1:1: `${SCRATCH}` has no value in this run, so this `deny` would protect nothing\n  \
                 nothing was started. Write `if SCRATCH != () { ... }` around it.";
    assert_eq!(error("deny(\"${SCRATCH}/x\");"), words);
    assert!(File::new("if SCRATCH != () { deny(\"${SCRATCH}/x\"); }").load().is_ok());
}

#[test]
fn missing_and_unreadable_files() {
    let unknown = Policy::load_from(&[Source::Name("pyhton".into())], &variables(), None).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "policy: no policy `pyhton`; did you mean `python`?\n  \
         nothing was started. `nurse policies` lists them; a file is given by a path with a / in it."
    );
    let file =
        |path: &Path| Policy::load_from(&[Source::File(path.into())], &variables(), None).unwrap_err().to_string();
    assert_eq!(
        file(Path::new("/nowhere/x.rhai")),
        "/nowhere/x.rhai: the policy cannot be read: No such file or directory\n  nothing was started. Check the path and its permissions."
    );
    assert_eq!(
        file(Path::new("/dev/zero")),
        "/dev/zero: a policy has to be a regular file\n  nothing was started. Name the file with the script in it."
    );
    assert_eq!(
        File::new(b"// caf\xE9").error(),
        "test.rhai: the policy is not UTF-8 text (byte 6)\n  \
         nothing was started. Save it as UTF-8; other bytes in a path are written \"\\\\xE9\"."
    );
    assert_eq!(
        error(&" ".repeat(1 << 21)),
        "test.rhai: the policy has 2097152 bytes\n  nothing was started. 1048576 bytes are the limit; is it a policy?"
    );
}

#[test]
fn includes() {
    let file = File::new("\ninclude(\"./a.rhai\");").beside("a.rhai", "include(\"./test.rhai\");");
    assert_eq!(
        file.error(),
        "a.rhai:1:1: `include` goes round in a circle: test.rhai -> a.rhai -> test.rhai\n  \
         nothing was started. Take one of these includes out."
    );
    assert_eq!(
        error("\ninclude(\"bse\");"),
        "test.rhai:2:1: no policy `bse`; did you mean `base`?\n  \
         nothing was started. `nurse policies` lists them; a file is given by a path with a / in it."
    );
    assert_eq!(
        error("include(\"./b.rhai\");"),
        "test.rhai:1:1: the policy cannot be read: b.rhai: No such file or directory\n  \
         nothing was started. Check the path and its permissions."
    );
    let file = File::new("include(\"./a.rhai\");").beside("a.rhai", "\n\nraed(\"/\");");
    assert!(file.error().starts_with("a.rhai:3:1: no rule verb `raed`"));
}

#[test]
fn bad_hooks() {
    let next = "nothing was started. The hooks are `on_open(call)` for paths and `on_call(call)` for other calls.";
    assert_eq!(
        error("\nfn on_opne(call) { allow() }"),
        format!("test.rhai:2: no hook `on_opne`; did you mean `on_open`?\n  {next}")
    );
    assert_eq!(
        error("fn on_open() { allow() }"),
        format!("test.rhai:1: `on_open` takes one argument, the call, not 0\n  {next}")
    );
}

#[test]
fn broken_and_endless_scripts() {
    assert!(error("read(\"/x\"\n").starts_with("test.rhai:2:"), "{}", error("read(\"/x\"\n"));
    assert_eq!(
        error("loop { }"),
        "test.rhai:1:6: the script takes too many steps\n  \
         nothing was started. A policy declares rules: look for a loop that does not end."
    );
    assert!(error("fn f(x) { f(x) } f(1);").contains("functions call each other too deeply"));
    assert!(error("let s = \"xxxxxxxx\"; loop { s += s; }").contains("a value grows too large"));
    assert!(error("let a = [1]; loop { a += a; }").contains("a value grows too large"));
    assert!(error("throw \"no\";").starts_with("test.rhai:1:1: no\n"), "{}", error("throw \"no\";"));
}

#[test]
fn a_caught_error_is_still_an_error() {
    assert!(
        error("try { deny(\"relative\"); } catch { }")
            .starts_with("test.rhai:1:7: the pattern is not an absolute path")
    );
    let file = File::new("try { include(\"./a.rhai\"); } catch { }").beside("a.rhai", "deny(\"/x\"");
    assert!(file.error().starts_with("a.rhai:1:"), "{}", file.error());
}

#[test]
fn scripts_can_only_compute() {
    for text in [
        "eval(\"1\")",
        "sleep(1)",
        "exit()",
        "timestamp()",
        "import \"x\" as x",
        "Fn(\"sleep\").call(1)",
        "Fn(\"exit\").call()",
        "Fn(\"eval\").call(\"1\")",
        "open_file(\"/x\")",
    ] {
        error(&format!("{text};"));
    }
}
