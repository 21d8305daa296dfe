//! The cost of calls under the tracer, and with user notification.
//!
//! `cargo run --release -p peregrine-userspace --example cost` prints nanoseconds per loop: alone, with a filter that
//! stops nothing of it, with the calls of the loop selected, and with a supervisor that lets them continue. Then whole
//! programs, none of whose calls are selected: milliseconds alone and traced, and the ratio, from pairs of runs.
#![allow(unsafe_code, reason = "raw calls in loops, and user notification, which is measured only for comparison")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use peregrine_userspace::Builder;
use scap::schema::{SyscallCode, SyscallSet};
use scap::{Next, Source as _};

const LOOPS: [&str; 4] = ["getppid", "read", "open+close", "exec"];
const RUNS: usize = 5;

/// Prints a line to standard output, whose reader may be gone.
fn print(line: &str) {
    _ = writeln!(std::io::stdout(), "{line}");
}

/// Returns nanoseconds per loop.
fn measure(name: &str, loops: u32) -> f64 {
    let zero = std::fs::File::open("/dev/zero").expect("/dev/zero");
    let began = Instant::now();
    for _ in 0..loops {
        match name {
            "getppid" => {
                // SAFETY: no arguments.
                unsafe { libc::syscall(libc::SYS_getppid) };
            }
            "read" => {
                let mut bytes = [0; 64];
                (&zero).read_exact(&mut bytes).expect("zeros");
            }
            "open+close" => drop(std::fs::File::open("/dev/null").expect("/dev/null")),
            _ => drop(Command::new("/bin/true").status().expect("true")),
        }
    }
    began.elapsed().as_nanos() as f64 / f64::from(loops)
}

fn loops(name: &str) -> u32 {
    if name == "exec" { 100 } else { 20_000 }
}

/// Runs a loop as a traced command; returns what it printed.
fn traced(name: &str, selection: SyscallSet) -> f64 {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let own = std::env::current_exe().expect("this program");
    let path = file.path().to_str().expect("UTF-8").to_owned();
    let command = [own.to_str().expect("UTF-8"), "loop", name, &path];
    let mut source = Builder::new().command(command).select(selection).proc_scan(None).open().expect("traced");
    while !matches!(source.next().expect("events"), Next::End) {}
    std::fs::read_to_string(file.path()).expect("a figure").parse().expect("a number")
}

/// Runs a loop whose calls a supervisor is notified of and lets continue.
fn notified(name: &str) -> Option<f64> {
    let number = match name {
        "getppid" => libc::SYS_getppid,
        "read" => libc::SYS_read,
        _ => return None,
    };
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own).args(["notify", name, &number.to_string()]).stderr(Stdio::inherit()).output();
    String::from_utf8(output.expect("a run").stdout).ok()?.trim().parse().ok()
}

/// Installs the filter in a thread, whose calls the main thread answers.
fn notify(name: &'static str, number: u32) {
    let op = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let (sender, receiver) = std::sync::mpsc::channel::<i32>();
    let measured = std::thread::spawn(move || {
        let code = [
            op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
            op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_USER_NOTIF),
            op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let filter = libc::sock_fprog { len: code.len() as u16, filter: code.as_ptr().cast_mut() };
        // SAFETY: the filter is memory of this function.
        let fd = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
                &raw const filter,
            )
        };
        sender.send(fd as i32).expect("a receiver");
        measure(name, loops(name))
    });
    let fd = receiver.recv().expect("a listener");
    std::thread::spawn(move || {
        loop {
            // SAFETY: all of it are numbers, and the kernel wants zeros.
            let mut request: libc::seccomp_notif = unsafe { std::mem::zeroed() };
            // SAFETY: structures of the size that the requests have.
            unsafe {
                if libc::ioctl(fd, 0xc050_2100, &raw mut request) != 0 {
                    return;
                }
                let mut answer = libc::seccomp_notif_resp {
                    id: request.id,
                    val: 0,
                    error: 0,
                    flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
                };
                libc::ioctl(fd, 0xc018_2101, &raw mut answer);
            }
        }
    });
    print(&format!("{}", measured.join().expect("a figure")));
    std::process::exit(0);
}

/// Programs that people run, and how many calls they make: few, some, many.
const PROGRAMS: [(&str, &str); 4] = [
    ("gzip -1 of 64 MiB", "gzip -1 < data > /dev/null"),
    ("sha256sum of 64 MiB", "sha256sum data"),
    ("sort of 200,000 lines", "sort lines > sorted"),
    ("find below /usr", "find /usr > /dev/null"),
];
const PAIRS: usize = 9;

/// Compares runs of a program alone and traced, in pairs: milliseconds of both and the ratio, each the median.
fn program(directory: &std::path::Path, script: &str) -> [f64; 3] {
    let directory = directory.to_str().expect("UTF-8");
    let command = ["sh".to_owned(), "-c".to_owned(), format!("cd {directory} && {script} > /dev/null")];
    let none: SyscallSet = [SyscallCode::SCHED_PROCESS_EXIT].into_iter().collect();
    let alone = || {
        let began = Instant::now();
        let status = Command::new(&command[0]).args(&command[1..]).status().expect("a program");
        assert!(status.success(), "{script}: {status}");
        began.elapsed().as_secs_f64() * 1e3
    };
    let traced = || {
        let began = Instant::now();
        let mut source = Builder::new().command(&command).select(none).proc_scan(None).open().expect("traced");
        while !matches!(source.next().expect("events"), Next::End) {}
        began.elapsed().as_secs_f64() * 1e3
    };
    let pairs: Vec<[f64; 3]> = (0..=PAIRS)
        .map(|_| {
            let (alone, traced) = (alone(), traced());
            [alone, traced, traced / alone]
        })
        // The first reads the files from the disk.
        .skip(1)
        .collect();
    [0, 1, 2].map(|column| {
        let mut values: Vec<f64> = pairs.iter().map(|pair| pair[column]).collect();
        values.sort_by(f64::total_cmp);
        values[PAIRS / 2]
    })
}

/// Writes what the programs read, and measures them.
fn programs() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut state = 1u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % 10_000
    };
    let data: Vec<u8> = (0..16 << 20).flat_map(|_| word().to_le_bytes()).collect();
    std::fs::write(directory.path().join("data"), data).expect("a file");
    let lines: String = (0..200_000).map(|_| format!("{} {}\n", word(), word())).collect();
    std::fs::write(directory.path().join("lines"), lines).expect("a file");
    print("\n| program | alone, ms | traced, ms | ratio |");
    for (name, script) in PROGRAMS {
        let [alone, traced, ratio] = program(directory.path(), script);
        print(&format!("| {name} | {alone:.0} | {traced:.0} | {ratio:.3} |"));
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "loop", name, path] => {
            let figure = measure(name, loops(name));
            return std::fs::write(path, figure.to_string()).expect("a file");
        }
        [_, "notify", name, number] => {
            let name = LOOPS.into_iter().find(|known| *known == name).expect("a loop");
            return notify(name, number.parse().expect("a number"));
        }
        _ => {}
    }
    let none: SyscallSet = [SyscallCode::SCHED_PROCESS_EXIT].into_iter().collect();
    let least = |run: &dyn Fn() -> f64| (0..RUNS).map(|_| run()).fold(f64::INFINITY, f64::min);
    print("| loop | alone | not selected | selected | user notification |");
    for name in LOOPS {
        let mut selected = match name {
            "getppid" => [SyscallCode::GETPPID].into_iter().collect(),
            "read" => [SyscallCode::READ].into_iter().collect(),
            "open+close" => [SyscallCode::OPENAT, SyscallCode::CLOSE].into_iter().collect(),
            _ => SyscallSet::state(),
        };
        selected.insert(SyscallCode::SCHED_PROCESS_EXIT);
        let alone = least(&|| measure(name, loops(name)));
        let unselected = least(&|| traced(name, none));
        let traced = least(&|| traced(name, selected));
        let notified = notified(name)
            .map_or("-".to_owned(), |_| format!("{:.0}", least(&|| notified(name).unwrap_or(f64::INFINITY))));
        print(&format!("| {name} | {alone:.0} | {unselected:.0} | {traced:.0} | {notified} |"));
    }
    programs();
}
