//! Files and directories.

use crate::live::{Live, P, b, n, named, t};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;
use std::ffi::CString;
use std::os::unix::fs::MetadataExt as _;

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn identity(path: &str) -> (i64, i64) {
    let meta = std::fs::metadata(path).unwrap();
    let dev = meta.dev();
    let (major, minor) = (libc::major(dev), libc::minor(dev));
    let dev = (minor & 0xff) | major << 8 | (minor & !0xff) << 12;
    (i64::from(dev), meta.ino() as i64)
}

/// Returns the layer mark of an opened file, as the probe finds it where the file is on an overlay.
fn layer(path: &str) -> i64 {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let dev = std::fs::metadata(path).unwrap().dev();
    let id = format!("{}:{}", libc::major(dev), libc::minor(dev));
    let overlay = mounts.lines().any(|line| line.split(' ').nth(2) == Some(&id) && line.contains(" - overlay "));
    if overlay { 0x8000 } else { 0 }
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    let file = format!("{dir}/file");
    let new = format!("{dir}/new");
    let none = "/nonexistent/peregrine";
    let (cdir, cfile, cnew, cnone) = (c(dir), c(&file), c(&new), c(none));
    let upper = layer(dir);

    // open: made, with a mode; then failed
    live.case(
        C::OPEN_X,
        || sys!(SYS_open, cfile.as_ptr(), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0o640),
        |ret| {
            assert!(ret >= 0);
            let (dev, ino) = identity(&file);
            vec![n(ret), t(&file), n(3 | 4 | 8 | 0x1000 | 0x4000 | upper), n(0o640), n(dev), n(ino)]
        },
    );
    live.case(
        C::OPEN_X,
        || sys!(SYS_open, cnone.as_ptr(), O_WRONLY | O_NONBLOCK, 0o777),
        |_| vec![n(-ENOENT), t(none), n(2 | 0x40), n(0), n(0), n(0)],
    );
    live.case(
        C::OPENAT_2_X,
        || sys!(SYS_openat, AT_FDCWD, cfile.as_ptr(), O_WRONLY | O_TRUNC | O_SYNC, 0),
        |ret| {
            let (dev, ino) = identity(&file);
            vec![n(ret), n(-100), t(&file), n(2 | 0x100 | 0x80 | 0x10 | upper), n(0), n(dev), n(ino)]
        },
    );
    live.case(
        C::OPENAT_2_X,
        || sys!(SYS_openat, -1, c"x".as_ptr(), O_RDONLY | O_EXCL | O_CREAT, 0o4755),
        |_| vec![n(-EBADF), n(-1), t("x"), n(1 | 4 | 0x20), n(0o4755), n(0), n(0)],
    );
    live.case(
        C::OPENAT_2_X,
        || sys!(SYS_openat, AT_FDCWD, 8usize, O_RDONLY, 0),
        |_| vec![n(-EFAULT), n(-100), P::E, n(1), n(0), n(0), n(0)],
    );
    live.case(
        C::OPENAT2_X,
        || {
            let how = [(O_RDONLY | O_DIRECTORY) as u64, 0, 1 | 4 | 8];
            sys!(SYS_openat2, AT_FDCWD, cdir.as_ptr(), [how[0], 0, 2].as_ptr(), 24)
        },
        |ret| {
            let (dev, ino) = identity(dir);
            vec![n(ret), n(-100), t(dir), n(1 | 0x400 | upper), n(0), n(4), n(dev), n(ino)]
        },
    );
    live.case(
        C::OPENAT2_X,
        || sys!(SYS_openat2, AT_FDCWD, cnone.as_ptr(), [O_RDWR as u64 | O_CREAT as u64, 0o600, 0x3f].as_ptr(), 24),
        |ret| vec![n(ret), n(-100), t(none), n(3 | 4), n(0o600), n(0x3f), n(0), n(0)],
    );
    live.case(
        C::CREAT_X,
        || sys!(SYS_creat, cnew.as_ptr(), 0o751),
        |ret| {
            let (dev, ino) = identity(&new);
            vec![n(ret), t(&new), n(0o751), n(dev), n(ino), n(if upper != 0 { 1 } else { 0 })]
        },
    );
    live.case(
        C::CREAT_X,
        || sys!(SYS_creat, cnone.as_ptr(), 0o600),
        |_| vec![n(-ENOENT), t(none), n(0o600), n(0), n(0), n(0)],
    );
    live.case(
        C::OPEN_BY_HANDLE_AT_X,
        || {
            let mut handle = [0u32; 34];
            handle[0] = 128;
            let mut mount = 0;
            let named =
                sys!(SYS_name_to_handle_at, AT_FDCWD, c"/proc/self/ns".as_ptr(), handle.as_mut_ptr(), &mut mount, 0);
            let _ = named;
            sys!(SYS_open_by_handle_at, -7, handle.as_ptr(), O_RDONLY | O_NONBLOCK)
        },
        |ret| vec![n(ret), n(-7), n(1 | 0x40), P::E, n(0), n(0)],
    );
    live.case(
        C::OPEN_BY_HANDLE_AT_X,
        || {
            let mut handle = [0u32; 34];
            handle[0] = 128;
            let mut mount = 0;
            let at = sys!(SYS_open, c"/dev/shm".as_ptr(), O_RDONLY | O_DIRECTORY);
            let shm = sys!(SYS_creat, c"/dev/shm/peregrine-handle".as_ptr(), 0o600);
            assert!(at >= 0 && shm >= 0);
            let named = sys!(
                SYS_name_to_handle_at,
                AT_FDCWD,
                c"/dev/shm/peregrine-handle".as_ptr(),
                handle.as_mut_ptr(),
                &mut mount,
                0
            );
            assert_eq!(named, 0);
            let ret = sys!(SYS_open_by_handle_at, at, handle.as_ptr(), O_RDWR);
            assert!(ret >= 0, "{ret}");
            ret * 1000 + at
        },
        |ret| {
            let (dev, ino) = identity("/dev/shm/peregrine-handle");
            vec![n(ret / 1000), n(ret % 1000), n(3), t("/dev/shm/peregrine-handle"), n(dev), n(ino)]
        },
    );
    let _ = std::fs::remove_file("/dev/shm/peregrine-handle");

    let mut stat = vec![0u8; 256];
    let buffer = stat.as_mut_ptr() as usize;
    for (code, nr) in [(C::STAT_X, SYS_stat), (C::LSTAT_X, SYS_lstat)] {
        live.case(code, || sys!(nr, cfile.as_ptr(), buffer), |_| vec![n(0), t(&file)]);
        live.case(code, || sys!(nr, cnone.as_ptr(), buffer), |_| vec![n(-ENOENT), t(none)]);
    }
    live.case(C::FSTAT_X, || sys!(SYS_fstat, 2, buffer), |_| vec![n(0), n(2)]);
    live.case(C::FSTAT_X, || sys!(SYS_fstat, -1, buffer), |_| vec![n(-EBADF), n(-1)]);
    live.case(
        C::NEWFSTATAT_X,
        || sys!(SYS_newfstatat, AT_FDCWD, cfile.as_ptr(), buffer, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT),
        |_| vec![n(0), n(-100), t(&file), n(0x900)],
    );
    live.case(
        C::NEWFSTATAT_X,
        || sys!(SYS_newfstatat, -3, c"a".as_ptr(), buffer, AT_EMPTY_PATH),
        |_| vec![n(-EBADF), n(-3), t("a"), n(0x1000)],
    );
    live.case(
        C::GETCWD_X,
        || {
            sys!(SYS_chdir, c"/".as_ptr());
            sys!(SYS_getcwd, buffer, 256)
        },
        |ret| vec![n(ret), t("/")],
    );
    live.case(C::GETCWD_X, || sys!(SYS_getcwd, buffer, 0), |_| vec![n(-ERANGE), P::E]);
    live.case(C::CHDIR_X, || sys!(SYS_chdir, cdir.as_ptr()), |_| vec![n(0), t(dir)]);
    live.case(C::CHDIR_X, || sys!(SYS_chdir, cnone.as_ptr()), |_| vec![n(-ENOENT), t(none)]);
    live.case(C::FCHDIR_X, || sys!(SYS_fchdir, -5), |_| vec![n(-EBADF), n(-5)]);
    live.case(
        C::FCHDIR_X,
        || {
            let fd = sys!(SYS_open, cdir.as_ptr(), O_RDONLY);
            assert_eq!(sys!(SYS_fchdir, fd), 0);
            fd
        },
        |fd| vec![n(0), n(fd)],
    );
    let moved = format!("{dir}/moved");
    let cmoved = c(&moved);
    live.case(C::RENAME_X, || sys!(SYS_rename, cnew.as_ptr(), cmoved.as_ptr()), |_| vec![n(0), t(&new), t(&moved)]);
    live.case(
        C::RENAME_X,
        || sys!(SYS_rename, cnone.as_ptr(), cmoved.as_ptr()),
        |_| vec![n(-ENOENT), t(none), t(&moved)],
    );
    live.case(
        C::RENAMEAT_X,
        || sys!(SYS_renameat, AT_FDCWD, cmoved.as_ptr(), AT_FDCWD, cnew.as_ptr()),
        |_| vec![n(0), n(-100), t(&moved), n(-100), t(&new)],
    );
    live.case(
        C::RENAMEAT_X,
        || sys!(SYS_renameat, -4, c"a".as_ptr(), -6, c"b".as_ptr()),
        |_| vec![n(-EBADF), n(-4), t("a"), n(-6), t("b")],
    );
    live.case(
        C::RENAMEAT2_X,
        || sys!(SYS_renameat2, AT_FDCWD, cnew.as_ptr(), AT_FDCWD, cmoved.as_ptr(), 1),
        |_| vec![n(0), n(-100), t(&new), n(-100), t(&moved), n(1)],
    );
    live.case(
        C::RENAMEAT2_X,
        || sys!(SYS_renameat2, -4, c"a".as_ptr(), -6, c"b".as_ptr(), 2),
        |_| vec![n(-EBADF), n(-4), t("a"), n(-6), t("b"), n(2)],
    );
    let link = format!("{dir}/link");
    let clink = c(&link);
    live.case(C::SYMLINK_X, || sys!(SYS_symlink, cmoved.as_ptr(), clink.as_ptr()), |_| vec![n(0), t(&moved), t(&link)]);
    live.case(
        C::SYMLINK_X,
        || sys!(SYS_symlink, c"a".as_ptr(), clink.as_ptr()),
        |_| vec![n(-EEXIST), t("a"), t(&link)],
    );
    live.case(
        C::SYMLINKAT_X,
        || sys!(SYS_symlinkat, c"a".as_ptr(), -9, c"b".as_ptr()),
        |_| vec![n(-EBADF), t("a"), n(-9), t("b")],
    );
    live.case(C::UNLINK_2_X, || sys!(SYS_unlink, clink.as_ptr()), |_| vec![n(0), t(&link)]);
    live.case(C::UNLINK_2_X, || sys!(SYS_unlink, clink.as_ptr()), |_| vec![n(-ENOENT), t(&link)]);
    live.case(C::LINK_2_X, || sys!(SYS_link, cmoved.as_ptr(), clink.as_ptr()), |_| vec![n(0), t(&moved), t(&link)]);
    live.case(
        C::LINKAT_2_X,
        || sys!(SYS_linkat, -4, c"a".as_ptr(), -6, c"b".as_ptr(), AT_SYMLINK_FOLLOW),
        |_| vec![n(-EBADF), n(-4), t("a"), n(-6), t("b"), n(0x400)],
    );
    live.case(
        C::UNLINKAT_2_X,
        || sys!(SYS_unlinkat, AT_FDCWD, clink.as_ptr(), 0),
        |_| vec![n(0), n(-100), t(&link), n(0)],
    );
    live.case(
        C::UNLINKAT_2_X,
        || sys!(SYS_unlinkat, -1, c"d".as_ptr(), AT_REMOVEDIR),
        |_| vec![n(-EBADF), n(-1), t("d"), n(0x200)],
    );
    let sub = format!("{dir}/sub");
    let csub = c(&sub);
    live.case(C::MKDIR_2_X, || sys!(SYS_mkdir, csub.as_ptr(), 0o755), |_| vec![n(0), t(&sub), n(0o755)]);
    live.case(C::MKDIR_2_X, || sys!(SYS_mkdir, csub.as_ptr(), 0o700), |_| vec![n(-EEXIST), t(&sub), n(0o700)]);
    live.case(C::RMDIR_2_X, || sys!(SYS_rmdir, csub.as_ptr()), |_| vec![n(0), t(&sub)]);
    live.case(C::RMDIR_2_X, || sys!(SYS_rmdir, csub.as_ptr()), |_| vec![n(-ENOENT), t(&sub)]);
    live.case(
        C::MKDIRAT_X,
        || sys!(SYS_mkdirat, AT_FDCWD, csub.as_ptr(), 0o711),
        |_| vec![n(0), n(-100), t(&sub), n(0o711)],
    );
    live.case(C::ACCESS_X, || sys!(SYS_access, cfile.as_ptr(), R_OK | W_OK), |_| vec![n(0), t(&file), n(4 | 2)]);
    live.case(C::ACCESS_X, || sys!(SYS_access, cnone.as_ptr(), F_OK), |_| vec![n(-ENOENT), t(none), n(0)]);
    live.case(C::CHMOD_X, || sys!(SYS_chmod, cfile.as_ptr(), 0o4711), |_| vec![n(0), t(&file), n(0o4711)]);
    live.case(C::FCHMOD_X, || sys!(SYS_fchmod, -2, 0o644), |_| vec![n(-EBADF), n(-2), n(0o644)]);
    live.case(
        C::FCHMODAT_X,
        || sys!(SYS_fchmodat, AT_FDCWD, cfile.as_ptr(), 0o600),
        |_| vec![n(0), n(-100), t(&file), n(0o600)],
    );
    live.case(C::CHOWN_X, || sys!(SYS_chown, cfile.as_ptr(), 1, 2), |ret| vec![n(ret), t(&file), n(1), n(2)]);
    live.case(C::LCHOWN_X, || sys!(SYS_lchown, cnone.as_ptr(), -1, 7), |_| vec![n(-ENOENT), t(none), n(-1), n(7)]);
    live.case(C::FCHOWN_X, || sys!(SYS_fchown, -1, 3, 4), |_| vec![n(-EBADF), n(-1), n(3), n(4)]);
    live.case(
        C::FCHOWNAT_X,
        || sys!(SYS_fchownat, -1, c"x".as_ptr(), 3, 4, AT_EMPTY_PATH),
        |_| vec![n(-EBADF), n(-1), t("x"), n(3), n(4), n(0x1000)],
    );
    live.case(C::GETDENTS_X, || sys!(SYS_getdents, -1, buffer, 256), |_| vec![n(-EBADF), n(-1)]);
    live.case(
        C::GETDENTS64_X,
        || {
            let fd = sys!(SYS_open, cdir.as_ptr(), O_RDONLY);
            sys!(SYS_getdents64, fd, buffer, 256) * 1000 + fd
        },
        |ret| vec![n(ret / 1000), n(ret % 1000)],
    );
    live.case(
        C::FLOCK_X,
        || {
            let fd = sys!(SYS_open, cfile.as_ptr(), O_RDWR);
            assert_eq!(sys!(SYS_flock, fd, LOCK_EX | LOCK_NB), 0);
            fd
        },
        |fd| vec![n(0), n(fd), n(2 | 4)],
    );
    live.case(C::FLOCK_X, || sys!(SYS_flock, -1, LOCK_UN), |_| vec![n(-EBADF), n(-1), n(8)]);
    live.case(
        C::MOUNT_X,
        || {
            sys!(SYS_unshare, CLONE_NEWNS);
            sys!(SYS_mount, c"none".as_ptr(), c"/".as_ptr(), 0, MS_REC | MS_PRIVATE, 0);
            sys!(SYS_mount, c"src".as_ptr(), csub.as_ptr(), c"tmpfs".as_ptr(), MS_NOSUID | MS_NODEV | 0xc0ed0000, 0)
        },
        |_| vec![n(0), t("src"), t(&sub), t("tmpfs"), n(6)],
    );
    live.case(
        C::MOUNT_X,
        || sys!(SYS_mount, 0, cnone.as_ptr(), c"tmpfs".as_ptr(), MS_RDONLY, 0),
        |_| vec![n(-ENOENT), P::E, t(none), t("tmpfs"), n(1)],
    );
    live.case(C::UMOUNT2_X, || sys!(SYS_umount2, cnone.as_ptr(), MNT_DETACH), |_| vec![n(-ENOENT), t(none), n(2)]);
    live.case(
        C::COPY_FILE_RANGE_X,
        || sys!(SYS_copy_file_range, -3, 0x10, -4, 0x20, 99, 0),
        |ret| vec![n(ret), n(-4), n(0x20), n(-3), n(0x10), n(99)],
    );
    // A path of the greatest length is whole, a longer one is cut.
    let long = format!("/{}", "d/".repeat(2047));
    let clong = c(&long);
    live.case(C::CHDIR_X, || sys!(SYS_chdir, clong.as_ptr()), |ret| vec![n(ret), t(&long)]);
    let longer = c(&format!("{long}tail"));
    live.case(
        C::CHDIR_X,
        || sys!(SYS_chdir, longer.as_ptr()),
        |_| vec![n(-ENAMETOOLONG), b(&[&longer.as_bytes()[..4095], b"\0"].concat())],
    );
    let _ = std::env::set_current_dir("/");
    enter(live, &file, &cfile);
}

/// Arguments that are recorded at entry.
fn enter(live: &mut Live, file: &str, cfile: &CString) {
    let calls = ["open", "openat", "openat2", "creat", "connect"];
    let (tid, (), seen) = live.watch(named(&calls), || {
        sys!(SYS_open, cfile.as_ptr(), O_RDWR | O_CREAT, 0o600);
        sys!(SYS_openat, AT_FDCWD, cfile.as_ptr(), O_RDONLY, 0o600);
        sys!(SYS_openat2, -1, c"x".as_ptr(), [O_WRONLY as u64, 0, 2].as_ptr(), 24);
        sys!(SYS_creat, cfile.as_ptr(), 0o640);
        let mut address = [0u8; 16];
        address[0] = 2;
        address[2..8].copy_from_slice(&[0x12, 0x34, 127, 0, 0, 9]);
        sys!(SYS_connect, -1, address.as_ptr(), 16);
    });
    let expected = [
        (C::OPEN_E, vec![t(file), n(3 | 4), n(0o600)]),
        (C::OPENAT_2_E, vec![n(-100), t(file), n(1), n(0)]),
        (C::OPENAT2_E, vec![n(-1), t("x"), n(2), n(0), n(4)]),
        (C::CREAT_E, vec![t(file), n(0o640)]),
        (C::CONNECT_E, vec![n(-1), b(&[2, 127, 0, 0, 9, 0x34, 0x12])]),
    ];
    for (code, params) in expected {
        match seen.iter().find(|seen| seen.tid == tid && seen.code == code) {
            Some(event) => live.check(event, &params),
            None => live.faults.push(format!("{code:?}: no event")),
        }
    }
}
