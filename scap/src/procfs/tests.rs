//! Tests with a `/proc` made of plain files, and with the live one.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::host::{Fd, FdKind, InterfaceAddress};

/// A host in a directory.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().expect("a directory") };
        machine.file("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\nbtime 1700000000\n");
        machine.file("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
        machine.file("proc/sys/kernel/hostname", "box\n");
        machine.file("proc/sys/kernel/pid_max", "4194304\n");
        machine
            .file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n# comment\n+::::::\nbad\nme:x:1000:100::/home/me:\n");
        machine.file("etc/group", "root:x:0:\nusers:x:100:me\nbad:x:y:\n");
        machine.file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        machine
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, content).expect("a file");
    }

    fn link(&self, path: &str, to: impl AsRef<Path>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        symlink(to, path).expect("a link");
    }

    /// Adds a process, or another thread of one.
    fn task(&self, dir: &str, tid: i64, pid: i64, inner: i64) {
        self.file(&format!("{dir}/comm"), format!("task{tid}\n"));
        self.file(
            &format!("{dir}/status"),
            format!(
                "Name:\ttask{tid}\nTgid:\t{pid}\nNgid:\t0\nPid:\t{tid}\nPPid:\t1\nUid:\t1\t1000\t3\t4\nGid:\t5\t100\t7\t8\n\
                 NStgid:\t{pid}\t{inner}\nNSpid:\t{tid}\t{inner}\nNSpgid:\t{pid}\t{inner}\nNSsid:\t1\t0\n\
                 VmSize:\t  4096 kB\nVmRSS:\t  128 kB\nVmSwap:\t 3 kB\n\
                 CapInh:\t0000000000000000\nCapPrm:\t00000000000000ff\nCapEff:\t000000000000000c\n"
            ),
        );
        self.file(
            &format!("{dir}/stat"),
            format!("{tid} (task{tid}) S 1 {pid} 6 34816 7 0 100 0 200 0 1 2 0 0 20 0 1 0 250 4096 128\n"),
        );
    }

    fn process(&self, pid: i64, inner: i64) {
        let dir = format!("proc/{pid}");
        self.task(&dir, pid, pid, inner);
        self.task(&format!("{dir}/task/{pid}"), pid, pid, inner);
        self.file(&format!("{dir}/cmdline"), b"prog\0-x\0y z\0");
        self.file(&format!("{dir}/environ"), b"A=1\0B=2\0");
        self.file(&format!("{dir}/cgroup"), "0::/slice\n");
        self.file(
            &format!("{dir}/limits"),
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max open files            1024                 4096                 files\n",
        );
        self.file(&format!("{dir}/loginuid"), "1000");
        self.file("bin/prog", "#!");
        self.link(&format!("{dir}/exe"), self.root().join("bin/prog"));
        self.link(&format!("{dir}/cwd"), "/home/me");
        self.link(&format!("{dir}/root"), "/");
        self.link(&format!("{dir}/ns/pid"), format!("pid:[{}]", if inner == 1 { 11 } else { 10 }));
        self.link(&format!("{dir}/ns/net"), "net:[42]");
        fs::create_dir_all(self.root().join(format!("{dir}/fd"))).expect("a directory");
        self.file(
            &format!("{dir}/net/unix"),
            "Num RefCount Protocol Flags Type St Inode Path\nff: 2 0 0 1 1 501 /run/x y\n",
        );
        self.file(
            &format!("{dir}/net/tcp"),
            "  sl  local_address rem_address   st ...\n   0: 0100007F:0050 00000000:0000 0A 0:0 00:0 0 0 0 500 1\n",
        );
    }

    fn scan(&self, config: &Config) -> Snapshot {
        scan(self.root(), config).expect("a snapshot")
    }
}

#[test]
fn everything_of_a_process() {
    let machine = Machine::new();
    machine.process(7, 1);
    let snapshot = machine.scan(&Config::default());
    let [thread] = &snapshot.host.threads[..] else { panic!("{:?}", snapshot.host.threads) };
    let exe = fs::metadata(machine.root().join("bin/prog")).expect("the executable");
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::MetadataExt as _;
    let expected = Thread {
        tid: 7,
        pid: 7,
        ptid: 1,
        sid: 6,
        vpgid: 1,
        pgid: 7,
        vtid: 1,
        vpid: 1,
        comm: b"task7".to_vec(),
        exe: b"prog".to_vec(),
        exepath: machine.root().join("bin/prog").as_os_str().as_bytes().to_vec(),
        args: b"-x\0y z\0".to_vec(),
        env: b"A=1\0B=2\0".to_vec(),
        cwd: b"/home/me".to_vec(),
        root: b"/".to_vec(),
        cgroups: b"cpu=/slice\0memory=/slice\0".to_vec(),
        fdlimit: 1024,
        flags: 0,
        uid: 1000,
        gid: 100,
        vmsize_kb: 4096,
        vmrss_kb: 128,
        vmswap_kb: 3,
        pfmajor: 200,
        pfminor: 100,
        pidns_init_start_ts: 1_700_000_002_500_000_000,
        tty: 34816,
        loginuid: 1000,
        exe_writable: exe.uid() == 1000 || exe.mode() & 0o002 != 0 || exe.gid() == 100 && exe.mode() & 0o020 != 0,
        exe_upper_layer: false,
        exe_lower_layer: false,
        exe_from_memfd: false,
        cap_inheritable: 0,
        cap_permitted: 0xff,
        cap_effective: 0xc,
        exe_ino: exe.ino(),
        exe_ino_ctime: exe.ctime() as u64 * 1_000_000_000 + exe.ctime_nsec() as u64,
        exe_ino_mtime: exe.mtime() as u64 * 1_000_000_000 + exe.mtime_nsec() as u64,
        start_ts: 1_700_000_002_500_000_000,
        fds: Vec::new(),
    };
    assert_eq!(*thread, expected);
    assert_eq!((snapshot.report.processes, snapshot.report.threads, snapshot.report.failed), (1, 1, 0));
}

#[test]
fn the_host_its_users_and_interfaces() {
    let machine = Machine::new();
    machine.process(7, 7);
    machine.file("proc/1/net/route", "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU\neth0 0000000A 00000000 0001 0 0 0 000000FF 0 0 0\neth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n");
    machine.file("proc/1/net/fib_trie", "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.0\n        /8 link UNICAST\nLocal:\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 10.255.255.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n");
    machine.file("proc/1/net/if_inet6", "fe80000000000000000000000000abcd 02 40 20 80     eth0\n");
    machine.file("sys/class/net/eth0/speed", "1000\n");
    let Snapshot { host, report } = machine.scan(&Config::default());
    let expected = crate::host::Machine {
        cpus: 2,
        memory: 2048 * 1024,
        max_pid: 4_194_304,
        hostname: b"box".to_vec(),
        boot_time: 1_700_000_000_000_000_000,
        flags: 0,
    };
    assert_eq!(host.machine, Some(expected));
    let names =
        |list: Vec<&[u8]>| list.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>();
    assert_eq!(names(host.users.iter().map(|user| &user.name[..]).collect()), ["root", "me"]);
    assert_eq!((host.users[1].uid, host.users[1].gid, &host.users[1].home[..]), (1000, 100, &b"/home/me"[..]));
    assert_eq!(names(host.groups.iter().map(|group| &group.name[..]).collect()), ["root", "users"]);
    let v4 = |address: [u8; 4], netmask: [u8; 4], broadcast: [u8; 4]| InterfaceAddress::V4 {
        address: address.into(),
        netmask: netmask.into(),
        broadcast: broadcast.into(),
    };
    let found: Vec<_> = host.interfaces.iter().map(|one| (&one.name[..], one.address, one.link_speed)).collect();
    let v6 = InterfaceAddress::V6 {
        address: "fe80::abcd".parse().expect("address"),
        netmask: "ffff:ffff:ffff:ffff::".parse().expect("mask"),
        broadcast: "::".parse().expect("address"),
    };
    assert_eq!(
        found,
        [
            (&b"eth0"[..], v4([10, 0, 0, 5], [255, 0, 0, 0], [10, 255, 255, 255]), 1_000_000_000),
            (&b"lo"[..], v4([127, 0, 0, 1], [255, 0, 0, 0], [0; 4]), 0),
            (&b"eth0"[..], v6, 1_000_000_000),
        ]
    );
    assert_eq!(report.failed, 0, "{report:?}");
}

#[test]
fn every_kind_of_file_descriptor() {
    let machine = Machine::new();
    machine.process(7, 7);
    let fd = |num: i64, to: &str| machine.link(&format!("proc/7/fd/{num}"), to);
    let passwd = machine.root().join("etc/passwd");
    machine.link("proc/7/fd/0", &passwd);
    machine.file("proc/7/fdinfo/0", "pos:\t0\nflags:\t0102002\nmnt_id:\t25\n");
    fd(1, "pipe:[99]");
    fd(2, "socket:[500]");
    fd(3, "socket:[501]");
    fd(4, "socket:[502]");
    fd(5, "anon_inode:[eventpoll]");
    fd(6, "anon_inode:[what]");
    machine.link("proc/7/fd/7", machine.root().join("etc"));
    fd(8, "/gone");
    let snapshot = machine.scan(&Config::default());
    let fds = &snapshot.host.threads[0].fds;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(&passwd).expect("the file");
    let named = |ty: u8, name: &[u8]| FdKind::Named { ty, name: name.to_vec() };
    let dir = machine.root().join("etc");
    let expected = vec![
        Fd {
            num: 0,
            ino: meta.ino(),
            kind: FdKind::File {
                flags: 3 | 8 | 0x800,
                name: passwd.as_os_str().as_bytes().to_vec(),
                dev: meta.dev() as u32,
            },
        },
        Fd { num: 1, ino: 99, kind: named(7, b"pipe:[99]") },
        Fd { num: 2, ino: 500, kind: FdKind::Ipv4Server { ip: Ipv4Addr::LOCALHOST, port: 80, l4: 2 } },
        Fd { num: 3, ino: 501, kind: FdKind::Unix { source: 0xff, destination: 0, name: b"/run/x y".to_vec() } },
        Fd { num: 4, ino: 502, kind: named(10, b"socket:[502]") },
        Fd { num: 5, ino: 0, kind: named(12, b"") },
        Fd { num: 6, ino: 0, kind: named(10, b"") },
        Fd { num: 7, ino: fs::metadata(&dir).expect("it").ino(), kind: named(2, dir.as_os_str().as_bytes()) },
    ];
    assert_eq!(*fds, expected);
    assert_eq!((snapshot.report.fds, snapshot.report.vanished > 0), (8, true));

    let sockets = machine.scan(&Config { fds: FdScan::Sockets, ..Config::default() });
    assert_eq!(sockets.host.threads[0].fds, expected[2..5]);
    let few = machine.scan(&Config { max_fds: 2, ..Config::default() });
    assert_eq!(few.host.threads[0].fds, expected[..2]);
    let none = machine.scan(&Config { fds: FdScan::None, ..Config::default() });
    assert!(none.host.threads[0].fds.is_empty());
}

#[test]
fn threads_share_the_resources_of_their_process() {
    let machine = Machine::new();
    machine.process(7, 1);
    machine.link("proc/7/fd/0", "pipe:[99]");
    machine.task("proc/7/task/9", 9, 7, 3);
    let snapshot = machine.scan(&Config::default());
    let [leader, thread] = &snapshot.host.threads[..] else { panic!("{:?}", snapshot.host.threads) };
    assert_eq!((thread.tid, thread.pid, thread.vtid, thread.flags), (9, 7, 3, 0x2001));
    assert_eq!((&thread.comm[..], &thread.exe, &thread.args), (&b"task9"[..], &leader.exe, &leader.args));
    assert!(thread.fds.is_empty() && leader.fds.len() == 1);
    let leaders = machine.scan(&Config { threads: false, ..Config::default() });
    assert_eq!(leaders.host.threads.len(), 1);

    let one = super::thread(machine.root(), 9, &Config::default());
    assert_eq!(one.map(|thread| (thread.tid, thread.pid)), None, "9 has no directory in this /proc");
    let one = super::thread(machine.root(), 7, &Config::default()).expect("a thread");
    assert_eq!(one, *leader);
}

#[test]
fn missing_and_invalid_entries_are_counted() {
    let machine = Machine::new();
    machine.process(7, 7);
    // A kernel thread: no arguments, no executable.
    machine.task("proc/8", 8, 8, 8);
    machine.file("proc/8/cmdline", "");
    // A process that ended after the list was taken.
    fs::create_dir_all(machine.root().join("proc/9")).expect("a directory");
    // A process whose status is invalid.
    machine.process(10, 10);
    machine.file("proc/10/status", "Name:\tx\n");
    machine.file("proc/self/comm", "not a number");
    let report = machine.scan(&Config::default()).report;
    assert_eq!((report.processes, report.threads, report.without_program), (1, 1, 1));
    assert!(report.vanished > 0 && report.failed == 1, "{report:?}");
    assert!(report.first_failure.is_some_and(|why| why.starts_with("proc/10: ")));
    let missing = scan(machine.root().join("nowhere"), &Config::default()).expect_err("no /proc");
    assert!(missing.to_string().starts_with("can't list "), "{missing}");
}

#[test]
fn a_budget_ends_the_scan() {
    let machine = Machine::new();
    for pid in 1..50 {
        machine.process(pid, pid);
    }
    let all = machine.scan(&Config::default());
    assert_eq!((all.host.threads.len(), all.report.incomplete), (49, false));
    let none = machine.scan(&Config { budget: Some(Duration::ZERO), ..Config::default() });
    assert_eq!((none.host.threads.len(), none.report.incomplete), (0, true));
    assert!(none.host.machine.is_some());
}

#[test]
fn this_process_on_the_live_host() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a server");
    let server = listener.local_addr().expect("its address");
    let client = TcpStream::connect(server).expect("a client");
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"x").expect("written");
    let snapshot = scan("/", &Config::default()).expect("a snapshot");
    let pid = i64::from(std::process::id());
    let thread = snapshot.host.threads.iter().find(|thread| thread.tid == pid).expect("this process");
    let exe = std::env::current_exe().expect("the executable");
    use std::os::unix::ffi::OsStrExt as _;
    assert_eq!(thread.exepath, exe.as_os_str().as_bytes());
    assert_eq!((thread.pid, thread.ptid), (pid, i64::from(std::os::unix::process::parent_id())));
    assert!(thread.exe_ino > 0 && thread.start_ts > 0 && thread.fdlimit != 0);
    let kind = |fd: i32| &thread.fds.iter().find(|one| one.num == i64::from(fd)).expect("the file descriptor").kind;
    assert_eq!(*kind(listener.as_raw_fd()), FdKind::Ipv4Server { ip: Ipv4Addr::LOCALHOST, port: server.port(), l4: 2 });
    assert!(matches!(kind(client.as_raw_fd()), FdKind::Ipv4 { dport, l4: 2, .. } if *dport == server.port()));
    let FdKind::File { flags, name, .. } = kind(file.as_file().as_raw_fd()) else { panic!("no file") };
    assert_eq!((flags & 3, &name[..]), (3, file.path().as_os_str().as_bytes()));
    let threads = snapshot.host.threads.iter().filter(|thread| thread.pid == pid).count();
    assert!(threads > 1, "the test runs on its own thread");
    assert!(snapshot.host.interfaces.iter().any(|one| one.name == b"lo"));
    assert!(snapshot.host.machine.as_ref().is_some_and(|machine| machine.cpus > 0 && machine.boot_time > 0));
    let again = super::thread("/", pid, &Config::default()).expect("this process");
    assert_eq!((again.comm, again.exe_ino, again.start_ts), (thread.comm.clone(), thread.exe_ino, thread.start_ts));
}

#[test]
fn one_thread_of_a_container_at_a_time() {
    let machine = Machine::new();
    machine.process(7, 7);
    machine.task("proc/7/task/9", 9, 7, 9);
    machine.task("proc/9", 9, 7, 9);
    machine.link("proc/7/fd/3", "socket:[501]");
    let mut lookup = Lookup::new(machine.root(), &Config::default());
    let thread = lookup.thread(7).expect("the process");
    assert_eq!((thread.pid, thread.fds.len(), thread.start_ts), (7, 1, 1_700_000_002_500_000_000));
    assert_eq!(lookup.thread(9).map(|thread| (thread.pid, thread.fds.len())), Some((7, 0)));
    assert_eq!(lookup.start_ts(9), Some(1_700_000_002_500_000_000));
    assert!(matches!(lookup.fd(7, 3), Some(Fd { ino: 501, kind: FdKind::Unix { .. }, .. })));
    assert_eq!(lookup.environ(7).as_deref(), Some(&b"A=1\0B=2\0"[..]));
    assert!(lookup.is_alive(7) && !lookup.is_alive(8));
    assert!(lookup.thread(8).is_none() && lookup.fd(7, 4).is_none() && lookup.environ(8).is_none());
    assert_eq!((lookup.report().threads, lookup.report().fds), (2, 2));
}

#[test]
fn the_start_of_a_namespace_is_that_of_its_first_process() {
    let machine = Machine::new();
    // 1 is the parent of all here, and first in its namespace.
    machine.process(1, 1);
    machine.process(7, 5);
    let mut lookup = Lookup::new(machine.root(), &Config::default());
    let start = lookup.start_ts(1).expect("a start");
    assert_eq!(lookup.thread(7).map(|thread| thread.pidns_init_start_ts), Some(start));
    assert_eq!(lookup.thread(1).map(|thread| thread.pidns_init_start_ts), Some(start));
}

#[test]
fn sockets_are_read_again_when_one_is_missing() {
    let machine = Machine::new();
    machine.process(7, 7);
    machine.link("proc/7/fd/3", "socket:[501]");
    machine.link("proc/7/fd/4", "socket:[502]");
    let mut lookup = Lookup::new(machine.root(), &Config::default());
    assert!(matches!(lookup.fd(7, 3).map(|fd| fd.kind), Some(FdKind::Unix { .. })));
    machine.file("proc/7/net/unix", "Num\nff: 2 0 0 1 1 502 /run/new\n");
    // Not at once, because that would cost too much, but soon.
    let named = |fd: Option<Fd>| matches!(fd.map(|fd| fd.kind), Some(FdKind::Unix { name, .. }) if name == b"/run/new");
    let found = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        named(lookup.fd(7, 4))
    });
    assert!(found);
}

#[test]
fn users_of_a_container_are_read_with_care() {
    let machine = Machine::new();
    machine.file("image/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:33:44::/home/ann:/bin/sh\nbroken\n");
    machine.file("image/etc/group", "www:x:44:\n");
    machine.link("proc/7/root", machine.root().join("image"));
    let mut lookup = Lookup::new(machine.root(), &Config::default());
    let (users, groups) = lookup.users(7).expect("users");
    assert_eq!(users.iter().map(|user| user.uid).collect::<Vec<_>>(), [0, 33]);
    assert_eq!(groups.iter().map(|group| &group.name[..]).collect::<Vec<_>>(), [b"www"]);
    // A link could lead out of the container, a pipe could block for ever, a large file fill the memory.
    let none = |lookup: &mut Lookup, pid| lookup.users(pid).is_some_and(|(users, _)| users.is_empty());
    machine.link("trap/etc/passwd", "/etc/passwd");
    machine.link("proc/8/root", machine.root().join("trap"));
    assert!(none(&mut lookup, 8));
    fs::create_dir_all(machine.root().join("pipe/etc")).expect("a directory");
    let made = std::process::Command::new("mkfifo").arg(machine.root().join("pipe/etc/passwd")).status();
    if made.is_ok_and(|status| status.success()) {
        machine.link("proc/9/root", machine.root().join("pipe"));
        assert!(none(&mut lookup, 9));
    }
    machine.file("great/etc/passwd", "");
    let great = fs::File::options().write(true).open(machine.root().join("great/etc/passwd")).expect("the file");
    great.set_len(1 << 30).expect("a hole");
    machine.link("proc/10/root", machine.root().join("great"));
    assert!(none(&mut lookup, 10));
    assert!(lookup.users(11).is_none(), "no such process");
}

#[test]
fn users_of_the_host_are_not_those_of_a_container() {
    let machine = Machine::new();
    machine.file("etc/passwd", "root:x:0:0::/root:/bin/bash\n");
    // The runtime of a container before it has entered its root directory.
    machine.link("proc/7/root", machine.root());
    let mut lookup = Lookup::new(machine.root(), &Config::default());
    assert!(lookup.users(7).is_none());
    machine.file("image/etc/passwd", "app:x:0:5::/app:/bin/sh\nnone:x:70000:5::/:/bin/sh\n");
    machine.file("image/etc/group", "app:x:5:\n");
    machine.link("proc/8/root", machine.root().join("image"));
    machine.file("proc/8/uid_map", "         0     100000      65536\n");
    machine.file("proc/8/gid_map", "         0     200000      65536\n");
    let (users, groups) = lookup.users(8).expect("users");
    // Events have the numbers of the host; a number without one there cannot occur.
    assert_eq!(users.iter().map(|user| (user.uid, user.gid)).collect::<Vec<_>>(), [(100_000, 200_005)]);
    assert_eq!(groups.iter().map(|group| group.gid).collect::<Vec<_>>(), [200_005]);
}

#[test]
fn namespaces_and_roots_are_compared_with_the_hosts() {
    let machine = Machine::new();
    let mut lookup = Lookup::new(machine.root(), &Config::default());
    machine.link("proc/7/ns/mnt", "mnt:[1]");
    machine.link("proc/8/ns/mnt", "mnt:[2]");
    machine.link("proc/9/ns/mnt", "mnt:[2]");
    machine.file("image/etc/passwd", "");
    machine.link("proc/7/root", machine.root());
    machine.link("proc/8/root", machine.root().join("image"));
    // A service with a mount namespace.
    machine.link("proc/9/root", machine.root());
    assert_eq!(lookup.is_contained(7), None, "that of the host is not known");
    // The first process may be hidden.
    machine.link("proc/2/ns/mnt", "mnt:[1]");
    let contained = [7, 8, 9, 10].map(|pid| lookup.is_contained(pid));
    assert_eq!(contained, [Some(false), Some(true), Some(false), None]);
}

#[test]
fn a_limit_cuts_the_list_of_file_descriptors() {
    let machine = Machine::new();
    machine.process(7, 7);
    (0..50).for_each(|num| machine.link(&format!("proc/7/fd/{num}"), "/nowhere"));
    let mut lookup = Lookup::new(machine.root(), &Config { budget: Some(Duration::ZERO), ..Config::default() });
    assert_eq!(lookup.thread(7).map(|thread| thread.fds.len()), Some(0));
    assert_eq!((lookup.report().cut_short, lookup.report().incomplete), (1, true));
}
