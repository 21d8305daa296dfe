//! Checks the combinations of features that a user of a crate may choose: each must build without warnings.

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

type Result<T> = std::result::Result<T, String>;

/// Features that change what is linked, not what is compiled, and require tools that are not everywhere; and those that
/// `make sql` checks, because they take long to build.
const LEFT_OUT: &[&str] = &["vendored", "sql", "engine", "ballista", "cluster"];

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Returns the crates of the workspace that have features, with these, in the order of their names.
fn crates(root: &Path) -> Result<Vec<(String, Vec<String>)>> {
    let listed = cargo(root).args(["metadata", "--format-version=1", "--no-deps", "--offline"]).output();
    let listed = listed.map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Json = serde_json::from_slice(&listed.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut crates: Vec<(String, Vec<String>)> = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let features = package["features"].as_object().into_iter().flat_map(serde_json::Map::keys);
        let is_chosen = |name: &&String| *name != "default" && !LEFT_OUT.contains(&name.as_str());
        let features: Vec<String> = features.filter(is_chosen).cloned().collect();
        if let (Some(name), false) = (package["name"].as_str(), features.is_empty()) {
            crates.push((name.to_owned(), features));
        }
    }
    crates.sort();
    Ok(crates)
}

/// Features up to which every selection is checked.
const FEW: usize = 4;

/// Returns selections of the features, separated by commas, none first: every one of a few features; of more, none, each
/// alone, each left out, and all.
fn combinations(features: &[String]) -> Vec<String> {
    if features.len() > FEW {
        let without = |left_out: &String| {
            let others: Vec<_> = features.iter().filter(|feature| *feature != left_out).cloned().collect();
            others.join(",")
        };
        let none = std::iter::once(String::new());
        return none
            .chain(features.iter().cloned())
            .chain(features.iter().map(without))
            .chain([features.join(",")])
            .collect();
    }
    let mut all = vec![String::new()];
    for feature in features {
        for chosen in all.clone() {
            all.push(if chosen.is_empty() { feature.clone() } else { format!("{chosen},{feature}") });
        }
    }
    all
}

/// Checks all combinations, or those of one crate.
pub(crate) fn check(root: &Path, only: Option<&str>) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    for (name, features) in crates(root)?.iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
        for chosen in combinations(features) {
            let mut clippy = cargo(root);
            clippy.args(["clippy", "--quiet", "--package", name, "--no-default-features", "--features", &chosen]);
            let done = clippy.args(["--", "-D", "warnings"]).output().map_err(|error| format!("cargo: {error}"))?;
            if !done.status.success() {
                errors.push(format!("{name}, features `{chosen}`:\n{}", String::from_utf8_lossy(&done.stderr)));
            }
        }
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selection_is_made_once() {
        let features = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(combinations(&features), ["", "a", "b", "a,b", "c", "a,c", "b,c", "a,b,c"]);
        assert_eq!(combinations(&[]), [""]);
        let features = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let without = ["b,c,d,e", "a,c,d,e", "a,b,d,e", "a,b,c,e", "a,b,c,d"];
        let expected = [&["", "a", "b", "c", "d", "e"][..], &without, &["a,b,c,d,e"]].concat();
        assert_eq!(combinations(&features), expected);
    }

    #[test]
    fn a_default_build_takes_no_engine_of_sql() {
        let tree = |features: &[&str]| {
            let mut command = cargo(&crate::root());
            command.args(["tree", "--offline", "--workspace", "--prefix", "none", "--edges", "normal,build,dev"]);
            let done = command.args(features).output().expect("cargo tree");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8_lossy(&done.stdout).into_owned()
        };
        let has = |text: &str, name: &str| text.lines().any(|line| line.split(' ').next() == Some(name));
        let default = tree(&[]);
        assert!(has(&default, "peregrine-sql") && has(&default, "parquet"), "{default}");
        assert!(!has(&default, "datafusion") && !has(&default, "rustyline"));
    }

    #[test]
    fn the_features_of_the_detector_are_known() {
        let crates = crates(&crate::root()).expect("metadata");
        let detector = crates.iter().find(|(name, _)| name == "peregrine-detector").map(|(_, features)| features);
        assert_eq!(
            detector.map(Vec::as_slice),
            Some(&["grpc", "init-schema", "kafka", "live", "parquet"].map(str::to_owned)[..])
        );
    }
}
