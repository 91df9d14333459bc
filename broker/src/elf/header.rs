//! The ELF header and the program headers: bytes to numbers, with the checks that need no layout.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::ElfError;

/// Program header types that matter here.
pub(super) mod kind {
    pub(in crate::elf) const LOAD: u32 = 1;
    pub(in crate::elf) const DYNAMIC: u32 = 2;
    pub(in crate::elf) const INTERP: u32 = 3;
    pub(in crate::elf) const TLS: u32 = 7;
    pub(in crate::elf) const GNU_STACK: u32 = 0x6474_e551;
}

const HEADER_LEN: usize = 64;
const PHENT: usize = 56;
/// As the kernel: the table fits one page.
const MAX_PHNUM: usize = 4096 / PHENT;

const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;

/// What of the ELF header matters.
#[derive(Debug)]
pub(super) struct Header {
    /// ET_EXEC: addresses are absolute.
    pub(super) fixed: bool,
    pub(super) entry: u64,
    pub(super) phoff: u64,
    pub(super) phnum: usize,
}

/// One program header, its numbers unchecked.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProgramHeader {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) vaddr: u64,
    pub(super) filesz: u64,
    pub(super) memsz: u64,
    pub(super) align: u64,
}

impl Header {
    /// Reads the ELF header of a file of `size` bytes.
    pub(super) fn read(file: &File, size: u64) -> Result<Self, ElfError> {
        let mut magic = [0; 4];
        if size < magic.len() as u64 {
            return Err(ElfError::NotElf);
        }
        file.read_exact_at(&mut magic, 0)?;
        if magic != *b"\x7fELF" {
            return Err(ElfError::NotElf);
        }
        if size < HEADER_LEN as u64 {
            return Err(ElfError::Truncated { what: "ELF header", size });
        }
        let mut bytes = [0; HEADER_LEN];
        file.read_exact_at(&mut bytes, 0)?;
        let [class, data] = [bytes[4], bytes[5]];
        let machine = half(&bytes, 18);
        if machine == EM_386 || (machine == EM_X86_64 && class == 1) {
            return Err(ElfError::Bits32);
        }
        if machine != EM_X86_64 {
            // A big-endian machine's number reads the other way round.
            return Err(ElfError::Machine(if data == 2 { machine.swap_bytes() } else { machine }));
        }
        if class != 2 || data != 1 {
            return Err(ElfError::Malformed("its class or byte order is not that of x86_64"));
        }
        let fixed = match half(&bytes, 16) {
            ET_EXEC => true,
            ET_DYN => false,
            other => return Err(ElfError::Type(other)),
        };
        if usize::from(half(&bytes, 54)) != PHENT {
            return Err(ElfError::Malformed("its program headers have an unknown size"));
        }
        let phnum = usize::from(half(&bytes, 56));
        if !(1..=MAX_PHNUM).contains(&phnum) {
            return Err(ElfError::Malformed("it has no program headers, or too many"));
        }
        Ok(Self { fixed, entry: quad(&bytes, 24), phoff: quad(&bytes, 32), phnum })
    }

    /// Reads the program headers.
    pub(super) fn program_headers(&self, file: &File, size: u64) -> Result<Vec<ProgramHeader>, ElfError> {
        let mut bytes = vec![0; self.phnum * PHENT];
        let end = self.phoff.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > size) {
            return Err(ElfError::Truncated { what: "program header table", size });
        }
        file.read_exact_at(&mut bytes, self.phoff)?;
        Ok(bytes.chunks_exact(PHENT).map(ProgramHeader::parse).collect())
    }
}

impl ProgramHeader {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            kind: word(bytes, 0),
            flags: word(bytes, 4),
            offset: quad(bytes, 8),
            vaddr: quad(bytes, 16),
            filesz: quad(bytes, 32),
            memsz: quad(bytes, 40),
            align: quad(bytes, 48),
        }
    }

    /// PF_X.
    pub(super) fn executable(&self) -> bool {
        self.flags & 1 != 0
    }

    /// PF_W.
    pub(super) fn writable(&self) -> bool {
        self.flags & 2 != 0
    }

    /// PF_R.
    pub(super) fn readable(&self) -> bool {
        self.flags & 4 != 0
    }
}

/// `N` bytes at `at`; zeros beyond the end, which the callers' fixed sizes exclude.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

/// The eight bytes at `at` as a number.
pub(super) fn quad(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
