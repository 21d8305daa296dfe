//! `--profile`: what rules and their atoms cost, told when a set of rules has run its course.

use crate::{Fatal, log, terminal};
use rule_engine::ruleset::Profile;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// Where profiles are told. Each set of rules has one: a reload begins another.
#[derive(Debug)]
pub(crate) enum Profiles {
    Stdout,
    /// A file, and whether it takes JSON, a line for each set of rules.
    File(Mutex<File>, bool),
}

impl Profiles {
    /// Those that `--profile` asks for; `-` is standard output.
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

    /// Tells one, the costliest rules and atoms first.
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
