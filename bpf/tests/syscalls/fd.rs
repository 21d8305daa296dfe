//! Making, copying and closing file descriptors.

use crate::live::{Live, P, n, t};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;
use std::os::unix::fs::MetadataExt as _;

pub(crate) fn cases(live: &mut Live) {
    live.case(C::CLOSE_X, || sys!(SYS_close, -1), |_| vec![n(-EBADF), n(-1)]);
    live.case(
        C::CLOSE_X,
        || {
            let fd = sys!(SYS_dup, 2);
            assert_eq!(sys!(SYS_close, fd), 0);
            fd
        },
        |fd| vec![n(0), n(fd)],
    );
    live.case(C::CLOSE_RANGE_X, || sys!(SYS_close_range, 900, 950, 4), |ret| vec![n(ret), n(900), n(950), n(4)]);
    live.case(C::CLOSE_RANGE_X, || sys!(SYS_close_range, 9, 5, 0), |_| vec![n(-EINVAL), n(9), n(5), n(0)]);
    live.case(C::DUP_1_X, || sys!(SYS_dup, 2), |ret| vec![n(ret), n(2)]);
    live.case(C::DUP_1_X, || sys!(SYS_dup, -1), |_| vec![n(-EBADF), n(-1)]);
    live.case(C::DUP2_X, || sys!(SYS_dup2, 2, 871), |_| vec![n(871), n(2), n(871)]);
    live.case(C::DUP3_X, || sys!(SYS_dup3, 2, 872, O_CLOEXEC), |_| vec![n(872), n(2), n(872), n(0x1000)]);
    live.case(C::DUP3_X, || sys!(SYS_dup3, -1, 873, 0), |_| vec![n(-EBADF), n(-1), n(873), n(0)]);
    live.case(C::FCNTL_X, || sys!(SYS_fcntl, 2, F_GETFD, 77), |ret| vec![n(ret), n(2), n(2), n(77)]);
    live.case(C::FCNTL_X, || sys!(SYS_fcntl, 2, F_DUPFD_CLOEXEC, 800), |ret| vec![n(ret), n(2), n(0x1a), n(800)]);
    live.case(C::FCNTL_X, || sys!(SYS_fcntl, -1, 9999, 0), |_| vec![n(-EBADF), n(-1), n(0), n(0)]);
    live.case(
        C::IOCTL_3_X,
        || sys!(SYS_ioctl, -1, 0x5401, 0xabcdef),
        |_| vec![n(-EBADF), n(-1), n(0x5401), n(0xabcdef)],
    );
    let mut fds = [0i32; 2];
    let at = fds.as_mut_ptr() as usize;
    let ends = move || {
        // SAFETY: `fds` lives until the end of `cases`.
        let fds = unsafe { *(at as *const [i32; 2]) };
        let ino = std::fs::metadata(format!("/proc/self/fd/{}", fds[0])).map_or(0, |meta| meta.ino());
        (i64::from(fds[0]), i64::from(fds[1]), ino as i64)
    };
    live.case(
        C::PIPE_X,
        || sys!(SYS_pipe, at),
        |_| {
            let (r, w, ino) = ends();
            vec![n(0), n(r), n(w), n(ino)]
        },
    );
    live.case(C::PIPE_X, || sys!(SYS_pipe, 8), |_| vec![n(-EFAULT), n(-1), n(-1), n(0)]);
    live.case(
        C::PIPE2_X,
        || sys!(SYS_pipe2, at, O_CLOEXEC | O_NONBLOCK),
        |_| {
            let (r, w, ino) = ends();
            vec![n(0), n(r), n(w), n(ino), n(0x1040)]
        },
    );
    live.case(C::EVENTFD_X, || sys!(SYS_eventfd, 5), |ret| vec![n(ret), n(5), n(0)]);
    live.case(C::EVENTFD2_X, || sys!(SYS_eventfd2, 6, O_NONBLOCK), |ret| vec![n(ret), n(0x40), n(6)]);
    live.case(C::EVENTFD2_X, || sys!(SYS_eventfd2, 6, 0x7000_0000), |_| vec![n(-EINVAL), n(0), n(6)]);
    live.case(C::INOTIFY_INIT_X, || sys!(SYS_inotify_init), |ret| vec![n(ret), n(0)]);
    live.case(C::INOTIFY_INIT1_X, || sys!(SYS_inotify_init1, O_CLOEXEC), |ret| vec![n(ret), n(0x1000)]);
    live.case(C::EPOLL_CREATE_X, || sys!(SYS_epoll_create, 12), |ret| vec![n(ret), n(12)]);
    live.case(C::EPOLL_CREATE_X, || sys!(SYS_epoll_create, -1), |_| vec![n(-EINVAL), n(-1)]);
    live.case(C::EPOLL_CREATE1_X, || sys!(SYS_epoll_create1, O_CLOEXEC), |ret| vec![n(ret), n(1)]);
    let mask: u64 = 1 << (SIGUSR1 - 1) | 1 << (SIGUSR2 - 1);
    let mask_at = &raw const mask as usize;
    live.case(C::SIGNALFD_X, || sys!(SYS_signalfd, -1, mask_at, 8), |ret| vec![n(ret), n(-1), n(mask as i64), n(0)]);
    live.case(
        C::SIGNALFD4_X,
        || sys!(SYS_signalfd4, -1, mask_at, 8, O_NONBLOCK | O_CLOEXEC),
        |ret| vec![n(ret), n(0x1040), n(-1), n(mask as i64)],
    );
    live.case(
        C::TIMERFD_CREATE_X,
        || sys!(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK),
        |ret| vec![n(ret), n(1), n(0x40)],
    );
    live.case(C::TIMERFD_CREATE_X, || sys!(SYS_timerfd_create, 99, 0), |_| vec![n(-EINVAL), n(99), n(0)]);
    live.case(C::MEMFD_CREATE_X, || sys!(SYS_memfd_create, c"mem".as_ptr(), 3), |ret| vec![n(ret), t("mem"), n(3)]);
    live.case(C::MEMFD_CREATE_X, || sys!(SYS_memfd_create, 8, 0), |_| vec![n(-EFAULT), P::E, n(0)]);
    let pid = i64::from(std::process::id());
    live.case(C::PIDFD_OPEN_X, || sys!(SYS_pidfd_open, pid, O_NONBLOCK), |ret| vec![n(ret), n(pid), n(1)]);
    live.case(C::PIDFD_OPEN_X, || sys!(SYS_pidfd_open, -1, 0), |_| vec![n(-EINVAL), n(-1), n(0)]);
    live.case(C::PIDFD_GETFD_X, || sys!(SYS_pidfd_getfd, -1, 7, 0), |_| vec![n(-EBADF), n(-1), n(7), n(0)]);
    live.case(C::USERFAULTFD_X, || sys!(SYS_userfaultfd, O_CLOEXEC), |ret| vec![n(ret), n(O_CLOEXEC)]);
    // io_uring: values that the kernel fills in are read back from the structure.
    let mut params = [0u32; 30];
    params[2] = 8; // IORING_SETUP_CQSIZE
    params[1] = 32;
    let params_at = params.as_mut_ptr() as usize;
    let ring = std::sync::atomic::AtomicI64::new(-1);
    live.case(
        C::IO_URING_SETUP_X,
        || {
            let ret = sys!(SYS_io_uring_setup, 7, params_at);
            ring.store(ret, std::sync::atomic::Ordering::Relaxed);
            ret
        },
        |ret| {
            // SAFETY: `params` lives until the end of `cases`.
            let p = unsafe { *(params_at as *const [u32; 30]) };
            if ret >= 0 {
                assert_eq!((p[0], p[1]), (8, 32));
            }
            vec![n(ret), n(7), n(p[0]), n(p[1]), n(0x10), n(p[3]), n(p[4]), n(p[5] & 0x7ff)]
        },
    );
    let ring = ring.into_inner();
    live.case(
        C::IO_URING_ENTER_X,
        || sys!(SYS_io_uring_enter, ring, 0, 0, 1, mask_at, 8),
        |ret| vec![n(ret), n(ring), n(0), n(0), n(1), n(mask as i64)],
    );
    live.case(
        C::IO_URING_ENTER_X,
        || sys!(SYS_io_uring_enter, -1, 3, 2, 0, 0, 8),
        |_| vec![n(-EBADF), n(-1), n(3), n(2), n(0), n(0)],
    );
    live.case(
        C::IO_URING_REGISTER_X,
        || sys!(SYS_io_uring_register, -1, 2, 0x77, 3),
        |ret| vec![n(ret), n(-1), n(2), n(0x77), n(3)],
    );
}
