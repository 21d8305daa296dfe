//! The outputs that the configuration names.

use crate::config::settings::Config;
use crate::{Fatal, log};
use peregrine_sinks::{Capacity, OnFault, Outputs, Wanted};
use std::sync::Arc;
use std::time::Duration;

/// Starts them all.
///
/// # Errors
/// When one of them cannot be set up, or there is none.
pub(crate) fn start(config: &Config, hostname: &str) -> Result<Outputs, Fatal> {
    let on_fault: OnFault = Arc::new(|fault| log::line(log::Level::from_severity(fault.severity), fault));
    let (capacity, patience) = limits(config);
    let outputs = Outputs::new(capacity, patience, on_fault);
    apply(&outputs, config, plan(config, hostname)?)?;
    Ok(outputs)
}

/// Makes the outputs those of a plan.
///
/// # Errors
/// When a spool cannot be used.
pub(crate) fn apply(outputs: &Outputs, config: &Config, plan: Vec<Wanted>) -> Result<(), Fatal> {
    let (capacity, patience) = limits(config);
    let folder = config.outputs_spool.path.display();
    outputs.apply(plan, capacity, patience).map_err(|error| Fatal(format!("outputs_spool {folder}: {error}")))
}

fn limits(config: &Config) -> (Capacity, Duration) {
    let capacity = Capacity::alerts(usize::try_from(config.outputs_queue.capacity).unwrap_or(usize::MAX));
    (capacity, Duration::from_millis(config.output_timeout.into()))
}

/// Makes the sinks that the configuration enables.
///
/// # Errors
/// When one of them cannot be set up, or there is none.
pub(crate) fn plan(config: &Config, hostname: &str) -> Result<Vec<Wanted>, Fatal> {
    let plan = config.outputs.build(config, hostname).map_err(Fatal)?;
    if plan.is_empty() {
        return Err(Fatal::new("no output is enabled: set for example stdout_output.enabled"));
    }
    Ok(plan)
}
