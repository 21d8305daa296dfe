//! Calls of 32-bit programs, made by `int 0x80`; among them those that 64-bit programs do not have.

use crate::live::{Live, P, b, n, t};
use crate::{bytes, sys};
use libc::*;
use scap::schema::EventCode as C;

/// Makes a 32-bit call. Pointers have to be below 4 GiB.
fn ia32(nr: i64, args: [i64; 5]) -> i64 {
    let ret: i64;
    // SAFETY: the call only sees memory that its arguments name; rbx, which the compiler keeps, is put back.
    unsafe {
        std::arch::asm!(
            "push rbx",
            "mov rbx, r12",
            "int 0x80",
            "pop rbx",
            inlateout("rax") nr => ret,
            in("r12") args[0],
            in("rcx") args[1],
            in("rdx") args[2],
            in("rsi") args[3],
            in("rdi") args[4],
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    i64::from(ret as i32)
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    let low = sys!(SYS_mmap, 0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    assert!(low > 0 && low < 1 << 32);
    if ia32(20, [0; 5]) <= 0 {
        for code in
            [C::STAT64_X, C::LSTAT64_X, C::FSTAT64_X, C::LLSEEK_X, C::MMAP2_X, C::UMOUNT_1_X, C::SEND_X, C::RECV_X]
        {
            live.faults.push(format!("{code:?}: 32-bit calls are off"));
        }
        return;
    }
    let put = |at: i64, bytes: &[u8]| {
        // SAFETY: the mapping is ours and long enough.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (low + at) as *mut u8, bytes.len()) };
        low + at
    };
    let path = format!("{dir}/file");
    let at = put(0, format!("{path}\0").as_bytes());
    let none = put(1024, b"/none\0");
    let buffer = low + 8192;
    live.case(
        C::OPENAT_2_X,
        || ia32(295, [-100, none, i64::from(O_RDWR), 0, 0]),
        |_| vec![n(-ENOENT), n(-100), t("/none"), n(3), n(0), n(0), n(0)],
    );
    live.case(C::STAT64_X, || ia32(195, [at, buffer, 0, 0, 0]), |ret| vec![n(ret), t(&path)]);
    live.case(C::STAT64_X, || ia32(195, [none, buffer, 0, 0, 0]), |_| vec![n(-ENOENT), t("/none")]);
    live.case(C::LSTAT64_X, || ia32(196, [none, buffer, 0, 0, 0]), |_| vec![n(-ENOENT), t("/none")]);
    live.case(C::FSTAT64_X, || ia32(197, [-1, buffer, 0, 0, 0]), |_| vec![n(-EBADF)]);
    live.case(C::LLSEEK_X, || ia32(140, [-1, 2, 5, buffer, 1]), |_| vec![n(-EBADF), n(-1), n(0x2_0000_0005i64), n(1)]);
    live.case(
        C::MMAP2_X,
        || ia32(192, [0, 4096, 1, 0x22, -1]),
        |_| vec![P::Set, P::Set, P::Set, P::Any, n(0), n(4096), n(1), n(2 | 8), n(-1), P::Any],
    );
    live.case(C::UMOUNT_1_X, || ia32(22, [none, 0, 0, 0, 0]), |_| vec![n(-ENOENT), t("/none")]);
    // The vectors of a 32-bit program have words of 32 bits.
    let text = put(2048, b"abcdefgh");
    let iov = put(3072, &bytes![text as u32, 3u32, (text + 4) as u32, 2u32]);
    live.case(C::WRITEV_X, || ia32(146, [-1, iov, 2, 0, 0]), |_| vec![n(-EBADF), b(b"abcef"), n(-1), n(5)]);
    // socketcall: the arguments are an array in memory.
    let mut fds = [0i32; 2];
    assert_eq!(sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fds.as_mut_ptr()), 0);
    let (one, two) = (i64::from(fds[0]), i64::from(fds[1]));
    let args = put(4096, &bytes![fds[0], text as u32, 4u32, 0u32]);
    live.case(C::SEND_X, || ia32(102, [9, args, 0, 0, 0]), |_| vec![n(4), b(b"abcd"), n(one), n(4), P::Set]);
    let args = put(4160, &bytes![fds[1], buffer as u32, 16u32, 0u32]);
    live.case(C::RECV_X, || ia32(102, [10, args, 0, 0, 0]), |_| vec![n(4), b(b"abcd"), n(two), n(16), P::Set]);
    let args = put(4224, &bytes![-1i32, text as u32, 4u32, 0u32]);
    live.case(C::SEND_X, || ia32(102, [9, args, 0, 0, 0]), |_| vec![n(-EBADF), b(b"abcd"), n(-1), n(4), P::E]);
    let args = put(4288, &bytes![-1i32, 33u32]);
    live.case(C::LISTEN_X, || ia32(102, [4, args, 0, 0, 0]), |_| vec![n(-EBADF), n(-1), n(33)]);
    let args = put(4352, &bytes![2u32, 1u32, 6u32]);
    live.case(C::SOCKET_X, || ia32(102, [1, args, 0, 0, 0]), |ret| vec![n(ret), n(2), n(1), n(6), n(0)]);
}
