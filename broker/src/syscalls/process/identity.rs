//! User and group ids, and capabilities. nurse's guest keeps those it was started with.

use nix::unistd::{getresgid, getresuid};

use super::status_bits;
use crate::call::{Answer, Call, Errno, Outcome};
use crate::guest::Guest;
use crate::memory::{read_guest, write_guest};

/// The set*id calls: what changes nothing succeeds.
pub(super) fn set(guest: &mut Guest, call: &Call) -> Answer {
    let users = getresuid()?;
    let groups = getresgid()?;
    let users = [users.real.as_raw(), users.effective.as_raw(), users.saved.as_raw()];
    let groups = [groups.real.as_raw(), groups.effective.as_raw(), groups.saved.as_raw()];
    let (own, count) = match i64::from(call.row.nr) {
        // These always answer the id that was in force.
        libc::SYS_setfsuid => return Ok(Outcome::Value(users[1].into())),
        libc::SYS_setfsgid => return Ok(Outcome::Value(groups[1].into())),
        libc::SYS_setuid => (users, 1),
        libc::SYS_setgid => (groups, 1),
        libc::SYS_setreuid => (users, 2),
        libc::SYS_setregid => (groups, 2),
        libc::SYS_setresuid => (users, 3),
        libc::SYS_setresgid => (groups, 3),
        _ => return Err(Errno::ENOSYS),
    };
    let asked = |index: usize| call.int(index).cast_unsigned();
    let same = if count == 1 {
        // Of a privileged process it sets all three.
        own.iter().all(|&id| id == asked(0))
    } else {
        (0..count).all(|index| asked(index) == u32::MAX || asked(index) == own[index])
    };
    if same {
        return Ok(Outcome::Value(0));
    }
    Err(guest.refuse(call.row.name, Errno::EPERM, "the program keeps the ids that it was started with"))
}

const VERSION_1: u32 = 0x1998_0330;
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;

/// capget(2) of the program itself.
pub(super) fn capget(guest: &Guest, call: &Call) -> Answer {
    let [header_at, data_at, ..] = call.args;
    let header = read_guest(guest.pid, header_at, 8)?;
    let field =
        |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes);
    let (version, pid) = (field(0), field(4).cast_signed());
    let halves = match version {
        VERSION_1 => 1,
        VERSION_2 | VERSION_3 => 2,
        _ => {
            write_guest(guest.pid, header_at, &VERSION_3.to_ne_bytes())?;
            return if data_at == 0 { Ok(Outcome::Value(0)) } else { Err(Errno::EINVAL) };
        }
    };
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    if !super::is_self(guest, pid) {
        return Err(Errno::ESRCH);
    }
    if data_at == 0 {
        return Ok(Outcome::Value(0));
    }
    let status = super::status(guest)?;
    let sets = ["CapEff", "CapPrm", "CapInh"].map(|name| status_bits(&status, name).unwrap_or(0));
    let mut data = Vec::new();
    for half in 0..halves {
        for set in sets {
            data.extend_from_slice(&set.to_ne_bytes()[4 * half..4 * half + 4]);
        }
    }
    write_guest(guest.pid, data_at, &data)?;
    Ok(Outcome::Value(0))
}
