//! Handlers.

use crate::call::{Answer, Call};
use crate::guest::Guest;

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(_guest: &mut Guest, _call: &Call) -> Option<Answer> {
    None
}
