//! Lines that differ on purpose, each with its reason. An entry that is no longer true fails its probe.

/// One line of one probe.
pub(crate) struct Difference {
    /// The probe.
    pub(crate) probe: &'static str,
    /// What it prints natively.
    pub(crate) native: &'static str,
    /// What it prints under nurse.
    pub(crate) nurse: &'static str,
    /// Why that is right.
    #[allow(dead_code, reason = "for the reader: a difference without a reason is a bug")]
    pub(crate) why: &'static str,
}

/// All of them.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        probe: "identity.ids",
        native: "kill 0 to nobody: ESRCH",
        nurse: "kill 0 to nobody: EPERM",
        why: "whether other processes exist is not told",
    },
    Difference {
        probe: "identity.scheduling",
        native: "set to none: EINVAL",
        nurse: "set to none: 0",
        why: "sched_setaffinity answers 0 and changes nothing: nurse keeps its threads together",
    },
    Difference {
        probe: "directories.deep",
        native: "deep down Ok([\"deep\", \"deep\"])",
        nurse: "deep down Err(InvalidFilename)",
        why: "the policy decides by the path, and a path beyond PATH_MAX has no name that could be decided on",
    },
    Difference {
        probe: "identity.prctl",
        native: "Ok(\"a-name-that-is-\\n\")",
        nurse: "Ok(\"probe\\n\")",
        why: "/proc/self/comm can only be written from inside the process; prctl itself tells the new name",
    },
    Difference {
        probe: "transfer.splice",
        native: "vmsplice: 5",
        nurse: "vmsplice: ENOSYS",
        why: "it would put pages themselves, nurse's among them, into a pipe",
    },
    Difference {
        probe: "transfer.splice",
        native: "read what vmsplice put: 5",
        nurse: "read what vmsplice put: EAGAIN",
        why: "as above",
    },
    Difference {
        probe: "sockets.pair",
        native: "internet pair: EOPNOTSUPP",
        nurse: "internet pair: EAFNOSUPPORT",
        why: "socketpair is granted for AF_UNIX only; either errno says that there is no such pair",
    },
];

/// The native output as it has to be under nurse, or what entry is out of date.
pub(crate) fn expected(probe: &str, native: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = String::from_utf8_lossy(native).into_owned();
    for difference in DIFFERENCES.iter().filter(|difference| difference.probe == probe) {
        let line = format!("{}\n", difference.native);
        if !text.contains(&line) {
            return Err(format!(
                "natively {probe} no longer says {:?}: remove it from differences.rs",
                difference.native
            ));
        }
        text = text.replacen(&line, &format!("{}\n", difference.nurse), 1);
    }
    Ok(text.into_bytes())
}
