//! What kind of socket an fd is: by a duplicate of it, for the guest's word on it is worth nothing.

use std::net::SocketAddr;
use std::os::fd::RawFd;

use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketType, getsockname};

use super::address::Address;
use crate::call::Errno;
use crate::guest::Guest;
use crate::resolve::{lift, take_fd};

/// `tcp`, `udp` or `raw`: how addresses of this socket begin in a policy.
///
/// # Errors
/// `EBADF`, `ENOTSOCK`.
pub(super) fn scheme(guest: &Guest, fd: RawFd) -> Result<&'static str, Errno> {
    Ok(scheme_of(lift(socket_type(take_fd(guest, fd)?))?))
}

fn scheme_of(kind: SocketType) -> &'static str {
    match kind {
        SocketType::STREAM => "tcp",
        SocketType::DGRAM => "udp",
        _ => "raw",
    }
}

/// The socket's own address, and its scheme if it is one of the internet.
///
/// # Errors
/// `EBADF`, `ENOTSOCK`.
pub(super) fn local(guest: &Guest, fd: RawFd) -> Result<(Option<&'static str>, Address), Errno> {
    let socket = take_fd(guest, fd)?;
    let domain = lift(socket_domain(&socket))?;
    let kind = lift(socket_type(&socket))?;
    let name: SocketAddrAny = lift(getsockname(&socket))?;
    let address = address_of(&name);
    let internet = domain == AddressFamily::INET || domain == AddressFamily::INET6;
    Ok((internet.then(|| scheme_of(kind)), address))
}

/// The kernel's own word on an address, in ours; what is neither internet nor named unix has no name.
fn address_of(name: &SocketAddrAny) -> Address {
    if let Ok(internet) = SocketAddr::try_from(name.clone()) {
        let scope = if let SocketAddr::V6(v6) = internet { v6.scope_id() } else { 0 };
        return Address::Internet { host: internet.ip().to_canonical(), scope, port: internet.port() };
    }
    let unix = SocketAddrUnix::try_from(name.clone()).ok();
    let path = unix.as_ref().and_then(|unix| unix.path_bytes()).map(|path| Address::UnixPath(path.to_vec()));
    path.unwrap_or_else(|| {
        Address::UnixAbstract(unix.and_then(|unix| unix.abstract_name().map(<[u8]>::to_vec)).unwrap_or_default())
    })
}

/// Name of an address family that a policy can allow.
pub(super) fn family_name(family: i32) -> &'static str {
    match family {
        libc::AF_UNIX => "AF_UNIX",
        libc::AF_INET => "AF_INET",
        libc::AF_INET6 => "AF_INET6",
        libc::AF_NETLINK => "AF_NETLINK",
        _ => "AF_UNKNOWN",
    }
}

/// Name of a socket type; `None` for one that nurse does not know.
pub(super) fn type_name(kind: i32) -> Option<&'static str> {
    Some(match kind {
        libc::SOCK_STREAM => "SOCK_STREAM",
        libc::SOCK_DGRAM => "SOCK_DGRAM",
        libc::SOCK_RAW => "SOCK_RAW",
        libc::SOCK_SEQPACKET => "SOCK_SEQPACKET",
        _ => return None,
    })
}

/// Name of a netlink protocol.
pub(super) fn netlink_name(protocol: i32) -> String {
    match protocol {
        libc::NETLINK_ROUTE => "NETLINK_ROUTE".into(),
        libc::NETLINK_KOBJECT_UEVENT => "NETLINK_KOBJECT_UEVENT".into(),
        libc::NETLINK_GENERIC => "NETLINK_GENERIC".into(),
        libc::NETLINK_AUDIT => "NETLINK_AUDIT".into(),
        libc::NETLINK_NETFILTER => "NETLINK_NETFILTER".into(),
        other => format!("NETLINK_{other}"),
    }
}
