//! System calls without libc in between, and how their results are told.

use std::arch::asm;

/// An address that nothing is mapped at.
pub(crate) const BAD: *mut u8 = std::ptr::without_provenance_mut(8);
/// An address of the kernel's half.
pub(crate) const HIGH: *mut u8 = std::ptr::without_provenance_mut(0xffff_8000_0000_1000);

/// What a register can carry.
pub(crate) trait Word {
    fn word(self) -> u64;
}

macro_rules! words {
    ($($kind:ty),*) => { $(impl Word for $kind { fn word(self) -> u64 { self as u64 } })* };
}
words!(i32, u32, i64, u64, usize, isize);

impl<T> Word for *const T {
    fn word(self) -> u64 {
        self.expose_provenance() as u64
    }
}

impl<T> Word for *mut T {
    fn word(self) -> u64 {
        self.expose_provenance() as u64
    }
}

/// The call of that number; -errno when it fails.
pub(crate) fn call(number: i64, args: &[u64]) -> i64 {
    let arg = |index: usize| args.get(index).copied().unwrap_or(0);
    let result;
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") arg(0), in("rsi") arg(1), in("rdx") arg(2),
             in("r10") arg(3), in("r8") arg(4), in("r9") arg(5), lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// `sys!(SYS_read, fd, buffer, count)`: the call, made raw.
macro_rules! sys {
    ($name:ident $(, $arg:expr)* $(,)?) => {
        $crate::raw::call(libc::$name, &[$($crate::raw::Word::word($arg)),*])
    };
}

/// `say!("what", result)`: a line that tells a result, as number or errno.
macro_rules! say {
    ($what:expr, $result:expr) => {
        println!("{}: {}", $what, $crate::raw::told($result))
    };
}

/// A result as number, or as the name of its errno.
pub(crate) fn told(result: i64) -> String {
    if !(-4095..0).contains(&result) {
        return result.to_string();
    }
    let errno = i32::try_from(-result).unwrap();
    match ERRNOS.iter().find(|(number, _)| *number == errno) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("errno {errno}"),
    }
}

/// The last libc call's result as the kernel would have given it.
pub(crate) fn errno(result: impl Into<i64>) -> i64 {
    let result = result.into();
    if result == -1 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap()) } else { result }
}

/// `0` when it went well, the errno otherwise: for results that differ from run to run.
pub(crate) fn well(result: i64) -> i64 {
    result.min(0)
}

/// A pipe: the end to read from, the end to write to.
pub(crate) fn pipe(flags: i32) -> (i32, i32) {
    let mut ends = [0i32; 2];
    assert_eq!(sys!(SYS_pipe2, ends.as_mut_ptr(), flags), 0, "pipe2");
    (ends[0], ends[1])
}

/// A path as C string.
pub(crate) fn path(text: &str) -> std::ffi::CString {
    std::ffi::CString::new(text).unwrap()
}

/// Opens a file relative to the working directory.
pub(crate) fn open(name: &str, flags: i32, mode: u32) -> i64 {
    sys!(SYS_openat, libc::AT_FDCWD, path(name).as_ptr(), flags, mode)
}

/// Opens a file that has to be there (or made), and gives its descriptor.
pub(crate) fn opened(name: &str, flags: i32) -> i32 {
    let fd = open(name, flags, 0o644);
    assert!(fd >= 0, "open {name}: {}", told(fd));
    fd as i32
}

/// Makes a file with that content.
pub(crate) fn file(name: &str, content: &str) {
    let fd = opened(name, libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY);
    assert_eq!(sys!(SYS_write, fd, content.as_ptr(), content.len()), content.len() as i64, "write {name}");
    sys!(SYS_close, fd);
}

macro_rules! errnos {
    ($($name:ident)*) => { &[$((libc::$name, stringify!($name))),*] };
}
const ERRNOS: &[(i32, &str)] = errnos!(
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
    ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
    ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENODATA ETIME EOVERFLOW ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE
    ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EAFNOSUPPORT EADDRINUSE ENETUNREACH ECONNRESET ENOBUFS EISCONN
    ENOTCONN ETIMEDOUT ECONNREFUSED EALREADY EINPROGRESS
);
