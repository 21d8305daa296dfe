//! The cases of the probe, seen by this source: every event is equal to the probe's, or the difference is listed with its
//! reason.
//!
//! The program that makes the calls is a copy of this one, traced by the first, which sends it what was reported.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

#[path = "../../../bpf/tests/syscalls/address.rs"]
mod address;
mod differences;
#[path = "../../../bpf/tests/syscalls/exec.rs"]
mod exec;
#[path = "../../../bpf/tests/syscalls/fd.rs"]
mod fd;
#[path = "../../../bpf/tests/syscalls/file.rs"]
mod file;
#[path = "../../../bpf/tests/syscalls/ia32.rs"]
mod ia32;
#[path = "../../../bpf/tests/syscalls/identity.rs"]
mod identity;
#[path = "../../../bpf/tests/syscalls/io.rs"]
mod io;
#[path = "../../../bpf/tests/syscalls/ipc.rs"]
mod ipc;
#[allow(dead_code, reason = "the end of a run differs")]
#[path = "../../../bpf/tests/syscalls/live.rs"]
mod live;
#[path = "../../../bpf/tests/syscalls/memory.rs"]
mod memory;
#[path = "../../../bpf/tests/syscalls/net.rs"]
mod net;
#[path = "../../../bpf/tests/syscalls/process.rs"]
mod process;
#[path = "../../../bpf/tests/syscalls/real_path.rs"]
mod real_path;
#[path = "../../../bpf/tests/syscalls/seccomp.rs"]
mod seccomp;
#[path = "../../../bpf/tests/syscalls/system.rs"]
mod system;
#[path = "../../../bpf/tests/syscalls/time.rs"]
mod time;
mod traced;
// Requests of a ring are not seen: only how to make them is used here.
#[allow(dead_code, reason = "its cases are not run")]
#[path = "../../../bpf/tests/syscalls/uring.rs"]
mod uring;

use live::Live;

/// A family of cases, with its name.
type Cases<'c> = (&'c str, &'c dyn Fn(&mut Live));

/// The variable with the socket of the tracer.
const SOCKET: &str = "PEREGRINE_CASES";

#[test]
fn the_events_are_those_of_the_probe() {
    if !testkit::ROOT.is_met() {
        return testkit::skip(&testkit::ROOT, testkit::ROOT.missing);
    }
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let own = std::env::current_exe().unwrap();
    let command = [
        "env".to_owned(),
        format!("{SOCKET}={}", socket.display()),
        own.display().to_string(),
        "traced_program".to_owned(),
        "--exact".to_owned(),
        "--nocapture".to_owned(),
    ];
    let status = traced::trace(&socket, command);
    assert!(status.success(), "the traced program: {status}");
}

/// Makes the calls; nothing in an ordinary run of the tests.
#[test]
fn traced_program() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let mut live = Live::new(traced::Tracer::connect(socket.as_ref()));
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    if testkit::LONG.is_met() {
        address::cases(&mut live, dir);
    } else {
        testkit::skip(&testkit::LONG, testkit::LONG.missing);
    }
    let all: &[Cases<'_>] = &[
        ("file", &|live| file::cases(live, dir)),
        ("real_path", &|live| real_path::cases(live, dir)),
        ("fd", &|live| fd::cases(live)),
        ("io", &|live| io::cases(live, dir)),
        ("memory", &|live| memory::cases(live)),
        ("net", &|live| net::cases(live, dir)),
        ("identity", &|live| identity::cases(live)),
        ("ipc", &|live| ipc::cases(live)),
        ("time", &|live| time::cases(live)),
        ("system", &|live| system::cases(live, dir)),
        ("process", &|live| process::cases(live)),
        ("seccomp", &|live| seccomp::cases(live)),
        ("exec", &|live| exec::cases(live, dir)),
        ("ia32", &|live| ia32::cases(live, dir)),
    ];
    for (name, cases) in all {
        let start = std::time::Instant::now();
        cases(&mut live);
        println!("{name}: {:?}", start.elapsed());
    }
    differences::compare(live);
}
