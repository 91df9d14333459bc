//! Words to the user: names made safe to print, and the one way to standard error.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;

use crate::broken::{self, Guard};

/// `text` with everything that could steer a terminal or deceive a reader written out: control characters, escapes,
/// characters that turn the reading direction or are not seen.
///
/// A backslash is doubled, so that what stands there is never ambiguous.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) || broken::is(Guard::Escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        push(&mut out, char);
    }
    Cow::Owned(out)
}

/// A file name or argument as it may be shown: [`escape`], and bytes that are not UTF-8 as `\xNN`.
#[must_use]
pub fn shown(name: impl AsRef<OsStr>) -> String {
    let mut out = String::new();
    for chunk in name.as_ref().as_bytes().utf8_chunks() {
        chunk.valid().chars().for_each(|char| push(&mut out, char));
        for byte in chunk.invalid() {
            push_byte(&mut out, u32::from(*byte));
        }
    }
    out
}

/// Writes `nurse: TEXT` to standard error, the name in bold on a terminal. Nobody can be told when that fails.
pub fn tell(text: &str) {
    let mut stderr = io::stderr().lock();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (on, off) = if colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(stderr, "{on}nurse:{off} {text}");
}

/// Writes one line to standard error as it is.
pub fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn push(out: &mut String, char: char) {
    match char {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\\' => out.push_str("\\\\"),
        char if is_plain(char) => out.push(char),
        char if u32::from(char) < 0x100 => push_byte(out, char.into()),
        char => out.extend(char.escape_unicode()),
    }
}

fn push_byte(out: &mut String, byte: u32) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Neither control nor unseen.
fn is_plain(char: char) -> bool {
    let hidden = matches!(char,
        '\\' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !hidden && !char.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(escape("/home/zoë/два words.txt"), "/home/zoë/два words.txt");
        assert_eq!(shown("/etc/passwd"), "/etc/passwd");
    }

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(escape("a\x1b]0;x\x07\n\u{9b}2J\x7f"), "a\\x1b]0;x\\x07\\n\\x9b2J\\x7f");
        assert_eq!(escape("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
        assert_eq!(escape(r"a\x1b"), r"a\\x1b");
        assert_eq!(shown(OsStr::from_bytes(b"a\xff\x1b\\")), "a\\xff\\x1b\\\\");
    }
}
