//! Measures what a call costs whose event a plan leaves out, by the test that does: nanoseconds on top of the call itself,
//! with the event kept and without.
//!
//! Run as root: `cargo bench -p peregrine-bpf --bench plan`. The loop keeps to one CPU and the reader to another. The plans
//! take turns, and each figure is the least of many short runs, since the host may be busy with other things.
#![allow(unsafe_code, reason = "raw system calls are what is measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

#[path = "common/calls.rs"]
mod calls;
#[path = "common/least.rs"]
mod least;

use calls::{beside, getppid, open_close_at, pin, read_zero};
use least::least;
use peregrine_bpf::{BpfSource, PlanMode, Probe, Selection, Toctou};
use scap::plan::{Classes, Descriptor, Descriptors, Errnos, Outcomes, PathTest, Plan};
use scap::schema::{EventCode, SyscallCode};
use std::ffi::{CStr, CString};
use std::time::Duration;

const TURNS: usize = 5;
const RUNS: usize = 400;
const CALLS: u32 = 100;
const LOOPS: [&str; 4] = ["getppid", "open+close", "failed open", "read zero 64"];

fn open_fails() {
    // SAFETY: a NUL-terminated path.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/usr/lib/no-such-file".as_ptr(), libc::O_RDONLY) };
}

/// Runs the loops, each in nanoseconds.
fn loops(file: &CStr) -> [f64; LOOPS.len()] {
    // SAFETY: plain calls. The table of file descriptors is this thread's own from here on.
    let zero = unsafe {
        assert_eq!(libc::unshare(libc::CLONE_FILES), 0);
        libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY)
    };
    let mut buffer = [0; 64];
    let times = [
        least(RUNS, CALLS, getppid),
        least(RUNS, CALLS, || open_close_at(file)),
        least(RUNS, CALLS, open_fails),
        least(RUNS, CALLS, || read_zero(zero, &mut buffer)),
    ];
    // SAFETY: it is closed once.
    unsafe { libc::close(zero) };
    times
}

/// Returns a file in /usr/lib that is not a link.
fn a_library() -> CString {
    let rows = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut files = rows.filter(|row| row.file_type().is_ok_and(|kind| kind.is_file())).map(|row| row.path());
    CString::new(files.next().expect("a file in /usr/lib").into_os_string().into_encoded_bytes()).unwrap()
}

/// Returns the plans with their names.
fn plans() -> Vec<(&'static str, Plan)> {
    let mut outcome = Plan::everything();
    outcome.set(EventCode::READ_X, Outcomes::FAILED);
    outcome.set(EventCode::OPENAT_2_X, Outcomes::SUCCEEDED);
    let mut errno = Plan::everything();
    errno.set_errnos(EventCode::OPENAT_2_X, Errnos::one(13));
    let mut path = Plan::everything();
    path.opens_mut().clear(Classes::ALL);
    path.opens_mut().add(PathTest::prefix(b"/etc/"), Classes::ALL);
    let mut descriptor = Plan::everything();
    descriptor.set_descriptors(EventCode::READ_X, Descriptors::one(Descriptor::Inet, Outcomes::BOTH));
    vec![
        ("all kept", Plan::everything()),
        ("by outcome", outcome),
        ("by error", errno),
        ("by path", path),
        ("by file descriptor", descriptor),
    ]
}

fn measure(source: &mut BpfSource, file: &CStr) -> [f64; LOOPS.len()] {
    std::thread::sleep(Duration::from_millis(50));
    beside(source, || loops(file)).0
}

fn main() {
    let file = a_library();
    pin(0);
    let base = std::thread::scope(|scope| scope.spawn(|| loops(&file)).join().unwrap());
    let calls = ["openat", "close", "read"].map(|name| SyscallCode::from_name(name).unwrap());
    let selection = calls.into_iter().fold(Selection::none(), |mut selection, call| {
        selection.insert(call);
        selection
    });
    let probe = Probe::builder().proc_scan(None).ring_size(32 << 20).toctou(Toctou::Exit).select(selection);
    let mut source = match probe.open() {
        Ok(source) => source,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    let mut rows = plans().into_iter().map(|(name, plan)| (name, plan, [f64::MAX; LOOPS.len()])).collect::<Vec<_>>();
    for _ in 0..TURNS {
        for (_, plan, best) in &mut rows {
            source.set_plan(PlanMode::On, plan.clone()).unwrap();
            let times = measure(&mut source, &file);
            best.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time));
        }
    }
    println!("{:<20}{}", "ns a call", LOOPS.map(|name| format!("{name:>16}")).concat());
    println!("{:<20}{}", "base", base.map(|ns| format!("{ns:>16.0}")).concat());
    for (name, _, times) in rows {
        let added = times.iter().zip(base).map(|(ns, base)| format!("{:>16}", format!("+{:.0}", ns - base)));
        println!("{name:<20}{}", added.collect::<String>());
    }
}
