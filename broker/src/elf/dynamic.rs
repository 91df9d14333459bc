//! The dynamic section, as far as it decides which door a program may use.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::header::{ProgramHeader, kind, quad};

const DT_NULL: u64 = 0;
const DT_DEPAUDIT: u64 = 0x6fff_fefb;
const DT_AUDIT: u64 = 0x6fff_fefc;
/// Bytes of a dynamic section that are looked at: far more than the largest real one.
const MAX_LEN: u64 = 1 << 20;

/// Whether the file names audit libraries of its own, or hides its dynamic section from us.
///
/// The dynamic linker finds the section by its address, not by its file offset, and reads on to DT_NULL whatever the
/// size says; so does this.
pub(super) fn asks_for_audit(file: &File, headers: &[ProgramHeader]) -> io::Result<bool> {
    for dynamic in headers.iter().filter(|header| header.kind == kind::DYNAMIC) {
        let holder = headers.iter().find(|load| {
            load.kind == kind::LOAD && dynamic.vaddr.checked_sub(load.vaddr).is_some_and(|into| into < load.filesz)
        });
        let Some(load) = holder else { return Ok(true) };
        let into = dynamic.vaddr - load.vaddr;
        let len = (load.filesz - into).min(MAX_LEN);
        let Some(from) = load.offset.checked_add(into) else { return Ok(true) };
        if scan(file, from, len)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks through the entries up to DT_NULL; true as well if that never comes.
fn scan(file: &File, mut from: u64, mut len: u64) -> io::Result<bool> {
    let mut page = [0; 4096];
    while len > 0 {
        let want = usize::try_from(len).unwrap_or(usize::MAX).min(page.len());
        // Beyond the file's end the mapping reads as zeros, which is DT_NULL.
        let got = read_up_to(file, &mut page[..want], from)?;
        page[got..].fill(0);
        for entry in page.chunks_exact(16) {
            match quad(entry, 0) {
                DT_NULL => return Ok(false),
                DT_AUDIT | DT_DEPAUDIT => return Ok(true),
                _ => {}
            }
        }
        from = from.saturating_add(want as u64);
        len -= want as u64;
    }
    Ok(true)
}

/// Fills `into` as far as the file goes.
fn read_up_to(file: &File, into: &mut [u8], from: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match file.read_at(&mut into[got..], from.saturating_add(got as u64)) {
            Ok(0) => break,
            Ok(some) => got += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
