//! Small programs, one per behaviour, each of which says what it saw in words that are the same on every run.
//!
//! `probe NAME` runs one, `probe --list` names them and how each ends. None knows about `nurse`: whatever a probe prints
//! natively is what it has to print in there. Pids, addresses, times and inode numbers are never printed.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every block here is one system call or one load, made on purpose, right or wrong"
)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "as above")]
#![allow(clippy::unwrap_used, reason = "a probe that cannot go on has to fail loudly")]
#![allow(clippy::print_stdout, reason = "printing is what probes are for")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arguments of system calls are words")]

#[macro_use]
mod raw;

mod attributes;
mod clocks;
mod delivery;
mod descriptors;
mod directories;
mod end;
mod forking;
mod handlers;
mod identity;
mod io;
mod links;
mod memory;
mod open;
mod registers;
mod sockets;
mod startup;
mod stat;
mod storm;
mod threads;
mod timing;
mod transfer;
mod tree;
mod waiting;

use std::process::ExitCode;

/// One probe.
pub(crate) struct Probe {
    name: &'static str,
    ends: &'static str,
    run: fn(),
}

/// A probe that ends with exit code 0.
const fn probe(name: &'static str, run: fn()) -> Probe {
    Probe { name, ends: "0", run }
}

/// A probe that ends otherwise: `7`, or `signal 11`.
const fn ending(name: &'static str, ends: &'static str, run: fn()) -> Probe {
    Probe { name, ends, run }
}

const FAMILIES: &[&[Probe]] = &[
    io::PROBES,
    transfer::PROBES,
    open::PROBES,
    directories::PROBES,
    stat::PROBES,
    links::PROBES,
    tree::PROBES,
    attributes::PROBES,
    memory::PROBES,
    descriptors::PROBES,
    waiting::PROBES,
    sockets::PROBES,
    clocks::PROBES,
    identity::PROBES,
    handlers::PROBES,
    delivery::PROBES,
    storm::PROBES,
    registers::PROBES,
    startup::PROBES,
    end::PROBES,
    threads::PROBES,
    forking::PROBES,
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let mut all = FAMILIES.iter().copied().flatten();
    if name == "--list" {
        all.for_each(|probe| println!("{} {}", probe.name, probe.ends));
        return ExitCode::SUCCESS;
    }
    if name == "bench.calls" {
        timing::calls();
        return ExitCode::SUCCESS;
    }
    match all.find(|probe| probe.name == name) {
        Some(probe) => {
            (probe.run)();
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("probe: no probe is called {name:?}; see probe --list");
            ExitCode::from(64)
        }
    }
}
