//! Which addresses a policy's rules allow: `connect("tcp://10.0.0.0/8:443")` and the like.
//!
//! Rules that name hosts by name match no address yet: nothing says which names an address has.

use std::net::IpAddr;

use super::address::Address;
use crate::policy::{self, AddressUse, Decision, Host, Policy, Ports, Verdict};

/// What the policy says about the use of an address; `what` is the address in words, for hooks and people.
pub(super) fn decide(
    policy: &Policy,
    used: AddressUse,
    scheme: Option<&str>,
    address: &Address,
    what: &str,
) -> Decision {
    let mut layers = policy.addresses().peekable();
    let ruled = layers.peek().is_some()
        && layers.all(|rules| rules.iter().any(|rule| rule.allows == used && matches(&rule.address, scheme, address)));
    if ruled {
        return Decision { verdict: Verdict::Allow, why: String::new() };
    }
    let name = match used {
        AddressUse::Connect => "connect",
        AddressUse::Bind => "bind",
        AddressUse::Listen => "listen",
    };
    policy.call(name, what)
}

fn matches(rule: &policy::Address, scheme: Option<&str>, address: &Address) -> bool {
    match (rule, address) {
        (policy::Address::Tcp(host, ports), Address::Internet { host: ip, port, .. }) => {
            scheme == Some("tcp") && reaches(host, *ip) && within(*ports, *port)
        }
        (policy::Address::Udp(host, ports), Address::Internet { host: ip, port, .. }) => {
            scheme == Some("udp") && reaches(host, *ip) && within(*ports, *port)
        }
        (policy::Address::Abstract(allowed), Address::UnixAbstract(name)) => allowed == name,
        _ => false,
    }
}

fn within(ports: Ports, port: u16) -> bool {
    (ports.0..=ports.1).contains(&port)
}

fn reaches(host: &Host, ip: IpAddr) -> bool {
    match host {
        Host::Any => true,
        Host::Net(net, bits) => in_net(*net, *bits, ip),
        Host::Name(..) => false,
    }
}

/// Whether the leading `bits` of both addresses are the same.
fn in_net(net: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let differ = match (net, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => u128::from(net.to_bits() ^ ip.to_bits()) << 96,
        (IpAddr::V6(net), IpAddr::V6(ip)) => net.to_bits() ^ ip.to_bits(),
        _ => return false,
    };
    bits == 0 || differ.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str, port: u16) -> Address {
        Address::Internet { host: text.parse().unwrap(), scope: 0, port }
    }

    #[test]
    fn nets_count_their_bits() {
        let net = |net: &str, bits, ip: &str| in_net(net.parse().unwrap(), bits, ip.parse().unwrap());
        assert!(net("10.0.0.0", 8, "10.255.0.1") && !net("10.0.0.0", 8, "11.0.0.0"));
        assert!(net("10.0.0.1", 32, "10.0.0.1") && !net("10.0.0.1", 32, "10.0.0.0"));
        assert!(net("0.0.0.0", 0, "1.2.3.4") && !net("0.0.0.0", 0, "::1"));
        assert!(net("2001:db8::", 32, "2001:db8:ffff::1") && !net("2001:db8::", 32, "2001:db9::"));
        assert!(net("::1", 128, "::1") && !net("::1", 128, "::2"));
    }

    #[test]
    fn rules_match_protocol_host_and_port() {
        let rule = policy::Address::Tcp(Host::Net("10.0.0.0".parse().unwrap(), 8), Ports(80, 90));
        assert!(matches(&rule, Some("tcp"), &v4("10.1.1.1", 90)));
        assert!(!matches(&rule, Some("tcp"), &v4("10.1.1.1", 91)));
        assert!(!matches(&rule, Some("udp"), &v4("10.1.1.1", 80)));
        assert!(!matches(&rule, Some("raw"), &v4("10.1.1.1", 80)));
        assert!(!matches(&rule, Some("tcp"), &v4("11.1.1.1", 80)));
        let name = policy::Address::Abstract(b"x".to_vec());
        assert!(matches(&name, None, &Address::UnixAbstract(b"x".to_vec())));
        assert!(!matches(&name, None, &Address::UnixAbstract(b"x\0".to_vec())), "every byte counts");
    }

    #[test]
    fn no_policy_allows_nothing_and_the_open_one_everything() {
        let none = Policy::load(&[], &crate::policy::Variables::default());
        if let Ok(none) = none {
            let said = decide(&none, AddressUse::Connect, Some("tcp"), &v4("10.1.1.1", 80), "tcp://10.1.1.1:80");
            assert_ne!(said.verdict, Verdict::Allow);
        }
        let open = Policy::allow_everything();
        let said = decide(&open, AddressUse::Connect, Some("tcp"), &v4("10.1.1.1", 80), "tcp://10.1.1.1:80");
        assert_eq!(said.verdict, Verdict::Allow);
    }
}
