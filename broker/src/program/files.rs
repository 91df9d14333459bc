//! Files by path: the search in PATH, and what has to hold of a file before it is looked into.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::unistd::{AccessFlags, access, faccessat};

use super::{LaunchError, Opener, Role};

/// PATH where there is none, as glibc's execvp has it.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The path to try: `prog` itself if it has a slash, else the first file in PATH that may be executed.
pub(super) fn search(prog: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, LaunchError> {
    if prog.as_bytes().contains(&b'/') {
        return Ok(prog.into());
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let not_found = || LaunchError::NotInPath { prog: prog.into(), path: path.into() };
    if prog.is_empty() {
        return Err(not_found());
    }
    let mut refused = None;
    for folder in path.as_bytes().split(|byte| *byte == b':') {
        // An empty entry is the working directory; "./" keeps the path from being looked up in PATH again.
        let folder = if folder.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(folder) };
        let candidate = Path::new(folder).join(prog);
        match candidate.metadata() {
            Ok(found) if found.is_file() && access(&candidate, AccessFlags::X_OK).is_ok() => return Ok(candidate),
            // Kept for the message if nothing better follows, as execvp keeps EACCES.
            Ok(_) => refused = refused.or(Some(candidate)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = refused.or(Some(candidate)),
            Err(_) => {}
        }
    }
    refused.ok_or_else(not_found)
}

/// Whether the kernel would run it and we cannot read it.
pub(super) fn is_unreadable(path: &Path) -> bool {
    access(path, AccessFlags::X_OK).is_ok() && access(path, AccessFlags::R_OK) == Err(Errno::EACCES)
}

/// Opens a file that has to be regular and executable by this user.
pub(super) fn executable(path: &Path, role: Role, open: &mut Opener<'_>) -> Result<File, LaunchError> {
    let denied = |why: String| LaunchError::Denied { path: path.to_owned(), what: role, why };
    let file = open(path).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => denied(error.to_string()),
        // A socket file, and a device without its driver.
        Some(Errno::ENXIO | Errno::ENODEV) => denied("it is not a regular file".to_owned()),
        _ => LaunchError::NotThere { path: path.to_owned(), what: role, error },
    })?;
    let metadata = file.metadata().map_err(|error| denied(error.to_string()))?;
    if metadata.is_dir() {
        return Err(denied("it is a folder".to_owned()));
    }
    if !metadata.is_file() {
        return Err(denied("it is not a regular file".to_owned()));
    }
    // On the fd, not the path: the permission of the very file that will run. Sees noexec mounts as well.
    match faccessat(file.as_fd(), "", AccessFlags::X_OK, AtFlags::AT_EACCESS | AtFlags::AT_EMPTY_PATH) {
        Ok(()) => Ok(file),
        Err(Errno::EACCES) if metadata.mode() & 0o111 == 0 => {
            Err(denied("it has no x permission (chmod +x gives it)".to_owned()))
        }
        Err(Errno::EACCES) => Err(denied("this user has no x permission, or the file system is noexec".to_owned())),
        Err(errno) => Err(denied(errno.to_string())),
    }
}

/// The opener for what the user names: O_NONBLOCK so that a FIFO does not make nurse wait.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}
