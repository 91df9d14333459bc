//! nurse runs an unmodified Linux program so that it can do nothing its policy does not allow.
//!
//! The crate is the broker: it starts the guest, receives its requests, decides and acts. See ARCHITECTURE.md.

pub mod broken;
pub mod call;
pub mod cli;
pub mod doctor;
pub mod elf;
pub mod filter;
pub mod guest;
pub mod job;
pub mod memory;
pub mod message;
pub mod options;
pub mod policy;
pub mod program;
pub mod refusals;
pub mod resolve;
pub mod sys;
pub mod syscalls;
pub mod channel;
pub mod image;
pub mod launch;
pub mod pages;
pub mod supervise;
pub mod run;
