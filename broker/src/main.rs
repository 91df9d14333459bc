//! `nurse`: from the command line to an exit status. Alone prints errors.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use nurse::cli::commands::{self, CommandError};
use nurse::cli::{Cli, Command};
use nurse::options::{LogForm, RunOptions};
use nurse::supervise::Ended;
use nurse::{broken, doctor, job, message};

/// Bad system call.
const SIGSYS: i32 = 31;
/// Exit status when nurse itself fails, as env(1) has it.
const FAILED: u8 = 125;

fn main() -> ExitCode {
    start_log();
    broken::warn();
    ExitCode::from(match Cli::parse_args(std::env::args_os()) {
        Ok(Cli { command: Some(command), .. }) => command_status(command),
        Ok(Cli { run, command: None }) if run.command.is_empty() => usage(&Cli::nothing_to_run()),
        Ok(Cli { run, command: None }) => run_status(&run),
        Err(error) => usage(&error),
    })
}

/// Prints help, version or what is wrong with the command line.
fn usage(error: &clap::Error) -> u8 {
    // Nobody can be told when that fails.
    let _ = error.print();
    if error.use_stderr() { FAILED } else { 0 }
}

fn run_status(options: &RunOptions) -> u8 {
    let (ended, refusals) = match job::run(options) {
        Ok(done) => done,
        Err(error) => {
            message::tell(&error.to_string());
            return error.exit_code();
        }
    };
    if let Ended::Killed { violation: true, .. } = ended {
        message::tell(
            "a thread of the program made a system call past the sandbox, or ended itself; nurse ended the program",
        );
    }
    // What the filter engine, and the trustee's filter, end a program with; it can also have asked for it.
    if let Ended::Killed { signal: SIGSYS, .. } = ended {
        message::tell(
            "the program was ended by SIGSYS: a thread of it made a system call past the sandbox, unless it raised the signal",
        );
    }
    if !options.quiet
        && let Some(summary) = refusals.summary()
    {
        match options.log {
            LogForm::Text => message::tell(&summary),
            LogForm::Json => message::line(&refusals.summary_json()),
        }
    }
    job::exit_code(ended)
}

fn command_status(command: Command) -> u8 {
    let mut out = io::stdout().lock();
    let good = |()| true;
    let done = match command {
        Command::Doctor { json } => doctor(json, &mut out),
        Command::Policies => commands::policies(&mut out).map(good),
        Command::Check { policies, verbs, json } => commands::check(&policies, verbs, json, &mut out),
        Command::Completions { shell } => commands::completions(shell, &mut out).map(good),
        Command::Man { all: Some(folder), .. } => commands::man_all(&folder).map(good),
        Command::Man { command, .. } => commands::man(command.as_deref(), &mut out).map(good),
        Command::Syscalls => commands::syscalls(&mut out).map(good),
    };
    match done.and_then(|good| Ok(out.flush().map(|()| good)?)) {
        Ok(true) => 0,
        Ok(false) => 1,
        // Whoever read our output has seen enough: `nurse man | head`.
        Err(CommandError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => 0,
        Err(error) => {
            message::tell(&error.to_string());
            FAILED
        }
    }
}

fn doctor(json: bool, out: &mut dyn Write) -> Result<bool, CommandError> {
    let report = doctor::Report::make();
    let text = if json { report.json() } else { report.text() };
    writeln!(out, "{text}")?;
    Ok(report.can_run())
}

/// Logs what RUST_LOG asks for. Without timestamps: a thread that runs with the time stamp counter off must not read clocks.
fn start_log() {
    let _ = env_logger::Builder::from_default_env().format_timestamp(None).try_init();
}
