//! The guest's memory, for the few calls whose pointed-to arguments the table's words cannot say.
//!
//! What is read is a claim, copied once. What is written goes through the guest's own page protection, as the kernel's
//! copies do: it cannot change what the guest cannot.

use std::io::{IoSlice, IoSliceMut};

use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

use crate::call::Errno;

/// Most bytes that one call reads or writes: what fits an order's data.
pub const MOST: usize = trampoline::layout::ORDER_DATA;

/// Copies `len` bytes out of the guest, from `address` on.
///
/// # Errors
/// `EFAULT` if they are not all mapped, `E2BIG` beyond [`MOST`], `ESRCH` if the guest is gone.
///
/// Source: process_vm_readv(2).
pub fn read_guest(pid: Pid, address: u64, len: usize) -> Result<Vec<u8>, Errno> {
    if len > MOST {
        return Err(Errno::E2BIG);
    }
    let mut bytes = vec![0; len];
    let base = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
    let read = process_vm_readv(pid, &mut [IoSliceMut::new(&mut bytes)], &[RemoteIoVec { base, len }])?;
    if read == len { Ok(bytes) } else { Err(Errno::EFAULT) }
}

/// Copies a string out of the guest: up to its NUL, which is left out, or `most` bytes.
///
/// # Errors
/// As [`read_guest`].
pub fn read_string(pid: Pid, address: u64, most: usize) -> Result<Vec<u8>, Errno> {
    const PAGE: u64 = trampoline::layout::PAGE as u64;
    let to_page_end = usize::try_from(PAGE - address % PAGE).map_err(|_| Errno::EFAULT)?;
    let first = most.min(to_page_end);
    let mut bytes = read_guest(pid, address, first)?;
    if !bytes.contains(&0) && first < most {
        let next = address.checked_add(first as u64).ok_or(Errno::EFAULT)?;
        bytes.extend(read_guest(pid, next, most - first)?);
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    Ok(bytes)
}

/// Copies `bytes` into the guest, to `address` on.
///
/// # Errors
/// As [`read_guest`]; what was written before the fault stays.
///
/// Source: process_vm_writev(2).
pub fn write_guest(pid: Pid, address: u64, bytes: &[u8]) -> Result<(), Errno> {
    let base = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
    let remote = RemoteIoVec { base, len: bytes.len() };
    let written = process_vm_writev(pid, &[IoSlice::new(bytes)], &[remote])?;
    if written == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_and_faults() {
        let mut word = *b"hello\0xx";
        let at = word.as_mut_ptr().expose_provenance() as u64;
        let me = nix::unistd::getpid();
        assert_eq!(read_guest(me, at, 8).unwrap(), b"hello\0xx");
        assert_eq!(read_string(me, at, 8).unwrap(), b"hello");
        write_guest(me, at, b"HE").unwrap();
        assert_eq!(read_string(me, at, 3).unwrap(), b"HEl");
        assert_eq!(read_guest(me, 0, 8), Err(Errno::EFAULT));
        assert_eq!(read_guest(me, u64::MAX - 3, 8), Err(Errno::EFAULT));
        assert_eq!(read_guest(me, at, usize::MAX), Err(Errno::E2BIG));
        assert_eq!(write_guest(me, 8, b"x"), Err(Errno::EFAULT));
    }
}
