//! What the broker does for each call: one file per family, one handler per call.

use crate::call::{Answer, Call, Errno};
use crate::guest::Guest;

mod descriptor;
mod memory;
mod path;
mod process;
mod signal;
mod socket;
mod time;

/// Decides one call. Calls without a handler are ENOSYS: default is refusal.
///
/// # Errors
/// The errno that the guest is told.
pub fn handle(guest: &mut Guest, call: &Call) -> Answer {
    let families: [fn(&mut Guest, &Call) -> Option<Answer>; 7] = [
        path::handle, descriptor::handle, memory::handle, process::handle, signal::handle, socket::handle, time::handle,
    ];
    families.iter().find_map(|family| family(guest, call)).unwrap_or(Err(Errno::ENOSYS))
}
