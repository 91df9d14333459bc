//! A nurse whose guards can be left out, built for this suite alone and kept where no user picks it up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Its path; built on the first call, into a target folder of its own.
pub(crate) fn nurse() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = root.join("target/break-guards");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .current_dir(&root)
        .args(["build", "--quiet", "--locked", "-p", "nurse", "--features", "break-guards", "--target-dir"])
        .arg(&target)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !done.status.success() {
        return Err(format!("building nurse with breakable guards failed:\n{}", String::from_utf8_lossy(&done.stderr)));
    }
    nurse_tests::placed(&target.join("debug/nurse"), "nurse-with-breakable-guards")
}
