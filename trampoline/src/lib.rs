#![cfg_attr(not(test), no_std)]
//! The code of nurse that lives beside the guest, and what the broker shares with it.

pub mod layout;
pub mod syscall;
