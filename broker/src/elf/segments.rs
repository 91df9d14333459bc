//! From PT_LOAD headers to [`LoadSegment`]s: rounding to pages, and all the ways in which that can go wrong.

use trampoline::layout::{LoadObject, LoadSegment, MAX_SEGMENTS, NO_PHDR, PAGE as PAGE_LEN};

use super::header::{Header, ProgramHeader, kind};
use super::{ElfError, no_object};

const PAGE: u64 = PAGE_LEN as u64;
/// End of user addresses with four-level page tables; the kernel's TASK_SIZE_MAX.
const TASK_SIZE: u64 = (1 << 47) - PAGE;
/// Lowest address that unprivileged programs may map (vm.mmap_min_addr as shipped).
const LOWEST: u64 = 0x10000;
/// No real program comes near; half the address space stays free for everything else.
const MAX_SPAN: u64 = 1 << 46;
/// Alignments above this are taken for nonsense and ignored.
const MAX_ALIGN: u64 = 1 << 30;

const READ: u64 = 1;
const WRITE: u64 = 2;
const EXEC: u64 = 4;

/// The mapped shape of a file.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) object: LoadObject,
    pub(super) lowest: u64,
    pub(super) align: u64,
}

/// Lays out all PT_LOADs of a file of `size` bytes.
pub(super) fn layout(header: &Header, headers: &[ProgramHeader], size: u64) -> Result<Layout, ElfError> {
    // A PT_LOAD without memory maps nothing; the kernel skips it as well.
    let loads = || headers.iter().enumerate().filter(|(_, load)| load.kind == kind::LOAD && load.memsz > 0);
    let Some((_, first)) = loads().next() else { return Err(ElfError::Malformed("it has nothing to load")) };
    let lowest = first.vaddr & !(PAGE - 1);
    let mut object = no_object();
    let mut used = 0;
    for (index, load) in loads() {
        let bad = |problem| ElfError::Segment { index, problem };
        for segment in segment(load, lowest, size).map_err(|error| error.at(index, size))?.into_iter().flatten() {
            // Whole pages: two segments in one page would have to be mapped over each other.
            if segment.at < object.span {
                return Err(bad("overlaps the one before it, or the headers do not rise by address"));
            }
            let slot = object.segments.get_mut(used).ok_or(bad("is one more than nurse can load"))?;
            *slot = segment;
            used += 1;
            object.span = segment.at + segment.file_len + segment.anon_len;
        }
    }
    debug_assert!(used <= MAX_SEGMENTS);
    object.count = used as u64;
    if object.span > MAX_SPAN {
        return Err(ElfError::Malformed("it spans more memory than a program may"));
    }
    if header.fixed {
        if lowest < LOWEST {
            return Err(ElfError::Malformed("it wants to be mapped at address 0"));
        }
        object.fixed = 1;
        object.base = lowest;
    }
    object.entry = entry(header, loads().map(|(_, load)| load), lowest)?;
    object.phnum = header.phnum as u64;
    object.phdr = phdr(header, loads().map(|(_, load)| load), lowest);
    Ok(Layout { object, lowest, align: align(loads().map(|(_, load)| load)) })
}

/// What can be wrong with one segment, before it has its place in an [`ElfError`].
enum Bad {
    Problem(&'static str),
    Truncated,
}

impl Bad {
    fn at(self, index: usize, size: u64) -> ElfError {
        match self {
            Self::Problem(problem) => ElfError::Segment { index, problem },
            Self::Truncated => ElfError::Truncated { what: "code or data", size },
        }
    }
}

/// One PT_LOAD as one segment, or as two when its anonymous pages need other rights than its file pages.
fn segment(load: &ProgramHeader, lowest: u64, size: u64) -> Result<[Option<LoadSegment>; 2], Bad> {
    if load.filesz > load.memsz {
        return Err(Bad::Problem("has more bytes in the file than in memory"));
    }
    let end = load.vaddr.checked_add(load.memsz).filter(|end| *end <= TASK_SIZE);
    let Some(end) = end else { return Err(Bad::Problem("reaches beyond the address space")) };
    let page = load.vaddr & !(PAGE - 1);
    let Some(at) = page.checked_sub(lowest) else { return Err(Bad::Problem("lies below the first one")) };
    // All sums below are of addresses under TASK_SIZE: none can overflow.
    let into = load.vaddr - page;
    let memory = end.next_multiple_of(PAGE) - page;
    let rights = prot(load);
    // Anonymous pages are always writable: the kernel makes them with vm_brk_flags, which looks at PF_X only.
    let anonymous = READ | WRITE | (rights & EXEC);
    if load.filesz == 0 {
        let only = LoadSegment { at, file_len: 0, offset: 0, zero_from: at, anon_len: memory, prot: anonymous };
        return Ok([Some(only), None]);
    }
    let file_end = at + into + load.filesz;
    let file_len = file_end.next_multiple_of(PAGE) - at;
    let offset = load.offset.checked_sub(into).filter(|offset| offset % PAGE == 0);
    let Some(offset) = offset else { return Err(Bad::Problem("has an address and a file offset that do not match")) };
    // The last page at least begins inside the file, so no page of the plan raises SIGBUS.
    if offset.checked_add(file_len - PAGE).is_none_or(|last| last >= size) {
        return Err(Bad::Truncated);
    }
    // As the kernel: the tail of the last page is zeroed only if memory goes on behind the file's bytes.
    let zeroed = load.writable() && load.memsz > load.filesz;
    let zero_from = if zeroed { file_end } else { at + file_len };
    let anon_len = memory - file_len;
    let mut file = LoadSegment { at, file_len, offset, zero_from, anon_len, prot: rights };
    if anon_len == 0 || rights == anonymous {
        return Ok([Some(file), None]);
    }
    file.anon_len = 0;
    let behind = at + file_len;
    let rest = LoadSegment { at: behind, file_len: 0, offset: 0, zero_from: behind, anon_len, prot: anonymous };
    Ok([Some(file), Some(rest)])
}

fn prot(load: &ProgramHeader) -> u64 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(load.readable(), READ) | bit(load.writable(), WRITE) | bit(load.executable(), EXEC)
}

/// The entry point from the base; it has to be code out of the file. Shared libraries fail here.
fn entry<'a>(
    header: &Header,
    mut loads: impl Iterator<Item = &'a ProgramHeader>,
    lowest: u64,
) -> Result<u64, ElfError> {
    let holds = |load: &ProgramHeader| header.entry.checked_sub(load.vaddr).is_some_and(|into| into < load.filesz);
    match loads.find(|load| holds(load)) {
        Some(load) if load.executable() => Ok(header.entry - lowest),
        _ => Err(ElfError::Malformed("its entry point is not in executable code (is it a shared library?)")),
    }
}

/// Where the program headers are in memory, from the base. The last segment that holds them counts, as in the kernel.
fn phdr<'a>(header: &Header, loads: impl Iterator<Item = &'a ProgramHeader>, lowest: u64) -> u64 {
    let inside = |load: &ProgramHeader| header.phoff.checked_sub(load.offset).filter(|into| *into < load.filesz);
    loads.filter_map(|load| Some(load.vaddr - lowest + inside(load)?)).last().unwrap_or(NO_PHDR)
}

/// The largest sensible alignment that a segment asks for.
fn align<'a>(loads: impl Iterator<Item = &'a ProgramHeader>) -> u64 {
    let sensible = |align: &u64| align.is_power_of_two() && (PAGE..=MAX_ALIGN).contains(align);
    loads.map(|load| load.align).filter(sensible).max().unwrap_or(PAGE)
}
