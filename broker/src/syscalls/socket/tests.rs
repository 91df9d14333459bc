use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use proptest::prelude::*;

use super::super::testing::{FD_LOW, ask, call, call_with, errno, guest, order};
use super::*;

const V4: [u8; 16] = [2, 0, 0x1f, 0x90, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

fn v6(host: &str, scope: u32) -> Vec<u8> {
    let mut bytes = vec![10, 0, 0, 80, 0, 0, 0, 0];
    bytes.extend(host.parse::<std::net::Ipv6Addr>().unwrap().octets());
    bytes.extend(scope.to_ne_bytes());
    bytes
}

fn unix(name: &[u8]) -> Vec<u8> {
    [&[1, 0], name].concat()
}

fn words(bytes: &[u8]) -> String {
    Address::parse(bytes).unwrap().to_string()
}

proptest! {
    #[test]
    fn any_bytes_are_an_address_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(address) = Address::parse(&bytes) {
            prop_assert!(bytes.len() <= address::MOST);
            prop_assert!(!address.to_string().contains(char::is_whitespace), "one word, whatever a name holds");
        }
    }

    #[test]
    fn unix_names_keep_every_byte(name in proptest::collection::vec(any::<u8>(), 1..=107)) {
        let abstract_name = [&[0][..], &name].concat();
        prop_assert_eq!(Address::parse(&unix(&abstract_name)), Ok(Address::UnixAbstract(name)));
    }

    #[test]
    fn control_messages_never_panic_and_never_carry_nurses_fds(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..100), len in 0_u64..120, fd in FD_LOW..FD_LOW + 3,
    ) {
        if bytes.len() >= 20 {
            bytes[..8].copy_from_slice(&len.to_ne_bytes());
            bytes[8..16].copy_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0]);
            bytes[16..20].copy_from_slice(&fd.to_ne_bytes());
            let covers = len >= 20;
            prop_assert!(!covers || send_with(&bytes).is_err());
        }
        let _ = send_with(&bytes);
    }
}

#[test]
fn addresses_in_words() {
    assert_eq!(words(&V4), "10.0.0.1:8080");
    assert_eq!(words(&v6("::ffff:10.0.0.1", 0)), "10.0.0.1:80", "IPv4 in disguise");
    assert_eq!(words(&v6("2001:db8::1", 0)), "[2001:db8::1]:80");
    assert_eq!(words(&v6("fe80::1", 2)), "[fe80::1%2]:80");
    assert_eq!(words(&unix(b"/run/x\0garbage")), "unix:/run/x");
    assert_eq!(words(&unix(b"\0a\0b c")), "unix-abstract:a\\x00b\\x20c");
    assert_eq!(words(&unix(b"")), "unix-abstract:");
}

#[test]
fn hostile_lengths() {
    for short in 0..16 {
        let lawful = short < 2;
        assert_eq!(Address::parse(&V4[..short]), Err(Errno::EINVAL), "{short} {lawful}");
    }
    assert!(Address::parse(&v6("::1", 0)[..24]).is_ok(), "without a scope");
    assert_eq!(Address::parse(&v6("::1", 0)[..23]), Err(Errno::EINVAL));
    assert_eq!(Address::parse(&unix(&[b'x'; 109])), Err(Errno::EINVAL));
    for len in [-1, 129, i32::MAX, i32::MIN] {
        assert_eq!(
            errno(super::super::handle(&mut guest(), &call_with("connect", &[3, 0, word(len)], 1, &V4))),
            Errno::EINVAL
        );
    }
    let more_than_there_is = call_with("connect", &[3, 0, 100], 1, &V4);
    assert_eq!(errno(super::super::handle(&mut guest(), &more_than_there_is)), Errno::EFAULT);
    assert_eq!(errno(ask("connect", &[3, 0, 16])), Errno::EFAULT);
}

#[test]
fn families() {
    assert_eq!(order(ask("socket", &[1, 1 | 0x80000, 0])).args[..3], [1, 0x80001, 0]);
    assert_eq!(order(ask("socket", &[2 | 1 << 32, 1, 0])).args[0], 2);
    for family in [0, 5, 17, 38, 40, 44, 1 << 16 | 1] {
        assert_eq!(errno(ask("socket", &[family, 1, 0])), Errno::EAFNOSUPPORT, "{family}");
    }
    assert_eq!(errno(ask("socket", &[2, 0x40_0001, 0])), Errno::EINVAL, "an unknown flag");
    assert_eq!(order(ask("socketpair", &[1, 1, 0, 0x1000])).args, [1, 1, 0, 0x1000, 0, 0]);
    assert_eq!(errno(ask("socketpair", &[30, 1, 0, 0x1000])), Errno::EAFNOSUPPORT, "AF_TIPC");
}

#[test]
fn what_is_sent_to_has_a_family() {
    let unspecified = [&[0, 0], &V4[2..]].concat();
    let ask =
        |name, args: &[u64], index| super::super::handle(&mut guest(), &call_with(name, args, index, &unspecified));
    assert_eq!(order(ask("connect", &[3, 0, 16], 1)).data, unspecified, "gives up the peer");
    assert_eq!(
        errno(ask("sendto", &[3, 0x1000, 5, 0, 0, 16], 4)),
        Errno::EAFNOSUPPORT,
        "the kernel would send it to V4"
    );
    assert_eq!(errno(ask("bind", &[3, 0, 16], 1)), Errno::EAFNOSUPPORT);
}

#[test]
fn connects_use_the_copy() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let fd = u64::try_from(socket.as_raw_fd()).unwrap();
    let connect = order(super::super::handle(&mut guest(), &call_with("connect", &[fd, 0, 16], 1, &V4)));
    assert_eq!((connect.data.as_slice(), &connect.pointers[..], connect.args[2]), (&V4[..], &[(1, 0)][..], 16));
    let sendto = order(super::super::handle(&mut guest(), &call_with("sendto", &[fd, 0x1000, 5, 0, 0, 16], 4, &V4)));
    assert_eq!((&sendto.pointers[..], sendto.args[1], sendto.args[5]), (&[(4, 0)][..], 0x1000, 16));
    assert_eq!(order(ask("sendto", &[fd, 0x1000, 5, 0, 0, 0])).args[4], 0, "without an address it is a write");
    let reserved = call_with("connect", &[FD_LOW.into(), 0, 16], 1, &V4);
    assert_eq!(errno(super::super::handle(&mut guest(), &reserved)), Errno::EBADF);
}

#[test]
fn what_no_rule_can_name_is_refused() {
    let connect =
        |bytes: &[u8]| super::super::handle(&mut guest(), &call_with("connect", &[3, 0, bytes.len() as u64], 1, bytes));
    let bind =
        |bytes: &[u8]| super::super::handle(&mut guest(), &call_with("bind", &[3, 0, bytes.len() as u64], 1, bytes));
    assert_eq!(errno(connect(&unix(b"/run/docker.sock"))), Errno::EPERM);
    assert_eq!(errno(connect(&[38, 0, 1, 2])), Errno::EAFNOSUPPORT);
    assert_eq!(errno(bind(&[0; 16])), Errno::EAFNOSUPPORT, "AF_UNSPEC binds in disguise");
    assert_eq!(order(connect(&[0; 16])).nr, 42, "AF_UNSPEC disconnects");
    assert_eq!(order(bind(&[16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).nr, 49, "netlink, the kernel's end");
    assert_eq!(errno(bind(&[16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])), Errno::EPERM, "netlink broadcasts");
}

#[test]
fn listen_names_its_own_address() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let fd = socket.as_raw_fd();
    let (scheme, address) = kind::local(&guest(), fd).unwrap();
    assert_eq!((scheme, address.to_string()), (Some("tcp"), socket.local_addr().unwrap().to_string()));
    assert_eq!(order(ask("listen", &[u64::try_from(fd).unwrap(), 5])).args[1], 5);
    let unnamed = UnixDatagram::unbound().unwrap();
    assert_eq!(kind::local(&guest(), unnamed.as_raw_fd()), Ok((None, Address::UnixAbstract(Vec::new()))));
    let file = std::fs::File::open("/").unwrap();
    assert_eq!(kind::local(&guest(), file.as_raw_fd()), Err(Errno::ENOTSOCK));
}

/// A sendmsg with these control messages, from memory of the test's own.
fn send_with(control: &[u8]) -> Answer {
    let mut header = [0_u8; 56];
    header[16..24].copy_from_slice(&0x1000_u64.to_ne_bytes());
    header[24..32].copy_from_slice(&1_u64.to_ne_bytes());
    header[32..40].copy_from_slice(&(control.as_ptr().expose_provenance() as u64).to_ne_bytes());
    header[40..48].copy_from_slice(&(control.len() as u64).to_ne_bytes());
    super::super::handle(&mut guest(), &call_with("sendmsg", &[3, 0, 0], 1, &header))
}

fn control(kind: i32, word: i32) -> Vec<u8> {
    let mut bytes = 20_u64.to_ne_bytes().to_vec();
    bytes.extend([1_i32, kind, word, 0].iter().flat_map(|word| word.to_ne_bytes()));
    bytes
}

#[test]
fn messages_are_copied_whole() {
    let plain = order(send_with(&[]));
    assert_eq!(plain.pointers, [(1, 0)]);
    assert_eq!(plain.data[16..24], 0x1000_u64.to_ne_bytes(), "the data stays where it is");
    assert!(plain.data[..16].iter().chain(&plain.data[32..48]).all(|&byte| byte == 0), "no pointer of the guest's");

    let rights = order(send_with(&control(1, 5)));
    assert_eq!(rights.pointers[1], (Order::WORDS + 4, 192));
    assert_eq!(rights.data[192..], control(1, 5));
    assert_eq!(rights.data[40..48], 24_u64.to_ne_bytes());
}

#[test]
fn messages_with_an_address_ask_for_it() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut header = [0_u8; 56];
    header[..8].copy_from_slice(&(V4.as_ptr().expose_provenance() as u64).to_ne_bytes());
    header[8] = 16;
    let fd = u64::try_from(socket.as_raw_fd()).unwrap();
    let sent = order(super::super::handle(&mut guest(), &call_with("sendmsg", &[fd, 0, 0], 1, &header)));
    assert_eq!(sent.pointers[1], (Order::WORDS, 64));
    assert_eq!(sent.data[64..80], V4);
    header[8] = 200;
    assert_eq!(
        errno(super::super::handle(&mut guest(), &call_with("sendmsg", &[fd, 0, 0], 1, &header))),
        Errno::EINVAL
    );
}

#[test]
fn control_messages_by_their_list() {
    let me = guest().pid.as_raw();
    assert_eq!(errno(send_with(&control(1, FD_LOW.cast_signed()))), Errno::EBADF, "nurse's own fd");
    assert_eq!(order(send_with(&control(2, me))).nr, 46, "the program's own credentials");
    assert_eq!(errno(send_with(&control(2, me + 1))), Errno::EPERM);
    assert_eq!(errno(send_with(&control(99, 0))), Errno::EPERM);
    let mut endless = control(1, 5);
    endless[..8].fill(0);
    assert_eq!(errno(send_with(&endless)), Errno::EINVAL, "a length of 0 would never end");
    let mut long = control(1, 5);
    long[..8].fill(0xff);
    assert_eq!(errno(send_with(&long)), Errno::EINVAL);
    assert_eq!(errno(send_with(&[0; 2049])), Errno::ENOBUFS);
}

#[test]
fn options_by_their_lists() {
    assert_eq!(order(ask("setsockopt", &[3, 1, 2, 0x1000, 4])).args[..5], [3, 1, 2, 0x1000, 4]);
    assert_eq!(order(ask("getsockopt", &[3, 1, 4, 0x1000, 0x1008])).nr, 55, "SO_ERROR");
    for (level, option) in [(1, 26), (1, 36), (1, 25), (0, 4), (0, 35), (6, 31), (41, 57), (255, 1)] {
        assert_eq!(errno(ask("setsockopt", &[3, level, option, 0x1000, 4])), Errno::ENOPROTOOPT, "{level}:{option}");
    }
    assert_eq!(errno(ask("getsockopt", &[3, 1, 77, 0x1000, 0x1008])), Errno::ENOPROTOOPT, "SO_PEERPIDFD");
    assert_eq!(errno(ask("setsockopt", &[FD_LOW.into(), 1, 2, 0x1000, 4])), Errno::EBADF);
    let _ = call("setsockopt", &[]);
}
