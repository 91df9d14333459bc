//! Turns cases into named trials: one natively, one per configuration.

use crate::{Config, Job, Outcome, Scratch, Status, same};
use libtest_mimic::{Failed, Trial};
use std::path::Path;

/// One thing to run, natively and under `nurse`.
#[derive(Clone)]
pub struct Case {
    /// Its name within the suite.
    pub name: String,
    /// Makes the job that writes to the given directory at most. It fails when something is not installed.
    pub job: fn(name: &str, scratch: &Path) -> Result<Job, String>,
    /// How the job ends natively.
    pub ends: Status,
    /// Not for the audit and preload doors: there is no dynamic linker.
    pub loader_only: bool,
}

impl Case {
    /// A case that ends with exit code 0.
    pub fn new(name: impl Into<String>, job: fn(&str, &Path) -> Result<Job, String>) -> Self {
        Case {
            name: name.into(),
            job,
            ends: Status::Code(0),
            loader_only: false,
        }
    }

    /// The trial that the case is sound: it ends as it should and does the same twice.
    #[must_use]
    pub fn native(&self) -> Trial {
        let case = self.clone();
        Trial::test(format!("native/{}", self.name), move || {
            case.check_native().map_err(Failed::from)
        })
    }

    /// The trial that it does under `nurse` what it does natively.
    #[must_use]
    pub fn under(&self, config: Config) -> Trial {
        let case = self.clone();
        Trial::test(format!("{config}/{}", self.name), move || {
            case.check(config).map_err(Failed::from)
        })
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
        if first.stdout.is_empty() && self.ends == Status::Code(0) {
            return Err("says nothing: there would be nothing to compare".to_owned());
        }
        let second = self.run(&scratch, None)?;
        let second = Outcome {
            status: crate::wrapped_status(second.status),
            ..second
        };
        same(&first, &second)
            .map_err(|report| format!("two native runs differ, no base to compare with:\n{report}"))
    }

    fn check(&self, config: Config) -> Result<(), String> {
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let native = self.run(&scratch, None)?;
        let nurse = self.run(&scratch, Some(config))?;
        same(&native, &nurse)
    }

    fn run(&self, scratch: &Scratch, config: Option<Config>) -> Result<Outcome, String> {
        scratch
            .clear()
            .map_err(|error| format!("emptying the scratch directory: {error}"))?;
        let job = (self.job)(&self.name, &scratch.path())?;
        let job = match config {
            Some(config) => config.wrap(&job, &[&scratch.path()])?,
            None => job,
        };
        job.run().map_err(|error| error.to_string())
    }
}
