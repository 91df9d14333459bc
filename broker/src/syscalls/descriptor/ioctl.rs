//! ioctl(2), by a list of requests. A number means different things to different drivers; which devices the program can
//! reach at all is the policy's word on their paths.

use super::super::word;
use crate::call::{Answer, Call, Errno, Order};
use crate::guest::Guest;

const TCXONC: u32 = 0x540A;
const TIOCLINUX: u32 = 0x541C;
const TIOCCONS: u32 = 0x541D;
const TIOCSETD: u32 = 0x5423;
const TIOCSTI: u32 = 0x5412;
const FIOQSIZE: u32 = 0x5460;
const FS_IOC_GETFLAGS: u32 = 0x8008_6601;
const FS_IOC_GETVERSION: u32 = 0x8008_7601;
const FICLONE: u32 = 0x4004_9409;
const TCGETS2: u32 = 0x802C_542A;
const TCSETS2: u32 = 0x402C_542B;
const TCSETSW2: u32 = 0x402C_542C;
const TCSETSF2: u32 = 0x402C_542D;
const SIOCATMARK: u32 = 0x8905;

/// Requests by which a program types into its terminal, and so into the shell that outlives it (CVE-2017-5226,
/// CVE-2023-28100), takes the console, or loads line disciplines. The trustee's filter knows them as well.
pub const NEVER_IOCTLS: [u32; 4] = [TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD];

/// Requests that ask, or set the modes of a terminal, pipe or socket. The argument is a number or leads to memory whose
/// content does not matter.
const HARMLESS: [u32; 36] = [
    0x5401, // TCGETS
    0x5402, // TCSETS
    0x5403, // TCSETSW
    0x5404, // TCSETSF
    0x5405, // TCGETA
    0x5406, // TCSETA
    0x5407, // TCSETAW
    0x5408, // TCSETAF
    0x5409, // TCSBRK
    TCXONC,
    0x540B, // TCFLSH
    0x540F, // TIOCGPGRP
    0x5411, // TIOCOUTQ
    0x5413, // TIOCGWINSZ
    0x5414, // TIOCSWINSZ
    0x5415, // TIOCMGET
    0x5419, // TIOCGSOFTCAR
    0x541B, // FIONREAD
    0x5420, // TIOCPKT
    0x5421, // FIONBIO
    0x5424, // TIOCGETD
    0x5425, // TCSBRKP
    0x5429, // TIOCGSID
    0x5450, // FIONCLEX
    0x5451, // FIOCLEX
    FIOQSIZE,
    0x8004_5430, // TIOCGPTN
    0x4004_5431, // TIOCSPTLCK
    0x8004_5439, // TIOCGPTLCK
    FS_IOC_GETFLAGS,
    FS_IOC_GETVERSION,
    TCGETS2,
    TCSETS2,
    TCSETSW2,
    TCSETSF2,
    SIOCATMARK,
];

/// Requests that a program is told are not for this file, with a word on it for the user.
const NOTED: [(u32, &str, &str); 6] = [
    (0x540C, "ioctl TIOCEXCL", "would lock others out of the terminal"),
    (0x540E, "ioctl TIOCSCTTY", "would take a terminal over"),
    (0x5410, "ioctl TIOCSPGRP", "would take the terminal from the program that started nurse"),
    (0x5422, "ioctl TIOCNOTTY", "would leave the terminal that nurse looks after"),
    (0x5441, "ioctl TIOCGPTPEER", "would open a terminal past the policy"),
    (0x5452, "ioctl FIOASYNC", "the kernel would send signals past nurse"),
];

/// Decides an ioctl.
pub(super) fn decide(guest: &mut Guest, call: &Call) -> Answer {
    let (fd, request, arg) = (call.fd(0), call.int(1).cast_unsigned(), call.args[2]);
    if guest.is_reserved(fd) {
        return Err(Errno::EBADF);
    }
    if NEVER_IOCTLS.contains(&request) {
        let why = "could type into the terminal, or take it over, and outlive the sandbox there";
        return Err(guest.refuse(format!("ioctl {request:#x}"), Errno::EPERM, why));
    }
    if let Some(&(_, what, why)) = NOTED.iter().find(|&&(known, ..)| known == request) {
        return Err(guest.refuse(what, Errno::EPERM, why));
    }
    if request == FICLONE {
        if guest.is_reserved(call.int(2)) {
            return Err(Errno::EBADF);
        }
    } else if !HARMLESS.contains(&request) {
        return Err(guest.refuse(
            format!("ioctl {request:#x}"),
            Errno::ENOTTY,
            "this request is not among those known to be harmless",
        ));
    }
    Ok(Order::plain(call.row.nr, [word(fd), request.into(), arg, 0, 0, 0]))
}
