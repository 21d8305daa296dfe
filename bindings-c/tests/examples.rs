//! The examples and the program of the README: they compile, and print the same as the Rust library.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use rule_engine::engine::Config;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loader, Sources};
use rule_engine::output::Format;
use support::{Language, compile, installed, program, root, run};

/// Returns the alerts of a capture from the Rust crates.
fn alerts(capture: &Path, rules: &[PathBuf]) -> String {
    let schema = SinspSchema::new(sinsp::fields::Fields::new());
    let mut loader = Loader::new(Sources::new().with(schema).with(JsonSchema::k8s_audit()));
    let name = |path: &PathBuf| (path.to_string_lossy().into_owned(), std::fs::read(path).expect("rules"));
    let texts: Vec<_> = rules.iter().map(name).collect();
    let loaded = loader.load(texts.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
    let format = Format::new("").json(true).iso8601(true);
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules");
    let mut runner = rules.source::<SinspSchema>("syscall").expect("system calls").runner();
    let mut out = String::new();
    let mut inspector = sinsp::Inspector::new(scap::savefile::Reader::open(capture).expect("a capture"));
    inspector
        .for_each(|event| {
            runner.process(&event, |alert| {
                let mut text = Vec::new();
                alert.write_json(&format, &mut text);
                out.push_str(&String::from_utf8_lossy(&text));
                out.push('\n');
            });
        })
        .expect("events");
    out
}

/// Returns captures and rules: those of the data folder if it exists, else the bundled ones.
fn cases() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let Some(shared) = testkit::shared() else {
        return (vec![support::capture()], vec![root().join("tests/rules.yaml")]);
    };
    let captures = ["procs", "net", "attack-a"].map(|name| shared.join(format!("data/captures/recorded/{name}.scap")));
    let rules = ["falco_rules", "falco-incubating_rules", "falco-sandbox_rules"];
    (captures.into(), rules.map(|name| shared.join(format!("data/rules/{name}.yaml"))).into())
}

fn detect(source: &str, language: Language) {
    let program = program(source, language);
    let (captures, rules) = cases();
    for capture in captures {
        let mut arguments = vec![capture.to_str().expect("UTF-8")];
        arguments.extend(rules.iter().map(|path| path.to_str().expect("UTF-8")));
        let said = run(&program, &arguments);
        assert!(alerts(&capture, &rules) == String::from_utf8_lossy(&said.stdout), "{}", capture.display());
    }
}

#[test]
fn detect_in_c_gives_the_alerts_of_rust() {
    detect("examples/detect.c", Language::C);
}

#[test]
fn detect_in_cpp_gives_the_alerts_of_rust() {
    detect("examples/detect.cpp", Language::Cpp);
}

#[test]
fn the_bundled_rules_match() {
    let rules = [root().join("tests/rules.yaml")];
    let expected = alerts(&support::capture(), &rules);
    assert!(expected.lines().count() >= 3, "{expected}");
    let program = program("examples/detect.c", Language::C);
    let said = run(&program, &[support::capture().to_str().expect("UTF-8"), rules[0].to_str().expect("UTF-8")]);
    assert_eq!(expected, String::from_utf8_lossy(&said.stdout));
}

#[test]
fn read_capture_prints_opened_files() {
    let said = run(&program("examples/read_capture.c", Language::C), &[support::capture().to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.lines().count() > 100);
    assert!(said.lines().any(|line| line.ends_with("/etc/ld.so.cache")), "{said}");
}

#[test]
fn relay_prints_the_events_of_the_capture() {
    let capture = support::capture();
    let capture = capture.to_str().expect("UTF-8");
    let relayed = run(&program("examples/relay.c", Language::C), &[capture]);
    let direct = run(&program("examples/read_capture.c", Language::C), &[capture]);
    assert!(relayed.stdout == direct.stdout && relayed.stdout.len() > 1000);
}

#[test]
fn fields_are_typed_and_in_the_order_of_the_output() {
    let rules = root().join("tests/rules.yaml");
    let expected = alerts(&support::capture(), std::slice::from_ref(&rules)).lines().count();
    let (capture, rules) = (support::capture(), rules.to_str().expect("UTF-8").to_owned());
    let said = run(&program("examples/fields.c", Language::C), &[capture.to_str().expect("UTF-8"), &rules]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let first = said.lines().take(3).collect::<Vec<_>>();
    assert_eq!(said.matches("Notice shell runs (event ").count(), expected, "{said}");
    assert!(first[1] == "  proc.name = \"sh\"" && first[2].starts_with("  proc.pname = \""), "{said}");
}

#[test]
fn threads_share_the_rules() {
    let (capture, rules) = (support::capture(), root().join("tests/rules.yaml"));
    let expected = alerts(&capture, std::slice::from_ref(&rules)).lines().count();
    let (capture, rules) = (capture.to_str().expect("UTF-8"), rules.to_str().expect("UTF-8"));
    let said = run(&program("examples/threads.c", Language::C), &[rules, capture, capture, capture]);
    assert_eq!(String::from_utf8_lossy(&said.stdout), format!("{capture}: {expected} alerts\n").repeat(3));
}

#[test]
fn json_events_are_evaluated_line_by_line() {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = Command::new(program("examples/json_events.c", Language::C))
        .args(["login", root().join("tests/rules.yaml").to_str().expect("UTF-8")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run");
    let input = b"{\"user\": \"ann\"}\nno json\n{\"user\": \"root\"}\n";
    child.stdin.take().expect("stdin").write_all(input).expect("write");
    let done = child.wait_with_output().expect("wait");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{err}");
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.contains("root logged in"), "{out}");
    assert!(err.starts_with("skipped: invalid JSON"), "{err}");
}

#[test]
fn the_program_of_the_readme_detects() {
    let readme = std::fs::read_to_string(root().join("../README.md")).expect("README.md");
    let text = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program in C");
    assert!(text.lines().count() <= 27, "the guide promises 27 lines");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme.c");
    std::fs::write(&file, text).expect("write");
    let program = compile(&file, Language::C, &[]);
    let rules = root().join("tests/rules.yaml");
    let said = run(&program, &[support::capture().to_str().expect("UTF-8"), rules.to_str().expect("UTF-8")]);
    assert!(String::from_utf8_lossy(&said.stdout).contains(": Notice shell (name=sh"));
}

/// Checks the build of the examples: each exists, is linked with the shared library, and one of them detects.
fn built_by(tool: &str, programs: &Path, installed: &Path) {
    let linked = Command::new("readelf").arg("-d").arg(programs.join("detect")).output().expect("readelf");
    let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
    assert!(linked.contains("libperegrine.so.0"), "{tool}: {linked}");
    let rules = root().join("tests/rules.yaml");
    let expected = alerts(&support::capture(), std::slice::from_ref(&rules));
    for program in ["detect", "detect_cpp"] {
        let done = Command::new(programs.join(program))
            .arg(support::capture())
            .arg(&rules)
            .env("LD_LIBRARY_PATH", installed.join("lib"))
            .output()
            .expect("run");
        assert_eq!(expected, String::from_utf8_lossy(&done.stdout), "{tool}: {program}");
    }
    assert!(
        ["read_capture", "json_events", "threads", "relay", "fields"].iter().all(|name| programs.join(name).exists()),
        "{tool}"
    );
}

fn succeeds(command: &mut Command, installed: &Path) {
    let done = command.env("PKG_CONFIG_PATH", installed.join("lib/pkgconfig")).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
}

#[test]
fn examples_are_built_by_make_and_by_cmake() {
    testkit::need!(PKG_CONFIG);
    let installed = installed();
    let library = std::fs::read_link(installed.join("lib/libperegrine.so")).expect("a link");
    assert_eq!(library, Path::new("libperegrine.so.0"));
    let versions =
        Command::new("readelf").arg("-V").arg(installed.join("lib/libperegrine.so")).output().expect("readelf");
    assert!(String::from_utf8_lossy(&versions.stdout).contains("PEREGRINE_0"));

    // In a separate folder, so that nothing is left among the sources.
    let copy = installed.with_file_name("examples");
    std::fs::create_dir_all(&copy).expect("a folder");
    for file in std::fs::read_dir(root().join("examples")).expect("the examples") {
        let file = file.expect("a file").path();
        std::fs::copy(&file, copy.join(file.file_name().expect("a name"))).expect("copied");
    }
    succeeds(Command::new("make").args(["--silent", "-C"]).arg(&copy), &installed);
    built_by("make", &copy, &installed);

    testkit::need!(CMAKE);
    let build = installed.with_file_name("cmake");
    succeeds(Command::new("cmake").arg("-S").arg(root().join("examples")).arg("-B").arg(&build), &installed);
    succeeds(Command::new("cmake").arg("--build").arg(&build), &installed);
    built_by("cmake", &build, &installed);
}

/// Returns the code blocks of the guide for embedders in a language, each as a function.
fn pieces(fence: &str, head: &str, signature: &str) -> String {
    let guide = std::fs::read_to_string(root().join("../docs/embedding.md")).expect("docs/embedding.md");
    let found: Vec<&str> = guide.split(fence).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!found.is_empty(), "no {fence}");
    let functions = found
        .iter()
        .enumerate()
        .map(|(number, piece)| format!("{}\n{{\n{piece}}}\n", signature.replace('#', &number.to_string())));
    head.to_owned() + &functions.collect::<String>()
}

#[test]
fn the_code_of_the_guide_compiles() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let head = "#include <peregrine.h>\n#include <stdio.h>\nint main(void) { return 0; }\n";
    let signature = "void piece#(peregrine_inspector *inspector, peregrine_engine *engine, peregrine_ruleset *ruleset,\n\
                     \tperegrine_event event, peregrine_ruleset_builder *builder);\n\
                     void piece#(peregrine_inspector *inspector, peregrine_engine *engine, peregrine_ruleset *ruleset,\n\
                     \tperegrine_event event, peregrine_ruleset_builder *builder)";
    std::fs::write(folder.join("guide.c"), pieces("```c\n", head, signature)).expect("write");
    let lenient = ["-Wno-unused-parameter", "-Wno-unused-but-set-parameter"];
    compile(&folder.join("guide.c"), Language::C, &lenient);
    let head = "#include <iostream>\n#include <peregrine.hpp>\nint main() { return 0; }\n\
                int fail(const std::string &);\n";
    let signature = "int piece#(peregrine::result<peregrine::engine> &engine)";
    let text = pieces("```cpp\n", head, signature).replace("\t});\n}\n", "\t});\nreturn 0;\n}\n");
    std::fs::write(folder.join("guide.cpp"), text).expect("write");
    compile(&folder.join("guide.cpp"), Language::Cpp, &["-Wl,--unresolved-symbols=ignore-all"]);
}
