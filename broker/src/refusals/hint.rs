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

/// The flag, as one would type it in a shell. `what` is a call's name, words that may follow it (`for writing`), and an
/// absolute path to the end.
pub(super) fn flag(what: &str) -> Option<String> {
    let (words, path) = what.split_at(what.find(" /")?);
    let path = &path[1..];
    if path.chars().any(char::is_control) {
        return None;
    }
    let mut words = words.split_ascii_whitespace();
    let name = words.next()?;
    let writes = words.any(|word| matches!(word, "writing" | "write" | "create" | "creating" | "appending"));
    let flag = match name {
        _ if writes || WRITING.contains(&name) => "-w",
        _ if EXECUTING.contains(&name) => "-x",
        _ if READING.contains(&name) => "-r",
        _ => return None,
    };
    Some(format!("{flag} {}", quoted(path)))
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "/._-+,:@%=".contains(char);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
