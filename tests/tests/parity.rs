//! Every probe does under `nurse`, in every configuration, what it does natively.

use libtest_mimic::{Arguments, Trial};
use nurse_tests::suite::Case;
use nurse_tests::{Job, MATRIX, PRELOAD, Status};
use std::path::Path;
use std::process::ExitCode;

#[path = "parity/differences.rs"]
mod differences;

/// Probes that go through the preload door besides.
const PRELOADED: [&str; 6] =
    ["io.read_write", "memory.mappings", "handlers.segv", "startup.argv", "open.flags", "end.code"];

/// Probes of what is refused so far, by the start of their names.
const NOT_YET: [&str; 3] = ["threads.", "forking.", "sockets.named"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("parity: {error}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for case in cases()? {
        trials.push(case.native());
        let refused = NOT_YET.iter().any(|start| case.name.starts_with(start));
        trials.extend(MATRIX.iter().map(|config| if refused { case.refused(*config) } else { case.under(*config) }));
        if PRELOADED.contains(&case.name.as_str()) {
            trials.push(case.under(PRELOAD));
        }
    }
    Ok(trials)
}

/// The probes, as `probe --list` tells them: a name and how it ends (`0`, `7`, `signal 11`) on each line.
fn cases() -> Result<Vec<Case>, String> {
    let list = Job::new(nurse_tests::probe()?, ["--list"]).run().map_err(|error| error.to_string())?;
    if list.status != Status::Code(0) {
        return Err(format!("probe --list ended with {:?}: {}", list.status, list.complaints()));
    }
    list.text()
        .lines()
        .map(|line| {
            let (name, end) = line.split_once(' ').ok_or_else(|| format!("cannot read {line:?}"))?;
            let number = |text: &str| text.parse().map_err(|_| format!("no number in {line:?}"));
            let ends = match end.strip_prefix("signal ") {
                Some(signal) => Status::Signal(number(signal)?),
                None => Status::Code(number(end)?),
            };
            let probe = name.to_owned();
            Ok(Case { ends, expected: differences::expected, ..Case::new(name, move |scratch| job(&probe, scratch)) })
        })
        .collect()
}

fn job(name: &str, scratch: &Path) -> Result<Job, String> {
    let mut job = Job::new(nurse_tests::probe()?, [name]).at(scratch).input("some input\n");
    if name == "startup.argv" {
        job.args.extend(["", "two words", "\u{fc}"].map(Into::into));
        job.args.push("x".repeat(100_000).into());
        job.env.push(("PROBE".into(), "a=b c".into()));
    }
    Ok(job)
}
