use proptest::prelude::*;

use super::super::testing::{GUARD, ask, errno, order};
use super::*;

const PAGE_LEN: u64 = PAGE as u64;
const SHARED: u64 = 1;
const PRIVATE_ANON: u64 = 0x22;
const FIXED: u64 = 0x10;

/// Whether `[start, start + len)` has a page in common with the guard range, counted the slow way round: in u128.
fn common(start: u64, len: u64) -> bool {
    let end = u128::from(start) + u128::from(len);
    end > u128::from(GUARD.0) && u128::from(start) < u128::from(GUARD.1)
}

/// Addresses that lie anywhere, but mostly about the guard range or at the end of the address space.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0_u64..0x40).prop_map(|page| GUARD.0 - 0x20 * PAGE_LEN + page * PAGE_LEN),
        (0_u64..0x40).prop_map(|page| GUARD.1 - 0x20 * PAGE_LEN + page * PAGE_LEN),
        (1_u64..0x40).prop_map(|page| 0_u64.wrapping_sub(page * PAGE_LEN)),
    ]
}

fn len() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0_u64..0x40,
        (0_u64..0x40).prop_map(|pages| pages * PAGE_LEN),
        Just(GUARD.0),
        Just(u64::MAX)
    ]
}

proptest! {
    #[test]
    fn no_order_ever_touches_the_guard(start in address(), len in len(), other in address(), other_len in len()) {
        for name in ["munmap", "mprotect", "madvise", "mlock", "munlock", "mseal", "msync", "mlock2"] {
            if let Ok(outcome) = ask(name, &[start, len, 0]) {
                let order = order(Ok(outcome));
                prop_assert!(!common(order.args[0], order.args[1]), "{name} {start:#x} {len:#x}");
            }
        }
        for flags in [PRIVATE_ANON, PRIVATE_ANON | FIXED, SHARED | FIXED, 0x10_0022] {
            if let Ok(outcome) = ask("mmap", &[start, len, 3, flags, u64::MAX, 0]) {
                let order = order(Ok(outcome));
                // Without MAP_FIXED the kernel looks for a free place, and the guard range is none.
                let fixed = flags & (FIXED | 0x10_0000) != 0;
                prop_assert!(!fixed || !common(order.args[0], order.args[1]), "mmap {start:#x} {len:#x} {flags:#x}");
            }
        }
        for flags in 0..8 {
            if let Ok(outcome) = ask("mremap", &[start, len, other_len, flags, other]) {
                let order = order(Ok(outcome));
                prop_assert!(!common(order.args[0], order.args[1].max(1)), "mremap from {start:#x} {len:#x}");
                prop_assert!(flags & 2 == 0 || !common(order.args[4], order.args[2]), "mremap to {other:#x} {other_len:#x}");
            }
        }
        for op in 0..16 {
            if let Ok(outcome) = ask("futex", &[start, op, 0, 0, other, 0]) {
                let order = order(Ok(outcome));
                prop_assert!(!common(order.args[0], 4) && !common(order.args[4], 4), "futex {op} {start:#x} {other:#x}");
            }
        }
    }
}

#[test]
fn ordinary_memory_is_free() {
    assert_eq!(order(ask("munmap", &[0x1000, 0x1000])).args[..2], [0x1000, 0x1000]);
    assert_eq!(order(ask("mremap", &[0x1000, 0x1000, 0x9000, 1, 0])).nr, 25);
    assert_eq!(order(ask("mmap", &[0, 4096, 3, 0x62, u64::MAX, 0])).nr, 9, "MAP_32BIT");
    assert_eq!(order(ask("madvise", &[0x1000, 0x1000, 8])).nr, 28, "MADV_FREE");
}

#[test]
fn the_guard_is_refused_and_the_neighbours_are_not() {
    let len = GUARD.1 - GUARD.0;
    for (start, bytes) in
        [(GUARD.0, 1), (GUARD.0, len), (GUARD.1 - 1, 1), (GUARD.0 - PAGE_LEN, PAGE_LEN + 1), (0, GUARD.1)]
    {
        assert_eq!(errno(ask("munmap", &[start, bytes])), Errno::EPERM, "{start:#x} {bytes:#x}");
        assert_eq!(errno(ask("mmap", &[start, bytes, 3, PRIVATE_ANON | FIXED, u64::MAX, 0])), Errno::EPERM);
    }
    assert_eq!(order(ask("munmap", &[GUARD.0 - PAGE_LEN, PAGE_LEN])).nr, 11);
    assert_eq!(order(ask("munmap", &[GUARD.1, PAGE_LEN])).nr, 11);
    assert_eq!(errno(ask("munmap", &[u64::MAX - 10, 20])), Errno::EINVAL);
}

#[test]
fn a_hint_in_the_guard_is_only_a_hint() {
    assert_eq!(order(ask("mmap", &[GUARD.0, 4096, 3, PRIVATE_ANON, u64::MAX, 0])).args[0], 0);
    let no_replace = 0x10_0000 | PRIVATE_ANON;
    assert_eq!(errno(ask("mmap", &[GUARD.0, 4096, 3, no_replace, u64::MAX, 0])), Errno::EEXIST);
}

#[test]
fn pages_of_nurse_are_not_mapped_twice() {
    assert_eq!(
        errno(ask("mremap", &[GUARD.0, 0, 4096, 1, 0])),
        Errno::EPERM,
        "old length 0 duplicates a shared mapping"
    );
    assert_eq!(errno(ask("mremap", &[GUARD.1 - PAGE_LEN, 0, 4096, 1, 0])), Errno::EPERM);
    assert_eq!(errno(ask("mremap", &[0x1000, 4096, 4096, 8, 0])), Errno::EINVAL, "an unknown flag");
}

#[test]
fn unknown_flags_are_refused() {
    assert_eq!(errno(ask("mmap", &[0, 4096, 3, 0x122, u64::MAX, 0])), Errno::EINVAL, "MAP_GROWSDOWN");
    assert_eq!(errno(ask("mmap", &[0, 4096, 3, 1 << 40 | 0x22, u64::MAX, 0])), Errno::EINVAL);
    assert_eq!(errno(ask("mmap", &[0, 4096, 3, 0x4_0022, u64::MAX, 0])), Errno::ENOMEM, "MAP_HUGETLB");
    assert_eq!(errno(ask("mprotect", &[0x1000, 4096, 0x0100_0001])), Errno::EINVAL, "PROT_GROWSDOWN");
    assert_eq!(errno(ask("madvise", &[0x1000, 4096, 100])), Errno::EINVAL, "MADV_HWPOISON");
    assert_eq!(errno(ask("madvise", &[0x1000, 4096, 12])), Errno::EINVAL, "MADV_MERGEABLE");
}

#[test]
fn futex_words_of_nurse_cannot_be_waited_on_or_woken() {
    assert_eq!(errno(ask("futex", &[GUARD.0 + 8, 1, 1])), Errno::EPERM);
    assert_eq!(errno(ask("futex", &[0x1000, 3, 1, 1, GUARD.0 + 8, 0])), Errno::EPERM);
    let order = order(ask("futex", &[0x1000, 0x80, 1, 0, GUARD.0 + 8, 0]));
    assert_eq!(order.args[4], 0, "a wait has no second word: what stands there means nothing");
    assert_eq!(errno(ask("futex", &[0x1000, 6])), Errno::ENOSYS, "FUTEX_LOCK_PI");
}
