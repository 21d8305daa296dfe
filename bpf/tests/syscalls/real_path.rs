//! The path that an open led to, whatever path was given.

use crate::live::{Live, Seen, named};
use crate::sys;
use crate::uring::Uring;
use libc::*;
use scap::event::PathState;
use scap::schema::EventCode;
use std::ffi::CString;
use std::os::unix::fs::symlink;

/// Returns a path for a call.
fn c(path: impl Into<Vec<u8>>) -> CString {
    CString::new(path).expect("no NUL")
}

fn openat(dir: i64, path: &str) -> i64 {
    sys!(SYS_openat, dir, c(path).as_ptr(), O_RDONLY)
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    let base = std::fs::canonicalize(dir).unwrap().join("real");
    let base = base.to_str().unwrap().to_owned();
    std::fs::create_dir_all(format!("{base}/root/etc")).unwrap();
    std::fs::create_dir_all(format!("{base}/etc")).unwrap();
    for file in ["root/etc/shadow", "etc/shadow"] {
        std::fs::write(format!("{base}/{file}"), "x").unwrap();
    }
    symlink("etc/shadow", format!("{base}/link")).unwrap();
    symlink(format!("{base}/etc"), format!("{base}/linked")).unwrap();
    // Names of 250 bytes, so deep that the path is nearly as long as the kernel allows; and too many of them.
    let long = format!("{base}/{}", vec!["n".repeat(250); 14].join("/"));
    std::fs::create_dir_all(&long).unwrap();
    let deep = format!("{base}/{}", vec!["d"; 80].join("/"));
    std::fs::create_dir_all(&deep).unwrap();
    let shadow = format!("{base}/etc/shadow");
    let opens = |live: &mut Live, what: &str, path: Option<&str>, call: &(dyn Fn() -> i64 + Sync)| {
        let all = named(&["open", "openat", "openat2", "creat"]);
        let (tid, ret, seen) = live.watch(all, call);
        assert!(ret >= 0, "{what}: {ret}");
        let event = seen.iter().rfind(|seen| seen.tid == tid && seen.params[0] == ret.to_ne_bytes());
        let want = path.unwrap_or_default().as_bytes();
        match event.map(|event| event.real_path()) {
            Some(Some(found)) if found == want => {}
            found => live.faults.push(format!("the real path of {what}: {want:?} expected, {found:?}")),
        }
        sys!(SYS_close, ret);
    };
    let cwd = AT_FDCWD.into();
    opens(live, "a plain name", Some(&shadow), &|| openat(cwd, &shadow));
    opens(live, "open", Some(&shadow), &|| sys!(SYS_open, c(shadow.as_str()).as_ptr(), O_RDONLY));
    opens(live, "a link", Some(&shadow), &|| openat(cwd, &format!("{base}/link")));
    opens(live, "a link to a directory", Some(&shadow), &|| openat(cwd, &format!("{base}/linked/shadow")));
    opens(live, "dots", Some(&shadow), &|| openat(cwd, &format!("{base}/root/.././etc//shadow")));
    opens(live, "creat", Some(&format!("{base}/made")), &|| {
        sys!(SYS_creat, c(format!("{base}/root/../made")).as_ptr(), 0o600)
    });
    opens(live, "a name below a directory", Some(&shadow), &|| {
        let dir = sys!(SYS_open, c(format!("{base}/root")).as_ptr(), O_PATH);
        openat(dir, "../etc/shadow")
    });
    opens(live, "an open file by its number", Some(&shadow), &|| {
        let fd = openat(cwd, &shadow);
        openat(cwd, &format!("/proc/self/fd/{fd}"))
    });
    opens(live, "the root of openat2", Some(&format!("{base}/root/etc/shadow")), &|| {
        let dir = sys!(SYS_open, c(format!("{base}/root")).as_ptr(), O_PATH);
        let how = [O_RDONLY as u64, 0, 0x10];
        sys!(SYS_openat2, dir, c("/../etc/shadow").as_ptr(), how.as_ptr(), 24)
    });
    opens(live, "the root", Some("/"), &|| openat(cwd, "/"));
    opens(live, "a mount", Some("/proc/self"), &|| sys!(SYS_open, c"/proc/self".as_ptr(), O_PATH | O_NOFOLLOW));
    opens(live, "a long path", Some(&long), &|| openat(cwd, &long));
    // Before 5.17 a walk has 64 steps at most.
    let (tid, fd, seen) = live.watch(named(&["openat"]), || openat(cwd, &deep));
    let found = led_to(&seen, tid, fd);
    if found != (deep.clone(), PathState::Whole, String::new()) && found.1 != PathState::Cut {
        live.faults.push(format!("the real path of many directories: {found:?}"));
    }
    opens(live, "a pipe by its number", None, &|| {
        let mut ends = [0i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        openat(cwd, &format!("/proc/self/fd/{}", ends[0]))
    });
    let uring = !live.lacks("io_uring");
    if uring && Uring::new().is_some() {
        opens(live, "a request through io_uring", Some(&shadow), &|| {
            let ring = Uring::new().expect("a ring");
            ring.run(18, AT_FDCWD, 0, c(format!("{base}/link")).as_ptr() as u64, 0, 0)
        });
    }
    other_names(live, &base);
    directories(live, &base);
    executables(live, &base);
    given_texts(live, &base);
    // A failed call has no real path.
    let (tid, _, seen) = live.watch(named(&["openat"]), || openat(cwd, "/nonexistent"));
    let failed = seen.iter().find(|seen| seen.tid == tid).expect("an event");
    assert_eq!(failed.real_path(), None);
}

/// Returns path, state and mount root of the last event with a result.
fn led_to(seen: &[Seen], tid: i64, result: i64) -> (String, PathState, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let of = |seen: &&Seen| seen.tid == tid && seen.params[0] == result.to_ne_bytes() && seen.led_to(|_| ()).is_some();
    let Some(event) = seen.iter().rfind(of) else { return (String::new(), PathState::Unknown, "no event".into()) };
    let path = event.real_path().unwrap_or_default();
    let facts = event.led_to(|file| (file.state, text(file.mount_root)));
    let (state, root) = facts.unwrap_or((PathState::Unknown, "no facts".into()));
    (text(&path), state, root)
}

/// Other names of one file: by mounts, by /proc, by a handle, of one that is deleted, mounted nowhere or too far down.
fn other_names(live: &mut Live, base: &str) {
    let all = named(&["openat", "open_by_handle_at"]);
    let mut expect = |what: &str, want: (&str, PathState, &str), call: &(dyn Fn() -> i64 + Sync)| {
        let (tid, fd, seen) = live.watch(all, call);
        let found = led_to(&seen, tid, fd);
        if fd < 0 || (found.0.as_str(), found.1, found.2.as_str()) != want {
            live.faults.push(format!("{what}: {want:?} expected, {found:?}, result {fd}"));
        }
        sys!(SYS_close, fd);
    };
    let cwd = AT_FDCWD.into();
    let shadow = format!("{base}/etc/shadow");
    let bound = format!("{base}/bound");
    std::fs::create_dir_all(&bound).unwrap();
    // The mount is in a namespace of the thread that makes the call.
    let whole = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let top = whole.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(3);
        let (root, at) = (words.next()?, words.next()?);
        base.starts_with(at)
            .then(|| (at.len(), root.trim_end_matches('/').to_owned(), at.trim_end_matches('/').to_owned()))
    });
    let (_, root, at) = top.max().unwrap();
    let source = format!("{root}{}/etc", base.strip_prefix(at.as_str()).unwrap());
    expect("a bind mount", (&format!("{bound}/shadow"), PathState::Whole, &source), &|| {
        assert_eq!(sys!(SYS_unshare, CLONE_NEWNS), 0);
        sys!(SYS_mount, 0, c"/".as_ptr(), 0, MS_REC | MS_PRIVATE, 0);
        let from = c(format!("{base}/etc"));
        assert_eq!(sys!(SYS_mount, from.as_ptr(), c(bound.as_str()).as_ptr(), 0, MS_BIND, 0), 0);
        openat(cwd, &format!("{bound}/shadow"))
    });
    expect("a root by /proc", (&shadow, PathState::Whole, ""), &|| openat(cwd, &format!("/proc/self/root{shadow}")));
    expect("a deleted file", (&format!("{base}/gone"), PathState::Deleted, ""), &|| {
        std::fs::write(format!("{base}/gone"), "x").unwrap();
        let fd = openat(cwd, &format!("{base}/gone"));
        std::fs::remove_file(format!("{base}/gone")).unwrap();
        openat(cwd, &format!("/proc/self/fd/{fd}"))
    });
    let handle = || {
        let mut handle = [0u32; 34];
        handle[0] = 128;
        let mut mount = 0i32;
        let made =
            sys!(SYS_name_to_handle_at, cwd, c(shadow.as_str()).as_ptr(), handle.as_mut_ptr(), &raw mut mount, 0);
        let dir = openat(cwd, base);
        if made < 0 { made } else { sys!(SYS_open_by_handle_at, dir, handle.as_ptr(), O_RDONLY) }
    };
    if handle() >= 0 {
        expect("a handle", (&shadow, PathState::Whole, ""), &handle);
    }
    // A tree that is mounted nowhere has no path from the root.
    expect("a tree that is not mounted", ("/shadow", PathState::Detached, &source), &|| {
        const OPEN_TREE_CLONE: i32 = 1;
        let tree = sys!(SYS_open_tree, cwd, c(format!("{base}/etc")).as_ptr(), OPEN_TREE_CLONE);
        openat(tree, "shadow")
    });
    expect("a path that is too long", ("", PathState::Cut, ""), &|| {
        let mut dir = openat(cwd, base);
        let name = c("l".repeat(200));
        for _ in 0..25 {
            sys!(SYS_mkdirat, dir, name.as_ptr(), 0o700);
            dir = sys!(SYS_openat, dir, name.as_ptr(), O_RDONLY);
        }
        sys!(SYS_openat, dir, c"file".as_ptr(), O_RDWR | O_CREAT, 0o600)
    });
    expect("a memfd", ("", PathState::None, ""), &|| {
        let fd = sys!(SYS_memfd_create, c"hidden".as_ptr(), 0);
        openat(cwd, &format!("/proc/self/fd/{fd}"))
    });
}

/// A working directory has the path that the kernel has.
fn directories(live: &mut Live, base: &str) {
    let all = named(&["chdir", "fchdir"]);
    let etc = format!("{base}/etc");
    for by_fd in [false, true] {
        let (tid, result, seen) = live.watch(all, || {
            // A separate one, so that the other threads stay where they are.
            assert_eq!(sys!(SYS_unshare, CLONE_FS), 0);
            let path = c(format!("{base}/linked"));
            if by_fd {
                let fd = sys!(SYS_open, path.as_ptr(), O_PATH);
                sys!(SYS_fchdir, fd)
            } else {
                sys!(SYS_chdir, path.as_ptr())
            }
        });
        let found = led_to(&seen, tid, result);
        if result != 0 || found != (etc.clone(), PathState::Whole, String::new()) {
            live.faults.push(format!("a working directory, by descriptor {by_fd}: {found:?}"));
        }
    }
}

/// Executables: a plain one, one that is deleted, one in memory.
fn executables(live: &mut Live, base: &str) {
    let image = std::fs::read("/bin/sleep").unwrap();
    let program = format!("{base}/program");
    std::fs::write(&program, &image).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let open = || sys!(SYS_open, c(program.as_str()).as_ptr(), O_RDONLY | O_CLOEXEC);
    let plain = open();
    let deleted = {
        std::fs::copy(&program, format!("{program}2")).unwrap();
        let fd = sys!(SYS_open, c(format!("{program}2")).as_ptr(), O_RDONLY | O_CLOEXEC);
        std::fs::remove_file(format!("{program}2")).unwrap();
        fd
    };
    let memory = sys!(SYS_memfd_create, c"hidden".as_ptr(), MFD_CLOEXEC);
    sys!(SYS_write, memory, image.as_ptr(), image.len());
    for (what, fd, state, path) in [
        ("a program", plain, PathState::Whole, program.clone()),
        ("a deleted program", deleted, PathState::Deleted, format!("{program}2")),
        ("a program in memory", memory, PathState::None, "memfd:hidden".to_owned()),
    ] {
        let (_, pid, seen) = live.watch(named(&["execveat"]), || {
            let argv = [c"x".as_ptr(), c"0".as_ptr(), std::ptr::null()];
            // SAFETY: the child only makes system calls.
            unsafe {
                let pid = libc::fork();
                if pid == 0 {
                    sys!(SYS_execveat, fd, c"".as_ptr(), argv.as_ptr(), argv[2..].as_ptr(), AT_EMPTY_PATH);
                    libc::_exit(1);
                }
                libc::waitpid(pid, std::ptr::null_mut(), 0);
                i64::from(pid)
            }
        });
        let event = seen.iter().find(|seen| seen.tid == pid && seen.code == EventCode::EXECVE_19_X);
        let facts = event.and_then(|event| event.led_to(|file| (file.state, file.device)));
        let own = event.map(|event| String::from_utf8_lossy(&event.params[27]).trim_end_matches('\0').to_owned());
        if facts.is_none_or(|facts| facts.0 != state || facts.1 == 0) || own.as_deref() != Some(&path) {
            live.faults.push(format!("{what}: {facts:?} {own:?}, {path} expected"));
        }
    }
}

/// The action of a child process.
type Call<'a> = &'a (dyn Fn() + Sync);

/// Checks whether another process can have changed a path that led through a link.
fn given_texts(live: &mut Live, base: &str) {
    let link = format!("{base}/link");
    let held = |live: &mut Live, call: Call<'_>| {
        let (_, pid, seen) = live.watch(named(&["openat"]), || {
            // SAFETY: the child only makes system calls.
            unsafe {
                let pid = libc::fork();
                if pid == 0 {
                    call();
                    libc::_exit(0);
                }
                libc::waitpid(pid, std::ptr::null_mut(), 0);
                i64::from(pid)
            }
        });
        let of = |seen: &&Seen| seen.tid == pid && seen.code == EventCode::OPENAT_2_X;
        seen.iter().rfind(of).and_then(|event| event.led_to(|file| file.given_holds))
    };
    let path = c(link.as_str());
    let open = |path: *const c_char| sys!(SYS_openat, AT_FDCWD, path, O_RDONLY);
    let on_stack = || {
        let mut text = [0u8; 256];
        text[..link.len()].copy_from_slice(link.as_bytes());
        open(text.as_ptr().cast());
    };
    let shared = |flags: i32| {
        let at = sys!(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0) as *mut u8;
        // SAFETY: a fresh page.
        unsafe { at.copy_from_nonoverlapping(path.as_ptr().cast(), path.as_bytes_with_nul().len()) };
        open(at.cast());
    };
    // Another process had the memory, and has ended.
    let cloned = || {
        extern "C" fn end(_: *mut c_void) -> c_int {
            0
        }
        let mut stack = vec![0u64; 4096];
        // SAFETY: the other process has its own stack, and has ended before this one continues.
        unsafe {
            let top = stack.as_mut_ptr().add(stack.len()).cast();
            let pid = libc::clone(end, top, CLONE_VM | SIGCHLD, std::ptr::null_mut());
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
        on_stack();
    };
    let can = live.holds_given_texts();
    let cases: [(&str, Option<bool>, Call<'_>); 4] = [
        ("a text on the stack", Some(can), &on_stack),
        ("a text in a page of its own", Some(can), &|| shared(MAP_PRIVATE)),
        ("a text in a page that others have", Some(false), &|| shared(MAP_SHARED)),
        ("a text in memory that another process had", Some(false), &cloned),
    ];
    for (what, want, call) in cases {
        let found = held(live, call);
        if found != want {
            live.faults.push(format!("{what}: {found:?}, {want:?} expected"));
        }
    }
}
