//! Random sequences of events through the inspector, by schema and against it. After each the tables must agree with
//! each other, whatever came.
//!
//! Events are drawn so that they refer to each other: few threads, few numbers of file descriptors, flags and paths
//! with a meaning. Choices come from a number (tests) or from the bytes of a fuzzer.

use super::sinsp::scap::schema::{EVENTS, ParamType};
use super::sinsp::scap::{self, EventBuilder, EventCode, HostState, Source, SourceStats, host};
use super::sinsp::state::{ContainerInfo, ContainerMetadata, MAX_CREATORS};
use super::sinsp::{Config, Event, Inspector, Next, Proc};

/// The source of choices.
#[derive(Debug, Clone)]
pub enum Dice<'a> {
    /// A small generator of numbers (xorshift64*), the same everywhere. The state must not be 0.
    Seed(u64),
    /// Bytes, which run out: then all choices are the first.
    Bytes(&'a [u8]),
}

impl Dice<'_> {
    fn next(&mut self) -> u64 {
        match self {
            Self::Seed(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                state.wrapping_mul(0x2545_F491_4F6C_DD1D)
            }
            Self::Bytes(_) => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
        }
    }

    fn byte(&mut self) -> u8 {
        match self {
            Self::Seed(_) => (self.next() >> 32) as u8,
            Self::Bytes(bytes) => {
                let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
                *bytes = rest;
                *first
            }
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        match self {
            Self::Bytes(_) if end <= 256 => u64::from(self.byte()) % end,
            Self::Bytes(_) if end <= 65_536 => (u64::from(self.byte()) << 8 | u64::from(self.byte())) % end,
            _ => self.next() % end,
        }
    }

    fn one_in(&mut self, n: u64) -> bool {
        // Not the first choice: bytes that ran out would make it always so.
        self.below(n) == n - 1
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Bytes([]))
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

fn value(dice: &mut Dice<'_>, ty: ParamType, out: &mut Vec<u8>) {
    let small = dice.below(12) as i64 - 2;
    match ty {
        ParamType::Pid | ParamType::Fd => out.extend(small.to_le_bytes()),
        ParamType::Errno | ParamType::Int64 | ParamType::UInt64 => {
            let number = if dice.one_in(3) { dice.next() as i64 } else { small };
            out.extend(number.to_le_bytes());
        }
        ParamType::Flags32 => {
            let flags = [0, 1, 0x2000, 0x2001, 0x100, 0x40, 0x2000_0000, 0x800_0000, 0x1000, 0x400, 0x10_0000];
            let flags = if dice.one_in(4) { dice.next() as u32 } else { dice.pick(&flags) };
            out.extend(flags.to_le_bytes());
        }
        // Returns the family, and how many bytes the addresses of each have.
        ParamType::SockAddr => socket(dice, &[(1, 0), (2, 6), (10, 18), (16, 18)], out),
        ParamType::SockTuple => socket(dice, &[(1, 16), (2, 12), (10, 36)], out),
        ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath | ParamType::ByteBuf => {
            out.extend_from_slice(dice.pick(TEXTS));
        }
        _ => {
            for _ in 0..dice.pick(&[1, 2, 4, 4, 8]) {
                out.push(dice.below(40) as u8);
            }
        }
    }
}

/// Returns one of these families, with as many bytes of addresses; a unix socket has a path too.
fn socket(dice: &mut Dice<'_>, families: &[(u8, usize)], out: &mut Vec<u8>) {
    let (family, len) = dice.pick(families);
    out.push(family);
    for _ in 0..len {
        out.push(dice.pick(&[0, 0, 0, 1, 127, 255]));
    }
    if family == 1 {
        out.extend_from_slice(dice.pick(TEXTS));
    }
}

/// Returns the bytes of a cgroup list that names a container.
const CGROUPS: &[u8] = b"cpu=/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\0";

/// A source of random events, one at a time.
#[derive(Debug)]
struct Chaos<'a> {
    dice: Dice<'a>,
    left: u32,
    ts: u64,
    builder: EventBuilder,
    host: HostState,
    bytes: Vec<u8>,
}

impl Source for Chaos<'_> {
    fn next(&mut self) -> scap::Result<scap::Next<'_>> {
        if self.left == 0 || self.dice.is_over() {
            return Ok(scap::Next::End);
        }
        self.left -= 1;
        let dice = &mut self.dice;
        if dice.one_in(400) {
            return Ok(scap::Next::Restart);
        }
        let code = if dice.one_in(4) { EventCode(dice.below(460) as u16) } else { dice.pick(BUSY) };
        self.ts += if dice.one_in(50) { 3_000_000_000 } else { dice.below(256) * 4000 };
        let event = self.builder.start(code).ts(self.ts).tid(dice.below(12) as i64 - 1);
        let params = EVENTS.get(usize::from(code.0)).map_or(&[][..], |info| info.params);
        let given = if dice.one_in(10) { dice.below(params.len() as u64 + 2) as usize } else { params.len() };
        for index in 0..given {
            self.bytes.clear();
            match params.get(index) {
                _ if dice.one_in(15) => {}
                Some(param) if param.name == "cgroups" && dice.one_in(2) => self.bytes.extend_from_slice(CGROUPS),
                Some(param) => value(dice, param.ty, &mut self.bytes),
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

/// Returns a thread of the host, as likely to be nonsense as not.
fn thread(dice: &mut Dice<'_>) -> host::Thread {
    host::Thread {
        tid: dice.below(10) as i64,
        pid: dice.below(10) as i64,
        ptid: dice.below(10) as i64 - 1,
        vtid: dice.below(10) as i64,
        cwd: b"/x".to_vec(),
        flags: dice.next() as u32,
        cgroups: if dice.one_in(3) { CGROUPS.to_vec() } else { Vec::new() },
        start_ts: dice.below(40) * 1_000_000_000,
        fds: vec![host::Fd {
            num: dice.below(5) as i64,
            ino: 0,
            kind: host::FdKind::Named { ty: dice.below(23) as u8, name: b"n".to_vec() },
        }],
        ..host::Thread::default()
    }
}

/// A host with random values.
struct Whim(Dice<'static>);

impl Proc for Whim {
    fn thread(&mut self, tid: i64) -> Option<host::Thread> {
        let found = thread(&mut self.0);
        (!self.0.one_in(3)).then(|| if self.0.one_in(9) { found } else { host::Thread { tid, ..found } })
    }

    fn fd(&mut self, _pid: i64, _num: i64) -> Option<host::FdKind> {
        let kind = host::FdKind::File { flags: self.0.next() as u32, name: b"/passed".to_vec(), dev: 1 };
        (!self.0.one_in(3)).then_some(kind)
    }

    fn is_alive(&mut self, _tid: i64) -> bool {
        self.0.one_in(2)
    }

    fn environ(&mut self, _pid: i64) -> Option<Vec<u8>> {
        Some(b"A=1\0B\0\0".to_vec())
    }

    fn start_ts(&mut self, _tid: i64) -> Option<u64> {
        (!self.0.one_in(3)).then(|| self.0.below(100) * 1_000_000_000)
    }

    fn is_contained(&mut self, _pid: i64) -> Option<bool> {
        (!self.0.one_in(3)).then(|| self.0.one_in(2))
    }

    fn users(&mut self, _pid: i64) -> Option<(Vec<host::User>, Vec<host::Group>)> {
        let user = host::User { uid: self.0.below(40) as u32, ..host::User::default() };
        let group = host::Group { gid: self.0.below(40) as u32, ..host::Group::default() };
        (!self.0.one_in(3)).then(|| (vec![user], vec![group]))
    }
}

impl ContainerMetadata for Whim {
    fn container(&mut self, id: &[u8], owner: u32) -> Option<ContainerInfo> {
        let mut info = ContainerInfo::default();
        info.owner = self.0.one_in(2).then_some(owner);
        info.id = String::from_utf8_lossy(id).into_owned();
        self.0.one_in(2).then_some(info)
    }
}

/// Runs `count` events, or until the bytes run out.
///
/// # Panics
/// If the tables disagree, or a look-up has no end.
pub fn run(mut dice: Dice<'_>, events: u32) {
    let mut config = Config::default();
    if dice.one_in(3) {
        config.limits.threads = dice.below(8) as usize;
        config.limits.fds_per_process = dice.below(8) as usize;
        config.limits.stored_events = dice.below(4) as usize;
        config.limits.args_bytes = dice.below(8) as usize;
        config.limits.env_bytes = dice.below(8) as usize;
        config.limits.user_tables = dice.below(3) as usize;
        config.limits.users_per_table = dice.below(3) as usize;
    }
    if dice.one_in(4) {
        config.suppressed_comms.push("sleep".into());
    }
    config.track_connection_status = dice.one_in(2);
    config.containers = !dice.one_in(4);
    config.purge_interval_ns = 10_000_000_000;
    config.purge_idle_ns = 1;
    let threads = (0..dice.below(6)).map(|_| thread(&mut dice)).collect();
    let host = HostState { threads, ..HostState::default() };
    let mut whim = Whim(Dice::Seed(dice.next() | 1));
    let asks = dice.one_in(2);
    let chaos = Chaos { dice, left: events, ts: 1, builder: EventBuilder::new(), host, bytes: Vec::new() };
    let builder = Inspector::builder(chaos).config(config);
    let builder = if asks { builder.proc(Whim(whim.0.clone())) } else { builder };
    let mut inspector = builder.build();
    loop {
        match inspector.next().expect("the source does not fail") {
            Next::Event(event) => look(&event),
            Next::Hidden | Next::Idle => {}
            Next::End => break,
        }
        if asks && whim.0.one_in(50) {
            inspector.describe_containers(&mut whim);
        }
        if asks && whim.0.one_in(100) {
            inspector.remove_container(b"0123456789ab");
        }
        if let Err(error) = inspector.state().check() {
            panic!("{} events left: {error}", inspector.source().left);
        }
    }
    let state = inspector.state();
    let exported = state.export();
    assert!(exported.threads.len() <= state.threads().count());
    // An exported state can be imported again.
    let again = Chaos {
        dice: Dice::Bytes(b""),
        left: 0,
        ts: 1,
        builder: EventBuilder::new(),
        host: exported,
        bytes: Vec::new(),
    };
    Inspector::new(again).state().check().expect("the tables of a copy agree");
}

/// Reads every field and property of an event and its thread.
fn look(event: &Event<'_>) {
    let state = event.state();
    let Some(thread) = event.thread() else { return };
    // A circle is found after a few rounds, not at once.
    assert!(state.ancestors(thread).count() <= 4 * (state.threads().count() + 1), "ancestors run in a circle");
    let _ = (state.session_leader(thread), state.group_leader(thread), state.virtual_group_leader(thread));
    assert!(state.creators(thread).count() <= MAX_CREATORS);
    let _ = (state.session(thread), state.process(thread));
    let _ = (state.cwd(thread), state.env(thread).count(), state.follower_count(thread));
    let mut line = Vec::new();
    thread.cmdline_into(&mut line);
    let _ = (thread.cgroups().count(), state.ancestor(thread, 3));
    if let Some(fd) = event.fd() {
        let _ = (fd.l4(), fd.source(), fd.destination(), fd.kind.type_char());
    }
}
