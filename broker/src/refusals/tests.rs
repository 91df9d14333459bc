use super::*;

fn refusals(all: &[(&str, Errno)]) -> Refusals {
    let mut refusals = Refusals::default();
    for (what, errno) in all {
        refusals.add((*what).to_owned(), *errno, "no rule allows it".to_owned());
    }
    refusals
}

#[test]
fn the_summary_names_what_was_refused() {
    assert_eq!(refusals(&[]).summary(), None);
    let two = refusals(&[("open /secret/password", Errno::EPERM), ("connect 10.1.2.3:80", Errno::EPERM)]);
    let line = "2 calls refused (open /secret/password EPERM, connect 10.1.2.3:80 EPERM); see --explain";
    assert_eq!(two.summary().as_deref(), Some(line));
    let one = refusals(&[("open /a", Errno::ENOENT)]);
    assert_eq!(one.summary().as_deref(), Some("1 call refused (open /a ENOENT); see --explain"));
}

#[test]
fn the_summary_stays_short() {
    let many = refusals(&[
        ("open /a", Errno::EPERM),
        ("open /a", Errno::EPERM),
        ("open /b", Errno::EPERM),
        ("open /c", Errno::EPERM),
        ("open /d", Errno::EPERM),
        ("open /d", Errno::EPERM),
        ("open /e", Errno::EPERM),
    ]);
    let line = "7 calls refused (open /a EPERM x2, open /b EPERM, open /c EPERM and 3 more); see --explain";
    assert_eq!(many.summary().as_deref(), Some(line));
}

#[test]
fn a_flood_only_counts() {
    let mut refusals = Refusals::default();
    for number in 0..3000 {
        refusals.add(format!("open /{number}"), Errno::EPERM, String::new());
    }
    assert_eq!((refusals.list().len(), refusals.total()), (KEPT, 3000));
    assert!(refusals.summary().is_some_and(|line| line.contains("and 2997 more")));
}

#[test]
fn names_from_the_guest_cannot_steer_the_terminal() {
    let line = refusals(&[("open /x\x1b[2J\nnurse: all is well", Errno::EPERM)]);
    assert!(line.summary().is_some_and(|line| line.contains(r"open /x\x1b[2J\nnurse: all is well EPERM")));
    assert!(line.list()[0].explain().starts_with(r"refused open /x\x1b[2J\nnurse"));
    assert!(!line.list()[0].json().contains('\x1b'));
}

#[test]
fn an_explanation_has_the_rule_or_the_flag() {
    let add = |what: &str, why: &str| Refusal { what: what.into(), errno: Errno::EPERM, why: why.into(), count: 1 };
    let open = add("open /etc/shadow", "no rule allows it");
    assert_eq!(open.explain(), "refused open /etc/shadow EPERM: no rule allows it; `-r /etc/shadow` would allow it");
    let ruled = add("open /etc/shadow", "python.rhai:14:1 deny(\"/etc/**\")");
    assert_eq!(ruled.explain(), "refused open /etc/shadow EPERM: python.rhai:14:1 deny(\"/etc/**\")");
    assert_eq!(
        add("open /a b/it's", "no rule allows write, only look and read").hint().as_deref(),
        Some(r"-w '/a b/it'\''s'")
    );
    assert_eq!(add("open /a", "no rule allows read and create (mine.rhai)").hint().as_deref(), Some("-w /a"));
    assert_eq!(add("open /a", "no rule allows exec, only read").hint().as_deref(), Some("-x /a"));
    assert_eq!(add("unlink /a", "no rule allows it").hint().as_deref(), Some("-w /a"));
    assert_eq!(add("execve /bin/sh", "no rule allows it").hint().as_deref(), Some("-x /bin/sh"));
    assert_eq!(add("connect unix /run/x", "no rule allows it").hint(), None);
    assert_eq!(add("socket AF_INET", "no rule allows it").hint(), None);
}

#[test]
fn json_is_one_object_per_line() {
    let refusal =
        Refusal { what: "open /a\n".into(), errno: Errno::EACCES, why: "no rule allows it".into(), count: 10 };
    let line = refusal.json();
    assert!(!line.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&value["what"], &value["errno"], &value["count"]), (&"open /a\n".into(), &"EACCES".into(), &10.into()));
}

#[test]
fn repeats_are_told_ever_more_rarely() {
    let told: Vec<u64> = (0..=1000).filter(|count| is_power_of_ten(*count)).collect();
    assert_eq!(told, [1, 10, 100, 1000]);
}
