//! What must hold of every plan, said without looking at how plans are made.

use nurse::elf::Vetted;
use trampoline::layout::{LoadObject, MAX_SEGMENTS, NO_PHDR};

const PAGE: u128 = 4096;

/// Checks a plan; `Err` says what is wrong with it.
pub(crate) fn check(vetted: &Vetted, file_size: u64) -> Result<(), String> {
    let object = &vetted.object;
    let need = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{what}: {object:x?}")) };
    let wide = u128::from;
    need(object.count >= 1 && object.count as usize <= MAX_SEGMENTS, "count")?;
    need(object.span > 0 && wide(object.span) % PAGE == 0 && object.span <= 1 << 46, "span")?;
    need(wide(object.base) % PAGE == 0, "base")?;
    need(object.fixed <= 1 && (object.fixed == 1 || object.base == 0), "fixed")?;
    need(wide(object.base) + wide(object.span) < 1 << 47, "end of the address space")?;
    need(vetted.align.is_power_of_two() && wide(vetted.align) >= PAGE, "align")?;
    let mut end = 0_u128;
    for segment in &object.segments[..object.count as usize] {
        for number in [segment.at, segment.file_len, segment.offset, segment.anon_len] {
            need(wide(number) % PAGE == 0, "whole pages")?;
        }
        need(wide(segment.at) >= end, "overlap")?;
        need(segment.file_len > 0 || segment.anon_len > 0, "empty segment")?;
        let file_end = wide(segment.at) + wide(segment.file_len);
        end = file_end + wide(segment.anon_len);
        need(end <= wide(object.span), "inside the span")?;
        need(segment.prot & !7 == 0, "prot")?;
        need(wide(segment.zero_from) >= wide(segment.at) && wide(segment.zero_from) <= file_end, "zero_from")?;
        need(file_end - wide(segment.zero_from) < PAGE, "zeroing reaches over one page")?;
        if wide(segment.zero_from) != file_end || segment.anon_len > 0 {
            need(segment.prot & 2 != 0, "zeroing what cannot be written")?;
        }
        if segment.file_len > 0 {
            let last = wide(segment.offset) + wide(segment.file_len) - PAGE;
            need(last < wide(file_size), "a page beyond the end of the file")?;
        }
    }
    need(end == wide(object.span), "span ends with the last segment")?;
    need(object.segments[0].at == 0, "the first segment is at the base")?;
    need(mapped_code(object, object.entry), "entry point")?;
    need(object.phdr == NO_PHDR || object.phdr < object.span, "program headers")?;
    need((1..=73).contains(&object.phnum), "phnum")
}

fn mapped_code(object: &LoadObject, at: u64) -> bool {
    object.segments[..object.count as usize]
        .iter()
        .any(|segment| segment.prot & 4 != 0 && at >= segment.at && at - segment.at < segment.file_len)
}
