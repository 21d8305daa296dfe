//! Tests of every version of every block, byte by byte as the writers of its time wrote it.

#![allow(clippy::unwrap_used, reason = "a test")]

use peregrine_scap::host::{Fd, FdKind, Group, Interface, InterfaceAddress, Machine, Thread, User};
use peregrine_scap::savefile::{BlockType, Reader};
use peregrine_scap::{EventBuilder, EventCode, HostState, Next, Source};

/// Builds the body of a block.
#[derive(Default, Clone)]
struct Body(Vec<u8>);

macro_rules! number {
    ($($name:ident)*) => {$(
        fn $name(mut self, value: $name) -> Self {
            self.0.extend(value.to_le_bytes());
            self
        }
    )*};
}

impl Body {
    number! { u8 u16 u32 u64 i64 }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.u16(text.len() as u16).raw(text.as_bytes())
    }

    /// Adds an entry preceded by its length; `counted` says whether the length counts itself.
    fn entry(self, entry: Self, counted: bool) -> Self {
        self.u32(entry.0.len() as u32 + if counted { 4 } else { 0 }).raw(&entry.0)
    }
}

fn block(ty: u32, body: &Body) -> Vec<u8> {
    let len = (12 + body.0.len().next_multiple_of(4)) as u32;
    let mut block = Body::default().u32(ty).u32(len).raw(&body.0).0;
    block.resize(len as usize - 4, 0);
    block.extend(len.to_le_bytes());
    block
}

fn section() -> Vec<u8> {
    block(BlockType::SECTION.0, &Body::default().u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX))
}

fn event() -> Vec<u8> {
    let mut builder = EventBuilder::new();
    let event = builder.start(EventCode::CLOSE_X).tid(1).i64(0).i64(3).finish().unwrap();
    block(BlockType::EVENT_V2.0, &Body::default().u16(0).raw(event.bytes()))
}

/// Returns the state in the blocks.
fn host(blocks: &[Vec<u8>]) -> HostState {
    let capture = [section(), blocks.concat(), event()].concat();
    let mut reader = Reader::new(capture.as_slice()).unwrap();
    assert!(matches!(reader.next(), Ok(Next::Event(_))));
    assert_eq!(reader.stats().unknown, 0);
    reader.host().clone()
}

/// Returns the fields of a process up to `root` in the given version, and the thread that they describe.
fn process(version: u8) -> (Body, Thread) {
    let mut thread = Thread { tid: 11, pid: 12, ptid: 13, ..Thread::default() };
    let mut body = Body::default().i64(11).i64(12).i64(13);
    if version >= 6 {
        body = body.i64(14);
        thread.sid = 14;
    }
    if version >= 8 {
        body = body.i64(15);
        thread.vpgid = 15;
    }
    body = body.text("comm").text("exe");
    (thread.comm, thread.exe) = (b"comm".to_vec(), b"exe".to_vec());
    if version >= 7 {
        body = body.text("/exepath");
        thread.exepath = b"/exepath".to_vec();
    }
    body = body.text("a\0b\0").text("/cwd").i64(1024).u32(1).u32(2).u32(3);
    (thread.args, thread.cwd, thread.fdlimit) = (b"a\0b\0".to_vec(), b"/cwd".to_vec(), 1024);
    (thread.flags, thread.uid, thread.gid) = (1, 2, 3);
    if version >= 2 {
        body = body.u32(4).u32(5).u32(6).u64(7).u64(8);
        (thread.vmsize_kb, thread.vmrss_kb, thread.vmswap_kb) = (4, 5, 6);
        (thread.pfmajor, thread.pfminor) = (7, 8);
    }
    if version >= 3 {
        body = body.text("K=V\0");
        thread.env = b"K=V\0".to_vec();
    }
    if version >= 4 {
        body = body.i64(21).i64(22).text("cpu=/\0");
        (thread.vtid, thread.vpid, thread.cgroups) = (21, 22, b"cpu=/\0".to_vec());
    }
    if version >= 5 {
        body = body.text("/root");
        thread.root = b"/root".to_vec();
    }
    (body, thread)
}

#[test]
fn process_lists_of_versions_1_to_8() {
    let types: [(u8, &[u32]); 8] = [
        (1, &[0x202, 0x8000_abcd]),
        (2, &[0x207, 0x8013_abcd]),
        (3, &[0x209, 0x8014_abcd]),
        (4, &[0x210]),
        (5, &[0x211]),
        (6, &[0x212]),
        (7, &[0x213]),
        (8, &[0x214]),
    ];
    for (version, numbers) in types {
        let (body, thread) = process(version);
        let second = Thread { tid: 99, ..thread.clone() };
        let mut other = body.clone();
        other.0[0] = 99;
        for number in numbers {
            let state = host(&[block(*number, &body.clone().raw(&other.0))]);
            assert_eq!(state.threads, [thread.clone(), second.clone()], "version {version}, {number:#x}");
        }
    }
}

#[test]
fn process_lists_of_version_9_with_every_length_of_tail() {
    let (body, plain) = process(9);
    let old = |body: Body| body.u32(1000).u8(1).u64(31).u64(32).u64(33);
    let thread = Thread {
        loginuid: 1000,
        exe_writable: true,
        cap_inheritable: 31,
        cap_permitted: 32,
        cap_effective: 33,
        ..plain.clone()
    };
    let read = |entry: Body| {
        let state = host(&[block(0x215, &Body::default().entry(entry.clone(), true).entry(entry, true))]);
        let [thread] = &state.threads[..] else { panic!("the second replaces the first") };
        thread.clone()
    };
    assert_eq!(read(body.clone()), plain);
    assert_eq!(read(body.clone().u32(1000)), Thread { loginuid: 1000, ..plain.clone() });
    // Before two fields were put in front of these.
    assert_eq!(read(old(body.clone())), thread);
    let newer = old(body.clone().u64(41).u32(42)).u8(1).u64(51).u64(52).u64(53);
    let thread = Thread {
        pidns_init_start_ts: 41,
        tty: 42,
        exe_upper_layer: true,
        exe_ino: 51,
        exe_ino_ctime: 52,
        exe_ino_mtime: 53,
        ..thread
    };
    assert_eq!(read(newer.clone()), thread);
    let newest = newer.u8(1).u8(1).i64(61);
    let thread = Thread { exe_from_memfd: true, exe_lower_layer: true, pgid: 61, ..thread };
    assert_eq!(read(newest.clone()), thread);
    // Fields of future versions are skipped.
    assert_eq!(read(newest.raw(&[0xff; 33])), thread);
}

#[test]
fn file_descriptor_lists() {
    let text = |name: &str| name.as_bytes().to_vec();
    let head = |num: i64, ty: u8| Body::default().i64(num).u64(7).u8(ty);
    let v6: [u8; 16] = std::array::from_fn(|i| i as u8);
    let entries: Vec<(Body, FdKind)> = vec![
        (
            head(0, 3).raw(&[127, 0, 0, 1]).raw(&[10, 0, 0, 2]).u16(80).u16(4000).u8(2),
            FdKind::Ipv4 { sip: [127, 0, 0, 1].into(), dip: [10, 0, 0, 2].into(), sport: 80, dport: 4000, l4: 2 },
        ),
        (
            head(1, 4).raw(&v6).raw(&v6).u16(80).u16(4000).u8(3),
            FdKind::Ipv6 { sip: v6.into(), dip: v6.into(), sport: 80, dport: 4000, l4: 3 },
        ),
        (head(2, 5).raw(&[0; 4]).u16(22).u8(2), FdKind::Ipv4Server { ip: [0; 4].into(), port: 22, l4: 2 }),
        (head(3, 6).raw(&v6).u16(22).u8(2), FdKind::Ipv6Server { ip: v6.into(), port: 22, l4: 2 }),
        (
            head(4, 8).u64(0xffff_8800).u64(0).text("/run/x"),
            FdKind::Unix { source: 0xffff_8800, destination: 0, name: text("/run/x") },
        ),
        (head(5, 1).text("/etc/passwd"), FdKind::Named { ty: 1, name: text("/etc/passwd") }),
        (head(6, 21).text("pidfd"), FdKind::Named { ty: 21, name: text("pidfd") }),
        (head(7, 0), FdKind::Named { ty: 0, name: Vec::new() }),
    ];
    let fds: Vec<Fd> = entries.iter().zip(0..).map(|((_, kind), num)| Fd { num, ino: 7, kind: kind.clone() }).collect();
    let process = block(0x202, &process(1).0);

    let v1 = entries.iter().fold(Body::default().i64(11), |body, (entry, _)| body.raw(&entry.0));
    for number in [0x203, 0x8001_abcd] {
        assert_eq!(host(&[process.clone(), block(number, &v1)]).threads[0].fds, fds);
    }
    let v2 = entries.iter().fold(Body::default().i64(11), |body, (entry, _)| body.entry(entry.clone(), true));
    assert_eq!(host(&[process.clone(), block(0x218, &v2)]).threads[0].fds, fds);

    // Only in version 2: files with a device, without one, future types, future fields.
    let file = head(1, 16).u32(2).text("/x");
    let v2 = Body::default()
        .i64(11)
        .entry(file.clone(), true)
        .entry(file.clone().u32(9), true)
        .entry(file.u32(9).raw(&[1; 5]), true)
        .entry(head(2, 77).raw(&[1; 9]), true);
    let state = host(&[process.clone(), block(0x218, &v2)]);
    let kinds: Vec<&FdKind> = state.threads[0].fds.iter().map(|fd| &fd.kind).collect();
    let file = |dev| FdKind::File { flags: 2, name: text("/x"), dev };
    let unknown = FdKind::Named { ty: 10, name: text("unknown-type:[77]") };
    assert_eq!(kinds, [&file(0), &file(9), &file(9), &unknown]);

    // The list of an unknown thread is dropped.
    let state = host(&[process, block(0x218, &Body::default().i64(404))]);
    assert!(state.threads[0].fds.is_empty());
}

#[test]
fn interfaces_users_and_host() {
    let v6: [u8; 16] = std::array::from_fn(|i| i as u8);
    let entries = [
        Body::default().u16(1).u16(2).raw(&[10, 0, 0, 1, 255, 0, 0, 0, 10, 255, 255, 255]).u64(1000).raw(b"lo"),
        Body::default().u16(2).u16(4).raw(&v6).raw(&v6).raw(&v6).u64(1000).raw(b"eth0"),
        Body::default().u16(3).u16(2).raw(&[10, 0, 0, 1, 255, 0, 0, 0, 10, 255, 255, 255]).raw(b"lo"),
        Body::default().u16(4).u16(3).raw(&v6).raw(&v6).raw(&v6).raw(b"wl0"),
    ];
    let v4 = InterfaceAddress::V4 {
        address: [10, 0, 0, 1].into(),
        netmask: [255, 0, 0, 0].into(),
        broadcast: [10, 255, 255, 255].into(),
    };
    let v6 = InterfaceAddress::V6 { address: v6.into(), netmask: v6.into(), broadcast: v6.into() };
    let interface = |name: &str, address, link_speed| Interface { name: name.into(), address, link_speed };
    let expected =
        [interface("lo", v4, 1000), interface("eth0", v6, 1000), interface("lo", v4, 0), interface("wl0", v6, 0)];
    let v1 = entries.iter().fold(Body::default(), |body, entry| body.raw(&entry.0));
    for number in [0x205, 0x8011_abcd] {
        assert_eq!(host(&[block(number, &v1)]).interfaces, expected);
    }
    let v2 = entries.iter().fold(Body::default(), |body, entry| body.entry(entry.clone(), false));
    assert_eq!(host(&[block(0x219, &v2)]).interfaces, expected);
    // A second list replaces the first.
    assert_eq!(host(&[block(0x219, &v2), block(0x219, &v2)]).interfaces, expected);

    let user = Body::default().u8(0).u32(1000).u32(100).text("ann").text("/home/ann").text("/bin/sh");
    let group = Body::default().u8(1).u32(100).text("users");
    let users = [User { uid: 1000, gid: 100, name: "ann".into(), home: "/home/ann".into(), shell: "/bin/sh".into() }];
    let groups = [Group { gid: 100, name: "users".into() }];
    for number in [0x206, 0x8012_abcd] {
        let state = host(&[block(number, &user.clone().raw(&group.0))]);
        assert_eq!((&state.users[..], &state.groups[..]), (&users[..], &groups[..]));
    }
    let state = host(&[block(0x220, &Body::default().entry(user, true).entry(group.raw(b"to come"), true))]);
    assert_eq!((&state.users[..], &state.groups[..]), (&users[..], &groups[..]));

    let mut name = [0; 128];
    name[..4].copy_from_slice(b"host");
    let machine = Body::default().u32(4).u64(1 << 34).u64(32_768).raw(&name).u64(99).u64(1).u64(0).u64(0);
    for number in [0x201, 0x8002_abcd] {
        let expected =
            Machine { cpus: 4, memory: 1 << 34, max_pid: 32_768, hostname: b"host".to_vec(), boot_time: 99, flags: 1 };
        assert_eq!(host(&[block(number, &machine)]).machine, Some(expected));
    }
}

#[test]
fn event_blocks_of_both_versions_with_and_without_flags() {
    let mut builder = EventBuilder::new();
    let event = builder.start(EventCode::CLOSE_X).ts(5).tid(6).i64(0).i64(3).finish().unwrap();
    let new = event.bytes().to_vec();
    let mut old = new.clone();
    old.drain(22..26);
    old[16] -= 4;
    let cases: [(u32, Option<u32>, &[u8]); 8] = [
        (0x204, None, &old),
        (0x8010_abcd, None, &old),
        (0x208, Some(1), &old),
        (0x216, None, &new),
        (0x217, Some(1), &new),
        (0x221, None, &new),
        (0x222, Some(1), &new),
        (0x222, Some(0), &new),
    ];
    for (number, flags, bytes) in cases {
        let mut body = Body::default().u16(3);
        if let Some(flags) = flags {
            body = body.u32(flags);
        }
        let capture = [section(), block(number, &body.raw(bytes))].concat();
        let mut reader = Reader::new(capture.as_slice()).unwrap();
        let Ok(Next::Event(event)) = reader.next() else { panic!("{number:#x}") };
        assert_eq!((event.cpu(), event.flags()), (3, flags.unwrap_or(0)), "{number:#x}");
        assert_eq!(event.bytes(), new);
    }
}

#[test]
fn options_of_a_section_header_are_skipped() {
    let header = Body::default().u32(0x1a2b_3c4d).u16(1).u16(2).u64(u64::MAX).raw(&[9; 20]);
    let capture = [block(BlockType::SECTION.0, &header), event()].concat();
    let mut reader = Reader::new(capture.as_slice()).unwrap();
    assert_eq!((reader.version().major, reader.version().minor), (1, 2));
    assert!(matches!(reader.next(), Ok(Next::Event(_))));
}
