//! Limits, namespaces, sessions, ptrace, prctl, and the clone family.

use crate::live::{Live, P, Seen, b, n, named, t};
use crate::{bytes, sys};
use libc::*;
use scap::schema::EventCode as C;

pub(crate) fn cases(live: &mut Live) {
    let mut limit = [0u64; 2];
    let at = limit.as_mut_ptr() as usize;
    let now = || {
        let mut l = rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `l` may be filled.
        unsafe { getrlimit(RLIMIT_NOFILE, &mut l) };
        (l.rlim_cur, l.rlim_max)
    };
    let (soft, hard) = now();
    live.case(
        C::GETRLIMIT_X,
        || sys!(SYS_getrlimit, RLIMIT_NOFILE, at),
        |_| vec![n(0), n(soft as i64), n(hard as i64), n(7)],
    );
    live.case(C::GETRLIMIT_X, || sys!(SYS_getrlimit, 99, at), |_| vec![n(-EINVAL), n(-1), n(-1), n(0xff)]);
    live.case(
        C::SETRLIMIT_X,
        || sys!(SYS_setrlimit, RLIMIT_NOFILE, [soft, hard].as_ptr()),
        |_| vec![n(0), n(soft as i64), n(hard as i64), n(7)],
    );
    live.case(
        C::SETRLIMIT_X,
        || sys!(SYS_setrlimit, 77, [5u64, 6].as_ptr()),
        |_| vec![n(-EINVAL), n(5), n(6), n(0xff)],
    );
    live.case(
        C::PRLIMIT_X,
        || sys!(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, at),
        |_| vec![n(0), n(0), n(0), n(soft as i64), n(hard as i64), n(0), n(7)],
    );
    live.case(
        C::PRLIMIT_X,
        || sys!(SYS_prlimit64, -1, RLIMIT_CORE, [1u64, 2].as_ptr(), 0),
        |ret| vec![n(ret), n(1), n(2), n(-1), n(-1), n(-1), n(4)],
    );
    live.case(C::SETNS_X, || sys!(SYS_setns, -1, CLONE_NEWNET), |_| vec![n(-EBADF), n(-1), n(0x10)]);
    live.case(C::UNSHARE_X, || sys!(SYS_unshare, CLONE_FS | CLONE_FILES), |_| vec![n(0), n(3)]);
    live.case(C::UNSHARE_X, || sys!(SYS_unshare, CLONE_NEWUTS | CLONE_THREAD), |ret| vec![n(ret), n(0x2080)]);
    live.case(C::CHROOT_X, || sys!(SYS_chroot, c"/".as_ptr()), |ret| vec![n(ret), t("/")]);
    live.case(C::CHROOT_X, || sys!(SYS_chroot, c"/none".as_ptr()), |_| vec![n(-ENOENT), t("/none")]);
    live.case(C::SETSID_X, || sys!(SYS_setsid), |ret| vec![n(ret)]);
    live.case(C::SETPGID_X, || sys!(SYS_setpgid, -1, 3), |ret| vec![n(ret), n(-1), n(3)]);
    live.case(
        C::PRCTL_X,
        || sys!(SYS_prctl, 15, c"a-name".as_ptr(), 0, 0, 0),
        |_| vec![n(0), n(15), t("a-name"), n(0)],
    );
    let mut reaper = 5i32;
    let reaper_at = &raw mut reaper as usize;
    live.case(C::PRCTL_X, || sys!(SYS_prctl, 37, reaper_at, 0, 0, 0), |_| vec![n(0), n(37), P::E, n(0)]);
    live.case(C::PRCTL_X, || sys!(SYS_prctl, 36, 0, 0, 0, 0), |_| vec![n(0), n(36), P::E, n(0)]);
    live.case(C::PRCTL_X, || sys!(SYS_prctl, 9999, 42, 0, 0, 0), |_| vec![n(-EINVAL), n(9999), P::E, n(42)]);

    let zero = || b(&bytes![0u8, 0u64]);
    live.case(
        C::PTRACE_X,
        || sys!(SYS_ptrace, PTRACE_POKETEXT, -1, 0x1000, 0x2000),
        |ret| vec![n(ret), zero(), zero(), n(5), n(-1)],
    );
    // A traced process has no place for another tracer.
    if !live.lacks("ptrace") {
        continued(live);
    }
    clones(live);
    ends(live);
    std::hint::black_box((&limit, &reaper));
}

/// A tracer lets its process go on.
fn continued(live: &mut Live) {
    let mut child = std::process::Command::new("/bin/sleep").arg("30").spawn().unwrap();
    let pid = i64::from(child.id());
    live.case(
        C::PTRACE_X,
        || {
            assert_eq!(sys!(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0), 0);
            assert_eq!(sys!(SYS_ptrace, PTRACE_INTERRUPT, pid, 0, 0), 0);
            sys!(SYS_wait4, pid, 0, __WALL, 0);
            sys!(SYS_ptrace, PTRACE_CONT, pid, 0x77, 0)
        },
        |_| vec![n(0), b(&bytes![0u8, 0x77u64]), b(&[1, 0]), n(8), n(pid)],
    );
    let _ = child.kill();
    let _ = child.wait();
}

/// Creates a process by the call with number `nr`, whose child ends at once with `code`; returns its pid.
fn spawn(nr: i64, first: usize, second: usize, code: i64) -> i64 {
    let pid: i64;
    // SAFETY: the child touches neither stack nor memory before it ends, so that even vfork may share both.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, r12",
            "mov eax, 60",
            "syscall",
            "2:",
            inlateout("rax") nr => pid,
            in("rdi") first,
            in("rsi") second,
            inlateout("rdx") 0usize => _,
            in("r10") 0usize,
            in("r8") 0usize,
            in("r12") code,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    pid
}

fn reap(pid: i64) {
    sys!(SYS_wait4, pid, 0, 0, 0);
}

/// Returns `name=path` of each controller, from `/proc`; the value of the probe has to be among them.
fn cgroups_hold(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw).into_owned();
    let listed = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    text.split('\0').filter(|entry| !entry.is_empty()).all(|entry| {
        let Some((name, path)) = entry.split_once('=') else { return false };
        let v1 = listed.lines().find(|line| line.split(':').nth(1).is_some_and(|l| l.split(',').any(|c| c == name)));
        let v2 = listed.lines().find(|line| line.starts_with("0::"));
        let want = v1.or(v2).and_then(|line| line.splitn(3, ':').nth(2)).unwrap_or("");
        path == want || path == "/"
    })
}

/// Returns the expected parameters of an event of the clone family, with what only `/proc` knows taken from it.
fn clone_params(seen: &Seen, res: i64, tid: i64, ptid: i64, flags: i64) -> Vec<P> {
    let cmdline = std::fs::read("/proc/self/cmdline").unwrap();
    let cut = cmdline.iter().position(|byte| *byte == 0).unwrap() + 1;
    let (exe, args) = cmdline.split_at(cut);
    let child = res == 0;
    let (fdlimit, _) = {
        let mut l = rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `l` may be filled.
        unsafe { getrlimit(RLIMIT_NOFILE, &mut l) };
        (l.rlim_cur, l.rlim_max)
    };
    let pid = if child { tid } else { i64::from(std::process::id()) };
    let comm = seen.params[13].clone();
    vec![
        n(res),
        b(exe),
        b(args),
        n(tid),
        n(pid),
        if child { n(ptid) } else { P::Set },
        P::E,
        n(fdlimit as i64),
        P::Any,
        P::Any,
        P::Set,
        P::Set,
        P::Any,
        b(&comm),
        if cgroups_hold(&seen.params[14]) { P::Set } else { P::E },
        n(flags),
        n(0),
        n(0),
        n(tid),
        n(pid),
        if child { P::Any } else { n(0) },
    ]
}

fn clones(live: &mut Live) {
    let clone3 = [0u64, 0, 0, 0, SIGCHLD as u64, 0, 0, 0];
    for (code, nr, first, second) in [
        (C::CLONE_20_X, SYS_clone, SIGCHLD as usize, 0),
        (C::FORK_20_X, SYS_fork, 0, 0),
        (C::VFORK_20_X, SYS_vfork, 0, 0),
        (C::CLONE3_X, SYS_clone3, clone3.as_ptr() as usize, 64),
    ] {
        let calls = named(&["clone", "clone3", "fork", "vfork"]);
        let (tid, pid, seen) = live.watch(calls, || {
            let pid = spawn(nr, first, second, 3);
            reap(pid);
            pid
        });
        for (who, res) in [(tid, pid), (pid, 0)] {
            match seen.iter().find(|seen| seen.code == code && seen.tid == who && seen.params[0] == res.to_ne_bytes()) {
                Some(event) => {
                    let want = clone_params(event, res, who, tid, 0);
                    live.check(event, &want);
                }
                None => live.faults.push(format!("{code:?}: no event of {who} (result {res})")),
            }
        }
        // The end of the child: code 3, no signal, no children left.
        match seen.iter().find(|seen| seen.code == C::PROCEXIT_1_E && seen.tid == pid) {
            Some(event) => live.check(event, &[n(0x300), n(3), n(0), n(0), n(0)]),
            None => live.faults.push(format!("PROCEXIT_1_E: no event of {pid}")),
        }
    }
    live.case(
        C::CLONE_20_X,
        || sys!(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0),
        |_| {
            let mut want = vec![n(-EINVAL), P::E, P::E];
            want.extend((3..21).map(|i| match i {
                6 => P::E,
                15 => n(0x800),
                20 => n(0),
                _ => P::Any,
            }));
            want
        },
    );
}

/// Ends of processes by signal, and the new parents of their children; delivered signals.
fn ends(live: &mut Live) {
    let select = named(&["signal_deliver"]);
    let (thread, (pid, orphan), seen) = live.watch(select, || {
        // A shell that leaves a child behind and is killed.
        let mut shell = std::process::Command::new("/bin/sh")
            .args(["-c", "sleep 20 & echo $!; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(shell.stdout.take().unwrap()), &mut line).unwrap();
        let pid = i64::from(shell.id());
        sys!(SYS_kill, pid, SIGKILL);
        let _ = shell.wait();
        let orphan: i64 = line.trim().parse().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{orphan}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
        sys!(SYS_kill, orphan, SIGKILL);
        // One with a handler reaches its thread with the sender.
        extern "C" fn nothing(_: i32) {}
        // SAFETY: the handler does nothing.
        unsafe { signal(SIGTERM, nothing as extern "C" fn(i32) as usize) };
        sys!(SYS_tgkill, std::process::id(), sys!(SYS_gettid), SIGTERM);
        (pid, [orphan, parent])
    });
    match seen.iter().find(|seen| seen.code == C::PROCEXIT_1_E && seen.tid == pid) {
        Some(event) => live.check(event, &[n(9), n(0), n(9), n(0), n(orphan[1])]),
        None => live.faults.push("PROCEXIT_1_E of a killed process: no event".into()),
    }
    let own = i64::from(std::process::id());
    // The kernel does not report the sender of a signal that ends a whole process at once.
    for (who, signal, own) in [(pid, SIGKILL, 0), (thread, SIGTERM, own)] {
        match seen.iter().find(|seen| seen.code == C::SIGNALDELIVER_E && seen.tid == who) {
            Some(event) => live.check(event, &[n(own), n(who), n(signal)]),
            None => live.faults.push(format!("SIGNALDELIVER_E of {signal}: no event")),
        }
    }
}
