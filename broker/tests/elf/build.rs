//! Small ELF files made to order.

use std::fs::File;
use std::io::Write;

/// A program header as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) vaddr: u64,
    pub(crate) filesz: u64,
    pub(crate) memsz: u64,
    pub(crate) align: u64,
}

/// PT_LOAD.
pub(crate) const LOAD: u32 = 1;

/// Text at 0, as linkers make it.
pub(crate) const TEXT: Load =
    Load { kind: LOAD, flags: 5, offset: 0, vaddr: 0, filesz: 0x1100, memsz: 0x1100, align: 0x1000 };
/// Data behind it, with half a page and two more of zeros.
pub(crate) const DATA: Load =
    Load { kind: LOAD, flags: 6, offset: 0x1800, vaddr: 0x3800, filesz: 0x200, memsz: 0x2000, align: 0x1000 };

/// An ET_DYN file of 0x3000 bytes with these program headers and entry point 0x1000.
pub(crate) fn bytes(headers: &[Load]) -> Vec<u8> {
    let mut file = vec![0; 0x3000];
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    put(&mut file, 16, &3_u16.to_le_bytes());
    put(&mut file, 18, &62_u16.to_le_bytes());
    put(&mut file, 20, &1_u32.to_le_bytes());
    put(&mut file, 24, &0x1000_u64.to_le_bytes());
    put(&mut file, 32, &64_u64.to_le_bytes());
    put(&mut file, 52, &64_u16.to_le_bytes());
    put(&mut file, 54, &56_u16.to_le_bytes());
    put(&mut file, 56, &(headers.len() as u16).to_le_bytes());
    for (index, header) in headers.iter().enumerate() {
        let at = 64 + index * 56;
        put(&mut file, at, &header.kind.to_le_bytes());
        put(&mut file, at + 4, &header.flags.to_le_bytes());
        let rest = [header.offset, header.vaddr, header.vaddr, header.filesz, header.memsz, header.align];
        for (field, value) in rest.into_iter().enumerate() {
            put(&mut file, at + 8 + field * 8, &value.to_le_bytes());
        }
    }
    file
}

/// Overwrites bytes.
pub(crate) fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The bytes as an open file.
pub(crate) fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}
