//! The audit and preload doors open from inside the dynamic linker, which passes over a library it cannot load. So the broker
//! looks for itself whether the guest is confined, before the first answer.

use std::fs;

use nix::unistd::Pid;

use crate::launch::Engine;

/// Whether the guest's first thread is confined as `engine` says, by the kernel's own word in `/proc/PID/task/PID/status`.
#[must_use]
pub(super) fn is_confined(guest: Pid, engine: Engine) -> bool {
    let wanted = match engine {
        Engine::Strict => "1",
        Engine::Filter => "2",
    };
    let status = fs::read_to_string(format!("/proc/{guest}/task/{guest}/status")).unwrap_or_default();
    let is = |name: &str, value: &str| {
        status.lines().filter_map(|line| line.split_once(':')).any(|(key, found)| key == name && found.trim() == value)
    };
    is("Seccomp", wanted) && is("NoNewPrivs", "1")
}
