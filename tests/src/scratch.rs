//! A directory that a job may write to, always under the same name for the native run and the one under `nurse`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A writable directory that any user may use; removed with all it holds when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
}

impl Scratch {
    /// An empty one below the system's temporary directory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> io::Result<Self> {
        let scratch = Scratch {
            dir: tempfile::Builder::new().prefix("nurse-test-").tempdir()?,
        };
        fs::set_permissions(scratch.dir.path(), fs::Permissions::from_mode(0o755))?;
        scratch.clear()?;
        Ok(scratch)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("scratch")
    }

    /// Beside it: a directory that jobs may not write to.
    #[must_use]
    pub fn outside(&self) -> &Path {
        self.dir.path()
    }

    /// Removes all it holds.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(self.path())?,
        }
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o777))
    }
}
