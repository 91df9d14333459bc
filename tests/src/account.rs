//! Who a command runs as.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The user that a command runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// Someone without privileges: `nobody` when the tests run as root, otherwise whoever runs them.
    Ordinary,
    /// Whoever runs the tests.
    Own,
}

/// uid and gid of `nobody`.
const NOBODY: u32 = 65534;

impl Account {
    /// Makes `command` run as this user. Supplementary groups are dropped with the uid.
    pub fn apply(self, command: &mut Command) {
        if self == Account::Ordinary && nix::unistd::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
    }
}
