//! The path that an open led to, whatever path was given.

use crate::live::Live;
use crate::sys;
use crate::uring::Uring;
use libc::*;
use peregrine_bpf::Selection;
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
        let all = Selection::named(&["open", "openat", "openat2", "creat"]).unwrap();
        let (tid, ret, seen) = live.watch(all, call);
        assert!(ret >= 0, "{what}: {ret}");
        let event = seen.iter().rfind(|seen| seen.tid == tid && seen.params[0] == ret.to_ne_bytes());
        let want = path.map_or_else(Vec::new, |path| [path.as_bytes(), b"\0"].concat());
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
    opens(live, "a path that is too deep", None, &|| openat(cwd, &deep));
    opens(live, "a pipe by its number", None, &|| {
        let mut ends = [0i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        openat(cwd, &format!("/proc/self/fd/{}", ends[0]))
    });
    let uring = !live.source.notes().iter().any(|note| note.contains("io_uring"));
    if uring && Uring::new().is_some() {
        opens(live, "a request through io_uring", Some(&shadow), &|| {
            let ring = Uring::new().expect("a ring");
            ring.run(18, AT_FDCWD, 0, c(format!("{base}/link")).as_ptr() as u64, 0, 0)
        });
    }
    // A failed call has no real path.
    let (tid, _, seen) = live.watch(Selection::named(&["openat"]).unwrap(), || openat(cwd, "/nonexistent"));
    let failed = seen.iter().find(|seen| seen.tid == tid).expect("an event");
    assert_eq!(failed.real_path(), None);
}
