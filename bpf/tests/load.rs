//! The whole probe loads on this host, within the bounds of older kernels' verifiers, and fast enough.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

use peregrine_bpf::{Probe, Selection};
use scap::schema::SYSCALLS;

/// The verifier gives up at a million; growth is to be noticed long before.
const MAX_VERIFIED: u32 = 60_000;
const MAX_VERIFIED_TOTAL: u32 = 600_000;

#[test]
fn every_program_loads() {
    let prepared = match Probe::builder().select(Selection::none()).prepare() {
        Ok(prepared) => prepared,
        Err(error) => testkit::skip!(BPF, "{error}"),
    };
    let loaded = match prepared.load() {
        Ok(loaded) => loaded,
        Err(error) => testkit::skip!(BPF, "{error}"),
    };
    let refused: Vec<String> = loaded.refused().iter().map(ToString::to_string).collect();
    println!("{} programs, refused: {refused:?}", loaded.programs().len());
    // A kernel may lack a hook, such as those of io_uring; PEREGRINE_ALLOW_REFUSED says that this is known.
    assert!(refused.is_empty() || std::env::var_os("PEREGRINE_ALLOW_REFUSED").is_some(), "{refused:?}");
    assert!(loaded.programs().iter().any(|program| program.name == "sys_exit"));

    // Each call with a specific event has its own program.
    let names: Vec<String> = loaded.programs().into_iter().map(|program| program.name).collect();
    let mut missing = Vec::new();
    for row in SYSCALLS.iter().filter(|row| row.x86_64.is_some()) {
        if let Some(info) = row.events.and_then(|(_, exit)| exit.info())
            && !info.constant.starts_with("GENERIC")
            && !names.contains(&info.constant.to_lowercase())
            && !refused.iter().any(|program| program.starts_with(&info.constant.to_lowercase()))
        {
            missing.push(info.constant);
        }
    }
    assert!(missing.is_empty(), "no program for {missing:?}");

    let source = loaded.attach().unwrap();
    let mut stats = source.program_stats().unwrap();
    stats.sort_by_key(|program| std::cmp::Reverse(program.verified_instructions));
    let total: u32 = stats.iter().map(|program| program.verified_instructions).sum();
    for program in stats.iter().take(8) {
        println!("{:>8} {}", program.verified_instructions, program.name);
    }
    println!("{total:>8} in all");
    assert!(stats[0].verified_instructions < MAX_VERIFIED, "{:?}", stats[0]);
    assert!(total < MAX_VERIFIED_TOTAL, "{total}");
}
