//! What `nurse check` finds.

use super::super::lint;
use super::*;

fn findings(file: &File) -> Vec<String> {
    let findings = lint::check(&file.source(), &variables(), None).unwrap();
    let folder = format!("{}/", file.path.parent().unwrap().display());
    findings.iter().map(|finding| finding.to_string().replace(&folder, "")).collect()
}

fn found(text: &str) -> Vec<String> {
    findings(&File::new(text))
}

#[test]
fn a_good_policy_has_none() {
    assert_eq!(
        found("include(\"base\"); read(\"/usr/share/**\"); write(\"${HOME}/out/**\"); deny(\"/usr/share/doc/**\");"),
        [""; 0]
    );
}

#[test]
fn shipped_policies_have_none() {
    for listed in crate::policy::policies().iter().filter(|listed| listed.path.is_none()) {
        let findings = lint::check(&Source::Name(listed.name.clone()), &Variables::for_check(), None).unwrap();
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(findings, [""; 0], "{}", listed.name);
    }
}

#[test]
fn slips_are_found() {
    assert_eq!(
        found("read(\"/usr/lib/**\");\ndeny(\"/usr/**\");"),
        ["test.rhai:1:1: read(\"/usr/lib/**\") has no effect: test.rhai:2:1 deny(\"/usr/**\") refuses all of it"]
    );
    assert_eq!(
        found("exec(\"/usr/**\");\nread(\"/usr/lib/**\");"),
        ["test.rhai:2:1: read(\"/usr/lib/**\") says nothing new: see test.rhai:1:1 exec(\"/usr/**\")"]
    );
    assert_eq!(
        found("write(\"/**\");"),
        ["test.rhai:1:1: write(\"/**\") opens every file system to change; name the folder that the program writes to"]
    );
    assert!(found("write(\"${HOME}/**\");")[0].contains("the whole home directory"));
    assert!(found("write(\"/etc/**\");")[0].contains("a whole system directory"));
    assert_eq!(
        found("read(\"/usr/nowhere/x/**\");"),
        ["test.rhai:1:1: /usr/nowhere does not exist here, so read(\"/usr/nowhere/x/**\") matches nothing yet"]
    );
    assert_eq!(
        found("read(\"/usr/lib\");"),
        [
            "test.rhai:1:1: \"/usr/lib\" is a directory: the rule is about itself alone, \"/usr/lib/**\" about all beneath it too"
        ]
    );
    assert_eq!(
        found("read(\"/usr/lib/*.?\");"),
        ["test.rhai:1:1: `?` in \"/usr/lib/*.?\" stands for itself; only `*` and `**` are special"]
    );
    assert_eq!(
        found("read(\"${SCRATCH}/x\");"),
        ["test.rhai:1:1: `SCRATCH` has no value here, so the rule allows nothing"]
    );
}

#[test]
fn hooks_of_includes_are_told_of() {
    let file = File::new("include(\"./a.rhai\");").beside("a.rhai", "fn on_open(call) { allow() }");
    assert!(findings(&file)[0].starts_with("test.rhai:1:1: the included policy has a hook `on_open`"));
}
