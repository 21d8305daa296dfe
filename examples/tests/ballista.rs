//! `pscap sql --ballista`: a scheduler and two executors on this machine answer as one process does, also when one of them is
//! killed. The program is itself the scheduler and the executors that it starts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;

/// The captures that are exported.
const CAPTURES: usize = 20;
/// The time within which programs are there. The host may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// The seconds after which an executor that is silent counts as lost.
const SILENCE: u64 = 10;
/// The stack of the threads of a program that plans or executes: without optimisation, its frames are large.
const STACK: usize = 32 << 20;

/// Queries that repartition, join, sort and count in several steps.
const QUERIES: &[&str] = &[
    "SELECT proc.name, evt.type, count(*) FROM events GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT 50",
    "SELECT host, date, count(*), count(DISTINCT proc.name) FROM events GROUP BY ALL ORDER BY 1, 2",
    "SELECT c.fd.sip, p.proc.cmdline, count(*), sum(c.bytes_out)
     FROM connections c JOIN processes p ON c.proc.pid = p.proc.pid AND c.capture = p.capture
     GROUP BY ALL ORDER BY 1, 2",
    "SELECT capture, evt.num, lag(proc.name) OVER (PARTITION BY capture ORDER BY evt.num) FROM events
     WHERE evt.type = 'execve' ORDER BY 1, 2 LIMIT 100",
    "SELECT capture, evt.num, fd.name FROM events WHERE fd.name LIKE '/etc/%' ORDER BY 1, 2 LIMIT 20",
    "SELECT count(*) FROM events WHERE proc.pid IN (SELECT proc.pid FROM connections WHERE bytes_out > 0)",
    "SELECT date, capture, proc.pid, proc.aname, exit_code FROM processes ORDER BY 1, 2, 3 LIMIT 100",
    "SELECT 6 * 7",
];

/// A query whose steps take long enough to lose an executor between them.
const LONG: &str = "SELECT a.proc.name, a.evt.type, b.evt.type, count(*), sum(b.evt.num)
     FROM events a JOIN events b ON a.capture = b.capture AND a.evt.num + 1 = b.evt.num
     GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3 LIMIT 100";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words[at].parse().expect("a port");
    match words.first().map(String::as_str) {
        Some("scheduler") => scheduler(number(1)),
        Some("executor") => executor(number(1), number(2), number(3), &words[4]),
        _ => {
            compare();
            println!("test a_cluster_answers_as_one_process_does ... ok\n\ntest result: ok. 1 passed; 0 failed");
        }
    }
}

fn in_a_runtime<F: Future>(work: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_stack_size(STACK).build().expect("threads").block_on(work)
}

fn scheduler(port: u16) {
    let config = SchedulerConfig {
        bind_port: port,
        executor_timeout_seconds: SILENCE,
        expire_dead_executor_interval_seconds: 1,
        min_ready_executors: 2,
        ..SchedulerConfig::default()
    };
    in_a_runtime(async {
        let cluster = BallistaCluster::new_from_config(&config).await.expect("a cluster");
        start_server(cluster, ([127, 0, 0, 1], port).into(), Arc::new(config)).await.expect("a scheduler");
    });
}

fn executor(scheduler: u16, port: u16, grpc_port: u16, folder: &str) {
    let config = ExecutorProcessConfig {
        scheduler_host: "127.0.0.1".to_owned(),
        scheduler_port: scheduler,
        scheduler_connect_timeout_seconds: 60,
        port,
        grpc_port,
        vcores: 1,
        work_dir: Some(folder.to_owned()),
        executor_heartbeat_interval_seconds: 1,
        ..ExecutorProcessConfig::default()
    };
    in_a_runtime(async { start_executor_process(Arc::new(config)).await.expect("an executor") });
}

/// A program of the cluster, which ends with this value.
struct Program(Child);

impl Program {
    fn start(words: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program");
        Self(Command::new(program).args(words).stdout(Stdio::null()).spawn().expect("it starts"))
    }

    fn kill(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

#[track_caller]
fn until(what: &str, condition: impl FnMut() -> bool) {
    testkit::until(what, PATIENCE, condition);
}

/// Returns whether the scheduler has all its executors.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
}

/// Returns how many files are below a folder.
fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        _ => 1,
    };
    entries.filter_map(Result::ok).map(count).sum()
}

fn pscap(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pscap"));
    command.args(words).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn good(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Exports captures to datasets of three tables.
fn export(folder: &Path) {
    let captures = folder.join("captures");
    std::fs::create_dir(&captures).expect("a folder");
    for at in 0..CAPTURES {
        let name = ["attack-a.scap", "net.scap", "procs.scap"][at % 3];
        let from = testkit::testdata(&format!("captures/{name}"));
        std::fs::copy(from, captures.join(format!("{at:02}.scap"))).expect("a copy");
    }
    let fields = "capture,evt.num,evt.type,proc.name,proc.pid,fd.name";
    for (table, fields) in [("events", Some(fields)), ("connections", None), ("processes", None)] {
        let mut words = vec!["export", "captures", table, "--partition", "-t", table];
        words.extend(fields.into_iter().flat_map(|fields| ["-f", fields]));
        good(pscap(folder, &words).output().expect("pscap runs"));
    }
}

fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    export(here);
    let ask = |query: &str, more: &[&str]| {
        let words = ["sql", query, "events", "connections", "processes", "--format", "csv"];
        pscap(here, &[&words, more].concat()).spawn().expect("pscap runs")
    };
    let answer = |child: Child| good(child.wait_with_output().expect("it ends"));

    let port = testkit::port().to_string();
    let url = format!("df://127.0.0.1:{port}");
    let said = ask("SELECT 1", &["--ballista", &url]).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.starts_with(&format!("pscap: can't reach the scheduler {url}: ")), "{said}");
    let _scheduler = Program::start(&["scheduler", &port]);
    let work: Vec<PathBuf> = ["one", "two"].map(|name| here.join(name)).to_vec();
    let mut executors: Vec<Program> = work
        .iter()
        .map(|folder| {
            std::fs::create_dir(folder).expect("a folder");
            let [flight, grpc] = [testkit::port(), testkit::port()].map(|port| port.to_string());
            Program::start(&["executor", &port, &flight, &grpc, folder.to_str().expect("UTF-8")])
        })
        .collect();
    let number: u16 = port.parse().expect("a port");
    until("there are two executors", || is_ready(number));
    let capture = pscap(here, &["sql", "SELECT 1", "captures", "--ballista", &url]).output().expect("pscap runs");
    let said = String::from_utf8_lossy(&capture.stderr).into_owned();
    assert!(said.contains("captures are read on this machine alone"), "{said}");

    for query in QUERIES {
        let expect = answer(ask(query, &[]));
        assert!(expect.lines().count() > 1, "{query}: {expect}");
        assert_eq!(answer(ask(query, &["--ballista", &url])), expect, "{query}");
    }
    assert!(work.iter().all(|folder| files(folder) > 0), "both executors take part");

    let expect = answer(ask(LONG, &[]));
    assert!(expect.lines().count() > 50, "{expect}");
    let before = files(&work[1]);
    let mut running = ask(LONG, &["--ballista", &url]);
    until("the executor takes part", || files(&work[1]) > before);
    assert!(running.try_wait().expect("a child").is_none(), "the answer is not there yet");
    executors[1].kill();
    assert_eq!(answer(running), expect, "without an executor");
    // One is enough for the next query.
    assert_eq!(answer(ask(QUERIES[0], &["--ballista", &url])), answer(ask(QUERIES[0], &[])));
}
