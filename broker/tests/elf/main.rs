//! ELF vetting against real programs, against another parser, and against damage.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod build;
mod damage;
mod invariants;
mod real;
mod rules;
