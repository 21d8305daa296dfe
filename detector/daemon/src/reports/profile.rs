//! `--profile`: the cost of rules and their atoms, printed when a set of rules is replaced or the run ends.

use crate::{Fatal, log, terminal};
use rule_engine::ruleset::Profile;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// Destination of profiles. Each set of rules has its own profile: a reload starts another.
#[derive(Debug)]
pub(crate) enum Profiles {
    Stdout,
    /// A file, and whether profiles are written as JSON lines, one for each set of rules.
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

    /// Writes a profile, the most expensive rules and atoms first.
    pub(crate) fn tell(&self, mut profile: Profile) {
        profile.sort();
        match self {
            Self::Stdout => terminal::print(&format!("{profile}\n")),
            Self::File(file, json) => {
                let text = if *json { format!("{}\n", profile.json()) } else { format!("{profile}\n") };
                let Ok(mut file) = file.lock() else { return };
                if let Err(error) = file.write_all(text.as_bytes()) {
                    log::error(format!("cannot write the profile: {error}"));
                }
            }
        }
    }
}
