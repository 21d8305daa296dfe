//! Every specific event for real: a thread makes the call with known arguments, in success and in failure, and each
//! parameter of the resulting event is compared.
//!
//! One test runs all families over one probe, so that at the end it can name the events that no case has seen.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

mod address;
mod exec;
mod fd;
mod file;
mod ia32;
mod identity;
mod io;
mod ipc;
mod live;
mod memory;
mod net;
mod probe;
mod process;
mod real_path;
mod seccomp;
mod system;
mod time;
mod uring;

/// Every family and length of an address, on every kind of socket, through every call.
#[test]
fn addresses_end_at_their_length() {
    let Some(mut live) = probe::open() else { return };
    let dir = std::env::temp_dir().join(format!("peregrine-a{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    address::cases(&mut live, dir.to_str().unwrap());
    let _ = std::fs::remove_dir_all(&dir);
    live.report_faults();
}

#[test]
fn every_dedicated_event() {
    let Some(mut live) = probe::open() else { return };
    let dir = std::env::temp_dir().join(format!("peregrine-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let dir = dir.to_str().unwrap().to_owned();
    file::cases(&mut live, &dir);
    real_path::cases(&mut live, &dir);
    fd::cases(&mut live);
    io::cases(&mut live, &dir);
    memory::cases(&mut live);
    net::cases(&mut live, &dir);
    identity::cases(&mut live);
    ipc::cases(&mut live);
    time::cases(&mut live);
    system::cases(&mut live, &dir);
    process::cases(&mut live);
    seccomp::cases(&mut live);
    exec::cases(&mut live, &dir);
    ia32::cases(&mut live, &dir);
    uring::cases(&mut live, &dir);
    let _ = std::fs::remove_dir_all(&dir);
    live.report();
}
