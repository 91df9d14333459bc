#![cfg_attr(not(test), no_std)]
//! The code of nurse that lives beside the guest, and what the broker shares with it.
//!
//! `layout`, `syscall`, `abi` and `checks` are plain data and safe code that both sides use. The rest runs in the guest:
//! `enter` and `load` before the program's first instruction, `entry`, `marshal`, `request`, `emulate`, `masked`, `signal` and
//! `fault` (the shim) in guest threads, without any authority, and `trustee` in its own thread.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::multiple_unsafe_ops_per_block,
    reason = "registers are 64-bit words of every type; the kernel's interface is made of such casts"
)]

pub mod abi;
pub mod checks;
pub mod copy;
pub mod emulate;
pub mod enter;
pub mod entry;
pub mod environment;
pub mod fault;
pub mod layout;
pub mod load;
pub mod marshal;
pub mod masked;
pub mod raw;
pub mod request;
pub mod signal;
pub mod syscall;
pub mod thread;
pub mod trustee;
pub mod vdso;
