//! Measures the cost of the probe to programs that make calls: nanoseconds per call in a tight loop, with nothing
//! attached, with a common selection, and with everything enabled; the events per second that the reader can take; and
//! the point of the first drop: how much a ring holds without a reader, and how little CPU time the reader may have
//! while all CPUs produce events.
//!
//! Run as root: `cargo bench -p peregrine-bpf --bench cost`. The loop keeps to one CPU and the reader to another. Each
//! figure is the least of many short runs, since the host may be busy with other things.
#![allow(unsafe_code, reason = "raw system calls are what is measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

#[path = "common/calls.rs"]
mod calls;
#[path = "common/least.rs"]
mod least;

use calls::{beside, getppid, open_close_at, pin, read_zero};
use least::least;
use peregrine_bpf::{Probe, Selection, Toctou};
use scap::schema::SyscallCode;
use scap::{Next, Source};
use std::ffi::CString;
use std::time::{Duration, Instant};

const RUNS: usize = 2_500;
const CALLS: u32 = 100;
const LOOPS: [&str; 6] =
    ["getppid", "openat+close", "of a long path", "through a link", "read zero 64", "unix send+recv"];

fn open_close() {
    open_close_at(c"/dev/null");
}

fn datagram(fds: [i32; 2], buffer: &mut [u8; 64]) {
    // SAFETY: the buffer has the given length.
    unsafe {
        libc::syscall(libc::SYS_sendto, fds[0], buffer.as_ptr(), buffer.len(), 0, 0, 0);
        libc::syscall(libc::SYS_recvfrom, fds[1], buffer.as_mut_ptr(), buffer.len(), 0, 0, 0);
    }
}

/// Returns the path of the program, and one with a symbolic link that leads there.
fn long_paths() -> [CString; 2] {
    let own = std::fs::canonicalize("/proc/self/exe").unwrap();
    let link = std::env::temp_dir().join(format!("peregrine-cost-{}", std::process::id()));
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(own.parent().unwrap(), &link).unwrap();
    let through = link.join(own.file_name().unwrap());
    [own, through].map(|path| CString::new(path.into_os_string().into_encoded_bytes()).unwrap())
}

/// Runs the loops, each in nanoseconds.
fn loops(paths: &[CString; 2]) -> [f64; LOOPS.len()] {
    // SAFETY: plain calls; the file descriptors stay open for the length of the program.
    let (zero, pair) = unsafe {
        let zero = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY);
        let mut pair = [0; 2];
        libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, pair.as_mut_ptr());
        (zero, pair)
    };
    let mut buffer = [0; 64];
    [
        least(RUNS, CALLS, getppid),
        least(RUNS, CALLS, open_close),
        least(RUNS, CALLS, || open_close_at(&paths[0])),
        least(RUNS, CALLS, || open_close_at(&paths[1])),
        least(RUNS, CALLS, || read_zero(zero, &mut buffer)),
        least(RUNS, CALLS, || datagram(pair, &mut buffer)),
    ]
}

fn main() {
    let paths = long_paths();
    pin(0);
    let start = Instant::now();
    let base = loops(&paths);
    let opened = Instant::now();
    let builder = Probe::builder().select(Selection::none()).ring_size(32 << 20).toctou(Toctou::Off);
    let mut source = match builder.clone().open() {
        Ok(source) => source,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    println!("base took {:?}; the probe opened in {:?}", start.elapsed(), opened.elapsed());
    let mut usual = Selection::state();
    for name in [
        "unlink",
        "unlinkat",
        "rename",
        "renameat",
        "renameat2",
        "mkdir",
        "sendto",
        "sendmsg",
        "recvfrom",
        "recvmsg",
        "ptrace",
        "kill",
        "mount",
        "symlink",
        "link",
        "chmod",
        "fchmodat",
    ] {
        usual.insert(SyscallCode::from_name(name).unwrap());
    }
    let mut rows = Vec::new();
    let mut only_exit = Selection::none();
    only_exit.insert(SyscallCode::REBOOT);
    for (what, selection) in [("nothing wanted", only_exit), ("usual", usual), ("all", Selection::all())] {
        source.select(selection).unwrap();
        let (times, _) = beside(&mut source, || loops(&paths));
        rows.push((what, times));
    }
    drop(source);
    for (what, toctou) in [("usual, tracepoints", Toctou::Tracepoints), ("usual, hook", Toctou::Hook)] {
        let mut source = builder.clone().toctou(toctou).select(usual).open().unwrap();
        for note in source.notes() {
            println!("{note}");
        }
        let (times, _) = beside(&mut source, || loops(&paths));
        rows.push((what, times));
    }
    println!("{:<24}{}", "ns a call", LOOPS.map(|name| format!("{name:>18}")).concat());
    println!("{:<24}{}", "base", base.map(|ns| format!("{ns:>18.0}")).concat());
    for (what, times) in rows {
        let added: Vec<String> =
            times.iter().zip(base).map(|(ns, base)| format!("{:>18}", format!("+{:.0}", ns - base))).collect();
        println!("{what:<24}{}", added.concat());
    }
    // The link is in the temporary directory.
    let _ = std::fs::remove_file(std::env::temp_dir().join(format!("peregrine-cost-{}", std::process::id())));
    throughput(&builder);
    bursts();
    starved();
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that the call may fill.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the events per second that reach the reader while a loop produces as many as it can, and the drops.
fn throughput(builder: &peregrine_bpf::Builder) {
    let mut source = builder.clone().select(Selection::all()).open().unwrap();
    let before = source.stats();
    let (start, busy) = (Instant::now(), cpu_time());
    let ((), read) = beside(&mut source, || {
        while start.elapsed() < Duration::from_secs(2) {
            for _ in 0..100 {
                open_close();
            }
        }
    });
    let (seconds, busy) = (start.elapsed().as_secs_f64(), (cpu_time() - busy).as_secs_f64());
    let stats = source.stats();
    println!(
        "open+close for 2 s: {:.0} events/s read with {:.0} % of a processor ({:.0} ns an event), {} of {} lost",
        read as f64 / seconds,
        busy / seconds * 100.0,
        busy * 1e9 / read.max(1) as f64,
        stats.dropped() - before.dropped(),
        stats.seen - before.seen,
    );
}

/// Measures how much rings of the presets hold without a reader, and how fast it is read then.
fn bursts() {
    for preset in 1..=5 {
        let builder = Probe::builder().proc_scan(None).toctou(Toctou::Off).report_drops(false);
        let mut source = builder.ring_preset(preset).unwrap().select(Selection::none()).open().unwrap();
        source.select(Selection::all()).unwrap();
        let start = Instant::now();
        let stats = loop {
            for _ in 0..250 {
                open_close();
            }
            let stats = source.stats();
            if stats.dropped() > 0 {
                break stats;
            }
        };
        let filled = start.elapsed();
        source.select(Selection::none()).unwrap();
        let start = Instant::now();
        let mut read = 0u64;
        while source.pending() > 0 {
            if let Next::Event(_) = source.next().unwrap() {
                read += 1;
            }
        }
        println!(
            "a ring of {:>2} MiB holds {} events, {:.0} ms of open+close; read at {:.1} million events/s",
            1 << (preset - 1),
            stats.seen - stats.dropped(),
            filled.as_secs_f64() * 1e3,
            read as f64 / start.elapsed().as_secs_f64() / 1e6,
        );
    }
}

fn set_nice(nice: i32) {
    // SAFETY: plain numbers; 0 is this thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
}

/// Runs a loop on each of two CPUs while the reader, with a lower and lower priority, shares one of them.
fn starved() {
    const TIME: Duration = Duration::from_secs(2);
    for nice in [0, 10, 15, 19] {
        let builder = Probe::builder().proc_scan(None).toctou(Toctou::Off).report_drops(false);
        let mut source = builder.select(Selection::none()).open().unwrap();
        source.select(Selection::all()).unwrap();
        let (before, busy) = (source.stats(), cpu_time());
        let start = Instant::now();
        std::thread::scope(|scope| {
            for cpu in 0..2 {
                scope.spawn(move || {
                    pin(cpu);
                    while start.elapsed() < TIME {
                        open_close();
                    }
                });
            }
            pin(1);
            set_nice(nice);
            while start.elapsed() < TIME {
                let _ = source.next().unwrap();
            }
            set_nice(0);
        });
        let (seconds, busy) = (start.elapsed().as_secs_f64(), (cpu_time() - busy).as_secs_f64());
        let stats = source.stats();
        println!(
            "reader at nice {nice:>2} with {:.1} % of a processor: {:.0} events/s made, {:.2} % lost (8 MiB)",
            busy / seconds * 100.0,
            (stats.seen - before.seen) as f64 / seconds,
            (stats.dropped() - before.dropped()) as f64 / (stats.seen - before.seen).max(1) as f64 * 100.0,
        );
    }
}
