//! The plugins of `plugin-host/tests/sdk`, which are written with the independent SDK and built by the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::REGISTRY;

/// Returns the shared object of one of the plugins, or records a skip. They are built the first time, which takes a minute.
///
/// # Panics
///
/// If they cannot be built although their dependencies are there.
#[track_caller]
pub fn sdk_plugin(name: &str) -> Option<PathBuf> {
    static BUILT: Built = Built::new();
    built(&BUILT, "plugin-host/tests/sdk", "--examples", &format!("examples/lib{name}.so"))
}

/// The environment variable with further options for plugins in C, separated by spaces.
const CFLAGS: &str = "PEREGRINE_PLUGIN_CFLAGS";

/// Compiles a plugin of `plugin-host/tests/c` with options of the C compiler, such as `-DNAME="x"`, to a file. Its code may
/// have static variables, so that no two tests of a process may share one.
///
/// # Panics
///
/// If it does not compile without a warning.
pub fn c_plugin(source: &str, options: &[&str], to: &Path) {
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]);
    compiler.args(["-Wno-unused-function", "-Wno-unreachable-code"]).args(options);
    // A sanitizer is loaded into the test; the compiler is none of its business.
    compiler.env_remove("LD_PRELOAD");
    compiler.args(std::env::var(CFLAGS).unwrap_or_default().split_whitespace());
    let source = crate::root().join("plugin-host/tests/c").join(source);
    let status = compiler.arg("-o").arg(to).arg(source).status().unwrap_or_else(|error| panic!("cc: {error}"));
    assert!(status.success(), "{options:?}");
}

/// Returns the program that runs plugins with the SDK's own runner (`plugin-host/tests/runner`), or records a skip. It is
/// built the first time.
///
/// # Panics
///
/// If it cannot be built although its dependencies are there.
#[track_caller]
pub fn sdk_runner() -> Option<PathBuf> {
    static BUILT: Built = Built::new();
    built(&BUILT, "plugin-host/tests/runner", "--bins", "peregrine-test-runner")
}

/// Returns the shared object of the plugin in `examples/plugin`, or records a skip.
///
/// # Panics
///
/// If it cannot be built although its dependencies are there.
#[track_caller]
pub fn example_plugin() -> Option<PathBuf> {
    static BUILT: Built = Built::new();
    built(&BUILT, "examples/plugin", "--lib", "liblines.so")
}

/// The folder of what was built, once in a process.
type Built = OnceLock<Result<PathBuf, String>>;

/// Returns a file of a package that is built the first time, or records a skip.
#[track_caller]
fn built(once: &Built, package: &str, what: &str, file: &str) -> Option<PathBuf> {
    match once.get_or_init(|| build(package, what)) {
        Ok(folder) => Some(folder.join(file)),
        Err(why) => {
            crate::skip(&REGISTRY, why);
            None
        }
    }
}

/// Builds a package beside the running test, and returns the folder of what was built.
fn build(package: &str, what: &str) -> Result<PathBuf, String> {
    let sources = crate::root().join(package);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let target = target.map_or_else(std::env::temp_dir, PathBuf::from).join("plugin-sdk");
    let fetched = cargo(&sources, &target, &["fetch"]);
    if !fetched.status.success() {
        return Err(format!("dependencies cannot be loaded: {}", String::from_utf8_lossy(&fetched.stderr).trim()));
    }
    let built = cargo(&sources, &target, &["build", "--offline", what]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(target.join("debug"))
}

fn cargo(sources: &Path, target: &Path, args: &[&str]) -> Output {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).arg("--locked").current_dir(sources).env("CARGO_TARGET_DIR", target);
    // What a build of the tests sets for itself, such as a sanitizer, is not for plugins.
    cargo.env_remove("LD_PRELOAD");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_the_build(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo.output().unwrap_or_else(|error| panic!("cargo: {error}"))
}

fn is_of_the_build(name: &str) -> bool {
    name.starts_with("CARGO_PROFILE_") || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"].contains(&name)
}
