//! Damaged headers: never a panic, and every plan that comes out is sound.

use std::fs;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use crate::build::file;
use crate::invariants;

/// A change to the first bytes of a file.
#[derive(Debug, Clone)]
enum Harm {
    Byte(usize, u8),
    /// A field of a program header, by header and field.
    Field(usize, usize, u64),
    /// One program header over another.
    Copy(usize, usize),
}

/// Numbers that hurt, and any other.
fn number() -> impl Strategy<Value = u64> {
    let edges = [0, 1, 0xfff, 0x1000, 0x1001, (1 << 46) - 1, 1 << 46, 1 << 47, 1 << 63, u64::MAX - 0xfff, u64::MAX];
    prop_oneof![
        prop::sample::select(edges.to_vec()),
        0_u64..0x4_0000,
        (0_u64..64).prop_map(|page| page * 0x1000),
        any::<u64>(),
    ]
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (0_usize..1024, any::<u8>()).prop_map(|(at, byte)| Harm::Byte(at, byte)),
        (0_usize..14, 0_usize..7, number()).prop_map(|(header, field, value)| Harm::Field(header, field, value)),
        (0_usize..14, 0_usize..14).prop_map(|(from, to)| Harm::Copy(from, to)),
    ]
}

fn apply(head: &mut [u8], harm: &Harm) {
    match *harm {
        Harm::Byte(at, byte) => head[at] = byte,
        Harm::Field(header, field, value) => {
            let at = 64 + header * 56 + field * 8;
            head[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        Harm::Copy(from, to) => head.copy_within(64 + from * 56..120 + from * 56, 64 + to * 56),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_headers_give_a_sound_plan_or_an_error(
        which in 0_usize..3,
        harms in prop::collection::vec(harm(), 1..6),
        cut in prop_oneof![4 => Just(None), 1 => (0_u64..0x1_0000).prop_map(Some)],
    ) {
        let path = ["/bin/true", "/bin/ls", "/lib64/ld-linux-x86-64.so.2"][which];
        let bytes = fs::read(path).unwrap();
        let file = file(&bytes);
        let mut head = bytes[..1024].to_vec();
        for harm in &harms {
            apply(&mut head, harm);
        }
        file.write_all_at(&head, 0).unwrap();
        if let Some(len) = cut {
            file.set_len(len).unwrap();
        }
        let size = file.metadata().unwrap().len();
        if let Ok(vetted) = nurse::elf::plan(&file) {
            prop_assert_eq!(invariants::check(&vetted, size), Ok(()));
        }
    }

    #[test]
    fn noise_is_not_a_program(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut bytes = bytes;
        if let Some(start) = bytes.get_mut(..20) {
            start[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
            start[16..].copy_from_slice(&[3, 0, 62, 0]);
        }
        let size = bytes.len() as u64;
        if let Ok(vetted) = nurse::elf::plan(&file(&bytes)) {
            prop_assert_eq!(invariants::check(&vetted, size), Ok(()));
        }
    }
}
