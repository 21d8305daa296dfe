//! Pages in `docs` that the programs print, or that name what they have, are current.

mod common;

use std::process::Command;

use common::{peregrine, root};
use serde_json::Value as Json;

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect(name)
}

#[test]
fn the_page_of_events_is_current() {
    let printed = Command::new(env!("CARGO_BIN_EXE_pscap")).args(["events", "--format", "markdown"]).output();
    let printed = String::from_utf8(printed.expect("pscap runs").stdout).expect("UTF-8");
    assert!(page("events.md") == printed, "run `cargo run --bin pscap -- events --format markdown > docs/events.md`");
}

#[test]
fn the_page_of_outputs_names_each() {
    let page = page("outputs.md");
    let schema: Json = serde_json::from_str(&peregrine(["--config-schema"]).out).expect("JSON");
    let keys = schema["definitions"]["Config"]["properties"].as_object().expect("settings").keys();
    let settings = ["append_output", "json_output"];
    let outputs: Vec<&String> =
        keys.filter(|key| key.ends_with("_output") && !settings.contains(&key.as_str())).collect();
    assert!(outputs.len() >= 7, "{outputs:?}");
    for key in outputs {
        assert!(page.contains(key.as_str()), "docs/outputs.md does not mention {key}");
    }
}
