//! Why a program could not be started, with the exit status that says so.

use std::io;
use std::path::PathBuf;

use crate::elf::ElfError;
use crate::message::shown;

/// Why a program was not found, or cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No such file in any folder of PATH.
    #[error(
        "{}: no such program in PATH ({})\n  nothing was started. Give its path (./{}), or set PATH.",
        shown(prog),
        shown(path),
        shown(prog)
    )]
    NotInPath {
        /// What was looked for.
        prog: PathBuf,
        /// Where.
        path: PathBuf,
    },
    /// The path, or the path of an interpreter, leads nowhere.
    #[error("{}: {what} not there ({error})\n  nothing was started.", shown(path))]
    NotThere {
        /// What was looked for.
        path: PathBuf,
        /// What it is to the program: `the program is`.
        what: Role,
        /// The kernel's word.
        error: io::Error,
    },
    /// It is there, and may not be executed or is no regular file.
    #[error("{}: {what} not to be executed: {why}\n  nothing was started.", shown(path))]
    Denied {
        /// The file.
        path: PathBuf,
        /// What it is to the program.
        what: Role,
        /// The reason.
        why: String,
    },
    /// The kernel would run it; nurse has to read it first.
    #[error("{}: can be executed but not read; nurse reads a program before it runs it\n  nothing was started. \
        Make it readable (chmod u+r), or run a copy that is.", shown(.0))]
    Unreadable(PathBuf),
    /// The ELF file is unfit.
    #[error("{}: {}\n  nothing was started.", shown(path), elf_problem(*what, error))]
    Elf {
        /// The file.
        path: PathBuf,
        /// What it is to the program.
        what: Role,
        /// What is wrong with it.
        #[source]
        error: ElfError,
    },
    /// A `#!` line that names nothing, or is too long.
    #[error("{}: its #! line {why}\n  nothing was started. Write the interpreter's full path there.", shown(path))]
    Script {
        /// The script.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// Scripts whose interpreters are scripts, too deep.
    #[error("{}: interpreters of interpreters, more than {depth} deep\n  nothing was started.", shown(path))]
    TooDeep {
        /// The file that was one too many.
        path: PathBuf,
        /// The limit.
        depth: usize,
    },
    /// A dynamic linker with a will of its own.
    #[error("{}: the dynamic linker is not position-independent from address 0\n  nothing was started.", shown(.0))]
    LinkerFixed(PathBuf),
}

/// What a file is to the program that is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The program itself, as named by the user.
    Program,
    /// Named in a script's `#!` line.
    ScriptInterpreter,
    /// Named in PT_INTERP.
    Linker,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Program => "the program is",
            Self::ScriptInterpreter => "the interpreter that the script asks for is",
            Self::Linker => "the dynamic linker that the program asks for is",
        })
    }
}

impl LaunchError {
    /// The exit status for it, as env(1): 127 for what is not there, 126 for what is and cannot be run.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotInPath { .. } | Self::NotThere { .. } => 127,
            _ => 126,
        }
    }

    /// The errno that execve(2) would give, for programs that are started inside the sandbox.
    #[must_use]
    pub fn errno(&self) -> nix::errno::Errno {
        use nix::errno::Errno;
        match self {
            Self::NotInPath { .. } => Errno::ENOENT,
            Self::NotThere { error, .. } => error.raw_os_error().map_or(Errno::ENOENT, Errno::from_raw),
            Self::Denied { .. } | Self::Unreadable(_) => Errno::EACCES,
            Self::Elf { error: ElfError::Read(_), .. } => Errno::EIO,
            Self::Elf { what: Role::Linker, .. } | Self::LinkerFixed(_) => Errno::ELIBBAD,
            Self::Elf { .. } | Self::Script { .. } => Errno::ENOEXEC,
            Self::TooDeep { .. } => Errno::ELOOP,
        }
    }
}

fn elf_problem(what: Role, error: &ElfError) -> String {
    match (what, error) {
        (Role::Linker, error) => format!("the dynamic linker that the program asks for {error}"),
        (_, ElfError::NotElf) => "is neither an x86_64 program nor a script with a #! line (ENOEXEC)".to_owned(),
        (_, error) => error.to_string(),
    }
}
