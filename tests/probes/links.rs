//! readlink(2), and the links below /proc/self.

use crate::raw::{BAD, file, opened, path, pipe};
use crate::{Probe, probe};

pub(crate) const PROBES: &[Probe] = &[
    probe("links.readlink", readlink),
    probe("links.self_exe", self_exe),
    probe("links.self_fd", self_fd),
    probe("links.self_cwd", self_cwd),
];

fn readlink() {
    std::os::unix::fs::symlink("some/target", "link").unwrap();
    std::fs::create_dir("d").unwrap();
    file("f", "");
    let mut buffer = [0u8; 64];
    let mut read = |name: &str, size: i64| sys!(SYS_readlink, path(name).as_ptr(), buffer.as_mut_ptr(), size);
    say!("whole", read("link", 64));
    say!("cut", read("link", 4));
    say!("size 0", read("link", 0));
    say!("size -1", read("link", -1));
    say!("a file", read("f", 64));
    say!("a directory", read("d", 64));
    say!("absent", read("absent", 64));
    say!("with a slash", read("link/", 64));
    say!("empty", read("", 64));
    say!("of a bad address", sys!(SYS_readlink, BAD, buffer.as_mut_ptr(), 64));
    say!("to a bad address", sys!(SYS_readlink, c"link".as_ptr(), BAD, 64));
    println!("{:?}", std::str::from_utf8(&buffer[..11]));
    let link = opened("link", libc::O_PATH | libc::O_NOFOLLOW);
    say!("by an O_PATH fd", sys!(SYS_readlinkat, link, c"".as_ptr(), buffer.as_mut_ptr(), 64));
    say!("of a plain fd", sys!(SYS_readlinkat, opened("f", 0), c"".as_ptr(), buffer.as_mut_ptr(), 64));
    say!("in a directory", sys!(SYS_readlinkat, opened(".", 0), c"link".as_ptr(), buffer.as_mut_ptr(), 64));
}

fn self_exe() {
    let me = std::env::args().next().unwrap();
    for name in
        ["/proc/self/exe".to_owned(), format!("/proc/{}/exe", std::process::id()), "/proc/thread-self/exe".to_owned()]
    {
        println!("argv[0] {:?}", std::fs::read_link(name).map(|found| found.display().to_string() == me));
    }
    let mut buffer = [0u8; 4];
    say!("cut", sys!(SYS_readlink, c"/proc/self/exe".as_ptr(), buffer.as_mut_ptr(), 4));
    println!("{:?}", std::str::from_utf8(&buffer).map(|start| me.starts_with(start)));
    println!("as a file, the same bytes {}", std::fs::read("/proc/self/exe").ok() == std::fs::read(&me).ok());
    println!("current_exe {}", std::env::current_exe().is_ok_and(|found| found.display().to_string() == me));
    println!(
        "stat {:?}",
        std::fs::metadata("/proc/self/exe").map(|found| found.len() == std::fs::metadata(&me).unwrap().len())
    );
}

fn self_fd() {
    file("f", "content");
    let fd = opened("f", 0);
    let link = |name: String| {
        std::fs::read_link(name).map_or_else(|error| format!("{:?}", error.kind()), |found| found.display().to_string())
    };
    println!("{}", link(format!("/proc/self/fd/{fd}")));
    println!("{}", link(format!("/dev/fd/{fd}")));
    println!("{}", link(format!("/proc/{}/fd/{fd}", std::process::id())));
    println!("{}", link("/proc/self/fd/999".to_owned()));
    println!("pipe {}", link(format!("/proc/self/fd/{}", pipe(0).0)).starts_with("pipe:["));
    println!("{:?}", std::fs::read_to_string(format!("/proc/self/fd/{fd}")));
    println!("{:?}", std::fs::read_to_string(format!("/dev/fd/{fd}")));
    std::fs::remove_file("f").unwrap();
    println!("removed {}", link(format!("/proc/self/fd/{fd}")).ends_with("f (deleted)"));
    println!("still readable {:?}", std::fs::read_to_string(format!("/proc/self/fd/{fd}")));
    println!("stdin {:?}", std::fs::read_to_string("/dev/stdin"));
    println!(
        "fdinfo {}",
        std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).is_ok_and(|text| text.starts_with("pos:\t0"))
    );
}

fn self_cwd() {
    let here = std::env::current_dir().unwrap();
    println!("cwd {:?}", std::fs::read_link("/proc/self/cwd").map(|found| found == here));
    println!("root {:?}", std::fs::read_link("/proc/self/root").map(|found| found.display().to_string()));
    file("f", "x");
    println!("through cwd {:?}", std::fs::read_to_string("/proc/self/cwd/f"));
    let me = std::process::id().to_string();
    println!("self {:?}", std::fs::read_link("/proc/self").map(|found| found.display().to_string() == me));
    println!(
        "thread-self {:?}",
        std::fs::read_link("/proc/thread-self").map(|found| found.display().to_string() == format!("{me}/task/{me}"))
    );
}
