//! The probe with the four capabilities and nothing else, as the user nobody; and the errors when one is missing.
//!
//! Capabilities belong to a thread, so each case drops them in its own thread.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]
#![allow(unsafe_code, reason = "capabilities are given up by raw calls")]

use peregrine_bpf::{BpfSource, Error, Probe, Selection, Toctou};
use scap::schema::EventCode;
use scap::{Next, Source};
use std::time::{Duration, Instant};

const SYS_PTRACE: u32 = 19;
const SYS_RESOURCE: u32 = 24;
const PERFMON: u32 = 38;
const BPF: u32 = 39;
const NOBODY: libc::c_long = 65534;

/// Switches to the user nobody, with these capabilities. Raw calls, since those of the library would change all
/// threads.
fn become_nobody(capabilities: &[u32]) {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let ours = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap();
    let ours = u64::from_str_radix(ours.trim(), 16).unwrap();
    // Even root may lack one; CAP_SYS_RESOURCE is only needed by kernels before 5.11.
    let mask = ours & capabilities.iter().map(|bit| 1u64 << bit).sum::<u64>();
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    // Effective, permitted and inheritable, each in two words.
    let data = [low, low, 0, high, high, 0];
    let header = Header { version: 0x2008_0522, pid: 0 };
    // SAFETY: plain numbers, and two structures of the form that capset reads.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
        assert_eq!(libc::syscall(libc::SYS_setresgid, NOBODY, NOBODY, NOBODY), 0);
        assert_eq!(libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY), 0);
        assert_eq!(libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()), 0);
    }
}

/// Returns the result of opening the probe with these capabilities.
fn open_with<R: Send>(capabilities: &[u32], then: impl FnOnce(Result<BpfSource, Error>) -> R + Send) -> R {
    let builder = Probe::builder().select(Selection::named(&["getppid"]).unwrap());
    build_with(capabilities, builder.toctou(Toctou::Off).io_uring(false), then)
}

fn build_with<R: Send>(
    capabilities: &[u32],
    builder: peregrine_bpf::Builder,
    then: impl FnOnce(Result<BpfSource, Error>) -> R + Send,
) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            become_nobody(capabilities);
            then(builder.open())
        });
        thread.join().unwrap()
    })
}

#[test]
fn four_capabilities_are_enough_and_each_is_missed_by_name() {
    if let Err(error) = Probe::builder().proc_scan(None).prepare() {
        testkit::skip!(BPF, "{error}");
    }
    // Only root can drop capabilities so.
    testkit::need!(ROOT);
    let mut sleep = std::process::Command::new("sleep").arg("30").spawn().unwrap();
    let child = i64::from(sleep.id());
    open_with(&[BPF, PERFMON, SYS_RESOURCE, SYS_PTRACE], |source| {
        let mut source = source.unwrap();
        assert!(source.notes().is_empty() && source.refused().is_empty(), "{:?}", source.notes());
        let roots = source.host().threads.iter().find(|thread| thread.tid == child).expect("a process of root");
        assert!(roots.exepath.ends_with(b"sleep"), "another user's process is read: {roots:?}");
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            // SAFETY: no arguments.
            unsafe { libc::syscall(libc::SYS_getppid) };
            if let Next::Event(_) = source.next().unwrap() {
                break;
            }
            assert!(Instant::now() < end, "no event");
        }
    });
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    for (held, name) in [
        (&[PERFMON, SYS_RESOURCE, SYS_PTRACE][..], "CAP_BPF"),
        (&[BPF, SYS_RESOURCE, SYS_PTRACE], "CAP_PERFMON"),
        (&[], "CAP_BPF"),
    ] {
        let error = open_with(held, |source| source.map(|_| ()).unwrap_err());
        assert!(matches!(error, Error::Capability(missing) if missing == name), "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("the probe needs {name}: run as root, or give")), "{text}");
    }
    open_with(&[BPF, PERFMON, SYS_RESOURCE], |source| {
        let notes = source.unwrap().notes().join("\n");
        assert!(notes.starts_with("CAP_SYS_PTRACE is missing: "), "{notes}");
    });
    // Without tracefs, and without the right to mount it, the hook of all calls records arguments at entry.
    let traced = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"].into_iter().any(is_open_to_others);
    let builder = Probe::builder().select(Selection::named(&["openat"]).unwrap()).io_uring(false).proc_scan(None);
    build_with(&[BPF, PERFMON, SYS_RESOURCE], builder.clone(), |source| {
        let mut source = source.unwrap();
        let guard = source.guard();
        if guard != Toctou::Exit {
            assert_eq!(guard, if traced { Toctou::Tracepoints } else { Toctou::Hook });
            noted(&mut source);
        }
    });
    assert_ne!(builder.clone().open().unwrap().guard(), Toctou::Auto);
    // Root mounts it where nobody sees it.
    let mut source = builder.toctou(Toctou::Tracepoints).open().unwrap();
    noted(&mut source);
}

/// Returns whether a directory can be reached without privileges: most hosts keep tracefs to root.
fn is_open_to_others(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    std::path::Path::new(path).ancestors().all(|part| mode(part) & 1 == 1)
}

/// Checks that the entry of an open is among the events.
fn noted(source: &mut BpfSource) {
    let _ = std::fs::File::open("/dev/zero");
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        if let Next::Event(event) = source.next().unwrap()
            && event.code() == EventCode::OPENAT_2_E
            && event.raw(1) == Some(b"/dev/zero\0")
        {
            break;
        }
        assert!(Instant::now() < end, "no entry event by {}", source.guard());
    }
}
