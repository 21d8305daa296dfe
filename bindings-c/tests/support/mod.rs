//! Compiling and running C and C++ programs against the library under test.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The folder of this crate.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The capture that is bundled with the project.
pub(crate) fn capture() -> PathBuf {
    root().join("../testdata/captures/procs.scap")
}

/// What a program is written in.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    C,
    Cpp,
}

/// The static library that cargo built for these tests: it lies beside the test program.
pub(crate) fn library() -> PathBuf {
    let exe = std::env::current_exe().expect("this program's path");
    exe.parent().expect("a folder").join("libperegrine.a")
}

/// What a static library of Rust wants from the system.
pub(crate) const SYSTEM: &[&str] = &["-lpthread", "-ldl", "-lm", "-lutil", "-lrt", "-lgcc_s"];

/// Compiles a program of this crate once for all tests that run it.
pub(crate) fn program(source: &str, language: Language) -> PathBuf {
    compile(&root().join(source), language, &[])
}

/// Compiles a program, with warnings as errors and with further options, once for all tests of this process.
pub(crate) fn compile(source: &Path, language: Language, options: &[&str]) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<PathBuf, PathBuf>>> = OnceLock::new();
    let name = format!("{}{}{}", source.display(), options.concat(), std::process::id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace(['/', '.', '=', '-'], "_"));
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(&out) {
        return path.clone();
    }
    let (compiler, standard) = match language {
        Language::C => ("cc", "-std=c11"),
        Language::Cpp => ("c++", "-std=c++17"),
    };
    let mut command = Command::new(compiler);
    command.args([standard, "-g", "-Wall", "-Wextra", "-Werror", "-pedantic"]).args(options);
    command.arg("-I").arg(root().join("include")).arg(source).arg("-o").arg(&out).arg(library()).args(SYSTEM);
    let done = command.output().unwrap_or_else(|fault| panic!("{compiler}: {fault}"));
    assert!(done.status.success(), "{}: {}", source.display(), String::from_utf8_lossy(&done.stderr));
    built.insert(out.clone(), out.clone());
    out
}

/// Runs a program, which must succeed.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("PEREGRINE_TEST_CAPTURE", capture());
    let done = command.output().unwrap_or_else(|fault| panic!("{}: {fault}", program.display()));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{} {arguments:?}: {}\n{said}", program.display(), done.status);
    done
}
