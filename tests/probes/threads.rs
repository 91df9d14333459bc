//! Threads: clone(2) with CLONE_THREAD, futexes between them, thread-local state.

use crate::{Probe, ending, probe};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

pub(crate) const PROBES: &[Probe] = &[
    probe("threads.join", join),
    probe("threads.many", many),
    probe("threads.locks", locks),
    probe("threads.calls", calls),
    probe("threads.ids", ids),
    probe("threads.blocking", blocking),
    ending("threads.exit_by_other", "5", exit_by_other),
    probe("threads.detached", detached),
];

fn join() {
    let values: Vec<_> = (0..8).map(|n| thread::spawn(move || n * n)).map(|handle| handle.join().ok()).collect();
    println!("{values:?}");
}

fn many() {
    let done: usize =
        (0..300).map(|_| usize::from(thread::spawn(|| sys!(SYS_getppid)).join().is_ok_and(|pid| pid > 0))).sum();
    println!("one after the other {done}");
    let all: Vec<_> = (0..40).map(|_| thread::spawn(|| thread::sleep(Duration::from_millis(10)))).collect();
    println!("at once {}", all.into_iter().filter_map(|handle| handle.join().ok()).count());
}

fn locks() {
    let shared = Arc::new((Mutex::new(0u64), Condvar::new(), Barrier::new(4)));
    let all: Vec<_> = (0..4)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.2.wait();
                for _ in 0..2000 {
                    *shared.0.lock().unwrap() += 1;
                }
                shared.1.notify_all();
            })
        })
        .collect();
    let guard = shared.1.wait_while(shared.0.lock().unwrap(), |count| *count < 8000).unwrap();
    println!("{}", *guard);
    drop(guard);
    println!("{}", all.into_iter().filter_map(|handle| handle.join().ok()).count());
}

/// Every thread makes its own calls; results never get mixed up.
fn calls() {
    let wrong = Arc::new(AtomicU64::new(0));
    let all: Vec<_> = (0..4u8)
        .map(|n| {
            let wrong = Arc::clone(&wrong);
            thread::spawn(move || {
                let name = format!("file{n}");
                for round in 0..200u8 {
                    std::fs::write(&name, [n, round]).unwrap();
                    let fine = std::fs::read(&name).is_ok_and(|bytes| bytes == [n, round]);
                    wrong.fetch_add(u64::from(!fine), Relaxed);
                }
            })
        })
        .collect();
    all.into_iter().for_each(|handle| handle.join().unwrap());
    println!("wrong {}", wrong.load(Relaxed));
}

fn ids() {
    let main = sys!(SYS_gettid);
    let (pid, tid) = thread::spawn(|| (sys!(SYS_getpid), sys!(SYS_gettid))).join().unwrap();
    println!("same process {}, other thread {}", pid == main, tid != main);
    let named = thread::Builder::new()
        .name("a-name".into())
        .spawn(|| std::fs::read_to_string("/proc/thread-self/comm").ok())
        .unwrap();
    println!("{:?}", named.join().unwrap());
    println!("threads now {}", std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() >= 1));
}

/// A thread that waits in a call does not hold up another.
fn blocking() {
    let (from, to) = crate::raw::pipe(0);
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        sender.send(()).unwrap();
        let mut byte = 0u8;
        (sys!(SYS_read, from, &raw mut byte, 1), byte)
    });
    receiver.recv().unwrap();
    thread::sleep(Duration::from_millis(20));
    sys!(SYS_write, to, c"x".as_ptr(), 1);
    println!("{:?}", reader.join().unwrap());
}

fn exit_by_other() {
    thread::spawn(|| sys!(SYS_exit_group, 5));
    thread::sleep(Duration::from_secs(5));
}

fn detached() {
    thread::spawn(|| thread::sleep(Duration::from_secs(100)));
    println!("the end does not wait");
}
