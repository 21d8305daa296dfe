//! Waiting.

use crate::live::{Live, P, b, n};
use crate::{bytes, sys};
use libc::*;
use scap::schema::EventCode as C;

pub(crate) fn cases(live: &mut Live) {
    let ready = sys!(SYS_eventfd2, 1, 0) as i32;
    let mut fds = [pollfd { fd: ready, events: POLLIN, revents: 0 }, pollfd { fd: 4000, events: POLLOUT, revents: 0 }];
    let at = fds.as_mut_ptr() as usize;
    // Readable, and not a file descriptor, in the schema's values.
    let list = b(&bytes![2u16, i64::from(ready), 1i16, 4000i64, 0x40i16]);
    live.case(C::POLL_X, || sys!(SYS_poll, at, 2, 20), |_| vec![n(2), list.clone(), n(20)]);
    live.case(C::POLL_X, || sys!(SYS_poll, 8, 1, -1), |_| vec![n(-EFAULT), b(&bytes![0u16]), n(-1)]);
    let time = [2i64, 5];
    let mask = 0x1234u64;
    live.case(
        C::PPOLL_X,
        || sys!(SYS_ppoll, at, 2, time.as_ptr(), &mask, 8),
        |_| {
            // The kernel writes the remaining time.
            vec![n(2), list.clone(), P::Set, n(0x1234)]
        },
    );
    live.case(
        C::PPOLL_X,
        || sys!(SYS_ppoll, at, 1, 0, 0, 0),
        |_| vec![n(1), b(&bytes![1u16, i64::from(ready), 1i16]), n(0), n(0)],
    );
    // More than sixteen: the first sixteen are reported.
    let mut many = [pollfd { fd: ready, events: POLLIN, revents: 0 }; 20];
    let many_at = many.as_mut_ptr() as usize;
    let mut told = bytes![16u16];
    for _ in 0..16 {
        told.extend(bytes![i64::from(ready), 1i16]);
    }
    live.case(C::POLL_X, || sys!(SYS_poll, many_at, 20, 0), |_| vec![n(20), b(&told), n(0)]);
    live.case(C::SELECT_X, || sys!(SYS_select, 0, 0, 0, 0, [0i64, 10].as_ptr()), |_| vec![n(0)]);
    live.case(C::SELECT_X, || sys!(SYS_select, -1, 0, 0, 0, 0), |_| vec![n(-EINVAL)]);
    live.case(C::EPOLLWAIT_X, || sys!(SYS_epoll_wait, -1, at, 3, 0), |_| vec![n(-EBADF), n(3)]);
    live.case(C::NANOSLEEP_X, || sys!(SYS_nanosleep, [0i64, 1_000_001].as_ptr(), 0), |_| vec![n(0), n(1_000_001)]);
    live.case(C::NANOSLEEP_X, || sys!(SYS_nanosleep, 8, 0), |_| vec![n(-EFAULT), n(0)]);
    std::hint::black_box((&fds, &many, &time, &mask));
}
