//! Modules, keys, quotas, bpf, devices, and the generic event.

use crate::live::{Live, P, b, n, named, t};
use crate::{bytes, sys};
use libc::*;
use scap::schema::{EventCode as C, SyscallCode};

/// Returns a dynamic argument of keyctl: a number.
fn number(v: i64) -> P {
    b(&bytes![0u8, v])
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    // The generic event has both numbers of the call.
    let selection = named(&["getppid"]);
    let (tid, _, seen) = live.watch(selection, || sys!(SYS_getppid));
    match seen.iter().find(|seen| seen.tid == tid && seen.code == C::GENERIC_X) {
        Some(event) => live.check(event, &[n(SyscallCode::GETPPID.0), n(SYS_getppid)]),
        None => live.faults.push("GENERIC_X: no event".into()),
    }

    let action = 0u32;
    live.case(C::SECCOMP_X, || sys!(SYS_seccomp, 2, 0, &action), |ret| vec![n(ret), n(2), n(0)]);
    live.case(C::SECCOMP_X, || sys!(SYS_seccomp, 99, 7, 0), |_| vec![n(-EINVAL), n(99), n(7)]);
    live.case(C::BPF_2_X, || sys!(SYS_bpf, 7, 0, 0), |ret| vec![n(ret), n(7)]);
    live.case(C::BPF_2_X, || sys!(SYS_bpf, 999, 0, 0), |ret| vec![n(ret), n(999)]);
    live.case(
        C::DELETE_MODULE_X,
        || sys!(SYS_delete_module, c"nonesuch".as_ptr(), O_NONBLOCK | O_TRUNC),
        |ret| vec![n(ret), t("nonesuch"), n(3)],
    );
    live.case(
        C::FINIT_MODULE_X,
        || sys!(SYS_finit_module, -1, c"a=1".as_ptr(), 2),
        |ret| vec![n(ret), n(-1), t("a=1"), n(2)],
    );
    let image = vec![b'M'; 300];
    live.case(
        C::INIT_MODULE_X,
        || sys!(SYS_init_module, image.as_ptr(), 300, c"b=2".as_ptr()),
        |ret| vec![n(ret), b(&image[..80]), n(300), t("b=2")],
    );
    let node = std::ffi::CString::new(format!("{dir}/fifo")).unwrap();
    let name = node.to_str().unwrap();
    live.case(
        C::MKNOD_X,
        || sys!(SYS_mknod, node.as_ptr(), S_IFIFO | 0o640, 0),
        |_| vec![n(0), t(name), n(0o10640), n(0)],
    );
    live.case(
        C::MKNOD_X,
        || sys!(SYS_mknod, node.as_ptr(), 0o600, 0x103),
        |_| vec![n(-EEXIST), t(name), n(0o100600), n(0x103)],
    );
    live.case(
        C::MKNODAT_X,
        || sys!(SYS_mknodat, -1, c"x".as_ptr(), S_IFCHR | 0o666, 0x103),
        |_| vec![n(-EBADF), n(-1), t("x"), n(0o20666), n(0x103)],
    );
    live.case(
        C::FSCONFIG_X,
        || {
            let fd = sys!(SYS_fsopen, c"tmpfs".as_ptr(), 0);
            assert_eq!(sys!(SYS_fsconfig, fd, 1, c"size".as_ptr(), c"1m".as_ptr(), 0), 0);
            fd
        },
        |fd| vec![n(0), n(fd), n(1), t("size"), P::E, t("1m"), n(0)],
    );
    live.case(
        C::FSCONFIG_X,
        || sys!(SYS_fsconfig, -1, 2, c"k".as_ptr(), c"v".as_ptr(), 1),
        |ret| vec![n(ret), n(-1), n(2), t("k"), P::E, P::E, n(1)],
    );
    // Q_GETFMT of user quotas; Q_QUOTAON of a device that is not there; Q_SETQUOTA with limits.
    let mut format = 4u32;
    let zero = || (0..7).map(|_| n(0)).collect::<Vec<_>>();
    live.case(
        C::QUOTACTL_X,
        || sys!(SYS_quotactl, 0x8000_0400u32 as i32, c"/none".as_ptr(), 0, &mut format),
        |ret| {
            let mut want = vec![n(ret), t("/none"), P::E];
            want.extend(zero());
            want.extend([n(0), n(0), n(0), n(8), n(4), n(1), n(0), n(1)]);
            want
        },
    );
    live.case(
        C::QUOTACTL_X,
        || sys!(SYS_quotactl, 0x8000_0201u32 as i32, c"/none".as_ptr(), 2, c"/q.group".as_ptr()),
        |ret| {
            let mut want = vec![n(ret), t("/none"), t("/q.group")];
            want.extend(zero());
            want.extend([n(0), n(0), n(0), n(1), n(1), n(2), n(0), n(4)]);
            want
        },
    );
    let block = [10u64, 20, 30, 40, 50, 60, 70, 80, 1 | 2 | 4];
    live.case(
        C::QUOTACTL_X,
        || sys!(SYS_quotactl, 0x8000_0800u32 as i32, 0, 1000, block.as_ptr()),
        |ret| {
            let mut want = vec![n(ret), P::E, P::E];
            want.extend([n(10), n(20), n(30), n(40), n(50), n(0), n(0)]);
            want.extend([n(0), n(0), n(0), n(1), n(0x40), n(1), n(1000), n(1)]);
            want
        },
    );
    live.case(
        C::KEYCTL_X,
        || sys!(SYS_keyctl, 0, -3, 0),
        |ret| vec![n(ret), n(0), number(-3), number(0), number(0), number(0)],
    );
    live.case(
        C::KEYCTL_X,
        || sys!(SYS_keyctl, 10, 5, c"user".as_ptr(), c"desc".as_ptr(), 6),
        |ret| vec![n(ret), n(10), number(5), b(b"\x01user\0"), b(b"\x01desc\0"), number(6)],
    );
    live.case(
        C::KEYCTL_X,
        || sys!(SYS_keyctl, 777, 1, 2, 3, 4),
        |ret| vec![n(ret), n(777), number(0), number(0), number(0), number(0)],
    );
    std::hint::black_box(&format);
}
