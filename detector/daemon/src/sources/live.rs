//! The live source: the probe with the settings of the configuration.

use crate::config::settings::{Config, ModernEbpf, PlanUse};
use crate::host::host_root;
use crate::sources::plan::planner;
use crate::{Fatal, log, sources::selection};
use bpf::{BpfSource, PlanMode, Probe, Selection};
use rule_engine::engine::SourceRules;
use rule_engine::event::sinsp::SinspSchema;
use scap::plan::Plan;
use scap::schema::SyscallSet;
use std::time::Duration;

/// The longest time that an event waits before it is read, if something can be done about it.
const RESPONSE_WAIT: Duration = Duration::from_micros(500);

/// Returns the probe as it is configured.
fn builder(config: &Config, calls: SyscallSet) -> bpf::Result<bpf::Builder> {
    let settings: &ModernEbpf = &config.engine.modern_ebpf;
    let snaplen = match config.falco_libs.snaplen {
        0 => 80,
        bytes => u32::try_from(bytes).unwrap_or(u32::MAX),
    };
    let builder = Probe::builder()
        .select(selection_of(calls))
        .snaplen(snaplen)
        .drop_failed(settings.drop_failed_exit)
        .cpus_per_ring(settings.cpus_for_each_buffer.into())
        .iterators(!settings.disable_iterators)
        .host_root(host_root())
        .ring_preset(settings.buf_size_preset.into());
    if config.response.enabled { builder.map(|builder| builder.max_wait(RESPONSE_WAIT)) } else { builder }
}

/// Loads and attaches the probe.
pub(crate) fn open(config: &Config, calls: SyscallSet) -> Result<BpfSource, Fatal> {
    let source =
        builder(config, calls).and_then(bpf::Builder::open).map_err(|error| Fatal(format!("live capture: {error}")))?;
    for refused in source.refused() {
        log::warning(format!("the kernel rejected a part of the probe: {refused}"));
    }
    source.notes().iter().for_each(log::info);
    log::info(source.guard().to_string());
    Ok(source)
}

/// Returns the use of the plan.
fn mode(config: &Config) -> PlanMode {
    match config.engine.modern_ebpf.plan {
        PlanUse::Off => PlanMode::Off,
        PlanUse::On => PlanMode::On,
        PlanUse::Verify => PlanMode::Verify,
    }
}

/// Leaves out in the kernel the events that the rules do not want, if that is configured.
pub(crate) fn leave_out(
    source: &mut BpfSource,
    config: &Config,
    rules: &SourceRules<SinspSchema>,
    of_plugins: SyscallSet,
) {
    let mode = mode(config);
    if mode == PlanMode::Off {
        return;
    }
    let (plan, report) = planner(config, of_plugins).plan(rules);
    let narrowed = report.types.iter().filter(|row| row.is_narrowed()).count();
    match source.set_plan(mode, plan) {
        Ok(()) => log::info(format!("events of {narrowed} types are tested in the kernel; --plan shows how")),
        Err(error) => log::warning(format!("engine.modern_ebpf.plan: {error}")),
    }
}

/// Captures the system calls of the new rules, and of plugins, from now on.
pub(crate) fn follow(source: &mut BpfSource, config: &Config, wanted: SyscallSet) {
    let calls = selection::select(&config.base_syscalls, wanted);
    let new = selection_of(calls);
    // Everything that the old rules did not want passes until the plan of the new ones is in force.
    if source.plan_mode() != PlanMode::Off
        && let Err(error) = source.set_plan(PlanMode::Off, Plan::everything())
    {
        log::error(format!("engine.modern_ebpf.plan: {error}"));
    }
    if new == source.config().selection {
        return;
    }
    match source.select(new) {
        Ok(()) => log::info(format!("the new rules change the captured set to {} system calls", calls.len())),
        Err(error) => log::error(format!("cannot capture the system calls of the new rules: {error}")),
    }
}

fn selection_of(calls: SyscallSet) -> Selection {
    let mut selection = Selection::none();
    calls.iter().for_each(|call| selection.insert(call));
    selection
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Config);

    #[test]
    fn the_plan_is_used_as_it_is_set() {
        let mut config = Config::default();
        assert_eq!(mode(&config), PlanMode::Off);
        for (used, expect) in [(PlanUse::On, PlanMode::On), (PlanUse::Verify, PlanMode::Verify)] {
            config.engine.modern_ebpf.plan = used;
            assert_eq!(mode(&config), expect);
        }
    }

    #[test]
    fn each_setting_is_passed_to_the_probe() {
        let text = |change: Change| {
            let mut config = Config::default();
            change(&mut config);
            format!("{:?}", builder(&config, SyscallSet::state()).expect("a preset"))
        };
        let changes: [(Change, &str); 6] = [
            (|config| config.engine.modern_ebpf.disable_iterators = true, "iterators: false"),
            (|config| config.engine.modern_ebpf.drop_failed_exit = true, "drop_failed: true"),
            (|config| config.engine.modern_ebpf.cpus_for_each_buffer = 7, "cpus_per_ring: 7"),
            (|config| config.engine.modern_ebpf.buf_size_preset = 1, "ring_size: 1048576"),
            (|config| config.falco_libs.snaplen = 4321, "snaplen: 4321"),
            (|config| config.response.enabled = true, "max_wait: 500µs"),
        ];
        for (change, expect) in changes {
            assert!(!text(|_| ()).contains(expect) && text(change).contains(expect), "{expect}: {}", text(change));
        }
    }
}
