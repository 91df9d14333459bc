//! Tests of whole policies.

mod decisions;
mod errors;
mod findings;
mod hooks;
mod reference;
mod shipped;

use std::path::{Path, PathBuf};

use super::{Access, Asked, Decision, Policy, PolicyError, Source, Variables};

/// A policy file in a folder of its own.
struct File {
    dir: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("test.rhai");
        std::fs::write(&path, text).unwrap();
        Self { dir, path }
    }

    fn beside(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.dir.path().join(name), text).unwrap();
        self
    }

    fn source(&self) -> Source {
        Source::File(self.path.clone())
    }

    fn load(&self) -> Result<Policy, PolicyError> {
        Policy::load_from(&[self.source()], &variables(), None)
    }

    /// The error with the folder taken out of it.
    fn error(&self) -> String {
        let error = self.load().expect_err("should not load").to_string();
        error.replace(&format!("{}/", self.path.parent().unwrap().display()), "")
    }
}

fn variables() -> Variables {
    Variables {
        program: Some("/opt/app/bin/prog".into()),
        program_dir: Some("/opt/app/bin".into()),
        prefix: vec!["/opt/app".into()],
        script_dir: Some("/data/project".into()),
        cwd: Some("/data/job".into()),
        home: Some("/home/me".into()),
        path: vec!["/usr/bin".into()],
        scratch: None,
        arg_files: vec!["/data/in.txt".into(), "/data/odd*name".into()],
    }
}

fn policy(text: &str) -> Policy {
    File::new(text).load().unwrap_or_else(|error| panic!("{error}"))
}

fn asked<'a>(call: &'static str, path: &'a Path, access: Access) -> Asked<'a> {
    Asked { call, path, access, flags: 0, mode: 0 }
}

fn ask(policy: &Policy, path: &str, access: Access) -> Decision {
    policy.path(&asked("openat", Path::new(path), access))
}

fn allowed(policy: &Policy, path: &str, access: Access) -> bool {
    ask(policy, path, access).verdict == super::Verdict::Allow
}
