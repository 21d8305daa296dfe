//! Reading and writing.

use crate::live::{Live, P, b, n};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;

pub(crate) fn cases(live: &mut Live, dir: &str) {
    let path = std::ffi::CString::new(format!("{dir}/io")).unwrap();
    let fd = sys!(SYS_open, path.as_ptr(), O_RDWR | O_CREAT, 0o600);
    assert!(fd >= 0);
    let text = b"0123456789abcdef";
    let long = vec![b'x'; 10_000];
    let mut into = vec![0u8; 10_000];
    let at = into.as_mut_ptr() as usize;

    live.case(C::WRITE_X, || sys!(SYS_write, fd, text.as_ptr(), 16), |_| vec![n(16), b(text), n(fd), n(16)]);
    // A failed write shows the data that it was to write.
    live.case(C::WRITE_X, || sys!(SYS_write, -1, text.as_ptr(), 4), |_| vec![n(-EBADF), b(b"0123"), n(-1), n(4)]);
    live.case(C::WRITE_X, || sys!(SYS_write, fd, 8, 4), |_| vec![n(-EFAULT), P::E, n(fd), n(4)]);
    // No more than the snaplen of 80 is kept.
    live.case(
        C::PWRITE_X,
        || sys!(SYS_pwrite64, fd, long.as_ptr(), 10_000, 16),
        |_| vec![n(10_000), b(&long[..80]), n(fd), n(10_000), n(16)],
    );
    live.case(
        C::PWRITE_X,
        || sys!(SYS_pwrite64, fd, text.as_ptr(), 3, -1),
        |_| vec![n(-EINVAL), b(b"012"), n(fd), n(3), n(-1)],
    );
    live.case(C::PREAD_X, || sys!(SYS_pread64, fd, at, 8, 8), |_| vec![n(8), b(b"89abcdef"), n(fd), n(8), n(8)]);
    live.case(C::PREAD_X, || sys!(SYS_pread64, -1, at, 8, 0), |_| vec![n(-EBADF), P::E, n(-1), n(8), n(0)]);
    live.case(C::LSEEK_X, || sys!(SYS_lseek, fd, 4, SEEK_SET), |_| vec![n(4), n(fd), n(4), n(0)]);
    live.case(C::LSEEK_X, || sys!(SYS_lseek, -1, -8, SEEK_END), |_| vec![n(-EBADF), n(-1), n(-8), n(2)]);
    live.case(
        C::READ_X,
        || sys!(SYS_read, fd, at, 100),
        |_| vec![n(100), b(&[b"456789abcdef".as_slice(), &[b'x'; 68]].concat()), n(fd), n(100)],
    );
    live.case(C::READ_X, || sys!(SYS_read, -1, at, 9), |_| vec![n(-EBADF), P::E, n(-1), n(9)]);

    let pieces = [(text.as_ptr() as usize, 3usize), (text.as_ptr() as usize + 8, 5), (text.as_ptr() as usize, 0)];
    let iov = pieces.as_ptr() as usize;
    live.case(C::WRITEV_X, || sys!(SYS_writev, fd, iov, 3), |_| vec![n(8), b(b"01289abc"), n(fd), n(8)]);
    live.case(C::WRITEV_X, || sys!(SYS_writev, -1, iov, 2), |_| vec![n(-EBADF), b(b"01289abc"), n(-1), n(8)]);
    live.case(C::PWRITEV_X, || sys!(SYS_pwritev, fd, iov, 2, 0, 0), |_| vec![n(8), b(b"01289abc"), n(fd), n(8), n(0)]);
    let room = [(at, 2usize), (at + 100, 4)];
    let rooms = room.as_ptr() as usize;
    live.case(C::PREADV_X, || sys!(SYS_preadv, fd, rooms, 2, 1, 0), |_| vec![n(6), n(6), b(b"1289ab"), n(fd), n(1)]);
    live.case(C::PREADV_X, || sys!(SYS_preadv, -1, rooms, 2, 0, 0), |_| vec![n(-EBADF), n(0), P::E, n(-1), n(0)]);
    live.case(
        C::READV_X,
        || {
            sys!(SYS_lseek, fd, 0, SEEK_SET);
            sys!(SYS_readv, fd, rooms, 2)
        },
        |_| vec![n(6), n(6), b(b"01289a"), n(fd)],
    );
    live.case(C::READV_X, || sys!(SYS_readv, -1, rooms, 2), |_| vec![n(-EBADF), n(0), P::E, n(-1)]);

    let pid = i64::from(std::process::id());
    let remote = [(text.as_ptr() as usize, 6usize)];
    let from = remote.as_ptr() as usize;
    live.case(
        C::PROCESS_VM_READV_X,
        || sys!(SYS_process_vm_readv, pid, rooms, 2, from, 1, 0),
        |_| vec![n(6), n(pid), b(b"012345")],
    );
    live.case(
        C::PROCESS_VM_READV_X,
        || sys!(SYS_process_vm_readv, -1, rooms, 2, from, 1, 0),
        |_| vec![n(-ESRCH), n(-1), P::E],
    );
    live.case(
        C::PROCESS_VM_WRITEV_X,
        || sys!(SYS_process_vm_writev, pid, from, 1, rooms, 2, 0),
        |_| vec![n(6), n(pid), b(b"012345")],
    );
    live.case(
        C::PROCESS_VM_WRITEV_X,
        || sys!(SYS_process_vm_writev, -1, from, 1, rooms, 2, 0),
        |_| vec![n(-ESRCH), n(-1), P::E],
    );

    let mut ends = [0i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK);
    let (r, w) = (i64::from(ends[0]), i64::from(ends[1]));
    let mut offset = 3i64;
    let offset_at = &raw mut offset as usize;
    live.case(C::SENDFILE_X, || sys!(SYS_sendfile, w, fd, offset_at, 5), |_| vec![n(5), n(8), n(w), n(fd), n(5)]);
    live.case(C::SENDFILE_X, || sys!(SYS_sendfile, -1, fd, 0, 5), |_| vec![n(-EBADF), n(0), n(-1), n(fd), n(5)]);
    live.case(C::SPLICE_X, || sys!(SYS_splice, r, 0, fd, 0, 77, 2), |ret| vec![n(ret), n(r), n(fd), n(77), n(2)]);
    live.case(C::SPLICE_X, || sys!(SYS_splice, -1, 0, -2, 0, 7, 1), |_| vec![n(-EBADF), n(-1), n(-2), n(7), n(1)]);
    std::hint::black_box((&into, &pieces, &room, &remote, &offset));
}
