//! The commands that print something and end.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, SECTIONS};
use crate::message::shown;
use crate::policy::{self, Policy, Source, Variables};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Standard output or a file cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// `nurse man X` for an unknown X.
    #[error("no command `{}`; see `nurse --help`", shown(.0))]
    NoSuchCommand(String),
}

/// Prints the completion script for a shell.
///
/// # Errors
/// If `out` cannot be written to.
pub fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Result<(), CommandError> {
    // The generator panics when writing fails: give it memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nurse", &mut script);
    Ok(out.write_all(&script)?)
}

/// Prints the manual page of nurse or of one of its commands.
///
/// # Errors
/// If there is no such command, or `out` cannot be written to.
pub fn man(command: Option<&str>, out: &mut dyn Write) -> Result<(), CommandError> {
    let nurse = built();
    let Some(name) = command else { return main_page(nurse, out) };
    let found = nurse.get_subcommands().find(|known| known.get_name() == name).cloned();
    let found = found.ok_or_else(|| CommandError::NoSuchCommand(name.to_owned()))?;
    Ok(page(found).render(out)?)
}

/// Writes `nurse.1` and a page for each command.
///
/// # Errors
/// If the folder or a file cannot be written.
pub fn man_all(folder: &Path) -> Result<(), CommandError> {
    std::fs::create_dir_all(folder)?;
    let nurse = built();
    for command in nurse.get_subcommands() {
        let mut file = std::fs::File::create(folder.join(format!("nurse-{}.1", command.get_name())))?;
        page(command.clone()).render(&mut file)?;
    }
    main_page(nurse, &mut std::fs::File::create(folder.join("nurse.1"))?)
}

/// The definition with what derives from it: a subcommand's full name for one.
fn built() -> clap::Command {
    let mut nurse = Cli::command().disable_help_subcommand(true);
    nurse.build();
    nurse
}

/// nurse's own page: the sections behind the flags as sections of their own.
fn main_page(nurse: clap::Command, out: &mut dyn Write) -> Result<(), CommandError> {
    page(nurse.after_long_help(None::<&str>).after_help(None::<&str>)).render(out)?;
    let mut roff = Roff::new();
    for (title, lines) in SECTIONS {
        roff.control("SH", [*title]).control("nf", []);
        for line in *lines {
            roff.text([roman(*line)]);
        }
        roff.control("fi", []);
    }
    Ok(roff.to_writer(out)?)
}

fn page(command: clap::Command) -> clap_mangen::Man {
    // No date: the same source gives the same page.
    let command = command.version(env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command)
        .section("1")
        .manual("User Commands")
        .source(concat!("nurse ", env!("CARGO_PKG_VERSION")))
}

/// Lists the policies that `-p` knows by name.
///
/// # Errors
/// If `out` cannot be written to.
pub fn policies(out: &mut dyn Write) -> Result<(), CommandError> {
    let known = policy::policies();
    let width = known.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    for one in known {
        let place = one.path.as_deref().map_or_else(String::new, |path| format!(" ({})", shown(path)));
        writeln!(out, "{:width$}  {}{place}", shown(&one.name), shown(&one.summary))?;
    }
    Ok(())
}

/// Loads policies and prints what is wrong with them; true if nothing is.
///
/// # Errors
/// If `out` cannot be written to.
pub fn check(policies: &[OsString], verbs: bool, json: bool, out: &mut dyn Write) -> Result<bool, CommandError> {
    if verbs {
        out.write_all(policy::reference().as_bytes())?;
        return Ok(true);
    }
    let mut good = true;
    let variables = Variables::for_check();
    for given in policies {
        let (kind, words) = match Policy::check(&Source::parse(given), &variables) {
            Ok(findings) => ("finding", findings.iter().map(ToString::to_string).collect()),
            Err(error) => ("error", vec![error.to_string()]),
        };
        good &= words.is_empty();
        for words in &words {
            match json {
                true => writeln!(
                    out,
                    "{}",
                    serde_json::json!({ "policy": given.to_string_lossy(), "kind": kind, "words": words })
                )?,
                false => writeln!(out, "{words}")?,
            }
        }
        if words.is_empty() && !json {
            writeln!(out, "{}: good", shown(given))?;
        }
    }
    Ok(good)
}

/// Prints the reference of system calls.
///
/// # Errors
/// If `out` cannot be written to.
pub fn syscalls(out: &mut dyn Write) -> Result<(), CommandError> {
    Ok(out.write_all(crate::syscalls::reference::syscalls_markdown().as_bytes())?)
}
