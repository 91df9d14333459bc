//! A name in a pinned directory: what calls that make, move or remove things work on.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Last, Lost, PATH_MAX, Pin, Start, bytes, child, pin};
use crate::call::Errno;
use crate::guest::Guest;

/// A name in a pinned directory, where something may be or not.
#[derive(Debug)]
pub struct Place {
    /// The directory.
    pub parent: Pin,
    /// One component as the kernel is to see it: trailing slash kept (`new/`), `.`, `..` or `/` as they came.
    pub name: OsString,
    /// The path that the policy is asked about.
    pub path: PathBuf,
}

impl Place {
    /// Resolves all but the last component of `path`.
    ///
    /// # Errors
    /// As [`pin`], of the parent directory.
    pub fn new(guest: &Guest, call: &'static str, start: Start<'_>, path: &Path) -> Result<Self, Lost> {
        let (parent, name) = Self::split(path)?;
        let parent = pin(guest, call, start, parent, Last::Follow).map_err(|lost| beneath(lost, name))?;
        Ok(Self::within(parent, name)?)
    }

    /// A path as its directory and its last component, trailing slashes included.
    ///
    /// # Errors
    /// `ENOENT` for an empty path, `ENAMETOOLONG`.
    pub(crate) fn split(path: &Path) -> Result<(&Path, &OsStr), Errno> {
        let text = bytes(path);
        if text.is_empty() {
            return Err(Errno::ENOENT);
        }
        if text.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let bare = text.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let (parent, last): (&[u8], &[u8]) = match text[..bare].iter().rposition(|byte| *byte == b'/') {
            _ if bare == 0 => (b"/", b"/"),
            Some(cut) => (&text[..=cut], &text[cut + 1..]),
            None => (b".", text),
        };
        Ok((Path::new(OsStr::from_bytes(parent)), OsStr::from_bytes(last)))
    }

    /// The place `name` in a pinned directory; one slash is left of any behind it.
    ///
    /// # Errors
    /// `ENOENT` if the directory has no path.
    pub(crate) fn within(parent: Pin, name: &OsStr) -> Result<Self, Errno> {
        let text = bytes(name);
        let bare = text.iter().rposition(|byte| *byte != b'/').map_or(text.len(), |last| last + 1);
        let last = OsStr::from_bytes(&text[..bare]);
        let dir = parent.path().ok_or(Errno::ENOENT)?;
        let path = match bytes(last) {
            b"." | b"/" => dir.to_owned(),
            b".." => dir.parent().unwrap_or(dir).to_owned(),
            _ => dir.join(last),
        };
        let mut name = last.to_owned();
        if bare < text.len() {
            name.push("/");
        }
        Ok(Self { parent, name, path })
    }

    /// Whether the last component is a name, not `.`, `..` or `/`.
    #[must_use]
    pub fn is_named(&self) -> bool {
        !matches!(self.bare(), b"." | b".." | b"/")
    }

    /// Whether a slash follows the last component, so that it has to be a directory.
    #[must_use]
    pub fn is_slashed(&self) -> bool {
        self.name.len() > 1 && bytes(&self.name).ends_with(b"/")
    }

    fn bare(&self) -> &[u8] {
        let name = bytes(&self.name);
        if self.is_slashed() { &name[..name.len() - 1] } else { name }
    }

    /// Whether names may be looked up in the directory: for calls with two paths, where the order of errors shows.
    ///
    /// # Errors
    /// `EACCES`, `ENOTDIR`.
    pub fn search(&self) -> Result<(), Errno> {
        child(self.parent.as_fd(), OsStr::new(".")).map(drop)
    }

    /// Pins what is there, symlinks unfollowed.
    ///
    /// # Errors
    /// `ENOENT` if nothing is.
    pub fn occupant(&self) -> Result<OwnedFd, Errno> {
        child(self.parent.as_fd(), OsStr::from_bytes(self.bare()))
    }
}

/// An error about the parent directory, told of the whole path.
fn beneath(lost: Lost, last: &OsStr) -> Lost {
    match lost {
        Lost::Errno { errno, at: Some(at) } => Lost::Errno { errno, at: Some(at.join(last)) },
        other => other,
    }
}
