//! nurse runs an unmodified Linux program so that it can do nothing its policy does not allow.
//!
//! The crate is the broker: it starts the guest, receives its requests, decides and acts. See ARCHITECTURE.md.
#![deny(unsafe_code, reason = "unsafe lives in the files that allow it by name")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::multiple_unsafe_ops_per_block,
        clippy::print_stdout,
        reason = "a test may fail by panic; the same code is linted without tests, too"
    )
)]

pub mod broken;
pub mod call;
pub mod channel;
pub mod cli;
pub mod doctor;
pub mod elf;
pub mod filter;
pub mod guest;
pub mod image;
pub mod job;
pub mod launch;
pub mod memory;
pub mod message;
pub mod options;
pub mod pages;
pub mod policy;
pub mod program;
pub mod refusals;
pub mod resolve;
pub mod run;
pub mod supervise;
pub mod sys;
pub mod syscalls;
