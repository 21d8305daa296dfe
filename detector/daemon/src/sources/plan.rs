//! The plan of the rules: the events that a live source reports, with all that the detector itself wants.

use crate::config::settings::Config;
use rule_engine::plan::Planner;
use scap::schema::SyscallSet;

/// Returns the planner for the rules of a configuration. `of_plugins` are the calls whose events plugins parse.
pub(crate) fn planner(config: &Config, of_plugins: SyscallSet) -> Planner {
    let planner = Planner::new().calls(of_plugins);
    if config.capture.enabled {
        planner.everything_for("capture.enabled: the events around a match are recorded")
    } else {
        planner
    }
}
