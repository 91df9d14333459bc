//! The command line: one definition, from which parsing, `--help`, the manual page and completions all come.

pub mod commands;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::options::RunOptions;

/// What help and manual page say beside the flags: a title, and lines that stay as they are.
pub const SECTIONS: &[(&str, &[&str])] = &[
    (
        "EXIT STATUS",
        &[
            "That of the program; 128+N if signal N ended it.",
            "125  nurse itself failed: nothing was run, or not to its end",
            "126  PROG was found and cannot be run",
            "127  PROG was not found",
        ],
    ),
    (
        "EXAMPLES",
        &[
            "nurse -- python3 script.py            run under the policy `default`",
            "nurse -p pdf -- pdftotext in.pdf -    run under a shipped policy",
            "nurse -w out -- tar -C out -xf x.tar  let it write to the folder out",
            "nurse --explain -- prog               print each refused call",
            "nurse -- doctor                       a program named like a command",
        ],
    ),
    (
        "ENVIRONMENT",
        &["RUST_LOG=debug shows what nurse does.", "NO_COLOR=1 turns colours off; only terminals get them."],
    ),
];

/// [`SECTIONS`] as `--help` prints them.
fn after_help() -> String {
    let section = |(title, lines): &(&str, &[&str])| format!("{title}:\n  {}", lines.join("\n  "));
    SECTIONS.iter().map(section).collect::<Vec<_>>().join("\n\n")
}

/// Run a program so that it can do nothing its policy does not allow
#[derive(Debug, Parser)]
#[command(name = "nurse", version = crate::broken::VERSION, after_long_help = after_help(), args_conflicts_with_subcommands = true)]
#[command(override_usage = "nurse [OPTIONS] [--] PROG [ARGS]...\n       nurse COMMAND")]
pub struct Cli {
    /// What to run, without a command.
    #[command(flatten)]
    pub run: RunOptions,

    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What nurse does besides running programs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what this host offers, what follows from it and what to do about gaps
    Doctor {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the policies that nurse comes with
    Policies,
    /// Load policies and say what is wrong with them
    Check {
        /// Policies, by name or file
        #[arg(value_name = "NAME|FILE", required_unless_present = "verbs")]
        policies: Vec<OsString>,
        /// List the words that a policy can use
        #[arg(long)]
        verbs: bool,
        /// Print one JSON object per policy
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (man -l /dev/stdin shows it)
    Man {
        /// The page of this command instead of nurse's own
        command: Option<String>,
        /// Write all pages into this folder
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        all: Option<PathBuf>,
    },
    /// Print the reference of system calls: who answers each, and its caveats
    Syscalls,
}

impl Cli {
    /// Parses arguments, the program's own name first.
    ///
    /// # Errors
    /// clap's error; help and version are among them.
    pub fn parse_args(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(args)
    }

    /// The error of a command line that names neither program nor command.
    #[must_use]
    pub fn nothing_to_run() -> clap::Error {
        Self::command().error(clap::error::ErrorKind::MissingRequiredArgument, "no program and no command given")
    }
}
