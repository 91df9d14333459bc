//! sendmsg(2): header, address and control message are copied and decided on; the data is the program's own business.

use super::{rule_address, word};
use crate::call::{Answer, Call, Errno, Order, Outcome};
use crate::guest::Guest;
use crate::memory::read_guest;
use crate::policy::AddressUse;

/// Bytes of a `struct msghdr`.
const HEADER: usize = 56;
/// Where the copies of address and control message stand in the order's data.
const NAME_AT: usize = 64;
const CONTROL_AT: usize = NAME_AT + super::address::MOST;
/// Most bytes of control messages: more than 253 fds, the kernel's own limit, take.
const CONTROL_MOST: usize = 2048;
/// Bytes of a `struct cmsghdr`.
const CMSG: usize = 16;
/// Words of the header that point to address and control message.
const NAME_WORD: usize = 0;
const CONTROL_WORD: usize = 4;

/// Decides a sendmsg.
pub(super) fn send(guest: &mut Guest, call: &Call) -> Answer {
    if guest.is_reserved(call.fd(0)) {
        return Err(Errno::EBADF);
    }
    let header = call.bytes(1, HEADER)?.to_vec();
    let long = |at: usize| header.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes);
    let int = |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    let (name, control) = (long(0), long(32));
    let name_len = if name == 0 { 0 } else { super::address::lawful_len(int(8))? };
    let control_len = if control == 0 { 0 } else { usize::try_from(long(40)).map_err(|_| Errno::ENOBUFS)? };
    if control_len > CONTROL_MOST {
        return Err(Errno::ENOBUFS);
    }

    let mut data = header.clone();
    data.resize(CONTROL_AT, 0);
    let mut pointers = vec![(1, 0)];
    // Neither pointer nor length of the guest's survives unless its bytes were decided on.
    data[0..16].fill(0);
    data[32..48].fill(0);
    if name_len > 0 {
        let bytes = read_guest(guest.pid, name, name_len)?;
        rule_address(guest, call, AddressUse::Connect, &bytes)?;
        data[NAME_AT..NAME_AT + name_len].copy_from_slice(&bytes);
        data[8..16].copy_from_slice(&(name_len as u64).to_ne_bytes());
        pointers.push((Order::WORDS + NAME_WORD, NAME_AT));
    }
    if control_len > 0 {
        let bytes = read_guest(guest.pid, control, control_len)?;
        lawful_control(guest, &bytes)?;
        data.extend_from_slice(&bytes);
        data[40..48].copy_from_slice(&(control_len as u64).to_ne_bytes());
        pointers.push((Order::WORDS + CONTROL_WORD, CONTROL_AT));
    }
    let args = [word(call.fd(0)), 0, word(call.int(2)), 0, 0, 0];
    Ok(Outcome::Order(Order { nr: call.row.nr, args, data, pointers }))
}

/// Whether control messages only hand over the program's own fds, and its own identity.
fn lawful_control(guest: &mut Guest, bytes: &[u8]) -> Result<(), Errno> {
    let mut rest = bytes;
    // As the kernel walks it: what is shorter than a header is left alone.
    while rest.len() >= CMSG {
        let len = u64::from_ne_bytes(rest[..8].try_into().map_err(|_| Errno::EINVAL)?);
        let len = usize::try_from(len).ok().filter(|&len| (CMSG..=rest.len()).contains(&len)).ok_or(Errno::EINVAL)?;
        let int =
            |at: usize| rest.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
        let body = &rest[CMSG..len];
        match (int(8), int(12)) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                let mut fds = body.chunks_exact(4).filter_map(|fd| fd.try_into().ok()).map(i32::from_ne_bytes);
                if fds.any(|fd| guest.is_reserved(fd)) {
                    return Err(Errno::EBADF);
                }
            }
            // The kernel checks user and group; the pid might be another's if we run with privilege.
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if body.len() >= 4 && int(CMSG) == guest.pid.as_raw() => {}
            (level, kind) => {
                let what = format!("sendmsg with control message {level}:{kind}");
                return Err(guest.refuse(
                    what,
                    Errno::EPERM,
                    "only fds and the program's own credentials are handed over",
                ));
            }
        }
        rest = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    Ok(())
}
