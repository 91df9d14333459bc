//! From PROG to an opened program, compared with what execvp and the kernel do.
#![allow(clippy::unwrap_used)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nurse::program::{LaunchError, Program, find};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes an executable file.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        mode(&path, 0o755);
        path
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn run(prog: impl AsRef<OsStr>, args: &[&str]) -> Result<Program, LaunchError> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    find(prog.as_ref(), &args, Some(OsStr::new("/usr/bin:/bin")))
}

fn in_path(prog: &str, path: &str) -> Result<Program, LaunchError> {
    find(OsStr::new(prog), &[], Some(OsStr::new(path)))
}

#[test]
fn a_dynamic_program_comes_with_its_linker() {
    let program = run("true", &["a", "b"]).unwrap();
    assert_eq!(program.argv, ["true", "a", "b"]);
    assert_eq!(program.exe, fs::canonicalize("/usr/bin/true").unwrap());
    assert_eq!(program.found, Path::new("/usr/bin/true"));
    assert_eq!(program.linker.as_ref().unwrap().path, Path::new("/lib64/ld-linux-x86-64.so.2"));
    assert!(program.plan().objects.iter().all(|object| object.count > 0));
    assert!(program.notices.is_empty());
}

#[test]
fn the_dynamic_linker_itself_has_none() {
    let program = run("/lib64/ld-linux-x86-64.so.2", &[]).unwrap();
    assert!(program.linker.is_none());
    assert_eq!(program.plan().objects[1].count, 0);
}

#[test]
fn what_is_not_there_is_127_and_what_cannot_run_is_126() {
    let folder = Folder::new();
    let here = folder.0.path();
    let code = |path: &Path| run(path, &[]).unwrap_err().exit_code();
    assert_eq!(code(&here.join("absent")), 127);
    assert_eq!(run("no-such-program-anywhere", &[]).unwrap_err().exit_code(), 127);
    assert_eq!(run("", &[]).unwrap_err().exit_code(), 127);
    assert_eq!(code(here), 126);
    let plain = folder.file("plain", fs::read("/bin/true").unwrap());
    mode(&plain, 0o644);
    assert_eq!(code(&plain), 126);
    assert_eq!(code(&folder.file("noise", "echo no she-bang\n")), 126);
    assert_eq!(code(&folder.file("empty", "")), 126);
    assert_eq!(code(Path::new("/dev/null")), 126);
    assert_eq!(code(&folder.file("lost", "#!/no/such/interpreter\n")), 127);
    nix::unistd::mkfifo(&here.join("fifo"), nix::sys::stat::Mode::from_bits_truncate(0o755)).unwrap();
    assert_eq!(code(&here.join("fifo")), 126);
}

#[test]
fn a_32_bit_program_is_named() {
    let folder = Folder::new();
    let mut bytes = fs::read("/bin/true").unwrap();
    bytes[18..20].copy_from_slice(&[3, 0]);
    let error = run(folder.file("old", bytes), &[]).unwrap_err();
    assert!(error.to_string().contains("is a 32-bit program; nurse runs x86_64"), "{error}");
    assert_eq!(error.exit_code(), 126);
}

#[test]
fn path_is_searched_as_execvp_does() {
    let folder = Folder::new();
    let elf = fs::read("/bin/true").unwrap();
    let plain = folder.file("a/tool", &elf);
    mode(&plain, 0o644);
    let second = folder.file("b/tool", &elf);
    fs::create_dir_all(folder.0.path().join("c/tool")).unwrap();
    let at = |name: &str| folder.0.path().join(name).to_str().unwrap().to_owned();
    let [a, b, c] = ["a", "b", "c"].map(at);
    assert_eq!(in_path("tool", &format!("/nowhere:{a}:{c}:{b}")).unwrap().found, second);
    // Nothing but files that cannot be executed: that is what the message is about.
    assert_eq!(in_path("tool", &format!("{a}:/nowhere")).unwrap_err().exit_code(), 126);
    assert_eq!(in_path("tool", "/nowhere").unwrap_err().exit_code(), 127);
    assert!(find(OsStr::new("true"), &[], None).is_ok(), "without PATH the system's folders are searched");
    assert_eq!(in_path("true/", "/usr/bin").unwrap_err().exit_code(), 127, "a slash means no search");
}

#[test]
fn setuid_is_told() {
    let folder = Folder::new();
    let path = folder.file("su", fs::read("/bin/true").unwrap());
    mode(&path, 0o4755);
    let program = run(&path, &[]).unwrap();
    assert_eq!(program.notices.len(), 1);
    assert!(program.notices[0].contains("setuid"), "{:?}", program.notices);
}

#[test]
fn names_cannot_steer_the_terminal() {
    let name = OsString::from_vec(b"/x/\x1b[31m\xff\n".to_vec());
    let error = run(name, &[]).unwrap_err().to_string();
    assert!(error.starts_with(r"/x/\x1b[31m\xff\n: the program is not there"), "{error}");
}

/// Runs it by a bare execve. A file just written can be busy: another test's child holds our fd until it execs.
fn native(path: &Path, args: &[&str]) -> io::Result<Output> {
    loop {
        match Command::new(path).args(args).output() {
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => std::thread::yield_now(),
            done => return done,
        }
    }
}

/// What the kernel makes of a `#!` line, and what we make of it.
fn same_argv(folder: &Folder, head: impl AsRef<[u8]>) {
    // Prints its arguments in brackets, so that empty ones show.
    let dump = folder.file("dump", "#!/usr/bin/printf [%s]\n");
    let dump = dump.to_str().unwrap();
    let head = String::from_utf8(head.as_ref().to_vec()).unwrap().replace("DUMP", dump);
    let script = folder.file("script", &head);
    let native = native(&script, &["one", "", "three"]);
    let ours = run(&script, &["one", "", "three"]);
    match (native, ours) {
        (Ok(output), Ok(program)) => {
            let argv: Vec<&str> = program.argv.iter().map(|arg| arg.to_str().unwrap()).collect();
            assert_eq!(argv[..2], ["/usr/bin/printf", "[%s]"]);
            let dumped: String = argv[2..].iter().map(|arg| format!("[{arg}]")).collect();
            assert_eq!(dumped, String::from_utf8(output.stdout).unwrap(), "{head:?}");
            assert_eq!(program.exe, fs::canonicalize("/usr/bin/printf").unwrap());
            assert_eq!(program.found, script);
        }
        (Err(native), Err(ours)) => {
            let errno = ours.errno() as i32;
            assert!(native.raw_os_error() == Some(errno) || errno == libc::ENOEXEC, "{head:?}: {native} or {ours}");
        }
        (native, ours) => panic!("{head:?}: natively {native:?}, here {:?}", ours.map(|ours| ours.argv)),
    }
}

#[test]
fn first_lines_are_read_as_the_kernel_reads_them() {
    let folder = Folder::new();
    let long = format!("#!DUMP {}\n", "x".repeat(400));
    let exact = format!("#!/{}", "x".repeat(300));
    let heads = [
        "#!DUMP\n",
        "#! \t DUMP \t\n",
        "#!DUMP one two \t three \t\n",
        "#!DUMP\targ\nsecond line",
        "#!DUMP",
        "#!DUMP ",
        "#!DUMP arg",
        "#!DUMP\0hidden\n",
        "#!DUMP a\0b\n",
        "#!DUMP \0\n",
        "#!\n",
        "#! \t \n",
        "#!",
        "#!\0\n",
        "#!relative\n",
        "#!/\n",
        "#!/tmp\n",
        " #!DUMP\n",
        &long,
        &exact,
    ];
    for head in heads {
        same_argv(&folder, head);
    }
}

#[test]
fn scripts_nest_as_deep_as_the_kernel_lets_them() {
    let folder = Folder::new();
    let mut last = folder.file("script-0", "#!/usr/bin/printf [%s]\n");
    let mut deepest = (0, 0);
    for depth in 1..8 {
        last = folder.file(&format!("script-{depth}"), format!("#!{} {depth}\n", last.display()));
        if native(&last, &[]).is_ok() {
            deepest.0 = depth;
        }
        match run(&last, &["end"]) {
            Ok(program) => {
                let native = native(&last, &["end"]).unwrap();
                let dumped: String =
                    program.argv[2..].iter().map(|arg| format!("[{}]", arg.to_str().unwrap())).collect();
                assert_eq!(dumped.as_bytes(), native.stdout);
                deepest.1 = depth;
            }
            Err(error) => assert_eq!(error.errno(), nix::errno::Errno::ELOOP),
        }
    }
    assert_eq!(deepest.0, deepest.1);
    assert!(deepest.0 >= 3);
}

#[test]
fn a_missing_or_unfit_dynamic_linker_is_told() {
    let folder = Folder::new();
    let mut bytes = fs::read("/bin/true").unwrap();
    let wanted = b"/lib64/ld-linux-x86-64.so.2";
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    bytes[at..at + 6].copy_from_slice(b"/nope_");
    let error = run(folder.file("lost", &bytes), &[]).unwrap_err();
    assert_eq!((error.exit_code(), error.errno()), (127, nix::errno::Errno::ENOENT), "{error}");
    let note = folder.file("n", "not an ELF file");
    let path = note.to_str().unwrap();
    assert!(path.len() < wanted.len());
    bytes[at..at + wanted.len()].fill(0);
    bytes[at..at + path.len()].copy_from_slice(path.as_bytes());
    let error = run(folder.file("odd", &bytes), &[]).unwrap_err();
    assert_eq!((error.exit_code(), error.errno()), (126, nix::errno::Errno::ELIBBAD), "{error}");
    assert!(error.to_string().contains("dynamic linker"), "{error}");
}
