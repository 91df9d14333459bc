//! Real programs do on real input under `nurse`, in every configuration, what they do natively.

use libtest_mimic::{Arguments, Trial};
use nurse_tests::fixture::{self, Linking};
use nurse_tests::suite::Case;
use nurse_tests::{Account, Config, Entry, Job, MATRIX, PRELOAD, Status, require};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[path = "programs/list.rs"]
mod list;
use list::{PROGRAMS, Program};

/// Programs that need what is refused so far, by the start of their names.
const NOT_YET: [&str; 5] = ["threads.fzf", "threads.python3", "threads.xz", "threads.zstd", "children."];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for program in PROGRAMS {
        let case = installed(program);
        trials.push(case.native());
        let refused = NOT_YET.iter().any(|start| program.name.starts_with(start));
        trials.extend(MATRIX.iter().map(|config| if refused { case.refused(*config) } else { case.under(*config) }));
        if ["python3.modules", "pdftotext", "ls.recursive"].contains(&program.name) {
            trials.push(case.under(PRELOAD));
        }
    }
    for linking in [Linking::Static, Linking::StaticPie, Linking::Musl, Linking::Fixed] {
        trials.extend(linked(linking));
    }
    if let Some(python) = pyenv() {
        let case = Case::new("python3.pyenv", move |scratch| {
            let inputs = fixture::inputs()?;
            let script = include_str!("programs/modules.py");
            let (db, json) = (inputs.join("data.db"), inputs.join("data.json"));
            let job = Job::new(&python, ["-c".as_ref(), script.as_ref(), db.as_os_str(), json.as_os_str()]);
            // It lies in a home directory that nobody else can enter.
            Ok(Job { account: Account::Own, ..job.at(scratch) })
        });
        trials.push(case.native());
        trials.extend(MATRIX.iter().map(|config| case.under(*config)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A case for a program of the distribution.
fn installed(program: &'static Program) -> Case {
    let case = Case::new(program.name, |scratch| {
        let inputs = fixture::inputs()?;
        let fill = |text: &str| {
            text.replace("IN/", &format!("{}/", inputs.display())).replace("OUT", &scratch.display().to_string())
        };
        for name in program.copies {
            let copy = scratch.join(name);
            let done = fs::copy(inputs.join(name), &copy);
            done.and_then(|_| fs::set_permissions(&copy, fs::Permissions::from_mode(0o666)))
                .map_err(|error| error.to_string())?;
        }
        let (command, args) = program.command.split_first().ok_or("no command")?;
        let job = Job::new(require(command)?, args.iter().map(|arg| fill(arg))).at(scratch).input(program.stdin);
        Ok(Job { limit: Duration::from_secs(60), ..job })
    });
    Case { ends: Status::Code(program.code), ..case }
}

/// Trials of the C test program, linked as asked: without a dynamic linker only the loader can serve it.
fn linked(linking: Linking) -> Vec<Trial> {
    let name = format!("hello.{linking:?}").to_lowercase();
    let case = Case::new(name.clone(), move |scratch: &Path| {
        Ok(Job::new(fixture::hello(linking)?, ["one", ""]).at(scratch).input("a line\n"))
    });
    let case = Case { ends: Status::Code(7), ..case };
    let mut trials = vec![case.native()];
    for config in MATRIX {
        if linking == Linking::Fixed || config.entry == Entry::Loader {
            trials.push(case.under(config));
        } else {
            trials.push(Trial::test(format!("{config}/{name}.refused"), move || Ok(refused(linking, config)?)));
        }
    }
    trials
}

/// A static program ignores LD_AUDIT, so it must not be started at all, and the user be told what to do.
fn refused(linking: Linking, config: Config) -> Result<(), String> {
    let job = config.wrap(&Job::new(fixture::hello(linking)?, ["one"]), &[])?;
    let seen = job.run().map_err(|error| error.to_string())?;
    let told = seen.complaints();
    if seen.status != Status::Code(125) || !seen.stdout.is_empty() {
        return Err(format!("expected a refusal with 125, got {:?}: {}{told}", seen.status, seen.text()));
    }
    if told.contains("static") && told.contains("--entry") {
        Ok(())
    } else {
        Err(format!("the refusal should say that the program is static and what to do about --entry; it says:\n{told}"))
    }
}

/// The newest Python that pyenv has built, where there is one: an installation outside the system's directories.
fn pyenv() -> Option<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT")?;
    let versions = fs::read_dir(Path::new(&root).join("versions")).ok()?;
    versions.flatten().map(|entry| entry.path().join("bin/python3")).filter(|path| path.exists()).max()
}
