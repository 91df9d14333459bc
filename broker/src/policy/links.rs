//! Where symbolic links lead the fixed part of a pattern.
//!
//! Paths are decided on after resolution, so a pattern that names `/lib` on a system where that is a link to `/usr/lib` would
//! never match: worse, a `deny` of such a name would protect nothing. Links are followed once, when the policy is loaded, before
//! the guest runs.

use std::ffi::OsString;
use std::path::{Component as Part, Path, PathBuf};

use super::pattern::{Component, Pattern};

/// As many as the kernel follows (MAXSYMLINKS).
const MAX_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Led {
    /// Free of links, `.` and `..`. What does not exist is kept as written.
    pub(super) real: PathBuf,
    /// Each link on the way, by its own resolved name.
    pub(super) links: Vec<PathBuf>,
}

/// Follows the links in an absolute path; `None` when they go round in a circle.
pub(super) fn follow(path: &Path) -> Option<Led> {
    let mut todo: Vec<OsString> = parts(path);
    let mut led = Led { real: PathBuf::from("/"), links: Vec::new() };
    while let Some(part) = todo.pop() {
        if part == ".." {
            led.real.pop();
            continue;
        }
        led.real.push(part);
        // Anything but a readable link, what does not exist included, is kept as it is.
        let Ok(target) = std::fs::read_link(&led.real) else { continue };
        if led.links.len() == MAX_LINKS {
            return None;
        }
        led.links.push(led.real.clone());
        led.real.pop();
        if target.is_absolute() {
            led.real = PathBuf::from("/");
        }
        todo.extend(parts(&target));
    }
    Some(led)
}

/// The components of a path, last first, without `/` and `.`.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Part::Normal(name) => Some(name.to_owned()),
        Part::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.rev().collect()
}

/// The pattern with its fixed part led to where it really is, if that is elsewhere, and the links on the way.
pub(super) fn follow_pattern(pattern: &Pattern) -> (Option<Pattern>, Vec<Pattern>) {
    let fixed = pattern.fixed_path();
    // The kernel's own links in /proc change with who asks, and lead to no path at that.
    if fixed.starts_with("/proc") {
        return (None, Vec::new());
    }
    let Some(led) = follow(&fixed) else { return (None, Vec::new()) };
    if led.links.is_empty() {
        return (None, Vec::new());
    }
    let rest = pattern.components.iter().skip_while(|component| matches!(component, Component::Literal(_)));
    let real = Pattern::literal(&led.real).ok().map(|mut real| {
        real.components.extend(rest.cloned());
        real
    });
    (real, led.links.iter().filter_map(|link| Pattern::literal(link).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_and_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("real/deep")).unwrap();
        symlink("real", top.join("one")).unwrap();
        symlink(top.join("one/deep"), top.join("two")).unwrap();
        let led = follow(&top.join("two/../not/there")).unwrap();
        assert_eq!(led.real, top.join("real/not/there"));
        assert_eq!(led.links, [top.join("two"), top.join("one")]);

        let pattern = Pattern::parse(&top, "two/x/*.txt").unwrap();
        let (real, links) = follow_pattern(&pattern);
        assert_eq!(real, Some(Pattern::parse(&top, "real/deep/x/*.txt").unwrap()));
        assert_eq!(links.len(), 2);
        assert_eq!(follow_pattern(&Pattern::parse(&top, "real/**").unwrap()), (None, Vec::new()));
    }

    #[test]
    fn a_circle_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        assert_eq!(follow(&dir.path().join("a")), None);
    }
}
