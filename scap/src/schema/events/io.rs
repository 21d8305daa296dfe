//! Reading and writing: read, write, their vectored and positioned forms, and the calls that move bytes between file
//! descriptors.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    6 READ_E read_e = "read" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec,
    )
    7 READ_X read_x = "read" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | CONVERTED} does Reads (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec,
    )
    8 WRITE_E write_e = "write" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec,
    )
    9 WRITE_X write_x = "write" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | CONVERTED} does Writes (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec,
    )
    86 LSEEK_E lseek_e = "lseek" [FILE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, offset: UInt64 dec, whence: EnumFlags8 dec in LSEEK_WHENCE,
    )
    87 LSEEK_X lseek_x = "lseek" [FILE | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd dec, offset: UInt64 dec, whence: EnumFlags8 dec in LSEEK_WHENCE,
    )
    88 LLSEEK_E llseek_e = "llseek" [FILE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, offset: UInt64 dec, whence: EnumFlags8 dec in LSEEK_WHENCE,
    )
    89 LLSEEK_X llseek_x = "llseek" [FILE | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd dec, offset: UInt64 dec, whence: EnumFlags8 dec in LSEEK_WHENCE,
    )
    112 PREAD_E pread_e = "pread" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec, pos: UInt64 dec,
    )
    113 PREAD_X pread_x = "pread" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | CONVERTED} does Reads (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, pos: UInt64 dec,
    )
    114 PWRITE_E pwrite_e = "pwrite" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec, pos: UInt64 dec,
    )
    115 PWRITE_X pwrite_x = "pwrite" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | CONVERTED} does Writes (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, pos: UInt64 dec,
    )
    116 READV_E readv_e = "readv" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec,
    )
    117 READV_X readv_x = "readv" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | CONVERTED} does Reads (
        res: Errno dec, size: UInt32 dec, data: ByteBuf na, fd: Fd dec,
    )
    118 WRITEV_E writev_e = "writev" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec,
    )
    119 WRITEV_X writev_x = "writev" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | CONVERTED} does Writes (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec,
    )
    120 PREADV_E preadv_e = "preadv" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, pos: UInt64 dec,
    )
    121 PREADV_X preadv_x = "preadv" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | CONVERTED} does Reads (
        res: Errno dec, size: UInt32 dec, data: ByteBuf na, fd: Fd dec, pos: UInt64 dec,
    )
    122 PWRITEV_E pwritev_e = "pwritev" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec, pos: UInt64 dec,
    )
    123 PWRITEV_X pwritev_x = "pwritev" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | CONVERTED} does Writes (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, pos: UInt64 dec,
    )
    166 SPLICE_E splice_e = "splice" [IO_OTHER | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd_in: Fd dec, fd_out: Fd dec, size: UInt64 dec, flags: Flags32 hex in SPLICE_FLAGS,
    )
    167 SPLICE_X splice_x = "splice" [IO_OTHER | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd_in: Fd dec, fd_out: Fd dec, size: UInt64 dec,
        flags: Flags32 hex in SPLICE_FLAGS,
    )
    188 SENDFILE_E sendfile_e = "sendfile" [IO_WRITE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        out_fd: Fd dec, in_fd: Fd dec, offset: UInt64 dec, size: UInt64 dec,
    )
    189 SENDFILE_X sendfile_x = "sendfile" [IO_WRITE | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, offset: UInt64 dec, out_fd: Fd dec, in_fd: Fd dec, size: UInt64 dec,
    )
    332 COPY_FILE_RANGE_E copy_file_range_e = "copy_file_range" [FILE | SYSCALL] {USES_FD | READS_FROM_FD | WRITES_TO_FD | OLD_VERSION | CONVERTED} (
        fdin: Fd dec, offin: UInt64 dec, len: UInt64 dec,
    )
    333 COPY_FILE_RANGE_X copy_file_range_x = "copy_file_range" [FILE | SYSCALL] {USES_FD | READS_FROM_FD | WRITES_TO_FD | CONVERTED} (
        res: Errno dec, fdout: Fd dec, offout: UInt64 dec, fdin: Fd dec, offin: UInt64 dec,
        len: UInt64 dec,
    )
}
