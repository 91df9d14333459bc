//! Starts a guest: its pages, its fds, its environment, and the door it comes in by.

mod bell;
pub mod child;
pub mod cpu;
mod vdso;
pub mod walls;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::SigSet;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use trampoline::layout::{
    CANCEL_SIGNAL, Constants, GUARD_LEN, Handoff, PAGE, STACK_LEN, VDSO_ENTRIES, door, fds, flags,
};

use crate::broken::{self, Guard};
use crate::filter;
use crate::image;
pub use crate::options::Entry;
use crate::pages::{Pages, Slot};
use crate::program::Program;
pub use bell::Bell;

/// Which of the two stand-ins for each other confines guest threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Seccomp mode 1.
    Strict,
    /// A mode-2 filter of the same four calls.
    Filter,
}

/// All that a start needs.
#[derive(Debug)]
pub struct Start {
    /// What is run.
    pub program: Program,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Strict or filter.
    pub engine: Engine,
    /// The door it comes in by.
    pub entry: Entry,
    /// Whether the policy lets it make network connections of its own.
    pub network: bool,
    /// Signal mask of nurse's own start.
    pub mask: SigSet,
    /// Fds above 2 that the program gets.
    pub pass: Vec<RawFd>,
    /// Standing grants by syscall number.
    pub grants: Vec<u32>,
}

/// A started guest process.
#[derive(Debug)]
pub struct Started {
    /// The process.
    pub child: Child,
    /// Its pages.
    pub pages: Pages,
    /// First fd number kept for nurse.
    pub fd_low: u32,
    /// The broker's bell.
    pub bell: EventFd,
    /// Bells of the first slot: trustee's, guest thread's.
    pub bells: (Bell, Bell),
    /// The broker's end of the channel for fds.
    pub channel: OwnedFd,
}

/// Fds that the guest holds only until it is set up stand at these places of the reserved range.
const TEXT: u32 = fds::BELLS + 2;
const ORDERS: u32 = TEXT + 1;
const REQUESTS: u32 = TEXT + 2;
const PROGRAM: u32 = TEXT + 3;
const LINKER: u32 = TEXT + 4;
const DOOR: u32 = TEXT + 5;
/// How many numbers of the reserved range a single-threaded guest uses.
const USED: u32 = TEXT + 6;
/// The reserved range begins no higher: the kernel's table of fds is an array.
const HIGHEST_FD_LOW: u64 = 16384;

/// Starts the guest. It runs until its first request.
///
/// # Errors
/// As the system calls it takes; nothing is left running.
pub fn start(start: Start) -> io::Result<Started> {
    let random = random()?;
    let base = guard_base(random[0]);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let fd_low = soft.min(HIGHEST_FD_LOW).min(hard.saturating_sub(u64::from(USED)));
    let fd_low = u32::try_from(fd_low).map_err(io::Error::other)?;
    let at = |offset: u32| (fd_low + offset).cast_signed();

    // Without its filter the trustee wears one of a single instruction: BPF_RET | BPF_K, SECCOMP_RET_ALLOW.
    let trustee = if broken::is(Guard::Filter) { vec![0x7fff_0000_0000_0006] } else { filter::trustee(base)? };
    let filters = [trustee, filter::guest()?];
    let (pages, page_fds) =
        Pages::create(base, |constants| fill(constants, &start, &filters, base, fd_low, random[1]))?;
    pages.prepare(Slot::LEADER, fd_low);
    let text = image::text(base)?;
    let handoff = Handoff {
        base,
        text_fd: u64::from(fd_low + TEXT),
        text_len: image::text_len() as u64,
        enter: image::entry(),
        orders_fd: u64::from(fd_low + ORDERS),
        requests_fd: u64::from(fd_low + REQUESTS),
        door_fd: if start.entry == Entry::Loader { u64::MAX } else { u64::from(fd_low + DOOR) },
        door: match start.entry {
            Entry::Loader => door::LOADER,
            Entry::Audit => door::AUDIT,
            Entry::Preload => door::PRELOAD,
        },
        #[cfg(feature = "break-guards")]
        breaks: broken::handoff(),
    };
    let door = if start.entry == Entry::Loader { image::loader() } else { image::shim() }.open(&handoff)?;
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    let (trustee_bell, guest_trustee_bell) = Bell::new()?;
    let (guest_bell, guest_guest_bell) = Bell::new()?;
    let (channel, guest_channel) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;

    let mut placed = vec![
        (child::number(&bell.as_fd()), at(fds::BROKER_BELL)),
        (child::number(&guest_channel), at(fds::CHANNEL)),
        (child::number(&guest_trustee_bell), at(fds::BELLS)),
        (child::number(&guest_guest_bell), at(fds::BELLS + 1)),
        (child::number(&text), at(TEXT)),
        (child::number(&page_fds.orders), at(ORDERS)),
        (child::number(&page_fds.requests), at(REQUESTS)),
    ];
    let mut environment = start.environment;
    let exec = match start.entry {
        Entry::Loader => {
            placed.push((start.program.file.as_raw_fd(), at(PROGRAM)));
            if let Some(linker) = &start.program.linker {
                placed.push((linker.file.as_raw_fd(), at(LINKER)));
            }
            PathBuf::from(format!("/proc/self/fd/{}", door.as_raw_fd()))
        }
        Entry::Audit | Entry::Preload => {
            placed.push((door.as_raw_fd(), at(DOOR)));
            let variable = if start.entry == Entry::Audit { "LD_AUDIT" } else { "LD_PRELOAD" };
            environment.retain(|(name, _)| name != variable);
            environment.push((variable.into(), format!("/proc/self/fd/{}", at(DOOR)).into()));
            start.program.found.clone()
        }
    };
    placed.extend(start.pass.iter().map(|&fd| (fd, fd)));
    let mut keep: Vec<RawFd> = placed.iter().map(|&(_, to)| to).collect();
    keep.sort_unstable();

    let mut command = Command::new(exec);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    if let Some((first, rest)) = start.program.argv.split_first() {
        command.arg0(first).args(rest);
    }
    let setup = child::Setup {
        domain: if broken::is(Guard::Landlock) {
            None
        } else {
            Some(walls::domain(start.entry, start.network).map_err(io::Error::other)?)
        },
        fds: placed,
        closed: crate::sys::closed_at_start().collect(),
        ignore_pipe: crate::sys::pipe_ignored_at_start(),
        keep,
        nofile: (u64::from(fd_low), hard),
        mask: *start.mask.as_ref(),
        parent: nix::unistd::getpid().as_raw(),
    };
    child::prepare(&mut command, setup);
    let child = command.spawn()?;
    Ok(Started { child, pages, fd_low, bell, bells: (trustee_bell, guest_bell), channel })
}

/// Two random numbers.
fn random() -> io::Result<[u64; 2]> {
    let mut bytes = [0; 16];
    io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut bytes)?;
    let (first, second) = bytes.split_at(8);
    Ok([first, second].map(|half| half.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))))
}

/// A random place for the guard range: below all that the kernel's own layout uses on its own, above what sanitizers take.
fn guard_base(random: u64) -> u64 {
    const LOWEST: u64 = 0x7e80_0000_0000;
    const HIGHEST: u64 = 0x7ee0_0000_0000 - GUARD_LEN as u64;
    let places = (HIGHEST - LOWEST) / STACK_LEN as u64;
    LOWEST + random % places * STACK_LEN as u64
}

/// A random place for a position-independent program: from where the kernel itself puts them (ELF_ET_DYN_BASE) upwards.
fn program_base(random: u64, align: u64) -> u64 {
    const LOWEST: u64 = 0x5555_5555_4000;
    const PAGES: u64 = 1 << 28;
    (LOWEST + random % PAGES * PAGE as u64).next_multiple_of(align.clamp(PAGE as u64, 1 << 30))
}

fn fill(
    constants: &mut Constants,
    start: &Start,
    [trustee, guest]: &[Vec<u64>; 2],
    base: u64,
    fd_low: u32,
    random: u64,
) {
    constants.guard_start = base;
    constants.guard_end = base + GUARD_LEN as u64;
    constants.fd_low = u64::from(fd_low);
    constants.fd_count = u64::from(fds::COUNT);
    constants.one = 1;
    constants.trustee_mask = !(1 << (CANCEL_SIGNAL - 1));
    constants.flags = if start.engine == Engine::Filter { flags::FILTER_ENGINE } else { 0 };
    copy(&mut constants.comm, start.program.found.file_name().map_or(b"", OsStrExt::as_bytes));
    copy(&mut constants.exe, start.program.found.as_os_str().as_bytes());
    constants.start_mask = mask_bits(&start.mask);
    for (grant, &given) in constants.grants.iter_mut().zip(&start.grants) {
        *grant = broken::grant(given);
    }
    let mut plan = start.program.plan();
    plan.objects[0].fd = u64::from(fd_low + PROGRAM);
    plan.objects[1].fd = u64::from(fd_low + LINKER);
    if plan.objects[0].fixed == 0 {
        plan.objects[0].base = program_base(random, start.program.vetted.align);
    }
    if start.entry != Entry::Loader {
        plan.objects[0].count = 0;
        constants.flags |= flags::LATE_DOOR;
    }
    constants.plan = plan;
    if start.entry != Entry::Loader {
        let (clocks, len) = vdso::entries();
        for (place, entry) in constants.vdso[..VDSO_ENTRIES - 1].iter_mut().zip(clocks) {
            *place = entry;
        }
        constants.vdso_len = len;
    }
    let filters_at = base + (trampoline::layout::CONSTANTS + std::mem::offset_of!(Constants, filters)) as u64;
    let split = trustee.len();
    constants.filters[..split].copy_from_slice(trustee);
    constants.filters[split..split + guest.len()].copy_from_slice(guest);
    constants.trustee_filter = [trustee.len() as u64, filters_at];
    constants.guest_filter = [guest.len() as u64, filters_at + 8 * split as u64];
}

/// Copies as much as leaves room for the NUL that is there already.
fn copy(to: &mut [u8], from: &[u8]) {
    let len = from.len().min(to.len() - 1);
    to[..len].copy_from_slice(&from[..len]);
}

fn mask_bits(mask: &SigSet) -> u64 {
    mask.iter().map(|signal| 1_u64 << (signal as i32 - 1)).fold(0, |bits, bit| bits | bit)
}
