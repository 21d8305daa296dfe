//! Tests that text and back is the identity for any event, and that errors name their place.

use proptest::prelude::*;

use super::*;
use crate::host::{Fd, FdKind, Group, HostState, Interface, InterfaceAddress, Machine, Thread, User};
use crate::schema::{EVENTS, EventCode, ParamInfo, ParamType};
use crate::{Event, EventBuilder, Source};

fn text_of(event: &Event<'_>) -> String {
    let mut out = String::new();
    write_event(event, &mut out);
    out
}

#[track_caller]
fn round_trip(event: &Event<'_>) -> String {
    let text = text_of(event);
    assert!(!text.contains('\n'), "{text}");
    let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let back = trace.events().next().expect("one event");
    assert_eq!(back.bytes(), event.bytes(), "{text}");
    assert_eq!((back.cpu(), back.flags()), (event.cpu(), event.flags()), "{text}");
    text
}

/// Returns bytes that a parameter of this type may hold, mostly well-formed.
fn value_of(info: &'static ParamInfo) -> BoxedStrategy<Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..48);
    let text = "[ -~\\n\u{e9}\u{1f600}]{0,20}".prop_map(|text| [text.as_bytes(), &[0]].concat());
    let sized = |len: usize| proptest::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], len).boxed();
    let typed = match info.ty {
        ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath => text.boxed(),
        ParamType::ByteBuf | ParamType::CharBufArray | ParamType::PairArray => prop_oneof![bytes.clone(), text].boxed(),
        ParamType::SockAddr => prop_oneof![
            sized(6).prop_map(|rest| [vec![2], rest].concat()),
            sized(18).prop_map(|rest| [vec![10], rest].concat()),
            text.prop_map(|path| [vec![1], path].concat()),
        ]
        .boxed(),
        ParamType::SockTuple => prop_oneof![
            sized(12).prop_map(|rest| [vec![2], rest].concat()),
            sized(36).prop_map(|rest| [vec![10], rest].concat()),
            (sized(16), text).prop_map(|(pointers, path)| [vec![1], pointers, path].concat()),
        ]
        .boxed(),
        ParamType::FdList => (0_u16..4)
            .prop_flat_map(move |count| {
                sized(usize::from(count) * 10).prop_map(move |rest| [count.to_le_bytes().to_vec(), rest].concat())
            })
            .boxed(),
        ParamType::IpAddr => prop_oneof![sized(4), sized(16)].boxed(),
        ParamType::IpNet => prop_oneof![sized(8), sized(32)].boxed(),
        ParamType::Dyn => (0..info.dynamic.len())
            .prop_flat_map(|index| {
                value_of(&info.dynamic[index]).prop_map(move |rest| [vec![index as u8], rest].concat())
            })
            .boxed(),
        // Numbers: small, with few bits, or any.
        ty => prop_oneof![
            (0..40_u8).prop_map(move |small| {
                let mut raw = vec![0; ty.min_len()];
                raw[0] = small;
                raw
            }),
            (-130..0_i64).prop_map(move |small| small.to_le_bytes()[..ty.min_len().min(8)].to_vec()),
            sized(ty.min_len()),
        ]
        .boxed(),
    };
    prop_oneof![8 => typed, 1 => bytes, 1 => Just(Vec::new())].boxed()
}

prop_compose! {
    fn any_event()(code in 0..EVENTS.len())(
        values in EVENTS[code].params.iter().map(value_of).collect::<Vec<_>>(),
        fewer in 0..4_usize,
        more in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..3),
        ts in any::<u64>(),
        tid in any::<i64>(),
        cpu in any::<u16>(),
        flags in 0..4_u32,
        code in Just(code),
    ) -> EventBuilder {
        let mut builder = EventBuilder::new();
        builder.start(EventCode(code as u16)).ts(ts).tid(tid).cpu(cpu).flags(flags);
        let keep = values.len().saturating_sub(if more.is_empty() { fewer } else { 0 });
        for value in values.iter().take(keep).chain(&more) {
            builder.raw(value);
        }
        builder.finish().expect("an event");
        builder
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_event_survives(builder in any_event()) {
        round_trip(&builder.event().expect("an event"));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,120}") {
        let _ = Trace::parse(&text);
    }

    #[test]
    fn any_mangled_line_is_read_or_refused(builder in any_event(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut text: Vec<char> = text_of(&builder.event().expect("an event")).chars().collect();
        let at = at.index(text.len());
        text[at] = with;
        let text: String = text.into_iter().collect();
        if let Ok(trace) = Trace::parse(&text) {
            for event in trace.events() {
                round_trip(&event);
            }
        }
    }
}

#[test]
fn every_event_and_type_has_a_readable_form() {
    for info in EVENTS.iter() {
        let mut builder = EventBuilder::new();
        builder.start(info.code).tid(1);
        for param in info.params {
            match param.ty {
                ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath => builder.text("x"),
                ParamType::SockAddr => builder.raw(&[2, 127, 0, 0, 1, 80, 0]),
                ParamType::SockTuple => builder.raw(&[2, 127, 0, 0, 1, 80, 0, 127, 0, 0, 1, 90, 0]),
                ParamType::FdList => builder.raw(&[1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
                ParamType::Dyn => builder.raw(&[1, 1]),
                ty => builder.raw(&vec![0; ty.min_len()]),
            };
        }
        let text = round_trip(&builder.finish().expect("an event"));
        assert!(!text.contains("b\"") || text.contains("=1:b\""), "{text}");
    }
}

#[test]
fn the_line_of_an_event() {
    let mut builder = EventBuilder::new();
    let open = builder
        .start(EventCode::OPENAT_2_X)
        .ts(1_700_000_000_000_000_001)
        .tid(7)
        .i64(-2)
        .i64(-100)
        .text("a \"b\"\n")
        .u32(0x8000_1001)
        .u32(0o644)
        .u32(0xfe00)
        .empty()
        .finish()
        .expect("an event");
    assert_eq!(
        round_trip(&open),
        "1700000000.000000001 cpu=0 tid=7 openat fd=-ENOENT dirfd=AT_FDCWD name=\"a \\\"b\\\"\\n\" \
         flags=O_RDONLY|O_CLOEXEC|0x80000000 mode=0644 dev=0xfe00 ino=-"
    );
    let enter = builder.start(EventCode::CLOSE_E).tid(7).flags(1).raw(&[3]).raw(b"\xff").finish().expect("an event");
    assert_eq!(round_trip(&enter), "0.000000000 cpu=0 tid=7 flags=0x1 CLOSE_E fd=b\"\\x03\" 1=b\"\\xff\"");
    let unknown = builder.start(EventCode(500)).raw(b"a").empty().finish().expect("an event");
    assert_eq!(round_trip(&unknown), "0.000000000 cpu=0 tid=-1 code=500 0=b\"a\" 1=-");
    let exec = builder.start(EventCode::EXECVE_19_X).i64(0).text("sh").raw(b"-c\0id\0").finish().expect("an event");
    assert_eq!(round_trip(&exec), "0.000000000 cpu=0 tid=-1 execve res=0 exe=\"sh\" args=[\"-c\",\"id\"]");
    let poll = [&[2, 0][..], &3_i64.to_le_bytes(), &[1, 0], &4_i64.to_le_bytes(), &[0x44, 0x80]].concat();
    let poll = builder.start(EventCode::POLL_X).i64(1).raw(&poll).finish().expect("an event");
    assert_eq!(round_trip(&poll), "0.000000000 cpu=0 tid=-1 poll res=1 fds=[3:POLLIN,4:POLLOUT|POLLNVAL|0x8000]");
}

#[test]
fn times_may_be_left_out_or_relative() {
    let text = "5.5 tid=1 close res=0 fd=3\ntid=1 close\n+2ms close # tid=9\n\n#\n+7 close\n";
    let trace = Trace::parse(text).expect("a trace");
    let seen: Vec<(u64, i64, usize)> = trace.events().map(|event| (event.ts(), event.tid(), event.nparams())).collect();
    assert_eq!(seen, [(5_500_000_000, 1, 2), (5_500_001_000, 1, 0), (5_502_001_000, -1, 0), (5_502_001_007, -1, 0)]);
}

#[test]
fn parameters_come_in_any_order_and_gaps_are_empty() {
    let trace = Trace::parse("openat flags=O_RDWR name=\"x\"").expect("a trace");
    let event = trace.events().next().expect("one event");
    assert_eq!(event.raws().map(<[u8]>::to_vec).collect::<Vec<_>>(), [&b""[..], b"", b"x\0", &3_u32.to_le_bytes()]);
}

#[test]
fn errors_name_their_place() {
    for (text, line, column, message) in [
        ("\n  clos res=0", 2, 3, "there is no event `clos`"),
        ("close re=0", 1, 7, "`re` is not one of its parameters (res, fd), nor a number"),
        ("close res=x", 1, 11, "expected a number or an error such as -ENOENT"),
        ("close res=-EWHAT", 1, 11, "expected a number or an error such as -ENOENT"),
        ("close res=0 res=0", 1, 13, "`res` is given twice"),
        ("close res=99999999999999999999", 1, 11, "99999999999999999999 is not within"),
        ("close res=0,", 1, 12, "unexpected `,`"),
        ("close 99999=-", 1, 7, "at most 32768 parameters"),
        ("tid=1 \u{e9}", 1, 7, "there is no event ``"),
        ("openat name=\"x", 1, 15, "the quote is not closed"),
        ("openat name=\"\\y\"", 1, 14, "expected one of"),
        ("openat flags=O_RDONLY|O_WHAT", 1, 23, "expected a number or a name of file_flags"),
        ("read data=\"x\"", 1, 11, "expected b\"…\""),
        ("connect tuple=1.2.3.4:5->[::1]:5", 1, 15, "both ends must be of one family"),
        ("1.0000000001 close", 1, 1, "expected a time"),
        ("+1h close", 1, 1, "expected one of the units"),
        ("cpu=70000 close", 1, 5, "70000 is not within"),
        ("setsockopt val=9:1", 1, 16, "the parameter has no type of index 9"),
        ("5.0", 1, 4, "expected the name of an event"),
        ("thread comm=\"x\"", 1, 7, "a thread needs `tid=`"),
        ("thread tid=1 name=\"x\"", 1, 14, "`name` is not one of tid, pid"),
        ("fd tid=1 num=1 kind=pipe", 1, 3, "there is no `thread` line with tid 1"),
        ("thread tid=1\nfd tid=1  mode=0", 2, 11, "`mode` is not one of tid, num"),
        ("thread tid=1\nfd tid=1 num=1 kind=ipv4", 2, 3, "needs a `tuple=`"),
        ("close\nuser uid=0", 2, 1, "state must come before events"),
        ("restart now", 1, 9, "unexpected text after"),
    ] {
        let error = Trace::parse(text).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }
    let error = Trace::parse("x").expect_err("no event");
    assert_eq!(error.to_string(), "line 1, column 1: there is no event `x`");
}

fn everything() -> HostState {
    let kinds = vec![
        FdKind::File { flags: 0x1003, name: b"/dev/null".to_vec(), dev: 5 },
        FdKind::Ipv4 { sip: [1, 2, 3, 4].into(), dip: [5, 6, 7, 8].into(), sport: 9, dport: 10, l4: 2 },
        FdKind::Ipv6 { sip: 1.into(), dip: 2.into(), sport: 9, dport: 10, l4: 77 },
        FdKind::Ipv4Server { ip: [0; 4].into(), port: 80, l4: 3 },
        FdKind::Ipv6Server { ip: 0.into(), port: 80, l4: 5 },
        FdKind::Unix { source: 1, destination: u64::MAX, name: b"/run/\xff".to_vec() },
        FdKind::Named { ty: 7, name: b"pipe:[12]".to_vec() },
        FdKind::Named { ty: 99, name: b"".to_vec() },
    ];
    let fds = kinds.into_iter().enumerate().map(|(num, kind)| Fd { num: num as i64, ino: 100, kind }).collect();
    let thread = Thread {
        tid: 7,
        pid: 6,
        ptid: 1,
        sid: 2,
        vpgid: 3,
        pgid: 4,
        vtid: 5,
        vpid: 8,
        comm: b"sh".to_vec(),
        exe: b"sh".to_vec(),
        exepath: b"/bin/sh".to_vec(),
        args: b"-c\0id\0".to_vec(),
        env: b"A=\xff\0".to_vec(),
        cwd: b"/".to_vec(),
        root: b"/".to_vec(),
        cgroups: b"cpu=/\0".to_vec(),
        fdlimit: 1024,
        flags: 0x9,
        uid: 1,
        gid: 2,
        vmsize_kb: 3,
        vmrss_kb: 4,
        vmswap_kb: 5,
        pfmajor: 6,
        pfminor: 7,
        pidns_init_start_ts: 8,
        tty: 9,
        loginuid: 10,
        exe_writable: true,
        exe_upper_layer: true,
        exe_lower_layer: true,
        exe_from_memfd: true,
        cap_inheritable: 1,
        cap_permitted: 2,
        cap_effective: u64::MAX,
        exe_ino: 3,
        exe_ino_ctime: 1_700_000_000_000_000_001,
        exe_ino_mtime: 5,
        start_ts: 6,
        fds,
    };
    HostState {
        machine: Some(Machine {
            cpus: 2,
            memory: 3,
            max_pid: 4,
            hostname: b"box".to_vec(),
            boot_time: 1_700_000_000_000_000_000,
            flags: 6,
        }),
        interfaces: vec![
            Interface {
                name: b"lo".to_vec(),
                address: InterfaceAddress::V4 {
                    address: [127, 0, 0, 1].into(),
                    netmask: [255, 0, 0, 0].into(),
                    broadcast: [0; 4].into(),
                },
                link_speed: 1,
            },
            Interface {
                name: b"lo".to_vec(),
                address: InterfaceAddress::V6 { address: 1.into(), netmask: u128::MAX.into(), broadcast: 0.into() },
                link_speed: 0,
            },
        ],
        users: vec![User { uid: 1, gid: 2, name: b"a".to_vec(), home: b"/".to_vec(), shell: b"/bin/sh".to_vec() }],
        groups: vec![Group { gid: 5, name: b"b c".to_vec() }],
        threads: vec![thread, Thread { tid: 9, pid: 9, ..Thread::default() }],
    }
}

#[test]
fn state_survives() {
    let host = everything();
    let mut text = String::new();
    write_host(&host, &mut text);
    let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(*trace.host(), host, "{text}");
}

#[test]
fn a_restart_begins_a_new_host_state() {
    let text = "thread tid=1\nclose\nrestart\nthread tid=2\nthread tid=3\nclose\n";
    let mut trace = Trace::parse(text).expect("a trace");
    for _ in 0..2 {
        assert_eq!(trace.host().threads.len(), 1);
        assert!(matches!(trace.next(), Ok(crate::Next::Event(_))));
        assert!(matches!(trace.next(), Ok(crate::Next::Restart)));
        assert_eq!(trace.host().threads.len(), 2);
        assert!(matches!(trace.next(), Ok(crate::Next::Event(_))));
        assert!(matches!(trace.next(), Ok(crate::Next::End)));
        assert_eq!(trace.stats().delivered, 2);
        trace.rewind();
    }
}

#[test]
fn no_event_is_called_like_a_state_line() {
    for info in EVENTS.iter() {
        assert!(!state::WORDS.contains(&info.name) && info.name != "restart", "{info:?}");
    }
}

#[test]
fn the_example_of_the_documentation_is_a_trace() {
    let lines = include_str!("mod.rs").lines().map(|line| line.trim_start_matches("//!"));
    let example: Vec<&str> =
        lines.skip_while(|line| *line != " ```text").skip(1).take_while(|line| *line != " ```").collect();
    let trace = Trace::parse(&example.join("\n")).expect("a trace");
    assert_eq!(
        trace.events().map(|event| event.code()).collect::<Vec<_>>(),
        [EventCode::OPENAT_2_X, EventCode::READ_X, EventCode::CLOSE_X]
    );
    assert_eq!(trace.host().threads.first().map(|thread| thread.fds.len()), Some(1));
}
