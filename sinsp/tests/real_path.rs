//! Tests of the kernel's path of an open, which the probe sends in addition to the text of the call, through a capture.

use peregrine_sinsp::fields::FieldRef;
use peregrine_sinsp::{Inspector, Next};
use scap::savefile::{Compression, Reader, Writer};
use scap::{EventBuilder, EventCode, HostState, host};

const CWD: i64 = -100;
const RESOLVE_IN_ROOT: u32 = 2;

/// One open by thread 7, or by thread 8, which shares the working directory of its parent: directory, path, flags of
/// openat2, the kernel's path.
type Open = (i64, i64, &'static str, u32, Option<&'static str>);

/// Returns `fd.name` and `fd.realpath` of each.
fn names(opens: &[Open]) -> Vec<(String, String)> {
    let thread = |tid, flags| host::Thread {
        tid,
        pid: tid,
        ptid: 1,
        vtid: tid,
        vpid: tid,
        flags,
        cwd: b"/home".to_vec(),
        ..host::Thread::default()
    };
    // CLONE_FS in the schema's flags.
    let machine = HostState { threads: vec![thread(7, 0), thread(8, 2)], ..HostState::default() };
    let mut writer = Writer::new(Vec::new(), &machine, Compression::Plain).expect("a writer");
    let mut builder = EventBuilder::new();
    for (tid, dirfd, name, resolve, real) in opens {
        builder.start(EventCode::OPENAT2_X).ts(5).tid(*tid).i64(3).i64(*dirfd).text(name);
        builder.u32(1).u32(0).u32(*resolve).u32(9).u64(77);
        if let Some(real) = real {
            builder.text(real);
        }
        writer.write(&builder.finish().expect("an event")).expect("written");
    }
    let bytes = writer.finish().expect("a file");
    let mut inspector = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    let fields = ["fd.name", "fd.realpath"].map(|name| FieldRef::parse(name).expect("a field"));
    let mut found = Vec::new();
    let mut arena = bumpalo::Bump::new();
    loop {
        match inspector.next().expect("the capture is sound") {
            Next::Event(event) => {
                let text = |field: &FieldRef| {
                    let text = field.text(&event, &arena).unwrap_or(b"-");
                    String::from_utf8_lossy(text).into_owned()
                };
                found.push((text(&fields[0]), text(&fields[1])));
            }
            Next::End => break found,
            _ => {}
        }
        arena.reset();
    }
}

#[test]
fn the_kernel_s_path_is_kept_beside_the_text() {
    let cases: [(&str, Open, (&str, &str)); 7] = [
        ("a link", (7, CWD, "/tmp/link", 0, Some("/etc/shadow")), ("/tmp/link", "/etc/shadow")),
        ("the same path", (7, CWD, "/etc/shadow", 0, Some("/etc/shadow")), ("/etc/shadow", "/etc/shadow")),
        ("a capture without it", (7, CWD, "/etc/shadow", 0, None), ("/etc/shadow", "-")),
        ("a relative path", (7, CWD, "../tmp/x", 0, Some("/private/x")), ("/tmp/x", "/private/x")),
        // If the text does not determine the path, the name is the kernel's.
        ("a root", (7, CWD, "/../etc/x", RESOLVE_IN_ROOT, Some("/jail/etc/x")), ("/jail/etc/x", "/jail/etc/x")),
        ("an unknown directory", (7, 99, "x", 0, Some("/a/x")), ("/a/x", "/a/x")),
        ("a directory that others change", (8, CWD, "x", 0, Some("/var/x")), ("/var/x", "/var/x")),
    ];
    for (what, open, (name, real)) in cases {
        assert_eq!(names(&[open]), [(name.to_owned(), real.to_owned())], "{what}");
    }
}

#[test]
fn a_file_descriptor_from_a_message_has_the_name_in_the_event() {
    let thread = host::Thread { tid: 7, pid: 7, ptid: 1, vtid: 7, vpid: 7, ..host::Thread::default() };
    let machine = HostState { threads: vec![thread], ..HostState::default() };
    let mut writer = Writer::new(Vec::new(), &machine, Compression::Plain).expect("a writer");
    let mut builder = EventBuilder::new();
    builder.start(EventCode::SOCKETPAIR_X).ts(5).tid(7).i64(0).i64(3).i64(4).u64(1).u64(2).u32(1).u32(2).u32(0);
    writer.write(&builder.finish().expect("an event")).expect("written");
    // One message with SCM_RIGHTS for file descriptor 9, and the entry of the probe for it.
    let control =
        [&20u64.to_le_bytes()[..], &1i32.to_le_bytes(), &1i32.to_le_bytes(), &[9, 0, 0, 0, 0, 0, 0, 0]].concat();
    let name = b"/etc/shadow\0";
    let words = [9u32, 1, 5].map(u32::to_le_bytes).concat();
    let halves = [1u16, name.len() as u16].map(u16::to_le_bytes).concat();
    let entry = [&words[..], &halves, &77u64.to_le_bytes(), name].concat();
    builder.start(EventCode::RECVMSG_X).ts(6).tid(7).i64(1).u32(1).raw(b"x").empty().raw(&control).i64(3).raw(&entry);
    writer.write(&builder.finish().expect("an event")).expect("written");
    builder.start(EventCode::READ_X).ts(7).tid(7).i64(1).raw(b"x").i64(9).u32(1);
    writer.write(&builder.finish().expect("an event")).expect("written");
    let bytes = writer.finish().expect("a file");
    let mut inspector = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    let mut last = None;
    while let Next::Event(event) = inspector.next().expect("the capture is sound") {
        last = event.fd().map(|fd| (fd.name.to_vec(), fd.real_path.to_vec(), fd.ino));
    }
    assert_eq!(last, Some((b"/etc/shadow".to_vec(), b"/etc/shadow".to_vec(), 77)));
}
