//! What was refused: counted, remembered for the summary line, and told as it happens when the user wants to see it.

use crate::call::Errno;
use crate::message::{self, escape};
use crate::options::LogForm;

mod hint;

/// Refusals of one run.
#[derive(Debug, Default)]
pub struct Refusals {
    seen: Vec<Refusal>,
    /// Refusals beyond the ones kept.
    more: u64,
    /// Whether and how each is printed as it happens.
    report: Option<LogForm>,
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
/// Refusals that the summary names.
const NAMED: usize = 3;

impl Refusals {
    /// Refusals that are printed to standard error as they happen, if `report` says how.
    #[must_use]
    pub fn reporting(report: Option<LogForm>) -> Self {
        Self { report, ..Self::default() }
    }

    /// Remembers a refusal.
    pub fn add(&mut self, what: String, errno: Errno, why: String) {
        log::debug!("refused {}: {errno:?} ({})", escape(&what), escape(&why));
        let known = self.seen.iter().position(|known| known.errno == errno && known.what == what);
        let Some(index) = known.or_else(|| self.keep(what, errno, why)) else {
            self.more += 1;
            return;
        };
        let refusal = &mut self.seen[index];
        refusal.count += 1;
        // A program that repeats itself must not flood the terminal: the 1st, 10th, 100th … time is told.
        if let Some(form) = self.report
            && is_power_of_ten(refusal.count)
        {
            match form {
                LogForm::Text => message::tell(&refusal.explain()),
                LogForm::Json => message::line(&refusal.json()),
            }
        }
    }

    /// A new kind, its count still 0; `None` if there are too many.
    fn keep(&mut self, what: String, errno: Errno, why: String) -> Option<usize> {
        if self.seen.len() >= KEPT {
            if self.more == 0 && self.report == Some(LogForm::Text) {
                message::tell("too many different refusals; from here on they are only counted");
            }
            return None;
        }
        self.seen.push(Refusal { what, errno, why, count: 0 });
        Some(self.seen.len() - 1)
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

    /// The line for the end of the run; `None` if nothing was refused.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let total = self.total();
        let calls = match total {
            0 => return None,
            1 => "1 call refused".to_owned(),
            _ => format!("{total} calls refused"),
        };
        let named: Vec<String> = self.seen.iter().take(NAMED).map(Refusal::brief).collect();
        let rest = total - self.seen.iter().take(NAMED).map(|refusal| refusal.count).sum::<u64>();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let see = if self.report.is_some() { "" } else { "; see --explain" };
        Some(format!("{calls} ({}{rest}){see}", named.join(", ")))
    }

    /// The summary for programs: one JSON object.
    #[must_use]
    pub fn summary_json(&self) -> String {
        serde_json::json!({ "event": "summary", "refused": self.total(), "different": self.seen.len() }).to_string()
    }
}

impl Refusal {
    /// `open /etc/shadow EPERM`, and how often if more than once.
    fn brief(&self) -> String {
        let times = if self.count > 1 { format!(" x{}", self.count) } else { String::new() };
        format!("{} {:?}{times}", escape(&self.what), self.errno)
    }

    /// What, errno, why, and the flag that would have allowed it: one line for people.
    #[must_use]
    pub fn explain(&self) -> String {
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", escape(&self.why)) };
        let hint = self.hint().map_or(String::new(), |hint| format!("; `{hint}` would allow it"));
        format!("refused {}{why}{hint}", self.brief())
    }

    /// The same for programs: one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::json!({
            "event": "refused",
            "what": self.what,
            "errno": format!("{:?}", self.errno),
            "why": self.why,
            "count": self.count,
            "hint": self.hint(),
        })
        .to_string()
    }

    /// The flag that would have allowed it (`-r /etc/shadow`), if one would.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        // A flag adds a rule that allows; where a rule denies, that would change nothing.
        self.why.starts_with("no rule").then(|| hint::flag(&self.what, &self.why)).flatten()
    }
}

fn is_power_of_ten(count: u64) -> bool {
    count > 0 && 10_u64.checked_pow(count.ilog10()) == Some(count)
}

#[cfg(test)]
mod tests;
