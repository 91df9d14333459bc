//! What a policy can say.

use crate::call::Errno;

bitflags::bitflags! {
    /// What a call would do to a path.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Access: u8 {
        /// Learn that it exists and its metadata: stat, readlink, access(F_OK), chdir.
        const LOOK = 1;
        /// Read its content or list it.
        const READ = 2;
        /// Change its content or metadata.
        const WRITE = 4;
        /// Bring it into being.
        const CREATE = 8;
        /// Remove it.
        const DELETE = 16;
        /// Execute it.
        const EXEC = 32;
    }
}

/// What becomes of a call.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go ahead.
    Allow,
    /// Refuse with this errno.
    Deny(Errno),
    /// As if it were not there: ENOENT.
    Hide,
    /// End the sandbox.
    Kill,
}

/// A verdict and its reason.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the call.
    pub verdict: Verdict,
    /// The rule or hook with its place (`python.rhai:14:1 deny("/secret/**")`), or "no rule allows it".
    pub why: String,
}
