//! Every program of this system: vetting agrees with goblin's reading of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use goblin::elf::{Elf, program_header as ph};
use nurse::elf::{self, ElfError, Kind, Vetted};

use crate::invariants;

/// Regular files that begin like an ELF file, links followed.
fn programs(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file() && starts_with_elf(path)).collect()
}

fn starts_with_elf(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

#[test]
fn programs_of_this_system_agree_with_goblin() {
    let mut seen = 0;
    for path in ["/usr/bin", "/usr/sbin", "/usr/local/bin"].into_iter().flat_map(programs) {
        let bytes = fs::read(&path).unwrap();
        let goblin = Elf::parse(&bytes).unwrap();
        match elf::plan(&File::open(&path).unwrap()) {
            Ok(vetted) => {
                invariants::check(&vetted, bytes.len() as u64).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                same(&path, &goblin, &vetted);
                seen += 1;
            }
            Err(ElfError::Bits32) => assert!(!goblin.is_64, "{path:?}"),
            Err(error) => panic!("{path:?} {error}"),
        }
    }
    assert!(seen > 50, "only {seen} programs found: is this the right system?");
}

fn same(path: &Path, goblin: &Elf<'_>, vetted: &Vetted) {
    let object = &vetted.object;
    let interpreter = vetted.interpreter.as_deref().map(|path| path.to_str().unwrap());
    assert_eq!(interpreter, goblin.interpreter, "{path:?}");
    let kind = match (goblin.header.e_type == goblin::elf::header::ET_EXEC, goblin.interpreter.is_some()) {
        (true, true) => Kind::DynamicFixed,
        (true, false) => Kind::Static,
        (false, true) => Kind::Dynamic,
        (false, false) => Kind::StaticPie,
    };
    assert_eq!(vetted.kind, kind, "{path:?}");
    assert_eq!(vetted.lowest + object.entry, goblin.entry, "{path:?}");
    assert_eq!(object.phnum, u64::from(goblin.header.e_phnum), "{path:?}");
    if let Some(own) = goblin.program_headers.iter().find(|header| header.p_type == ph::PT_PHDR) {
        assert_eq!(vetted.lowest + object.phdr, own.p_vaddr, "{path:?}");
    }
    let tls = goblin.program_headers.iter().find(|header| header.p_type == ph::PT_TLS);
    assert_eq!(vetted.tls_size, tls.map_or(0, |tls| tls.p_memsz), "{path:?}");
    let audit = goblin
        .dynamic
        .as_ref()
        .is_some_and(|dynamic| dynamic.dyns.iter().any(|entry| matches!(entry.d_tag, 0x6fff_fefb | 0x6fff_fefc)));
    assert_eq!(vetted.audit, audit, "{path:?}");
    let segments = &object.segments[..object.count as usize];
    let mut pages = 0;
    for load in goblin.program_headers.iter().filter(|header| header.p_type == ph::PT_LOAD && header.p_memsz > 0) {
        let at = load.p_vaddr / 4096 * 4096 - vetted.lowest;
        let segment = segments.iter().find(|segment| segment.at == at).unwrap_or_else(|| panic!("{path:?} {load:?}"));
        assert_eq!(segment.prot & 1 != 0, load.is_read(), "{path:?}");
        assert_eq!(segment.prot & 2 != 0, load.is_write(), "{path:?}");
        assert_eq!(segment.prot & 4 != 0, load.is_executable(), "{path:?}");
        if load.p_filesz > 0 {
            assert_eq!(segment.offset, load.p_offset / 4096 * 4096, "{path:?}");
        }
        if load.is_write() && load.p_memsz > load.p_filesz && load.p_filesz > 0 {
            assert_eq!(segment.zero_from, load.p_vaddr + load.p_filesz - vetted.lowest, "{path:?}");
        }
        pages += (load.p_vaddr + load.p_memsz).div_ceil(4096) - load.p_vaddr / 4096;
    }
    let planned: u64 = segments.iter().map(|segment| (segment.file_len + segment.anon_len) / 4096).sum();
    assert_eq!(planned, pages, "{path:?}");
}
