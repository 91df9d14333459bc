//! Socket addresses that a policy names: kept, and matched once sockets are let through.

use std::net::IpAddr;

use super::error::Place;
use super::pattern::{Pattern, PatternProblem};

/// What a rule says about addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressUse {
    /// Connect or send to it.
    Connect,
    /// Bind to it.
    Bind,
    /// Listen on it.
    Listen,
}

/// A rule that allows the use of an address.
#[derive(Debug, Clone)]
pub struct AddressRule {
    /// Where it stands.
    pub place: Place,
    /// What is allowed.
    pub allows: AddressUse,
    /// With which addresses.
    pub address: Address,
}

/// A form of address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `tcp://host:port`
    Tcp(Host, Ports),
    /// `udp://host:port`
    Udp(Host, Ports),
    /// `unix:/path`, a path pattern.
    Unix(PathPattern),
    /// `unix-abstract:name`, of exactly this length.
    Abstract(Vec<u8>),
}

/// A path pattern inside an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(pub(super) Pattern);

/// The machine part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// `*`
    Any,
    /// An address, and how many of its leading bits count.
    Net(IpAddr, u8),
    /// A name; with `true` every name that ends in `.` and this (`*.example.org`).
    Name(String, bool),
}

/// The port part of an address, both ends included: `443`, `8000-8080`, `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports(pub u16, pub u16);

impl Address {
    /// Parses an address; a path in it is given to `path`.
    pub(super) fn parse(
        text: &str,
        path: impl FnOnce(&str) -> Result<Pattern, PatternProblem>,
    ) -> Result<Self, PatternProblem> {
        if let Some(rest) = text.strip_prefix("tcp://") {
            host_and_ports(rest).map(|(host, ports)| Self::Tcp(host, ports))
        } else if let Some(rest) = text.strip_prefix("udp://") {
            host_and_ports(rest).map(|(host, ports)| Self::Udp(host, ports))
        } else if let Some(rest) = text.strip_prefix("unix:") {
            path(rest).map(|pattern| Self::Unix(PathPattern(pattern)))
        } else if let Some(rest) = text.strip_prefix("unix-abstract:").filter(|rest| !rest.is_empty()) {
            Ok(Self::Abstract(rest.into()))
        } else {
            Err(PatternProblem::Address)
        }
    }
}

fn host_and_ports(text: &str) -> Result<(Host, Ports), PatternProblem> {
    let (host, ports) = text.rsplit_once(':').ok_or(PatternProblem::Address)?;
    Ok((parse_host(host).ok_or(PatternProblem::Address)?, parse_ports(ports).ok_or(PatternProblem::Address)?))
}

fn parse_host(text: &str) -> Option<Host> {
    if text == "*" {
        return Some(Host::Any);
    }
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    // An IPv6 address has colons, so it has to be in brackets.
    if let Some(ip) = bare.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == (bare.len() == address.len())) {
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|&bits| bits <= most))?;
        return Some(Host::Net(ip, bits));
    }
    let (name, below) = address.strip_prefix("*.").map_or((address, false), |name| (name, true));
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // "10.0.0" and "300.1.1.1" are slips, not names.
    let last_is_word = name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    (bits.is_none() && last_is_word && name.split('.').all(label)).then(|| Host::Name(name.to_ascii_lowercase(), below))
}

fn parse_ports(text: &str) -> Option<Ports> {
    if text == "*" {
        return Some(Ports(0, u16::MAX));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ports = Ports(first.parse().ok()?, last.parse().ok()?);
    (ports.0 <= ports.1).then_some(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, PatternProblem> {
        Address::parse(text, |path| Pattern::parse("/".as_ref(), path))
    }

    #[test]
    fn forms() {
        let name = Host::Name("example.org".into(), true);
        assert_eq!(parse("tcp://*.Example.org:443"), Ok(Address::Tcp(name, Ports(443, 443))));
        let net = Host::Net([10, 0, 0, 0].into(), 8);
        assert_eq!(parse("udp://10.0.0.0/8:53-54"), Ok(Address::Udp(net, Ports(53, 54))));
        assert!(matches!(parse("tcp://[::1]:*"), Ok(Address::Tcp(Host::Net(IpAddr::V6(_), 128), Ports(0, 65535)))));
        assert!(matches!(parse("unix:/run/app.sock"), Ok(Address::Unix(_))));
        assert_eq!(parse("unix-abstract:x"), Ok(Address::Abstract(b"x".to_vec())));
        for bad in [
            "http://x:1",
            "tcp://x",
            "tcp://10.0.0:1",
            "tcp://1.2.3.4/33:1",
            "tcp://::1:80",
            "tcp://a:9-1",
            "tcp://a b:1",
        ] {
            assert_eq!(parse(bad), Err(PatternProblem::Address), "{bad}");
        }
    }
}
