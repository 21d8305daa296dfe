//! The examples and the program of the README: they compile, and say what the Rust library says.

mod support;

use std::path::{Path, PathBuf};

use rule_engine::engine::{self, Settings};
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::{SinspEvent, SinspSchema};
use rule_engine::load::{Loader, Sources};
use rule_engine::output::Format;
use support::{Language, compile, program, root, run};

/// The alerts of a capture by way of the Rust crates.
fn alerts(capture: &Path, rules: &[PathBuf]) -> String {
    let schema = SinspSchema::new(sinsp::fields::Fields::new());
    let mut loader = Loader::new(Sources::new().with(Box::new(schema)).with(Box::new(JsonSchema::k8s_audit())));
    let name = |path: &PathBuf| (path.to_string_lossy().into_owned(), std::fs::read(path).expect("rules"));
    let texts: Vec<_> = rules.iter().map(name).collect();
    let loaded = loader.load(texts.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
    let format = Format { json: true, iso8601: true, ..Format::new("") };
    let settings = Settings { format, ..Settings::default() };
    let rules = engine::build(loader.into_backend(), loaded.into_rules(), &settings).expect("rules");
    let schema: &SinspSchema = rules[0].schema().expect("a schema");
    let mut runner = rules[0].runner();
    let mut out = String::new();
    let mut inspector = sinsp::Inspector::new(scap::savefile::Reader::open(capture).expect("a capture"));
    inspector
        .for_each(|event| {
            runner.process(&SinspEvent::new(event, schema), |alert| {
                out.push_str(&String::from_utf8_lossy(alert.text));
                out.push('\n');
            });
        })
        .expect("events");
    out
}

/// Captures and rules: those of the data folder where it is, else the bundled ones.
fn cases() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let shared = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| root().join("../../shared"), PathBuf::from);
    if !shared.join("data/captures/recorded").is_dir() {
        println!("skipped: the recorded captures are not here; the bundled capture is used alone");
        return (vec![support::capture()], vec![root().join("tests/rules.yaml")]);
    }
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
fn read_capture_says_who_opened_what() {
    let said = run(&program("examples/read_capture.c", Language::C), &[support::capture().to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.lines().count() > 100);
    assert!(said.lines().any(|line| line.ends_with("/etc/ld.so.cache")), "{said}");
}

#[test]
fn json_events_are_evaluated_line_by_line() {
    use std::io::Write;
    use std::process::{Command, Stdio};
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
    assert!(err.starts_with("skipped: no JSON"), "{err}");
}

#[test]
fn the_program_of_the_readme_detects() {
    let readme = std::fs::read_to_string(root().join("../README.md")).expect("README.md");
    let text = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program in C");
    assert!(text.lines().count() <= 25, "the README promises 25 lines");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme.c");
    std::fs::write(&file, text).expect("write");
    let program = compile(&file, Language::C, &[]);
    let rules = root().join("tests/rules.yaml");
    let said = run(&program, &[support::capture().to_str().expect("UTF-8"), rules.to_str().expect("UTF-8")]);
    assert!(String::from_utf8_lossy(&said.stdout).contains(": Notice shell (name=sh"));
}
