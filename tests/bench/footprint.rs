//! What nurse adds in memory: the broker's peak, and the guest's resident and virtual size beside the native ones.

use crate::{Options, wrap};
use nurse_tests::{Config, Job, require};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Prints the table, for a Python that has nothing to do.
pub(crate) fn table(configs: &[Config], options: &Options) -> Result<(), String> {
    let script = "import sys; print('ready', flush=True); sys.stdin.read()";
    let job = Job::new(require("python3")?, ["-c", script]);
    println!("\nMemory in KB, an idle Python. Broker: its peak. Guest: private and shared pages in use.\n");
    println!("| | broker, peak | guest, resident | guest, private |\n|---|---:|---:|---:|");
    let (_, resident, private) = sizes(&job, false)?;
    println!("| native | - | {resident} | {private} |");
    for config in configs {
        let (broker, resident, private) = sizes(&wrap(*config, &job, options)?, true)?;
        println!("| {config} | {broker} | {resident} | {private} |");
    }
    Ok(())
}

/// The command's own peak, then resident and private memory of the program: the command itself, or its one child.
fn sizes(job: &Job, wrapped: bool) -> Result<(u64, u64, u64), String> {
    let mut command = job.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
    }
    let pid = child.id();
    let result =
        if line == "ready\n" { look(pid, wrapped) } else { Err(format!("{} did not come up", job.program.display())) };
    // End of input is the end of the program.
    drop(child.stdin.take());
    child.wait().map_err(|error| error.to_string())?;
    result
}

fn look(pid: u32, wrapped: bool) -> Result<(u64, u64, u64), String> {
    let guest = if wrapped { first_child(pid).ok_or("nurse has no child")? } else { pid };
    let peak = field(pid, "status", "VmHWM:")?;
    let private = field(guest, "smaps_rollup", "Private_Dirty:")? + field(guest, "smaps_rollup", "Private_Clean:")?;
    Ok((peak, field(guest, "smaps_rollup", "Rss:")?, private))
}

fn first_child(pid: u32) -> Option<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .find_map(|children| children.split_whitespace().next()?.parse().ok())
}

/// A field in KB of a file below /proc/PID.
fn field(pid: u32, file: &str, name: &str) -> Result<u64, String> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| format!("no {name} in {path}"))
}
