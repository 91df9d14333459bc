//! What a command line means.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::CommandFactory;
use clap::error::ErrorKind;
use nurse::cli::{Cli, Command};
use nurse::options::{Engine, Entry, LogForm, RunOptions};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::parse_args(["nurse"].into_iter().chain(line.split_whitespace()).map(OsString::from))
}

/// The options of a run.
fn run(line: &str) -> RunOptions {
    let cli = parse(line).unwrap();
    assert!(cli.command.is_none(), "{line}: {:?}", cli.command);
    cli.run
}

fn words(options: &RunOptions) -> Vec<&str> {
    options.command.iter().map(|word| word.to_str().unwrap()).collect()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn with_and_without_dashes_it_runs() {
    assert_eq!(words(&run("ls")), ["ls"]);
    assert_eq!(words(&run("-- ls -l")), ["ls", "-l"]);
    assert_eq!(words(&run("-q ls -l")), ["ls", "-l"]);
    assert_eq!(words(&run("-q -- ls -- -l")), ["ls", "--", "-l"]);
}

#[test]
fn what_follows_the_program_is_the_programs() {
    let options = run("-r /a prog -r /b --explain --help --version doctor");
    assert_eq!(words(&options), ["prog", "-r", "/b", "--explain", "--help", "--version", "doctor"]);
    assert_eq!(options.read, ["/a"].map(std::path::PathBuf::from));
    assert!(!options.explain);
}

#[test]
fn a_program_named_like_a_command_needs_the_dashes() {
    assert!(matches!(parse("doctor").unwrap().command, Some(Command::Doctor { json: false })));
    assert_eq!(words(&run("-- doctor")), ["doctor"]);
    assert_eq!(words(&run("-- man man")), ["man", "man"]);
}

#[test]
fn all_flags_reach_the_options() {
    let options = run(
        "-p pdf -p ./own.rhai -r /r -w /w -w /w2 -x /x --entry audit --engine filter --explain --log json -q --cwd /d \
         --env A=b=c --env D= --clear-env --pass-fd 3 --pass-fd 9 -- prog",
    );
    assert_eq!(options.policies, ["pdf", "./own.rhai"]);
    assert_eq!((options.read.len(), options.write.len(), options.exec.len()), (1, 2, 1));
    assert_eq!((options.entry, options.engine, options.log), (Entry::Audit, Engine::Filter, LogForm::Json));
    assert!(options.explain && options.quiet && options.clear_env);
    assert_eq!(options.cwd.as_deref(), Some(std::path::Path::new("/d")));
    assert_eq!(options.pass_fds, [3, 9]);
    let environment = options.environment();
    assert_eq!(environment, [("A", "b=c"), ("D", "")].map(|(name, value)| (name.into(), value.into())));
}

#[test]
fn defaults_are_the_safe_ones() {
    let options = run("prog");
    assert_eq!((options.entry, options.engine, options.log), (Entry::Loader, Engine::Auto, LogForm::Text));
    assert_eq!(options.report(), None);
    assert_eq!(run("--explain prog").report(), Some(LogForm::Text));
    assert_eq!(run("--log json prog").report(), Some(LogForm::Json));
}

#[test]
fn set_variables_replace_inherited_ones() {
    let options = run("--env PATH=/only prog");
    let paths: Vec<_> = options.environment().into_iter().filter(|(name, _)| name == "PATH").collect();
    assert_eq!(paths, [("PATH".into(), "/only".into())]);
    assert!(options.environment().len() > 1);
}

#[test]
fn nonsense_is_refused() {
    let kind = |line: &str| parse(line).unwrap_err().kind();
    assert_eq!(kind("--bogus ls"), ErrorKind::UnknownArgument);
    assert_eq!(kind("-r"), ErrorKind::InvalidValue);
    assert_eq!(kind("--env =x ls"), ErrorKind::ValueValidation);
    assert_eq!(kind("--env x ls"), ErrorKind::ValueValidation);
    assert_eq!(kind("--pass-fd -1 ls"), ErrorKind::UnknownArgument);
    assert_eq!(kind("--pass-fd 99999999 ls"), ErrorKind::ValueValidation);
    assert_eq!(kind("--engine none ls"), ErrorKind::InvalidValue);
    assert_eq!(kind("check"), ErrorKind::MissingRequiredArgument);
}

#[test]
fn names_that_are_not_utf8_are_names() {
    let odd = OsStr::from_bytes(b"/a/\xff");
    let args =
        [OsStr::new("nurse"), OsStr::new("-r"), odd, OsStr::new("--env"), OsStr::from_bytes(b"A=\xfe"), odd, odd];
    let cli = Cli::parse_args(args.map(OsString::from)).unwrap();
    assert_eq!(cli.run.read, [odd]);
    assert_eq!(cli.run.command, [odd, odd]);
    assert_eq!(cli.run.env[0].value, OsStr::from_bytes(b"\xfe"));
}
