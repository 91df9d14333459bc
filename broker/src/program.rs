//! From what the user typed to an opened, vetted program: PATH, `#!` lines, the dynamic linker.
//!
//! All files are opened once and vetted by fd: what is run is what was looked at. Nothing here decides about policy; whoever
//! starts a program on a guest's behalf passes an opener that does.

mod error;
mod files;
mod script;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use trampoline::layout::LoadPlan;

use crate::elf::{self, ElfError, Vetted};
use crate::message::shown;
use crate::sys;

pub use error::{LaunchError, Role};
use files::{executable, is_unreadable, open, search};

/// A program that is ready to be started.
#[derive(Debug)]
pub struct Program {
    /// What `/proc/self/exe` reads as: absolute, no symlinks. For a script, its interpreter.
    pub exe: PathBuf,
    /// The path that was found, for AT_EXECFN and the thread's name. For a script, the script.
    pub found: PathBuf,
    /// The ELF file.
    pub file: File,
    /// What is in it.
    pub vetted: Vetted,
    /// Its dynamic linker, unless it is static.
    pub linker: Option<Linker>,
    /// Its arguments, argv\[0\] first; rebuilt if a script named an interpreter.
    pub argv: Vec<OsString>,
    /// What the user should know, one sentence each.
    pub notices: Vec<String>,
}

/// The dynamic linker of a program.
#[derive(Debug)]
pub struct Linker {
    /// As PT_INTERP spells it.
    pub path: PathBuf,
    /// The ELF file.
    pub file: File,
    /// What is in it; never fixed, and its lowest address is 0.
    pub vetted: Vetted,
}

impl Program {
    /// How the loader maps program and linker; fds, and the bases of what is not fixed, are still 0.
    #[must_use]
    pub fn plan(&self) -> LoadPlan {
        let linker = self.linker.as_ref().map_or_else(elf::no_object, |linker| linker.vetted.object);
        LoadPlan { objects: [self.vetted.object, linker] }
    }
}

/// Opens a path for reading, under whatever rules the caller has.
pub type Opener<'a> = dyn FnMut(&Path) -> io::Result<File> + 'a;

/// How many scripts may name each other as interpreter: what the kernel allows.
const MAX_SCRIPTS: usize = 5;

/// Finds and vets a program as execvp(3) would, with `args` behind argv\[0\].
///
/// Relative paths count from the working directory of this process. Unlike execvp, a file without ELF header and `#!` line is
/// not handed to /bin/sh, and a program has to be readable, because nurse reads it to vet it.
///
/// # Errors
/// See [`LaunchError`].
pub fn find(prog: &OsStr, args: &[OsString], path: Option<&OsStr>) -> Result<Program, LaunchError> {
    let found = search(prog, path)?;
    let mut argv = vec![prog.to_owned()];
    argv.extend_from_slice(args);
    load(&found, argv, &mut open).map_err(|error| match error {
        LaunchError::Denied { path, .. } if is_unreadable(&path) => LaunchError::Unreadable(path),
        error => error,
    })
}

/// Opens and vets the program at `path`, its interpreters and its dynamic linker. `argv` is what the caller of execve passes.
///
/// # Errors
/// See [`LaunchError`]; [`LaunchError::errno`] is what execve(2) would say.
pub fn load(path: &Path, argv: Vec<OsString>, open: &mut Opener<'_>) -> Result<Program, LaunchError> {
    let mut argv = VecDeque::from(argv);
    let mut current = path.to_owned();
    let mut role = Role::Program;
    for _ in 0..=MAX_SCRIPTS {
        let file = executable(&current, role, open)?;
        let Some(line) = script::parse(&head(&file).map_err(|error| elf_error(&current, role, error.into()))?) else {
            return elf_program(path, current, file, role, argv.into(), open);
        };
        let line = line.map_err(|why| LaunchError::Script { path: current.clone(), why })?;
        argv.pop_front();
        argv.push_front(current.into_os_string());
        if let Some(argument) = line.argument {
            argv.push_front(argument);
        }
        argv.push_front(line.interpreter.clone());
        current = line.interpreter.into();
        role = Role::ScriptInterpreter;
    }
    Err(LaunchError::TooDeep { path: path.to_owned(), depth: MAX_SCRIPTS })
}

/// The last step: `path` is no script.
fn elf_program(
    found: &Path,
    path: PathBuf,
    file: File,
    role: Role,
    argv: Vec<OsString>,
    open: &mut Opener<'_>,
) -> Result<Program, LaunchError> {
    let vetted = elf::plan(&file).map_err(|error| elf_error(&path, role, error))?;
    let linker = vetted.interpreter.clone().map(|path| linker(path, open)).transpose()?;
    let notices = notices(&path, &file);
    Ok(Program { exe: real_path(&file, &path), found: found.to_owned(), file, vetted, linker, argv, notices })
}

fn linker(path: PathBuf, open: &mut Opener<'_>) -> Result<Linker, LaunchError> {
    let file = executable(&path, Role::Linker, open)?;
    let vetted = elf::plan(&file).map_err(|error| elf_error(&path, Role::Linker, error))?;
    // Its own PT_INTERP does not matter, here as in the kernel.
    if vetted.object.fixed != 0 || vetted.lowest != 0 {
        return Err(LaunchError::LinkerFixed(path));
    }
    Ok(Linker { path, file, vetted })
}

/// The first bytes of a file, padded with zeros as the kernel does.
fn head(file: &File) -> io::Result<[u8; script::HEAD]> {
    let mut head = [0; script::HEAD];
    let mut got = 0;
    while got < head.len() {
        match file.read_at(&mut head[got..], got as u64) {
            Ok(0) => break,
            Ok(some) => got += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

fn elf_error(path: &Path, what: Role, error: ElfError) -> LaunchError {
    LaunchError::Elf { path: path.to_owned(), what, error }
}

/// What the kernel calls the opened file; `path` made absolute where /proc is not mounted.
fn real_path(file: &File, path: &Path) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .or_else(|_| path.canonicalize())
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

/// What a privileged file would have been given by the kernel, and is not.
fn notices(path: &Path, file: &File) -> Vec<String> {
    let mode = file.metadata().map_or(0, |metadata| metadata.mode());
    // A set-group-ID bit without group x means mandatory locking, not a change of group.
    let mut bits = Vec::new();
    if mode & 0o4000 != 0 {
        bits.push("setuid");
    }
    if mode & 0o2010 == 0o2010 {
        bits.push("setgid");
    }
    if sys::has_file_capabilities(file) {
        bits.push("file capabilities");
    }
    if bits.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "{}: has {}; under nurse it runs with your own rights only, and may refuse to work",
        shown(path),
        bits.join(" and ")
    )]
}
