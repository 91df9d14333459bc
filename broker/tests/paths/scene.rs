//! A tree that a policy divides, and a guest in it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nurse::guest::Guest;

use super::{Arg, Result, ask, guest, policy};

/// Rules of a tree with public and private corners.
pub const POLICY: &str = r#"
    read("TREE/open/**", "TREE/ro/**", "/proc/**", "/dev/**", "/usr/**");
    write("TREE/open/**");
    create("TREE/drop/**");
    look("TREE", "TREE/drop/**");
    deny("TREE/secret/**", "TREE/open/box/keep/**");
    hide("TREE/hidden/**", "TREE/open/ghost");
"#;

/// A tree with public and private corners, and a guest in its `open` directory.
pub struct Scene {
    _scratch: tempfile::TempDir,
    pub root: PathBuf,
    pub guest: Guest,
}

impl Scene {
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        for dir in ["open/dir", "open/box/keep", "open/full", "ro/deep", "secret/dir", "hidden/dir", "drop"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        for (file, text) in [
            ("open/f", "public"),
            ("open/dir/f", "public"),
            ("ro/f", "public"),
            ("ro/deep/f", "public"),
            ("secret/password", "secret"),
            ("secret/dir/f", "secret"),
            ("hidden/f", "secret"),
            ("hidden/dir/f", "secret"),
            ("open/box/keep/f", "secret"),
            ("open/full/f", "public"),
            ("drop/f", "dropped"),
        ] {
            fs::write(root.join(file), text).unwrap();
        }
        let guest = guest(policy(POLICY, &root), &root.join("open"));
        // Only now: a rule also holds for where a link in its pattern leads.
        symlink("f", root.join("open/ghost")).unwrap();
        Self { _scratch: scratch, root, guest }
    }

    pub fn at(&self, path: &str) -> Arg {
        Arg::Path(self.root.join(path))
    }

    pub fn ask(&mut self, name: &str, args: &[Arg]) -> Result {
        ask(&mut self.guest, name, args)
    }

    pub fn open(&mut self, path: &str, flags: i32) -> Result {
        self.ask("open", &[path.into(), flags.into(), 0o600.into()])
    }

    pub fn link(&self, name: &str, target: impl AsRef<Path>) {
        symlink(target, self.root.join("open").join(name)).unwrap();
    }

    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }
}

/// All that is left to read in a file.
pub fn content(fd: OwnedFd) -> String {
    std::io::read_to_string(fs::File::from(fd)).unwrap()
}
