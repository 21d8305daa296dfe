//! The time from an event to the signal of a response, on this host, as root.
//!
//! ```text
//! response_latency PEREGRINE [ROUNDS] [EVENTS_PER_SECOND]
//! ```
//!
//! It starts the detector with a rule that kills what opens a marked file, and plants a process in each round. The latency is
//! that of the detector's own alert: from the timestamp of the event to the moment after the signal. Beside it, threads open
//! and close a file until the detector has as many events per second, which its metrics confirm.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The mark in the name of the file that a planted process opens.
const MARK: &str = "/peregrine-response-latency";
/// Pause between rounds, so that they are single events.
const PAUSE: Duration = Duration::from_millis(5);
/// Age of the older half of the processes: more than a tick of the clock, so that their start is certainly before the event.
/// Of the others the detector has to wait until it has read events past the moment in which it held them.
const AGE: Duration = Duration::from_millis(30);
/// Number of threads that make the load, and how many files each opens at once.
const THREADS: u32 = 2;
const BURST: u32 = 100;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [peregrine, rest @ ..] = args.as_slice() else {
        let _ = writeln!(std::io::stderr(), "usage: response_latency PEREGRINE [ROUNDS] [EVENTS_PER_SECOND]");
        return ExitCode::FAILURE;
    };
    let number = |place: usize, default: u32| rest.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    match run(peregrine, number(0, 1000), number(1, 0)) {
        Ok(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// A running detector.
struct Detector {
    child: Child,
    port: u16,
    alerts: BufReader<ChildStdout>,
}

impl Drop for Detector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Detector {
    fn start(peregrine: &str, folder: &Path) -> Result<Self> {
        let port = testkit::port();
        let path = |name: &str| folder.join(name);
        std::fs::write(
            path("rules.yaml"),
            format!(
                "- rule: Marked\n  desc: d\n  condition: evt.type in (open, openat) and fd.name startswith {MARK}\n  output: o\n  \
                 priority: ERROR\n  response: kill\n"
            ),
        )?;
        std::fs::write(
            path("falco.yaml"),
            format!(
                "rules_files: [{}]\nengine: {{kind: modern_ebpf}}\njson_output: true\nbuffered_outputs: false\nstdout_output: \
                 {{enabled: true}}\nlog_stderr: true\nlog_syslog: false\nlog_level: notice\nresponse: {{enabled: true, mode: \
                 act, warm_up_seconds: 0, max_per_minute: 1000000, max_per_minute_per_rule: 1000000}}\nmetrics: {{enabled: true, \
                 interval: 1h}}\nwebserver: {{enabled: true, listen_port: {port}, prometheus_metrics_enabled: true}}\nprotection: \
                 {{heartbeat_file: \"\"}}\n",
                path("rules.yaml").display()
            ),
        )?;
        let mut command = Command::new(peregrine);
        command.arg("-c").arg(path("falco.yaml")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut log = BufReader::new(child.stderr.take().ok_or("no log")?).lines();
        let mut said = String::new();
        let watches = log.by_ref().map_while(std::result::Result::ok).any(|line| {
            let _ = writeln!(said, "{line}");
            line.contains("watching this host")
        });
        if !watches {
            return Err(format!("the detector does not start:\n{said}").into());
        }
        std::thread::spawn(move || log.for_each(drop));
        let alerts = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, port, alerts })
    }

    /// Returns the number of events and of drops so far.
    fn events(&self) -> Result<(f64, f64)> {
        // The answer may be a second old.
        std::thread::sleep(Duration::from_millis(1100));
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|number| number.trim().parse().ok()).ok_or_else(|| format!("no {name} in {text}"))
        };
        Ok((value("falcosecurity_scap_n_evts_total")?, value("falcosecurity_scap_n_drops_total")?))
    }

    /// Returns the outcome of the response to a process, and its latency in nanoseconds.
    fn response(&mut self, pid: u32) -> Result<(String, u64)> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.alerts.read_line(&mut line)? == 0 {
                return Err("the detector has ended".into());
            }
            let Ok(alert) = serde_json::from_str::<Json>(&line) else { continue };
            let fields = &alert["output_fields"];
            if alert["rule"] == "Peregrine response" && fields["proc.pid"] == pid {
                let outcome = fields["outcome"].as_str().unwrap_or_default().to_owned();
                return Ok((outcome, fields["latency_ns"].as_u64().unwrap_or_default()));
            }
        }
    }
}

fn run(peregrine: &str, rounds: u32, rate: u32) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut detector = Detector::start(peregrine, folder.path())?;
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| load(rate / THREADS, &ended));
        }
        let result = rounds_of(&mut detector, rounds);
        ended.store(true, Ordering::Relaxed);
        result
    })
}

/// Opens and closes a file: two events each time.
fn load(rate: u32, ended: &AtomicBool) {
    let (start, mut done) = (Instant::now(), 0_u64);
    while rate > 0 && !ended.load(Ordering::Relaxed) {
        for _ in 0..BURST {
            drop(File::open("/dev/null"));
        }
        done += u64::from(2 * BURST);
        let due = Duration::from_secs_f64(done as f64 / f64::from(rate));
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
}

fn rounds_of(detector: &mut Detector, rounds: u32) -> Result<String> {
    let before = detector.events()?;
    let start = Instant::now();
    let (mut latencies, mut others) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..rounds {
        std::thread::sleep(PAUSE);
        let is_young = round % 2 == 1;
        let mut planted = Command::new("/bin/sh");
        planted.args(["-c", &format!("read line; true < {MARK}; read line")]);
        let mut planted = planted.stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        if !is_young {
            std::thread::sleep(AGE);
        }
        // It then waits for another line, as the same program.
        if let Some(input) = &mut planted.stdin {
            input.write_all(b"\n")?;
        }
        let (outcome, latency) = detector.response(planted.id())?;
        if outcome == "done" {
            latencies[usize::from(is_young)].push(latency);
        } else {
            others.push(outcome);
            let _ = planted.kill();
        }
        planted.wait()?;
    }
    let after = detector.events()?;
    let seconds = start.elapsed().as_secs_f64();
    let mut counts = BTreeMap::<String, u32>::new();
    for outcome in others {
        *counts.entry(outcome).or_default() += 1;
    }
    let mut text = format!(
        "{rounds} rounds beside {:.0} events/s, {} dropped; not done: {counts:?}",
        (after.0 - before.0) / seconds,
        after.1 - before.1
    );
    for (name, mut of) in ["older", "young"].into_iter().zip(latencies) {
        of.sort_unstable();
        let micros =
            |share: usize| of.get((of.len() * share / 100).min(of.len().saturating_sub(1))).map_or(0, |ns| ns / 1000);
        let (count, p50, p99, most) = (of.len(), micros(50), micros(99), micros(100));
        write!(text, "\n{name}: {count} done, p50 {p50} us, p99 {p99} us, longest {most} us")?;
    }
    Ok(text)
}
