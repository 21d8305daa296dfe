//! `--profile`: the cost of rules and their atoms, printed when a set of rules is replaced or the run ends, and of plugins,
//! printed at the end.

use crate::{Fatal, log, terminal};
use peregrine_plugin_host::{Cost, costs};
use rule_engine::engine::Runner;
use rule_engine::event::EventSchema;
use rule_engine::ruleset::Profile;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// Destination of profiles. Each set of rules has its own profile: a reload starts another.
#[derive(Debug)]
pub(crate) enum Profiles {
    Stdout,
    /// A file, and whether profiles are written as JSON lines: one for each set of rules, and one for plugins.
    File(Mutex<File>, bool),
}

impl Profiles {
    /// Opens the destination of `--profile`; `-` is standard output.
    pub(crate) fn new(path: Option<&Path>) -> Result<Option<Self>, Fatal> {
        match path {
            None => Ok(None),
            Some(path) if path == Path::new("-") => Ok(Some(Self::Stdout)),
            Some(path) => {
                let file = File::create(path)
                    .map_err(|error| Fatal(format!("cannot write the profile {}: {error}", path.display())))?;
                let json = path.extension().is_some_and(|extension| extension == "json");
                Ok(Some(Self::File(Mutex::new(file), json)))
            }
        }
    }

    /// Enables the profile of a set of rules, if profiles are wanted.
    pub(crate) fn begin<S: EventSchema>(wanted: Option<&Self>, runner: &mut Runner<S>) {
        if wanted.is_some() {
            runner.profile();
        }
    }

    /// Writes the profile of a set of rules that is replaced, or at the end, if profiles are wanted.
    pub(crate) fn end<S: EventSchema>(wanted: Option<&Self>, runner: &Runner<S>) {
        if let (Some(profiles), Some(profile)) = (wanted, runner.profiled()) {
            profiles.tell(profile);
        }
    }

    /// Writes a profile, the most expensive rules and atoms first.
    fn tell(&self, mut profile: Profile) {
        profile.sort();
        self.write(|json| if json { format!("{}\n", profile.json()) } else { format!("{profile}\n") });
    }

    /// Writes the costs of all plugins so far, if there are any, the most expensive first.
    pub(crate) fn tell_plugins(&self) {
        let mut costs = costs();
        costs.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.time));
        if !costs.is_empty() {
            self.write(|json| if json { format!("{}\n", json_of(&costs)) } else { table(&costs) });
        }
    }

    fn write(&self, text: impl FnOnce(bool) -> String) {
        match self {
            Self::Stdout => terminal::print(&text(false)),
            Self::File(file, json) => {
                let Ok(mut file) = file.lock() else { return };
                if let Err(error) = file.write_all(text(*json).as_bytes()) {
                    log::error(format!("cannot write the profile: {error}"));
                }
            }
        }
    }
}

/// Returns the costs of plugins as a table like that of rules.
fn table(costs: &[(String, Cost)]) -> String {
    let mut text = format!("{:>12} {:>10} {:>17}  plugin\n", "time", "calls", "each");
    for (plugin, Cost { calls, time, .. }) in costs {
        let each = time.as_nanos() / u128::from((*calls).max(1));
        text += &format!("{:>9} us {calls:>10} {each:>14} ns  {plugin}\n", time.as_micros());
    }
    text + "\n"
}

fn json_of(costs: &[(String, Cost)]) -> serde_json::Value {
    let row = |(plugin, Cost { calls, time, .. }): &(String, Cost)| {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        serde_json::json!({"calls": calls, "nanoseconds": nanoseconds, "plugin": plugin})
    };
    serde_json::json!({"plugins": costs.iter().map(row).collect::<Vec<_>>()})
}
