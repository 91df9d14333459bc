//! What hooks decide, and what becomes of a hook that fails.

use super::super::Verdict;
use super::*;
use crate::call::Errno;

fn hook(body: &str) -> Policy {
    policy(&format!(
        "default_deny(EACCES); read(\"/rule/**\"); deny(\"/no/**\"); const LOGS = \"/var/log\";\nfn on_open(call) {{\n{body}\n}}"
    ))
}

fn verdict(body: &str, path: &str) -> Verdict {
    ask(&hook(body), path, Access::READ).verdict
}

#[test]
fn hooks_decide_what_rules_leave_open() {
    assert_eq!(verdict("hide()", "/rule/x"), Verdict::Allow);
    assert_eq!(verdict("allow()", "/no/x"), Verdict::Deny(Errno::EACCES));
    assert_eq!(verdict("allow().audit()", "/x"), Verdict::Allow);
    assert_eq!(verdict("deny(EROFS).audit()", "/x"), Verdict::Deny(Errno::EROFS));
    assert_eq!(verdict("hide()", "/x"), Verdict::Hide);
    assert_eq!(verdict("kill()", "/x"), Verdict::Kill);
    let why = ask(&hook("hide()"), "/x", Access::READ).why;
    assert!(why.starts_with("no rule allows it; /") && why.ends_with("test.rhai on_open hides it"), "{why}");
}

#[test]
fn calls_and_paths_are_typed() {
    for test in [
        "call.name == \"openat\"",
        "call.read && !call.write && !call.create && !call.delete && !call.exec && !call.look",
        "call.path == \"/var/log/app/x.log\" && call.path.name == \"x.log\" && call.path.extension == \"log\"",
        "call.path.parent.name == \"app\" && call.path.parent.parent == LOGS",
        "call.path.starts_with(LOGS) && call.path.starts_with(\"/var/\") && !call.path.starts_with(\"/var/lo\")",
        "!call.path.starts_with(HOME) && !call.path.starts_with(call.path.name)",
        "(call.flags & O_APPEND) == 0 && call.mode == 0 && call.what == \"\"",
        "ARG_FILES.len() == 2 && SCRATCH == () && `${ARG_FILES[1]}` == \"/data/odd\\\\*name\"",
        "\"/\" + call.path.name == \"/x.log\" && EWOULDBLOCK == EAGAIN && EPERM != EACCES",
    ] {
        let body = format!("if {test} {{ allow() }} else {{ hide() }}");
        assert_eq!(verdict(&body, "/var/log/app/x.log"), Verdict::Allow, "{test}");
    }
}

#[test]
fn a_failing_hook_refuses() {
    for body in [
        "1 / 0; allow()",
        "loop { }",
        "throw \"x\"; allow()",
        "true",
        "",
        "\"allow\"",
        "read(\"/x\"); allow()",
        "deny(\"/x\"); allow()",
        "include(\"base\"); allow()",
        "call.path = 5; allow()",
        "let s = \"xxxxxxxx\"; for i in 0..20 { s += s; } allow()",
        "on_open(call)",
        "deny(5)",
    ] {
        let decision = ask(&hook(body), "/x", Access::READ);
        assert_eq!(decision.verdict, Verdict::Deny(Errno::EACCES), "{body}");
        assert!(decision.why.contains("test.rhai") && decision.why.contains("on_open"), "{body}: {decision:?}");
    }
    let why = ask(&hook("let x = allow();"), "/x", Access::READ).why;
    assert!(
        why.ends_with("test.rhai:2: `on_open` has to answer allow(), deny(ERRNO), hide() or kill(), not nothing"),
        "{why}"
    );
    let why = ask(&hook("let n = 0; loop { n += 1; }"), "/x", Access::READ).why;
    assert!(why.ends_with("test.rhai:2: `on_open`: the script takes too many steps"), "{why}");
    let why = ask(&hook("throw \"no\""), "/x", Access::READ).why;
    assert!(why.ends_with("test.rhai:3:1: `on_open`: no"), "{why}");
}

#[test]
fn on_call_decides_about_calls() {
    let policy = policy(
        "fn on_call(call) { if call.name == \"socket\" && call.what.contains(\"AF_UNIX\") && call.path == () { allow() } else { deny(EAFNOSUPPORT) } }",
    );
    assert_eq!(policy.call("socket", "AF_UNIX SOCK_STREAM").verdict, Verdict::Allow);
    assert_eq!(policy.call("socket", "AF_INET SOCK_STREAM").verdict, Verdict::Deny(Errno::EAFNOSUPPORT));
    assert_eq!(ask(&policy, "/x", Access::READ).verdict, Verdict::Deny(Errno::EPERM));
}
