//! What real programs work on: made once, then shared by all tests and benches, read-only for jobs.

use crate::generate::{self, Numbers};
use crate::install::{lock, require, shared};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Raise it when what is generated changes.
const VERSION: u32 = 3;

/// How a test program in C is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linking {
    /// glibc, `-static`.
    Static,
    /// glibc, `-static-pie`.
    StaticPie,
    /// musl, `-static`.
    Musl,
    /// glibc, dynamic, at a fixed address (`-no-pie`).
    Fixed,
}

/// The directory of small inputs: `tree/` (300 text files), `words.txt` (1 MB), `doc.pdf` (20 pages), `data.json`,
/// `data.db`, `many/` (1,000 small files), `words.txt` packed as `.gz`, `.xz` and `.zst`, `tree.tar` with and
/// without `.gz`, and
/// `secret/password`, which the demonstration's policy denies.
///
/// # Errors
/// When it cannot be made.
pub fn inputs() -> Result<PathBuf, String> {
    once("inputs", |dir| {
        generate::tree(&dir.join("tree"), 300, 20)?;
        generate::tree(&dir.join("many"), 1000, 1)?;
        fs::write(dir.join("words.txt"), generate::text(&mut Numbers::new(3), 16_000))?;
        fs::write(dir.join("doc.pdf"), generate::pdf(20))?;
        fs::write(dir.join("data.json"), generate::json(2000))?;
        fs::create_dir(dir.join("secret"))?;
        fs::write(dir.join("secret/password"), "swordfish\n")?;
        fs::write(dir.join("fill.sql"), generate::sql(5000))?;
        for (program, args) in [
            ("sqlite3", &["data.db", ".read fill.sql"][..]),
            ("gzip", &["-9nk", "words.txt"]),
            ("xz", &["-k", "-T1", "-1", "words.txt"]),
            ("zstd", &["-q", "--single-thread", "words.txt"]),
            ("tar", &["--sort=name", "-cf", "tree.tar", "tree"]),
            ("gzip", &["-9nk", "tree.tar"]),
        ] {
            let program = require(program).map_err(io::Error::other)?;
            let done = Command::new(&program).args(args).current_dir(dir).status()?;
            if !done.success() {
                return Err(io::Error::other(format!("{} failed", program.display())));
            }
        }
        Ok(())
    })
}

/// A tree of `files` text files of `lines` lines each, for benches.
///
/// # Errors
/// When it cannot be made.
pub fn large_tree(files: usize, lines: usize) -> Result<PathBuf, String> {
    once(&format!("tree-{files}-{lines}"), |dir| generate::tree(dir, files, lines))
}

/// A file `data` of about `megabytes` MB of text, for benches: gives its path.
///
/// # Errors
/// When it cannot be made.
pub fn large_file(megabytes: usize) -> Result<PathBuf, String> {
    let dir = once(&format!("file-{megabytes}"), |dir| {
        let text = generate::text(&mut Numbers::new(5), 16_000);
        let mut all = text.repeat(megabytes);
        all.truncate(megabytes << 20);
        fs::write(dir.join("data"), all)
    })?;
    Ok(dir.join("data"))
}

/// The test program `tests/fixtures/hello.c`, linked as asked.
///
/// # Errors
/// When it cannot be built; names what to install.
pub fn hello(linking: Linking) -> Result<PathBuf, String> {
    let (name, compiler, flag) = match linking {
        Linking::Static => ("hello-static", "cc", "-static"),
        Linking::StaticPie => ("hello-static-pie", "cc", "-static-pie"),
        Linking::Musl => ("hello-musl", "musl-gcc", "-static"),
        Linking::Fixed => ("hello-fixed", "cc", "-no-pie"),
    };
    let compiler = require(compiler)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hello.c");
    let dir = once(name, |dir| {
        let done = Command::new(compiler).args(["-O1", flag, "-o"]).arg(dir.join(name)).arg(source).status()?;
        if done.success() {
            Ok(())
        } else {
            Err(io::Error::other("the compiler failed; run tests/setup for its libraries"))
        }
    })?;
    Ok(dir.join(name))
}

/// The directory `name`, filled by `fill` if no earlier run has done so.
fn once(name: &str, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<PathBuf, String> {
    let dir = shared()?.join(format!("{name}-v{VERSION}"));
    if dir.exists() {
        return Ok(dir);
    }
    let _alone = lock()?;
    if !dir.exists() {
        let told = |error: io::Error| format!("making {}: {error}", dir.display());
        let partial = dir.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(told)?;
        }
        fs::create_dir(&partial).map_err(told)?;
        fs::set_permissions(&partial, Permissions::from_mode(0o755)).map_err(told)?;
        fill(&partial).map_err(told)?;
        fs::rename(&partial, &dir).map_err(told)?;
    }
    Ok(dir)
}
