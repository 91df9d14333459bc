//! The careful resolution: one component at a time, each pinned before the next is looked at.

mod magic;

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};

use super::procfs::{self, Dir, Entry};
use super::{Base, Last, Lost, PATH_MAX, Pin, bytes, child, lift, names, own, straight};
use crate::call::Errno;
use crate::guest::Guest;
use crate::policy::{Access, Asked, Decision, Verdict};

/// Symlinks that one resolution follows, as the kernel's `MAXSYMLINKS`.
const MAX_LINKS: u32 = 40;

/// A resolution on its way.
struct Walk<'g> {
    guest: &'g Guest,
    call: &'static str,
    /// The directory reached so far.
    here: OwnedFd,
    here_stat: Stat,
    /// Where in procfs that is, if it is.
    proc: Option<Dir>,
    /// Where that procfs is mounted.
    mount: PathBuf,
    /// Components to go, the next one last.
    todo: Vec<OsString>,
    last: Last,
    /// What is reached in the end has to be a directory.
    directory: bool,
    links: u32,
    /// How many directories were entered by name since the start: `..` out of one of them tells that it exists.
    entered: u32,
    /// `todo` has changed since it was last tried in one go.
    fresh: bool,
    /// The very first `todo` has been tried already.
    tried: bool,
}

/// What came of one component.
enum Step {
    /// `here` has moved on, or `todo` has changed.
    On,
    /// The end.
    Done(Pin),
}

/// Pins what `path` names from `base` on.
pub(super) fn walk(guest: &Guest, call: &'static str, base: Base<'_>, path: &Path, last: Last) -> Result<Pin, Lost> {
    let here = if path.is_absolute() {
        root()?
    } else {
        match base {
            Base::Owned(fd) => fd,
            Base::Borrowed(fd) => fd.try_clone_to_owned().map_err(|_| Errno::EMFILE)?,
        }
    };
    let here_stat = lift(fstat(&here))?;
    if FileType::from_raw_mode(here_stat.st_mode) != FileType::Directory {
        return Err(Errno::ENOTDIR.into());
    }
    let mut walk = Walk {
        guest,
        call,
        here,
        here_stat,
        proc: None,
        mount: PathBuf::new(),
        todo: names::stack(path),
        last,
        directory: names::wants_directory(path),
        links: 0,
        entered: 0,
        fresh: true,
        tried: !names::climbs(path),
    };
    if procfs::is_procfs(walk.here.as_fd(), &walk.here_stat) {
        walk.relocate()?;
    }
    loop {
        if walk.fresh
            && let Step::Done(pin) = walk.stride()?
        {
            return Ok(pin);
        }
        let Some(name) = walk.todo.pop() else { return walk.arrive() };
        let step = match bytes(&name) {
            b"." => walk.stay(),
            b".." => walk.up(),
            _ => walk.down(&name),
        }?;
        if let Step::Done(pin) = step {
            return Ok(pin);
        }
    }
}

/// The root directory.
fn root() -> Result<OwnedFd, Errno> {
    lift(openat(rustix::fs::CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()))
}

impl Walk<'_> {
    /// The end of a path that ends in a directory.
    fn arrive(self) -> Result<Pin, Lost> {
        let seen = self.proc.map(|_| self.path());
        let mut pin = Pin::new(self.here, self.here_stat)?;
        if let Some(path) = seen {
            pin.set_procfs(path);
        }
        Ok(pin)
    }

    /// The path of `here` in the guest's eyes: its own process is `self`.
    fn path(&self) -> Option<PathBuf> {
        let shown = names::live(own::shown(self.here.as_fd()).ok()?)?;
        if !self.proc.is_some_and(Dir::is_own) {
            return Some(shown);
        }
        let number = self.guest.pid.to_string();
        let rest = shown.strip_prefix(self.mount.join(number)).ok()?;
        let own = self.mount.join("self");
        Some(if rest.as_os_str().is_empty() { own } else { own.join(rest) })
    }

    /// `name` failed with `errno`: what the whole path would have been, as far as that can be said without `..`.
    fn lost(&self, errno: Errno, name: &OsStr) -> Lost {
        let at = self.path().map(|mut at| {
            if !name.is_empty() {
                at.push(name);
            }
            at.extend(
                self.todo.iter().rev().take_while(|name| bytes(*name) != b"..").filter(|name| bytes(*name) != b"."),
            );
            at
        });
        Lost::Errno { errno, at }
    }

    /// Refuses a way that only the guard or a hiding rule closes.
    fn refuse(&self, verdict: Verdict, why: String, at: PathBuf) -> Lost {
        Lost::Refused { decision: Decision { verdict, why }, at }
    }

    /// Asks the policy whether the guest may know of `at`.
    fn look(&self, at: &Path) -> Decision {
        self.guest.policy.path(&Asked { call: self.call, path: at, access: Access::LOOK, flags: 0, mode: 0 })
    }

    /// Has the kernel take in one go what is free of symlinks: all that is left, or all but the last component.
    fn stride(&mut self) -> Result<Step, Lost> {
        self.fresh = false;
        let dots = |name: &OsString| matches!(bytes(name), b"." | b"..");
        if self.proc.is_some() || self.todo.len() < 2 || self.todo.iter().any(dots) {
            return Ok(Step::On);
        }
        let whole: PathBuf = self.todo.iter().rev().collect();
        let last = if self.directory { Last::Follow } else { self.last };
        let all =
            if std::mem::take(&mut self.tried) { Err(Errno::ELOOP) } else { straight(self.here.as_fd(), &whole, last) };
        match all {
            Ok(fd) => {
                let stat = lift(fstat(&fd))?;
                let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                if (is_dir || !self.directory) && !procfs::is_procfs(fd.as_fd(), &stat) {
                    return Ok(Step::Done(Pin::new(fd, stat)?));
                }
            }
            Err(errno @ (Errno::ENOENT | Errno::ENAMETOOLONG)) => {
                let name = self.todo.pop().unwrap_or_default();
                return Err(self.lost(errno, &name));
            }
            Err(_) => {}
        }
        let Some(Ok(fd)) = whole.parent().map(|dir| straight(self.here.as_fd(), dir, Last::Follow)) else {
            return Ok(Step::On);
        };
        let stat = lift(fstat(&fd))?;
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_dir && !procfs::is_procfs(fd.as_fd(), &stat) {
            self.entered += u32::try_from(self.todo.drain(1..).len()).unwrap_or(u32::MAX);
            (self.here, self.here_stat) = (fd, stat);
        }
        Ok(Step::On)
    }

    /// `.`: no move, but the permission to search is needed, as natively.
    fn stay(&mut self) -> Result<Step, Lost> {
        child(self.here.as_fd(), OsStr::new(".")).map_err(|errno| self.lost(errno, OsStr::new("")))?;
        Ok(Step::On)
    }

    fn up(&mut self) -> Result<Step, Lost> {
        if self.entered > 0 {
            if let Some(at) = self.path() {
                let decision = self.look(&at);
                if decision.verdict != Verdict::Allow {
                    return Err(Lost::Refused { decision, at });
                }
            }
            self.entered -= 1;
        }
        let parent = child(self.here.as_fd(), OsStr::new("..")).map_err(|errno| self.lost(errno, OsStr::new("")))?;
        let stat = lift(fstat(&parent))?;
        let inside = procfs::is_procfs(parent.as_fd(), &stat);
        let known = self.proc.and_then(Dir::parent);
        self.fresh = true;
        (self.here, self.here_stat) = (parent, stat);
        match (inside, known) {
            (false, _) => self.proc = None,
            (true, Some(dir)) => self.proc = Some(dir),
            (true, None) => self.relocate()?,
        }
        Ok(Step::On)
    }

    /// Starts over from the root with `here`'s true path: the way to know where in procfs it is.
    fn relocate(&mut self) -> Result<(), Lost> {
        self.count_link(OsStr::new(""))?;
        let path = own::shown(self.here.as_fd())?;
        if stat_is_root(&self.here_stat) {
            self.mount = path;
            self.proc = Some(Dir::Root);
            return Ok(());
        }
        self.todo.extend(names::stack(&path));
        self.restart()
    }

    /// Back to the root directory, as at the start of an absolute link.
    fn restart(&mut self) -> Result<(), Lost> {
        self.here = root()?;
        self.here_stat = lift(fstat(&self.here))?;
        self.proc = None;
        self.entered = 0;
        Ok(())
    }

    fn count_link(&mut self, name: &OsStr) -> Result<(), Lost> {
        self.links += 1;
        if self.links > MAX_LINKS { Err(self.lost(Errno::ELOOP, name)) } else { Ok(()) }
    }

    fn down(&mut self, name: &OsStr) -> Result<Step, Lost> {
        let Some(dir) = self.proc else { return self.enter(name, None) };
        match dir.entry(name, self.guest) {
            Entry::Plain(dir) => self.enter(name, Some(dir)),
            Entry::Missing => Err(self.lost(Errno::ENOENT, name)),
            Entry::Own | Entry::OwnThread if self.is_kept() => self.keep(name, self.own_link(name)),
            Entry::Own => self.instead(&[self.guest.pid.to_string()], name),
            // One thread per guest so far: the leader.
            Entry::OwnThread => {
                let pid = self.guest.pid.to_string();
                self.instead(&[pid.clone(), "task".into(), pid], name)
            }
            Entry::Magic(magic) if self.is_kept() => self.keep(name, self.magic_target(magic)),
            Entry::Magic(magic) => self.jump(magic, name),
            Entry::Never => Err(self.never(name)),
        }
    }

    /// Pins an ordinary name. `proc` is what it is if it is a directory of procfs.
    fn enter(&mut self, name: &OsStr, proc: Option<Dir>) -> Result<Step, Lost> {
        let fd = child(self.here.as_fd(), name).map_err(|errno| self.lost(errno, name))?;
        let stat = lift(fstat(&fd))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let ends = self.todo.is_empty();
        if kind == FileType::Symlink && !self.is_kept() {
            return self.follow(name, &fd, &stat);
        }
        let inside = procfs::is_procfs(fd.as_fd(), &stat);
        if kind == FileType::Directory {
            (self.here, self.here_stat) = (fd, stat);
            self.entered += 1;
            match (inside, proc) {
                (false, _) => self.proc = None,
                (true, Some(dir)) => self.proc = Some(dir),
                (true, None) => self.relocate()?,
            }
            return Ok(Step::On);
        }
        if !ends || self.directory {
            return Err(self.lost(Errno::ENOTDIR, name));
        }
        if inside && proc.is_none() {
            let at = self.path().unwrap_or_default().join(name);
            let why = "a part of procfs outside of /proc is never given out".to_owned();
            return Err(self.refuse(Verdict::Deny(Errno::EPERM), why, at));
        }
        let mut pin = Pin::new(fd, stat)?;
        if inside {
            pin.set_procfs(self.path().map(|here| here.join(name)));
        }
        Ok(Step::Done(pin))
    }

    /// Follows a symlink that is no magic one: its text takes the place of its name.
    fn follow(&mut self, name: &OsStr, link: &OwnedFd, stat: &Stat) -> Result<Step, Lost> {
        self.count_link(name)?;
        if let Some(at) = self.path().map(|here| here.join(name)) {
            let decision = self.look(&at);
            // Passing through a link needs no permission of its own, but a hidden one is not there at all.
            if decision.verdict == Verdict::Hide {
                return Err(Lost::Refused { decision, at });
            }
        }
        super::may_follow(&self.here_stat, stat).map_err(|errno| self.lost(errno, name))?;
        let text = lift(readlinkat(link, "", Vec::with_capacity(256)))?.into_bytes();
        if text.is_empty() || text.len() >= PATH_MAX {
            return Err(self.lost(Errno::ENOENT, name));
        }
        let target = super::path_of(text);
        if self.todo.is_empty() {
            self.directory |= names::wants_directory(&target);
        }
        self.todo.extend(names::stack(&target));
        self.fresh = true;
        if target.is_absolute() {
            self.restart()?;
        }
        Ok(Step::On)
    }
}

fn stat_is_root(stat: &Stat) -> bool {
    stat.st_ino == procfs::ROOT_INO
}
