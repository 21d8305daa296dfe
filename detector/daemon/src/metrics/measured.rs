//! What a source of events can tell of itself beside its events: by processor, by program, by ring.

use scap::Source;
use scap::savefile::Reader;
use std::io::Read;

/// Counts of one processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(crate) seen: u64,
    pub(crate) dropped: u64,
    /// Values that could not be read from the memory of a process.
    pub(crate) faults: u64,
}

/// Cost of one program in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) runs: u64,
    pub(crate) nanoseconds: u64,
}

/// A source that may tell more. One that cannot tells nothing.
pub(crate) trait Measured: Source {
    /// The counts of each processor.
    fn cpus(&self) -> Vec<Cpu> {
        Vec::new()
    }

    /// The cost of each program, where the kernel counts it (`sysctl kernel.bpf_stats_enabled=1`).
    fn programs(&self) -> Vec<Program> {
        Vec::new()
    }

    /// Bytes that wait in the rings.
    fn pending(&self) -> Option<u64> {
        None
    }
}

impl<R: Read> Measured for Reader<R> {}

#[cfg(feature = "live")]
impl Measured for bpf::BpfSource {
    fn cpus(&self) -> Vec<Cpu> {
        let cpu = |stats: &bpf::CpuStats| Cpu { seen: stats.seen, dropped: stats.dropped(), faults: stats.faults };
        self.cpu_stats().unwrap_or_default().iter().map(cpu).collect()
    }

    fn programs(&self) -> Vec<Program> {
        let program =
            |stats: bpf::ProgramStats| Program { name: stats.name, runs: stats.runs, nanoseconds: stats.nanoseconds };
        self.program_stats().unwrap_or_default().into_iter().map(program).collect()
    }

    fn pending(&self) -> Option<u64> {
        Some(Self::pending(self))
    }
}
