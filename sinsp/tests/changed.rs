//! Parameters that another thread changed while the call ran: fields have what the kernel used.

use peregrine_sinsp::fields::FieldRef;
use peregrine_sinsp::{Inspector, Next};
use scap::savefile::{Compression, Reader, Writer};
use scap::{EventBuilder, EventCode, HostState, host};

/// Returns the fields of the last event of an inspector.
fn last<S: scap::Source>(mut inspector: Inspector<S>, fields: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        match inspector.next().expect("the events are sound") {
            Next::Event(event) => {
                let arena = bumpalo::Bump::new();
                let text = |name: &&str| {
                    let field = FieldRef::parse(name).expect("a field");
                    String::from_utf8_lossy(field.text(&event, &arena).unwrap_or(b"-")).into_owned()
                };
                found = fields.iter().map(text).collect();
            }
            Next::End => return found,
            _ => {}
        }
    }
}

/// Returns the fields of the last event of a trace.
fn of_trace(events: &str, fields: &[&str]) -> Vec<String> {
    let trace = format!("thread tid=7 pid=7 ptid=1 comm=\"x\" cwd=\"/home/u/\"\n{events}\n");
    last(Inspector::new(scap::text::Trace::parse(&trace).expect("a trace")), fields)
}

/// Returns the fields of an event with a path and the kernel's report on the file.
fn of_report(begin: impl FnOnce(&mut EventBuilder), path: &[u8], flags: u8, fields: &[&str]) -> Vec<String> {
    let thread =
        host::Thread { tid: 7, pid: 7, ptid: 1, vtid: 7, vpid: 7, cwd: b"/lib".to_vec(), ..host::Thread::default() };
    let machine = HostState { threads: vec![thread], ..HostState::default() };
    let mut writer = Writer::new(Vec::new(), &machine, Compression::Plain).expect("a writer");
    let mut builder = EventBuilder::new();
    begin(&mut builder);
    builder.ts(5).tid(7).raw(path).raw(&[9, 0, 0, 0, 0, 0, 1, flags]).text("");
    writer.write(&builder.finish().expect("an event")).expect("written");
    let bytes = writer.finish().expect("a file");
    last(Inspector::new(Reader::new(&bytes[..]).expect("a capture")), fields)
}

const OPEN: [&str; 7] = [
    "evt.arg.name",
    "evt.rawarg.name",
    "fd.nameraw",
    "fs.path.nameraw",
    "evt.arg.flags",
    "evt.is_open_write",
    "fd.name",
];

#[test]
fn an_open_has_the_path_and_the_flags_of_its_enter_event() {
    let open = |fd: i64| {
        let events = format!(
            "1.0 tid=7 OPENAT2_E dirfd=AT_FDCWD name=\"/etc/shadow\" flags=O_RDWR mode=0 resolve=0\n\
             tid=7 openat2 fd={fd} dirfd=AT_FDCWD name=\"/tmp/harmless\" flags=O_RDONLY|O_F_CREATED mode=0 resolve=0 \
             dev=0 ino=0"
        );
        of_trace(&events, &OPEN)
    };
    let shadow = "/etc/shadow";
    let flags = "O_RDWR|O_F_CREATED";
    assert_eq!(open(3), [shadow, shadow, shadow, shadow, flags, "true", shadow]);
    assert_eq!(open(-13), [shadow, shadow, shadow, shadow, flags, "true", shadow]);
    // The event after it has its own again.
    let two = "1.0 tid=7 OPEN_E name=\"/etc/shadow\" flags=O_RDONLY mode=0\n\
               tid=7 open fd=3 name=\"/x\" flags=O_RDONLY mode=0 dev=0 ino=0\n\
               tid=7 open fd=4 name=\"/y\" flags=O_RDONLY mode=0 dev=0 ino=0";
    assert_eq!(of_trace(two, &["evt.arg.name", "fd.nameraw"]), ["/y", "/y"]);
}

#[test]
fn an_open_whose_path_others_can_have_changed_has_that_of_the_kernel() {
    let open = |given: &str, path: &[u8], flags: u8| {
        let begin = |builder: &mut EventBuilder| {
            builder.start(EventCode::OPENAT_2_X).i64(3).i64(-100).text(given).u32(1).u32(0).u32(9).u64(77);
        };
        of_report(begin, path, flags, &["evt.arg.name", "fd.nameraw", "fs.path.nameraw", "evt.abspath"])
    };
    let shadow = "/etc/shadow";
    assert_eq!(open("/tmp/harmless", b"/etc/shadow\0", 0), [shadow; 4]);
    // Nobody else can have changed it: a link.
    assert_eq!(open("/tmp/link", b"/etc/shadow\0", 1), ["/tmp/link"; 4]);
    // What agrees with the kernel is kept.
    assert_eq!(open(shadow, b"=", 0), [shadow; 4]);
    assert_eq!(open("x/../y", b"/lib/y\0", 0), ["/lib/y", "x/../y", "x/../y", "/lib/y"]);
}

#[test]
fn a_change_of_directory_has_the_path_of_the_kernel() {
    let chdir = |given: &str, path: &[u8], flags: u8| {
        let begin = |builder: &mut EventBuilder| {
            builder.start(EventCode::CHDIR_X).i64(0).text(given);
        };
        of_report(begin, path, flags, &["evt.rawarg.path", "proc.cwd"])
    };
    assert_eq!(chdir("/tmp/harmless", b"/root/.ssh\0", 0), ["/root/.ssh", "/root/.ssh/"]);
    assert_eq!(chdir("/tmp/link", b"/root/.ssh\0", 1), ["/tmp/link", "/tmp/link/"]);
    assert_eq!(chdir("x/..", b"/lib\0", 0), ["x/..", "/lib/"]);
}

#[test]
fn a_connect_has_the_address_of_its_enter_event() {
    let connect = |domain: &str, entry: &str, exit: &str| {
        let events = format!(
            "1.0 tid=7 socket fd=3 domain={domain} type=1 proto=0 flags=0\ntid=7 CONNECT_E fd=3 addr={entry}\ntid=7 \
             connect {exit}"
        );
        of_trace(&events, &["evt.arg.addr", "evt.arg.tuple"])
    };
    let seen = connect("AF_INET", "6.6.6.6:666", "res=0 tuple=10.0.0.5:42->1.2.3.4:80 fd=3 addr=1.2.3.4:80");
    assert_eq!(seen, ["6.6.6.6:666", "10.0.0.5:42->6.6.6.6:666"]);
    // The socket's own end is better than both.
    let seen = connect("AF_INET", "6.6.6.6:666", "res=0 tuple=10.0.0.5:42->9.9.9.9:9 fd=3 addr=1.2.3.4:80");
    assert_eq!(seen, ["6.6.6.6:666", "10.0.0.5:42->9.9.9.9:9"]);
    let seen = connect("AF_INET", "6.6.6.6:666", "res=-ECONNREFUSED tuple=- fd=3 addr=1.2.3.4:80");
    assert_eq!(seen, ["6.6.6.6:666", "NULL"]);
    let unix = "res=0 tuple=unix:0xa->0xb:\"/tmp/x\" fd=3 addr=unix:\"/tmp/x\"";
    assert_eq!(connect("AF_UNIX", "unix:\"/run/docker.sock\"", unix), ["/run/docker.sock", "a->b /run/docker.sock"]);
    // Of another socket.
    let other = "1.0 tid=7 socket fd=3 domain=AF_INET type=1 proto=0 flags=0\n\
                 tid=7 connect res=0 tuple=10.0.0.5:42->1.2.3.4:80 fd=3 addr=1.2.3.4:80";
    assert_eq!(of_trace(other, &["evt.arg.addr"]), ["1.2.3.4:80"]);
}
