//! Runs the probe under the load of the host: prints once a second the events seen, delivered and dropped, and the
//! memory of this process; checks at the end whether the counts agree on every CPU.
//!
//! `cargo run -p peregrine-bpf --example soak -- SECONDS`

use peregrine_bpf::{Probe, Selection};
use scap::schema::{EventCode, SyscallCode};
use scap::{Next, Source};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

fn memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(60), |text| text.parse())?;
    let mut nothing = Selection::none();
    nothing.remove(SyscallCode::SCHED_PROCESS_EXIT);
    let mut source = Probe::builder().select(nothing).proc_scan(None).open()?;
    source.select(Selection::all())?;
    let start = Instant::now();
    let mut report = start + Duration::from_secs(1);
    let mut delivered: BTreeMap<u16, u64> = BTreeMap::new();
    let mut quiet = 0;
    let mut stopped = false;
    while quiet < 3 {
        match source.next()? {
            // Drop events are not counted by the probe.
            Next::Event(event) if event.code() == EventCode::ASYNCEVENT_E => {}
            Next::Event(event) => {
                *delivered.entry(event.cpu()).or_default() += 1;
                quiet = 0;
            }
            _ if stopped => quiet += 1,
            _ => {}
        }
        let now = Instant::now();
        if now >= report {
            let stats = source.stats();
            writeln!(
                std::io::stdout(),
                "{} seen, {} delivered, {} lost, {} kB",
                stats.seen,
                stats.delivered,
                stats.dropped(),
                memory_kb()
            )?;
            report = now + Duration::from_secs(seconds.div_ceil(10).max(1));
        }
        if !stopped && start.elapsed() > Duration::from_secs(seconds) {
            source.select(nothing)?;
            stopped = true;
        }
    }
    for (cpu, stats) in source.cpu_stats()?.iter().enumerate() {
        let there = u16::try_from(cpu).ok().and_then(|cpu| delivered.get(&cpu)).copied().unwrap_or(0);
        let agree = if stats.seen == there + stats.dropped() { "agree" } else { "DISAGREE" };
        writeln!(
            std::io::stdout(),
            "cpu {cpu}: {} seen = {there} delivered + {} lost: {agree}",
            stats.seen,
            stats.dropped()
        )?;
    }
    Ok(())
}
