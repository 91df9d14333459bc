//! The `#!` line, read as the kernel reads it (fs/binfmt_script.c).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Bytes of a file that the kernel looks at (BINPRM_BUF_SIZE).
pub(super) const HEAD: usize = 256;

/// What a `#!` line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) interpreter: OsString,
    /// All that follows, as one argument.
    pub(super) argument: Option<OsString>,
}

/// Parses the first bytes of a file, padded with zeros; `None` if it is no script.
pub(super) fn parse(head: &[u8; HEAD]) -> Option<Result<Line, &'static str>> {
    head.starts_with(b"#!").then(|| line(head))
}

fn line(head: &[u8; HEAD]) -> Result<Line, &'static str> {
    let text = &head[2..];
    let end = match text.iter().position(|byte| matches!(byte, b'\n' | 0)) {
        Some(end) if text[end] == b'\n' => end,
        _ => {
            let start = text.iter().position(|byte| !is_blank(*byte)).ok_or("names no interpreter")?;
            if !text[start..].iter().any(|byte| is_blank(*byte) || *byte == 0) {
                return Err("is too long");
            }
            text.len() - 1
        }
    };
    let text = trim_start(trim_end(&text[..end]));
    let name_end = text.iter().position(|byte| is_blank(*byte) || *byte == 0).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    if name.is_empty() {
        return Err("names no interpreter");
    }
    // A blank before the NUL of a file that ends without a newline gives an empty argument: so does the kernel.
    let argument = rest.first().is_some_and(|byte| is_blank(*byte)).then(|| until_nul(trim_start(rest)));
    Ok(Line {
        interpreter: OsStr::from_bytes(name).to_owned(),
        argument: argument.map(|bytes| OsStr::from_bytes(bytes).to_owned()),
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_blank(*byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
    &bytes[..end]
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
