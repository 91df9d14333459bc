//! The walls behind the wall that a guest is born with: a Landlock domain, where the kernel has it.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError,
};

use super::Entry;

/// Newest ABI whose rights are asked for; older kernels enforce what they know.
const NEWEST: ABI = ABI::V5;

/// A domain for the guest, prepared in the broker and entered by the child between fork and exec.
///
/// The guest opens nothing itself: the broker opens and sends fds. So a guest that comes in through the loader may open
/// nothing at all, and one whose own dynamic linker starts it may open and execute, but change nothing. Neither may
/// bind or connect TCP sockets on its own.
///
/// # Errors
/// As landlock(7); a kernel without Landlock is no error.
pub fn domain(entry: Entry, network: bool) -> Result<RulesetCreated, RulesetError> {
    let every = AccessFs::from_all(NEWEST);
    let mut rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(every)?;
    if !network {
        rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let rules = rules.create()?;
    match entry {
        Entry::Loader => Ok(rules),
        Entry::Audit | Entry::Preload => {
            let reading: BitFlags<AccessFs> = AccessFs::from_read(NEWEST);
            match PathFd::new("/") {
                Ok(root) => rules.add_rule(PathBeneath::new(root, reading)),
                Err(_) => Ok(rules),
            }
        }
    }
}
