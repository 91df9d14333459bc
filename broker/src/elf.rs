//! Vetting of ELF files: from an opened file to the plan by which the loader maps it.
//!
//! The file is hostile. Nothing here maps it or trusts a number of it; what comes out has been checked to lie inside
//! its own span, page by page. The rules are those of the kernel's `load_elf_binary` (fs/binfmt_elf.c), and stricter where
//! the kernel leaves a malformed file to crash. The file may change after vetting: the plan still holds, and what the
//! guest then finds in the pages is its own affair.

mod dynamic;
mod header;
mod segments;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use trampoline::layout::{LoadObject, LoadSegment, MAX_SEGMENTS, NO_PHDR};

use header::{Header, ProgramHeader, kind};

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No interpreter, fixed addresses (ET_EXEC).
    Static,
    /// No interpreter, any address (ET_DYN): static-PIE, or a dynamic linker run by hand.
    StaticPie,
    /// Has an interpreter, fixed addresses.
    DynamicFixed,
    /// Has an interpreter, any address: the usual case.
    Dynamic,
}

/// What vetting learnt of a file.
#[derive(Debug, Clone)]
pub struct Vetted {
    /// How to map it. `fd` is 0, and `base` is 0 unless `fixed`: whoever starts the program chooses them.
    pub object: LoadObject,
    /// How it is linked.
    pub kind: Kind,
    /// PT_INTERP: the dynamic linker's path, as the file spells it (it may be relative).
    pub interpreter: Option<PathBuf>,
    /// PT_GNU_STACK asks for an executable stack.
    pub exec_stack: bool,
    /// DT_AUDIT or DT_DEPAUDIT is there, or the dynamic section cannot be read: not for the audit door.
    pub audit: bool,
    /// Bytes of thread-local storage that the file itself asks for.
    pub tls_size: u64,
    /// Alignment that the file wants for its base, in bytes: a power of two, at least a page.
    pub align: u64,
    /// Virtual address of the lowest segment's page: 0 in all but prelinked and ET_EXEC files.
    pub lowest: u64,
}

/// Why a file cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// No ELF magic, or shorter than an ELF header.
    #[error("is not an ELF file")]
    NotElf,
    /// ELFCLASS32: i386 or x32.
    #[error("is a 32-bit program; nurse runs x86_64")]
    Bits32,
    /// Built for something else.
    #[error("is built for {}; nurse runs x86_64", machine_name(*.0))]
    Machine(u16),
    /// Neither ET_EXEC nor ET_DYN.
    #[error("is {}, not a program", type_name(*.0))]
    Type(u16),
    /// The ELF header or a segment other than PT_LOAD makes no sense.
    #[error("is malformed: {0}")]
    Malformed(&'static str),
    /// A PT_LOAD makes no sense.
    #[error("is malformed: program header {index} {problem}")]
    Segment {
        /// Place in the program header table, from 0.
        index: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The file ends before something that it announces.
    #[error("is cut short: its {what} lies beyond the end of the file ({size} bytes)")]
    Truncated {
        /// What is missing.
        what: &'static str,
        /// Bytes of the file.
        size: u64,
    },
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Vets an ELF file and says how to map it.
///
/// # Errors
/// See [`ElfError`].
///
/// Source: elf(5), fs/binfmt_elf.c.
pub fn plan(file: &File) -> Result<Vetted, ElfError> {
    let size = file.metadata()?.len();
    let header = Header::read(file, size)?;
    let headers = header.program_headers(file, size)?;
    let layout = segments::layout(&header, &headers, size)?;
    let interpreter = interpreter(file, size, &headers)?;
    let kind = match (header.fixed, interpreter.is_some()) {
        (true, false) => Kind::Static,
        (false, false) => Kind::StaticPie,
        (true, true) => Kind::DynamicFixed,
        (false, true) => Kind::Dynamic,
    };
    Ok(Vetted {
        object: layout.object,
        kind,
        interpreter,
        exec_stack: headers
            .iter()
            .rfind(|header| header.kind == kind::GNU_STACK)
            .is_some_and(ProgramHeader::executable),
        audit: dynamic::asks_for_audit(file, &headers)?,
        tls_size: headers.iter().find(|header| header.kind == kind::TLS).map_or(0, |header| header.memsz),
        align: layout.align,
        lowest: layout.lowest,
    })
}

/// A [`LoadObject`] that maps nothing: the place of the interpreter in the plan of a static program.
#[must_use]
pub fn no_object() -> LoadObject {
    LoadObject {
        count: 0,
        fd: 0,
        fixed: 0,
        base: 0,
        span: 0,
        entry: 0,
        phdr: NO_PHDR,
        phnum: 0,
        segments: [LoadSegment { at: 0, file_len: 0, offset: 0, zero_from: 0, anon_len: 0, prot: 0 }; MAX_SEGMENTS],
    }
}

/// The path in the first PT_INTERP, by the kernel's rules: 2 to PATH_MAX bytes, the last of them NUL.
fn interpreter(file: &File, size: u64, headers: &[ProgramHeader]) -> Result<Option<PathBuf>, ElfError> {
    let Some(found) = headers.iter().find(|header| header.kind == kind::INTERP) else { return Ok(None) };
    let len = usize::try_from(found.filesz).ok().filter(|len| (2..=4096).contains(len));
    let Some(len) = len else { return Err(ElfError::Malformed("its interpreter's path is empty or too long")) };
    if found.offset.checked_add(found.filesz).is_none_or(|end| end > size) {
        return Err(ElfError::Truncated { what: "interpreter's path", size });
    }
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, found.offset)?;
    if bytes.last() != Some(&0) {
        return Err(ElfError::Malformed("its interpreter's path has no end"));
    }
    let path = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    if path.is_empty() {
        return Err(ElfError::Malformed("its interpreter's path is empty or too long"));
    }
    Ok(Some(Path::new(OsStr::from_bytes(path)).to_owned()))
}

/// Names of the machines one meets, for the message.
fn machine_name(machine: u16) -> String {
    let name = match machine {
        3 => "i386",
        8 => "MIPS",
        20 | 21 => "PowerPC",
        22 => "s390",
        40 => "32-bit ARM",
        183 => "aarch64",
        243 => "RISC-V",
        247 => "BPF",
        258 => "LoongArch",
        _ => return format!("another machine (e_machine {machine})"),
    };
    name.to_owned()
}

/// Names of the ELF types, for the message.
fn type_name(kind: u16) -> &'static str {
    match kind {
        1 => "an object file",
        4 => "a core dump",
        _ => "an ELF file of an unknown type",
    }
}
