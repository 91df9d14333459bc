//! What rules decide.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::super::{Grant, GrantKind, Verdict};
use super::*;
use crate::call::Errno;

const READ: Access = Access::READ;

#[test]
fn deny_beats_hide_beats_allow_in_any_order() {
    let rules = ["read(\"/d/**\");", "hide(\"/d/**\");", "deny(\"/d/**\");"];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let text: String = order.iter().map(|&rule| rules[rule]).collect();
        assert_eq!(ask(&policy(&text), "/d/x", READ).verdict, Verdict::Deny(Errno::EPERM), "{text}");
    }
    assert_eq!(ask(&policy("hide(\"/d/**\"); read(\"/**\");"), "/d/x", READ).verdict, Verdict::Hide);
}

#[test]
fn reasons_name_the_rule() {
    let file = File::new("// x\n\n  deny(EACCES, \"/secret/**\");\nread(\"/d/**\");");
    let decision = ask(&file.load().unwrap(), "/secret/a", Access::LOOK);
    assert_eq!(decision.verdict, Verdict::Deny(Errno::EACCES));
    assert_eq!(decision.why, format!("{}:3:3 deny(\"/secret/**\")", file.path.display()));
    let policy = file.load().unwrap();
    assert_eq!(ask(&policy, "/other", READ).why, "no rule allows it");
    assert_eq!(ask(&policy, "/d/x", READ | Access::WRITE).why, "no rule allows write, only look and read");
    assert_eq!(ask(&policy, "/d/x", READ).why, "");
    let why = policy.explain(&asked("openat", Path::new("/d/x"), READ)).why;
    assert_eq!(why, format!("{}:4:1 read(\"/d/**\")", file.path.display()));
}

#[test]
fn components_are_whole_and_exact() {
    let policy = policy("read(\"/usr/lib/**\", \"/d/*.txt\", \"/n/*/end\");");
    for path in ["/usr/lib", "/usr/lib/a/b/c", "/d/.txt", "/d/a.txt", "/n/any/end", "/d/a\nb.txt"] {
        assert!(allowed(&policy, path, READ), "{path}");
    }
    for path in
        ["/usr/library", "/usr/Lib", "/usr/libx/a", "/d/a/b.txt", "/d/a.txt/x", "/n/end", "/n/a/b/end", "/d/a.TXT"]
    {
        assert!(!allowed(&policy, path, READ), "{path}");
    }
    let odd = Path::new(OsStr::from_bytes(b"/d/\xFF\n.txt"));
    assert_eq!(policy.path(&asked("openat", odd, READ)).verdict, Verdict::Allow);
}

#[test]
fn what_is_no_resolved_path_is_refused() {
    let policy = policy("read(\"/**\"); write(\"/**\"); exec(\"/**\");");
    assert!(allowed(&policy, "/", READ));
    for path in ["", "x", "/a/../b", "/a/./b", "/a//b", "/a/", "pipe:[1]", "anon_inode:[eventfd]"] {
        assert_eq!(ask(&policy, path, READ).verdict, Verdict::Deny(Errno::EPERM), "{path}");
    }
}

#[test]
fn the_way_to_an_allowed_place_may_be_looked_at_but_not_listed() {
    let policy =
        policy("read(\"/srv/deep/er/*.txt\"); deny(\"/srv/deep/no\"); hide(\"/srv/x/**\"); read(\"/srv/x/y\");");
    for path in ["/", "/srv", "/srv/deep", "/srv/deep/er"] {
        assert!(allowed(&policy, path, Access::LOOK), "{path}");
        assert!(!allowed(&policy, path, READ), "{path}");
    }
    assert!(!allowed(&policy, "/srv/other", Access::LOOK));
    assert_eq!(ask(&policy, "/srv/x", Access::LOOK).verdict, Verdict::Hide);
}

#[test]
fn verbs_imply_what_they_say() {
    let policy = policy(
        "look(\"/v/look\"); read(\"/v/read\"); write(\"/v/write\"); create(\"/v/create\"); delete(\"/v/delete\"); exec(\"/v/exec\");\
         read(\"/v/both\"); write(\"/v/both\");",
    );
    let all = [Access::LOOK, Access::READ, Access::WRITE, Access::CREATE, Access::DELETE, Access::EXEC];
    for (name, bits) in
        [("look", 0b1), ("read", 0b11), ("write", 0b11101), ("create", 0b1001), ("delete", 0b10001), ("exec", 0b100011)]
    {
        for access in all {
            let path = format!("/v/{name}");
            assert_eq!(
                allowed(&policy, &path, access),
                Access::from_bits_truncate(bits).contains(access),
                "{name} {access:?}"
            );
        }
    }
    assert!(allowed(&policy, "/v/both", Access::READ | Access::WRITE), "accesses of two rules add up");
}

#[test]
fn variables_stand_for_paths_not_for_patterns() {
    let policy =
        policy("read(\"${ARG_FILES}\"); write(SCRIPT_DIR); read(\"${SCRATCH}/**\", SCRATCH); read(`${CWD}/a`);");
    assert!(allowed(&policy, "/data/in.txt", READ));
    assert!(allowed(&policy, "/data/odd*name", READ));
    assert!(!allowed(&policy, "/data/oddXname", READ));
    assert!(allowed(&policy, "/data/project", Access::WRITE));
    assert!(!allowed(&policy, "/data/project/x", Access::WRITE));
    assert!(allowed(&policy, "/data/job/a", READ));
}

#[test]
fn links_in_the_fixed_part_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    std::fs::create_dir(top.join("real")).unwrap();
    std::os::unix::fs::symlink("real", top.join("link")).unwrap();
    let top = top.to_str().unwrap();
    let policy = policy(&format!("read(\"{top}/link/**\"); deny(\"{top}/link/no\");"));
    assert!(allowed(&policy, &format!("{top}/real/x"), READ));
    assert!(!allowed(&policy, &format!("{top}/real/no"), READ));
    assert!(allowed(&policy, &format!("{top}/link"), Access::LOOK));
}

#[test]
fn what_holds_something_refused_stays_where_it_is() {
    let policy = policy("write(\"/h/**\"); read(\"/h/**\"); deny(\"/h/me/.ssh/**\"); hide(\"/**/.env\");");
    let rename = |path| policy.path(&asked("renameat2", Path::new(path), Access::DELETE));
    assert_eq!(rename("/h/me").verdict, Verdict::Deny(Errno::EPERM));
    assert!(rename("/h/me").why.contains("would not hold any more"), "{:?}", rename("/h/me"));
    assert_eq!(rename("/h/me/file").verdict, Verdict::Allow);
    assert_eq!(rename("/h/you").verdict, Verdict::Allow, "/**/.env goes along");
    assert!(allowed(&policy, "/h/me", Access::DELETE), "an empty directory may be removed");
}

#[test]
fn all_policies_have_to_allow() {
    let (one, two) =
        (File::new("read(\"/a/**\", \"/b/**\");"), File::new("read(\"/b/**\", \"/c/**\"); default_deny(EACCES);"));
    let policy = Policy::load_from(&[one.source(), two.source()], &variables(), None).unwrap();
    assert!(allowed(&policy, "/b/x", READ));
    assert_eq!(ask(&policy, "/a/x", READ).verdict, Verdict::Deny(Errno::EACCES));
    assert_eq!(ask(&policy, "/c/x", READ).verdict, Verdict::Deny(Errno::EPERM));
    assert!(ask(&policy, "/a/x", READ).why.ends_with("test.rhai)"));
}

#[test]
fn no_policy_allows_nothing() {
    let policy = Policy::load_from(&[], &variables(), None).unwrap();
    assert_eq!(ask(&policy, "/", Access::LOOK).verdict, Verdict::Deny(Errno::EPERM));
    assert_eq!(policy.call("socket", "AF_UNIX").verdict, Verdict::Deny(Errno::EPERM));
    assert!(!policy.grants_subtree(Path::new("/"), Access::LOOK));
    assert!(allowed(&Policy::allow_everything(), "/x", Access::all()));
}

#[test]
fn quick_grants_add_to_the_last_policy_and_do_not_beat_its_denials() {
    let file = File::new("read(\"/a\"); deny(\"/g/no\");");
    let grant = |kind, path: &str| Grant { kind, path: path.into() };
    let grants = Source::Grants(vec![
        grant(GrantKind::Write, "/g"),
        grant(GrantKind::Read, "x*"),
        grant(GrantKind::Exec, "/bin/../e"),
    ]);
    let policy = Policy::load_from(&[file.source(), grants.clone()], &variables(), None).unwrap();
    assert!(allowed(&policy, "/g/new", Access::READ | Access::WRITE | Access::CREATE | Access::DELETE));
    assert!(allowed(&policy, "/g", Access::READ), "itself and all beneath");
    assert!(allowed(&policy, "/data/job/x*", READ) && !allowed(&policy, "/data/job/xy", READ), "no patterns");
    assert!(!allowed(&policy, "/g/no", READ));
    let alone = Policy::load_from(&[grants], &variables(), None).unwrap();
    assert!(allowed(&alone, "/g/no", READ) && !allowed(&alone, "/a", READ));
}

#[test]
fn subtrees() {
    let policy = policy("read(\"/usr/**\", \"/h/**\", \"/f\"); hide(\"/h/*/.ssh\"); write(\"/usr/local/**\");");
    let grants = |path: &str, access| policy.grants_subtree(Path::new(path), access);
    assert!(grants("/usr", READ) && grants("/usr/lib/x", READ));
    assert!(grants("/usr/local", READ | Access::WRITE) && !grants("/usr", Access::WRITE));
    assert!(!grants("/h", READ) && !grants("/h/me", READ), "a hide reaches in");
    assert!(grants("/h/me/src", READ), "it does not reach here");
    assert!(!grants("/f", READ) && !grants("/", READ) && !grants("/usr/../h", READ));
}

#[test]
fn calls_by_name_and_words() {
    let policy = policy("calls(\"socket:unix\", \"socketpair\");");
    assert_eq!(policy.call("socket", "AF_UNIX SOCK_STREAM").verdict, Verdict::Allow);
    assert_eq!(policy.call("socketpair", "").verdict, Verdict::Allow);
    assert!(policy.explain_call("socket", "AF_UNIX").why.ends_with("test.rhai:1:1 calls(\"socket:unix\")"));
    let refused = policy.call("socket", "AF_INET SOCK_STREAM");
    assert_eq!((refused.verdict, refused.why.as_str()), (Verdict::Deny(Errno::EPERM), "no rule allows it"));
}

#[test]
fn includes_bring_rules_once() {
    let file = File::new("include(\"./a.rhai\"); include(\"b.rhai\"); include(\"a.rhai\");")
        .beside("a.rhai", "include(\"b.rhai\"); read(\"/a\");")
        .beside("b.rhai", "read(\"/b\"); fn on_open(call) { allow() }");
    let policy = file.load().unwrap();
    assert_eq!(policy.layers[0].rules.len(), 2);
    assert!(allowed(&policy, "/a", READ) && allowed(&policy, "/b", READ));
    assert!(!allowed(&policy, "/c", READ), "the hook of an included file is not ours");
}

#[test]
fn policies_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Policy>();
}
