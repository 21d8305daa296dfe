//! The outputs that the configuration enables.

use crate::config::settings::Config;
use crate::{Fatal, log, protect};
use peregrine_sinks::{Capacity, OnFault, Outputs, Wanted};
use std::sync::Arc;
use std::time::Duration;

/// Starts all enabled outputs.
///
/// # Errors
/// If an output cannot be set up, or none is enabled.
pub(crate) fn start(config: &Config, hostname: &str) -> Result<Outputs, Fatal> {
    let on_fault: OnFault = Arc::new(|fault| log::line(log::Level::from_severity(fault.severity), fault));
    let (capacity, patience) = limits(config);
    let outputs = Outputs::new(capacity, patience, on_fault);
    apply(&outputs, config, plan(config, hostname)?)?;
    Ok(outputs)
}

/// Replaces the outputs with those of a plan.
///
/// # Errors
/// If a spool cannot be used.
pub(crate) fn apply(outputs: &Outputs, config: &Config, plan: Vec<Wanted>) -> Result<(), Fatal> {
    let (capacity, patience) = limits(config);
    let folder = config.outputs_spool.path.display();
    protect::as_outputs(config, || outputs.apply(plan, capacity, patience))
        .map_err(|error| Fatal(format!("outputs_spool {folder}: {error}")))
}

fn limits(config: &Config) -> (Capacity, Duration) {
    let capacity = Capacity::alerts(usize::try_from(config.outputs_queue.capacity).unwrap_or(usize::MAX));
    (capacity, Duration::from_millis(config.output_timeout.into()))
}

/// Creates the sinks that the configuration enables.
///
/// # Errors
/// If an output cannot be set up, or none is enabled.
pub(crate) fn plan(config: &Config, hostname: &str) -> Result<Vec<Wanted>, Fatal> {
    let plan = config.outputs.build(config, hostname, protect::web_thread).map_err(Fatal)?;
    if plan.is_empty() {
        return Err(Fatal::new("no output is enabled; set for example stdout_output.enabled=true"));
    }
    Ok(plan)
}
