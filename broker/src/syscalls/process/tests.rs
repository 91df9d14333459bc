use super::super::testing::{ask, call, call_with, errno, guest, order, value};
use super::*;

fn address(bytes: &mut [u8]) -> u64 {
    bytes.as_mut_ptr().expose_provenance() as u64
}

#[test]
fn starting_anything_is_refused_with_a_reason() {
    let mut guest = guest();
    assert_eq!(super::super::handle(&mut guest, &call("fork", &[])).unwrap_err(), Errno::ENOSYS);
    assert_eq!(super::super::handle(&mut guest, &call("clone", &[0x11])).unwrap_err(), Errno::ENOSYS);
    let exec = call_with("execve", &[1, 0, 0], 0, b"/bin/sh\0");
    assert_eq!(super::super::handle(&mut guest, &exec).unwrap_err(), Errno::EPERM);
    let told: Vec<_> = guest.refusals.list().iter().map(|refusal| refusal.what.as_str()).collect();
    assert_eq!(told, ["fork", "clone", "exec /bin/sh"]);
}

#[test]
fn groups_and_sessions_of_the_program_only() {
    let me = word(guest().pid.as_raw());
    assert_eq!(order(ask("getpgid", &[0])).args[0], me);
    assert_eq!(errno(ask("getpgid", &[1])), Errno::ESRCH);
    assert_eq!(errno(ask("getsid", &[1])), Errno::ESRCH);
    assert_eq!(order(ask("setpgid", &[0, 0])).args[..2], [me, me]);
    assert_eq!(errno(ask("setpgid", &[0, 1])), Errno::EPERM);
    assert_eq!(errno(ask("setpgid", &[1, 0])), Errno::ESRCH);
}

#[test]
fn what_would_be_the_trustees_is_the_programs() {
    let me = word(guest().pid.as_raw());
    for name in ["sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_getattr"] {
        assert_eq!(order(ask(name, &[0, 0x1000, 48, 0])).args[0], me, "{name}");
        assert_eq!(errno(ask(name, &[1, 0x1000, 48, 0])), Errno::ESRCH, "{name}");
    }
    assert_eq!(order(ask("getrusage", &[1, 0x1000])).args[0], 0);
    assert_eq!(order(ask("getrusage", &[word(-1), 0x1000])).args[0], word(-1));
    assert_eq!(errno(ask("getrusage", &[7, 0x1000])), Errno::EINVAL);
    assert_eq!(order(ask("getpriority", &[0, 0])).args[..2], [0, me]);
    assert_eq!(order(ask("ioprio_get", &[1, 0])).args[..2], [1, me]);
}

#[test]
fn only_nicer() {
    let me = word(guest().pid.as_raw());
    assert_eq!(order(ask("setpriority", &[0, 0, 5])).args[..3], [0, me, 5]);
    assert_eq!(order(ask("setpriority", &[0, 0, 500])).args[2], 19);
    assert_eq!(errno(ask("setpriority", &[0, 0, word(-5)])), Errno::EACCES);
    assert_eq!(errno(ask("setpriority", &[1, 0, 5])), Errno::EPERM);
    assert_eq!(errno(ask("setpriority", &[0, 1, 5])), Errno::ESRCH);
}

#[test]
fn affinity_is_what_nurse_started_with() {
    match ask("sched_getaffinity", &[0, 128, 1]) {
        Ok(Outcome::Filled { result: 8, arg: 2, bytes }) => assert_eq!(bytes, guest().affinity),
        other => panic!("{other:?}"),
    }
    assert_eq!(errno(ask("sched_getaffinity", &[0, 4, 1])), Errno::EINVAL);
    assert_eq!(errno(ask("sched_getaffinity", &[0, 12, 1])), Errno::EINVAL);
    assert_eq!(errno(ask("sched_getaffinity", &[1, 128, 1])), Errno::ESRCH);
    assert_eq!(value(ask("sched_setaffinity", &[0, 8, 0x1000])), 0);
}

#[test]
fn ids_stay() {
    let uid = u64::from(nix::unistd::getuid().as_raw());
    let keep = u64::from(u32::MAX);
    assert_eq!(value(ask("setuid", &[uid])), 0);
    assert_eq!(value(ask("setresuid", &[keep, uid, keep])), 0);
    assert_eq!(value(ask("setreuid", &[uid, uid])), 0);
    assert_eq!(errno(ask("setuid", &[uid + 1])), Errno::EPERM);
    assert_eq!(errno(ask("setresgid", &[keep, 12345, keep])), Errno::EPERM);
    assert_eq!(value(ask("setfsuid", &[12345])), i64::try_from(uid).unwrap());
}

#[test]
fn capabilities_are_read_from_proc() {
    let mut header = [0x22, 5, 8, 0x20, 0, 0, 0, 0];
    let mut data = [0xee; 24];
    assert_eq!(value(ask("capget", &[address(&mut header), address(&mut data)])), 0);
    let permitted = status_bits(&status(&guest()).unwrap(), "CapPrm").unwrap();
    assert_eq!(data[4..8], permitted.to_ne_bytes()[..4]);
    assert_eq!(data[16..20], permitted.to_ne_bytes()[4..]);

    let mut unknown = [0_u8; 8];
    assert_eq!(value(ask("capget", &[address(&mut unknown), 0])), 0);
    assert_eq!(unknown[..4], [0x22, 5, 8, 0x20], "told the version to use");
    let mut others = [0x22, 5, 8, 0x20, 1, 0, 0, 0];
    assert_eq!(errno(ask("capget", &[address(&mut others), address(&mut data)])), Errno::ESRCH);
    assert_eq!(errno(ask("capget", &[8, 8])), Errno::EFAULT);
}

#[test]
fn names_are_kept_for_the_program() {
    let mut guest = guest();
    let mut name = *b"a name that is too long\0";
    let mut ask = |option, at: u64| super::super::handle(&mut guest, &call("prctl", &[option, at]));
    assert_eq!(value(ask(15, address(&mut name))), 0);
    let mut back = [0xee; 16];
    assert_eq!(value(ask(16, address(&mut back))), 0);
    assert_eq!(&back, b"a name that is \0");
    assert_eq!(errno(ask(16, 8)), Errno::EFAULT);
}

#[test]
fn prctl_by_its_list() {
    assert_eq!(value(ask("prctl", &[4, 0])), 0, "PR_SET_DUMPABLE in name only");
    assert_eq!(value(ask("prctl", &[38, 1, 0, 0, 0])), 0, "PR_SET_NO_NEW_PRIVS");
    assert_eq!(value(ask("prctl", &[39])), 1);
    for option in [22, 26, 35, 36, 59, 0x5961_6d61, 9999] {
        assert!(ask("prctl", &[option, 1]).is_err(), "{option}");
        assert!(ask("prctl", &[option | 1 << 32, 1]).is_err(), "{option} with high bits");
    }
    assert_eq!(errno(ask("prctl", &[24, 1])), Errno::EPERM, "PR_CAPBSET_DROP");
    assert_eq!(errno(ask("prctl", &[23, 64])), Errno::EINVAL);
}

#[test]
fn umask_and_personality() {
    let mut guest = guest();
    assert_eq!(value(super::super::handle(&mut guest, &call("umask", &[0o7027]))), 0o22);
    assert_eq!(guest.umask, 0o27);
    assert_eq!(value(ask("personality", &[0xffff_ffff])), 0);
    assert_eq!(errno(ask("personality", &[0x0040_0000])), Errno::EPERM);
}
