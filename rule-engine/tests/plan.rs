//! Plans: alerts are the same with all events as with those that the plan keeps.
//!
//! Over captures that were recorded, with Falco's published rules where they are available, and over random calls of
//! random rules. Enter events, without which a plan is made, are removed from captures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use peregrine_rule_engine::engine::{self, SourceRules};
use peregrine_rule_engine::event::Schema;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{ExtraOutput, Loader, Sources};
use peregrine_rule_engine::output::Format;
use peregrine_rule_engine::plan::{Extent, Planner, Report};
use peregrine_rule_engine::ruleset::{Config, Matching};
use sinsp::fields::Fields;
use sinsp::scap::plan::{Descriptor, Descriptors, Errnos, Outcomes, Plan, Test};
use sinsp::scap::schema::{Category, errno_name};
use sinsp::scap::{self, Event, EventBuilder, EventCode, HostState, Next, Source, SourceStats, host};
use sinsp::{Inspector, Next as Shown};

/// An event in memory, with what the kernel had behind the file descriptor of the call, if that is certain.
#[derive(Clone)]
struct Row {
    cpu: u16,
    flags: u32,
    bytes: Vec<u8>,
    kind: Option<Descriptor>,
}

impl Row {
    fn event(&self) -> Event<'_> {
        Event::parse(self.cpu, self.flags, &self.bytes).expect("an event")
    }

    fn left_out_by(&self, plan: &Plan) -> Option<Test> {
        plan.left_out_on(&self.event(), self.kind)
    }
}

/// Events in memory.
#[derive(Clone, Default)]
struct Events {
    host: HostState,
    rows: Vec<Row>,
    /// The number of those that were read, which outlives the source.
    at: Arc<AtomicUsize>,
}

impl Events {
    fn push(&mut self, event: &Event<'_>, kind: Option<Descriptor>) {
        self.rows.push(Row { cpu: event.cpu(), flags: event.flags(), bytes: event.bytes().to_vec(), kind });
    }

    /// Returns the same from the beginning.
    fn again(&self) -> Self {
        Self { at: Arc::default(), ..self.clone() }
    }

    /// Returns those that a plan keeps.
    fn kept_by(&self, plan: &Plan) -> Self {
        let rows = self.rows.iter().filter(|row| row.left_out_by(plan).is_none()).cloned().collect();
        Self { rows, ..self.again() }
    }

    /// Notes the kinds of file descriptors that the state has.
    fn with_kinds(mut self) -> Self {
        let events = self.again();
        let at = events.at.clone();
        let mut inspector = Inspector::new(events);
        loop {
            match inspector.next().expect("sound events") {
                Shown::Event(event) => {
                    let row = &mut self.rows[at.load(Ordering::Relaxed) - 1];
                    assert_eq!(row.event().code(), event.code());
                    row.kind = event.fd().and_then(|fd| fd.kind.descriptor());
                }
                Shown::End => return self,
                _ => {}
            }
        }
    }
}

impl Source for Events {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        let at = self.at.fetch_add(1, Ordering::Relaxed);
        Ok(self.rows.get(at).map_or(Next::End, |row| Next::Event(row.event())))
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats::default()
    }
}

fn compiled(files: &[(&str, &[u8])]) -> Arc<SourceRules<SinspSchema>> {
    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let extra = schema.suggested_output().into_iter();
    let extra = extra.map(|piece| ExtraOutput { format: Some(piece.into_owned()), ..ExtraOutput::default() }).collect();
    let mut loader = Loader::new(Sources::new().with(schema)).extra_output(extra);
    let loaded = loader.load(files.iter().copied());
    assert!(loaded.is_successful(), "{:?}", loaded.diagnostics);
    let config = engine::Config::default().evaluation(Config::default().matching(Matching::All));
    let rules = loader.into_sources().build(loaded.into_rules(), &config).expect("a source with times");
    rules.source("syscall").expect("system calls")
}

fn alerts(rules: &Arc<SourceRules<SinspSchema>>, events: &Events) -> Vec<String> {
    let format = Format::new("vm").json(true).iso8601(true);
    let mut runner = rules.runner();
    let mut inspector = Inspector::new(events.again());
    let mut out = Vec::new();
    loop {
        match inspector.next().expect("sound events") {
            Shown::Event(event) => runner.process(&event, |alert| {
                let mut text = Vec::new();
                alert.write(&format, &mut text);
                let mut alert: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
                without_numbers(&mut alert);
                out.push(alert.to_string());
            }),
            Shown::End => return out,
            _ => {}
        }
    }
}

/// Removes the numbers of events, which count those that are captured.
fn without_numbers(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|name, _| !name.ends_with("evt.num"));
            members.values_mut().for_each(without_numbers);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_numbers),
        _ => {}
    }
}

/// Checks that the alerts are the same; returns how many events were left out.
fn agree(name: &str, rules: &Arc<SourceRules<SinspSchema>>, plan: &Plan, events: &Events) -> usize {
    let kept = events.kept_by(plan);
    let (all, some) = (alerts(rules, events), alerts(rules, &kept));
    if all != some {
        let at = all.iter().zip(&some).take_while(|(one, two)| one == two).count();
        panic!(
            "{name}: alert {at} of {} and {}\n  all events:  {:?}\n  those kept: {:?}",
            all.len(),
            some.len(),
            all.get(at),
            some.get(at)
        );
    }
    events.rows.len() - kept.rows.len()
}

fn recorded(path: &Path) -> Events {
    let mut reader = scap::savefile::Reader::open(path).expect("a capture");
    let mut events = Events { host: reader.host().clone(), ..Events::default() };
    loop {
        match reader.next().expect("a sound capture") {
            Next::Event(event) => {
                let of_call = event.info().is_some_and(|info| info.category.intersects(Category::SYSCALL));
                if event.code().is_exit() || !of_call {
                    events.push(&event, None);
                }
            }
            Next::End => return events.with_kinds(),
            _ => {}
        }
    }
}

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/captures");
    ["attack-a", "net", "procs"].map(|name| folder.join(name).with_extension("scap")).into()
}

const OWN: &str = include_str!("../../detector/daemon/rules/peregrine_rules.yaml");

/// The numbers of events that our rules print.
const NUMBERED: [&str; 3] = ["%connect.evt.num", "%input.evt.num", "%shell.evt.num"];

#[test]
fn our_rules_over_captures() {
    let own = NUMBERED.iter().fold(OWN.to_owned(), |text, field| text.replace(field, "-"));
    let rules = compiled(&[("peregrine_rules.yaml", own.as_bytes())]);
    let (plan, _) = Planner::new().plan(&rules);
    let left: Vec<usize> =
        captures().iter().map(|path| agree(&path.display().to_string(), &rules, &plan, &recorded(path))).collect();
    assert!(left.iter().all(|left| *left > 0), "{left:?}");
}

#[test]
fn published_rules_over_captures() {
    let Some(shared) = testkit::shared() else { return };
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let texts = names.map(|name| std::fs::read(shared.join("data/rules").join(name)).expect(name));
    for count in [1, 3] {
        let files: Vec<(&str, &[u8])> = names.into_iter().zip(texts.iter().map(Vec::as_slice)).take(count).collect();
        let rules = compiled(&files);
        let (plan, report) = Planner::new().plan(&rules);
        assert!(report.blockers.iter().all(|blocker| blocker.extent != Extent::Everything), "{:?}", report.blockers);
        for path in captures() {
            assert!(agree(&path.display().to_string(), &rules, &plan, &recorded(&path)) > 0);
        }
    }
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// Parts of conditions: what plans test, and what they cannot.
const PARTS: &[&str] = &[
    "evt.failed = false",
    "evt.failed = true",
    "evt.failed != true",
    "evt.rawres >= 0",
    "evt.rawres < 0",
    "evt.rawres in (0, 1, 2)",
    "evt.rawres = -2",
    "evt.res = SUCCESS",
    "evt.res != SUCCESS",
    "evt.res in (ENOENT, ENOTDIR)",
    "evt.res = EIO",
    "evt.res contains ACC",
    "evt.rawres in (-5, -13)",
    "evt.rawres < -9",
    "evt.res startswith E",
    "fd.num >= 0",
    "fd.num = -1",
    "fd.num in (3, 4)",
    "evt.is_open_read = true",
    "evt.is_open_write = true",
    "evt.is_open_write = false",
    "fd.typechar = f",
    "fd.type = directory",
    "fd.type in (ipv4, ipv6)",
    "fd.type = unix",
    "fd.type = file",
    "fd.typechar in (4, 6, u)",
    "fd.sockfamily = ip",
    "fd.sockfamily != unix",
    "fd.connected = true",
    "fd.directory = /",
    "fd.filename exists",
    "fd.type exists",
    "fd.sip = 1.2.3.4",
    "fd.name startswith /etc/",
    "fd.name startswith /e",
    "fd.name = /etc/shadow",
    "fd.name in (/etc/passwd, /usr/lib/x.so)",
    "fd.name endswith .so",
    "fd.name endswith /x",
    "fd.name contains passwd",
    "fd.name contains ../",
    "fd.name glob /home/*/.ssh/*",
    "fd.name glob *.so",
    "fd.name pmatch (/etc, /usr/lib)",
    "fd.name pmatch (/ho*/a)",
    "fd.name exists",
    "fd.directory = /etc",
    "fd.directory in (/usr/lib, /tmp)",
    "fd.directory startswith /usr",
    "fd.filename = passwd",
    "fd.filename endswith so",
    "fd.nameraw contains ../",
    "fd.nameraw startswith ..",
    "fd.nameraw = x",
    "fs.path.name startswith /etc",
    "fs.path.name = /tmp/x",
    "fs.path.nameraw contains ..",
    "evt.arg.name startswith /usr",
    "evt.arg.flags contains O_RDWR",
    "evt.arg.fd contains etc",
    "evt.arg.oldpath contains etc",
    "evt.args contains passwd",
    "evt.abspath.src contains /etc",
    "proc.name = one",
    "proc.name != one",
    "proc.stdin.type = file",
    "evt.num >= 0",
];

const TYPES: &[&str] = &[
    "open",
    "openat",
    "creat",
    "close",
    "read",
    "write",
    "dup",
    "dup2",
    "fcntl",
    "unlinkat",
    "unlink",
    "symlinkat",
    "linkat",
    "fchdir",
    "chdir",
    "socket",
    "connect",
    "mkdir",
    "lseek",
    "flock",
    "pread",
    "writev",
    "fstat",
    "ioctl",
    "getdents64",
    "recvfrom",
];

const OUTPUTS: &[&str] = &[
    "%proc.name",
    "%fd.name",
    "%fd.num %fd.type",
    "%evt.args",
    "%evt.arg.name",
    "%fs.path.name",
    "%evt.arg.linkpath",
    "%evt.res %evt.rawres",
    "%proc.cwd",
    "%fd.nameraw %fd.directory",
    "%proc.stdin.name",
    "%fd.types",
];

fn condition(numbers: &mut Numbers, depth: usize) -> String {
    match numbers.below(if depth == 0 { 1 } else { 5 }) {
        1 => format!("({} and {})", condition(numbers, depth - 1), condition(numbers, depth - 1)),
        2 => format!("({} or {})", condition(numbers, depth - 1), condition(numbers, depth - 1)),
        3 => format!("not {}", condition(numbers, depth - 1)),
        _ => (*numbers.pick(PARTS)).to_owned(),
    }
}

/// Returns rules as a file. Few of them print much, or most plans would leave out nothing that was opened.
fn rules(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    let careful = numbers.one_in(2);
    for number in 0..=numbers.below(3) {
        let types: Vec<&str> = (0..=numbers.below(3)).map(|_| *numbers.pick(TYPES)).collect();
        let mut rest = condition(numbers, 3);
        let mut output = if careful { "%proc.name" } else { *numbers.pick(OUTPUTS) };
        if careful && types.iter().all(|name| name.starts_with("open") || *name == "creat") {
            output = "%fd.name %evt.args";
            rest = format!("{rest} and evt.failed = false");
        } else if careful {
            rest = format!(
                "evt.res != SUCCESS and {}",
                numbers.pick(&["proc.name = one", "evt.rawres = -2", "evt.failed = true"])
            );
        }
        text += &format!(
            "- rule: R{number}\n  desc: d\n  condition: evt.type in ({}) and {rest}\n  output: {output:?}\n  priority: DEBUG\n",
            types.join(", ")
        );
    }
    text
}

/// A file or directory of the host that the calls are made on.
struct Node {
    path: &'static str,
    /// The path without links; the same if it is none.
    real: &'static str,
    is_directory: bool,
}

const NODES: &[Node] = &[
    Node { path: "/etc/passwd", real: "/etc/passwd", is_directory: false },
    Node { path: "/etc/shadow", real: "/etc/shadow", is_directory: false },
    Node { path: "/etc", real: "/etc", is_directory: true },
    Node { path: "/usr/lib", real: "/usr/lib", is_directory: true },
    Node { path: "/usr/lib/x.so", real: "/usr/lib/x.so", is_directory: false },
    Node { path: "/lib/x.so", real: "/usr/lib/x.so", is_directory: false },
    Node { path: "/tmp/x", real: "/tmp/x", is_directory: false },
    Node { path: "/tmp/link", real: "/etc/passwd", is_directory: false },
    Node { path: "/home/ann/.ssh/id", real: "/home/ann/.ssh/id", is_directory: false },
    Node { path: "/etc/../tmp/x", real: "/tmp/x", is_directory: false },
    Node { path: "/usr//lib/x.so", real: "/usr/lib/x.so", is_directory: false },
    Node { path: "x", real: "/tmp/x", is_directory: false },
    Node { path: "../etc/passwd", real: "/etc/passwd", is_directory: false },
    Node { path: "lib", real: "/usr/lib", is_directory: true },
];

/// The kind of file behind a number of a process.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    File,
    Directory,
    Socket,
    Unix,
}

impl Held {
    fn kind(self) -> Descriptor {
        match self {
            Self::File | Self::Directory => Descriptor::File,
            Self::Socket => Descriptor::Inet,
            Self::Unix => Descriptor::Unix,
        }
    }
}

/// Random calls of three processes, which succeed only if they can.
struct Calls<'n> {
    numbers: &'n mut Numbers,
    builder: EventBuilder,
    events: Events,
    held: [[Option<Held>; 8]; 3],
    process: usize,
    ts: u64,
}

impl<'n> Calls<'n> {
    fn new(numbers: &'n mut Numbers) -> Self {
        let mut host = HostState::default();
        for (tid, comm) in [(11, "one"), (12, "two"), (13, "three")] {
            host.threads.push(host::Thread {
                tid,
                pid: tid,
                vtid: tid,
                vpid: tid,
                ptid: 1,
                comm: comm.into(),
                exe: comm.into(),
                cwd: b"/tmp/".to_vec(),
                ..host::Thread::default()
            });
        }
        let events = Events { host, ..Events::default() };
        Self {
            numbers,
            builder: EventBuilder::new(),
            events,
            held: [[None; 8]; 3],
            process: 0,
            ts: 1_700_000_000_000_000_000,
        }
    }

    fn start(&mut self, code: EventCode, result: i64) -> &mut EventBuilder {
        self.ts += 1000;
        self.builder.start(code).ts(self.ts).tid(11 + self.process as i64).i64(result)
    }

    fn finish(&mut self, held: Option<Held>) {
        let event = self.builder.finish().expect("an event");
        self.events.push(&event, held.map(Held::kind));
    }

    fn free(&self) -> usize {
        self.held[self.process].iter().position(Option::is_none).unwrap_or(7)
    }

    fn open(&mut self) {
        let node = &NODES[self.numbers.below(NODES.len())];
        let code =
            *self.numbers.pick(&[EventCode::OPEN_X, EventCode::OPENAT_2_X, EventCode::OPENAT_2_X, EventCode::CREAT_X]);
        let dirfd = if self.numbers.one_in(3) { self.numbers.below(8) as i64 } else { -100 };
        let relative = !node.path.starts_with('/');
        let at = (code == EventCode::OPENAT_2_X && dirfd >= 0).then(|| self.held[self.process][dirfd as usize]);
        let result = match at {
            Some(held) if relative && held != Some(Held::Directory) => {
                if held.is_some() {
                    -20
                } else {
                    -9
                }
            }
            _ if self.numbers.one_in(3) => *self.numbers.pick(&[-2, -13, -1]),
            _ => self.free() as i64,
        };
        let flags = *self.numbers.pick(&[1u32, 2, 3, 1 | 1 << 2, 1 | 1 << 10]);
        let same = node.path == node.real;
        let holds = u8::from(self.numbers.one_in(2));
        self.start(code, result);
        if code == EventCode::OPENAT_2_X {
            self.builder.i64(dirfd);
        }
        self.builder.text(node.path);
        if code == EventCode::CREAT_X {
            self.builder.u32(0o644).u32(8).u64(77).u16(0);
        } else {
            self.builder.u32(flags).u32(0).u32(8).u64(77);
        }
        if result >= 0 {
            let flags = holds | if node.is_directory { 2 } else { 0 };
            let facts = [1, 8, 0, 0, 0, 0, 1, flags];
            if same {
                self.builder.raw(b"=")
            } else {
                self.builder.text(node.real)
            };
            self.builder.raw(&facts).raw(b"");
            self.held[self.process][result as usize] =
                Some(if node.is_directory { Held::Directory } else { Held::File });
        }
        self.finish(None);
    }

    fn at_descriptor(&mut self) {
        let num = self.numbers.below(8);
        let held = self.held[self.process][num];
        let fd = num as i64;
        let fails = held.is_none() || self.numbers.one_in(4);
        let result = if held.is_none() {
            -9
        } else if fails {
            -5
        } else {
            0
        };
        match self.numbers.below(17) {
            0 | 1 => {
                self.start(EventCode::CLOSE_X, if held.is_none() { -9 } else { 0 }).i64(fd);
                self.held[self.process][num] = None;
            }
            2 => drop(self.start(EventCode::READ_X, result).raw(b"data").i64(fd).u32(4)),
            3 => drop(self.start(EventCode::WRITE_X, result).raw(b"data").i64(fd).u32(4)),
            4 => {
                let new = if fails { result } else { self.free() as i64 };
                self.start(EventCode::DUP_1_X, new).i64(fd);
                if new >= 0 {
                    self.held[self.process][new as usize] = held;
                }
            }
            5 => {
                let new = self.numbers.below(8);
                let result = if fails { result } else { new as i64 };
                self.start(EventCode::DUP2_X, result).i64(fd).i64(new as i64);
                if !fails {
                    self.held[self.process][new] = held;
                }
            }
            6 => {
                let command = *self.numbers.pick(&[1u8, 3, 4]);
                let new = match (fails, command) {
                    (true, _) => result,
                    (false, 1) => self.free() as i64,
                    (false, _) => 0,
                };
                self.start(EventCode::FCNTL_X, new).i64(fd).u8(command).u64(1);
                if new >= 0 && command == 1 {
                    self.held[self.process][new as usize] = held;
                }
            }
            7 => {
                let result = if held == Some(Held::Directory) && !fails { 0 } else { -20 };
                self.start(EventCode::FCHDIR_X, result).i64(fd);
            }
            8 => {
                let result = if held == Some(Held::Socket) { *self.numbers.pick(&[0, -111, -115]) } else { -88 };
                let tuple =
                    [&[2u8][..], &[10, 0, 0, 5], &4242u16.to_le_bytes(), &[1, 2, 3, 4], &80u16.to_le_bytes()].concat();
                let address = [&[2u8][..], &[1, 2, 3, 4], &80u16.to_le_bytes()].concat();
                self.start(EventCode::CONNECT_X, result).raw(&tuple).i64(fd).raw(&address);
            }
            9 => drop(self.start(EventCode::LSEEK_X, result).i64(fd).u64(0).u8(0)),
            10 => drop(self.start(EventCode::FLOCK_X, result).i64(fd).u32(1)),
            11 => drop(self.start(EventCode::PREAD_X, result).raw(b"data").i64(fd).u32(4).u64(0)),
            12 => drop(self.start(EventCode::WRITEV_X, result).raw(b"data").i64(fd).u32(4)),
            13 => drop(self.start(EventCode::FSTAT_X, result).i64(fd)),
            14 => drop(self.start(EventCode::IOCTL_3_X, result).i64(fd).u64(1).u64(2)),
            15 => drop(self.start(EventCode::GETDENTS64_X, result).i64(fd)),
            _ => {
                // Data from another end each time: only a socket of datagrams has that.
                let result = if held == Some(Held::Socket) { result } else { -88 };
                let from = *self.numbers.pick(&[[1, 2, 3, 4], [9, 9, 9, 9]]);
                let tuple = [&[2u8][..], &from, &53u16.to_le_bytes(), &[10, 0, 0, 5], &4242u16.to_le_bytes()].concat();
                self.start(EventCode::RECVFROM_X, result).raw(b"data").raw(&tuple).i64(fd).u32(4);
            }
        }
        self.finish(held);
    }

    fn by_path(&mut self) {
        let node = &NODES[self.numbers.below(NODES.len())];
        let dirfd = if self.numbers.one_in(2) { self.numbers.below(8) as i64 } else { -100 };
        let on_directory = dirfd < 0 || self.held[self.process][dirfd as usize] == Some(Held::Directory);
        let reaches = node.path.starts_with('/') || on_directory;
        let result = if !reaches {
            -20
        } else if self.numbers.one_in(2) {
            -2
        } else {
            0
        };
        let coin = self.numbers.one_in(2);
        match self.numbers.below(7) {
            0 => drop(self.start(EventCode::UNLINKAT_2_X, result).i64(dirfd).text(node.path).u32(0)),
            1 => drop(self.start(EventCode::SYMLINKAT_X, result).text("/etc/shadow").i64(dirfd).text(node.path)),
            2 => {
                // A file can be named by its number alone.
                let by_descriptor = dirfd >= 0 && self.held[self.process][dirfd as usize] == Some(Held::File);
                let path = if by_descriptor { "" } else { node.path };
                let result = if by_descriptor { 0 } else { result };
                self.start(EventCode::LINKAT_2_X, result).i64(dirfd).text(path).i64(-100).text("/tmp/new").u32(0);
            }
            3 => drop(self.start(EventCode::MKDIR_2_X, if coin { 0 } else { -17 }).text(node.path).u32(0)),
            4 => {
                let result = if node.is_directory && coin { 0 } else { -20 };
                self.start(EventCode::CHDIR_X, result).text(node.path);
            }
            5 => {
                let result = if coin { self.free() as i64 } else { -13 };
                let (domain, held) = *self.numbers.pick(&[(2, Held::Socket), (10, Held::Socket), (1, Held::Unix)]);
                let ty = *self.numbers.pick(&[1, 2]);
                self.start(EventCode::SOCKET_X, result).u32(domain).u32(ty).u32(0).u32(0);
                if result >= 0 {
                    self.held[self.process][result as usize] = Some(held);
                }
            }
            _ => drop(self.start(EventCode::UNLINK_2_X, if coin { 0 } else { -2 }).text(node.path)),
        }
        self.finish(None);
    }

    fn run(mut self, count: usize) -> Events {
        for _ in 0..count {
            self.process = self.numbers.below(3);
            match self.numbers.below(3) {
                0 => self.open(),
                1 => self.at_descriptor(),
                _ => self.by_path(),
            }
        }
        self.events
    }
}

#[test]
fn random_rules_over_random_calls() {
    let numbers = &mut Numbers(0x2545_f491_4f6c_dd1d);
    let (mut left, mut files, mut matched) = ([0; Test::ALL.len()], 0, 0);
    for round in 0..400 {
        let text = rules(numbers);
        let rules = compiled(&[("r.yaml", text.as_bytes())]);
        let (plan, report) = Planner::new().plan(&rules);
        let events = Calls::new(numbers).run(300);
        agree(&format!("round {round}:\n{text}\n{report:?}"), &rules, &plan, &events);
        matched += alerts(&rules, &events).len();
        for row in &events.rows {
            let Some(test) = row.left_out_by(&plan) else { continue };
            left[test as usize] += 1;
            let event = row.event();
            files += usize::from(Plan::has_path(event.code()) && event.param(0).and_then(|fd| fd.i64()) >= Some(0));
        }
    }
    // The test is about something.
    let counts = format!("{left:?} left out, {files} of them opened files, {matched} alerts");
    assert!(left.iter().all(|count| *count > 200) && files > 500 && matched > 5000, "{counts}");
}

/// A file that was left out may take the number of a socket, which must not look like a socket any more.
#[test]
fn a_duplicate_of_a_file_that_was_left_out_replaces_what_it_should() {
    let rule = b"- rule: R\n  desc: d\n  condition: evt.type = write and fd.type in (ipv4, ipv6)\n  output: '%fd.name'\n  priority: DEBUG\n";
    let rules = compiled(&[("r.yaml", rule)]);
    let (plan, _) = Planner::new().plan(&rules);
    let numbers = &mut Numbers(1);
    for duplicate in [EventCode::DUP2_X, EventCode::DUP3_X, EventCode::FCNTL_X] {
        let mut calls = Calls::new(numbers);
        calls.start(EventCode::SOCKET_X, 3).u32(2).u32(1).u32(0).u32(0);
        calls.finish(None);
        calls.start(EventCode::OPEN_X, 4).text("/tmp/x").u32(1).u32(0).u32(8).u64(77);
        calls.builder.raw(b"=").raw(&[1, 8, 0, 0, 0, 0, 1, 0]).raw(b"");
        calls.finish(None);
        match duplicate {
            EventCode::DUP2_X => drop(calls.start(duplicate, 3).i64(4).i64(3)),
            EventCode::DUP3_X => drop(calls.start(duplicate, 3).i64(4).i64(3).u32(0)),
            _ => drop(calls.start(duplicate, 3).i64(4).u8(1).u64(3)),
        }
        calls.finish(None);
        calls.start(EventCode::WRITE_X, 4).raw(b"data").i64(3).u32(4);
        calls.finish(None);
        assert_eq!(agree(&format!("{duplicate:?}"), &rules, &plan, &calls.events), 1);
    }
}

fn report_of(condition: &str, output: &str) -> (Plan, Report) {
    let text = format!("- rule: R\n  desc: d\n  condition: {condition}\n  output: {output:?}\n  priority: DEBUG\n");
    Planner::new().plan(&compiled(&[("r.yaml", text.as_bytes())]))
}

#[test]
fn what_hinders_is_reported() {
    let (plan, report) = report_of("evt.type = unlink", "%evt.deltatime");
    assert!(plan.is_everything());
    assert_eq!((report.blockers[0].extent, report.blockers[0].part.as_str()), (Extent::Everything, "evt.deltatime"));
    assert!(report_of("evt.type = unlink and evt.num > 5", "x").0.is_everything());
    assert!(!report_of("evt.type = unlink and evt.num > 0", "%evt.num").0.is_everything());

    let (_, report) = report_of("evt.type = read", "%fd.name");
    let files: Vec<_> = report.blockers.iter().filter(|blocker| blocker.extent == Extent::OpenedFiles).collect();
    assert_eq!((files[0].rule.as_str(), files[0].types.as_slice()), ("R", &["read".to_owned()][..]));

    let (_, report) = report_of("evt.type = open and fd.name contains key and evt.failed = false", "x");
    let paths: Vec<_> = report.blockers.iter().filter(|blocker| blocker.extent == Extent::AnyPath).collect();
    assert!(paths[0].part.contains("fd.name contains key"), "{}", paths[0].part);
}

#[test]
fn errors_and_kinds_of_file_descriptors_are_those_that_rules_ask_for() {
    let errors = |condition: &str| {
        let (plan, _) = report_of(condition, "x");
        // Of those without a name it is not known how they look.
        let errnos = plan.errnos(EventCode::UNLINK_2_X).numbers().filter(|number| errno_name(*number).is_some());
        (plan.kept(EventCode::UNLINK_2_X), errnos.collect::<Vec<_>>())
    };
    assert_eq!(errors("evt.type = unlink and evt.res = ENOENT"), (Outcomes::FAILED, vec![2]));
    assert_eq!(errors("evt.type = unlink and evt.rawres in (-2, -13)"), (Outcomes::FAILED, vec![2, 13]));
    assert_eq!(errors("evt.type = unlink and evt.res in (SUCCESS, EACCES)"), (Outcomes::BOTH, vec![13]));
    assert_eq!(
        errors("evt.type = unlink and proc.name = x"),
        (Outcomes::BOTH, Errnos::ALL.numbers().filter(|number| errno_name(*number).is_some()).collect())
    );

    let kinds = |condition: &str| {
        let (plan, _) = report_of(&format!("evt.type = read and {condition}"), "x");
        let of = |kind| plan.descriptors(EventCode::READ_X).contains(Descriptors::one(kind, Outcomes::SUCCEEDED));
        Descriptor::ALL.into_iter().filter(|kind| of(*kind)).collect::<Vec<_>>()
    };
    use Descriptor::{File, Inet, Unix};
    for (condition, expect) in [
        ("fd.type in (ipv4, ipv6)", &[Inet][..]),
        ("fd.type = unix", &[Unix]),
        ("fd.type = file and fd.name contains etc", &[File]),
        ("not fd.type = file", &[File, Inet, Unix]),
        ("fd.typechar = u", &[File, Unix]),
        ("fd.sockfamily = ip", &[Inet]),
        ("fd.name startswith /etc/", &[File, Unix]),
        ("fd.name = /etc/shadow", &[File, Unix]),
        ("fd.name endswith shadow", &[File, Inet, Unix]),
        ("fd.directory = /etc", &[File]),
        ("fd.sport = 443", &[Inet]),
        ("fd.sip = 1.2.3.4 and evt.failed = false", &[Inet]),
    ] {
        assert_eq!(kinds(condition), expect, "{condition}");
    }
    // The status of a connection is part of the state as soon as anything shows it.
    let needs = |output: &str| {
        let (plan, _) = report_of("evt.type in (read, close) and fd.type = file", output);
        plan.descriptors(EventCode::READ_X).contains(Descriptors::one(Inet, Outcomes::SUCCEEDED))
    };
    assert!(needs("%fd.connected") && !needs("%fd.name"));
}

#[test]
fn reasons_outside_of_rules_count() {
    let rules = compiled(&[(
        "r.yaml",
        b"- rule: R\n  desc: d\n  condition: evt.type = unlink\n  output: x\n  priority: DEBUG\n",
    )]);
    let (plan, report) = Planner::new().everything_for("a recording").plan(&rules);
    assert!(plan.is_everything() && report.blockers[0].part == "a recording");
    let calls = [scap::schema::SyscallCode::CLOSE].into_iter().collect();
    let (plan, _) = Planner::new().calls(calls).plan(&rules);
    assert_eq!(plan.kept(EventCode::CLOSE_X), Outcomes::BOTH);
    assert_eq!(Planner::new().plan(&rules).0.kept(EventCode::CLOSE_X), Outcomes::SUCCEEDED);
}
