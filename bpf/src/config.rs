//! The options of the caller, and the block of settings that the probe reads.

use crate::generated::NUMBERS;
use crate::{Error, Result, Selection};
use scap::procfs;
use std::path::PathBuf;
use std::time::Duration;

/// The probe; see [`Probe::builder`].
#[derive(Debug)]
pub struct Probe;

impl Probe {
    /// Returns a builder with the defaults of Falco.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// The guard against a program that changes the arguments of open, openat, openat2, creat or connect while the call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Toctou {
    /// Never.
    Off,
    /// At exit where the kernel can (5.17), else by tracepoints where it shows them, else by the hook; see
    /// [`BpfSource::guard`](crate::BpfSource::guard).
    #[default]
    Auto,
    /// At exit, without a program at entry: a call that succeeded is reported with the file or socket that the kernel
    /// opened or connected, and whether anybody else can have changed the path that it was given. Of a call that failed
    /// the path is what the memory contains at exit.
    Exit,
    /// By the tracepoint of each of these calls: from tracefs, or from a mount of it that only this process sees.
    Tracepoints,
    /// By one hook at the entry of every call. It sees 32-bit calls as well, and adds a cost to every call.
    Hook,
}

impl std::fmt::Display for Toctou {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => {
                "arguments of open and connect are read after the call only: a program may change them meanwhile"
            }
            Self::Auto => "arguments of open and connect are guarded as the kernel allows",
            Self::Exit => {
                "arguments of open and connect are compared at exit with what the kernel opened and connected"
            }
            Self::Tracepoints => "arguments of open and connect are noted at entry, by tracepoints",
            Self::Hook => {
                "arguments of open and connect are noted at entry, by the hook of all calls (no tracepoints here)"
            }
        })
    }
}

/// The part of the configuration that may change while events are read; see [`BpfSource::set`](crate::BpfSource::set).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The selected events.
    pub selection: Selection,
    /// Bytes kept of data that is read and written.
    pub snaplen: u32,
    /// Keep more of content that is worth it: DNS, HTTP, databases, statsd, the full-capture ports.
    pub dynamic_snaplen: bool,
    /// Ports whose content is kept up to 16,000 bytes, with `dynamic_snaplen`.
    pub fullcapture_ports: Option<(u16, u16)>,
    /// The port of statsd.
    pub statsd_port: u16,
    /// Leave out failed calls.
    pub drop_failed: bool,
    /// Leave out the events of this process: `std::process::id()` for the own one, which is another number in the initial
    /// pid namespace; any other has its number there.
    pub skip_tgid: Option<u32>,
    /// Only events of the processes that this one starts, and of those that they start; see
    /// [`Builder::only_children`].
    pub only_children: bool,
    /// Report the requests made through io_uring as events.
    pub io_uring: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            selection: Selection::all(),
            snaplen: 80,
            dynamic_snaplen: false,
            fullcapture_ports: None,
            statsd_port: 8125,
            drop_failed: false,
            skip_tgid: None,
            only_children: false,
            io_uring: true,
        }
    }
}

/// The builder of a probe.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) settings: Config,
    pub(crate) ring_size: usize,
    pub(crate) cpus_per_ring: usize,
    pub(crate) toctou: Toctou,
    pub(crate) max_wait: Duration,
    pub(crate) without: Vec<String>,
    pub(crate) host_root: PathBuf,
    pub(crate) proc_scan: Option<procfs::Config>,
    pub(crate) iterators: bool,
    pub(crate) report_drops: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Config::default(),
            ring_size: 8 << 20,
            cpus_per_ring: 2,
            toctou: Toctou::default(),
            max_wait: Duration::from_millis(30),
            without: Vec::new(),
            host_root: PathBuf::from("/"),
            proc_scan: Some(procfs::Config::default()),
            iterators: true,
            report_drops: true,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $ty:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $ty) -> Self {
            self.settings.$name = $name;
            self
        }
    )*};
}

impl Builder {
    setters! {
        /// Sets the bytes kept of data that is read and written (80; at most 65,000).
        snaplen: u32;
        /// Sets whether more is kept of content that is worth it (no).
        dynamic_snaplen: bool;
        /// Sets the ports whose content is kept up to 16,000 bytes, with `dynamic_snaplen` (none).
        fullcapture_ports: Option<(u16, u16)>;
        /// Sets the port of statsd (8125).
        statsd_port: u16;
        /// Sets whether failed calls are left out (no).
        drop_failed: bool;
        /// Sets whether io_uring requests are reported as events (yes).
        io_uring: bool;
    }

    /// Sets the selected events (everything).
    #[must_use]
    pub fn select(mut self, selection: Selection) -> Self {
        self.settings.selection = selection;
        self
    }

    /// Sets whether the events of this process are left out (no).
    #[must_use]
    pub fn skip_own(mut self, skip: bool) -> Self {
        self.settings.skip_tgid = skip.then(std::process::id);
        self
    }

    /// Restricts the events to the children of this process and their descendants (no): children that are started from
    /// now on, from their first event. The events of this process are left out as well.
    #[must_use]
    pub fn only_children(mut self, only: bool) -> Self {
        self.settings.only_children = only;
        self.skip_own(only)
    }

    /// Sets the size of each ring in bytes (8 MiB): a power of two of at least two pages.
    #[must_use]
    pub fn ring_size(mut self, bytes: usize) -> Self {
        self.ring_size = bytes;
        self
    }

    /// Sets the size of each ring by Falco's presets 1 to 10: 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 MiB.
    ///
    /// # Errors
    /// If there is no such preset.
    pub fn ring_preset(self, preset: u32) -> Result<Self> {
        match preset {
            1..=10 => Ok(self.ring_size(1 << (19 + preset))),
            _ => Err(Error::RingSize(preset as usize)),
        }
    }

    /// Sets how many CPUs share a ring (2); 0: all share one.
    #[must_use]
    pub fn cpus_per_ring(mut self, cpus: usize) -> Self {
        self.cpus_per_ring = cpus;
        self
    }

    /// The guard against arguments that change during a call ([`Toctou::Auto`]).
    #[must_use]
    pub fn toctou(mut self, toctou: Toctou) -> Self {
        self.toctou = toctou;
        self
    }

    /// Sets the folder with the host's `/proc` and `/etc` (`/`): a container has them mounted somewhere else.
    #[must_use]
    pub fn host_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.host_root = root.into();
        self
    }

    /// Sets what the initial state contains (everything); `None`: nothing.
    #[must_use]
    pub fn proc_scan(mut self, config: Option<procfs::Config>) -> Self {
        self.proc_scan = config;
        self
    }

    /// Sets whether BPF iterators list the existing threads and file descriptors (yes), which needs a seventh of the
    /// time; if not, or where iterators are not available, they are read from `/proc`, with a note that says why.
    #[must_use]
    pub fn iterators(mut self, iterators: bool) -> Self {
        self.iterators = iterators;
        self
    }

    /// Sets whether drops are reported in the stream by drop events (yes).
    #[must_use]
    pub fn report_drops(mut self, report: bool) -> Self {
        self.report_drops = report;
        self
    }

    /// Sets the longest sleep of a source without events (30 ms): it bounds the time until a caller gets
    /// [`Next::Idle`](scap::Next::Idle).
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Leaves a program out, as if the kernel had rejected it.
    #[must_use]
    pub fn without_program(mut self, name: impl Into<String>) -> Self {
        self.without.push(name.into());
        self
    }

    pub(crate) fn wants_iterators(&self) -> bool {
        self.iterators && self.proc_scan.is_some()
    }
}

/// The probe's `struct settings`, byte for byte.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Block {
    pub(crate) boot_time: u64,
    pub(crate) snaplen: u32,
    pub(crate) skip_tgid: u32,
    pub(crate) fullcapture_first: u16,
    pub(crate) fullcapture_last: u16,
    pub(crate) statsd_port: u16,
    pub(crate) drop_failed: u8,
    pub(crate) dynamic_snaplen: u8,
    pub(crate) toctou_open: u8,
    pub(crate) toctou_connect: u8,
    pub(crate) io_uring: u8,
    pub(crate) only_family: u8,
    pub(crate) selective: u8,
    pub(crate) interest: [u8; NUMBERS],
}

/// The longest kept piece of a buffer, in bytes.
const MAX_SNAPLEN: u32 = 65_000;

impl Block {
    /// Returns the block; `own` is the number of this process in the initial pid namespace.
    pub(crate) fn new(settings: &Config, boot_time: u64, own: u32, toctou: bool) -> Self {
        let (first, last) = settings.fullcapture_ports.unwrap_or((0, 0));
        let skip = settings.skip_tgid.map(|tgid| if tgid == std::process::id() { own } else { tgid });
        Self {
            boot_time,
            snaplen: settings.snaplen.min(MAX_SNAPLEN),
            skip_tgid: skip.unwrap_or(0),
            fullcapture_first: first,
            fullcapture_last: last,
            statsd_port: settings.statsd_port,
            drop_failed: settings.drop_failed.into(),
            dynamic_snaplen: settings.dynamic_snaplen.into(),
            toctou_open: toctou.into(),
            toctou_connect: toctou.into(),
            io_uring: settings.io_uring.into(),
            only_family: settings.only_children.into(),
            selective: (settings.drop_failed || settings.skip_tgid.is_some() || settings.only_children).into(),
            interest: settings.selection.interest(),
        }
    }

    /// Returns the bytes as the probe lays them out, without its padding at the end.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size_of::<Self>());
        bytes.extend(self.boot_time.to_ne_bytes());
        bytes.extend(self.snaplen.to_ne_bytes());
        bytes.extend(self.skip_tgid.to_ne_bytes());
        bytes.extend(self.fullcapture_first.to_ne_bytes());
        bytes.extend(self.fullcapture_last.to_ne_bytes());
        bytes.extend(self.statsd_port.to_ne_bytes());
        bytes.extend([
            self.drop_failed,
            self.dynamic_snaplen,
            self.toctou_open,
            self.toctou_connect,
            self.io_uring,
            self.only_family,
            self.selective,
        ]);
        bytes.extend(self.interest);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::structure;
    use std::mem::offset_of;

    #[test]
    fn settings_are_laid_out_as_in_the_probe() {
        let (members, size) = structure("settings");
        let ours = [
            ("boot_time", offset_of!(Block, boot_time)),
            ("snaplen", offset_of!(Block, snaplen)),
            ("skip_tgid", offset_of!(Block, skip_tgid)),
            ("fullcapture_first", offset_of!(Block, fullcapture_first)),
            ("fullcapture_last", offset_of!(Block, fullcapture_last)),
            ("statsd_port", offset_of!(Block, statsd_port)),
            ("drop_failed", offset_of!(Block, drop_failed)),
            ("dynamic_snaplen", offset_of!(Block, dynamic_snaplen)),
            ("toctou_open", offset_of!(Block, toctou_open)),
            ("toctou_connect", offset_of!(Block, toctou_connect)),
            ("io_uring", offset_of!(Block, io_uring)),
            ("only_family", offset_of!(Block, only_family)),
            ("selective", offset_of!(Block, selective)),
            ("interest", offset_of!(Block, interest)),
        ];
        let ours: Vec<(String, usize)> = ours.map(|(name, offset)| (name.to_owned(), offset)).to_vec();
        assert_eq!(members, ours);
        assert_eq!(size, size_of::<Block>());
    }

    #[test]
    fn the_bytes_follow_the_layout() {
        let settings = Config { snaplen: 0x0102_0304, statsd_port: 0x0506, drop_failed: true, ..Config::default() };
        let block = Block { snaplen: settings.snaplen, ..Block::new(&settings, 7, 9, false) };
        let bytes = block.bytes();
        assert_eq!(bytes[..8], 7u64.to_ne_bytes());
        assert_eq!(bytes[offset_of!(Block, snaplen)..][..4], 0x0102_0304u32.to_ne_bytes());
        assert_eq!(bytes[offset_of!(Block, statsd_port)..][..2], 0x0506u16.to_ne_bytes());
        assert_eq!(bytes[offset_of!(Block, drop_failed)], 1);
        assert_eq!(bytes[offset_of!(Block, interest)..], block.interest);
    }

    #[test]
    fn the_own_process_has_its_number_in_the_initial_namespace() {
        let skips = |skip_tgid| Block::new(&Config { skip_tgid, ..Config::default() }, 0, 1234, false).skip_tgid;
        assert_eq!([skips(None), skips(Some(std::process::id())), skips(Some(7_000_000))], [0, 1234, 7_000_000]);
    }

    #[test]
    fn counters_are_laid_out_as_in_the_probe() {
        let (members, size) = structure("cpu_stats");
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["seen", "faults", "drops"]);
        assert_eq!(size, crate::stats::CPU_STATS_SIZE);
    }
}
