//! Socket options, by lists of harmless ones. What they read and write is content.

use super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

/// Options that may be asked for and set: level, option.
const BOTH: [(i32, i32); 40] = [
    (libc::SOL_SOCKET, libc::SO_REUSEADDR),
    (libc::SOL_SOCKET, libc::SO_BROADCAST),
    (libc::SOL_SOCKET, libc::SO_SNDBUF),
    (libc::SOL_SOCKET, libc::SO_RCVBUF),
    (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
    (libc::SOL_SOCKET, libc::SO_OOBINLINE),
    (libc::SOL_SOCKET, libc::SO_LINGER),
    (libc::SOL_SOCKET, libc::SO_REUSEPORT),
    (libc::SOL_SOCKET, libc::SO_PASSCRED),
    (libc::SOL_SOCKET, libc::SO_RCVLOWAT),
    (libc::SOL_SOCKET, libc::SO_RCVTIMEO),
    (libc::SOL_SOCKET, libc::SO_SNDTIMEO),
    (libc::SOL_SOCKET, libc::SO_TIMESTAMP),
    (libc::SOL_SOCKET, 66), // SO_RCVTIMEO_NEW
    (libc::SOL_SOCKET, 67), // SO_SNDTIMEO_NEW
    (libc::IPPROTO_TCP, libc::TCP_NODELAY),
    (libc::IPPROTO_TCP, libc::TCP_MAXSEG),
    (libc::IPPROTO_TCP, libc::TCP_CORK),
    (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE),
    (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL),
    (libc::IPPROTO_TCP, libc::TCP_KEEPCNT),
    (libc::IPPROTO_TCP, libc::TCP_SYNCNT),
    (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
    (libc::IPPROTO_TCP, libc::TCP_QUICKACK),
    (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
    (libc::IPPROTO_IP, libc::IP_TOS),
    (libc::IPPROTO_IP, libc::IP_TTL),
    (libc::IPPROTO_IP, libc::IP_PKTINFO),
    (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER),
    (libc::IPPROTO_IP, libc::IP_RECVERR),
    (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL),
    (libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP),
    (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
    (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS),
    (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER),
    (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
    (libc::SOL_NETLINK, 11), // NETLINK_EXT_ACK
    (libc::SOL_NETLINK, 12), // NETLINK_GET_STRICT_CHK
];

/// Options that may be asked for only. Not SO_PEERPIDFD: an fd of another process.
const ASK: [(i32, i32); 11] = [
    (libc::SOL_SOCKET, libc::SO_TYPE),
    (libc::SOL_SOCKET, libc::SO_ERROR),
    (libc::SOL_SOCKET, libc::SO_PROTOCOL),
    (libc::SOL_SOCKET, libc::SO_DOMAIN),
    (libc::SOL_SOCKET, libc::SO_ACCEPTCONN),
    (libc::SOL_SOCKET, libc::SO_PEERCRED),
    (libc::SOL_SOCKET, libc::SO_PEERNAME),
    (libc::SOL_SOCKET, libc::SO_PRIORITY),
    (libc::IPPROTO_TCP, libc::TCP_INFO),
    (libc::IPPROTO_IP, libc::IP_MTU),
    (libc::IPPROTO_IPV6, libc::IPV6_MTU),
];

/// Decides a setsockopt.
pub(super) fn set(guest: &mut Guest, call: &Call) -> Answer {
    decide(guest, call, |option| BOTH.contains(&option))
}

/// Decides a getsockopt.
pub(super) fn get(guest: &mut Guest, call: &Call) -> Answer {
    decide(guest, call, |option| BOTH.contains(&option) || ASK.contains(&option))
}

fn decide(guest: &mut Guest, call: &Call, harmless: impl Fn((i32, i32)) -> bool) -> Answer {
    if guest.is_reserved(call.fd(0)) {
        return Err(Errno::EBADF);
    }
    let (level, option) = (call.int(1), call.int(2));
    if !harmless((level, option)) {
        let what = format!("{} {level}:{option}", call.row.name);
        return Err(guest.refuse(what, Errno::ENOPROTOOPT, "this option is not among those known to be harmless"));
    }
    let [_, _, _, value, len, _] = call.args;
    Ok(Order::plain(call.row.nr, [word(call.fd(0)), word(level), word(option), value, len, 0]))
}
