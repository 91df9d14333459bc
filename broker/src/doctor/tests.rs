use std::path::Path;

use super::*;

#[test]
fn releases_are_read() {
    assert_eq!(features::version("6.18.44-fc-v657"), Some((6, 18)));
    assert_eq!(features::version("5.14"), Some((5, 14)));
    assert_eq!(features::version("5.4.0-150-generic"), Some((5, 4)));
    assert_eq!(features::version("strange"), None);
}

#[test]
fn proc_files_are_read() {
    assert_eq!(host::seccomp_mode("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"), Some("2"));
    assert_eq!(host::seccomp_mode("Name:\tx\n"), None);
    assert_eq!(host::own_cgroup("1:x:/y\n0::/a/b\n").as_deref(), Some(Path::new("/sys/fs/cgroup/a/b")));
    assert_eq!(host::own_cgroup("1:x:/y\n"), None);
}

#[test]
fn every_gap_has_advice_and_every_name_is_there_once() {
    let report = Report::make();
    assert_eq!(report.checks().len(), REQUIRED.len() + WELCOME.len());
    for check in report.checks() {
        assert_eq!(check.state == State::Good, check.advice.is_empty(), "{check:?}");
        assert_eq!(report.checks().iter().filter(|other| other.name == check.name).count(), 1, "{check:?}");
    }
    assert_eq!(require().is_ok(), report.can_run());
}

#[test]
fn the_report_has_a_line_for_each_check_in_both_forms() {
    let report = Report::make();
    assert_eq!(report.text().lines().count(), report.checks().len() + 1);
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    assert_eq!(json["checks"].as_array().map(Vec::len), Some(report.checks().len()));
    assert_eq!(json["can_run"], report.can_run());
}

#[test]
fn what_is_missing_is_named() {
    let missing = Missing(vec![Check::missing("kernel", "Linux 4.9", "nurse needs 5.14 or newer")]);
    let text = missing.to_string();
    assert!(text.contains("kernel: Linux 4.9; nurse needs 5.14 or newer"), "{text}");
    assert!(text.contains("nothing was started"), "{text}");
}

#[test]
fn an_engine_that_is_asked_for_is_an_engine_that_works() {
    assert_eq!(engine(Engine::Filter), Ok(launch::Engine::Filter));
    let strict = sys::try_in_child(sys::Trial::Strict).is_ok();
    assert_eq!(engine(Engine::Strict).is_ok(), strict);
    assert_eq!(engine(Engine::Auto), Ok(if strict { launch::Engine::Strict } else { launch::Engine::Filter }));
}
