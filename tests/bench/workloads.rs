//! What is measured: whole programs, from start-up alone to thousands of calls.

use nurse_tests::{Job, fixture, require};
use std::path::Path;

/// A program to measure.
pub(crate) struct Workload {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// Makes the job, once for all its runs.
    pub(crate) job: fn(&Path) -> Result<Job, String>,
}

/// All of them.
pub(crate) fn all() -> Vec<Workload> {
    let workload = |name, job| Workload { name, job };
    vec![
        workload("/bin/true", |_| command("true", &[])),
        workload("python3 -c pass", |_| command("python3", &["-c", "pass"])),
        workload("python3: json, ssl, sqlite3", |_| {
            let inputs = fixture::inputs()?;
            let script = include_str!("../tests/programs/modules.py");
            command("python3", &["-c", script, &text(&inputs.join("data.db")), &text(&inputs.join("data.json"))])
        }),
        workload("python3: count to 10 million", |_| command("python3", &["-c", "sum(range(10_000_000))"])),
        workload("grep -r, 2,000 files", |_| {
            command("grep", &["-rc", "needle", &text(&fixture::large_tree(2000, 20)?)])
        }),
        workload("find, 20,000 files", |_| command("find", &[&text(&fixture::large_tree(20_000, 1)?), "-size", "+1k"])),
        workload("ls -lR, 20,000 files", |_| command("ls", &["-lR", &text(&fixture::large_tree(20_000, 1)?)])),
        workload("dd bs=512, 200,000 blocks", |_| {
            command("dd", &["if=/dev/zero", "of=/dev/null", "bs=512", "count=200000"])
        }),
        workload("gzip -9, 20 MB", |_| command("gzip", &["-9c", &text(&fixture::large_file(20)?)])),
        workload("tar c, 2,000 files", |_| command("tar", &["-cf", "-", &text(&fixture::large_tree(2000, 20)?)])),
        workload("sqlite3, 5,000 inserts", |scratch| {
            let fill = format!(".read {}", text(&fixture::inputs()?.join("fill.sql")));
            // A new database each time: in memory, with its journal out of the way, calls are few.
            Ok(command("sqlite3", &[":memory:", &fill, "select count(*) from beds;"])?.at(scratch))
        }),
        workload("pdftotext, 20 pages", |_| command("pdftotext", &[&text(&fixture::inputs()?.join("doc.pdf")), "-"])),
    ]
}

fn command(program: &str, args: &[&str]) -> Result<Job, String> {
    Ok(Job::new(require(program)?, args))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
