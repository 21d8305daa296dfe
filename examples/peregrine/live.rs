//! The live source: the probe with the settings of the configuration.

use crate::config::settings::{Config, ModernEbpf};
use crate::service::host_root;
use crate::{Fatal, log};
use bpf::{BpfSource, Probe, Selection};
use scap::schema::SyscallSet;

/// Loads and attaches the probe.
pub(crate) fn open(config: &Config, calls: SyscallSet) -> Result<BpfSource, Fatal> {
    let settings: &ModernEbpf = &config.engine.modern_ebpf;
    let mut selection = Selection::none();
    calls.iter().for_each(|call| selection.insert(call));
    let snaplen = match config.falco_libs.snaplen {
        0 => 80,
        bytes => u32::try_from(bytes).unwrap_or(u32::MAX),
    };
    let source = Probe::builder()
        .select(selection)
        .snaplen(snaplen)
        .drop_failed(settings.drop_failed_exit)
        .cpus_per_ring(settings.cpus_for_each_buffer.into())
        .host_root(host_root())
        .ring_preset(settings.buf_size_preset.into())
        .and_then(bpf::Builder::open)
        .map_err(|error| Fatal(format!("live capture: {error}")))?;
    for refused in source.refused() {
        log::warning(format!("the kernel refused a part of the probe: {refused}"));
    }
    source.notes().iter().for_each(log::info);
    Ok(source)
}
