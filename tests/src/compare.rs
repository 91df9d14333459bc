//! Compares a native run with one under `nurse`.

use crate::{Outcome, Status};
use similar::TextDiff;
use std::fmt::Write;

/// Lines of a difference that are shown before it is cut.
const SHOWN: usize = 60;

/// `Ok` when both runs look the same to their caller.
///
/// # Errors
/// A description of every difference, with `nurse`'s own words below.
pub fn same(native: &Outcome, nurse: &Outcome) -> Result<(), String> {
    let mut report = String::new();
    let expected = wrapped_status(native.status);
    if nurse.status != expected {
        line(
            &mut report,
            &format!("status: native {:?}, so expected {expected:?}, got {:?}", native.status, nurse.status),
        );
    }
    stream(&mut report, "stdout", &native.stdout, &nurse.stdout);
    stream(&mut report, "stderr", &native.stderr, &nurse.stderr);
    let files = |outcome: &Outcome| outcome.files.join("\n").into_bytes();
    stream(&mut report, "files left behind", &files(native), &files(nurse));
    if nurse.leftover {
        line(&mut report, "something still held the output open well after the end: a process was left behind");
    }
    if report.is_empty() {
        return Ok(());
    }
    for note in &nurse.notes {
        line(&mut report, note);
    }
    Err(report)
}

/// The status that `nurse` ends with when its program ends with `native`: its own code, or 128+n for signal n.
#[must_use]
pub fn wrapped_status(native: Status) -> Status {
    match native {
        Status::Signal(signal) => Status::Code(128 + signal),
        other => other,
    }
}

fn stream(report: &mut String, name: &str, native: &[u8], nurse: &[u8]) {
    if native == nurse {
        return;
    }
    line(report, &format!("{name} differs (native {} bytes, under nurse {} bytes):", native.len(), nurse.len()));
    let (Ok(old), Ok(new)) = (str::from_utf8(native), str::from_utf8(nurse)) else {
        let same = native.iter().zip(nurse).take_while(|(one, other)| one == other).count();
        return line(report, &format!("  no text; the first {same} bytes are the same"));
    };
    let diff = TextDiff::from_lines(old, new).unified_diff().context_radius(2).header("native", "nurse").to_string();
    for text in diff.lines().take(SHOWN) {
        let cut: String = text.chars().take(300).collect();
        line(report, &cut);
    }
}

fn line(report: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(report, "{text}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use std::time::Duration;

    fn outcome(stdout: &str, status: Status) -> Outcome {
        let (stdout, stderr) = (stdout.as_bytes().to_vec(), Vec::new());
        Outcome { stdout, stderr, notes: Vec::new(), status, took: Duration::ZERO, leftover: false, files: Vec::new() }
    }

    #[test]
    fn a_signal_becomes_an_exit_code() {
        assert!(same(&outcome("a", Status::Signal(11)), &outcome("a", Status::Code(139))).is_ok());
        assert!(same(&outcome("a", Status::Signal(11)), &outcome("a", Status::Signal(11))).is_err());
    }

    #[test]
    fn every_difference_is_told() {
        let told = same(&outcome("a\nb\n", Status::Code(0)), &outcome("a\nc\n", Status::Code(1))).unwrap_err();
        assert!(told.contains("-b") && told.contains("+c") && told.contains("status"), "{told}");
    }
}
