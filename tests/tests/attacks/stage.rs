//! Where an attack is played: a scratch folder, what it must not reach, and a look at the damage.

use crate::table::Row;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nurse_tests::{Config, Job, Outcome, Scratch};
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The folders: `scratch` (writable, where the attack starts), `secret` (denied by the policy), `public` (to be read). The kernel
/// would let anybody do anything with the files in them.
pub(crate) struct Stage {
    scratch: Scratch,
    stop: Arc<AtomicBool>,
}

const FILES: [(&str, &str); 2] = [("secret/password", "swordfish\n"), ("public/password", "anybody\n")];

impl Stage {
    pub(crate) fn new(row: &Row) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("setting the stage: {error}");
        let scratch = Scratch::new().map_err(failed)?;
        for (name, text) in FILES {
            let path = scratch.outside().join(name);
            let folder = path.parent().unwrap_or(scratch.outside());
            fs::create_dir(folder).map_err(failed)?;
            fs::set_permissions(folder, Permissions::from_mode(0o777)).map_err(failed)?;
            fs::write(&path, text).map_err(failed)?;
            fs::set_permissions(&path, Permissions::from_mode(0o666)).map_err(failed)?;
        }
        fs::set_permissions(scratch.outside(), Permissions::from_mode(0o777)).map_err(failed)?;
        fs::write(scratch.path().join("alive"), "alive\n").map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        if row.attack == "paths.race" {
            let (one, other) = (scratch.path().join("racing"), scratch.path().join("racing.link"));
            fs::create_dir(&one).map_err(failed)?;
            fs::write(one.join("password"), "anybody\n").map_err(failed)?;
            symlink("../secret", &other).map_err(failed)?;
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Relaxed) {
                    let _ = renameat2(AT_FDCWD, &one, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE);
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
        }
        Ok(Self { scratch, stop })
    }

    /// The command line of an attack under this nurse.
    pub(crate) fn job(&self, nurse: &Path, config: Config, attack: &str, broken: &[&str]) -> Result<Job, String> {
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks/attacks.rhai");
        let policy = nurse_tests::placed(&policy, "attacks.rhai")?;
        let scratch = self.scratch.path();
        // Fds that the one who starts nurse has open and means for nobody.
        let leave_open = "exec 7<../secret/password 8<../public 9<../public/password; exec \"$@\"";
        let mut args: Vec<OsString> = vec!["-c".into(), leave_open.into(), "sh".into(), nurse.into()];
        args.extend(["--entry".into(), config.entry.to_string().into()]);
        args.extend(["--engine".into(), config.engine.to_string().into()]);
        args.extend(["--explain".into(), "-p".into(), policy.into(), "-w".into(), scratch.clone().into(), "--".into()]);
        args.extend([nurse_tests::attack()?.into(), attack.into()]);
        let mut job = Job::new("/bin/sh", args).at(&scratch);
        if !broken.is_empty() {
            job.env.push(("NURSE_BREAK".into(), broken.join(",").into()));
        }
        Ok(job)
    }

    pub(crate) fn run(&self, nurse: &Path, config: Config, row: &Row, broken: &[&str]) -> Result<Outcome, String> {
        let limit = Duration::from_secs(row.seconds);
        let job = Job { limit, ..self.job(nurse, config, row.attack, broken)? };
        job.run().map_err(|error| error.to_string())
    }

    /// Where the attack starts.
    pub(crate) fn folder(&self) -> PathBuf {
        self.scratch.path()
    }

    /// Whether all is as it was outside of the scratch folder, and no process is left.
    pub(crate) fn unharmed(&self) -> Result<(), String> {
        let outside = self.scratch.outside();
        for (name, text) in FILES {
            let path = outside.join(name);
            let found = fs::read_to_string(&path).map_err(|error| format!("{name} is gone: {error}"))?;
            let mode = path.metadata().map_or(0, |found| found.mode() & 0o7777);
            if found != text || mode != 0o666 {
                return Err(format!("{name} has been changed: {found:?}, mode {mode:o}"));
            }
        }
        let mut names: Vec<_> =
            fs::read_dir(outside).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        if names != ["public", "scratch", "secret"] {
            return Err(format!("files outside of the scratch folder: {names:?}"));
        }
        match self.left() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("processes were left behind: {left:?}")),
        }
    }

    /// Processes that still work in the scratch folder.
    pub(crate) fn left(&self) -> Vec<String> {
        let here = self.folder();
        // The kernel may need a moment to take a killed process down.
        for _ in 0..40 {
            let all = fs::read_dir("/proc").into_iter().flatten().flatten();
            let left: Vec<String> = all
                .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here))
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            if left.is_empty() {
                return left;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}
