//! Unix sockets within the process: socketpair(2), sendmsg(2), recvmsg(2) and what they carry.

use crate::raw::{BAD, file, opened, pipe, told, well};
use crate::{Probe, probe};
use libc::{AF_UNIX, SOCK_STREAM};

pub(crate) const PROBES: &[Probe] = &[
    probe("sockets.pair", pair),
    probe("sockets.messages", messages),
    probe("sockets.many", many),
    probe("sockets.descriptors", descriptors),
    probe("sockets.options", options),
    probe("sockets.named", named),
];

fn two(kind: i32) -> (i32, i32) {
    let mut ends = [0i32; 2];
    say!("socketpair", sys!(SYS_socketpair, AF_UNIX, kind, 0, ends.as_mut_ptr()));
    (ends[0], ends[1])
}

fn pair() {
    let (a, b) = two(SOCK_STREAM);
    println!("{a} {b}");
    let mut buffer = [0u8; 16];
    say!("write", sys!(SYS_write, a, c"abc".as_ptr(), 3));
    say!("recvfrom, peek", sys!(SYS_recvfrom, b, buffer.as_mut_ptr(), 16, libc::MSG_PEEK, 0, 0));
    say!("read", sys!(SYS_read, b, buffer.as_mut_ptr(), 16));
    say!("sendto", sys!(SYS_sendto, b, c"defg".as_ptr(), 4, 0, 0, 0));
    say!("recvfrom", sys!(SYS_recvfrom, a, buffer.as_mut_ptr(), 16, libc::MSG_DONTWAIT, 0, 0));
    say!("nothing left", sys!(SYS_recvfrom, a, buffer.as_mut_ptr(), 16, libc::MSG_DONTWAIT, 0, 0));
    say!("shutdown", sys!(SYS_shutdown, a, libc::SHUT_WR));
    say!("read the end", sys!(SYS_read, b, buffer.as_mut_ptr(), 16));
    say!("write after shutdown", sys!(SYS_sendto, a, c"x".as_ptr(), 1, libc::MSG_NOSIGNAL, 0, 0));
    say!("not a socket", sys!(SYS_sendto, opened("/dev/null", 2), c"x".as_ptr(), 1, 0, 0, 0));
    say!("bad family", sys!(SYS_socketpair, 12345, SOCK_STREAM, 0, [0i32; 2].as_mut_ptr()));
    say!("internet pair", sys!(SYS_socketpair, libc::AF_INET, SOCK_STREAM, 0, [0i32; 2].as_mut_ptr()));
    say!("bad address", sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD));
    say!("bad buffer", sys!(SYS_sendto, b, BAD, 4, 0, 0, 0));
}

fn messages() {
    let (a, b) = two(libc::SOCK_SEQPACKET);
    let (mut one, mut two) = (*b"hello ", *b"world");
    let mut parts = [
        libc::iovec { iov_base: one.as_mut_ptr().cast(), iov_len: 6 },
        libc::iovec { iov_base: two.as_mut_ptr().cast(), iov_len: 5 },
    ];
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = 2;
    say!("sendmsg", sys!(SYS_sendmsg, a, &raw const message, 0));
    one = *b"......";
    two = *b".....";
    message.msg_iovlen = 1;
    say!("recvmsg cut", sys!(SYS_recvmsg, b, &raw mut message, 0));
    println!("{:?} truncated {}", std::str::from_utf8(&one), message.msg_flags & libc::MSG_TRUNC != 0);
    println!("{:?}", std::str::from_utf8(&two));
    say!("bad message", sys!(SYS_sendmsg, a, BAD, 0));
    message.msg_iov = BAD.cast();
    say!("bad parts", sys!(SYS_sendmsg, a, &raw const message, 0));
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = 5000;
    say!("too many parts", sys!(SYS_sendmsg, a, &raw const message, 0));
    let mut several: [libc::mmsghdr; 2] = unsafe { std::mem::zeroed() };
    for (message, part) in several.iter_mut().zip(&mut parts) {
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    say!("sendmmsg", sys!(SYS_sendmmsg, a, several.as_mut_ptr(), 2, 0));
    println!("{} {}", several[0].msg_len, several[1].msg_len);
    say!("recvmmsg", sys!(SYS_recvmmsg, b, several.as_mut_ptr(), 2, 0, 0));
}

/// Many messages one right behind the other: no call may get another one's answer.
fn many() {
    let (a, b) = two(libc::SOCK_SEQPACKET);
    let mut bytes = [7u8; 8];
    let mut parts: [libc::iovec; 8] =
        std::array::from_fn(|n| libc::iovec { iov_base: (&raw mut bytes).cast(), iov_len: n + 1 });
    let mut several: [libc::mmsghdr; 8] = unsafe { std::mem::zeroed() };
    for (message, part) in several.iter_mut().zip(&mut parts) {
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    let mut wrong = Vec::new();
    for _ in 0..150 {
        let sent = sys!(SYS_sendmmsg, a, several.as_mut_ptr(), 8, 0);
        if sent != 8 {
            wrong.push(format!("sendmmsg {}", told(sent)));
        }
        for size in 1..=sent.max(0) {
            let mut buffer = [0u8; 16];
            let got = sys!(SYS_recvfrom, b, buffer.as_mut_ptr(), 16, libc::MSG_DONTWAIT, 0, 0);
            if got != size {
                wrong.push(format!("recvfrom {}", told(got)));
            }
        }
        let one = sys!(SYS_sendmsg, a, &raw const several[2].msg_hdr, 0);
        if one != 3 || sys!(SYS_read, b, bytes.as_mut_ptr(), 8) != 3 {
            wrong.push(format!("sendmsg {}", told(one)));
        }
    }
    println!("wrong {wrong:?}");
}

/// One descriptor with a byte of payload, laid out by hand.
#[repr(C)]
struct Control {
    length: usize,
    level: i32,
    kind: i32,
    fd: i32,
    pad: i32,
}

fn descriptors() {
    let (a, b) = two(SOCK_STREAM);
    file("f", "passed on");
    let mut byte = 7u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut control =
        Control { length: 20, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, fd: opened("f", 0), pad: 0 };
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = 24;
    say!("send a descriptor", sys!(SYS_sendmsg, a, &raw const message, 0));
    sys!(SYS_close, control.fd);
    control.fd = -5;
    say!("receive it", sys!(SYS_recvmsg, b, &raw mut message, libc::MSG_CMSG_CLOEXEC));
    println!("{} {} fd {} flags {}", control.level, control.kind, control.fd, message.msg_flags & libc::MSG_CTRUNC);
    let mut buffer = [0u8; 16];
    say!("read", sys!(SYS_read, control.fd, buffer.as_mut_ptr(), 16));
    say!("its flag", sys!(SYS_fcntl, control.fd, libc::F_GETFD));
    unsafe { (&raw mut control.fd).write_volatile(999) };
    say!("send a closed one", sys!(SYS_sendmsg, a, &raw const message, 0));
    say!("a pipe still works", well(i64::from(pipe(0).0)));
}

fn options() {
    let (a, _b) = two(SOCK_STREAM);
    let (mut value, mut size) = (0i32, 4u32);
    let mut get = |option: i32| {
        say!(
            format!("option {option}"),
            sys!(SYS_getsockopt, a, libc::SOL_SOCKET, option, &raw mut value, &raw mut size)
        );
        value
    };
    println!("{}", get(libc::SO_TYPE) == SOCK_STREAM);
    println!("{}", get(libc::SO_ERROR));
    println!("{}", get(libc::SO_DOMAIN) == AF_UNIX);
    let on = 1i32;
    say!("SO_PASSCRED", sys!(SYS_setsockopt, a, libc::SOL_SOCKET, libc::SO_PASSCRED, &raw const on, 4));
    say!("unknown", sys!(SYS_setsockopt, a, libc::SOL_SOCKET, 9999, &raw const on, 4));
    say!("bad address", sys!(SYS_setsockopt, a, libc::SOL_SOCKET, libc::SO_PASSCRED, BAD, 4));
    let mut name: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    let mut length = 110u32;
    say!("getsockname", sys!(SYS_getsockname, a, &raw mut name, &raw mut length));
    println!("{} {length}", name.sun_family);
    length = 110;
    say!("getpeername", sys!(SYS_getpeername, a, &raw mut name, &raw mut length));
}

/// A server and its client in one thread, over a socket in the file system.
fn named() {
    let address = |name: &str| {
        let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        address.sun_family = AF_UNIX as u16;
        for (to, from) in address.sun_path.iter_mut().zip(name.bytes()) {
            *to = from.cast_signed();
        }
        (address, name.len() + 3)
    };
    let (here, length) = address("socket");
    let server = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    say!("socket", well(server));
    say!("bind", sys!(SYS_bind, server, &raw const here, length));
    say!("listen", sys!(SYS_listen, server, 5));
    let client = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    say!("connect", sys!(SYS_connect, client, &raw const here, length));
    let accepted = sys!(SYS_accept4, server, 0, 0, libc::SOCK_CLOEXEC);
    say!("accept4", well(accepted));
    say!("write", sys!(SYS_write, client, c"abc".as_ptr(), 3));
    let mut buffer = [0u8; 4];
    say!("read", sys!(SYS_read, accepted, buffer.as_mut_ptr(), 4));
    let (absent, length) = address("absent");
    say!("connect to nothing", sys!(SYS_connect, sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0), &raw const absent, length));
    say!("a family that no kernel has", sys!(SYS_socket, 9999, SOCK_STREAM, 0));
}
