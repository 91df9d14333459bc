//! Runs programs natively and under `nurse` and compares what they did.
//!
//! A [`Job`] is one command with its input and surroundings. [`Job::run`] carries it out as it is; a [`Config`] wraps it
//! into a `nurse` command line first. [`same`] compares two [`Outcome`]s and describes every difference.
//! [`fixture`] makes the input that real programs work on, [`Scratch`] the directory that they may write to.

mod account;
mod compare;
mod config;
pub mod fixture;
mod generate;
mod install;
mod job;
mod scratch;
pub mod suite;

pub use account::Account;
pub use compare::{same, wrapped_status};
pub use config::{Config, Engine, Entry, MATRIX, PRELOAD};
pub use install::{attack, nurse, placed, policy, probe, require};
pub use job::{Job, Outcome, Status};
pub use scratch::Scratch;
