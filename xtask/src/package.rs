//! Packages every library as `cargo publish` would, and tests the content of the packages.
//!
//! The packages are unpacked into one folder, where no file of the checkout is in reach, as a workspace whose members
//! use each other from there and everything else at the versions of `Cargo.lock`. Beside them is a new program that
//! depends on the facade as the README shows: its alerts must be those of the detector.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

type Result<T> = std::result::Result<T, String>;

/// The path at which the build script of the package expects the probe.
const PREBUILT: &str = "bpf/prebuilt/x86_64";
/// The objects of the probe: the second is for kernels that reject callbacks.
const OBJECTS: [&str; 3] = ["probe.bpf.o", "probe-old.bpf.o", "deny.bpf.o"];

/// A library that is published.
struct Library {
    name: String,
    version: String,
}

impl Library {
    fn file_stem(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

fn output(command: &mut Command) -> Result<String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(format!("{command:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr)))
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Returns the members of the workspace that may be published.
fn libraries(root: &Path) -> Result<Vec<Library>> {
    let text = output(cargo(root).args(["metadata", "--format-version=1", "--no-deps", "--offline"]))?;
    let metadata: Json = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let is_published = |package: &&Json| package["publish"].is_null();
    Ok(packages
        .filter(is_published)
        .map(|package| Library { name: text(&package["name"]), version: text(&package["version"]) })
        .collect())
}

/// Compiles the probe and puts it where the package expects it.
fn build_probe(root: &Path) -> Result<()> {
    let text = output(cargo(root).args(["build", "--package", "peregrine-bpf", "--message-format=json"]))?;
    let folder = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|message| message["reason"] == "build-script-executed")
        .find(|message| {
            message["package_id"].as_str().is_some_and(|id| id.contains("peregrine-bpf") || id.contains("/bpf#"))
        })
        .and_then(|message| message["out_dir"].as_str().map(PathBuf::from))
        .ok_or("cargo does not say where the probe was built")?;
    let to = root.join(PREBUILT);
    std::fs::create_dir_all(&to).map_err(failed(&to))?;
    for object in OBJECTS {
        std::fs::copy(folder.join(object), to.join(object)).map_err(failed(&to))?;
    }
    Ok(())
}

/// Writes the packages to `target/package`.
fn pack(root: &Path, libraries: &[Library]) -> Result<()> {
    build_probe(root)?;
    let mut command = cargo(root);
    command.args(["package", "--offline", "--no-verify", "--allow-dirty", "--quiet", "--target-dir", "target"]);
    libraries.iter().for_each(|library| {
        command.args(["--package", &library.name]);
    });
    let packed = run(&mut command);
    let prebuilt = root.join(PREBUILT);
    std::fs::remove_dir_all(&prebuilt).map_err(failed(&prebuilt))?;
    packed
}

/// Unpacks the packages into `folder` as a workspace.
fn unpack(root: &Path, folder: &Path, libraries: &[Library]) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    let program = if has_facade(libraries) { ", \"program\"" } else { "" };
    let mut manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [\"*-[0-9]*\"{program}]\n[patch.crates-io]\n");
    for library in libraries {
        let stem = library.file_stem();
        let package = root.join("target/package").join(format!("{stem}.crate"));
        // With the current time: files of packages have a fixed time, by which cargo would reuse what an earlier run
        // built.
        run(Command::new("tar").arg("-xzmf").arg(&package).arg("-C").arg(folder))?;
        for file in ["LICENSE", "README.md"] {
            if !folder.join(&stem).join(file).is_file() {
                errors.push(format!("{stem} has no {file}"));
            }
        }
        writeln!(manifest, "{} = {{ path = \"{stem}\" }}", library.name).ok();
    }
    let path = folder.join("Cargo.toml");
    std::fs::write(&path, manifest).map_err(failed(&path))?;
    let lock = folder.join("Cargo.lock");
    std::fs::copy(root.join("Cargo.lock"), &lock).map_err(failed(&lock))?;
    Ok(errors)
}

/// Writes a new program that uses the facade, as its reader would.
fn program(folder: &Path) -> Result<()> {
    let folder = folder.join("program");
    std::fs::create_dir_all(folder.join("src")).map_err(failed(&folder))?;
    let manifest = "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
                    [dependencies]\nperegrine = \"0.2\"\n";
    let path = folder.join("Cargo.toml");
    std::fs::write(&path, manifest).map_err(failed(&path))?;
    let source = include_str!("package/program.rs");
    let path = folder.join("src/main.rs");
    std::fs::write(&path, source).map_err(failed(&path))
}

/// Returns the alerts among lines of output.
fn alerts(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| !line.starts_with("Events detected: ")).filter(|line| !line.is_empty()).collect()
}

/// Compares the alerts of the new program with those of the detector.
fn compare(root: &Path, folder: &Path, target: &Path) -> Result<Vec<String>> {
    let rules = root.join("detector/daemon/rules/peregrine_rules.yaml");
    let capture = root.join("testdata/captures/attack-a.scap");
    let mut program = cargo(folder);
    program.args(["run", "--quiet", "--offline", "--package", "program", "--target-dir"]).arg(target);
    let ours = output(program.arg("--").arg(&rules).arg(&capture).env("TZ", "UTC"))?;
    let mut detector = cargo(root);
    detector.args(["run", "--quiet", "--package", "peregrine-examples", "--bin", "peregrine", "--", "-r"]).arg(&rules);
    detector.args(["-o", "engine.kind=replay", "-o"]);
    let theirs = output(detector.arg(format!("engine.replay.capture_file={}", capture.display())).env("TZ", "UTC"))?;
    let (ours, theirs) = (alerts(&ours), alerts(&theirs));
    say!("the program of the README: {} alerts, the detector: {}", ours.len(), theirs.len());
    let first = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    Ok(match first {
        Some((ours, theirs)) => vec![format!("the program says: {ours}\nthe detector: {theirs}")],
        None if ours.len() != theirs.len() || ours.is_empty() => vec!["not the same number of alerts".to_owned()],
        None => Vec::new(),
    })
}

/// Returns whether the facade exists, which the new program depends on.
fn has_facade(libraries: &[Library]) -> bool {
    libraries.iter().any(|library| library.name == "peregrine")
}

/// Packages, unpacks and tests these libraries, or all. Their dependencies must be among them.
pub(crate) fn check(root: &Path, names: &[&str]) -> Result<Vec<String>> {
    let mut libraries = libraries(root)?;
    libraries.retain(|library| names.is_empty() || names.contains(&library.name.as_str()));
    pack(root, &libraries)?;
    let folder = tempfile::tempdir().map_err(|error| format!("a folder for packages: {error}"))?;
    let mut errors = unpack(root, folder.path(), &libraries)?;
    if has_facade(&libraries) {
        program(folder.path())?;
    }
    let target = root.join("target/packaged");
    let mut test = cargo(folder.path());
    test.args(["test", "--quiet", "--offline", "--workspace", "--target-dir"]).arg(&target);
    run(&mut test)?;
    if has_facade(&libraries) {
        errors.extend(compare(root, folder.path(), &target)?);
    }
    say!("{} packages: built and tested", libraries.len());
    Ok(errors)
}
