//! Sockets: which kinds, and whom they may reach. Addresses are decided on in our copy, and the trustee is ordered to
//! use that copy. What a socket may do once it is connected is read and write, which need nobody's leave.

mod address;
mod kind;
mod message;
mod options;
mod rules;

use super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;
use crate::policy::AddressUse;
use address::Address;

/// Address families that a policy can allow. The trustee's filter knows them as well.
pub const FAMILIES: [u32; 4] = [
    libc::AF_UNIX.cast_unsigned(),
    libc::AF_INET.cast_unsigned(),
    libc::AF_INET6.cast_unsigned(),
    libc::AF_NETLINK.cast_unsigned(),
];

/// Decides the calls of this family; `None` for another family's.
pub(super) fn handle(guest: &mut Guest, call: &Call) -> Option<Answer> {
    Some(match i64::from(call.row.nr) {
        libc::SYS_socket => socket(guest, call),
        libc::SYS_socketpair => socketpair(call),
        libc::SYS_connect => with_address(guest, call, 1, call.int(2)),
        libc::SYS_bind => with_address(guest, call, 1, call.int(2)),
        libc::SYS_sendto => with_address(guest, call, 4, call.int(5)),
        libc::SYS_sendmsg => message::send(guest, call),
        libc::SYS_listen => listen(guest, call),
        libc::SYS_setsockopt => options::set(guest, call),
        libc::SYS_getsockopt => options::get(guest, call),
        _ => return None,
    })
}

const TYPE_FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

fn socket(guest: &mut Guest, call: &Call) -> Answer {
    let (family, kind, protocol) = (call.int(0), call.int(1), call.int(2));
    if !FAMILIES.contains(&family.cast_unsigned()) {
        let what = format!("socket family {family}");
        return Err(guest.refuse(what, Errno::EAFNOSUPPORT, "nurse cannot say whom such a socket would reach"));
    }
    let type_word = kind::type_name(kind & !TYPE_FLAGS).ok_or(Errno::EINVAL)?;
    let mut what = format!("{} {type_word}", kind::family_name(family));
    if family == libc::AF_NETLINK {
        what = format!("{what} {}", kind::netlink_name(protocol));
    }
    let decision = guest.policy.call("socket", &what);
    guest.rule(decision, || format!("socket {what}"))?;
    Ok(Order::plain(call.row.nr, [word(family), word(kind), word(protocol), 0, 0, 0]))
}

/// Two ends of one socket that leads nowhere else.
fn socketpair(call: &Call) -> Answer {
    if call.int(0) != libc::AF_UNIX {
        return Err(Errno::EAFNOSUPPORT);
    }
    Ok(Order::plain(call.row.nr, [word(libc::AF_UNIX), word(call.int(1)), word(call.int(2)), call.args[3], 0, 0]))
}

/// connect, bind and sendto: the address in argument `index`, of `len` bytes, is decided on and ordered as a copy.
fn with_address(guest: &mut Guest, call: &Call, index: usize, len: i32) -> Answer {
    if guest.is_reserved(call.fd(0)) {
        return Err(Errno::EBADF);
    }
    let len = address::lawful_len(len)?;
    let bytes = call.bytes(index, len)?.to_vec();
    // Sending to an address is reaching it, as connecting is.
    let used = if i64::from(call.row.nr) == libc::SYS_bind { AddressUse::Bind } else { AddressUse::Connect };
    rule_address(guest, call, used, &bytes)?;
    let mut call = call.clone();
    call.args[index + 1] = len as u64;
    Ok(Order::with_copy(&call, index, bytes))
}

/// Asks the policy about an address in `bytes`.
fn rule_address(guest: &mut Guest, call: &Call, used: AddressUse, bytes: &[u8]) -> Result<(), Errno> {
    let address = Address::parse(bytes)?;
    match &address {
        // Connected to it, a socket gives up its peer. Sent to it, IPv4 reads on and takes it for AF_INET.
        Address::Unspecified if i64::from(call.row.nr) == libc::SYS_connect => return Ok(()),
        Address::Unspecified => return Err(Errno::EAFNOSUPPORT),
        // The kernel's end of a socket that the policy let be made.
        Address::Netlink { port, groups: 0 } if *port == 0 || *port == guest.pid.as_raw().cast_unsigned() => {
            return Ok(());
        }
        Address::Netlink { .. } => {
            return Err(guest.refuse(
                format!("{} AF_NETLINK", call.row.name),
                Errno::EPERM,
                "broadcasts and other processes of the host",
            ));
        }
        Address::UnixPath(path) => {
            let what = format!("{} unix:{}", call.row.name, address::escaped(path));
            return Err(guest.refuse(what, Errno::EPERM, "sockets in the file system are not there yet"));
        }
        Address::Other(family) => {
            let what = format!("{} family {family}", call.row.name);
            return Err(guest.refuse(what, Errno::EAFNOSUPPORT, "nurse cannot say whom this address reaches"));
        }
        Address::UnixAbstract(_) | Address::Internet { .. } => {}
    }
    let scheme = match &address {
        Address::Internet { .. } => Some(kind::scheme(guest, call.fd(0))?),
        _ => None,
    };
    let what = scheme.map_or_else(|| address.to_string(), |scheme| format!("{scheme}://{address}"));
    let decision = rules::decide(&guest.policy, used, scheme, &address, &what);
    guest.rule(decision, || format!("{} {what}", call.row.name))
}

fn listen(guest: &mut Guest, call: &Call) -> Answer {
    if guest.is_reserved(call.fd(0)) {
        return Err(Errno::EBADF);
    }
    let (scheme, address) = kind::local(guest, call.fd(0))?;
    let what = scheme.map_or_else(|| address.to_string(), |scheme| format!("{scheme}://{address}"));
    let decision = rules::decide(&guest.policy, AddressUse::Listen, scheme, &address, &what);
    guest.rule(decision, || format!("listen {what}"))?;
    Ok(Order::plain(call.row.nr, [word(call.fd(0)), word(call.int(1)), 0, 0, 0, 0]))
}

#[cfg(test)]
mod tests;
