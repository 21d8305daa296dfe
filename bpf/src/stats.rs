//! Counts of events seen, delivered and dropped, by cause, family and CPU; the cost of each program.

use crate::generated::{CAUSES, FAMILIES};
use scap::source::{Drop, SourceStats};

/// Counters of one CPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CpuStats {
    /// Events before any drop.
    pub seen: u64,
    /// Values that could not be read from a process's memory; their events were sent without them.
    pub faults: u64,
    /// Dropped events, by cause and family; only counts above zero.
    pub drops: Vec<Drop>,
}

impl CpuStats {
    /// Parses the probe's `struct cpu_stats`.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let words: Vec<u64> = bytes.chunks_exact(8).map(|c| c.try_into().map_or(0, u64::from_ne_bytes)).collect();
        let mut stats = Self {
            seen: words.first().copied().unwrap_or(0),
            faults: words.get(1).copied().unwrap_or(0),
            drops: Vec::new(),
        };
        for (c, cause) in CAUSES.iter().enumerate() {
            for (f, family) in FAMILIES.iter().enumerate() {
                let count = words.get(2 + c * FAMILIES.len() + f).copied().unwrap_or(0);
                if count > 0 {
                    stats.drops.push(Drop { cause, family, count });
                }
            }
        }
        stats
    }

    /// Returns the events dropped for any cause.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.count).sum()
    }
}

/// The size of the probe's `struct cpu_stats`, in bytes.
pub(crate) const CPU_STATS_SIZE: usize = 8 * (2 + CAUSES.len() * FAMILIES.len());

/// Returns the sum over CPUs.
pub(crate) fn sum(cpus: &[CpuStats], delivered: u64) -> SourceStats {
    let mut total = SourceStats { delivered, ..SourceStats::default() };
    for cpu in cpus {
        total.seen += cpu.seen;
        for drop in &cpu.drops {
            match total.drops.iter_mut().find(|have| have.cause == drop.cause && have.family == drop.family) {
                Some(have) => have.count += drop.count,
                None => total.drops.push(drop.clone()),
            }
        }
    }
    total
}

/// The cost of one program; counted only while the kernel's `kernel.bpf_stats_enabled` is on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramStats {
    /// Its name.
    pub name: String,
    /// Number of times it ran.
    pub runs: u64,
    /// Its total time, in nanoseconds.
    pub nanoseconds: u64,
    /// Instructions that the verifier processed when it was loaded.
    pub verified_instructions: u32,
}
