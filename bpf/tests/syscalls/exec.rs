//! exec, in success and in failure.

use crate::live::{Live, P, Seen, b, n, named, t};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;
use std::ffi::CString;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

/// Returns the parameters from the thread's id to the comm, of an event of this process.
fn task(tid: i64, comm: P) -> Vec<P> {
    let own = i64::from(std::process::id());
    vec![n(tid), n(own), P::Set, P::E, P::Set, P::Any, P::Any, P::Set, P::Set, P::Any, comm, P::Set]
}

fn failed(live: &mut Live) {
    let (arg0, arg1, env) = (c"zero", c"one two", c"K=V");
    let argv = [arg0.as_ptr(), arg1.as_ptr(), std::ptr::null()];
    let envp = [env.as_ptr(), std::ptr::null()];
    let (argv, envp) = (argv.as_ptr() as usize, envp.as_ptr() as usize);
    let own_exe = std::fs::read_link("/proc/self/exe").unwrap();
    let ino = std::fs::metadata(&own_exe).unwrap().ino();
    for (code, name) in [(C::EXECVE_19_X, "execve"), (C::EXECVEAT_X, "execveat")] {
        let (tid, ret, seen) = live.watch(named(&[name]), || match name {
            "execve" => sys!(SYS_execve, c"/nonexistent".as_ptr(), argv, envp),
            _ => sys!(SYS_execveat, AT_FDCWD, c"/nonexistent".as_ptr(), argv, envp, 0),
        });
        assert_eq!(ret, i64::from(-ENOENT));
        let Some(event) = seen.iter().find(|seen| seen.tid == tid && seen.code == code) else {
            live.faults.push(format!("{code:?}: no event"));
            continue;
        };
        let mut want = vec![n(ret), t("zero"), b(b"one two\0")];
        want.extend(task(tid, P::Any));
        want.extend([b(b"K=V\0"), P::Any, P::Set, n(-1), P::Any, n(0), P::Set, P::Set, n(ino as i64), P::Set, P::Set]);
        want.extend([n(0), t(own_exe.to_str().unwrap()), P::Set, n(0)]);
        want[18] = n(i64::from(loginuid()));
        if code == C::EXECVE_19_X {
            want.push(t("/nonexistent"));
        }
        live.check(event, &want);
    }
}

fn loginuid() -> i32 {
    let text = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    text.trim().parse::<u32>().map_or(-1, |uid| uid as i32)
}

fn run(seen: &[Seen], pid: i64) -> Option<&Seen> {
    seen.iter().find(|seen| seen.code == C::EXECVE_19_X && seen.tid == pid && seen.params[0] == [0; 8])
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    failed(live);
    // Makes a copy of sleep that its user may write.
    let path = format!("{dir}/sleep-copy");
    std::fs::copy("/bin/sleep", &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let meta = std::fs::metadata(&path).unwrap();
    let select = named(&["execve", "execveat"]);
    let (tid, pid, seen) = live.watch(select, || {
        let mut child = std::process::Command::new(&path).arg("0.01").env_clear().env("A", "b").spawn().unwrap();
        child.wait().unwrap();
        i64::from(child.id())
    });
    match run(&seen, pid) {
        Some(event) => {
            let own = i64::from(std::process::id());
            let parent = i64::from_ne_bytes(event.params[5].clone().try_into().unwrap());
            if parent != own && parent != tid {
                live.faults.push(format!("EXECVE_19_X.ptid: {parent}, not {own} and not {tid}"));
            }
            let ns = |time: i64, nanos: i64| n(time * 1_000_000_000 + nanos);
            let flags = i64::from(u32::from_ne_bytes(event.params[19].clone().try_into().unwrap()));
            let mut want = vec![n(0), t(&path), b(b"0.01\0"), n(pid), n(pid), P::Set, P::E, P::Set];
            // The resident memory is counted by processor and may not have been added up yet.
            want.extend([P::Any, P::Set, P::Set, P::Any, P::Any, t("sleep-copy"), P::Set, b(b"A=b\0"), P::Any]);
            want.extend([P::Set, n(i64::from(loginuid())), n(1 | (flags & 0xa)), P::Any, P::Set, P::Set]);
            want.extend([
                n(meta.ino() as i64),
                ns(meta.ctime(), meta.ctime_nsec()),
                ns(meta.mtime(), meta.mtime_nsec()),
                n(0),
                t(&path),
                P::Set,
                n(0),
                t(&path),
            ]);
            live.check(event, &want);
        }
        None => live.faults.push("EXECVE_19_X of a program: no event".into()),
    }
    from_memory(live);
}

/// Executes a program without a file: its path is the name that the memfd has.
fn from_memory(live: &mut Live) {
    let fd = sys!(SYS_memfd_create, c"hidden".as_ptr(), MFD_CLOEXEC);
    let image = std::fs::read("/bin/sleep").unwrap();
    let written = sys!(SYS_write, fd, image.as_ptr(), image.len());
    assert_eq!(written as usize, image.len());
    let path = CString::new(format!("/proc/self/fd/{fd}")).unwrap();
    let select = named(&["execve"]);
    let (_, pid, seen) = live.watch(select, || {
        let mut child = std::process::Command::new(path.to_str().unwrap()).arg("0.01").spawn().unwrap();
        child.wait().unwrap();
        i64::from(child.id())
    });
    let Some(event) = run(&seen, pid) else {
        live.faults.push("EXECVE_19_X of a memfd: no event".into());
        return;
    };
    let flags = u32::from_ne_bytes(event.params[19].clone().try_into().unwrap());
    if flags & 4 == 0 || event.params[27] != b"memfd:hidden\0" {
        live.faults.push(format!(
            "EXECVE_19_X of a memfd: flags {flags:#x}, path {}",
            String::from_utf8_lossy(&event.params[27])
        ));
    }
}
