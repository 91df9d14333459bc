//! What nurse puts into a guest process, embedded at build time: the trampoline's text, and the doors' files.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use trampoline::layout::{Handoff, PAGE, TEXT_LEN};

use crate::broken::{self, Guard};

static TEXT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/image.bin"));
static MOVES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/image.moves"));
static ENTRY: &[u8; 8] = include_bytes!(concat!(env!("OUT_DIR"), "/image.entry"));
static LOADER: Door = Door {
    file: include_bytes!(concat!(env!("OUT_DIR"), "/loader.elf")),
    handoff: include_bytes!(concat!(env!("OUT_DIR"), "/loader.handoff")),
};

static SHIM: Door = Door {
    file: include_bytes!(concat!(env!("OUT_DIR"), "/shim.elf")),
    handoff: include_bytes!(concat!(env!("OUT_DIR"), "/shim.handoff")),
};

/// A file that the guest's kernel or dynamic linker maps, with the place of its [`Handoff`].
#[derive(Debug)]
pub struct Door {
    file: &'static [u8],
    handoff: &'static [u8; 8],
}

/// The loader.
#[must_use]
pub fn loader() -> &'static Door {
    &LOADER
}

/// The library for LD_AUDIT and LD_PRELOAD.
#[must_use]
pub fn shim() -> &'static Door {
    &SHIM
}

/// Bytes of text that are mapped: whole pages.
#[must_use]
pub fn text_len() -> usize {
    TEXT.len().next_multiple_of(PAGE)
}

/// Offset of the image's entry point.
#[must_use]
pub fn entry() -> u64 {
    u64::from_le_bytes(*ENTRY)
}

/// The trampoline's text for a guard range at `base`, in a memfd that nobody can write any more.
///
/// # Errors
/// As memfd_create(2), write(2) and fcntl(2).
pub fn text(base: u64) -> io::Result<OwnedFd> {
    debug_assert!(text_len() <= TEXT_LEN, "the text outgrew its place in the layout");
    let mut text = TEXT.to_vec();
    text.resize(text_len(), 0);
    for entry in MOVES.chunks_exact(16) {
        let (at, addend) = entry.split_at(8);
        let at = usize::try_from(word(at)).map_err(io::Error::other)?;
        let value = base.wrapping_add(word(addend));
        text.get_mut(at..at + 8)
            .ok_or_else(|| io::Error::other("a relocation lies outside the image"))?
            .copy_from_slice(&value.to_le_bytes());
    }
    sealed(c"nurse-text", &text)
}

impl Door {
    /// The door's file with `handoff` written into it.
    ///
    /// # Errors
    /// As memfd_create(2), write(2) and fcntl(2).
    pub fn open(&self, handoff: &Handoff) -> io::Result<OwnedFd> {
        let mut file = self.file.to_vec();
        let words = [
            handoff.base,
            handoff.text_fd,
            handoff.text_len,
            handoff.enter,
            handoff.orders_fd,
            handoff.requests_fd,
            handoff.door_fd,
            handoff.door,
            #[cfg(feature = "break-guards")]
            handoff.breaks,
        ];
        const { assert!(size_of::<Handoff>() == 8 * if cfg!(feature = "break-guards") { 9 } else { 8 }) };
        let at = usize::try_from(u64::from_le_bytes(*self.handoff)).map_err(io::Error::other)?;
        let place =
            file.get_mut(at..at + size_of::<Handoff>()).ok_or_else(|| io::Error::other("no room for the handoff"))?;
        for (bytes, word) in place.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        sealed(c"nurse-door", &file)
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// A memfd with this content, closed on exec, that nobody can change.
///
/// # Errors
/// As memfd_create(2), write(2) and fcntl(2).
pub fn sealed(name: &std::ffi::CStr, content: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(content)?;
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    if !broken::is(Guard::Seals) {
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    }
    Ok(file.into())
}
