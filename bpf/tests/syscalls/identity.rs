//! Users, groups and capabilities. Raw calls change the calling thread alone.

use crate::live::{Live, P, n};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;

pub(crate) fn cases(live: &mut Live) {
    live.case(C::SETUID_X, || sys!(SYS_setuid, 0), |ret| vec![n(ret), n(0)]);
    live.case(C::SETUID_X, || sys!(SYS_setuid, -1), |_| vec![n(-EINVAL), n(-1)]);
    live.case(C::SETGID_X, || sys!(SYS_setgid, 3), |ret| vec![n(ret), n(3)]);
    live.case(C::SETREUID_X, || sys!(SYS_setreuid, -1, 5), |ret| vec![n(ret), n(-1), n(5)]);
    live.case(C::SETREGID_X, || sys!(SYS_setregid, 6, -1), |ret| vec![n(ret), n(6), n(-1)]);
    live.case(C::SETRESUID_X, || sys!(SYS_setresuid, 1, 2, 3), |ret| vec![n(ret), n(1), n(2), n(3)]);
    live.case(C::SETRESGID_X, || sys!(SYS_setresgid, 4, 5, 6), |ret| vec![n(ret), n(4), n(5), n(6)]);
    live.case(C::GETUID_X, || sys!(SYS_getuid), |ret| vec![n(ret)]);
    live.case(
        C::GETEUID_X,
        || {
            sys!(SYS_setreuid, -1, 77);
            sys!(SYS_geteuid)
        },
        |ret| vec![n(ret)],
    );
    live.case(C::GETGID_X, || sys!(SYS_getgid), |ret| vec![n(ret)]);
    live.case(
        C::GETEGID_X,
        || {
            sys!(SYS_setregid, -1, 78);
            sys!(SYS_getegid)
        },
        |ret| vec![n(ret)],
    );
    let mut ids = [9u32; 3];
    let at = ids.as_mut_ptr() as usize;
    live.case(
        C::GETRESUID_X,
        || {
            sys!(SYS_setresuid, 11, 12, 13);
            sys!(SYS_getresuid, at, at + 4, at + 8)
        },
        |_| vec![n(0), n(11), n(12), n(13)],
    );
    live.case(
        C::GETRESGID_X,
        || {
            sys!(SYS_setresgid, 14, 15, 16);
            sys!(SYS_getresgid, at, at + 4, at + 8)
        },
        |_| vec![n(0), n(14), n(15), n(16)],
    );
    // Version 3 of the header; two words each of effective, permitted, inheritable.
    let header = [0x2008_0522u32, 0];
    let data = [0x40u32, 0x43, 0x41, 0, 0, 0];
    live.case(
        C::CAPSET_X,
        || sys!(SYS_capset, header.as_ptr(), data.as_ptr()),
        |ret| {
            assert_eq!(ret, 0);
            vec![n(0), n(0x41), n(0x43), n(0x40)]
        },
    );
    live.case(C::CAPSET_X, || sys!(SYS_capset, 8, 8), |_| vec![n(-EFAULT), P::Any, P::Set, P::Set]);
    std::hint::black_box(&ids);
}
