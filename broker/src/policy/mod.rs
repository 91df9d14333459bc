//! Policies: Rhai scripts that declare rules, compiled to native matchers, and hooks for what rules leave open.

mod verdict;
pub use verdict::{Access, Decision, Verdict};

use std::path::Path;

/// A loaded policy (or several that all have to agree).
#[derive(Debug)]
pub struct Policy;

/// What a path is asked for, besides the access.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The system call's name.
    pub call: &'static str,
    /// The resolved path: no symlinks, no `..`.
    pub path: &'a Path,
    /// What the call would do to it.
    pub access: Access,
    /// Open flags (O_*), or 0.
    pub flags: i32,
    /// Mode bits of a creating call, or 0.
    pub mode: u32,
}

impl Policy {
    /// Decides about a path.
    #[must_use]
    pub fn path(&self, asked: &Asked<'_>) -> Decision {
        let _ = (self, asked);
        Decision { verdict: Verdict::Allow, why: String::new() }
    }

    /// Decides about a call that has no path: by its name, and what it would do in words (`socket AF_INET`).
    #[must_use]
    pub fn call(&self, name: &'static str, what: &str) -> Decision {
        let _ = (self, name, what);
        Decision { verdict: Verdict::Allow, why: String::new() }
    }
}
