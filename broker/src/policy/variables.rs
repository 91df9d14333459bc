//! What `${NAME}` stands for in a pattern.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::links;

/// The values of a run. All paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// `${PROGRAM}`: the program, by the name it was found under.
    pub program: Option<PathBuf>,
    /// `${PROGRAM_DIR}`: its folder.
    pub program_dir: Option<PathBuf>,
    /// `${PREFIX}`: the folders that its installation lives in (`/usr` for /usr/bin/x), by its name and by where links
    /// lead that name. Never one that holds the home directory.
    pub prefix: Vec<PathBuf>,
    /// `${SCRIPT_DIR}`: the folder of the script that it was started with; the working directory if an option brings the code
    /// (`-c`, `-m`).
    pub script_dir: Option<PathBuf>,
    /// `${CWD}`: the working directory.
    pub cwd: Option<PathBuf>,
    /// `${HOME}`: the user's home directory.
    pub home: Option<PathBuf>,
    /// `${PATH}`: the folders in which commands are looked for.
    pub path: Vec<PathBuf>,
    /// `${SCRATCH}`: the private folder for temporary files.
    pub scratch: Option<PathBuf>,
    /// `${ARG_FILES}`: the files and folders named on the command line that exist.
    pub arg_files: Vec<PathBuf>,
}

/// Every variable and what it stands for.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PROGRAM", "the program, as it was found"),
    ("PROGRAM_DIR", "the folder of the program"),
    (
        "PREFIX",
        "the folders that the program is installed in (/usr for /usr/bin/x); never one that holds the home directory",
    ),
    (
        "SCRIPT_DIR",
        "the folder of the script that the program was started with; of code behind -c or -m the working directory",
    ),
    ("CWD", "the working directory"),
    ("HOME", "the user's home directory"),
    ("PATH", "the folders in which commands are looked for"),
    ("SCRATCH", "the private folder for temporary files"),
    ("ARG_FILES", "the files and folders named on the command line"),
];

impl Variables {
    /// The values for running `program` (the file that was found for it) with `args` (without `argv[0]`) in `cwd`.
    #[must_use]
    pub fn for_run(program: &Path, args: &[OsString], cwd: &Path, home: &Path, scratch: Option<&Path>) -> Self {
        let real = |path: &Path| links::follow(path).map_or_else(|| path.to_owned(), |led| led.real);
        let cwd = real(cwd);
        // As the working directory is: else one that is reached by a link (/home, often) would not be known again.
        let (named_home, home) = (home, real(home));
        let program = absolute(&cwd, program);
        let found = links::follow(&program).map(|led| led.real);
        let mut prefix: Vec<_> = [Some(&program), found.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|program| installation(program, &home))
            .filter(|prefix| !named_home.starts_with(prefix) && *prefix != named_home.join(".local"))
            .collect();
        prefix.dedup();
        let script_dir = if is_script(&program) {
            program.parent().map(Path::to_owned)
        } else {
            match script(args) {
                Some(Code::File(script)) => Some(absolute(&cwd, Path::new(script)))
                    .filter(|script| script.is_file())
                    .and_then(|script| script.parent().map(Path::to_owned)),
                Some(Code::Argument) => Some(cwd.clone()),
                None => None,
            }
        };
        Self {
            program_dir: program.parent().map(Path::to_owned),
            program: Some(program),
            prefix,
            script_dir,
            arg_files: args
                .iter()
                .flat_map(|arg| named(arg))
                .map(|name| absolute(&cwd, name))
                .filter(|path| path.exists())
                .collect(),
            path: search_path(),
            cwd: Some(cwd),
            home: Some(home),
            scratch: scratch.map(Path::to_owned),
        }
    }

    /// Values to check a policy with when there is no program: those of a program at /usr/bin/program that runs in the
    /// current directory.
    #[must_use]
    pub fn for_check() -> Self {
        let cwd = std::env::current_dir().unwrap_or_else(|_| "/".into());
        Self {
            program: Some("/usr/bin/program".into()),
            program_dir: Some("/usr/bin".into()),
            prefix: vec!["/usr".into()],
            script_dir: Some(cwd.clone()),
            arg_files: vec![cwd.join("file")],
            path: vec!["/usr/bin".into(), "/bin".into()],
            cwd: Some(cwd),
            home: Some(home()),
            scratch: Some("/tmp/scratch".into()),
        }
    }

    /// The values of a variable: none if it names nothing in this run. `None` if there is no such variable.
    pub(super) fn get(&self, name: &str) -> Option<Vec<&Path>> {
        Some(match name {
            "PROGRAM" => self.program.as_deref().into_iter().collect(),
            "PROGRAM_DIR" => self.program_dir.as_deref().into_iter().collect(),
            "SCRIPT_DIR" => self.script_dir.as_deref().into_iter().collect(),
            "CWD" => self.cwd.as_deref().into_iter().collect(),
            "HOME" => self.home.as_deref().into_iter().collect(),
            "SCRATCH" => self.scratch.as_deref().into_iter().collect(),
            "PREFIX" => self.prefix.iter().map(PathBuf::as_path).collect(),
            "PATH" => self.path.iter().map(PathBuf::as_path).collect(),
            "ARG_FILES" => self.arg_files.iter().map(PathBuf::as_path).collect(),
            _ => return None,
        })
    }

    /// Whether a variable may have several values, and so is an array to a script.
    pub(super) fn is_list(name: &str) -> bool {
        matches!(name, "PREFIX" | "PATH" | "ARG_FILES")
    }
}

/// The user's home directory: `$HOME` if it is absolute, else what the user database says. `/nonexistent` when nobody knows,
/// so that rules about it match nothing.
#[must_use]
pub fn home() -> PathBuf {
    let named = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let entry = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.dir);
    named.or_else(entry).filter(|home| home.is_absolute()).unwrap_or_else(|| "/nonexistent".into())
}

/// The absolute folders of `$PATH`.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// `path` from `cwd`, without `.` and `..` (those as the file system has them).
pub(super) fn absolute(cwd: &Path, path: &Path) -> PathBuf {
    let path: PathBuf = cwd.join(path).components().collect();
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        links::follow(&path).map_or(path, |led| led.real)
    } else {
        path
    }
}

/// The folder that a program is installed in: the one around `bin`, else its own. One that holds the home directory, or where
/// everybody may put things, is none.
fn installation(program: &Path, home: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    let around = folder.parent().filter(|_| matches!(folder.file_name().map(OsStr::as_bytes), Some(b"bin" | b"sbin")));
    let shared = |folder: &Path| ["/tmp", "/var/tmp", "/dev/shm"].iter().any(|shared| Path::new(shared) == folder);
    // ~/.local is where all programs of the user keep their data.
    let narrow = |folder: &&Path| !home.starts_with(folder) && *folder != home.join(".local") && !shared(folder);
    around.filter(narrow).or_else(|| Some(folder).filter(narrow)).map(Path::to_owned)
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    // A pipe would block; whatever it is, it is no script.
    program.is_file()
        && std::fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && &start == b"#!"
}

/// Where an interpreter is told its code.
#[derive(Debug, PartialEq, Eq)]
enum Code<'a> {
    /// A file, by the first argument that is no option.
    File(&'a OsStr),
    /// The command line (`-c`, `-e`), or a module found from the working directory (`-m`).
    Argument,
}

fn script(args: &[OsString]) -> Option<Code<'_>> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_bytes() {
            b"-c" | b"-e" | b"-m" => return Some(Code::Argument),
            b"-" | b"--" => return None,
            // python's options with a value of their own
            b"-W" | b"-X" => _ = args.next(),
            option if option.starts_with(b"-") => {}
            _ => return Some(Code::File(arg)),
        }
    }
    None
}

/// What in an argument may name a file: all of it, and what stands behind `=` (`--file=x`, `if=x`).
fn named(arg: &OsStr) -> impl Iterator<Item = &Path> {
    let bytes = arg.as_bytes();
    let behind = bytes.iter().position(|&byte| byte == b'=').map(|at| &bytes[at + 1..]);
    let whole = Some(bytes).filter(|bytes| !bytes.starts_with(b"-"));
    whole.into_iter().chain(behind).filter(|name| !name.is_empty()).map(|name| Path::new(OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(args: &[&str]) -> Vec<OsString> {
        args.iter().map(OsString::from).collect()
    }

    #[test]
    fn installations() {
        let of = |program: &str| installation(Path::new(program), Path::new("/home/me"));
        assert_eq!(of("/usr/bin/python3"), Some("/usr".into()));
        assert_eq!(of("/home/me/.pyenv/versions/3.13/bin/python3"), Some("/home/me/.pyenv/versions/3.13".into()));
        assert_eq!(of("/bin/sh"), Some("/bin".into()), "never the root");
        assert_eq!(of("/home/me/bin/tool"), Some("/home/me/bin".into()), "never the home directory");
        assert_eq!(of("/home/me/.local/bin/tool"), Some("/home/me/.local/bin".into()));
        assert_eq!(of("/home/me/tool"), None);
        assert_eq!(of("/tmp/a.out"), None);
        assert_eq!(of("/a.out"), None);
        assert_eq!(of("/srv/build/a.out"), Some("/srv/build".into()));
    }

    #[test]
    fn scripts() {
        assert_eq!(script(&args(&["-u", "-W", "ignore", "x.py", "y"])), Some(Code::File(OsStr::new("x.py"))));
        assert_eq!(script(&args(&["-c", "print()", "/secret/x"])), Some(Code::Argument));
        assert_eq!(script(&args(&["-m", "http.server"])), Some(Code::Argument));
        assert_eq!(script(&args(&["-", "x"])), None);
    }

    #[test]
    fn a_home_behind_a_link_is_the_home() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("data/me")).unwrap();
        std::os::unix::fs::symlink("data", top.join("home")).unwrap();
        let (named, real) = (top.join("home/me"), top.join("data/me"));
        for program in [named.join("tool"), real.join("tool"), named.join(".local/tool")] {
            let values = Variables::for_run(&program, &[], &named, &named, None);
            assert_eq!((values.home.as_deref(), values.cwd.as_deref()), (Some(&*real), Some(&*real)));
            assert_eq!(values.prefix, [] as [PathBuf; 0], "never the home directory: {}", program.display());
        }
    }

    #[test]
    fn values_of_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("venv/bin")).unwrap();
        std::fs::write(top.join("x.py"), "").unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", top.join("venv/bin/python")).unwrap();
        let args = args(&["./x.py", "--in=x.py", "nowhere", "venv/../x.py", "-x.py"]);
        let values = Variables::for_run(Path::new("venv/bin/python"), &args, &top, Path::new("/home/me"), None);
        assert_eq!(values.prefix, [top.join("venv"), "/usr".into()]);
        assert_eq!(values.script_dir, Some(top.clone()));
        assert_eq!(values.arg_files, vec![top.join("x.py"); 3]);
        assert_eq!(values.get("SCRATCH"), Some(vec![]));
        assert_eq!(values.get("NOTHING"), None);
        for (name, _) in VARIABLES {
            assert!(values.get(name).is_some(), "{name}");
        }
    }
}
