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

/// Returns `fd.name`, `fd.realpath`, `fd.devpath` and `fd.pathstate` of an open whose event has these facts after the
/// parameters of the schema.
fn named(tid: i64, given: &str, path: &[u8], facts: [u8; 8], mount_root: &str) -> [String; 4] {
    let thread =
        host::Thread { tid: 7, pid: 7, ptid: 1, vtid: 7, vpid: 7, cwd: b"/lib".to_vec(), ..host::Thread::default() };
    let machine = HostState { threads: vec![thread], ..HostState::default() };
    let mut writer = Writer::new(Vec::new(), &machine, Compression::Plain).expect("a writer");
    let mut builder = EventBuilder::new();
    builder.start(EventCode::OPENAT_2_X).ts(5).tid(tid).i64(3).i64(CWD).text(given).u32(1).u32(0).u32(9).u64(77);
    builder.raw(path).raw(&facts).text(mount_root);
    writer.write(&builder.finish().expect("an event")).expect("written");
    let bytes = writer.finish().expect("a file");
    let mut inspector = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    let fields = ["fd.name", "fd.realpath", "fd.devpath", "fd.pathstate"];
    let fields = fields.map(|name| FieldRef::parse(name).expect("a field"));
    let arena = bumpalo::Bump::new();
    loop {
        if let Next::Event(event) = inspector.next().expect("the capture is sound") {
            return fields
                .each_ref()
                .map(|field| String::from_utf8_lossy(field.text(&event, &arena).unwrap_or(b"-")).into_owned());
        }
    }
}

#[test]
fn a_name_that_may_have_been_changed_is_the_kernel_s() {
    const WHOLE: [u8; 8] = [9, 0, 0, 0, 0, 0, 1, 0];
    const HOLDS: [u8; 8] = [9, 0, 0, 0, 0, 0, 1, 1];
    let name = |given: &str, path: &[u8], facts| named(7, given, path, facts, "")[..2].to_vec();
    // The same text twice is sent once.
    assert_eq!(name("/etc/shadow", b"=", WHOLE), ["/etc/shadow", "/etc/shadow"]);
    // A link, by a process of one thread and by one of several.
    assert_eq!(name("/tmp/link", b"/etc/shadow\0", HOLDS), ["/tmp/link", "/etc/shadow"]);
    assert_eq!(name("/tmp/link", b"/etc/shadow\0", WHOLE), ["/etc/shadow", "/etc/shadow"]);
    // A relative path agrees with its directory, or it is not the one that was used.
    assert_eq!(name("x/y", b"/lib/x/y\0", WHOLE), ["/lib/x/y", "/lib/x/y"]);
    assert_eq!(name("../etc/x", b"/etc/x\0", WHOLE), ["/etc/x", "/etc/x"]);
    assert_eq!(name("shadow", b"/etc/shadow\0", WHOLE), ["/etc/shadow", "/etc/shadow"]);
    assert_eq!(name("x", b"/usr/lib/x\0", HOLDS), ["/lib/x", "/usr/lib/x"]);
}

#[test]
fn mounts_do_not_hide_a_file() {
    let facts = |mount_at: u8, state: u8| [9, 0, 0, 0, mount_at, 0, state, 1];
    assert_eq!(
        named(7, "/tmp/x/shadow", b"=", facts(6, 1), "/etc"),
        ["/tmp/x/shadow", "/tmp/x/shadow", "/etc/shadow", "whole"]
    );
    assert_eq!(
        named(7, "/proc/self/fd/5", b"/etc/gone\0", facts(0, 2), ""),
        ["/proc/self/fd/5", "/etc/gone", "/etc/gone", "deleted"]
    );
    // A path that does not begin at a root has no path from it.
    assert_eq!(named(7, "shadow", b"/shadow\0", facts(0, 3), "/etc"), ["/lib/shadow", "-", "/etc/shadow", "detached"]);
    assert_eq!(named(7, "deep", b"", facts(0, 4), ""), ["/lib/deep", "-", "-", "cut"]);
    assert_eq!(named(7, "/proc/self/fd/5", b"", facts(0, 0), ""), ["/proc/self/fd/5", "-", "-", "none"]);
    // Invalid places are not used.
    assert_eq!(named(7, "/x", b"=", facts(9, 1), "/etc")[2], "-");
}

/// Directories of processes that share one: a change by one of them applies to all.
#[test]
fn a_shared_working_directory_changes_for_all() {
    let thread = |tid, ptid, flags| host::Thread {
        tid,
        pid: tid,
        ptid,
        vtid: tid,
        vpid: tid,
        flags,
        cwd: b"/home".to_vec(),
        ..host::Thread::default()
    };
    // 8 and 9 were cloned with CLONE_FS, 10 was not.
    let threads = vec![thread(7, 1, 0), thread(8, 7, 2), thread(9, 8, 2), thread(10, 7, 0)];
    let machine = HostState { threads, ..HostState::default() };
    let mut writer = Writer::new(Vec::new(), &machine, Compression::Plain).expect("a writer");
    let mut builder = EventBuilder::new();
    builder.start(EventCode::CHDIR_X).ts(5).tid(9).i64(0).text("../tmp");
    builder.raw(b"/private/tmp\0").raw(&[9, 0, 0, 0, 0, 0, 1, 0]).text("");
    writer.write(&builder.finish().expect("an event")).expect("written");
    builder.start(EventCode::UNSHARE_X).ts(6).tid(8).i64(0).u32(2);
    writer.write(&builder.finish().expect("an event")).expect("written");
    builder.start(EventCode::CHDIR_X).ts(7).tid(7).i64(0).text("/var");
    writer.write(&builder.finish().expect("an event")).expect("written");
    let bytes = writer.finish().expect("a file");
    let mut inspector = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    let mut found = Vec::new();
    while let Next::Event(event) = inspector.next().expect("the capture is sound") {
        let cwd = |tid| event.state().thread(tid).map(|thread| String::from_utf8_lossy(&thread.cwd).into_owned());
        found.push([7, 8, 9, 10].map(|tid| cwd(tid).unwrap_or_default()));
    }
    let tmp = "/private/tmp/";
    assert_eq!(found[0], [tmp, tmp, tmp, "/home/"]);
    assert_eq!(found[2], ["/var/", tmp, tmp, "/home/"]);
}
