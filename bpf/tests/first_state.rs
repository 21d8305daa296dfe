//! The initial state by BPF iterators equals that of `/proc`, compared on idle processes: with threads, of other users,
//! in another pid namespace, below another root, and with file descriptors of every kind.
//!
//! The processes are this test program again, as the case `a_process_to_look_at`, with their role in a variable.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]
#![allow(unsafe_code, reason = "raw calls make the descriptors")]

use libc::*;
use peregrine_bpf::{BpfSource, Probe, Selection, Toctou};
use scap::HostState;
use scap::Source as _;
use scap::host::{FdKind, Thread};
use scap::procfs::{self, Config, FdScan};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// The variable with the role of a process.
const ROLE: &str = "PEREGRINE_FIRST_STATE";
/// The line that a process prints once it has that role.
const READY: &str = "first-state-ready";

/// Opens all kinds of file descriptors, and keeps them.
fn descriptors(dir: &str) {
    let path = |name: &str| CString::new(format!("{dir}/{name}")).unwrap();
    // SAFETY: NUL-terminated paths and addresses of the given lengths; what a kernel lacks fails and is left out.
    unsafe {
        open(path("plain").as_ptr(), O_RDWR | O_CREAT | O_APPEND, 0o600);
        open(path("closed on exec").as_ptr(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644);
        open(CString::new([dir.as_bytes(), b"/\xff\n\x01"].concat()).unwrap().as_ptr(), O_RDWR | O_CREAT, 0o600);
        open(path("gone").as_ptr(), O_RDWR | O_CREAT, 0o600);
        unlink(path("gone").as_ptr());
        open(c"/dev/null".as_ptr(), O_RDWR | O_SYNC);
        open(c"/proc/self/status".as_ptr(), O_RDONLY);
        open(c"/proc/self/ns/net".as_ptr(), O_RDONLY);
        open(c"/".as_ptr(), O_RDONLY | O_DIRECTORY);
        open(path("").as_ptr(), O_PATH);
        mkfifo(path("fifo").as_ptr(), 0o600);
        open(path("fifo").as_ptr(), O_RDWR);
        let mut deep = dir.to_owned();
        for _ in 0..80 {
            deep.push_str("/d");
            mkdir(CString::new(deep.as_str()).unwrap().as_ptr(), 0o700);
        }
        open(CString::new(deep).unwrap().as_ptr(), O_RDONLY);
        let mut pair = [0; 2];
        pipe2(pair.as_mut_ptr(), O_NONBLOCK);
        for ty in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
            socketpair(AF_UNIX, ty, 0, pair.as_mut_ptr());
        }
        syscall(SYS_memfd_create, c"in memory".as_ptr(), MFD_CLOEXEC);
        eventfd(0, EFD_CLOEXEC);
        epoll_create1(0);
        timerfd_create(CLOCK_MONOTONIC, 0);
        inotify_init1(IN_CLOEXEC);
        let mut signals = std::mem::zeroed();
        sigemptyset(&raw mut signals);
        signalfd(-1, &raw const signals, 0);
        syscall(SYS_pidfd_open, getpid(), 0);
        let mut parameters = [0u32; 30];
        syscall(SYS_io_uring_setup, 4, parameters.as_mut_ptr());
        syscall(SYS_userfaultfd, O_CLOEXEC);
        for (family, ty, protocol) in [
            (AF_INET, SOCK_STREAM, 0),
            (AF_INET, SOCK_DGRAM, 0),
            (AF_INET6, SOCK_STREAM, 0),
            (AF_INET6, SOCK_DGRAM, 0),
            (AF_INET, SOCK_RAW, IPPROTO_ICMP),
            (AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
            (AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
            (AF_INET, SOCK_STREAM, IPPROTO_MPTCP),
            (AF_PACKET, SOCK_RAW, 0),
            (AF_NETLINK, SOCK_RAW, 0),
            (AF_UNIX, SOCK_DGRAM, 0),
        ] {
            socket(family, ty | SOCK_CLOEXEC, protocol);
        }
        let netlink = socket(AF_NETLINK, SOCK_RAW, 0);
        let mut address: sockaddr_nl = std::mem::zeroed();
        address.nl_family = AF_NETLINK as u16;
        bind(netlink, (&raw const address).cast(), size_of::<sockaddr_nl>() as u32);
    }
    let keep = |what: Box<dyn std::any::Any>| Box::leak(what);
    let servers = ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"];
    for server in servers.iter().filter_map(|address| std::net::TcpListener::bind(address).ok()) {
        if let Ok(client) = std::net::TcpStream::connect(server.local_addr().unwrap()) {
            keep(Box::new((client, server.accept().unwrap())));
        }
        keep(Box::new(server));
    }
    for socket in servers.iter().filter_map(|address| std::net::UdpSocket::bind(address).ok()) {
        let connected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let _ = connected.connect(socket.local_addr().unwrap());
        keep(Box::new((socket, connected)));
    }
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
    let abstract_name = [b"peregrine\0x".as_slice(), dir.as_bytes()].concat();
    for address in [
        SocketAddr::from_pathname(format!("{dir}/a socket")).unwrap(),
        SocketAddr::from_abstract_name(abstract_name).unwrap(),
    ] {
        let server = UnixListener::bind_addr(&address).unwrap();
        let client = UnixStream::connect_addr(&address).unwrap();
        keep(Box::new((server.accept().unwrap(), client, server)));
    }
    keep(Box::new(UnixDatagram::bind(format!("{dir}/datagrams")).unwrap()));
}

/// Creates a child whose first thread has ended while another goes on.
fn without_first_thread() -> pid_t {
    // SAFETY: the child makes one thread and ends its own.
    let pid = unsafe { fork() };
    if pid == 0 {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
        // SAFETY: only this thread ends.
        unsafe { syscall(SYS_exit, 0) };
    }
    let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    while !status().contains("Z (zombie)") {
        std::thread::yield_now();
    }
    pid
}

fn start(role: &str, dir: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_process_to_look_at", "--nocapture"]).env_clear().env(ROLE, format!("{role} {dir}"));
    command.env("EMPTY", "").env("A", "b c").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains(READY))), "{role} has become what it is to be");
    child
}

/// Not a test itself: the processes that the test below looks at.
#[test]
fn a_process_to_look_at() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (role, dir) = role.split_once(' ').unwrap();
    let mut children = Vec::new();
    let mut leaderless = None;
    // SAFETY: plain calls with constants and NUL-terminated strings; what is not allowed fails and is left out.
    unsafe {
        match role {
            "all" => {
                descriptors(dir);
                let limit = rlimit { rlim_cur: 777, rlim_max: 4096 };
                setrlimit(RLIMIT_NOFILE, &raw const limit);
                // A thread gives itself its name.
                let named = Arc::new(Barrier::new(4));
                for name in ["one", "two and a half", "(odd) name)"] {
                    let (thread, named) = (std::thread::Builder::new().name(name.into()), named.clone());
                    let wait = move || {
                        named.wait();
                        loop {
                            std::thread::park();
                        }
                    };
                    thread.spawn(wait).unwrap();
                }
                named.wait();
                children.push(start("nobody", dir));
                children.push(start("below", dir));
                children.push(start("leaderless", dir));
                if unshare(CLONE_NEWPID) == 0 {
                    children.push(start("namespace", dir));
                }
            }
            "nobody" => {
                setsid();
                setresgid(65534, 65533, 65534);
                setresuid(65534, 65533, 65534);
            }
            "below" => {
                let new = CString::new(format!("{dir}/below")).unwrap();
                mkdir(new.as_ptr(), 0o755);
                chdir(new.as_ptr());
                rmdir(new.as_ptr());
                chroot(CString::new(dir).unwrap().as_ptr());
            }
            "leaderless" => {
                let own = format!("{dir}/leaderless");
                std::fs::create_dir_all(&own).unwrap();
                descriptors(&own);
                leaderless = Some(without_first_thread());
            }
            _ => {
                setpgid(0, 0);
                prctl(PR_SET_NAME, c"in a namespace".as_ptr());
            }
        }
    }
    println!("{READY}");
    std::io::stdout().flush().unwrap();
    // Until the process that started it goes away.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    if let Some(pid) = leaderless {
        // SAFETY: a child of this process, which has not been waited for.
        unsafe { kill(pid, SIGKILL) };
    }
    for mut child in children {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    // A skip would not be seen from here, and its open files are not a leak.
    // SAFETY: nothing is left to do.
    unsafe { _exit(0) };
}

/// Opens the probe, with an initial state by iterators where this kernel has them.
fn open_source(config: &Config) -> Option<BpfSource> {
    let builder = Probe::builder().select(Selection::none()).toctou(Toctou::Off).io_uring(false);
    match builder.proc_scan(Some(config.clone())).open() {
        Ok(source) => Some(source),
        Err(error) => {
            testkit::skip(&testkit::BPF, error);
            None
        }
    }
}

/// Returns the processes below `root`, each with its threads.
fn tree(host: &HostState, root: i64) -> Vec<Thread> {
    let mut members = BTreeSet::from([root]);
    let threads = &host.threads;
    loop {
        let before = members.len();
        members.extend(
            threads.iter().filter(|thread| members.contains(&thread.ptid)).map(|thread| thread.pid).collect::<Vec<_>>(),
        );
        if members.len() == before {
            break;
        }
    }
    threads.iter().filter(|thread| members.contains(&thread.pid)).cloned().collect()
}

/// Removes what differs between two moments, or between the two ways.
fn plain(mut thread: Thread, has_addresses: bool) -> Thread {
    assert!(thread.vmsize_kb > 0 && thread.vmrss_kb > 0 && thread.pfminor > 0, "{thread:?}");
    (thread.vmsize_kb, thread.vmrss_kb, thread.vmswap_kb, thread.pfminor, thread.pfmajor) = (0, 0, 0, 0, 0);
    // Only the kernel knows layers.
    (thread.exe_upper_layer, thread.exe_lower_layer) = (false, false);
    for fd in &mut thread.fds {
        if let FdKind::Unix { source, .. } = &mut fd.kind {
            // The kernel's addresses are hidden in /proc.
            assert!(*source != 0 || !has_addresses, "{fd:?}");
            *source = 0;
        }
    }
    thread
}

#[test]
fn iterators_return_the_state_that_proc_shows() {
    let dir = std::env::temp_dir().join(format!("peregrine-first-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut child = start("all", &String::from_utf8(dir.clone().into_os_string().into_vec()).unwrap());
    let root = i64::from(child.id());
    let mut compared = 0;
    for config in [
        Config::default(),
        Config {
            threads: false,
            fds: FdScan::Sockets,
            max_fds: 5,
            users: false,
            max_args: 10,
            max_env: 8,
            ..Config::default()
        },
    ] {
        let Some(source) = open_source(&config) else { break };
        if !source.is_by_iterators() {
            testkit::skip(&testkit::KERNEL, format_args!("{:?}", source.notes()));
            assert!(std::env::var_os("PEREGRINE_ALLOW_REFUSED").is_some(), "{:?}", source.notes());
            break;
        }
        let (host, proc) = (source.host(), procfs::scan("/", &config).unwrap().host);
        assert_eq!((&host.machine, &host.interfaces), (&proc.machine, &proc.interfaces));
        assert_eq!((&host.users, &host.groups), (&proc.users, &proc.groups));
        let (told, shown) = (tree(host, root), tree(&proc, root));
        let ids = |threads: &[Thread]| threads.iter().map(|thread| (thread.pid, thread.tid)).collect::<Vec<_>>();
        assert_eq!(ids(&told), ids(&shown), "the same threads in the same order");
        let zombie = |pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ");
        let leaderless = told.iter().find(|thread| thread.tid == thread.pid && zombie(thread.pid));
        let leaderless = leaderless.expect("a process whose first thread has ended");
        assert!(!leaderless.exepath.is_empty() && !leaderless.exe.is_empty(), "{leaderless:?}");
        for (told, shown) in told.into_iter().zip(shown) {
            let (told, shown) = (plain(told, true), plain(shown, false));
            for (fd, other) in told.fds.iter().zip(&shown.fds) {
                assert_eq!(fd, other, "descriptors of {}", told.pid);
                compared += 1;
            }
            assert_eq!(told, shown);
        }
    }
    drop(child.stdin.take());
    child.wait().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    println!("{compared} descriptors compared");
}

#[test]
fn without_iterators_proc_is_read() {
    let own = i64::from(std::process::id());
    let builder = Probe::builder().select(Selection::none()).toctou(Toctou::Off).io_uring(false);
    let source = match builder.without_program("scan_file").open() {
        Ok(source) => source,
        Err(error) => testkit::skip!(BPF, "{error}"),
    };
    assert!(!source.is_by_iterators());
    let note = "the initial state was read from /proc: the iterator scan_file: ";
    assert!(source.notes().iter().any(|found| found.starts_with(note)), "{:?}", source.notes());
    assert!(source.host().threads.iter().any(|thread| thread.pid == own && !thread.fds.is_empty()));
}

#[test]
fn time_is_bounded() {
    let config = Config { budget: Some(Duration::ZERO), ..Config::default() };
    let Some(source) = open_source(&config) else { return };
    assert!(source.report().incomplete);
    assert!(source.host().threads.is_empty(), "{:?}", source.report());
    assert!(source.host().machine.is_some());
}
