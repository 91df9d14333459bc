//! The types that scripts handle: paths, calls, verdicts, error numbers.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString, Module};

use super::pattern::escape;
use super::verdict::{Access, Verdict};
use crate::call::Errno;

/// A path as scripts see it: compared by component, never as a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathValue(pub(super) Arc<PathBuf>);

impl PathValue {
    pub(super) fn new(path: &Path) -> Self {
        Self(Arc::new(path.to_owned()))
    }

    /// The text that means this path in a pattern.
    pub(super) fn text(&self) -> String {
        escape(self.0.as_os_str().as_bytes())
    }
}

/// A component as a string: itself if it is UTF-8, else with `\xFF` for the odd bytes.
fn name(name: Option<&OsStr>) -> ImmutableString {
    let name = name.unwrap_or_default();
    name.to_str().map_or_else(|| escape(name.as_bytes()).into(), Into::into)
}

/// A call as a hook sees it.
#[derive(Debug, Clone)]
pub(super) struct CallValue {
    pub(super) name: &'static str,
    pub(super) path: Option<PathValue>,
    pub(super) what: ImmutableString,
    pub(super) access: Access,
    pub(super) flags: i32,
    pub(super) mode: u32,
}

/// What may be asked of a call.
pub(super) const CALL_PROPERTIES: &[(&str, &str)] = &[
    ("name", "name of the system call: \"openat\""),
    ("path", "the resolved path (.parent .name .extension .starts_with(path)); () if the call has none"),
    ("what", "what the call would do, in words; for calls without a path"),
    ("flags", "open flags, to be compared with O_APPEND and the like"),
    ("mode", "mode bits of a call that creates"),
    ("look", "whether it learns that the path exists"),
    ("read", "whether it reads"),
    ("write", "whether it writes"),
    ("create", "whether it creates"),
    ("delete", "whether it deletes"),
    ("exec", "whether it executes"),
];

/// What a hook answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    /// Whether the log gets a line about it.
    pub(super) audit: bool,
}

impl Ruling {
    pub(super) fn new(verdict: Verdict) -> Self {
        Self { verdict, audit: false }
    }
}

/// Tells an engine about the types. `deny(ERRNO)` is with the verbs, as it shares its name with one.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<PathValue>("Path")
        .register_get("parent", |path: &mut PathValue| PathValue::new(path.0.parent().unwrap_or(&path.0)))
        .register_get("name", |path: &mut PathValue| name(path.0.file_name()))
        .register_get("extension", |path: &mut PathValue| name(path.0.extension()))
        .register_fn("starts_with", |path: PathValue, start: PathValue| path.0.starts_with(&*start.0))
        .register_fn("starts_with", |path: PathValue, start: ImmutableString| path.0.starts_with(start.as_str()))
        .register_fn("==", |a: PathValue, b: PathValue| a == b)
        .register_fn("!=", |a: PathValue, b: PathValue| a != b)
        .register_fn("==", |a: PathValue, b: ImmutableString| *a.0 == Path::new(b.as_str()))
        .register_fn("!=", |a: PathValue, b: ImmutableString| *a.0 != Path::new(b.as_str()))
        .register_fn("to_string", |path: PathValue| path.text())
        .register_fn("to_debug", |path: PathValue| path.text());
    engine
        .register_type_with_name::<CallValue>("Call")
        .register_get("name", |call: &mut CallValue| call.name)
        .register_get("path", |call: &mut CallValue| call.path.clone().map_or(Dynamic::UNIT, Dynamic::from))
        .register_get("what", |call: &mut CallValue| call.what.clone())
        .register_get("flags", |call: &mut CallValue| i64::from(call.flags))
        .register_get("mode", |call: &mut CallValue| i64::from(call.mode))
        .register_get("look", |call: &mut CallValue| call.access.contains(Access::LOOK))
        .register_get("read", |call: &mut CallValue| call.access.contains(Access::READ))
        .register_get("write", |call: &mut CallValue| call.access.contains(Access::WRITE))
        .register_get("create", |call: &mut CallValue| call.access.contains(Access::CREATE))
        .register_get("delete", |call: &mut CallValue| call.access.contains(Access::DELETE))
        .register_get("exec", |call: &mut CallValue| call.access.contains(Access::EXEC));
    engine
        .register_type_with_name::<Ruling>("Verdict")
        .register_fn("allow", || Ruling::new(Verdict::Allow))
        .register_fn("hide", || Ruling::new(Verdict::Hide))
        .register_fn("kill", || Ruling::new(Verdict::Kill))
        .register_fn("audit", |ruling: Ruling| Ruling { audit: true, ..ruling });
    engine
        .register_type_with_name::<Errno>("Errno")
        .register_fn("==", |a: Errno, b: Errno| a == b)
        .register_fn("!=", |a: Errno, b: Errno| a != b)
        .register_fn("to_string", |errno: Errno| format!("{errno:?}"));
}

/// The names of errors and of open flags, as constants.
pub(super) fn constants() -> Module {
    let mut module = Module::new();
    for errno in (1..=133).map(Errno::from_raw).filter(|&errno| errno != Errno::UnknownErrno) {
        module.set_var(format!("{errno:?}"), Dynamic::from(errno));
    }
    module.set_var("EWOULDBLOCK", Dynamic::from(Errno::EAGAIN));
    module.set_var("ENOTSUP", Dynamic::from(Errno::EOPNOTSUPP));
    for (name, flag) in [
        ("O_WRONLY", libc::O_WRONLY),
        ("O_RDWR", libc::O_RDWR),
        ("O_CREAT", libc::O_CREAT),
        ("O_EXCL", libc::O_EXCL),
        ("O_TRUNC", libc::O_TRUNC),
        ("O_APPEND", libc::O_APPEND),
        ("O_NONBLOCK", libc::O_NONBLOCK),
        ("O_DIRECTORY", libc::O_DIRECTORY),
        ("O_NOFOLLOW", libc::O_NOFOLLOW),
        ("O_CLOEXEC", libc::O_CLOEXEC),
        ("O_TMPFILE", libc::O_TMPFILE),
    ] {
        module.set_var(name, i64::from(flag));
    }
    module
}
