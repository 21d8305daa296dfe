//! Compiles the probe: `c/probe.bpf.c` and `c/deny.bpf.c` become objects that the crate carries.
//!
//! A published package contains it (`prebuilt/`) and uses that one, unless the feature `build-probe` is enabled. With
//! `PEREGRINE_BPF_OBJECT` set to the path of an object that was built elsewhere, with `deny.bpf.o` beside it, no clang is
//! needed in a checkout.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The objects, the source of each, and how it is compiled: before 5.13 a program with a callback is rejected, even if
/// that is never called.
const OBJECTS: [(&str, &str, &[&str]); 3] =
    [("probe", "probe", &[]), ("probe-old", "probe", &["-DWITHOUT_CALLBACKS"]), ("deny", "deny", &[])];

fn main() {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=PEREGRINE_BPF_OBJECT");
    for (name, source, flags) in OBJECTS {
        build(name, source, flags);
    }
}

fn build(name: &str, source: &str, flags: &[&str]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join(format!("{name}.bpf.o"));
    if let Some(object) = env::var_os("PEREGRINE_BPF_OBJECT") {
        // The one that denies is beside it.
        let object = PathBuf::from(object);
        let object = if source == "deny" { object.with_file_name("deny.bpf.o") } else { object };
        fs::copy(&object, &out).unwrap_or_else(|error| panic!("PEREGRINE_BPF_OBJECT {}: {error}", object.display()));
        return;
    }
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the target's architecture");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the manifest's folder"));
    if let Some(object) = prebuilt(&root, &arch, name) {
        fs::copy(&object, &out).unwrap_or_else(|error| panic!("{}: {error}", object.display()));
        return;
    }
    let dir = root.join("c");
    let types = dir.join("vmlinux").join(&arch);
    assert!(types.is_dir(), "the probe supports x86_64 only, not {arch}: {} is missing", types.display());
    let mut arguments = vec!["-I".as_ref(), types.as_os_str(), "-I".as_ref(), dir.as_os_str()];
    let warnings = ["-Wall", "-Werror", "-Wno-unused-function", "-Wno-address-of-packed-member"];
    arguments.extend(warnings.iter().chain(flags).map(OsStr::new));
    libbpf_cargo::SkeletonBuilder::new()
        .source(dir.join(format!("{source}.bpf.c")))
        .obj(&out)
        .clang_args(arguments)
        .build()
        .unwrap_or_else(|error| {
            panic!("the probe does not compile (is clang installed? PEREGRINE_BPF_OBJECT takes a built one): {error:#}")
        });
}

/// Returns the compiled probe of a published package. In a checkout it could be older than its sources; cargo adds the
/// original manifest to packages only.
fn prebuilt(root: &Path, arch: &str, name: &str) -> Option<PathBuf> {
    let is_package = root.join("Cargo.toml.orig").exists();
    let object = root.join("prebuilt").join(arch).join(format!("{name}.bpf.o"));
    (is_package && env::var_os("CARGO_FEATURE_BUILD_PROBE").is_none() && object.exists()).then_some(object)
}
