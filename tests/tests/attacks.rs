//! Attacks: each fails with its guards in place, and is seen to succeed where they are left out.
//!
//! Every row of [`table::ROWS`] becomes these trials, under both engines:
//!
//! - `CONFIG/ATTACK`: nurse as it is. No breach, the end that is due, host and broker unharmed. Through all doors.
//! - `unguarded/CONFIG/ATTACK`: a nurse built with the feature `break-guards`, told to leave out all guards of the row: the attack
//!   succeeds, so the first trial can fail.
//! - `only-GUARD/CONFIG/ATTACK`: all of them left out but one: it holds alone. That is what defence in depth means.

#[path = "attacks/broken.rs"]
mod broken;
#[path = "attacks/hosts.rs"]
mod hosts;
#[path = "attacks/stage.rs"]
mod stage;
#[path = "attacks/table.rs"]
mod table;

use libtest_mimic::{Arguments, Failed, Trial};
use nurse_tests::{Config, Engine, Entry, MATRIX, Outcome, PRELOAD, Status};
use stage::Stage;
use std::process::ExitCode;
use table::{Breach, End, ROWS, Row};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = hosts::trials();
    for row in ROWS {
        for config in MATRIX.into_iter().chain([PRELOAD]) {
            trials.push(trial(format!("{config}/{}", row.attack), move || guarded(row, config)));
        }
        if row.guards.is_empty() {
            continue;
        }
        for config in MATRIX.into_iter().filter(|config| config.entry == Entry::Loader) {
            trials.push(trial(format!("unguarded/{config}/{}", row.attack), move || unguarded(row, config)));
            for &left in row.guards.iter().filter(|_| row.guards.len() > 1 || !row.with.is_empty()) {
                let name = format!("only-{left}/{config}/{}", row.attack);
                trials.push(trial(name, move || only(row, config, left)));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

/// nurse as users have it.
fn guarded(row: &Row, config: Config) -> Result<(), String> {
    let stage = Stage::new(row)?;
    let seen = stage.run(&nurse_tests::nurse()?, config, row, &[])?;
    no_breach(&seen)?;
    let due = match (row.end, config.engine) {
        (End::Alive, _) => Status::Code(0),
        (End::Confined, Engine::Strict) | (End::Dead, _) => Status::Code(137),
        (End::Confined, Engine::Filter) => Status::Code(128 + 31),
        (End::Signal(signal), _) => Status::Code(128 + signal),
    };
    // A word of nurse's is due where it was nurse that ended the program.
    let silent = due == Status::Code(137) && !seen.notes.iter().any(|note| note.contains("nurse ended the program"));
    let alive = seen.text().lines().last() == Some("alive");
    if seen.status != due || silent || alive != (row.end == End::Alive) {
        return Err(told(
            &seen,
            &format!("ends with {:?}, not {due:?} (alive: {alive}, silent: {silent})", seen.status),
        ));
    }
    if !seen.text().contains("held: ") {
        return Err(told(&seen, "tried nothing"));
    }
    stage.unharmed().map_err(|harm| told(&seen, &harm))
}

/// All guards of the row left out.
fn unguarded(row: &Row, config: Config) -> Result<(), String> {
    let stage = Stage::new(row)?;
    let broken = [row.guards, row.with].concat();
    let seen = stage.run(&broken::nurse()?, config, row, &broken)?;
    let breached = match row.breach {
        Breach::Told => seen.text().contains("BREACHED: "),
        Breach::Hang => seen.status == Status::TimedOut,
        Breach::Harm => stage.unharmed().is_err(),
        Breach::Note(text) => {
            String::from_utf8_lossy(&seen.stderr).contains(text) || seen.notes.join("\n").contains(text)
        }
    };
    if breached {
        Ok(())
    } else {
        Err(told(&seen, &format!("without {broken:?} it still fails: is it an attack at all?")))
    }
}

/// All guards of the row left out but one. Only the breach counts: how the guest ends is that one guard's affair.
fn only(row: &Row, config: Config, left: &str) -> Result<(), String> {
    let stage = Stage::new(row)?;
    let broken: Vec<&str> =
        row.guards.iter().copied().filter(|guard| *guard != left).chain(row.with.iter().copied()).collect();
    let seen = stage.run(&broken::nurse()?, config, row, &broken)?;
    no_breach(&seen)?;
    if let Status::TimedOut | Status::Code(64) = seen.status {
        return Err(told(&seen, "did not end by itself"));
    }
    stage.unharmed().map_err(|harm| told(&seen, &harm))
}

fn no_breach(seen: &Outcome) -> Result<(), String> {
    if seen.text().contains("BREACHED: ") {
        return Err(told(seen, "the attack succeeded"));
    }
    if seen.leftover {
        return Err(told(seen, "something still holds its output open: a process was left behind"));
    }
    Ok(())
}

/// A finding, with the last of what the attack and nurse said.
fn told(seen: &Outcome, finding: &str) -> String {
    let text = seen.text();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(12)..].join("\n  ");
    format!("{finding}\n  {last}\n{}\n{:?}", seen.complaints(), seen.status)
}
