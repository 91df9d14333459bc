//! Programs that try to get out of `nurse`, or to hurt it, from inside a guest thread with raw instructions.
//!
//! `attack NAME` carries one out. It prints a line per try: `held: WHAT: HOW` where the sandbox stood, `BREACHED: WHAT: HOW`
//! where it did not, and then ends at once with status 3. When all tries are over it shows that the broker still answers
//! (`alive`). The table in `README.md` says what each attack is about and which guards stop it; the suite `attacks` runs each
//! with its guards in place, and, by a build of `nurse` made for the purpose, with them left out.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "nothing here is safe, and on purpose: every block is an attack, or a load of one"
)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "as above")]
#![allow(clippy::unwrap_used, reason = "an attack that cannot go on has to fail loudly")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arguments of system calls are words")]

mod abi;
mod calls;
mod descriptors;
mod forge;
mod pages;
mod paths;
mod raw;
mod request;
mod trustee;

use std::process::ExitCode;

/// One attack: its name and what it does.
pub(crate) type Attack = (&'static str, fn());

const FAMILIES: &[&[Attack]] = &[
    pages::ATTACKS,
    request::ATTACKS,
    trustee::ATTACKS,
    abi::ATTACKS,
    calls::ATTACKS,
    descriptors::ATTACKS,
    paths::ATTACKS,
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let mut all = FAMILIES.iter().copied().flatten();
    if name == "--list" {
        let names: Vec<&str> = all.map(|(name, _)| *name).collect();
        raw::say(&names.join("\n"));
        return ExitCode::SUCCESS;
    }
    if name == "host.wait" {
        // For what the suite looks at from outside.
        raw::say(&format!("waiting {}", raw::call(libc::SYS_getpid as u64, &[])));
        let hour = [3600_u64, 0];
        raw::call(libc::SYS_nanosleep as u64, &[hour.as_ptr() as u64, 0]);
    }
    let Some((_, run)) = all.find(|(known, _)| *known == name) else {
        raw::say(&format!("attack: none is called {name:?}; see attack --list"));
        return ExitCode::from(64);
    };
    run();
    raw::alive();
    ExitCode::SUCCESS
}
