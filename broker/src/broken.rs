//! **For tests only.** Guards that a build with the cargo feature `break-guards` can be told to leave out, by
//! `NURSE_BREAK=NAME,NAME`: an attack test proves that it can fail by being seen to succeed where its guards are gone.
//!
//! The feature is never on by default. Without it [`is`] is the constant `false`, the variable means nothing, and the
//! compiler drops every branch that asks. With it `nurse --version` says so, and so does every run.

/// A guard that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is told by its row in `GUARDS`")]
#[repr(u32)]
pub enum Guard {
    Seals,
    Mseal,
    ReadOnly,
    Shared,
    Close,
    Strict,
    Dispatch,
    Grants,
    Range,
    Words,
    Fds,
    Signal,
    Fcntl,
    Zero,
    Filter,
    Bounds,
    Never,
    Judgement,
    Snapshot,
    Copy,
    Clamp,
    Pause,
    Fill,
    Bells,
    Workers,
    Death,
    Confirm,
    Landlock,
    Sweep,
    ParentDeath,
    Injection,
    Procfs,
    Pin,
    Policy,
    Escape,
}

/// Name in `NURSE_BREAK`, guard, and what is left out.
pub const GUARDS: &[(&str, Guard, &str)] = &[
    ("seals", Guard::Seals, "the seals of the memfds that the guest maps"),
    ("mseal", Guard::Mseal, "mseal(2) of the guard range"),
    ("read-only", Guard::ReadOnly, "constants and orders are mapped read-only in the guest"),
    ("shared", Guard::Shared, "constants and orders are mapped shared, not private"),
    ("close", Guard::Close, "the guest's fds of its memfds are closed once they are mapped"),
    ("strict", Guard::Strict, "the guest thread enters strict mode, or wears the filter that stands in for it"),
    ("dispatch", Guard::Dispatch, "Syscall User Dispatch"),
    ("grants", Guard::Grants, "the list of what is granted: every call is, unchecked"),
    ("range", Guard::Range, "the trustee's check that a range does not touch the guard"),
    ("words", Guard::Words, "the trustee's check that a futex word is not in the guard"),
    ("fds", Guard::Fds, "the trustee's check that an fd is not reserved"),
    ("signal", Guard::Signal, "the trustee's check that a signal is not the cancel signal"),
    ("fcntl", Guard::Fcntl, "the trustee's check of fcntl commands"),
    ("zero", Guard::Zero, "the trustee's check that a signal mask is NULL"),
    ("filter", Guard::Filter, "the trustee's seccomp filter"),
    ("bounds", Guard::Bounds, "the broker's check of ranges and reserved fds"),
    ("never", Guard::Never, "the table's refusals: the trustee is ordered to make such calls"),
    (
        "judgement",
        Guard::Judgement,
        "what the broker decides of calls that a trustee makes (prctl among them): all are ordered as asked for",
    ),
    ("snapshot", Guard::Snapshot, "one copy of a request: number and arguments of an order are fetched a second time"),
    ("copy", Guard::Copy, "what an order points to is a copy in a read-only page, not the request itself"),
    ("clamp", Guard::Clamp, "the bound on how much of a request is copied"),
    ("pause", Guard::Pause, "nothing; widens the time between a decision and its execution to 5 ms, for races"),
    ("fill", Guard::Fill, "the check that a result fits its request slot"),
    ("bells", Guard::Bells, "the broker never waits for room in a bell that the guest can fill"),
    ("workers", Guard::Workers, "the bound on pieces of blocking work under way"),
    ("death", Guard::Death, "the watch over the guest thread's death"),
    ("confirm", Guard::Confirm, "the look at /proc whether a late door's guest is confined"),
    ("landlock", Guard::Landlock, "the guest's Landlock domain"),
    ("sweep", Guard::Sweep, "inherited fds are closed"),
    ("parent-death", Guard::ParentDeath, "the guest dies with the broker"),
    ("injection", Guard::Injection, "an fd that could not be received is an error"),
    ("procfs", Guard::Procfs, "the resolver knows procfs"),
    ("pin", Guard::Pin, "what was decided about is what is opened"),
    ("policy", Guard::Policy, "the policy: everything is allowed"),
    ("escape", Guard::Escape, "control characters in messages are escaped"),
];

/// Whether this guard is left out: never, in a build without the feature `break-guards`.
#[cfg(not(feature = "break-guards"))]
#[must_use]
pub const fn is(_guard: Guard) -> bool {
    false
}

/// Whether `NURSE_BREAK` names this guard.
#[cfg(feature = "break-guards")]
#[must_use]
pub fn is(guard: Guard) -> bool {
    chosen() & (1 << guard as u32) != 0
}

/// The guards that `NURSE_BREAK` names, as bits. A name that is none ends nurse: a test must not take a slip of the pen for
/// a guard that held.
#[cfg(feature = "break-guards")]
fn chosen() -> u64 {
    static CHOSEN: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let names = std::env::var("NURSE_BREAK").unwrap_or_default();
        names.split(',').filter(|name| !name.is_empty()).fold(0, |bits, name| {
            match GUARDS.iter().find(|(known, ..)| *known == name) {
                Some((_, guard, _)) => bits | 1 << *guard as u32,
                None => {
                    crate::message::tell(&format!("NURSE_BREAK: no guard is called {name:?}"));
                    std::process::exit(64)
                }
            }
        })
    })
}

/// Tells the user what this build is, before anything runs. Nothing, in a build without the feature.
pub fn warn() {
    #[cfg(feature = "break-guards")]
    {
        chosen();
        let names: Vec<&str> = GUARDS.iter().filter(|(_, guard, _)| is(*guard)).map(|(name, ..)| *name).collect();
        let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        crate::message::tell(&format!(
            "THIS BUILD CAN BREAK ITS OWN GUARDS: it is for tests, never for use (broken: {names})"
        ));
    }
}

/// What `nurse --version` says.
#[cfg(not(feature = "break-guards"))]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What `nurse --version` says.
#[cfg(feature = "break-guards")]
pub const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " WITH BREAKABLE GUARDS: for tests of nurse itself, UNSAFE for any use");

/// What the guest's side of the start leaves out, as [`Handoff::breaks`](trampoline::layout::Handoff).
#[cfg(feature = "break-guards")]
#[must_use]
pub fn handoff() -> u64 {
    use trampoline::layout::breaks;
    [
        (Guard::Mseal, breaks::MSEAL),
        (Guard::ReadOnly, breaks::READ_ONLY),
        (Guard::Shared, breaks::SHARED),
        (Guard::Close, breaks::CLOSE),
        (Guard::Strict, breaks::STRICT),
        (Guard::Dispatch, breaks::DISPATCH),
    ]
    .iter()
    .filter(|(guard, _)| is(*guard))
    .fold(0, |bits, (_, bit)| bits | bit)
}

/// A standing grant, less the checks that are left out.
#[must_use]
pub fn grant(given: u32) -> u32 {
    use trampoline::syscall::checks::{FCNTL, FD0, FD1, FD2, FD4, GRANTED, RANGE, SIGNAL, WORDS, ZERO3, ZERO4, ZERO5};
    if is(Guard::Grants) {
        return GRANTED;
    }
    let checks = [
        (Guard::Range, RANGE),
        (Guard::Words, WORDS),
        (Guard::Fds, FD0 | FD1 | FD2 | FD4),
        (Guard::Signal, SIGNAL),
        (Guard::Fcntl, FCNTL),
        (Guard::Zero, ZERO3 | ZERO4 | ZERO5),
    ];
    checks.iter().filter(|(guard, _)| is(*guard)).fold(given, |left, (_, check)| left & !check)
}

/// Lets the guest run between a decision and its execution.
pub fn pause() {
    if is(Guard::Pause) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
