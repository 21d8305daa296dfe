//! Measures the initial state by BPF iterators and from `/proc`: the least time and CPU time of several runs, with the
//! given number of additional processes and file descriptors.
//!
//! `cargo run --release -p peregrine-bpf --example first_state -- [PROCESSES [DESCRIPTORS]]`, as root
#![allow(unsafe_code, reason = "processes are made that do nothing, not even what std does")]

use peregrine_bpf::{Probe, Selection, Toctou};
use scap::Source;
use std::io::Write as _;
use std::time::{Duration, Instant};

const RUNS: usize = 5;

/// Returns the CPU time of this process.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that the call may fill.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Creates processes that sleep until this one ends, each with its share of file descriptors.
fn populate(processes: usize, descriptors: usize) -> Vec<i32> {
    let share = descriptors.checked_div(processes).unwrap_or(0);
    // SAFETY: this program has one thread by now; the children make plain calls only, and end with their parent.
    unsafe {
        let limit = libc::rlimit { rlim_cur: share as u64 + 64, rlim_max: share as u64 + 64 };
        let parent = libc::getpid();
        let mut children = Vec::new();
        for _ in 0..processes {
            let child = libc::fork();
            if child == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if libc::getppid() != parent {
                    libc::_exit(0);
                }
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
                for number in 0..share {
                    match number % 3 {
                        0 => libc::open(c"/etc/passwd".as_ptr(), libc::O_RDONLY),
                        1 => libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0),
                        _ => libc::open(c"/dev/null".as_ptr(), libc::O_RDWR),
                    };
                }
                loop {
                    libc::pause();
                }
            }
            if child > 0 {
                children.push(child);
            }
        }
        children
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Result<Vec<usize>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let numbers = numbers?;
    let processes = numbers.first().copied().unwrap_or(0);
    let children = populate(processes, numbers.get(1).copied().unwrap_or(0));
    // They have their file descriptors once they sleep.
    std::thread::sleep(Duration::from_millis(200 + processes as u64 / 4));
    for (what, iterators) in [("iterators", true), ("/proc", false), ("neither", false)] {
        let mut best = [Duration::MAX; 3];
        let mut found = String::new();
        for _ in 0..RUNS {
            let mut builder = Probe::builder().select(Selection::named(&["getppid"])?).toctou(Toctou::Off);
            builder = builder.iterators(iterators);
            if what == "neither" {
                builder = builder.proc_scan(None);
            }
            let start = Instant::now();
            let loaded = builder.prepare()?.load()?;
            let (began, busy) = (Instant::now(), cpu_time());
            let mut source = loaded.attach()?;
            let (took, used) = (began.elapsed(), cpu_time() - busy);
            // Reads the first event.
            loop {
                // SAFETY: no arguments.
                unsafe { libc::syscall(libc::SYS_getppid) };
                if let scap::Next::Event(_) = source.next()? {
                    break;
                }
            }
            for (best, now) in best.iter_mut().zip([took, used, start.elapsed()]) {
                *best = now.min(*best);
            }
            let report = source.report();
            found =
                format!("{} processes, {} threads, {} file descriptors", report.processes, report.threads, report.fds);
            for note in source.notes() {
                writeln!(std::io::stdout(), "{note}")?;
            }
            assert_eq!(source.is_by_iterators(), iterators);
        }
        let [took, used, event] = best.map(|time| time.as_secs_f64() * 1e3);
        writeln!(
            std::io::stdout(),
            "{what}: attached and read in {took:.1} ms with {used:.1} ms of a processor, first event after {event:.0} ms; {found}"
        )?;
    }
    for child in children {
        // SAFETY: children of this process that have not been waited for.
        unsafe { libc::kill(child, libc::SIGKILL) };
    }
    Ok(())
}
