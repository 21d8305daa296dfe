//! Measures the memory of the state: allocated bytes, and resident memory of the process.
//!
//! Usage: `memory inherited|same|own [PROCESSES]` fills the state with processes of 20 file descriptors each, which
//! they inherit, or open: all the same files, or each its own. `memory tasks [TASKS]` is a fork bomb.

mod load;

use std::io::Write as _;

use load::{BYTES, Load, Paths, fork_bomb, processes};
use peregrine_sinsp::Next;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let what = args.next().ok_or("usage: memory inherited|same|own|tasks [COUNT]")?;
    let count = args.next().map(|count| count.parse::<u64>()).transpose()?;
    let load = match what.as_str() {
        "inherited" => Load::Inherited,
        "same" => Load::Opened(Paths::Same),
        "own" => Load::Opened(Paths::Own),
        "tasks" => return tasks(count.unwrap_or(10_000_000)),
        other => return Err(format!("unknown load {other}").into()),
    };
    let (empty, resident) = (BYTES.get(), resident());
    let show = |when: &str| {
        let (allocated, mine) = (BYTES.get() - empty, self::resident().saturating_sub(resident));
        writeln!(std::io::stdout(), "{when}: {} MB allocated, {} MB resident", allocated >> 20, mine >> 20)
    };
    let count = count.unwrap_or(100_000);
    let (mut inspector, filling) = processes(count, load);
    for _ in 0..filling {
        inspector.next()?;
    }
    let metrics = inspector.state().metrics();
    writeln!(std::io::stdout(), "{} threads, {} file descriptors", metrics.threads, metrics.fds)?;
    show("full")?;
    while !matches!(inspector.next()?, Next::End) {}
    writeln!(std::io::stdout(), "{} threads", inspector.state().metrics().threads)?;
    Ok(show("after their exit")?)
}

fn tasks(count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (empty, mut peak) = (BYTES.get(), 0);
    let mut inspector = fork_bomb(count);
    while !matches!(inspector.next()?, Next::End) {
        peak = peak.max(BYTES.get() - empty);
    }
    writeln!(
        std::io::stdout(),
        "{count} tasks: at most {} KB allocated, {} KB resident at the end",
        peak >> 10,
        resident() >> 10
    )?;
    writeln!(std::io::stdout(), "{:#?}", inspector.state().metrics())?;
    inspector.state().check()?;
    Ok(())
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> usize {
    const PAGE: usize = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * PAGE
}
