//! Random sequences of events, by schema and against it: no panic, and the tables always agree with each other.
//!
//! Events are drawn so that they meet: few threads, few numbers of descriptors, flags and paths that mean something.
//! `PEREGRINE_RANDOM_SECONDS` runs for that long from a fresh seed.

use std::time::{Duration, Instant, SystemTime};

use peregrine_sinsp::{Config, Event, Inspector, Next};
use scap::schema::{EVENTS, ParamType};
use scap::{EventBuilder, EventCode, HostState, Source, SourceStats};

/// A small generator of numbers (xorshift64*), the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

/// Calls that work on the state, drawn more often than others.
const BUSY: &[EventCode] = &[
    EventCode::CLONE_20_X,
    EventCode::FORK_20_X,
    EventCode::VFORK_20_X,
    EventCode::CLONE3_X,
    EventCode::EXECVE_19_X,
    EventCode::EXECVE_19_E,
    EventCode::EXECVEAT_E,
    EventCode::PROCEXIT_1_E,
    EventCode::PROCEXIT_1_E,
    EventCode::PROCEXIT_1_E,
    EventCode::OPENAT_2_E,
    EventCode::OPENAT_2_X,
    EventCode::OPEN_E,
    EventCode::OPEN_X,
    EventCode::CLOSE_X,
    EventCode::CLOSE_RANGE_X,
    EventCode::DUP2_X,
    EventCode::DUP3_X,
    EventCode::FCNTL_X,
    EventCode::PIPE_X,
    EventCode::PIDFD_OPEN_X,
    EventCode::PIDFD_GETFD_X,
    EventCode::SOCKET_X,
    EventCode::BIND_X,
    EventCode::CONNECT_E,
    EventCode::CONNECT_X,
    EventCode::ACCEPT4_6_X,
    EventCode::SENDTO_X,
    EventCode::RECVFROM_X,
    EventCode::RECVMSG_X,
    EventCode::CHDIR_X,
    EventCode::FCHDIR_X,
    EventCode::PRCTL_X,
    EventCode::SETSID_X,
    EventCode::SETRESUID_X,
];

const TEXTS: &[&[u8]] = &[
    b"\0",
    b"a\0",
    b"/etc/passwd\0",
    b"../x\0",
    b"sleep\0",
    b"x",
    b"(NULL)\0",
    b"a\0b\0c\0",
    b"cpu=/a\0io=/b\0",
    b"\xff\xfe\0",
];

fn value(random: &mut Random, ty: ParamType, out: &mut Vec<u8>) {
    let small = random.below(12) as i64 - 2;
    match ty {
        ParamType::Pid | ParamType::Fd => out.extend(small.to_le_bytes()),
        ParamType::Errno | ParamType::Int64 | ParamType::UInt64 => {
            let number = if random.one_in(3) { random.next() as i64 } else { small };
            out.extend(number.to_le_bytes());
        }
        ParamType::Flags32 => {
            let flags = [0, 1, 0x2000, 0x2001, 0x100, 0x40, 0x2000_0000, 0x800_0000, 0x1000, 0x400, 0x10_0000];
            let flags = if random.one_in(4) { random.next() as u32 } else { random.pick(&flags) };
            out.extend(flags.to_le_bytes());
        }
        ParamType::SockAddr => {
            let family = random.pick(&[1, 2, 10, 16]);
            out.push(family);
            let len = match family {
                1 => 0,
                2 => 6,
                _ => 18,
            };
            address(random, len, out);
            if family == 1 {
                out.extend_from_slice(random.pick(TEXTS));
            }
        }
        ParamType::SockTuple => {
            let family = random.pick(&[1, 2, 10]);
            out.push(family);
            let len = match family {
                1 => 16,
                2 => 12,
                _ => 36,
            };
            address(random, len, out);
            if family == 1 {
                out.extend_from_slice(random.pick(TEXTS));
            }
        }
        ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath | ParamType::ByteBuf => {
            out.extend_from_slice(random.pick(TEXTS));
        }
        _ => {
            for _ in 0..random.pick(&[1, 2, 4, 4, 8]) {
                out.push(random.below(40) as u8);
            }
        }
    }
}

fn address(random: &mut Random, len: usize, out: &mut Vec<u8>) {
    for _ in 0..len {
        out.push(random.pick(&[0, 0, 0, 1, 127, 255]));
    }
}

/// A source of random events; the bytes of one event at a time.
struct Chaos {
    random: Random,
    left: u32,
    ts: u64,
    builder: EventBuilder,
    host: HostState,
    bytes: Vec<u8>,
}

impl Source for Chaos {
    fn next(&mut self) -> scap::Result<scap::Next<'_>> {
        if self.left == 0 {
            return Ok(scap::Next::End);
        }
        self.left -= 1;
        let random = &mut self.random;
        if random.one_in(400) {
            return Ok(scap::Next::Restart);
        }
        let code = if random.one_in(4) { EventCode(random.below(460) as u16) } else { random.pick(BUSY) };
        self.ts += if random.one_in(50) { 3_000_000_000 } else { random.below(1_000_000) };
        let event = self.builder.start(code).ts(self.ts).tid(random.below(12) as i64 - 1);
        let params = EVENTS.get(usize::from(code.0)).map_or(&[][..], |info| info.params);
        let given = if random.one_in(10) { random.below(params.len() as u64 + 2) as usize } else { params.len() };
        for index in 0..given {
            self.bytes.clear();
            match params.get(index) {
                _ if random.one_in(15) => {}
                Some(param) => value(random, param.ty, &mut self.bytes),
                None => self.bytes.push(1),
            }
            event.raw(&self.bytes);
        }
        Ok(match event.finish() {
            Ok(event) => scap::Next::Event(event),
            Err(_) => scap::Next::Idle,
        })
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats::default()
    }

    fn is_live(&self) -> bool {
        true
    }
}

fn host(random: &mut Random) -> HostState {
    let threads = (0..random.below(6)).map(|_| scap::host::Thread {
        tid: random.below(10) as i64,
        pid: random.below(10) as i64,
        ptid: random.below(10) as i64 - 1,
        vtid: random.below(10) as i64,
        cwd: b"/x".to_vec(),
        flags: random.next() as u32,
        fds: vec![scap::host::Fd {
            num: random.below(5) as i64,
            ino: 0,
            kind: scap::host::FdKind::Named { ty: random.below(23) as u8, name: b"n".to_vec() },
        }],
        ..scap::host::Thread::default()
    });
    HostState { threads: threads.collect(), ..HostState::default() }
}

fn run(seed: u64, events: u32) {
    let mut random = Random(seed | 1);
    let mut config = Config::default();
    if random.one_in(3) {
        config.limits.threads = random.below(8) as usize;
        config.limits.fds_per_process = random.below(8) as usize;
        config.limits.stored_events = random.below(4) as usize;
    }
    if random.one_in(4) {
        config.suppressed_comms.push("sleep".into());
    }
    config.track_connection_status = random.one_in(2);
    config.purge_interval_ns = 10_000_000_000;
    config.purge_idle_ns = 1;
    let host = host(&mut random);
    let chaos = Chaos { random, left: events, ts: 1, builder: EventBuilder::new(), host, bytes: Vec::new() };
    let mut inspector = Inspector::with_config(chaos, config);
    loop {
        match inspector.next().expect("the source does not fail") {
            Next::Event(event) => look(&event),
            Next::Hidden | Next::Idle => {}
            Next::End => break,
        }
        if let Err(fault) = inspector.state().check() {
            panic!("seed {seed}, {} events left: {fault}", inspector.source().left);
        }
    }
    let state = inspector.state();
    let exported = state.export();
    assert!(exported.threads.len() <= state.threads().count());
}

/// Asks everything that can be asked of an event and its thread.
fn look(event: &Event<'_>) {
    let state = event.state();
    let Some(thread) = event.thread() else { return };
    // A circle is found after a few rounds, not at once.
    assert!(state.ancestors(thread).count() <= 4 * (state.threads().count() + 1), "ancestors run in a circle");
    let _ = (state.session_leader(thread), state.group_leader(thread), state.virtual_group_leader(thread));
    let _ = (state.cwd(thread), state.env(thread).count(), state.follower_count(thread));
    let mut line = Vec::new();
    thread.cmdline_into(&mut line);
    let _ = (thread.cgroups().count(), state.ancestor(thread, 3));
    if let Some(fd) = event.fd() {
        let _ = (fd.l4(), fd.source(), fd.destination(), fd.kind.type_char());
    }
}

#[test]
fn the_tables_agree_after_any_events() {
    for seed in 1..=400 {
        run(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15), 300);
    }
    let Some(seconds) = std::env::var("PEREGRINE_RANDOM_SECONDS").ok().and_then(|text| text.parse().ok()) else {
        return;
    };
    let start = Instant::now();
    let mut seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let mut runs = 0u64;
    while start.elapsed() < Duration::from_secs(seconds) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        run(seed, 2000);
        runs += 1;
    }
    println!("{runs} runs");
}
