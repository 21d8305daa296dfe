//! `--support`: everything that a bug report should contain, as JSON.

use crate::names::VERSION;
use crate::rules::RuleFiles;
use crate::{config, reports::version};
use serde_json::json;

/// Returns the report.
pub(crate) fn text(loaded: &config::Loaded, rules: &RuleFiles) -> String {
    let system = rustix::system::uname();
    let rules_files: Vec<_> = rules
        .files
        .iter()
        .map(|(path, bytes)| {
            let content = String::from_utf8_lossy(bytes);
            json!({"name": path.display().to_string(), "variants": [{"content": content}]})
        })
        .collect();
    let cmdline: Vec<_> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let support = json!({
        "cmdline": cmdline.join(" "),
        "config": loaded.document.to_json().to_string(),
        "engine_info": version::json(&loaded.config),
        "rules_files": rules_files,
        "system_info": {
            "machine": system.machine().to_string_lossy(),
            "nodename": system.nodename().to_string_lossy(),
            "release": system.release().to_string_lossy(),
            "sysname": system.sysname().to_string_lossy(),
            "version": system.version().to_string_lossy(),
        },
        "version": VERSION,
    });
    format!("{support}\n")
}
