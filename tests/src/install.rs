//! Finds what the tests run and puts it where any user can reach it.
//!
//! A checkout may lie in a directory that only its owner can enter, and most jobs run as somebody else. So binaries and
//! policies are copied to one directory under the system's temporary directory, and run from there.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The `nurse` under test: `$NURSE`, or the one built beside the running test.
///
/// # Errors
/// When there is none.
pub fn nurse() -> Result<PathBuf, String> {
    match std::env::var_os("NURSE") {
        Some(path) => place(Path::new(&path), "nurse"),
        None => place(&built("nurse", "cargo build -p nurse")?, "nurse"),
    }
}

/// The program that has all probes.
///
/// # Errors
/// When it has not been built.
pub fn probe() -> Result<PathBuf, String> {
    place(&built("probe", "cargo build -p nurse-tests")?, "probe")
}

/// The program that has all attacks.
///
/// # Errors
/// When it has not been built.
pub fn attack() -> Result<PathBuf, String> {
    place(&built("attack", "cargo build -p nurse-tests")?, "attack")
}

/// A file of the checkout, put under that name where every user can reach it.
///
/// # Errors
/// When it is not there, or cannot be copied.
pub fn placed(source: &Path, name: &str) -> Result<PathBuf, String> {
    place(source, name)
}

/// The test policy of that name, from `tests/policies`.
///
/// # Errors
/// When there is none.
pub fn policy(name: &str) -> Result<PathBuf, String> {
    let file = format!("{name}.rhai");
    place(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(&file), &file)
}

/// The path of an installed program.
///
/// # Errors
/// Says how to install it when it is missing: a test that cannot run has failed.
pub fn require(program: &str) -> Result<PathBuf, String> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.exists())
        .ok_or_else(|| format!("{program} is not installed; run tests/setup"))
}

/// The directory that everything shared lies in: one per user, readable by all.
///
/// # Errors
/// When it cannot be made, or somebody else made it.
pub(crate) fn shared() -> Result<PathBuf, String> {
    let me = nix::unistd::geteuid().as_raw();
    let dir = std::env::temp_dir().join(format!("nurse-tests-of-{me}"));
    match fs::DirBuilder::new().mode(0o755).create(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(format!("{}: {error}", dir.display()));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    if !found.is_dir() || found.uid() != me || found.mode() & 0o022 != 0 {
        return Err(format!("{} is not a directory of mine that only I can write to; remove it", dir.display()));
    }
    Ok(dir)
}

/// Keeps other test processes out of the shared directory until it is dropped.
pub(crate) fn lock() -> Result<Flock<File>, String> {
    let path = shared()?.join("lock");
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| format!("{}: {error}", path.display()))
}

/// A file that was built beside the running program (a test lies one directory deeper).
fn built(name: &str, how: &str) -> Result<PathBuf, String> {
    let me = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    me.ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("no `{name}` beside {}; run `{how}` in the same profile first", me.display()))
}

/// Copies `source` to the shared directory, unless that copy is there, and gives the copy's path.
fn place(source: &Path, name: &str) -> Result<PathBuf, String> {
    let told = |error: io::Error| format!("{}: {error}", source.display());
    let from = fs::metadata(source).map_err(told)?;
    // One directory per version: a run of another build at the same time keeps its own copy.
    let version = format!("{:x}-{:x}-{:x}", from.mtime(), from.mtime_nsec(), from.len());
    let dir = shared()?.join("bin").join(version);
    let target = dir.join(name);
    if target.exists() {
        return Ok(target);
    }
    let _alone = lock()?;
    if !target.exists() {
        fs::create_dir_all(&dir).map_err(told)?;
        let partial = dir.join(format!(".{name}"));
        fs::copy(source, &partial).map_err(told)?;
        fs::set_permissions(&partial, Permissions::from_mode(from.mode() & 0o555)).map_err(told)?;
        fs::rename(&partial, &target).map_err(told)?;
    }
    Ok(target)
}
