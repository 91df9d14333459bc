//! The compiled matcher against the plainest one that could be right, and how long it takes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::super::matcher::Matcher;
use super::super::pattern::{Component, Pattern};
use super::super::rules::{Effect, Rule};
use super::*;
use crate::policy::Place;

fn rule(effect: Effect, text: &str) -> Rule {
    let pattern = Pattern::parse(Path::new("/"), text).unwrap();
    Rule {
        place: Place::file("x"),
        verb: "x",
        text: Arc::from(text),
        varies: false,
        effect,
        pattern,
        real: None,
        links: Vec::new(),
    }
}

/// Whether a component matches, star by star, trying everything.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => name_matches(rest, name) || (!name.is_empty() && name_matches(pattern, &name[1..])),
        ([a, rest @ ..], [b, name @ ..]) => a == b && name_matches(rest, name),
        _ => false,
    }
}

fn path_matches(pattern: &[&[u8]], path: &[&[u8]]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        ([b"**", rest @ ..], _) => path_matches(rest, path) || (!path.is_empty() && path_matches(pattern, &path[1..])),
        ([a, rest @ ..], [b, path @ ..]) => name_matches(a, b) && path_matches(rest, path),
        _ => false,
    }
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect()
}

/// What the reference allows, refuses: (accesses, first deny, first hide).
fn reference(rules: &[(Effect, String)], path: &[u8]) -> (Access, Option<u32>, Option<u32>) {
    let path = split(path);
    let (mut allow, mut deny, mut hide) = (Access::empty(), None, None);
    for (id, (effect, text)) in (0..).zip(rules) {
        let pattern = split(text.as_bytes());
        let hit = path_matches(&pattern, &path);
        match effect {
            Effect::Allow(access) => {
                if hit {
                    allow |= *access;
                }
                let fixed: Vec<_> = pattern.iter().take_while(|part| !part.contains(&b'*')).collect();
                let way = fixed.len() >= path.len() && path.iter().zip(&fixed).all(|(a, b)| a == *b);
                if way && (path.len() < pattern.len()) {
                    allow |= Access::LOOK;
                }
            }
            Effect::Deny(_) if hit => _ = deny.get_or_insert(id),
            Effect::Hide if hit => _ = hide.get_or_insert(id),
            _ => {}
        }
    }
    (allow, deny, hide)
}

fn pattern_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![4 => "[ab]{1,2}", 2 => "(a|b|\\*b|a\\*|b\\*a|\\*a\\*)", 1 => Just("*".to_owned()), 2 => Just("**".to_owned())];
    prop::collection::vec(part, 0..6).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        6 => (0u8..64).prop_map(|bits| Effect::Allow(Access::from_bits_truncate(bits))),
        1 => Just(Effect::Deny(None)),
        1 => Just(Effect::Hide),
    ]
}

fn path_bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![6 => "[ab]{1,3}".prop_map(String::into_bytes), 1 => Just(b"\xFF\n".to_vec())];
    prop::collection::vec(part, 0..7).prop_map(|parts| [b"/".as_slice(), &parts.join(&b'/')].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn matcher_agrees_with_reference(
        rules in prop::collection::vec((effect(), pattern_text()), 0..12),
        paths in prop::collection::vec(path_bytes(), 1..12),
    ) {
        let compiled: Vec<_> = rules.iter().map(|(effect, text)| rule(*effect, text)).collect();
        let matcher = Matcher::new(&compiled);
        for path in paths {
            let said = matcher.say(Path::new(OsStr::from_bytes(&path))).unwrap();
            prop_assert_eq!((said.allow, said.deny, said.hide), reference(&rules, &path), "{:?}", String::from_utf8_lossy(&path));
        }
    }

    /// A subtree that is granted has nothing in it that is refused.
    #[test]
    fn granted_subtrees_hold_no_refusal(
        rules in prop::collection::vec((effect(), pattern_text()), 0..8),
        top in path_bytes(),
        below in prop::collection::vec(path_bytes(), 8),
        bits in 1u8..64,
    ) {
        let access = Access::from_bits_truncate(bits);
        let compiled: Vec<_> = rules.iter().map(|(effect, text)| rule(*effect, text)).collect();
        if Matcher::new(&compiled).allows_subtree(Path::new(OsStr::from_bytes(&top)), access) {
            for below in below {
                let path = [&top[..], b"/", &below[1..]].concat();
                let (allow, deny, hide) = reference(&rules, &path);
                prop_assert!(allow.contains(access) && deny.is_none() && hide.is_none());
            }
        }
    }

    /// If one pattern covers another, whatever matches the other matches it.
    #[test]
    fn covering_is_sound(wide in pattern_text(), narrow in pattern_text(), path in path_bytes()) {
        let parse = |text: &str| Pattern::parse(Path::new("/"), text).unwrap();
        if parse(&wide).covers(&parse(&narrow)) && path_matches(&split(narrow.as_bytes()), &split(&path)) {
            prop_assert!(path_matches(&split(wide.as_bytes()), &split(&path)));
        }
    }

    /// No script, however odd, does more than fail.
    #[test]
    fn odd_scripts_do_not_panic(text in "[ -~\n]{0,80}") {
        let _ = File::new(text).load();
    }

    /// No pattern text does more than fail, and none has dots left in it.
    #[test]
    fn odd_patterns_do_not_panic(text in "[/*.\\\\x2efF${}a\n]{0,20}") {
        if let Ok(pattern) = Pattern::parse(Path::new("/"), &text) {
            for component in pattern.components {
                prop_assert!(!matches!(component, Component::Literal(name) if matches!(&*name, b"" | b"." | b"..")));
            }
        }
    }
}

/// Prints how long decisions take; a number to look at, not a promise.
#[test]
fn timing() {
    let mut text = String::new();
    for number in 0..180 {
        text += &format!("read(\"/srv/tree{}/dir{}/sub*/**\");", number % 20, number);
    }
    text += "include(\"secrets\"); read(\"/usr/lib/python3*/**\", \"/**/*.py\"); hide(\"/**/.git/**\");";
    let began = Instant::now();
    let policy = policy(&text);
    println!("{} rules loaded in {:?}", policy.layers[0].rules.len(), began.elapsed());
    for path in [
        "/usr/lib/python3.11/site-packages/a/b/c/module.py",
        "/srv/tree3/dir3/sub1/x/y",
        "/nowhere/at/all",
        "/usr/lib/python3.11/os.py",
    ] {
        let rounds = 100_000;
        let began = Instant::now();
        for _ in 0..rounds {
            let _ = std::hint::black_box(ask(&policy, std::hint::black_box(path), Access::READ));
        }
        println!("{path}: {:?}", began.elapsed() / rounds);
    }
    let began = Instant::now();
    let default = Policy::load_from(&[Source::Name("default".into())], &variables(), None).unwrap();
    println!("default: {} rules loaded in {:?}", default.layers[0].rules.len(), began.elapsed());
    let hook = super::policy(
        "fn on_open(call) { if call.write && call.path.extension == \"log\" { allow() } else { deny(EACCES) } }",
    );
    let began = Instant::now();
    for _ in 0..10_000 {
        let _ = std::hint::black_box(ask(&hook, "/x/y.log", Access::WRITE));
    }
    println!("hook: {:?}", began.elapsed() / 10_000);
}
