//! Compiling and running C and C++ programs against the library under test.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Returns the folder of this crate.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the capture that is bundled with the project.
pub(crate) fn capture() -> PathBuf {
    root().join("../testdata/captures/procs.scap")
}

/// Sets the capture that a C test reads and the folder that it writes to. Each run has its own folder, named after
/// `what`.
pub(crate) fn settings<'c>(command: &'c mut Command, what: &str) -> &'c mut Command {
    let name: String = what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    // The end distinguishes runs; a whole path would be too long for a name.
    let name = name.get(name.len().saturating_sub(60)..).unwrap_or_default();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("run_{}_{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    command.env("PEREGRINE_TEST_CAPTURE", capture()).env("PEREGRINE_TEST_CONTAINERS", containers());
    if cfg!(feature = "plugins") {
        command.env("PEREGRINE_TEST_PLUGINS", plugins());
    }
    command.env("PEREGRINE_TEST_FOLDER", folder)
}

/// Returns the folder of two plugins: a source, and fields of system calls.
fn plugins() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plugins_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        testkit::c_plugin("plugin.c", &[], &folder.join("libcounter.so"));
        let fields = r#"-DFIELDS="[{\"name\": \"seen.value\", \"type\": \"uint64\"}]""#;
        let sources = r#"-DFIELD_SOURCES="[\"syscall\"]""#;
        let options = ["-DNO_SOURCE", "-DNAME=\"seen\"", fields, sources];
        testkit::c_plugin("plugin.c", &options, &folder.join("libseen.so"));
        folder
    };
    MADE.get_or_init(make).clone()
}

/// Returns a capture of a process in a container without metadata, and one with the users of a container.
pub(crate) fn containers() -> PathBuf {
    use scap::savefile::{Compression, Writer};
    use scap::{Next, Source};
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let trace = format!(
            "thread tid=7 pid=7 ptid=1 uid=33 comm=\"in\" cgroups=[\"cpu=/docker/{id}\"]\n\
             thread tid=8 pid=8 ptid=1 comm=\"out\"\n\
             thread tid=9 pid=9 ptid=1 comm=\"vm\" cgroups=[\"cpu=/vms.slice/firecracker-7.vm\"]\n\
             1700000000.0 tid=-1 useradded uid=33 gid=44 name=\"ann\" home=\"/home/ann\" shell=\"/bin/sh\" \
             container_id=\"0123456789ab\"\n\
             1700000000.0 tid=8 close res=0 fd=1\n1700000000.1 tid=7 close res=0 fd=1\n\
             1700000000.2 tid=7 close res=0 fd=2\n1700000002.0 tid=7 close res=0 fd=3\n\
             1700000009.0 tid=7 close res=0 fd=4\n"
        );
        let mut trace = scap::text::Trace::parse(&trace).expect("a trace");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("containers_{}.scap", std::process::id()));
        let mut writer = Writer::create(&path, trace.host(), Compression::Plain).expect("a file");
        while let Next::Event(event) = trace.next().expect("no error") {
            writer.write(&event).expect("written");
        }
        writer.finish().expect("written");
        path
    };
    MADE.get_or_init(make).clone()
}

/// The language of a program.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    C,
    Cpp,
}

/// Returns the static library that cargo built for these tests, beside the test program.
pub(crate) fn library() -> PathBuf {
    let exe = std::env::current_exe().expect("this program's path");
    exe.parent().expect("a folder").join("libperegrine_capi.a")
}

/// The system libraries that a static library of Rust needs.
pub(crate) const SYSTEM: &[&str] = &["-lpthread", "-ldl", "-lm", "-lutil", "-lrt", "-lgcc_s"];
/// The libraries that the probe's loader needs in addition.
pub(crate) const LIVE: &[&str] = if cfg!(feature = "live") { &["-lelf", "-lz"] } else { &[] };

/// Installs the archive under test as `make -C bindings-c install` does; returns the prefix.
pub(crate) fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("installed_{}", std::process::id()));
    let make = Command::new("make")
        .args(["--silent", "-C"])
        .arg(root())
        .arg(format!("BUILT={}", library().display()))
        .arg(format!("OUT={}", folder.join("built").display()))
        .arg(format!("PREFIX={}", folder.join("usr").display()))
        .args(["FEATURES=".to_owned() + if cfg!(feature = "live") { "live" } else { "" }, "install".to_owned()])
        .output()
        .expect("make");
    assert!(make.status.success(), "make install: {}", String::from_utf8_lossy(&make.stderr));
    folder.join("usr")
}

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
    command
        .arg("-I")
        .arg(root().join("include"))
        .arg(source)
        .arg("-o")
        .arg(&out)
        .arg(library())
        .args(LIVE)
        .args(SYSTEM);
    let done = command.output().unwrap_or_else(|error| panic!("{compiler}: {error}"));
    assert!(done.status.success(), "{}: {}", source.display(), String::from_utf8_lossy(&done.stderr));
    built.insert(out.clone(), out.clone());
    out
}

/// Runs a program, which must succeed.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    let name = format!("{} {}", program.display(), arguments.join(" "));
    settings(command.args(arguments), &name);
    let done = command.output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{} {arguments:?}: {}\n{said}", program.display(), done.status);
    done
}
