//! Tests of field values after small traces: the special cases of each class.

use bumpalo::Bump;
use peregrine_sinsp::fields::{Fields, OutputTime, Value};
use peregrine_sinsp::state::container::{ContainerInfo, Mount};
use peregrine_sinsp::{Inspector, Next};
use scap::render::Buffers;
use scap::text::Trace;

const SHELL: &str = "\
user uid=0 gid=0 name=\"root\" home=\"/root\" shell=\"/bin/sh\"
thread tid=1 pid=1 ptid=0 comm=\"init\" exe=\"/sbin/init\" cwd=\"/\"
thread tid=5 pid=5 ptid=1 comm=\"sshd\" exe=\"sshd\" cwd=\"/\" env=[\"TERM= xterm \",\"LANG=C\"]
thread tid=7 pid=7 ptid=5 vtid=7 vpid=7 comm=\"sh\" exe=\"-sh\" exepath=\"/bin/sh\" args=[\"-c\",\"id\"] cwd=\"/home/ann/\" env=[\"A=1\",\"EMPTY=\"] uid=33
thread tid=8 pid=7 ptid=5 vtid=8 vpid=7 comm=\"worker\" cwd=\"/\" uid=33
fd tid=7 num=9 kind=directory name=\"/srv/data\"
";

/// Returns text and JSON of a field at the last event of a trace.
fn both(fields: &Fields, trace: &str, field: &str) -> (Option<String>, Option<String>) {
    let field = fields.parse(field).unwrap_or_else(|error| panic!("{field}: {error}"));
    let trace = Trace::parse(&format!("{SHELL}{trace}")).unwrap_or_else(|error| panic!("{trace}: {error:?}"));
    let mut inspector = Inspector::new(trace);
    let (arena, mut last) = (Bump::new(), (None, None));
    inspector
        .for_each(|event| {
            let text = field.text(&event, &arena).map(|text| String::from_utf8_lossy(text).into_owned());
            let json = field.json(&event, &arena).map(|value| {
                let mut out = Vec::new();
                value.write_json(&mut out);
                String::from_utf8(out).expect("JSON is UTF-8")
            });
            last = (text, json);
        })
        .expect("a trace does not break");
    last
}

/// Returns the bytes that conditions compare of a field at the last event of a trace.
fn value(trace: &str, field: &str) -> Option<Vec<u8>> {
    let field = Fields::new().parse(field).unwrap_or_else(|error| panic!("{field}: {error}"));
    let trace = Trace::parse(&format!("{SHELL}{trace}")).unwrap_or_else(|error| panic!("{trace}: {error:?}"));
    let (arena, mut last) = (Bump::new(), None);
    let seen = Inspector::new(trace).for_each(|event| {
        last = field.value(&event, &arena).map(|value| match value {
            Value::Bytes(bytes) => bytes.to_vec(),
            other => panic!("{other:?} is not bytes"),
        });
    });
    seen.expect("a trace does not break");
    last
}

#[track_caller]
fn check(trace: &str, cases: &[(&str, Option<&str>)]) {
    for (field, expect) in cases {
        assert_eq!(both(&Fields::new(), trace, field).0.as_deref(), *expect, "{field} after {trace}");
    }
}

#[test]
fn arguments_resolve() {
    check(
        "tid=7 openat fd=3 dirfd=9 name=\"x/../y\" flags=O_RDWR|O_CREAT mode=0644 dev=0x10 ino=5",
        &[
            ("evt.arg.fd", Some("<f>/srv/data/y")),
            ("evt.arg[0]", Some("<f>/srv/data/y")),
            ("evt.arg.dirfd", Some("<d>/srv/data")),
            ("evt.arg.name", Some("/srv/data/y")),
            ("evt.arg.flags", Some("O_CREAT|O_RDWR")),
            ("evt.arg.mode", Some("0644")),
            ("evt.arg[99]", None),
            ("evt.arg.uid", None),
            ("evt.rawarg.name", Some("x/../y")),
            ("evt.rawarg.fd", Some("3")),
            ("evt.rawarg.mode", Some("644")),
            ("evt.abspath", Some("/srv/data/y")),
            ("fd.name", Some("/srv/data/y")),
            ("fd.nameraw", Some("x/../y")),
            ("evt.is_open_create", Some("false")),
            ("evt.is_open_read", Some("true")),
            ("evt.is_open_write", Some("true")),
            ("evt.is_open_exec", Some("false")),
        ],
    );
    check(
        "tid=7 setuid res=-EPERM uid=0",
        &[
            ("evt.arg.uid", Some("root")),
            ("evt.arg.res", Some("EPERM")),
            ("evt.rawarg.uid", Some("0")),
            ("evt.args", Some("res=-1(EPERM) uid=0(root)")),
            ("evt.res", Some("EPERM")),
            ("evt.failed", Some("true")),
            ("evt.count.error", Some("1")),
            ("evt.count.error.other", Some("1")),
        ],
    );
    check("tid=7 setuid res=0 uid=77", &[("evt.arg.uid", Some("<NA>")), ("evt.arg.res", Some("0"))]);
    // An empty parameter has a special text.
    check("tid=7 mkdir res=0 path=-", &[("evt.arg.path", Some("<NA>")), ("evt.rawarg.path", Some("<NA>"))]);
    check("tid=7 kill res=- pid=7 sig=SIGKILL", &[("evt.rawarg.res", Some("0")), ("evt.arg.pid", Some("sh"))]);
}

#[test]
fn generic_system_calls() {
    check(
        "tid=7 syscall ID=getpid nativeID=39",
        &[
            ("evt.type", Some("getpid")),
            ("syscall.type", Some("getpid")),
            ("evt.args", Some("")),
            ("evt.res", None),
            ("evt.rawres", None),
        ],
    );
}

#[test]
fn opens_that_fail_still_have_a_name() {
    check(
        "tid=7 openat fd=-ENOENT dirfd=AT_FDCWD name=\"a//b\" flags=O_RDONLY mode=0",
        &[
            ("fd.name", Some("/home/ann/a/b")),
            ("fd.nameraw", Some("a/b")),
            ("fd.directory", Some("/home/ann/a")),
            ("fd.filename", None),
            ("fd.type", None),
            ("fd.typechar", Some("f")),
            ("evt.count.error.file", Some("1")),
            ("fs.path.name", Some("<UNKNOWN>")),
        ],
    );
    check("tid=7 close res=-EBADF fd=50", &[("fd.name", Some("")), ("fd.num", Some("50")), ("fd.type", None)]);
    check("tid=7 setuid res=0 uid=0", &[("fd.name", None), ("fd.num", None), ("fd.uid", None)]);
}

#[test]
fn paths_of_calls_that_open_nothing() {
    check(
        "tid=7 unlinkat res=0 dirfd=9 name=\"old\" flags=0",
        &[("fs.path.name", Some("/srv/data/old")), ("fs.path.nameraw", Some("old")), ("fs.path.source", None)],
    );
    check(
        "tid=7 renameat2 res=0 olddirfd=9 oldpath=\"a\" newdirfd=77 newpath=\"b\" flags=0",
        &[("fs.path.source", Some("/srv/data/a")), ("fs.path.target", Some("<UNKNOWN>b"))],
    );
    check(
        "tid=7 symlink res=0 target=\"/etc/passwd\" linkpath=\"l\"",
        &[("fs.path.source", Some("/home/ann/l")), ("fs.path.target", Some("/etc/passwd"))],
    );
    check("tid=7 unlink res=-ENOENT path=\"x\"", &[("fs.path.name", None), ("fs.path.nameraw", None)]);
    check("tid=7 mkdir res=0 path=\"/a/../b\" mode=0", &[("fs.path.name", Some("/b"))]);
}

#[test]
fn ancestors() {
    check(
        "tid=7 setuid res=0 uid=0",
        &[
            ("proc.aname[0]", Some("sh")),
            ("proc.aname[1]", Some("sshd")),
            ("proc.aname[2]", Some("init")),
            ("proc.aname[3]", None),
            ("proc.aname", Some("sshd init")),
            ("proc.apid", Some("7")),
            ("proc.apid[2]", Some("1")),
            ("proc.args[0]", Some("-c")),
            ("proc.args[5]", Some("")),
            ("proc.env[A]", Some("1")),
            ("proc.env[EMPTY]", Some("")),
            ("proc.env[NONE]", Some("")),
            ("proc.env", Some("A=1 EMPTY=")),
            ("proc.aenv[TERM]", Some("xterm")),
            ("proc.aenv[1]", Some("TERM= xterm  LANG=C")),
            ("proc.aenv[9]", None),
            ("proc.loginshellid", Some("7")),
            ("proc.stdin.type", None),
            ("thread.cgroups", None),
            ("thread.cgroup.cpu", None),
        ],
    );
    // A thread that is not the leader has the leader's environment and ancestors.
    check(
        "tid=8 setuid res=0 uid=0",
        &[("proc.name", Some("worker")), ("proc.aname[0]", Some("sh")), ("thread.ismain", Some("false"))],
    );
}

#[test]
fn conditions_see_all_ancestors_and_both_ends() {
    let fields = Fields::new();
    let connect = "tid=7 socket fd=4 domain=AF_INET type=1 proto=0\n\
                   tid=7 connect res=0 tuple=10.0.0.7:41000->10.0.0.5:80 fd=4 addr=10.0.0.5:80";
    let trace = Trace::parse(&format!("{SHELL}{connect}")).expect("a trace");
    let mut inspector = Inspector::new(trace);
    let arena = Bump::new();
    let all = ["proc.aname", "proc.apid", "fd.ip", "fd.port", "fd.net", "fd.sip.name", "proc.aname[1]"];
    let all: Vec<_> = all.iter().map(|name| fields.parse(name).expect("a field")).collect();
    assert!(all[0].is_any_ancestor() && all[1].is_any_ancestor() && !all[6].is_any_ancestor());
    assert!(all[2].is_any_end() && all[3].is_any_end() && all[4].is_any_end() && !all[5].is_any_end());
    let ip = |text: &str| Value::Ip(text.parse().expect("an address"));
    let mut seen = 0;
    inspector
        .for_each(|event| {
            let values: Vec<_> = all.iter().map(|field| field.value(&event, &arena)).collect();
            seen += 1;
            let names = [Value::from("sshd"), Value::from("init")];
            assert_eq!(values[0], Some(Value::List(&names)));
            assert_eq!(values[1], Some(Value::List(&[Value::I64(5), Value::I64(1)])));
            assert_eq!(values[6], Some(Value::from("sshd")));
            if seen == 2 {
                assert_eq!(values[2], Some(Value::List(&[ip("10.0.0.7"), ip("10.0.0.5")])));
                assert_eq!(values[3], Some(Value::List(&[Value::U64(41000), Value::U64(80)])));
                assert_eq!(values[4], values[2]);
                assert_eq!(values[5], Some(Value::List(&[ip("10.0.0.5")])));
            }
        })
        .expect("a trace does not break");
    assert_eq!(seen, 2);
    // A file does not have ends, but there is a file descriptor.
    let open = "tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/x\" flags=O_RDONLY mode=0";
    let mut inspector = Inspector::new(Trace::parse(&format!("{SHELL}{open}")).expect("a trace"));
    let Ok(Next::Event(event)) = inspector.next() else { panic!("no event") };
    assert_eq!(all[2].value(&event, &arena), Some(Value::List(&[])));
}

#[test]
fn buffers_print_in_the_form_that_the_host_chose() {
    let write = "tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/x\" flags=O_RDWR mode=0\n\
                 tid=7 write res=5 data=b\"ab\\x00\\n\\xff\" fd=3 size=5";
    let print = |fields: &Fields, field| both(fields, write, field).0.expect("a text");
    assert_eq!(print(&Fields::new(), "evt.buffer"), "ab...");
    assert_eq!(print(&Fields::new().with_buffers(Buffers::Base64), "evt.buffer"), "YWIACv8=");
    assert_eq!(print(&Fields::new().with_buffers(Buffers::Base64), "evt.arg.data"), "YWIACv8=");
    assert!(print(&Fields::new().with_buffers(Buffers::Hex), "evt.buffer").contains("0x0000: 6162 000a ff"));
    assert_eq!(print(&Fields::new(), "evt.buflen"), "5");
    assert_eq!(print(&Fields::new(), "evt.category"), "file");
    check("tid=7 read res=0 data=- fd=9 size=0", &[("evt.buffer", Some("NULL")), ("evt.io_dir", Some("read"))]);
    // For conditions it exists and is empty.
    assert_eq!(value("tid=7 read res=0 data=- fd=9 size=0", "evt.buffer"), Some(Vec::new()));
    assert_eq!(value("tid=7 close res=0 fd=9", "evt.buffer"), None);
}

#[test]
fn times() {
    let trace = "1700000000.000000001 tid=7 setuid res=0 uid=0\n1700000002.500000001 tid=7 setuid res=0 uid=0";
    check(
        trace,
        &[
            ("evt.reltime", Some("2500000000")),
            ("evt.reltime.s", Some("2")),
            ("evt.reltime.ns", Some("500000000")),
            ("evt.deltatime", Some("2500000000")),
            ("evt.time.iso8601", Some("2023-11-14T22:13:22.500000001+0000")),
        ],
    );
    let relative = Fields::new().with_output_time(OutputTime::Relative);
    assert_eq!(both(&relative, trace, "evt.outputtime").0.as_deref(), Some("2.500000000"));
    let absolute = Fields::new().with_output_time(OutputTime::Absolute);
    assert_eq!(both(&absolute, trace, "evt.outputtime").0.as_deref(), Some("1700000002.500000001"));
}

#[test]
fn json_forms() {
    let open = "tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/a\\xff\\\"\" flags=O_RDONLY mode=0600 dev=0xfe00 ino=5";
    for (field, expect) in [
        ("fd.dev", Some("\"FE00\"")),
        ("fd.dev.major", Some("254")),
        ("fd.name", Some("\"/a\u{fffd}\\\"\"")),
        ("fd.types", Some("[\"file\",\"directory\"]")),
        ("evt.rawarg.flags", Some("\"1\"")),
        ("evt.rawarg.mode", Some("\"600\"")),
        ("evt.rawarg.fd", Some("3")),
        ("evt.failed", Some("false")),
        ("proc.pname", Some("\"sshd\"")),
        ("proc.fdusage", Some("0.0")),
        ("fd.sip", None),
        ("evt.time", Some("1000")),
    ] {
        let at = format!("0.000001000 {open}");
        assert_eq!(both(&Fields::new(), &at, field).1.as_deref(), expect, "{field}");
    }
    // Falco does not have JSON for results.
    assert_eq!(both(&Fields::new(), "tid=7 setuid res=0 uid=0", "evt.rawarg.res").1, None);
}

#[test]
fn containers() {
    let id = "6f7e2741b66b";
    let cgroup = format!("cpu=/docker/{id}{}", "0".repeat(52));
    let text = format!("thread tid=20 pid=20 ptid=1 comm=\"nginx\" cwd=\"/\" cgroups=[\"{cgroup}\"]\n");
    let trace = Trace::parse(&format!("{text}tid=20 setuid res=0 uid=0\ntid=20 setuid res=0 uid=0")).expect("a trace");
    let mut inspector = Inspector::new(trace);
    let arena = Bump::new();
    let fields = Fields::new();
    let check = |inspector: &mut Inspector<Trace>, cases: &[(&str, Option<&str>)]| {
        let Ok(Next::Event(event)) = inspector.next() else { panic!("no event") };
        for (name, expect) in cases {
            let field = fields.parse(name).expect("a field");
            let text = field.text(&event, &arena).map(String::from_utf8_lossy);
            assert_eq!(text.as_deref(), *expect, "{name}");
        }
    };
    // Before it is described only the id is known.
    check(&mut inspector, &[("container.id", Some(id)), ("container.name", None), ("k8s.pod.name", None)]);
    let mount = |source: &str, dest: &str| {
        let mut mount = Mount::default();
        (mount.source, mount.dest, mount.mode, mount.rdwr) = (source.into(), dest.into(), "ro".into(), false);
        mount
    };
    let mut container = ContainerInfo::default();
    container.id = id.into();
    container.name = "web".into();
    container.image_repository = "docker.io/nginx".into();
    container.privileged = true;
    container.mounts = vec![mount("/srv/www", "/var/www"), mount("/etc/nginx", "/etc/nginx")];
    container.labels = vec![
        ("app".into(), "shop".into()),
        ("io.kubernetes.pod.name".into(), "web-1".into()),
        ("io.kubernetes.pod.namespace".into(), "prod".into()),
        ("plain".into(), String::new()),
    ];
    inspector.insert_container(container);
    check(
        &mut inspector,
        &[
            ("container.id", Some(id)),
            ("container.name", Some("web")),
            ("container.image.repository", Some("docker.io/nginx")),
            ("container.image.tag", Some("")),
            ("container.privileged", Some("true")),
            ("container.mounts", Some("/srv/www:/var/www:ro:false:,/etc/nginx:/etc/nginx:ro:false:")),
            ("container.mount[1]", Some("/etc/nginx:/etc/nginx:ro:false:")),
            ("container.mount[/srv/*]", Some("/srv/www:/var/www:ro:false:")),
            ("container.mount.source[/var/www]", Some("/srv/www")),
            ("container.mount.dest[/srv/www]", Some("/var/www")),
            ("container.mount.rdwr[0]", Some("false")),
            ("container.mount[7]", None),
            ("container.label[app]", Some("shop")),
            ("container.label[none]", None),
            ("container.labels", Some("app:shop, plain")),
            ("k8s.pod.name", Some("web-1")),
            ("k8s.ns.name", Some("prod")),
            ("k8s.rc.name", None),
        ],
    );
}
