//! Features of kernel and processor.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, OpenHow, ResolveFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{Check, exists};
use crate::sys::{self, Probe, Trial};

/// Oldest kernel that nurse is made for, as (major, minor).
const OLDEST: (u32, u32) = (5, 14);
const AT_HWCAP2: u64 = 26;
const HWCAP2_FSGSBASE: u64 = 2;
const F_SEAL_FUTURE_WRITE: i32 = 0x10;
/// Since Linux 6.3; older kernels know no other kind.
const MFD_EXEC: u32 = 0x10;

pub(super) fn architecture() -> Check {
    const NAME: &str = "architecture";
    let machine = nix::sys::utsname::uname().map(|name| name.machine().to_string_lossy().into_owned());
    match machine {
        Ok(machine) if machine == "x86_64" => Check::good(NAME, machine),
        Ok(machine) => Check::missing(NAME, machine, "nurse is made for x86_64 alone"),
        Err(errno) => Check::missing(NAME, format!("uname failed: {errno}"), "nurse is made for x86_64 alone"),
    }
}

pub(super) fn kernel() -> Check {
    const NAME: &str = "kernel";
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    let release = release.unwrap_or_else(|errno| format!("unknown ({errno})"));
    match version(&release) {
        Some(version) if version >= OLDEST => Check::good(NAME, format!("Linux {release}")),
        _ => {
            Check::missing(NAME, format!("Linux {release}"), format!("nurse needs {}.{} or newer", OLDEST.0, OLDEST.1))
        }
    }
}

/// `6.18.44-x` as (6, 18).
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|char: char| !char.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn seccomp() -> Check {
    const NAME: &str = "seccomp";
    match sys::numbers_only(Probe::Seccomp) {
        // 0 or 2 is the mode; EFAULT cannot be, and mode 1 would have ended us.
        Ok(_) => Check::good(NAME, "in the kernel"),
        Err(errno) => Check::missing(NAME, format!("not in the kernel ({errno:?})"), "needs CONFIG_SECCOMP_FILTER=y"),
    }
}

pub(super) fn strict() -> Check {
    const NAME: &str = "strict mode";
    match sys::try_in_child(Trial::Strict) {
        Ok(()) => Check::good(NAME, "available"),
        Err(Errno::EINVAL) => Check::limited(
            NAME,
            "refused, as it is under a seccomp filter (container, service manager)",
            "--engine auto takes a filter that allows the same four calls",
        ),
        Err(errno) => Check::limited(NAME, format!("refused ({errno:?})"), "use --engine filter"),
    }
}

pub(super) fn user_dispatch() -> Check {
    const NAME: &str = "syscall user dispatch";
    match sys::numbers_only(Probe::UserDispatchOff) {
        Ok(_) => Check::good(NAME, "available"),
        Err(errno) => {
            let advice = "needs Linux 5.11 on bare x86_64 (CONFIG_GENERIC_ENTRY), and no filter that forbids prctl 59";
            Check::missing(NAME, format!("refused ({errno:?})"), advice)
        }
    }
}

pub(super) fn fsgsbase() -> Check {
    const NAME: &str = "fsgsbase";
    if sys::auxiliary(AT_HWCAP2) & HWCAP2_FSGSBASE != 0 {
        return Check::good(NAME, "enabled");
    }
    let advice =
        "needs a processor with FSGSBASE (Ivy Bridge, Zen or newer), and no `nofsgsbase` on the kernel command line";
    Check::missing(NAME, "not enabled", advice)
}

pub(super) fn memfd() -> Check {
    const NAME: &str = "sealed memfd";
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let made =
        memfd_create(c"nurse-doctor", flags | MFdFlags::from_bits_retain(MFD_EXEC)).or_else(|errno| match errno {
            Errno::EINVAL => memfd_create(c"nurse-doctor", flags),
            other => Err(other),
        });
    let file = match made {
        Ok(file) => file,
        Err(errno @ (Errno::EACCES | Errno::EPERM)) => {
            let advice = "set the sysctl vm.memfd_noexec to 0 or 1, or allow memfd_create in the container's profile";
            return Check::missing(NAME, format!("executable ones are forbidden ({errno:?})"), advice);
        }
        Err(errno) => {
            return Check::missing(NAME, format!("no memfd_create ({errno:?})"), "nurse's pages live in memfds");
        }
    };
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::from_bits_retain(F_SEAL_FUTURE_WRITE);
    match fcntl(&file, FcntlArg::F_ADD_SEALS(seals)) {
        Ok(_) => Check::good(NAME, "with F_SEAL_FUTURE_WRITE"),
        Err(errno) => Check::missing(NAME, format!("no F_SEAL_FUTURE_WRITE ({errno:?})"), "needs Linux 5.1 or newer"),
    }
}

/// `.` below `/`, the way paths are resolved.
fn try_openat2() -> Result<(), Errno> {
    let root = std::fs::File::open("/").map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_BENEATH);
    nix::fcntl::openat2(&root, ".", how).map(drop)
}

pub(super) fn openat2() -> Check {
    const NAME: &str = "openat2";
    match try_openat2() {
        Ok(()) => Check::good(NAME, "available"),
        Err(errno) => {
            let advice = "paths are resolved with it; a container's profile that forbids it has to be renewed";
            Check::missing(NAME, format!("refused ({errno:?})"), advice)
        }
    }
}

pub(super) fn pidfd() -> Check {
    const NAME: &str = "pidfd";
    match exists(Probe::PidfdOpen) {
        Ok(()) => Check::good(NAME, "available"),
        Err(errno) => {
            let advice = "the program's end is seen by it; allow pidfd_open in the container's profile";
            Check::missing(NAME, format!("refused ({errno:?})"), advice)
        }
    }
}

pub(super) fn mseal() -> Check {
    const NAME: &str = "mseal";
    let advice = "nurse checks every mapping call against its own pages instead";
    match exists(Probe::Mseal) {
        Ok(()) => Check::good(NAME, "available"),
        Err(Errno::ENOSYS) => Check::limited(NAME, "not in this kernel (Linux 6.10 has it)", advice),
        Err(errno) => Check::limited(NAME, format!("refused ({errno:?})"), advice),
    }
}

pub(super) fn landlock() -> Check {
    const NAME: &str = "Landlock";
    let advice = "one layer less behind the policy";
    match sys::numbers_only(Probe::LandlockVersion) {
        Ok(abi) => Check::good(NAME, format!("ABI {abi}")),
        Err(Errno::EOPNOTSUPP) => Check::limited(
            NAME,
            "turned off at boot",
            format!("{advice}; add landlock to `lsm=` on the kernel command line"),
        ),
        Err(errno) => Check::limited(NAME, format!("not available ({errno:?})"), advice),
    }
}

pub(super) fn user_namespaces() -> Check {
    const NAME: &str = "user namespaces";
    match sys::try_in_child(Trial::UserNamespace) {
        Ok(()) => Check::good(NAME, "available"),
        Err(errno) => Check::limited(
            NAME,
            format!("refused ({errno:?})"),
            "no private network, PID and mount view; see the sysctls user.max_user_namespaces, \
             kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns",
        ),
    }
}
