//! Resource limits: the program may ask for its own and lower them. Not even root raises a hard limit.

use std::fs;

use super::{is_self, word};
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

/// Names in /proc/PID/limits, by number (asm-generic/resource.h).
const NAMES: [&str; 16] = [
    "Max cpu time",
    "Max file size",
    "Max data size",
    "Max stack size",
    "Max core file size",
    "Max resident set",
    "Max processes",
    "Max open files",
    "Max locked memory",
    "Max address space",
    "Max file locks",
    "Max pending signals",
    "Max msgqueue size",
    "Max nice priority",
    "Max realtime priority",
    "Max realtime timeout",
];
const NOFILE: usize = 7;
const SIGPENDING: usize = 11;
const INFINITY: u64 = u64::MAX;

/// prlimit64(2), and setrlimit(2) as a prlimit64.
pub(super) fn decide(guest: &mut Guest, call: &Call) -> Answer {
    let prlimit = i64::from(call.row.nr) == libc::SYS_prlimit64;
    let (resource, new, old) = if prlimit { (call.int(1), 2, call.args[3]) } else { (call.int(0), 1, 0) };
    if prlimit && !is_self(guest, call.int(0)) {
        return Err(guest.refuse(
            format!("prlimit64 of {}", call.int(0)),
            Errno::EPERM,
            "limits of other processes are not the program's",
        ));
    }
    let index = usize::try_from(resource).ok().filter(|&index| index < NAMES.len()).ok_or(Errno::EINVAL)?;
    let nr = u32::try_from(libc::SYS_prlimit64).map_err(|_| Errno::ENOSYS)?;
    if call.is_null(new) {
        return if prlimit { Ok(Order::plain(nr, [0, word(resource), 0, old, 0, 0])) } else { Err(Errno::EFAULT) };
    }
    let wanted = pair(call.bytes(new, 16)?).ok_or(Errno::EFAULT)?;
    let present = present(guest, index).ok_or(Errno::EPERM)?;
    let (soft, hard) = match lawful(index, wanted, present, guest.fd_low) {
        Ok(limits) => limits,
        Err(Errno::EPERM) => {
            return Err(guest.refuse(
                NAMES[index].replace("Max", "limit of"),
                Errno::EPERM,
                "no limit is raised above the hard one",
            ));
        }
        Err(errno) => return Err(errno),
    };
    let data = [soft.to_ne_bytes(), hard.to_ne_bytes()].concat();
    let call = Call { args: [0, word(resource), 0, old, 0, 0], ..call.clone() };
    let crate::call::Outcome::Order(order) = Order::with_copy(&call, 2, data) else { return Err(Errno::ENOSYS) };
    Ok(crate::call::Outcome::Order(Order { nr, ..order }))
}

/// What the limit becomes: soft, hard.
fn lawful(index: usize, (soft, hard): (u64, u64), present: (u64, u64), fd_low: u32) -> Result<(u64, u64), Errno> {
    if soft > hard {
        return Err(Errno::EINVAL);
    }
    if hard > present.1 {
        return Err(Errno::EPERM);
    }
    match index {
        // Fds from there on are nurse's.
        NOFILE => Ok((soft.min(fd_low.into()), hard)),
        // Without a place in the queue the trustee's signal would not come, and blocking calls not end.
        SIGPENDING if (soft, hard) != present => Err(Errno::EPERM),
        _ => Ok((soft, hard)),
    }
}

fn pair(bytes: &[u8]) -> Option<(u64, u64)> {
    let (soft, hard) = bytes.split_at_checked(8)?;
    Some((u64::from_ne_bytes(soft.try_into().ok()?), u64::from_ne_bytes(hard.try_into().ok()?)))
}

/// The program's present limit: soft, hard.
fn present(guest: &Guest, index: usize) -> Option<(u64, u64)> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", guest.pid)).ok()?;
    parse(&limits, NAMES.get(index)?)
}

fn parse(limits: &str, name: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(' ')))?;
    let mut words =
        line.split_whitespace().map(|word| if word == "unlimited" { Some(INFINITY) } else { word.parse().ok() });
    Some((words.next()??, words.next()??))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{FD_LOW, ask, call_with, errno, guest, order};
    use super::*;

    fn set(resource: u64, soft: u64, hard: u64) -> Answer {
        let data = [soft.to_ne_bytes(), hard.to_ne_bytes()].concat();
        super::super::super::handle(&mut guest(), &call_with("setrlimit", &[resource, 0], 1, &data))
    }

    #[test]
    fn present_limits_are_the_kernels() {
        for (index, resource) in [(NOFILE, libc::RLIMIT_NOFILE), (3, libc::RLIMIT_STACK), (8, libc::RLIMIT_MEMLOCK)] {
            assert_eq!(u32::try_from(index).unwrap(), resource);
        }
        let kernels = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(present(&guest(), NOFILE), Some(kernels));
        for (index, name) in NAMES.iter().enumerate() {
            assert!(present(&guest(), index).is_some(), "{name}");
        }
    }

    #[test]
    fn asking_needs_no_copy() {
        let order = order(ask("prlimit64", &[0, 7, 0, 0x1000]));
        assert_eq!((order.nr, order.args), (302, [0, 7, 0, 0x1000, 0, 0]));
        assert_eq!(errno(ask("prlimit64", &[1, 7, 0, 0x1000])), Errno::EPERM);
        assert_eq!(errno(ask("prlimit64", &[0, 16, 0, 0x1000])), Errno::EINVAL);
        assert_eq!(errno(ask("setrlimit", &[7, 0])), Errno::EFAULT);
    }

    #[test]
    fn open_files_stay_below_nurses_own() {
        let hard = present(&guest(), NOFILE).unwrap().1;
        let order = order(set(7, hard, hard));
        assert_eq!((order.nr, pair(&order.data).unwrap()), (302, (hard.min(FD_LOW.into()), hard)));
        assert_eq!(order.pointers, [(2, 0)]);
        assert_eq!(lawful(NOFILE, (64, 64), (1024, 4096), FD_LOW), Ok((64, 64)));
    }

    #[test]
    fn hard_limits_are_not_raised() {
        assert_eq!(lawful(0, (1, 10), (5, 9), FD_LOW), Err(Errno::EPERM));
        assert_eq!(lawful(0, (9, 8), (5, 9), FD_LOW), Err(Errno::EINVAL));
        assert_eq!(lawful(0, (9, 9), (5, 9), FD_LOW), Ok((9, 9)));
        assert_eq!(lawful(0, (INFINITY, INFINITY), (5, INFINITY), FD_LOW), Ok((INFINITY, INFINITY)));
        assert_eq!(lawful(SIGPENDING, (0, 9), (9, 9), FD_LOW), Err(Errno::EPERM));
    }
}
