//! Hours of load in minutes: `soak [HOURS]`, by default a tenth of an hour.
//!
//! The recorded intrusion happens again every six seconds of the events' clock, about 9,000 events a second, with the
//! default rules. Memory must be flat after the first tenth and every table within its limits; the program ends with 1
//! if not. Under `valgrind` or `heaptrack` a hundredth of an hour is enough to see a leak.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use peregrine_benches::cases::{self, Fault};
use peregrine_benches::{generated::Rounds, grid};
use scap::savefile::Reader;
use sinsp::{Config, Inspector, Next};

/// The time of the capture's events per round on the events' clock, in nanoseconds.
const SPAN: u64 = 6_000_000_000;

/// The part by which memory may vary, in percent, in addition to [`SLACK`] KiB.
const GROWTH: u64 = 3;
const SLACK: u64 = 1024;

/// Returns the memory in use, in KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

fn main() -> Result<ExitCode, Fault> {
    let hours: f64 = std::env::args().nth(1).map_or(Ok(0.1), |hours| hours.parse())?;
    let rounds = ((hours * 3600e9 / SPAN as f64) as u64).max(10);
    let capture = cases::attack()?;
    let rules = grid::load(&[("peregrine_rules.yaml", &cases::default_rules_text()?)])?;
    let config = Config::default();
    let limits = config.limits;
    let mut inspector = Inspector::with_config(Rounds::new(Reader::new(&*capture)?, rounds, SPAN)?, config);
    let mut runner = rules.runner();
    let (mut events, mut alerts, mut reports) = (0_u64, 0_u64, Vec::new());
    let (started, mut out) = (Instant::now(), std::io::stdout().lock());
    writeln!(out, "{:>8} {:>12} {:>10} {:>8} {:>8} {:>10}", "hours", "events", "alerts", "threads", "fds", "RSS KiB")?;
    let mut told = 0;
    loop {
        let round = inspector.source().round();
        match inspector.next()? {
            Next::Event(event) => {
                events += 1;
                runner.process(&event, |_| alerts += 1);
            }
            Next::Hidden | Next::Idle => {}
            Next::End => break,
        }
        if round * 20 / rounds > told {
            told = round * 20 / rounds;
            let state = inspector.state();
            let threads = state.threads().count();
            let tables: Vec<usize> = state.threads().filter_map(|thread| Some(state.fds(thread)?.len())).collect();
            let (most, fds) = (tables.iter().max().copied().unwrap_or(0), tables.iter().sum::<usize>());
            let at = round as f64 * SPAN as f64 / 3600e9;
            writeln!(out, "{at:>8.3} {events:>12} {alerts:>10} {threads:>8} {fds:>8} {:>10}", resident())?;
            if threads > limits.threads || most > limits.fds_per_process {
                return Err(format!("over a limit: {threads} threads, {most} file descriptors of one process").into());
            }
            reports.push(resident());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    writeln!(out, "{:.2} million events a second", events as f64 / seconds / 1e6)?;
    writeln!(out, "{:?}", inspector.state().metrics())?;
    // The first tenth fills tables and pools.
    let (Some(&before), Some(&after)) = (reports.get(1), reports.last()) else { return Ok(ExitCode::SUCCESS) };
    if after > before + before * GROWTH / 100 + SLACK {
        writeln!(out, "memory grew from {before} to {after} KiB")?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "memory is flat: {before} KiB after a tenth, {after} KiB at the end")?;
    Ok(ExitCode::SUCCESS)
}
