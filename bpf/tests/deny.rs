//! Denials in the kernel, by real calls, on a kernel that runs BPF programs at the hooks of its security modules.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

use peregrine_bpf::deny::{Clause, Denial, Denials, Flag, Hook, HookPlan, Place, Plan, Test};
use std::fs;
use std::io::ErrorKind::PermissionDenied;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// One at a time: what one denies the others would see.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

macro_rules! alone {
    () => {{
        testkit::need!(LSM);
        ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }};
}

/// A plan of one clause at one hook: the first tests must be true, the others must be false.
fn plan(hook: Hook, all: &[Test], none: &[Test]) -> Plan {
    let mut of = HookPlan::new(hook);
    of.tests = all.iter().chain(none).map(|test| vec![test.clone()]).collect();
    let (all, both) = ((1u64 << all.len()) - 1, (1u64 << of.tests.len()) - 1);
    of.clauses = vec![Clause { all, none: both & !all, rule: 0 }];
    let mut plan = Plan::default();
    plan.rules = vec!["Rule".into()];
    plan.hooks = vec![of];
    plan
}

fn bytes(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

/// Returns the denials so far.
fn seen(denials: &Denials) -> Vec<Denial> {
    let mut all = Vec::new();
    denials.watch(|| false, |denial| all.push(denial)).unwrap();
    all
}

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = fs::canonicalize("/tmp").unwrap().join(format!("deny-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, "text").unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn denied<T>(result: std::io::Result<T>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) if error.kind() == PermissionDenied => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_file_is_read_only_by_allowed_programs() {
    let _alone = alone!();
    let folder = Folder::new("read");
    let (shadow, other) = (folder.file("shadow"), folder.file("other"));
    let cat = fs::canonicalize("/bin/cat").unwrap();
    let all = [Test::Path(Place::Object, bytes(&shadow)), Test::Flag(Flag::Read)];
    let denials = Denials::start(&plan(Hook::Open, &all, &[Test::Path(Place::Exe, bytes(&cat))])).unwrap();
    assert!(denied(fs::read(&shadow)));
    assert!(!denied(fs::read(&other)));
    assert!(!denied(fs::OpenOptions::new().write(true).open(&shadow)));
    assert!(Command::new("/bin/cat").arg(&shadow).output().unwrap().status.success());
    let found = seen(&denials);
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    let own = fs::canonicalize("/proc/self/exe").unwrap();
    assert_eq!((one.hook, one.dry_run, one.rule, one.pid), (Hook::Open, false, 0, std::process::id()));
    assert_eq!((&one.object, &one.exe), (&shadow.display().to_string(), &own.display().to_string()));
    assert_eq!((one.container.as_str(), one.target.as_str(), one.address), ("", "", None));
    assert_eq!((denials.counts().denied, denials.counts().lost), (1, 0));
    drop(denials);
    assert!(!denied(fs::read(&shadow)));
}

#[test]
fn a_dry_run_only_reports() {
    let _alone = alone!();
    let folder = Folder::new("dry");
    let file = folder.file("secret");
    let mut plan = plan(Hook::Open, &[Test::Last(Place::Object, b"secret".to_vec())], &[]);
    plan.dry_run = true;
    let denials = Denials::start(&plan).unwrap();
    assert!(!denied(fs::read(&file)));
    let found = seen(&denials);
    assert!(found.len() == 1 && found[0].dry_run, "{found:?}");
}

#[test]
fn processes_that_are_exempt_or_protected_are_denied_nothing() {
    let _alone = alone!();
    let folder = Folder::new("exempt");
    let file = folder.file("secret");
    let base = plan(Hook::Open, &[Test::Path(Place::Object, bytes(&file))], &[]);
    let mut exempt = base.clone();
    exempt.exempt = vec![std::process::id()];
    let own = fs::canonicalize("/proc/self/exe").unwrap();
    let mut by_file = base.clone();
    by_file.protected = vec![bytes(&own)];
    let mut by_folder = base;
    by_folder.protected = vec![[&bytes(own.parent().unwrap())[..], b"/"].concat()];
    // That the same plan denies without these is in the tests above.
    for plan in [exempt, by_file, by_folder] {
        let denials = Denials::start(&plan).unwrap();
        assert!(!denied(fs::read(&file)), "{plan:?}");
        assert_eq!(seen(&denials), []);
    }
}

#[test]
fn connections_to_a_network_are_denied() {
    let _alone = alone!();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let all = [Test::Net("127.0.0.0".parse().unwrap(), 8), Test::Port(address.port())];
    let denials = Denials::start(&plan(Hook::Connect, &all, &[])).unwrap();
    assert!(denied(TcpStream::connect(address)));
    let found = seen(&denials);
    assert_eq!(found[0].address, Some((address.ip(), address.port())));
    drop(denials);
    let outside = [Test::Net("10.0.0.0".parse().unwrap(), 8)];
    let _denials = Denials::start(&plan(Hook::Connect, &outside, &[])).unwrap();
    assert!(!denied(TcpStream::connect(address)));
    drop(_denials);
    // A socket without an internet address has none outside a network.
    let none = [Test::Net("127.0.0.0".parse().unwrap(), 8)];
    let _denials = Denials::start(&plan(Hook::Connect, &[Test::Flag(Flag::Address)], &none)).unwrap();
    assert!(!denied(TcpStream::connect(address)));
    let unix = Path::new("/tmp").join(format!("deny-{}.sock", std::process::id()));
    let _ = fs::remove_file(&unix);
    let _listener = std::os::unix::net::UnixListener::bind(&unix).unwrap();
    assert!(std::os::unix::net::UnixStream::connect(&unix).is_ok());
    let _ = fs::remove_file(&unix);
}

#[test]
fn names_are_not_changed_nor_removed() {
    let _alone = alone!();
    let folder = Folder::new("names");
    let file = folder.file("keep");
    let object = Test::Path(Place::Object, bytes(&file));
    let away = folder.0.join("away");
    for (hook, act) in [
        (Hook::Rename, &(|| fs::rename(&file, &away)) as &dyn Fn() -> std::io::Result<()>),
        (Hook::Link, &|| fs::hard_link(&file, &away)),
        (Hook::Unlink, &|| fs::remove_file(&file)),
    ] {
        let denials = Denials::start(&plan(hook, std::slice::from_ref(&object), &[])).unwrap();
        assert!(denied(act()), "{hook:?}");
        let found = seen(&denials);
        assert_eq!((found[0].hook, &found[0].object), (hook, &file.display().to_string()));
        let target = if hook == Hook::Unlink { String::new() } else { away.display().to_string() };
        assert_eq!(found[0].target, target);
    }
    // By the new name.
    let denials = Denials::start(&plan(Hook::Rename, &[Test::Path(Place::Target, bytes(&away))], &[])).unwrap();
    assert!(denied(fs::rename(&file, &away)));
    assert!(!denied(fs::rename(&file, folder.0.join("elsewhere"))));
    drop(denials);
    let below = folder.0.join("d");
    fs::create_dir(&below).unwrap();
    let _denials = Denials::start(&plan(Hook::Rmdir, &[Test::Below(Place::Object, bytes(&folder.0))], &[])).unwrap();
    assert!(denied(fs::remove_dir(&below)));
}

/// The depth at which a directory is does not matter, nor the number of directories above a test's own.
#[test]
fn everything_below_a_directory_is_meant() {
    let _alone = alone!();
    let folder = Folder::new("below");
    let deep = (0..200).fold(folder.0.clone(), |path, _| path.join("d"));
    fs::create_dir_all(&deep).unwrap();
    let file = deep.join("file");
    fs::write(&file, "").unwrap();
    let beside = PathBuf::from(format!("{}x", folder.0.display()));
    fs::write(&beside, "").unwrap();
    let _denials = Denials::start(&plan(Hook::Open, &[Test::Below(Place::Object, bytes(&folder.0))], &[])).unwrap();
    assert!(denied(fs::read(&file)));
    assert!(!denied(fs::read(&beside)));
    drop(_denials);
    let _ = fs::remove_file(&beside);
}

/// While tables are replaced, nothing is allowed that both deny, and nothing is denied that both allow.
#[test]
fn tables_are_replaced_without_a_gap() {
    let _alone = alone!();
    let folder = Folder::new("gap");
    let (secret, open) = (folder.file("secret"), folder.file("open"));
    let of = |more: u32| {
        let mut plan = plan(Hook::Open, &[Test::Path(Place::Object, bytes(&secret))], &[]);
        plan.hooks[0].tests.push(vec![Test::Uid(more)]);
        plan
    };
    let mut denials = Denials::start(&of(0)).unwrap();
    let (end, rounds) = (AtomicBool::new(false), 3);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut count, mut wrong) = (0, 0);
            while !end.load(Ordering::SeqCst) {
                wrong += u32::from(!denied(fs::read(&secret))) + u32::from(denied(fs::read(&open)));
                count += 1;
            }
            (count, wrong)
        });
        for round in 1..=rounds {
            denials = Denials::start(&of(round)).unwrap();
        }
        end.store(true, Ordering::SeqCst);
        let (count, wrong) = reader.join().unwrap();
        assert!(count > rounds && wrong == 0, "{wrong} of {count}");
    });
}

/// Returns where the cgroups (v2) of this host are mounted.
fn cgroups() -> Option<PathBuf> {
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists())
}

/// Programs below /tmp in a container's cgroup, and the same file by other ways. `docs/response.md` has the table.
#[test]
fn programs_of_a_container_below_tmp_are_not_run() {
    let _alone = alone!();
    let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    let Some(cgroups) = cgroups() else { testkit::skip!(KERNEL, "there is no cgroup v2") };
    let cgroup = cgroups.join(format!("docker-{id}.scope"));
    // With a cgroup in it, as a container has that manages its own.
    let inner = cgroup.join("init.scope");
    fs::create_dir_all(&inner).unwrap();
    let folder = Folder::new("exec");
    // Always with this name, by which busybox knows what it is.
    let at = |folder: PathBuf| {
        fs::create_dir_all(&folder).unwrap();
        folder.join("sleep")
    };
    let sleep = fs::canonicalize("/bin/sleep").unwrap();
    let evil = at(folder.0.join("evil"));
    fs::copy(&sleep, &evil).unwrap();
    let script = folder.0.join("script");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).unwrap();
    let run = |cgroup: Option<&Path>, program: &Path| {
        let join = cgroup.map_or(String::new(), |cgroup| format!("echo $$ > {}/cgroup.procs && ", cgroup.display()));
        let text = format!("{join}exec {} 0", program.display());
        let status = Command::new("/bin/sh").args(["-c", &text]).status().unwrap();
        match status.code() {
            Some(0) => true,
            Some(126) => false,
            other => panic!("{text}: {other:?}"),
        }
    };
    let all = [Test::Below(Place::Exe, b"/tmp".to_vec())];
    let none = [Test::Container(b"host".to_vec())];
    let denials = Denials::start(&plan(Hook::Exec, &all, &none)).unwrap();
    assert!(run(None, &evil), "on the host");
    let in_container = |what: &str, program: &Path, runs: bool| {
        let ran = run(Some(&inner), program);
        println!("exec in a container: {what}: {}", if ran { "runs" } else { "denied" });
        assert_eq!(ran, runs, "{what}");
    };
    in_container("a program below /tmp", &evil, false);
    in_container("a script below /tmp", &script, false);
    in_container("a program elsewhere", Path::new("/bin/sleep"), true);
    let found = seen(&denials);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].object.as_str(), found[0].container.as_str()), (evil.to_str().unwrap(), &id[..12]));
    // The path is that of the file where it is found now.
    let others = PathBuf::from(format!("/tmp-{}", std::process::id()));
    fs::create_dir_all(&others).unwrap();
    let mount = |from: &Path| {
        let status = Command::new("mount").args(["-o", "bind"]).arg(from).arg(&others).status().unwrap();
        assert!(status.success());
    };
    mount(&folder.0);
    in_container("the same file by a bind mount elsewhere", &others.join("evil/sleep"), true);
    let _ = Command::new("umount").arg(&others).status();
    let link = at(folder.0.join("symbolic"));
    std::os::unix::fs::symlink(&sleep, &link).unwrap();
    in_container("a symbolic link below /tmp to a program elsewhere", &link, true);
    let link = at(others.join("symbolic"));
    std::os::unix::fs::symlink(&evil, &link).unwrap();
    in_container("a symbolic link elsewhere to a program below /tmp", &link, false);
    let copied = at(others.join("copied"));
    fs::copy(&evil, &copied).unwrap();
    in_container("a copy elsewhere", &copied, true);
    let (from, moved) = (at(folder.0.join("moves")), at(folder.0.join("moved")));
    fs::copy(&evil, &from).unwrap();
    fs::rename(&from, &moved).unwrap();
    in_container("a file renamed below /tmp", &moved, false);
    let hard = at(folder.0.join("hard"));
    fs::hard_link(&evil, &hard).unwrap();
    in_container("a hard link below /tmp", &hard, false);
    drop(denials);
    let _ = fs::remove_dir_all(&others);
    for group in [&inner, &cgroup] {
        // A cgroup is removed once its last process is gone.
        let _ = fs::remove_dir(group);
    }
}

/// The same for a file that must not be read. `docs/response.md` has the table.
#[test]
fn a_file_by_other_names() {
    let _alone = alone!();
    let folder = Folder::new("other");
    let shadow = folder.file("shadow");
    let mut plan = plan(Hook::Open, &[Test::Path(Place::Object, bytes(&shadow)), Test::Flag(Flag::Read)], &[]);
    let (hard, mounted) = (folder.0.join("hard"), folder.file("mounted"));
    fs::hard_link(&shadow, &hard).unwrap();
    let status = Command::new("mount").args(["-o", "bind"]).arg(&shadow).arg(&mounted).status().unwrap();
    assert!(status.success());
    let symbolic = folder.0.join("symbolic");
    std::os::unix::fs::symlink(&shadow, &symbolic).unwrap();
    let copied = folder.0.join("copied");
    fs::copy(&shadow, &copied).unwrap();
    let denials = Denials::start(&plan).unwrap();
    let reads = |what: &str, path: &Path, expected: bool| {
        let read = !denied(fs::read(path));
        println!("open: {what}: {}", if read { "read" } else { "denied" });
        assert_eq!(read, expected, "{what}");
    };
    reads("the file", &shadow, false);
    reads("a symbolic link to it", &symbolic, false);
    reads("a hard link with another name", &hard, true);
    reads("a bind mount of it", &mounted, true);
    reads("a copy from before", &copied, true);
    assert!(denied(fs::copy(&shadow, folder.0.join("new"))));
    let renamed = folder.0.join("renamed");
    fs::rename(&shadow, &renamed).unwrap();
    reads("the file with a new name", &renamed, true);
    fs::rename(&renamed, &shadow).unwrap();
    drop(denials);
    let _ = Command::new("umount").arg(&mounted).status();
    // With the ways to another name closed too.
    for hook in [Hook::Rename, Hook::Link] {
        let mut of = HookPlan::new(hook);
        of.tests = vec![vec![Test::Path(Place::Object, bytes(&shadow))]];
        of.clauses = vec![Clause { all: 1, none: 0, rule: 0 }];
        plan.hooks.push(of);
    }
    let _denials = Denials::start(&plan).unwrap();
    assert!(denied(fs::rename(&shadow, &renamed)) && denied(fs::hard_link(&shadow, folder.0.join("hard2"))));
}
