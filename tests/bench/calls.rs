//! Nanoseconds per system call, each in a tight loop inside one process.

use crate::{Options, median, wrap};
use nurse_tests::{Config, Job, Scratch, Status, probe};

/// Prints the table; the loops are in the probe `bench.calls`.
pub(crate) fn table(configs: &[Config], options: &Options) -> Result<(), String> {
    let scratch = Scratch::new().map_err(|error| error.to_string())?;
    let job = Job::new(probe()?, ["bench.calls"]).at(scratch.path());
    let mut columns = vec![measure(&job, options.runs)?];
    for config in configs {
        columns.push(measure(&wrap(*config, &job, options)?, options.runs)?);
    }
    let heads: Vec<String> = configs.iter().map(ToString::to_string).collect();
    println!("\nNanoseconds per call, median of {} processes.\n", options.runs);
    println!("| call | native | {} |", heads.join(" | "));
    println!("|---|---:|{}", "---:|".repeat(configs.len()));
    let names: Vec<String> = columns[0].iter().map(|(name, _)| name.clone()).collect();
    for name in names {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                column.iter().find(|(other, _)| *other == name).map_or("-".to_owned(), |(_, time)| format!("{time:.0}"))
            })
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// The median time of each call over some runs of the probe, which prints `NANOSECONDS NAME` lines.
fn measure(job: &Job, runs: usize) -> Result<Vec<(String, f64)>, String> {
    let mut all: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..runs {
        let seen = job.run().map_err(|error| error.to_string())?;
        if seen.status != Status::Code(0) {
            return Err(format!("bench.calls ended with {:?}: {}", seen.status, seen.complaints()));
        }
        for line in seen.text().lines() {
            let (time, name) = line.split_once(' ').ok_or_else(|| format!("cannot read {line:?}"))?;
            let time = time.parse().map_err(|_| format!("no number in {line:?}"))?;
            match all.iter_mut().find(|(other, _)| other == name) {
                Some((_, times)) => times.push(time),
                None => all.push((name.to_owned(), vec![time])),
            }
        }
    }
    Ok(all.into_iter().map(|(name, mut times)| (name, median(&mut times))).collect())
}
