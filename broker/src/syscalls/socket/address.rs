//! Socket addresses as the kernel reads them, out of bytes that an attacker wrote.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::call::Errno;

/// Most bytes of an address (`struct sockaddr_storage`).
pub(super) const MOST: usize = 128;

/// A socket address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// AF_UNSPEC.
    Unspecified,
    /// IPv4 or IPv6; an IPv4 address that is written as IPv6 is IPv4.
    Internet {
        /// The host.
        host: IpAddr,
        /// Index of the network interface that a link-local address is on, or 0.
        scope: u32,
        /// In host order.
        port: u16,
    },
    /// A path of the file system.
    UnixPath(Vec<u8>),
    /// A name of the abstract namespace, all of its bytes, NULs too; empty to have the kernel choose one.
    UnixAbstract(Vec<u8>),
    /// A netlink port and groups.
    Netlink {
        /// 0 is the kernel.
        port: u32,
        /// Multicast groups, a bit each.
        groups: u32,
    },
    /// A family that nurse does not know.
    Other(u16),
}

/// The length argument of an address.
///
/// # Errors
/// `EINVAL` as from the kernel.
pub(super) fn lawful_len(len: i32) -> Result<usize, Errno> {
    usize::try_from(len).ok().filter(|&len| len <= MOST).ok_or(Errno::EINVAL)
}

impl Address {
    /// Reads an address of exactly these bytes.
    ///
    /// # Errors
    /// `EINVAL` if it is shorter than its family takes, or longer than any.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Errno> {
        if bytes.len() > MOST {
            return Err(Errno::EINVAL);
        }
        let (family, rest) = bytes.split_first_chunk::<2>().ok_or(Errno::EINVAL)?;
        let family = u16::from_ne_bytes(*family);
        match i32::from(family) {
            libc::AF_UNSPEC => Ok(Self::Unspecified),
            libc::AF_UNIX => Self::unix(rest),
            libc::AF_INET => {
                // port, address, padding to 16 bytes in all
                let port = u16::from_be_bytes(field(rest, 0)?);
                let host = Ipv4Addr::from(field::<4>(rest, 2)?);
                field::<8>(rest, 6)?;
                Ok(Self::Internet { host: host.into(), scope: 0, port })
            }
            libc::AF_INET6 => {
                // port, flow, address; the scope is optional (RFC 2133)
                let port = u16::from_be_bytes(field(rest, 0)?);
                let host = Ipv6Addr::from(field::<16>(rest, 6)?);
                let scope = field(rest, 22).map_or(0, u32::from_ne_bytes);
                Ok(Self::Internet { host: host.to_canonical(), scope, port })
            }
            libc::AF_NETLINK => Ok(Self::Netlink {
                port: u32::from_ne_bytes(field(rest, 2)?),
                groups: u32::from_ne_bytes(field(rest, 6)?),
            }),
            _ => Ok(Self::Other(family)),
        }
    }

    fn unix(name: &[u8]) -> Result<Self, Errno> {
        // Two bytes of family and at most 108 of name.
        if name.len() > 108 {
            return Err(Errno::EINVAL);
        }
        Ok(match name.split_first() {
            None => Self::UnixAbstract(Vec::new()),
            Some((0, name)) => Self::UnixAbstract(name.to_vec()),
            Some(_) => {
                let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
                Self::UnixPath(name[..end].to_vec())
            }
        })
    }
}

fn field<const LEN: usize>(bytes: &[u8], at: usize) -> Result<[u8; LEN], Errno> {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<LEN>()).copied().ok_or(Errno::EINVAL)
}

/// Bytes of a name for words and logs: one word whatever it holds.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// As policies write it, without the `tcp://`: `10.0.0.1:80`, `[fe80::1%2]:80`, `unix:/run/x`, `unix-abstract:name`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unspecified => f.write_str("unspecified"),
            Self::Internet { host: IpAddr::V4(host), port, .. } => write!(f, "{host}:{port}"),
            Self::Internet { host: IpAddr::V6(host), scope: 0, port } => write!(f, "[{host}]:{port}"),
            Self::Internet { host: IpAddr::V6(host), scope, port } => write!(f, "[{host}%{scope}]:{port}"),
            Self::UnixPath(path) => write!(f, "unix:{}", escaped(path)),
            Self::UnixAbstract(name) => write!(f, "unix-abstract:{}", escaped(name)),
            Self::Netlink { port, groups } => write!(f, "netlink:{port}:{groups:#x}"),
            Self::Other(family) => write!(f, "family:{family}"),
        }
    }
}
