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

/// Events of a system call that a test of the plan left out in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// The name of the call.
    pub(crate) call: &'static str,
    /// The name of the test.
    pub(crate) test: &'static str,
    pub(crate) count: u64,
}

/// The differences between what the kernel and the model of the plan leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    pub(crate) checked: u64,
    /// Events that the kernel leaves out, and the model does not.
    pub(crate) wrong: u64,
    /// Events that the model leaves out, and the kernel does not.
    pub(crate) spared: u64,
    pub(crate) example: String,
}

/// An event source with measurements. By default it has none.
pub(crate) trait Measured: Source {
    /// Returns the time of boot, in nanoseconds since 1970, to which times of events refer.
    #[cfg(feature = "live")]
    fn boot_time(&self) -> u64 {
        bpf::boot_time()
    }

    /// Returns the counts of each processor.
    fn cpus(&self) -> Vec<Cpu> {
        Vec::new()
    }

    /// Returns the cost of each BPF program, if the kernel counts it (`sysctl kernel.bpf_stats_enabled=1`).
    fn programs(&self) -> Vec<Program> {
        Vec::new()
    }

    /// Returns the numbers of events that the plan left out.
    fn left_out(&self) -> Vec<LeftOut> {
        Vec::new()
    }

    /// Returns the result of checking the plan, if there are differences.
    fn differences(&self) -> Option<Differences> {
        None
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
    fn boot_time(&self) -> u64 {
        Self::boot_time(self)
    }

    fn cpus(&self) -> Vec<Cpu> {
        let cpu = |stats: &bpf::CpuStats| Cpu { seen: stats.seen, dropped: stats.dropped(), faults: stats.faults };
        self.cpu_stats().unwrap_or_default().iter().map(cpu).collect()
    }

    fn programs(&self) -> Vec<Program> {
        let program =
            |stats: bpf::ProgramStats| Program { name: stats.name, runs: stats.runs, nanoseconds: stats.nanoseconds };
        self.program_stats().unwrap_or_default().into_iter().map(program).collect()
    }

    fn left_out(&self) -> Vec<LeftOut> {
        let row = |row: bpf::LeftOut| LeftOut {
            call: row.call.info().map_or("unknown", |info| info.name),
            test: row.test.name(),
            count: row.count,
        };
        Self::left_out(self).into_iter().map(row).collect()
    }

    fn differences(&self) -> Option<Differences> {
        let found = self.verified();
        let example = found.example.clone()?;
        Some(Differences { checked: found.checked, wrong: found.wrong, spared: found.spared, example })
    }

    fn pending(&self) -> Option<u64> {
        Some(Self::pending(self))
    }
}
