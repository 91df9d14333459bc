//! One rule, one test: what the plan says, and what is refused.

use nurse::elf::{ElfError, Kind, Vetted, plan};
use trampoline::layout::{LoadSegment, NO_PHDR};

use crate::build::{DATA, LOAD, Load, TEXT, bytes, file, put};

fn vet(headers: &[Load]) -> Result<Vetted, ElfError> {
    plan(&file(&bytes(headers)))
}

fn vet_with(headers: &[Load], at: usize, value: &[u8]) -> Result<Vetted, ElfError> {
    let mut bytes = bytes(headers);
    put(&mut bytes, at, value);
    plan(&file(&bytes))
}

/// The segment complaint of a refused file.
fn complaint(headers: &[Load]) -> &'static str {
    match vet(headers) {
        Err(ElfError::Segment { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_and_data_are_rounded_and_zeroed_as_the_kernel_does() {
    let vetted = vet(&[TEXT, DATA]).unwrap();
    let object = vetted.object;
    assert_eq!(object.count, 2);
    let text = LoadSegment { at: 0, file_len: 0x2000, offset: 0, zero_from: 0x2000, anon_len: 0, prot: 5 };
    let data =
        LoadSegment { at: 0x3000, file_len: 0x1000, offset: 0x1000, zero_from: 0x3a00, anon_len: 0x2000, prot: 3 };
    assert_eq!(object.segments[..2], [text, data]);
    assert_eq!((object.fixed, object.base, object.span), (0, 0, 0x6000));
    assert_eq!((object.entry, object.phdr, object.phnum), (0x1000, 64, 2));
    assert_eq!(vetted.kind, Kind::StaticPie);
}

#[test]
fn without_memory_behind_the_file_bytes_nothing_is_zeroed() {
    let full = Load { memsz: DATA.filesz, ..DATA };
    let object = vet(&[TEXT, full]).unwrap().object;
    assert_eq!((object.segments[1].zero_from, object.segments[1].anon_len), (0x4000, 0));
}

#[test]
fn a_read_only_segment_gets_writable_anonymous_pages() {
    let object = vet(&[TEXT, Load { flags: 4, ..DATA }]).unwrap().object;
    assert_eq!(object.count, 3);
    assert_eq!((object.segments[1].prot, object.segments[1].zero_from, object.segments[1].anon_len), (1, 0x4000, 0));
    let rest = object.segments[2];
    assert_eq!((rest.at, rest.file_len, rest.anon_len, rest.prot), (0x4000, 0, 0x2000, 3));
}

#[test]
fn a_segment_without_file_bytes_needs_no_matching_offset() {
    let bss = Load { filesz: 0, memsz: 0x10, vaddr: 0x3ff8, offset: 3, ..DATA };
    let object = vet(&[TEXT, bss]).unwrap().object;
    let rest = object.segments[1];
    assert_eq!((rest.at, rest.file_len, rest.zero_from, rest.anon_len), (0x3000, 0, 0x3000, 0x2000));
}

#[test]
fn a_fixed_program_counts_from_its_lowest_page() {
    let shift = |load: Load| Load { vaddr: load.vaddr + 0x40_0000, ..load };
    let mut bytes = bytes(&[shift(TEXT), shift(DATA)]);
    put(&mut bytes, 16, &2_u16.to_le_bytes());
    put(&mut bytes, 24, &0x40_1010_u64.to_le_bytes());
    let vetted = plan(&file(&bytes)).unwrap();
    let object = vetted.object;
    assert_eq!(vetted.kind, Kind::Static);
    assert_eq!((object.fixed, object.base, object.entry, object.phdr), (1, 0x40_0000, 0x1010, 64));
    assert_eq!((object.segments[1].at, vetted.lowest), (0x3000, 0x40_0000));
}

#[test]
fn headers_in_no_segment_have_no_address() {
    let text = Load { offset: 0x1000, vaddr: 0x1000, filesz: 0x100, memsz: 0x100, ..TEXT };
    let mut bytes = bytes(&[text]);
    put(&mut bytes, 24, &0x1000_u64.to_le_bytes());
    assert_eq!(plan(&file(&bytes)).unwrap().object.phdr, NO_PHDR);
}

#[test]
fn segments_must_rise_and_not_touch_one_page() {
    assert!(complaint(&[TEXT, Load { vaddr: 0x1800, ..DATA }]).contains("overlaps"));
    assert!(complaint(&[TEXT, DATA, Load { vaddr: 0x2000, offset: 0, ..DATA }]).contains("overlaps"));
    let high = Load { vaddr: 0x10_0000, offset: 0x1000, ..DATA };
    assert!(complaint(&[high, TEXT]).contains("below"));
}

#[test]
fn numbers_that_wrap_are_refused() {
    assert!(complaint(&[TEXT, Load { memsz: u64::MAX, ..DATA }]).contains("address space"));
    assert!(complaint(&[TEXT, Load { vaddr: u64::MAX - 0x7ff, memsz: 0x800, ..DATA }]).contains("address space"));
    assert!(complaint(&[TEXT, Load { offset: 0x10, vaddr: 0x3020, ..DATA }]).contains("do not match"));
    assert!(complaint(&[TEXT, Load { offset: 0x400, vaddr: 0x3800, ..DATA }]).contains("do not match"));
    assert!(complaint(&[TEXT, Load { filesz: 0x3000, ..DATA }]).contains("more bytes in the file"));
    let far = Load { vaddr: (1 << 46) + 0x3800, ..DATA };
    assert!(matches!(vet(&[TEXT, far]), Err(ElfError::Malformed(_))));
    assert!(matches!(vet_with(&[TEXT], 32, &u64::MAX.to_le_bytes()), Err(ElfError::Truncated { .. })));
}

#[test]
fn pages_beyond_the_end_of_the_file_are_refused() {
    let there = Load { offset: 0x2fff, vaddr: 0x3fff, filesz: 1, memsz: 1, ..DATA };
    assert!(vet(&[TEXT, there]).is_ok());
    let gone = Load { offset: 0x3000, vaddr: 0x3000, filesz: 1, memsz: 1, ..DATA };
    assert!(matches!(vet(&[TEXT, gone]), Err(ElfError::Truncated { size: 0x3000, .. })));
    let wrapped = Load { offset: u64::MAX - 0xfff, vaddr: 0x3000, filesz: 0x2000, memsz: 0x2000, ..DATA };
    assert!(matches!(vet(&[TEXT, wrapped]), Err(ElfError::Truncated { .. })));
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let says = |result: Result<Vetted, ElfError>| result.unwrap_err().to_string();
    assert!(says(vet_with(&[TEXT], 18, &3_u16.to_le_bytes())).contains("32-bit program; nurse runs x86_64"));
    assert!(says(vet_with(&[TEXT], 4, &[1])).contains("32-bit program"));
    assert!(says(vet_with(&[TEXT], 18, &183_u16.to_le_bytes())).contains("aarch64"));
    assert!(says(vet_with(&[TEXT], 16, &1_u16.to_le_bytes())).contains("object file"));
    assert!(says(vet_with(&[TEXT], 16, &4_u16.to_le_bytes())).contains("core dump"));
    assert!(says(vet_with(&[TEXT], 24, &0x3000_u64.to_le_bytes())).contains("shared library"));
    assert!(matches!(plan(&file(b"")), Err(ElfError::NotElf)));
    assert!(matches!(plan(&file(b"#!/bin/sh\n")), Err(ElfError::NotElf)));
    assert!(matches!(plan(&file(b"\x7fELF\x02\x01")), Err(ElfError::Truncated { .. })));
}

#[test]
fn the_header_table_has_the_kernels_limits() {
    assert!(matches!(vet_with(&[TEXT], 54, &57_u16.to_le_bytes()), Err(ElfError::Malformed(_))));
    assert!(matches!(vet_with(&[TEXT], 56, &0_u16.to_le_bytes()), Err(ElfError::Malformed(_))));
    assert!(matches!(vet_with(&[TEXT], 56, &74_u16.to_le_bytes()), Err(ElfError::Malformed(_))));
    let page = |index: u64| Load { vaddr: 0x1000 * index, ..DATA_PAGE };
    let many: Vec<Load> = [TEXT].into_iter().chain((2..33).map(page)).collect();
    assert_eq!(vet(&many).unwrap().object.count, 32);
    let more: Vec<Load> = many.into_iter().chain([page(33)]).collect();
    assert!(complaint(&more).contains("more than nurse can load"));
}

/// One page of data.
const DATA_PAGE: Load = Load { kind: LOAD, flags: 6, offset: 0, vaddr: 0, filesz: 8, memsz: 8, align: 0x1000 };

#[test]
fn the_interpreter_is_a_whole_string() {
    let interp = |filesz| Load { kind: 3, flags: 4, offset: 0x2000, vaddr: 0x2000, filesz, memsz: filesz, align: 1 };
    let with = |filesz| vet_with(&[TEXT, interp(filesz)], 0x2000, b"/lib/ld.so\0rest");
    assert_eq!(with(11).unwrap().interpreter.unwrap().to_str(), Some("/lib/ld.so"));
    assert_eq!(with(11).unwrap().kind, Kind::Dynamic);
    assert!(matches!(with(10), Err(ElfError::Malformed(_))), "no NUL at the end");
    assert!(matches!(with(1), Err(ElfError::Malformed(_))));
    assert!(matches!(with(4097), Err(ElfError::Malformed(_))));
    assert!(matches!(vet(&[TEXT, interp(11)]), Err(ElfError::Malformed(_))), "the empty path");
    let outside = Load { offset: u64::MAX - 4, ..interp(11) };
    assert!(matches!(vet(&[TEXT, outside]), Err(ElfError::Truncated { .. })));
}

#[test]
fn audit_entries_are_found_by_address() {
    let dynamic = Load { kind: 2, flags: 6, offset: 0, vaddr: 0x3800, filesz: 0x20, memsz: 0x20, align: 8 };
    let with = |tag: u64| vet_with(&[TEXT, DATA, dynamic], 0x1810, &tag.to_le_bytes()).unwrap().audit;
    // The first entry is DT_NULL: what follows does not count.
    assert!(!with(0x6fff_fefc));
    let first = |tag: u64| vet_with(&[TEXT, DATA, dynamic], 0x1800, &tag.to_le_bytes()).unwrap().audit;
    assert!(first(0x6fff_fefc) && first(0x6fff_fefb));
    assert!(!first(1));
    let lost = Load { vaddr: 0x9000, ..dynamic };
    assert!(vet(&[TEXT, DATA, lost]).unwrap().audit, "a dynamic section that is nowhere is not to be trusted");
}

#[test]
fn stack_and_tls_are_reported() {
    let stack = Load { kind: 0x6474_e551, flags: 7, offset: 0, vaddr: 0, filesz: 0, memsz: 0, align: 16 };
    let tls = Load { kind: 7, flags: 4, offset: 0x1800, vaddr: 0x3800, filesz: 8, memsz: 0x5c88, align: 16 };
    let vetted = vet(&[TEXT, DATA, stack, tls]).unwrap();
    assert!(vetted.exec_stack);
    assert_eq!(vetted.tls_size, 0x5c88);
    assert!(!vet(&[TEXT, Load { flags: 6, ..stack }]).unwrap().exec_stack);
}
