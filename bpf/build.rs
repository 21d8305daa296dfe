//! Compiles the probe: `c/probe.bpf.c` becomes one object that the crate carries.
//!
//! With `PEREGRINE_BPF_OBJECT` set to the path of an object that was built elsewhere, no clang is needed.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=PEREGRINE_BPF_OBJECT");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("probe.bpf.o");
    if let Some(object) = env::var_os("PEREGRINE_BPF_OBJECT") {
        fs::copy(&object, &out).unwrap_or_else(|error| panic!("PEREGRINE_BPF_OBJECT {}: {error}", object.display()));
        return;
    }
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the target's architecture");
    let dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the manifest's folder")).join("c");
    let types = dir.join("vmlinux").join(&arch);
    assert!(types.is_dir(), "the probe knows no kernel types for {arch}: {} is missing", types.display());
    libbpf_cargo::SkeletonBuilder::new()
        .source(dir.join("probe.bpf.c"))
        .obj(&out)
        .clang_args([
            "-I".as_ref(),
            types.as_os_str(),
            "-I".as_ref(),
            dir.as_os_str(),
            "-Wall".as_ref(),
            "-Werror".as_ref(),
            "-Wno-unused-function".as_ref(),
            "-Wno-address-of-packed-member".as_ref(),
        ])
        .build()
        .unwrap_or_else(|error| {
            panic!("the probe does not compile (is clang installed? PEREGRINE_BPF_OBJECT takes a built one): {error:#}")
        });
}
