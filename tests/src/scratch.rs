//! A directory that a job may write to, always under the same name for the native run and the one under `nurse`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
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
        let scratch = Scratch { dir: tempfile::Builder::new().prefix("nurse-test-").tempdir()? };
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

    /// What it holds: a line per file with its type and permissions, size, links and a digest of its content, in order.
    #[must_use]
    pub fn listing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        list(&self.path(), "", &mut lines);
        lines.sort();
        lines
    }
}

fn list(dir: &Path, prefix: &str, lines: &mut Vec<String>) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries.flatten(),
        // A name too long, or permissions that a program took away: part of what there is to compare.
        Err(error) => return lines.push(format!("{prefix}: {}", error.kind())),
    };
    for entry in entries {
        let path = entry.path();
        let name = format!("{prefix}/{}", entry.file_name().display());
        let Ok(found) = entry.metadata() else {
            lines.push(format!("{name}: cannot be looked at"));
            continue;
        };
        let mut digest = DefaultHasher::new();
        let (mut size, mut links) = (found.len(), found.nlink());
        if found.is_symlink() {
            fs::read_link(&path).ok().hash(&mut digest);
        } else if found.is_file() {
            fs::read(&path).ok().hash(&mut digest);
        } else {
            // Sizes and links of directories are the file system's business.
            (size, links) = (0, 0);
        }
        lines.push(format!("{name} {:o} {size} {links} {:016x}", found.mode(), digest.finish()));
        if found.is_dir() {
            list(&path, &name, lines);
        }
    }
}
