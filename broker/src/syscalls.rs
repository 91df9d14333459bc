//! What the broker does for each call: one file per family, one handler per call.

use crate::call::{Answer, Call, Errno};
use crate::guest::Guest;

mod descriptor;
mod granted;
mod memory;
mod path;
mod process;
pub mod reference;
mod signal;
mod socket;
mod time;

pub use descriptor::{NEVER_FCNTLS, NEVER_IOCTLS};
pub use socket::FAMILIES;

/// Decides one call. Calls without a handler are ENOSYS: default is refusal.
///
/// # Errors
/// The errno that the guest is told.
pub fn handle(guest: &mut Guest, call: &Call) -> Answer {
    let families: [fn(&mut Guest, &Call) -> Option<Answer>; 8] = [
        granted::handle,
        path::handle,
        descriptor::handle,
        memory::handle,
        process::handle,
        signal::handle,
        socket::handle,
        time::handle,
    ];
    families.iter().find_map(|family| family(guest, call)).unwrap_or(Err(Errno::ENOSYS))
}

/// An `int` as an argument of an order: the kernel reads the low 32 bits.
fn word(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// Whether a pid or tid argument means the program itself: 0, or its own.
fn is_self(guest: &Guest, pid: i32) -> bool {
    pid == 0 || pid == guest.pid.as_raw()
}

/// The program's own pid, as an argument of an order.
fn own(guest: &Guest) -> u64 {
    word(guest.pid.as_raw())
}

#[cfg(test)]
mod testing;
