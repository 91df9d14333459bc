//! prctl(2), by a list. Nobody makes the call: it would speak of the trustee, or change it.

use super::status_bits;
use crate::call::{Answer, Call, Errno, Outcome};
use crate::guest::Guest;
use crate::memory::{read_string, write_guest};

const PR_GET_TIMING: i32 = 13;
const PR_SET_TIMING: i32 = 14;
const PR_GET_THP_DISABLE: i32 = 42;
const PR_CAP_AMBIENT: i32 = 47;
const PR_CAP_AMBIENT_IS_SET: u64 = 1;
const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;
/// Nanoseconds that the kernel gives a thread to begin with.
const TIMER_SLACK: i64 = 50_000;
/// Capabilities are numbered below this.
const CAPS: u64 = 41;

/// Decides a prctl.
pub(super) fn decide(guest: &mut Guest, call: &Call) -> Answer {
    let [_, first, second, third, fourth, _] = call.args;
    let value = |value: i64| Ok(Outcome::Value(value));
    match call.int(0) {
        libc::PR_SET_NAME => {
            let name = read_string(guest.pid, first, 15)?;
            guest.comm = [0; 16];
            guest.comm[..name.len()].copy_from_slice(&name);
            value(0)
        }
        libc::PR_GET_NAME => {
            write_guest(guest.pid, first, &guest.comm)?;
            value(0)
        }
        // In name only: the broker has to look into the program.
        libc::PR_SET_DUMPABLE if first <= 1 => {
            guest.belief.dumpable = first == 1;
            value(0)
        }
        libc::PR_GET_DUMPABLE => value(i64::from(guest.belief.dumpable)),
        libc::PR_GET_NO_NEW_PRIVS => value(1),
        libc::PR_SET_NO_NEW_PRIVS if [first, second, third, fourth] == [1, 0, 0, 0] => value(0),
        // The program dies with nurse whatever it asks for.
        libc::PR_SET_PDEATHSIG => {
            guest.belief.death_signal =
                i32::try_from(first).ok().filter(|signal| *signal <= 64).ok_or(Errno::EINVAL)?;
            value(0)
        }
        libc::PR_GET_PDEATHSIG => {
            write_guest(guest.pid, first, &guest.belief.death_signal.to_ne_bytes())?;
            value(0)
        }
        libc::PR_GET_KEEPCAPS | libc::PR_GET_SECUREBITS | libc::PR_GET_SECCOMP | PR_GET_TIMING | PR_GET_THP_DISABLE => {
            value(0)
        }
        libc::PR_SET_KEEPCAPS | PR_SET_TIMING if first == 0 => value(0),
        libc::PR_SET_TIMERSLACK => value(0),
        libc::PR_GET_TIMERSLACK => value(TIMER_SLACK),
        libc::PR_CAPBSET_READ if first < CAPS => {
            let bounding = status_bits(&super::status(guest)?, "CapBnd").unwrap_or(0);
            value(i64::from(bounding >> first & 1 == 1))
        }
        PR_CAP_AMBIENT if first == PR_CAP_AMBIENT_IS_SET || first == PR_CAP_AMBIENT_CLEAR_ALL => value(0),
        libc::PR_CAPBSET_DROP | libc::PR_SET_SECUREBITS | libc::PR_SET_KEEPCAPS | PR_CAP_AMBIENT => Err(Errno::EPERM),
        libc::PR_SET_MM => {
            Err(guest.refuse("prctl PR_SET_MM", Errno::EPERM, "would move what nurse's view of the program rests on"))
        }
        libc::PR_SET_SECCOMP => {
            Err(guest.refuse("prctl PR_SET_SECCOMP", Errno::EINVAL, "would filter the trustee, not the program"))
        }
        // Naming mappings is optional in the kernel; nobody minds.
        libc::PR_SET_VMA => Err(Errno::EINVAL),
        option => Err(guest.refuse(
            format!("prctl {option}"),
            Errno::EINVAL,
            "this option is not among those known to be harmless",
        )),
    }
}
