//! Which attack is stopped by what. `tests/attacks/README.md` tells the same in words.

/// How a run with all guards in place ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, after the broker has answered once more.
    Alive,
    /// The engine kills: strict mode the thread, upon which nurse kills the rest; the filter the process.
    Confined,
    /// nurse kills what a dead thread has left.
    Dead,
    /// The kernel kills by this signal.
    Signal(i32),
}

/// How it shows that an attack has succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Breach {
    /// The attack says so.
    Told,
    /// nurse does not end.
    Hang,
    /// Files outside of the scratch folder are not as they were.
    Harm,
    /// Standard error has this in it.
    Note(&'static str),
}

/// One attack.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) attack: &'static str,
    /// What stops it, as `NURSE_BREAK` names it; each of them alone.
    pub(crate) guards: &'static [&'static str],
    /// Left out besides, in runs with guards left out: what only makes the attack easier, or its success visible.
    pub(crate) with: &'static [&'static str],
    pub(crate) end: End,
    pub(crate) breach: Breach,
    /// Most that a run may take.
    pub(crate) seconds: u64,
}

const fn row(attack: &'static str, guards: &'static [&'static str]) -> Row {
    Row { attack, guards, with: &[], end: End::Alive, breach: Breach::Told, seconds: 30 }
}

impl Row {
    const fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    const fn with(mut self, with: &'static [&'static str]) -> Self {
        self.with = with;
        self
    }

    const fn shown_by(mut self, breach: Breach) -> Self {
        self.breach = breach;
        if let Breach::Hang = breach {
            self.seconds = 6;
        }
        self
    }
}

/// All attacks.
pub(crate) const ROWS: &[Row] = &[
    row("pages.mprotect-direct", &["range", "mseal", "seals"]),
    row("pages.mprotect-posted", &["bounds", "mseal", "seals"]),
    row("pages.mmap-direct", &["range", "mseal"]),
    row("pages.mmap-posted", &["bounds", "mseal"]),
    row("pages.munmap-direct", &["range", "mseal"]),
    row("pages.munmap-posted", &["bounds", "mseal"]),
    row("pages.lock-direct", &["range", "mseal"]),
    row("pages.lock-posted", &["bounds", "mseal"]),
    // A seal of mseal(2) does not cover MADV_REMOVE of shared pages.
    row("pages.remove-posted", &["bounds", "seals"]).with(&["mseal"]),
    row("pages.advice-direct", &["range"]),
    row("pages.advice-posted", &["bounds"]),
    row("pages.mremap-from", &["bounds", "mseal"]),
    row("pages.mremap-onto", &["bounds", "mseal"]),
    row("pages.others", &["never", "filter"]),
    row("pages.obey", &["range", "mseal"]),
    row("pages.store", &["read-only", "seals"]),
    row("pages.kernel-store", &["read-only", "seals"]),
    row("pages.proc-mem", &["procfs", "shared", "policy"]),
    row("pages.memfds", &["close", "seals"]),
    row("request.flip-args", &["snapshot"]).with(&["pause"]),
    row("request.flip-number", &["snapshot"]).with(&["pause"]),
    row("request.flip-address", &["copy"]).with(&["pause"]),
    row("request.numbers", &[]),
    row("request.ungranted", &["grants", "filter", "landlock"]),
    row("request.not-granted", &["grants", "filter"]),
    row("request.replay", &[]),
    row("request.words", &["words"]),
    row("request.own-death", &["death"]).ends(End::Dead).shown_by(Breach::Hang),
    row("request.fill", &["fill"]),
    row("request.junk", &["clamp"]).shown_by(Breach::Note("capacity overflow")),
    row("request.die-meanwhile", &["death"]).ends(End::Dead).shown_by(Breach::Hang),
    row("request.flood", &[]),
    row("request.full-bell", &["bells"]).ends(End::Dead).shown_by(Breach::Hang),
    row("request.busy-trustee", &["bells"]).ends(End::Dead).shown_by(Breach::Hang),
    row("trustee.cancel-handler", &["signal", "filter"]),
    row("trustee.own-state", &["grants", "filter"]),
    row("trustee.rseq", &["grants", "filter"]),
    row("trustee.masks", &["zero", "filter"]),
    row("trustee.signals", &["judgement"]),
    row("trustee.cancel-storm", &[]),
    row("abi.gadget", &["strict"]).ends(End::Confined),
    row("abi.x32", &["strict"]).ends(End::Confined),
    row("abi.x32-dispatched", &[]),
    row("abi.int80", &["dispatch", "strict"]).with(&["landlock"]),
    row("abi.mode32", &["dispatch", "strict"]).with(&["landlock"]),
    row("abi.vsyscall", &["strict"]).ends(End::Confined),
    row("abi.masked-sigsys", &["dispatch", "strict"]).with(&["landlock"]).ends(End::Signal(31)),
    row("abi.forged-frame", &["strict"]).ends(End::Confined),
    row("calls.never", &["never", "filter"]),
    row("calls.prctl", &["judgement", "filter"]),
    row("calls.terminal", &["judgement", "filter"]),
    row("calls.owner", &["fcntl", "filter"]),
    row("fds.inherited", &["sweep"]),
    row("fds.doorbells", &[]),
    row("fds.stolen-message", &[]),
    row("fds.reserved-direct", &["fds"]),
    row("fds.reserved-posted", &["bounds"]),
    row("fds.full-table", &["injection"]),
    row("fds.reopen", &["policy"]),
    row("paths.race", &["pin"]).with(&["pause"]),
    row("paths.links", &["policy"]),
    row("paths.truncate", &["policy"]).shown_by(Breach::Harm),
    row("paths.proc", &["procfs"]),
    row("paths.names", &["escape"]).shown_by(Breach::Note("\x1b[2J")),
    row("paths.kinds", &["workers"]),
];
