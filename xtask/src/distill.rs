//! Writes `testdata/falco`: the part of the comparison data that was recorded for this project, in few small files, so
//! that tests of the language compare with Falco's results in every clone of the repository.
//!
//! Rule files, conditions and captures in it are part of this project; nothing of Falco's repositories is copied, only
//! its output for them. `testdata/README.md` describes the files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value as Json, json};

type Result<T> = std::result::Result<T, String>;

/// The captures that conditions and rules were evaluated on.
const CAPTURES: [&str; 2] = ["attack-a", "net"];
/// Rule files that rest on undefined behaviour of the reference.
const UNSCORED: [&str; 3] = ["285", "400", "401"];
/// Cases from here on are replayed on captures.
const REPLAYED: &str = "700";

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the files of a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

/// Writes a line each, compressed: equal input gives equal bytes.
fn write(path: &Path, lines: &[Json]) -> Result<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    for line in lines {
        writeln!(out, "{line}").map_err(failed)?;
    }
    let bytes = out.finish().map_err(failed)?;
    say!("{}: {} lines, {} bytes", path.display(), lines.len(), bytes.len());
    std::fs::write(path, bytes).map_err(failed)
}

/// Returns the conditions with their results on a capture, without the numbers of the first events.
fn conditions(path: &Path) -> Result<Vec<Json>> {
    let done = Command::new("xz").arg("-dc").arg(path).output().map_err(|error| format!("xz: {error}"))?;
    if !done.status.success() {
        return Err(format!("{}: {}", path.display(), String::from_utf8_lossy(&done.stderr)));
    }
    let text = String::from_utf8(done.stdout).map_err(|error| format!("{}: {error}", path.display()))?;
    let parse = |line: &str| {
        let mut case: Map<String, Json> = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        case.remove("first");
        Ok(Json::Object(case))
    };
    text.lines().map(parse).collect()
}

/// Returns the rule files of a case, in the order in which they are loaded.
fn rules(folder: &Path, case: &str) -> Result<Json> {
    let mut found = Map::new();
    for path in files(&folder.join("rules"))? {
        if stem(&path) == case && path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            // Text that is not UTF-8 is a list of bytes.
            found.insert(name, String::from_utf8(bytes).map_or_else(|error| json!(error.into_bytes()), Json::String));
        }
    }
    Ok(Json::Object(found))
}

/// Returns the rule files that were loaded, with what the validator printed.
fn loads(folder: &Path) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for path in files(&folder.join("expected"))? {
        let case = stem(&path).to_owned();
        let found: Json = serde_json::from_str(&read(&path)?).map_err(|error| format!("{case}: {error}"))?;
        // If the reference crashes there is nothing to compare.
        if UNSCORED.iter().any(|unscored| case.starts_with(unscored)) || !found["stdout_json"].is_object() {
            continue;
        }
        let arguments = found["args"].as_array().into_iter().flatten();
        let names: Vec<&Json> = arguments.filter(|argument| *argument != "-V").collect();
        out.push(json!({
            "case": case, "load": names, "files": rules(folder, &case)?, "exit": found["exit"],
            "json": found["stdout_json"], "text": found["text"]["stdout"], "describe": found["describe"],
        }));
    }
    Ok(out)
}

/// Returns the rule files that were replayed on a capture, with their alerts.
fn replays(folder: &Path, capture: &str) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for path in files(&folder.join("alerts"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(case) = name.strip_suffix(&format!(".{capture}.jsonl")) else { continue };
        let summary = read(&path.with_file_name(format!("{case}.{capture}.summary.json")))?;
        let summary: Json = serde_json::from_str(&summary).map_err(|error| format!("{name}: {error}"))?;
        if summary["exit"] != 0 || case < REPLAYED {
            continue;
        }
        let mut alerts = Vec::new();
        for line in read(&path)?.lines() {
            // A case in text mode has lines of text. The host name is that of the recording host.
            alerts.push(match serde_json::from_str::<Map<String, Json>>(line) {
                Ok(mut alert) => {
                    alert.remove("hostname");
                    Json::Object(alert)
                }
                Err(_) => Json::String(line.to_owned()),
            });
        }
        let options = read(&folder.join("rules").join(format!("{case}.opts")))?;
        let options: Vec<&str> = options.lines().filter(|line| !line.is_empty()).collect();
        out.push(json!({ "case": case, "options": options, "files": rules(folder, case)?, "alerts": alerts }));
    }
    Ok(out)
}

/// Writes the files.
pub(crate) fn run(root: &Path) -> Result<Vec<String>> {
    let data = testkit::shared_path().join("data");
    let out = root.join("testdata/falco");
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    for capture in CAPTURES {
        let answers = conditions(&data.join(format!("conditions/{capture}.jsonl.xz")))?;
        write(&out.join(format!("conditions-{capture}.jsonl.gz")), &answers)?;
        write(&out.join(format!("replays-{capture}.jsonl.gz")), &replays(&data.join("rulecases"), capture)?)?;
        let name = format!("{capture}.scap");
        let (from, to) = (data.join("captures/recorded").join(&name), root.join("testdata/captures").join(&name));
        std::fs::read(&from)
            .and_then(|bytes| std::fs::write(to, bytes))
            .map_err(|error| format!("{}: {error}", from.display()))?;
    }
    write(&out.join("rulecases.jsonl.gz"), &loads(&data.join("rulecases"))?)?;
    Ok(Vec::new())
}
