//! Changes of settings while events are read, and the counts: nothing is dropped silently.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

use peregrine_bpf::{BpfSource, Builder, Probe, Selection, Toctou};
use scap::schema::{EventCode, SyscallCode};
use scap::{Next, Source};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// Opens the probe, or records a skip. One at a time: the tests of this file would see each other's calls.
fn open(builder: Builder) -> Option<(std::sync::MutexGuard<'static, ()>, BpfSource)> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match builder.proc_scan(None).toctou(Toctou::Off).max_wait(Duration::from_millis(2)).open() {
        Ok(source) => Some((guard, source)),
        Err(error) => {
            testkit::skip(&testkit::BPF, error);
            None
        }
    }
}

struct Seen {
    code: EventCode,
    cpu: u16,
    tid: i64,
    ts: u64,
    params: Vec<Vec<u8>>,
}

impl Seen {
    fn of(event: &scap::Event<'_>) -> Self {
        Self {
            code: event.code(),
            cpu: event.cpu(),
            tid: event.tid(),
            ts: event.ts(),
            params: event.raws().map(<[u8]>::to_vec).collect(),
        }
    }
}

fn drain(source: &mut BpfSource) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut quiet = 0;
    let end = Instant::now() + Duration::from_secs(5);
    while quiet < 3 && Instant::now() < end {
        match source.next().unwrap() {
            Next::Event(event) => {
                quiet = 0;
                seen.push(Seen::of(&event));
            }
            _ => quiet += 1,
        }
    }
    seen
}

fn gettid() -> i64 {
    std::fs::read_link("/proc/thread-self").unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// Selects nothing at all, not even the end of processes.
fn nothing() -> Selection {
    let mut selection = Selection::none();
    selection.remove(SyscallCode::SCHED_PROCESS_EXIT);
    selection
}

/// Parses a drop event: how many in all, by its text.
fn lost(seen: &Seen) -> u64 {
    assert_eq!((seen.tid, &seen.params[1][..]), (-1, &b"drop\0"[..]));
    let text = std::str::from_utf8(&seen.params[2]).unwrap();
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse::<u64>().ok());
    // {"lost":12,"buffer":{"open":10,"close":2}}
    let (total, causes) = text.strip_prefix("{\"lost\":").unwrap().split_once(',').unwrap();
    assert!(causes.starts_with("\"buffer\":{\""), "{text}");
    assert_eq!(number(total), Some(causes.split(',').filter_map(number).sum()), "{text}");
    number(total).unwrap()
}

#[test]
fn seen_is_delivered_and_dropped_on_every_cpu() {
    let builder = Probe::builder().select(nothing()).ring_size(8192).cpus_per_ring(1);
    let Some((_one, mut source)) = open(builder) else { return };
    source.select(Selection::all()).unwrap();
    let mut delivered: BTreeMap<u16, u64> = BTreeMap::new();
    let mut told: BTreeMap<u16, u64> = BTreeMap::new();
    let mut count = |seen: Seen| match seen.code {
        EventCode::ASYNCEVENT_E => *told.entry(seen.cpu).or_default() += lost(&seen),
        _ => *delivered.entry(seen.cpu).or_default() += 1,
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let _ = std::fs::read("/proc/self/stat");
                }
            });
        }
        for _ in 0..50 {
            if let Next::Event(event) = source.next().unwrap() {
                count(Seen::of(&event));
            }
        }
    });
    source.select(nothing()).unwrap();
    drain(&mut source).into_iter().for_each(&mut count);
    source.report_drops();
    drain(&mut source).into_iter().for_each(&mut count);
    assert_eq!(source.pending(), 0);
    let mut dropped = 0;
    for (cpu, stats) in source.cpu_stats().unwrap().iter().enumerate() {
        let there = delivered.get(&(cpu as u16)).copied().unwrap_or(0);
        assert_eq!(stats.seen, there + stats.dropped(), "processor {cpu}: {stats:?}");
        assert_eq!(
            stats.dropped(),
            told.get(&(cpu as u16)).copied().unwrap_or(0),
            "processor {cpu} as the stream reports"
        );
        dropped += stats.dropped();
    }
    let stats = source.stats();
    assert_eq!(stats.seen, stats.delivered + stats.dropped());
    assert!(dropped > 0, "a ring of two pages is too small for this load");
    assert!(stats.drops.iter().all(|drop| drop.cause == "buffer"), "{:?}", stats.drops);
    assert!(stats.drops.iter().any(|drop| drop.family == "open"), "{:?}", stats.drops);
}

#[test]
fn events_come_in_the_order_of_time() {
    let Some((_one, mut source)) = open(Probe::builder().select(nothing()).cpus_per_ring(1)) else { return };
    source.select(Selection::all()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let _ = std::fs::metadata("/proc/self/stat");
                }
            });
        }
    });
    source.select(nothing()).unwrap();
    let seen = drain(&mut source);
    let late = seen.windows(2).filter(|pair| pair[1].ts < pair[0].ts).count();
    assert!(seen.len() > 8000, "{} events", seen.len());
    assert_eq!(late, 0, "{late} of {} out of order", seen.len());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(now.abs_diff(seen.last().unwrap().ts) < 10_000_000_000, "the time is that of the day");
}

#[test]
fn selection_and_filters_change_while_running() {
    let Some((_one, mut source)) = open(Probe::builder().select(nothing())) else { return };
    let tid = gettid();
    let of = |seen: &[Seen], code| seen.iter().filter(|s| s.tid == tid && s.code == code).count();
    let calls = || {
        let _ = std::fs::File::open("/dev/null");
        let _ = std::fs::File::open("/nonexistent");
        let _ = std::fs::create_dir("/proc/peregrine");
    };
    calls();
    assert_eq!(of(&drain(&mut source), EventCode::OPENAT_2_X), 0, "nothing was wanted");
    source.select(Selection::named(&["openat"]).unwrap()).unwrap();
    calls();
    let seen = drain(&mut source);
    assert_eq!((of(&seen, EventCode::OPENAT_2_X), of(&seen, EventCode::MKDIR_2_X)), (2, 0));
    source.select(Selection::named(&["mkdir"]).unwrap()).unwrap();
    calls();
    let seen = drain(&mut source);
    assert_eq!((of(&seen, EventCode::OPENAT_2_X), of(&seen, EventCode::MKDIR_2_X)), (0, 1));
    let mut settings = *source.config();
    settings.selection = Selection::named(&["openat"]).unwrap();
    settings.drop_failed = true;
    source.set(settings).unwrap();
    calls();
    assert_eq!(of(&drain(&mut source), EventCode::OPENAT_2_X), 1, "the one that failed is left out");
    settings.skip_tgid = Some(std::process::id());
    source.set(settings).unwrap();
    calls();
    assert_eq!(of(&drain(&mut source), EventCode::OPENAT_2_X), 0, "this process is left out");
}

/// Opens a path that no other process opens.
fn open_own(name: &str) {
    let _ = std::fs::File::open(name);
}

/// Runs in a new pid namespace, where the number of this process is another one.
#[test]
fn the_own_process_is_left_out_in_another_pid_namespace() {
    const INSIDE: &str = "PEREGRINE_PID_NAMESPACE";
    const NAME: &str = "the_own_process_is_left_out_in_another_pid_namespace";
    if std::env::var_os(INSIDE).is_none() {
        let Some(opened) = open(Probe::builder().select(nothing())) else { return };
        drop(opened);
        let own = std::env::current_exe().unwrap();
        let mut unshare = std::process::Command::new("unshare");
        unshare.args(["--pid", "--fork", "--"]).arg(own).args(["--exact", NAME, "--nocapture"]).env(INSIDE, "1");
        let output = unshare.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("seen inside: 0 own, 1 of a child"), "{text}");
        return;
    }
    let select = Selection::named(&["open", "openat"]).unwrap();
    let (_one, mut source) = open(Probe::builder().select(select).skip_own(true)).expect("it ran outside");
    open_own("/nonexistent/own");
    let child = |name: &str| {
        let quiet = std::process::Stdio::null;
        std::process::Command::new("cat").arg(name).stderr(quiet()).status().unwrap();
    };
    child("/nonexistent/child");
    let seen = drain(&mut source);
    let with = |name: &[u8]| seen.iter().filter(|seen| seen.params.iter().any(|param| param == name)).count();
    println!("seen inside: {} own, {} of a child", with(b"/nonexistent/own\0"), with(b"/nonexistent/child\0"));
    drop((seen, source, _one));

    let (_one, mut source) = open(Probe::builder().select(select).only_children(true)).expect("it ran outside");
    open_own("/nonexistent/own");
    child("/nonexistent/child");
    let seen = drain(&mut source);
    let with = |name: &[u8]| seen.iter().filter(|seen| seen.params.iter().any(|param| param == name)).count();
    assert_eq!((with(b"/nonexistent/own\0"), with(b"/nonexistent/child\0")), (0, 1), "only children");
}

#[test]
fn more_is_kept_where_the_content_is_worth_it() {
    let Some((_one, mut source)) = open(Probe::builder().select(nothing())) else { return };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tid = gettid();
    let kept = |source: &mut BpfSource, port: u16, content: &[u8]| {
        let _ = drain(source);
        let _ = socket.send_to(content, ("127.0.0.1", port));
        let seen = drain(source);
        let event = seen.iter().find(|s| s.tid == tid && s.code == EventCode::SENDTO_X).expect("an event");
        event.params[1].len()
    };
    let mut settings = *source.config();
    settings.selection = Selection::named(&["sendto"]).unwrap();
    source.set(settings).unwrap();
    let (plain, get) = (vec![b'x'; 20_000], [b"GET / HTTP/1.1".to_vec(), vec![b'x'; 5000]].concat());
    assert_eq!(kept(&mut source, 53, &plain), 80);
    settings.snaplen = 100;
    source.set(settings).unwrap();
    assert_eq!(kept(&mut source, 53, &plain), 100);
    settings.dynamic_snaplen = true;
    settings.fullcapture_ports = Some((7000, 7010));
    source.set(settings).unwrap();
    assert_eq!(kept(&mut source, 53, &plain), 512, "DNS");
    assert_eq!(kept(&mut source, 8125, &plain), 2000, "statsd");
    assert_eq!(kept(&mut source, 9999, &get), 2000, "HTTP");
    assert_eq!(kept(&mut source, 9999, &plain), 100, "anything else");
    assert_eq!(kept(&mut source, 7005, &plain), 16_000, "a port that is kept whole");
}

#[test]
fn tracepoints_are_chosen_one_by_one() {
    let Some((_one, mut source)) = open(Probe::builder().select(nothing())) else { return };
    let mut switches = nothing();
    switches.insert(SyscallCode::SCHED_SWITCH);
    source.select(switches).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    source.select(nothing()).unwrap();
    let seen = drain(&mut source);
    assert!(seen.iter().all(|s| s.code == EventCode::SCHEDSWITCH_6_E), "only switches");
    let tid = gettid();
    let away = seen.iter().find(|s| s.tid == tid).expect("this thread slept");
    let next = i64::from_ne_bytes(away.params[0].clone().try_into().unwrap());
    assert_ne!(next, tid);
    assert_eq!(away.params.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8, 8, 4, 4, 4]);
    assert_ne!(away.params[3], [0; 4], "virtual memory of this process");

    let mut faults = nothing();
    faults.insert(SyscallCode::PAGE_FAULT_USER);
    source.select(faults).unwrap();
    const LEN: usize = 65536;
    // SAFETY: a fresh private mapping, which is written within its length.
    let from = unsafe {
        let at = libc::mmap(
            std::ptr::null_mut(),
            LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(at, libc::MAP_FAILED);
        at.cast::<u8>().write(1);
        at as u64
    };
    let to = from + LEN as u64;
    source.select(nothing()).unwrap();
    let seen = drain(&mut source);
    let fault = seen.iter().filter(|s| s.tid == tid && s.code == EventCode::PAGE_FAULT_E).find(|s| {
        let address = u64::from_ne_bytes(s.params[0].clone().try_into().unwrap());
        (from..to).contains(&address)
    });
    // Not present, written, by the user.
    assert_eq!(fault.expect("a fresh page is written").params[2], (2u32 | 4 | 0x10).to_ne_bytes());
}

#[test]
fn arguments_are_noted_on_the_way_in_by_tracepoints() {
    let builder = Probe::builder().select(nothing()).proc_scan(None).toctou(Toctou::Tracepoints);
    let Some((_one, mut source)) = open(Probe::builder().select(nothing())) else { return };
    drop(source);
    source = builder.open().unwrap();
    source.select(Selection::named(&["openat"]).unwrap()).unwrap();
    if source.notes().iter().any(|note| note.contains("tracepoint")) {
        testkit::skip!(KERNEL, "{:?}", source.notes());
    }
    let _ = std::fs::File::open("/dev/zero");
    let tid = gettid();
    let seen = drain(&mut source);
    let pair: Vec<_> = seen
        .iter()
        .filter(|s| s.tid == tid && s.params.iter().any(|param| param == b"/dev/zero\0"))
        .map(|s| s.code)
        .collect();
    assert_eq!(pair, [EventCode::OPENAT_2_E, EventCode::OPENAT_2_X]);
}

#[test]
fn a_program_that_is_left_out_gives_the_generic_event() {
    let builder = Probe::builder().select(Selection::named(&["mkdir"]).unwrap()).without_program("mkdir_2_x");
    let Some((_one, mut source)) = open(builder) else { return };
    let _ = drain(&mut source);
    let _ = std::fs::create_dir("/proc/peregrine");
    let tid = gettid();
    let seen = drain(&mut source);
    let event = seen.iter().find(|s| s.tid == tid).expect("an event");
    assert_eq!(event.code, EventCode::GENERIC_X);
    assert_eq!(event.params, [SyscallCode::MKDIR.0.to_ne_bytes(), 83u16.to_ne_bytes()]);
}
