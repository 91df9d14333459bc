//! Turns cases into named trials: one natively, one per configuration.

use crate::{Config, Job, Outcome, Scratch, Status, same};
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::sync::Arc;

/// Makes a job for a scratch directory, in which it may lay things out first.
pub type MakeJob = dyn Fn(&Path) -> Result<Job, String> + Send + Sync;

/// One thing to run, natively and under `nurse`.
#[derive(Clone)]
pub struct Case {
    /// Its name within the suite.
    pub name: String,
    /// Makes the job that writes to the given directory at most. It fails when something is not installed.
    pub job: Arc<MakeJob>,
    /// How the job ends natively.
    pub ends: Status,
    /// What native standard output has to look like under `nurse`: the same, but for differences that are meant.
    pub expected: fn(name: &str, native: &[u8]) -> Result<Vec<u8>, String>,
}

impl Case {
    /// A case that ends with exit code 0.
    pub fn new(name: impl Into<String>, job: impl Fn(&Path) -> Result<Job, String> + Send + Sync + 'static) -> Self {
        Case { name: name.into(), job: Arc::new(job), ends: Status::Code(0), expected: |_, native| Ok(native.to_vec()) }
    }

    /// The trial that the case is sound: it ends as it should and does the same twice.
    #[must_use]
    pub fn native(&self) -> Trial {
        let case = self.clone();
        Trial::test(format!("native/{}", self.name), move || case.check_native().map_err(Failed::from))
    }

    /// The trial that it does under `nurse` what it does natively.
    #[must_use]
    pub fn under(&self, config: Config) -> Trial {
        let case = self.clone();
        Trial::test(format!("{config}/{}", self.name), move || case.check(config).map_err(Failed::from))
    }

    /// The trial that what nurse does not do yet is refused in so many words, and the program ends by itself.
    #[must_use]
    pub fn refused(&self, config: Config) -> Trial {
        let case = self.clone();
        Trial::test(format!("{config}/{} is refused", self.name), move || {
            case.check_refused(config).map_err(Failed::from)
        })
    }

    fn check_refused(&self, config: Config) -> Result<(), String> {
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let nurse = self.run(&scratch, Some(config))?;
        let said = nurse.complaints();
        let refused =
            ["clone EAGAIN", "clone ENOSYS", "fork ENOSYS", " EPERM"].iter().any(|words| said.contains(words));
        if !said.contains("refused (") || !refused {
            return Err(format!("no refusal of a thread, a process or an exec is told:\n{said}"));
        }
        match nurse.status {
            Status::Code(_) => Ok(()),
            status => Err(format!("ended with {status:?}:\n{said}")),
        }
    }

    fn check_native(&self) -> Result<(), String> {
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let first = self.run(&scratch, None)?;
        if first.status != self.ends {
            return Err(format!(
                "ends with {:?}, not {:?}\n{}\n{}",
                first.status,
                self.ends,
                first.text(),
                first.complaints()
            ));
        }
        if first.stdout.is_empty() && first.files.is_empty() && self.ends == Status::Code(0) {
            return Err("says and leaves nothing: there would be nothing to compare".to_owned());
        }
        let second = self.run(&scratch, None)?;
        let second = Outcome { status: crate::wrapped_status(second.status), ..second };
        same(&first, &second).map_err(|report| format!("two native runs differ, no base to compare with:\n{report}"))
    }

    fn check(&self, config: Config) -> Result<(), String> {
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let mut native = self.run(&scratch, None)?;
        native.stdout = (self.expected)(&self.name, &native.stdout)?;
        let nurse = self.run(&scratch, Some(config))?;
        same(&native, &nurse)
    }

    fn run(&self, scratch: &Scratch, config: Option<Config>) -> Result<Outcome, String> {
        scratch.clear().map_err(|error| format!("emptying the scratch directory: {error}"))?;
        let job = (self.job)(&scratch.path())?;
        let job = match config {
            Some(config) => config.wrap(&job, &[&scratch.path()])?,
            None => job,
        };
        let outcome = job.run().map_err(|error| error.to_string())?;
        Ok(Outcome { files: scratch.listing(), ..outcome })
    }
}
