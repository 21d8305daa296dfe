//! Measurements of an event source: per processor, per BPF program, per ring buffer.

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

/// Cost of one BPF program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) runs: u64,
    pub(crate) nanoseconds: u64,
}

/// An event source with measurements. By default it has none.
pub(crate) trait Measured: Source {
    /// Returns the counts of each processor.
    fn cpus(&self) -> Vec<Cpu> {
        Vec::new()
    }

    /// Returns the cost of each BPF program, if the kernel counts it (`sysctl kernel.bpf_stats_enabled=1`).
    fn programs(&self) -> Vec<Program> {
        Vec::new()
    }

    /// Returns the number of unread bytes in the ring buffers.
    fn pending(&self) -> Option<u64> {
        None
    }
}

impl<R: Read> Measured for Reader<R> {}

#[cfg(feature = "live")]
impl Measured for peregrine_userspace::Userspace {
    /// The tracer is one thread, so its counts are those of one processor.
    fn cpus(&self) -> Vec<Cpu> {
        let stats = self.stats();
        vec![Cpu { seen: stats.seen, dropped: stats.dropped(), faults: self.faults() }]
    }
}

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
