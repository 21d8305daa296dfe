//! Memory.

use crate::live::{Live, P, n};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;

pub(crate) fn cases(live: &mut Live) {
    live.case(C::BRK_4_X, || sys!(SYS_brk, 0), |ret| vec![n(ret), P::Set, P::Set, P::Any, n(0)]);
    live.case(
        C::MMAP_X,
        || sys!(SYS_mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        |ret| vec![n(ret), P::Set, P::Set, P::Any, n(0), n(8192), n(3), n(2 | 8), n(-1), n(0)],
    );
    live.case(
        C::MMAP_X,
        || sys!(SYS_mmap, 0, 4096, PROT_EXEC, MAP_SHARED | MAP_FIXED, -1, 4096),
        |ret| vec![n(ret), P::Set, P::Set, P::Any, n(0), n(4096), n(4), n(1 | 4), n(-1), n(4096)],
    );
    live.case(
        C::MUNMAP_X,
        || {
            let at = sys!(SYS_mmap, 0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            assert_eq!(sys!(SYS_munmap, at, 8192), 0);
            at
        },
        |at| vec![n(0), P::Set, P::Set, P::Any, n(at), n(8192)],
    );
    live.case(C::MUNMAP_X, || sys!(SYS_munmap, 7, 8192), |_| vec![n(-EINVAL), P::Set, P::Set, P::Any, n(7), n(8192)]);
    live.case(
        C::MPROTECT_X,
        || sys!(SYS_mprotect, 7, 4096, PROT_READ | PROT_EXEC),
        |_| vec![n(-EINVAL), n(7), n(4096), n(5)],
    );
    live.case(C::MPROTECT_X, || sys!(SYS_mprotect, 4096, 0, PROT_WRITE), |_| vec![n(0), n(4096), n(0), n(2)]);
    let page = vec![0u8; 8192];
    let at = (page.as_ptr() as i64 + 4095) & !4095;
    live.case(C::MLOCK_X, || sys!(SYS_mlock, at, 64), |ret| vec![n(ret), n(at), n(64)]);
    live.case(C::MUNLOCK_X, || sys!(SYS_munlock, at, 64), |ret| vec![n(ret), n(at), n(64)]);
    live.case(C::MLOCK2_X, || sys!(SYS_mlock2, at, 64, 1), |ret| vec![n(ret), n(at), n(64), n(1)]);
    live.case(C::MLOCK2_X, || sys!(SYS_mlock2, at, 64, 8), |_| vec![n(-EINVAL), n(at), n(64), n(0)]);
    live.case(C::MLOCKALL_X, || sys!(SYS_mlockall, 4), |_| vec![n(-EINVAL), n(4)]);
    live.case(C::MUNLOCKALL_X, || sys!(SYS_munlockall), |ret| vec![n(ret)]);
}
