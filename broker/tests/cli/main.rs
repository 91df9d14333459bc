//! The command line: what it means, what it prints where, and how it exits.
#![allow(clippy::unwrap_used)]

mod output;
mod parsing;
