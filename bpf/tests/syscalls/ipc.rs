//! Futexes, semaphores and signals.

use crate::live::{Live, n};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;

pub(crate) fn cases(live: &mut Live) {
    let word = 5u32;
    let at = &raw const word as i64;
    live.case(
        C::FUTEX_X,
        || sys!(SYS_futex, at, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 3, 0, 0, 0),
        |ret| vec![n(ret), n(at), n(0x81), n(3)],
    );
    live.case(C::FUTEX_X, || sys!(SYS_futex, at, FUTEX_WAIT, 6, 0, 0, 0), |_| vec![n(-EAGAIN), n(at), n(0), n(6)]);
    let key = 0x7e57_0001;
    let id = sys!(SYS_semget, key, 3, 0o600 | IPC_CREAT);
    live.case(
        C::SEMGET_X,
        || sys!(SYS_semget, key, 3, 0o600 | IPC_CREAT | IPC_EXCL),
        |ret| vec![n(ret), n(key), n(3), n(0x6000)],
    );
    live.case(C::SEMGET_X, || sys!(SYS_semget, key, 3, 0), |ret| vec![n(ret), n(key), n(3), n(0)]);
    let ops: [i16; 6] = [0, 2, SEM_UNDO as i16, 1, 1, IPC_NOWAIT as i16];
    let ops_at = ops.as_ptr() as usize;
    live.case(
        C::SEMOP_X,
        || sys!(SYS_semop, id, ops_at, 2),
        |ret| {
            assert_eq!(ret, 0);
            vec![n(0), n(2), n(0), n(2), n(2), n(1), n(1), n(1), n(id)]
        },
    );
    live.case(
        C::SEMOP_X,
        || sys!(SYS_semop, -1, ops_at, 2),
        |ret| vec![n(ret), n(2), n(0), n(0), n(0), n(0), n(0), n(0), n(-1)],
    );
    live.case(C::SEMCTL_X, || sys!(SYS_semctl, id, 1, SETVAL, 9), |ret| vec![n(ret), n(id), n(1), n(0x1000), n(9)]);
    live.case(C::SEMCTL_X, || sys!(SYS_semctl, id, 0, IPC_RMID, 7), |ret| vec![n(ret), n(id), n(0), n(4), n(0)]);
    let pid = i64::from(std::process::id());
    live.case(C::KILL_X, || sys!(SYS_kill, pid, 0), |_| vec![n(0), n(pid), n(0)]);
    live.case(C::KILL_X, || sys!(SYS_kill, 0x3fff_ffff, SIGTERM), |_| vec![n(-ESRCH), n(0x3fff_ffff), n(SIGTERM)]);
    live.case(C::TKILL_X, || sys!(SYS_tkill, -1, SIGUSR1), |_| vec![n(-EINVAL), n(-1), n(SIGUSR1)]);
    live.case(C::TGKILL_X, || sys!(SYS_tgkill, pid, pid, 0), |_| vec![n(0), n(pid), n(pid), n(0)]);
    live.case(C::TGKILL_X, || sys!(SYS_tgkill, -2, -3, 9), |_| vec![n(-EINVAL), n(-2), n(-3), n(9)]);
    std::hint::black_box((&word, &ops));
}
