//! mmap(2) and relatives, brk(2).

use crate::raw::{BAD, file, opened, pipe, told, well};
use crate::{Probe, probe};
use libc::{
    MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE,
};

pub(crate) const PROBES: &[Probe] = &[
    probe("memory.mappings", mappings),
    probe("memory.files", files),
    probe("memory.protection", protection),
    probe("memory.remap", remap),
    probe("memory.advice", advice),
    probe("memory.brk", brk),
    probe("memory.code", code),
    probe("memory.memfd", memfd),
    probe("memory.many", many),
    probe("memory.large", large),
];

const RW: i32 = PROT_READ | PROT_WRITE;
const ANON: i32 = MAP_PRIVATE | MAP_ANONYMOUS;

fn at(address: i64) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

fn map(length: usize) -> i64 {
    let start = sys!(SYS_mmap, 0, length, RW, ANON, -1, 0);
    assert!(start > 0, "mmap: {}", told(start));
    start
}

/// Whether a byte can be read, asked by way of write(2).
fn readable(address: i64) -> String {
    let (_, to) = pipe(0);
    told(sys!(SYS_write, to, address, 1))
}

fn mappings() {
    let start = map(16384);
    println!("aligned {}, zero {}", start % 4096, unsafe { at(start).read() });
    unsafe { at(start + 16383).write(7) };
    say!("fixed over it", sys!(SYS_mmap, start + 4096, 4096, RW, ANON | MAP_FIXED, -1, 0) - start);
    say!("not over it", sys!(SYS_mmap, start, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    say!("length 0", sys!(SYS_mmap, 0, 0, RW, ANON, -1, 0));
    say!("odd fixed address", sys!(SYS_mmap, start + 1, 4096, RW, ANON | MAP_FIXED, -1, 0));
    say!("neither private nor shared", sys!(SYS_mmap, 0, 4096, RW, MAP_ANONYMOUS, -1, 0));
    say!("longer than memory", sys!(SYS_mmap, 0, 1u64 << 62, RW, ANON, -1, 0));
    say!("hint", well(sys!(SYS_mmap, start + 1, 4096, RW, ANON, -1, 0)));
    say!("unmap the middle", sys!(SYS_munmap, start + 4096, 8192));
    println!("{} {} {}", readable(start), readable(start + 4096), readable(start + 12288));
    say!("unmap it again", sys!(SYS_munmap, start + 4096, 8192));
    say!("unmap an odd address", sys!(SYS_munmap, start + 1, 4096));
    say!("unmap nothing", sys!(SYS_munmap, start, 0));
    say!("shared anonymous", well(sys!(SYS_mmap, 0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
    say!(
        "below 2 GB",
        i64::from((1..1i64 << 31).contains(&sys!(SYS_mmap, 0, 4096, RW, ANON | libc::MAP_32BIT, -1, 0)))
    );
    say!("no reserve", well(sys!(SYS_mmap, 0, 1u64 << 36, PROT_NONE, ANON | libc::MAP_NORESERVE, -1, 0)));
    say!("populate", well(sys!(SYS_mmap, 0, 65536, RW, ANON | libc::MAP_POPULATE, -1, 0)));
}

fn files() {
    file("f", &"0123456789abcdef".repeat(512));
    let (fd, only) = (opened("f", libc::O_RDWR), opened("f", libc::O_RDONLY));
    let shared = sys!(SYS_mmap, 0, 8192, RW, MAP_SHARED, fd, 0);
    let private = sys!(SYS_mmap, 0, 8192, RW, MAP_PRIVATE, only, 0);
    unsafe {
        at(shared).write(b'S');
        at(private + 1).write(b'P');
        at(private + 4096).write(b'Q');
    }
    say!("msync", sys!(SYS_msync, shared, 8192, libc::MS_SYNC));
    println!("{:?}", &std::fs::read_to_string("f").unwrap()[..4]);
    println!("{} {}", unsafe { at(private).read() } as char, unsafe { at(private + 1).read() } as char);
    say!("shared writable from a read-only fd", sys!(SYS_mmap, 0, 4096, RW, MAP_SHARED, only, 0));
    say!("odd offset", sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 100));
    say!("closed fd", sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 999, 0));
    say!("a pipe", sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, pipe(0).0, 0));
    say!("a directory", sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, opened(".", 0), 0));
    let second = sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
    println!("second page {}", unsafe { at(second).read() } as char);
    sys!(SYS_close, fd);
    println!("after close {}", unsafe { at(shared).read() } as char);
    say!("/dev/zero", well(sys!(SYS_mmap, 0, 4096, RW, MAP_PRIVATE, opened("/dev/zero", libc::O_RDWR), 0)));
    say!("msync unmapped", sys!(SYS_msync, 4096, 4096, libc::MS_ASYNC));
}

fn protection() {
    let start = map(12288);
    unsafe { at(start + 4096).write(1) };
    say!("read only", sys!(SYS_mprotect, start + 4096, 4096, PROT_READ));
    say!("write by the kernel", sys!(SYS_fstat, 0, start + 4096));
    say!("none", sys!(SYS_mprotect, start + 4096, 4096, PROT_NONE));
    println!("{} {}", readable(start), readable(start + 4096));
    say!("back", sys!(SYS_mprotect, start, 12288, RW));
    println!("content {}", unsafe { at(start + 4096).read() });
    say!("odd address", sys!(SYS_mprotect, start + 1, 4096, RW));
    say!("nothing there", sys!(SYS_mprotect, 4096, 4096, RW));
    say!("unknown bit", sys!(SYS_mprotect, start, 4096, 0x100));
    say!("length 0", sys!(SYS_mprotect, start, 0, RW));
    let mut seen = [9u8; 3];
    say!("mincore", sys!(SYS_mincore, start, 12288, seen.as_mut_ptr()));
    println!("second page is there {}", seen[1] & 1);
    say!("mincore, bad vector", sys!(SYS_mincore, start, 12288, BAD));
    say!("mlock", well(sys!(SYS_mlock, start, 4096)));
    say!("munlock", well(sys!(SYS_munlock, start, 4096)));
}

fn remap() {
    let start = map(8192);
    unsafe { at(start + 4095).write(5) };
    let moved = sys!(SYS_mremap, start, 8192, 1 << 20, libc::MREMAP_MAYMOVE);
    println!("grown {}", unsafe { at(moved + 4095).read() });
    say!("shrunk in place", sys!(SYS_mremap, moved, 1 << 20, 4096, 0) - moved);
    println!("rest {}", readable(moved + 4096));
    let target = map(8192);
    say!("to a place", sys!(SYS_mremap, moved, 4096, 8192, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, target) - target);
    println!("there {}", unsafe { at(target + 4095).read() });
    say!("odd address", sys!(SYS_mremap, target + 1, 4096, 8192, libc::MREMAP_MAYMOVE));
    say!("to nothing", sys!(SYS_mremap, target, 4096, 0, libc::MREMAP_MAYMOVE));
    say!("what is not there", sys!(SYS_mremap, 4096, 4096, 8192, libc::MREMAP_MAYMOVE));
    say!("unknown flag", sys!(SYS_mremap, target, 4096, 8192, 64));
    say!("fixed without may-move", sys!(SYS_mremap, target, 4096, 4096, libc::MREMAP_FIXED, start));
}

fn advice() {
    let start = map(8192);
    unsafe { at(start).write(3) };
    say!("don't need", sys!(SYS_madvise, start, 8192, libc::MADV_DONTNEED));
    println!("zero again {}", unsafe { at(start).read() });
    say!("free", sys!(SYS_madvise, start, 8192, libc::MADV_FREE));
    say!("sequential", sys!(SYS_madvise, start, 8192, libc::MADV_SEQUENTIAL));
    say!("will need", sys!(SYS_madvise, start, 8192, libc::MADV_WILLNEED));
    say!("huge", well(sys!(SYS_madvise, start, 8192, libc::MADV_HUGEPAGE)));
    say!("odd address", sys!(SYS_madvise, start + 1, 4096, libc::MADV_DONTNEED));
    say!("unknown", sys!(SYS_madvise, start, 4096, 9999));
    say!("nothing there", sys!(SYS_madvise, 4096, 4096, libc::MADV_DONTNEED));
}

fn brk() {
    let end = sys!(SYS_brk, 0);
    say!("grow by 1 MB", sys!(SYS_brk, end + (1 << 20)) - end);
    unsafe { at(end + (1 << 20) - 1).write(1) };
    println!("fresh memory is zero {}", unsafe { at(end + 4096 * 5).read() });
    say!("shrink", sys!(SYS_brk, end + 4096) - end);
    say!("too far", sys!(SYS_brk, 1i64 << 46) - end);
    say!("below the start", sys!(SYS_brk, 4096) - end);
    say!("ask", sys!(SYS_brk, 0) - end);
    say!("back", sys!(SYS_brk, end) - end);
}

/// Code made at run time, as by a JIT, with a system call of its own in it.
fn code() {
    let start = map(4096);
    // mov eax, 39 (getpid); syscall; ret
    let bytes = [0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3];
    unsafe { at(start).cast::<[u8; 8]>().write(bytes) };
    say!("make it executable", sys!(SYS_mprotect, start, 4096, PROT_READ | PROT_EXEC));
    let made: extern "C" fn() -> i64 = unsafe { std::mem::transmute(at(start)) };
    println!("it gives my pid {}", made() == i64::from(std::process::id()));
    let both = sys!(SYS_mmap, 0, 4096, RW | PROT_EXEC, ANON, -1, 0);
    say!("writable and executable", well(both));
    unsafe { at(both).cast::<[u8; 8]>().write(bytes) };
    let made: extern "C" fn() -> i64 = unsafe { std::mem::transmute(at(both)) };
    println!("it gives my pid {}", (0..100).all(|_| made() == i64::from(std::process::id())));
}

fn memfd() {
    let fd = sys!(SYS_memfd_create, c"probe".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
    say!("make", well(fd));
    say!("size", sys!(SYS_ftruncate, fd, 8192));
    let start = sys!(SYS_mmap, 0, 8192, RW, MAP_SHARED, fd, 0);
    unsafe { at(start).write(b'm') };
    let mut buffer = [0u8; 2];
    say!("read", sys!(SYS_pread64, fd, buffer.as_mut_ptr(), 1, 0));
    println!("{}", buffer[0] as char);
    say!("seal", sys!(SYS_fcntl, fd, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK));
    say!("shrink", sys!(SYS_ftruncate, fd, 0));
    say!("seals", sys!(SYS_fcntl, fd, libc::F_GET_SEALS));
    say!("unknown flag", sys!(SYS_memfd_create, c"probe".as_ptr(), 0x4000_0000));
    say!("name at a bad address", sys!(SYS_memfd_create, BAD, 0));
    say!("name too long", sys!(SYS_memfd_create, crate::raw::path(&"x".repeat(300)).as_ptr(), 0));
}

fn many() {
    let starts: Vec<i64> = (0..2000).map(|_| map(4096)).collect();
    println!("all differ {}", starts.iter().collect::<std::collections::HashSet<_>>().len());
    println!("unmapped {}", starts.iter().filter(|start| sys!(SYS_munmap, **start, 4096) == 0).count());
}

fn large() {
    let mut all = vec![0u8; 200 << 20];
    for page in all.chunks_mut(4096) {
        page[17] = 1;
    }
    println!("{}", all.iter().map(|byte| u64::from(*byte)).sum::<u64>());
}
