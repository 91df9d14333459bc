//! Measures what nurse costs: native runs and runs under each configuration in turn, medians, as a markdown table.
//!
//! ```text
//! cargo build --release -p nurse -p nurse-tests && cargo run --release -p nurse-tests --bin bench -- [options]
//!   --runs N        runs of each workload (10)
//!   --only TEXT     only workloads whose name contains TEXT
//!   --config TEXT   only configurations whose name contains TEXT (loader-strict, ...)
//!   --policy NAME   another test policy than `parity`
//! ```
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod calls;
mod footprint;
mod workloads;

use nurse_tests::{Config, Job, MATRIX, Scratch, Status, policy};
use std::process::{ExitCode, Stdio};
use std::time::Instant;
use workloads::Workload;

/// What the command line asks for.
struct Options {
    runs: usize,
    only: String,
    config: String,
    policy: String,
}

fn main() -> ExitCode {
    match options().and_then(|options| measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options { runs: 10, only: String::new(), config: String::new(), policy: "parity".into() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} takes a value"));
        match word.as_str() {
            "--runs" => options.runs = value()?.parse().map_err(|_| "--runs takes a number".to_owned())?,
            "--only" => options.only = value()?,
            "--config" => options.config = value()?,
            "--policy" => options.policy = value()?,
            // cargo bench passes it on.
            "--bench" => {}
            _ => return Err(format!("unknown option {word}; see the top of tests/bench/main.rs")),
        }
    }
    Ok(options)
}

fn measure(options: &Options) -> Result<(), String> {
    let configs: Vec<Config> =
        MATRIX.into_iter().filter(|config| config.to_string().contains(&options.config)).collect();
    if configs.is_empty() {
        return Err(format!("no configuration is called {:?}", options.config));
    }
    println!("Medians of {} alternating runs; times in ms, and how many times the native one.\n", options.runs);
    let heads: Vec<String> = configs.iter().map(ToString::to_string).collect();
    println!("| workload | native | {} |", heads.join(" | "));
    println!("|---|---:|{}", "---:|".repeat(configs.len()));
    for workload in workloads::all().iter().filter(|workload| workload.name.contains(&options.only)) {
        println!("{}", row(workload, &configs, options)?);
    }
    if "calls".contains(&options.only) {
        calls::table(&configs, options)?;
    }
    if "memory".contains(&options.only) {
        footprint::table(&configs, options)?;
    }
    Ok(())
}

/// One line of the table.
fn row(workload: &Workload, configs: &[Config], options: &Options) -> Result<String, String> {
    let scratch = Scratch::new().map_err(|error| error.to_string())?;
    let job = (workload.job)(&scratch.path())?;
    let mut jobs = vec![job.clone()];
    for config in configs {
        jobs.push(wrap(*config, &job, options)?);
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); jobs.len()];
    // The first round warms caches and is not counted.
    for round in 0..=options.runs {
        for (job, times) in jobs.iter().zip(&mut times) {
            let time = time(job)?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let (native, rest) = medians.split_first().ok_or("nothing was measured")?;
    let cells: Vec<String> = rest.iter().map(|time| format!("{time:.1} ({:.2}×)", time / native)).collect();
    Ok(format!("| {} | {native:.1} | {} |", workload.name, cells.join(" | ")))
}

/// The job under nurse, with the policy that was asked for.
fn wrap(config: Config, job: &Job, options: &Options) -> Result<Job, String> {
    config.wrap_with(job, vec!["-p".into(), policy(&options.policy)?.into()])
}

/// Milliseconds from start to end; output is thrown away.
fn time(job: &Job) -> Result<f64, String> {
    let mut command = job.command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{}: {error}", job.program.display()))?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    match Status::from(status) {
        Status::Code(0) => Ok(took),
        other => Err(format!("{} {:?} ended with {other:?}", job.program.display(), job.args)),
    }
}

/// The value in the middle.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
