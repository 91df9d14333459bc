//! Sends fds to the guest.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// Puts `fd` on its way to the guest, whose trustee receives it by recvmsg(2).
///
/// # Errors
/// As sendmsg(2); `EAGAIN` if the guest lets fds lie unreceived.
pub fn send(channel: &OwnedFd, fd: &OwnedFd) -> Result<(), Errno> {
    let fds = [fd.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(
        channel.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &message,
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}
