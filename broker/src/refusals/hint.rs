//! From a refused call to the flag that would have allowed it.

/// Calls that need no more than reading.
const READING: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "chdir",
    "fchdir",
    "getdents",
    "getdents64",
    "statfs",
    "getxattr",
    "lgetxattr",
    "listxattr",
    "llistxattr",
    "inotify_add_watch",
    "watch",
];
/// Calls that change what is at a path.
const WRITING: &[&str] = &[
    "creat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "ftruncate",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "utime",
    "utimes",
    "utimensat",
    "futimesat",
    "mknod",
    "mknodat",
    "setxattr",
    "lsetxattr",
    "removexattr",
    "lremovexattr",
];
const EXECUTING: &[&str] = &["exec", "execve", "execveat"];

/// The flag, as one would type it in a shell.
///
/// `what` is a call's name and an absolute path to the end. `why` begins with "no rule", and may go on with what no rule
/// allows (`no rule allows write, only look`): that counts more than the call's name, which does not tell reading from writing.
pub(super) fn flag(what: &str, why: &str) -> Option<String> {
    let (name, path) = what.split_at(what.find(" /")?);
    let path = &path[1..];
    if path.chars().any(char::is_control) {
        return None;
    }
    let missing = why.strip_prefix("no rule allows ").and_then(|rest| rest.split(',').next()).unwrap_or_default();
    let missing = |words: &[&str]| missing.split_whitespace().any(|word| words.contains(&word));
    let flag = match () {
        () if missing(&["write", "create", "delete"]) => "-w",
        () if missing(&["exec"]) => "-x",
        () if missing(&["read", "look"]) => "-r",
        () if WRITING.contains(&name) => "-w",
        () if EXECUTING.contains(&name) => "-x",
        () if READING.contains(&name) => "-r",
        () => return None,
    };
    Some(format!("{flag} {}", quoted(path)))
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "/._-+,:@%=".contains(char);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
