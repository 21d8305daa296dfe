//! Measures the cost of the C interface: the same loop in C and in Rust over the same capture and rules, by turns.
//!
//! `cargo bench -p peregrine-capi --bench loop [-- CAPTURE RULES...]`. Without arguments it uses `mix-large.scap` and
//! the three published rule files from the data folder (`../shared`, or the value of `PEREGRINE_SHARED`). It prints the
//! CPU time of each process, the least of the turns; with `--count` valgrind counts the instructions too, which takes
//! minutes but does not depend on the load of the host.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rule_engine::engine::Config;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loader, Sources};

#[path = "../tests/support/mod.rs"]
mod support;

/// The variable that makes this program the loop in Rust.
const BE_RUST: &str = "--rust-loop";
const TURNS: usize = 9;
/// The option that makes this program count instructions.
const COUNT: &str = "--count";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == BE_RUST) {
        return rust(&arguments[1..]);
    }
    let (flags, arguments): (Vec<_>, Vec<_>) = arguments.into_iter().partition(|argument| argument == COUNT);
    let arguments = if arguments.is_empty() { published() } else { arguments };
    let Some((capture, rules)) = arguments.split_first() else {
        println!("skipped: there is no data folder; name a capture and rules");
        return;
    };
    println!("{capture}, {} rule files, {TURNS} turns", rules.len());
    let options: Vec<String> = [&[BE_RUST.to_owned()], &arguments[..]].concat();
    let loops = [
        ("Rust", std::env::current_exe().expect("this program's path"), options),
        ("C", support::compile(&support::root().join("benches/loop.c"), support::Language::C, &["-O2"]), arguments),
    ];
    let said: Vec<Vec<u8>> = loops.iter().map(|(_, program, options)| output(program, options)).collect();
    assert!(said[0] == said[1], "the two loops do not say the same");
    let events = String::from_utf8_lossy(&said[0]).lines().last().unwrap_or_default().to_owned();
    println!("the same {} alerts in both; {events}", said[0].split(|byte| *byte == b'\n').count() - 2);

    let mut seconds = [f64::INFINITY; 2];
    for _ in 0..TURNS {
        for (least, (_, program, options)) in seconds.iter_mut().zip(&loops) {
            *least = least.min(cpu_seconds(program, options));
        }
    }
    for ((name, ..), seconds) in loops.iter().zip(seconds) {
        println!("{name:<5} {seconds:.2} s of CPU (least of {TURNS})");
    }
    println!("C / Rust: {:.3} in CPU time", seconds[1] / seconds[0]);
    if !flags.is_empty() {
        let [rust, c] = loops.each_ref().map(|(_, program, options)| instructions(program, options));
        println!("Rust  {rust} instructions\nC     {c} instructions");
        println!("C / Rust: {:.3} in instructions", c as f64 / rust as f64);
    }
}

/// Returns `mix-large.scap` and the published rules, if they exist.
fn published() -> Vec<String> {
    let shared = testkit::shared_path();
    let files = [
        "captures/recorded/mix-large.scap",
        "rules/falco_rules.yaml",
        "rules/falco-incubating_rules.yaml",
        "rules/falco-sandbox_rules.yaml",
    ];
    let paths = files.map(|file| shared.join("data").join(file));
    if !paths.iter().all(|path| path.is_file()) {
        return Vec::new();
    }
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

fn output(program: &Path, options: &[String]) -> Vec<u8> {
    let done = Command::new(program).args(options).output().expect("it runs");
    assert!(done.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Returns the user and system time of one run, which consists of the loop and the steps before it.
fn cpu_seconds(program: &Path, options: &[String]) -> f64 {
    let before = children();
    let status = Command::new(program).args(options).stdout(Stdio::null()).status().expect("it runs");
    assert!(status.success());
    children() - before
}

/// Returns the CPU time of all children that ended, in ticks of 10 ms: /proc has it without a system call that is not
/// in std.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("a state").split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(13) + ticks(14)) / 100.0
}

/// Returns the instructions of one run.
fn instructions(program: &Path, options: &[String]) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(options);
    let done = command.stdout(Stdio::null()).output().expect("valgrind");
    let said = String::from_utf8_lossy(&done.stderr);
    let counted = said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
    counted.unwrap_or_else(|| panic!("valgrind counted nothing: {said}"))
}

/// Runs the loop of `loop.c` in Rust.
fn rust(arguments: &[String]) {
    let (capture, rules) = arguments.split_first().expect("a capture");
    let schema = SinspSchema::new(sinsp::fields::Fields::new());
    let mut loader = Loader::new(Sources::new().with(schema).with(JsonSchema::k8s_audit()));
    let texts: Vec<_> = rules.iter().map(|path| (path.as_str(), std::fs::read(path).expect("rules"))).collect();
    let loaded = loader.load(texts.iter().map(|(name, text)| (*name, text.as_slice())));
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules");
    let mut runner = rules.source::<SinspSchema>("syscall").expect("system calls").runner();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut events, mut line) = (0u64, Vec::new());
    let format = rule_engine::output::Format::new("");
    let mut inspector = sinsp::Inspector::new(scap::savefile::Reader::open(capture).expect("a capture"));
    inspector
        .for_each(|event| {
            runner.process(&event, |alert| {
                line.clear();
                alert.write_text(&format, &mut line);
                line.push(b'\n');
                out.write_all(&line).expect("written");
            });
            events += 1;
        })
        .expect("events");
    writeln!(out, "{events} events").expect("written");
}
