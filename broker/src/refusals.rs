//! What was refused, counted and remembered for the summary line.

use crate::call::Errno;

/// Refusals of one run.
#[derive(Debug, Default)]
pub struct Refusals {
    seen: Vec<Refusal>,
    /// Refusals beyond the ones kept.
    more: u64,
}

/// One kind of refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for, as a person would write it: `open /etc/shadow`.
    pub what: String,
    /// What the program was told.
    pub errno: Errno,
    /// Why, with the rule's place when a rule said so.
    pub why: String,
    /// How often.
    pub count: u64,
}

/// Different refusals that are kept; a flood only counts.
const KEPT: usize = 1000;

impl Refusals {
    /// Remembers a refusal.
    pub fn add(&mut self, what: String, errno: Errno, why: String) {
        log::debug!("refused {what}: {errno:?} ({why})");
        if let Some(known) = self.seen.iter_mut().find(|known| known.what == what && known.errno == errno) {
            known.count += 1;
        } else if self.seen.len() < KEPT {
            self.seen.push(Refusal { what, errno, why, count: 1 });
        } else {
            self.more += 1;
        }
    }

    /// The different refusals, in the order in which they came.
    #[must_use]
    pub fn list(&self) -> &[Refusal] {
        &self.seen
    }

    /// How many calls were refused.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.more + self.seen.iter().map(|refusal| refusal.count).sum::<u64>()
    }
}
