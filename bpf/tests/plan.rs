//! Plans in the kernel: its decisions are those of the model, and what is left out is counted.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

use peregrine_bpf::{BpfSource, PlanMode, Probe, Toctou};
use scap::plan::{Classes, Descriptor, Descriptors, Errnos, Outcomes, PathTest, Plan, Shape, Test};
use scap::schema::{EVENTS, EventCode, SyscallCode};
use scap::{Next, Source};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Opens the probe, or records a skip. One at a time: the tests of this file would see each other's calls.
fn open() -> Option<(std::sync::MutexGuard<'static, ()>, BpfSource)> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let probe = Probe::builder().proc_scan(None).toctou(Toctou::Exit).max_wait(Duration::from_millis(2));
    match probe.open() {
        Ok(source) => Some((guard, source)),
        Err(error) => {
            testkit::skip(&testkit::BPF, error);
            None
        }
    }
}

/// Reads until nothing more comes, or for two seconds; returns the types of the events of this process and their paths.
fn drain(source: &mut BpfSource, mut each: impl FnMut(&scap::Event<'_>)) {
    let mut quiet = 0;
    let end = Instant::now() + Duration::from_secs(2);
    while quiet < 3 && Instant::now() < end {
        match source.next().unwrap() {
            Next::Event(event) => {
                quiet = 0;
                each(&event);
            }
            _ => quiet += 1,
        }
    }
}

/// Returns a plan with every kind of test.
fn plan() -> Plan {
    let mut plan = Plan::everything();
    for (at, info) in EVENTS.iter().enumerate() {
        // Among them some that no rule set would have.
        let wanted = [Outcomes::SUCCEEDED, Outcomes::FAILED, Outcomes::BOTH, Outcomes::NONE][at / 2 % 4];
        if !Plan::has_path(info.code) {
            plan.set(info.code, wanted);
        }
        // ENOENT, EBADF and ENOTTY; EACCES and ESRCH; all.
        let errnos = [&[2, 9, 25][..], &[13, 3], &[]].map(|numbers| {
            let set = numbers.iter().fold(Errnos::NONE, |set, number| set.union(Errnos::one(*number)));
            if set == Errnos::NONE { Errnos::ALL } else { set }
        });
        plan.set_errnos(info.code, errnos[at / 2 % 3]);
    }
    for code in [EventCode::READ_X, EventCode::WRITE_X, EventCode::FSTAT_X, EventCode::IOCTL_3_X, EventCode::LSEEK_X] {
        plan.set(code, Outcomes::BOTH);
        let kinds = [
            Descriptors::one(Descriptor::Inet, Outcomes::BOTH),
            Descriptors::one(Descriptor::File, Outcomes::SUCCEEDED),
            Descriptors::one(Descriptor::Unix, Outcomes::SUCCEEDED)
                .union(Descriptors::one(Descriptor::File, Outcomes::FAILED)),
        ];
        plan.set_descriptors(code, kinds[usize::from(code.0) / 2 % 3]);
    }
    plan.set(EventCode::FCNTL_X, Outcomes::BOTH);
    plan.set_few_commands(true);
    let opens = plan.opens_mut();
    opens.clear(Classes::ALL);
    opens.add_shape(Shape::Dots, Classes::FAILED);
    opens.add_shape(Shape::Odd, Classes::one(true, true, false));
    opens.add(PathTest::prefix(b"/etc/"), Classes::one(true, false, false));
    opens.add(PathTest::prefix(b"/etc/pa"), Classes::one(true, false, true));
    opens.add(PathTest::exact(b"/etc/shadow"), Classes::one(false, true, false).union(Classes::FAILED));
    opens.add(PathTest::suffix(b".so"), Classes::SUCCEEDED);
    opens.add(PathTest::suffix(b"/passwd"), Classes::ALL);
    opens.add(PathTest::prefix(b"/proc/self/"), Classes::FAILED);
    plan
}

/// Opens files in many ways.
fn open_files() {
    let paths = [
        "/etc/passwd",
        "/etc/shadow",
        "/etc",
        "/etc/",
        "//etc/passwd",
        "/etc/./passwd",
        "/etc/../etc/passwd",
        "/no/such",
        "/no/such.so",
        "/no/passwd",
        "/etc/no",
        "/etc/pano",
        "/proc/self/no",
        "no",
        "../no",
        "/proc/self/status",
        "/proc/self/exe",
        "/dev/null",
        "/etc/mtab",
        "/tmp",
        "/",
        ".",
        "/etc/.no",
        "/a/..no",
    ];
    let long = format!("/{}", "a".repeat(126));
    let longer = format!("/{}", "a".repeat(127));
    for path in paths.into_iter().chain([long.as_str(), longer.as_str()]) {
        drop(File::open(path));
        drop(OpenOptions::new().write(true).open(path));
        drop(OpenOptions::new().read(true).write(true).open(path));
    }
}

/// Runs `cat`, which has one thread, from each kind of file descriptor to another; returns the ids of its processes.
fn pass_data() -> [u32; 4] {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (near, far) = (TcpStream::connect(listener.local_addr().unwrap()).unwrap(), listener.accept().unwrap().0);
    let (one, two) = UnixStream::pair().unwrap();
    let write = |mut to: Box<dyn Write>| to.write_all(b"data").unwrap();
    write(Box::new(far));
    write(Box::new(two));
    let run = |input: OwnedFd| {
        let output = std::process::Stdio::null();
        let mut child = std::process::Command::new("cat").stdin(input).stdout(output).spawn().unwrap();
        child.wait().unwrap();
        child.id()
    };
    let (end, pipe) = std::io::pipe().unwrap();
    write(Box::new(pipe));
    [run(File::open("/etc/passwd").unwrap().into()), run(end.into()), run(near.into()), run(one.into())]
}

fn walk(folder: &Path, left: &mut usize) {
    let Ok(rows) = fs::read_dir(folder) else { return };
    for row in rows.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let path = row.path();
        if row.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, left);
        } else if row.file_type().is_ok_and(|kind| kind.is_file()) {
            drop(File::open(&path));
        }
    }
}

#[test]
fn the_kernel_decides_as_the_model_does() {
    let Some((_guard, mut source)) = open() else { return };
    source.set_plan(PlanMode::Verify, plan()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    // PEREGRINE_PLAN_EVENTS makes it a test of a million events.
    let wanted = std::env::var("PEREGRINE_PLAN_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000u64);
    let end = Instant::now() + Duration::from_secs(if wanted > 20_000 { 600 } else { 20 });
    while source.verified().checked < wanted && Instant::now() < end {
        open_files();
        walk(Path::new("/usr"), &mut 2000);
        pass_data();
        // A program with several threads, whose paths others could change.
        std::thread::scope(|scope| drop(scope.spawn(open_files)));
        let _ = std::process::Command::new("sh")
            .args(["-c", "cat /etc/passwd /no/such; ls /usr/lib/*.so | head -3; cd /etc && cat hosts"])
            .output();
        drain(&mut source, |_| ());
    }
    let verified = source.verified().clone();
    eprintln!("{verified:?}");
    let least = wanted.min(20_000);
    assert!(verified.checked >= least && verified.left_out > least / 20, "{verified:?}");
    assert_eq!((verified.wrong, verified.spared), (0, 0), "{:?}", verified.example);
}

#[test]
fn what_is_left_out_is_counted_and_the_rest_comes() {
    let Some((_guard, mut source)) = open() else { return };
    let mut plan = Plan::everything();
    plan.set(EventCode::RMDIR_2_X, Outcomes::SUCCEEDED);
    plan.opens_mut().clear(Classes::FAILED);
    plan.opens_mut().add(PathTest::prefix(b"/no/wanted"), Classes::FAILED);
    source.set_plan(PlanMode::On, plan).unwrap();
    assert_eq!(source.plan_mode(), PlanMode::On);
    std::thread::sleep(Duration::from_millis(50));
    for _ in 0..1000 {
        drop(File::open("/no/such"));
        drop(File::open("/no/wanted/such"));
        let _ = fs::remove_dir("/no/such");
    }
    let (mut such, mut wanted, mut removed) = (0, 0, 0);
    let mut count = |event: &scap::Event<'_>| {
        let path = event.raws().find(|raw| raw.starts_with(b"/no/")).unwrap_or_default();
        match path {
            b"/no/such\0" if event.code() == EventCode::OPENAT_2_X => such += 1,
            b"/no/wanted/such\0" => wanted += 1,
            b"/no/such\0" if event.code() == EventCode::RMDIR_2_X => removed += 1,
            _ => {}
        }
    };
    drain(&mut source, &mut count);
    let left = source.left_out();
    let of = |call, test| left.iter().find(|row| row.call == call && row.test == test).map_or(0, |row| row.count);
    // Now and then one is kept, so that the time goes on.
    assert!(such < 50 && removed < 50 && wanted >= 1000, "{such} {removed} {wanted}");
    assert!(of(SyscallCode::OPENAT, Test::Path) >= 950 && of(SyscallCode::RMDIR, Test::Outcome) >= 950, "{left:?}");
    // Off again, everything comes.
    source.set_plan(PlanMode::Off, Plan::everything()).unwrap();
    for _ in 0..1000 {
        let _ = fs::remove_dir("/no/such");
    }
    let mut removed = 0;
    drain(&mut source, |event| removed += usize::from(event.code() == EventCode::RMDIR_2_X));
    assert!(removed >= 1000, "{removed}");
}

#[test]
fn calls_that_rules_do_not_ask_for_are_left_out_by_error_and_file_descriptor() {
    let Some((_guard, mut source)) = open() else { return };
    let mut plan = Plan::everything();
    plan.set_descriptors(EventCode::READ_X, Descriptors::one(Descriptor::Inet, Outcomes::BOTH));
    plan.set(EventCode::RMDIR_2_X, Outcomes::FAILED);
    plan.set_errnos(EventCode::RMDIR_2_X, Errnos::one(20));
    source.set_plan(PlanMode::On, plan).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let mut passed: Vec<[u32; 4]> = Vec::new();
    for _ in 0..20 {
        passed.push(pass_data());
        let _ = fs::remove_dir("/etc/passwd");
        let _ = fs::remove_dir("/no/such");
        // This process has several threads, so that its reads are all kept.
        let _ = File::open("/etc/passwd").unwrap().read(&mut [0; 16]);
    }
    let (mut reads, mut own, mut removed) = ([0; 4], 0, [0; 2]);
    drain(&mut source, |event| {
        let result = event.param(0).and_then(|result| result.i64()).unwrap_or(0);
        match event.code() {
            EventCode::READ_X if event.param(2).and_then(|fd| fd.i64()) == Some(0) => {
                for at in 0..4 {
                    reads[at] += usize::from(passed.iter().any(|ids| i64::from(ids[at]) == event.tid()));
                }
            }
            EventCode::READ_X => own += usize::from(result == 16 && event.raw(1) == Some(b"root:x:0:0:root:")),
            EventCode::RMDIR_2_X if result == -20 => removed[0] += 1,
            EventCode::RMDIR_2_X if result == -2 => removed[1] += 1,
            _ => {}
        }
    });
    let [file, pipe, inet, unix] = reads;
    // Of each there are two reads; now and then one is kept, so that the time goes on.
    assert!(inet >= 40 && file < 10 && pipe < 10 && unix < 10, "{reads:?}");
    assert!(own >= 20 && removed[0] >= 20 && removed[1] < 10, "{own} {removed:?}");
    let left = source.left_out();
    let of = |call, test| left.iter().find(|row| row.call == call && row.test == test).map_or(0, |row| row.count);
    // The `cat` of busybox copies files by sendfile: then there are 80 reads of the others.
    assert!(of(SyscallCode::READ, Test::Descriptor) >= 70 && of(SyscallCode::RMDIR, Test::Errno) >= 10, "{left:?}");
}
