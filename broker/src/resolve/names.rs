//! Paths as strings: what can be said of one without asking the kernel.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::{bytes, own};

/// Whether a component is `..`.
pub(super) fn climbs(path: &Path) -> bool {
    components(path).any(|name| name == b"..")
}

/// The components as the kernel sees them: `.` and `..` are kept, empty ones are not.
pub(super) fn components(path: &Path) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes(path).split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// The same, as owned names with the last one first: a stack of what is left to walk.
pub(super) fn stack(path: &Path) -> Vec<OsString> {
    components(path).rev().map(|name| OsString::from_vec(name.to_vec())).collect()
}

/// Whether the last component has to be a directory: `a/`, `a/.`.
pub(super) fn wants_directory(path: &Path) -> bool {
    bytes(path).ends_with(b"/")
}

/// The path that `path` names if nothing in it is a symlink.
pub(super) fn literal(base: BorrowedFd<'_>, path: &Path) -> Option<PathBuf> {
    let mut full = if path.is_absolute() { PathBuf::from("/") } else { live(own::shown(base).ok()?)? };
    full.extend(components(path).filter(|name| *name != b".").map(|name| OsString::from_vec(name.to_vec())));
    Some(full)
}

/// A path as /proc shows it, without the mark of a deleted file; `None` if it is no path at all.
pub(super) fn live(shown: PathBuf) -> Option<PathBuf> {
    let text = bytes(&shown);
    if !text.starts_with(b"/") {
        return None;
    }
    match text.strip_suffix(DELETED) {
        Some(rest) => Some(PathBuf::from(OsString::from_vec(rest.to_vec()))),
        None => Some(shown),
    }
}

/// What the kernel puts behind the path of an unlinked file.
pub(super) const DELETED: &[u8] = b" (deleted)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_components_climb() {
        assert!(climbs(Path::new("a/../b")) && climbs(Path::new("..")) && climbs(Path::new("/..")));
        assert!(!climbs(Path::new("a..b/...")) && !climbs(Path::new("/a/.../..b")));
    }

    #[test]
    fn a_literal_path_loses_dots_and_slashes_but_keeps_its_names() {
        let path = literal(rustix::fs::CWD, Path::new("//a/./b//c d/"));
        assert_eq!(path.as_deref(), Some(Path::new("/a/b/c d")));
    }

    #[test]
    fn what_is_no_path_has_none() {
        assert_eq!(live(PathBuf::from("pipe:[1]")), None);
        assert_eq!(live(PathBuf::from("(unreachable)/a")), None);
        assert_eq!(live(PathBuf::from("/a (deleted)")), Some(PathBuf::from("/a")));
    }
}
