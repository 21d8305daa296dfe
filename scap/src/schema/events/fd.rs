//! Creating, copying and closing file descriptors: close, dup, fcntl, pipes and the file descriptors of kernel objects
//! (eventfd, epoll, timerfd, memfd, pidfd, io_uring …).
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    4 CLOSE_E close_e = "close" [IO_OTHER | SYSCALL] {DESTROYS_FD | USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec,
    )
    5 CLOSE_X close_x = "close" [IO_OTHER | SYSCALL] {DESTROYS_FD | USES_FD | MODIFIES_STATE | CONVERTED} does Closes (
        res: Errno dec, fd: Fd dec,
    )
    60 PIPE_E pipe_e = "pipe" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} ()
    61 PIPE_X pipe_x = "pipe" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        res: Errno dec, fd1: Fd dec, fd2: Fd dec, ino: UInt64 dec,
    )
    62 EVENTFD_E eventfd_e = "eventfd" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        initval: UInt64 dec, flags: UInt32 hex,
    )
    63 EVENTFD_X eventfd_x = "eventfd" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, initval: UInt64 dec, flags: UInt32 hex,
    )
    126 SIGNALFD_E signalfd_e = "signalfd" [SIGNAL | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, mask: UInt32 hex, flags: UInt8 hex,
    )
    127 SIGNALFD_X signalfd_x = "signalfd" [SIGNAL | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, fd: Fd dec, mask: UInt32 hex, flags: UInt8 hex,
    )
    136 TIMERFD_CREATE_E timerfd_create_e = "timerfd_create" [TIME | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        clockid: UInt8 dec, flags: UInt8 hex,
    )
    137 TIMERFD_CREATE_X timerfd_create_x = "timerfd_create" [TIME | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, clockid: UInt8 dec, flags: UInt8 hex,
    )
    138 INOTIFY_INIT_E inotify_init_e = "inotify_init" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: UInt8 hex,
    )
    139 INOTIFY_INIT_X inotify_init_x = "inotify_init" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, flags: UInt8 hex,
    )
    150 FCNTL_E fcntl_e = "fcntl" [IO_OTHER | SYSCALL] {USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, cmd: EnumFlags8 dec in FCNTL_COMMANDS,
    )
    151 FCNTL_X fcntl_x = "fcntl" [IO_OTHER | SYSCALL] {USES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, fd: Fd dec, cmd: EnumFlags8 dec in FCNTL_COMMANDS, arg: UInt64 hex,
    )
    170 IOCTL_3_E ioctl_3_e = "ioctl" [IO_OTHER | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, request: UInt64 hex, argument: UInt64 hex,
    )
    171 IOCTL_3_X ioctl_3_x = "ioctl" [IO_OTHER | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd dec, request: UInt64 hex, argument: UInt64 hex,
    )
    320 USERFAULTFD_E userfaultfd_e = "userfaultfd" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    321 USERFAULTFD_X userfaultfd_x = "userfaultfd" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        res: Errno dec, flags: Flags32 hex in FILE_FLAGS,
    )
    338 IO_URING_SETUP_E io_uring_setup_e = "io_uring_setup" [IO_OTHER | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    339 IO_URING_SETUP_X io_uring_setup_x = "io_uring_setup" [IO_OTHER | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        res: Errno dec, entries: UInt32 dec, sq_entries: UInt32 dec, cq_entries: UInt32 dec,
        flags: Flags32 hex in IO_URING_SETUP_FLAGS, sq_thread_cpu: UInt32 dec, sq_thread_idle: UInt32 dec,
        features: Flags32 hex in IO_URING_SETUP_FEATS,
    )
    340 IO_URING_ENTER_E io_uring_enter_e = "io_uring_enter" [IO_OTHER | SYSCALL] {OLD_VERSION} ()
    341 IO_URING_ENTER_X io_uring_enter_x = "io_uring_enter" [IO_OTHER | SYSCALL] {USES_FD} (
        res: Errno dec, fd: Fd dec, to_submit: UInt32 dec, min_complete: UInt32 dec,
        flags: Flags32 hex in IO_URING_ENTER_FLAGS, sig: SigSet dec,
    )
    342 IO_URING_REGISTER_E io_uring_register_e = "io_uring_register" [IO_OTHER | SYSCALL] {OLD_VERSION} ()
    343 IO_URING_REGISTER_X io_uring_register_x = "io_uring_register" [IO_OTHER | SYSCALL] {USES_FD} (
        res: Errno dec, fd: Fd dec, opcode: EnumFlags16 dec in IO_URING_REGISTER_OPCODES, arg: UInt64 hex,
        nr_args: UInt32 dec,
    )
    362 DUP2_E dup2_e = "dup2" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE | OLD_VERSION} (
        fd: Fd dec,
    )
    363 DUP2_X dup2_x = "dup2" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE} (
        res: Fd dec, oldfd: Fd dec, newfd: Fd dec,
    )
    364 DUP3_E dup3_e = "dup3" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE | OLD_VERSION} (
        fd: Fd dec,
    )
    365 DUP3_X dup3_x = "dup3" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE} (
        res: Fd dec, oldfd: Fd dec, newfd: Fd dec, flags: Flags32 hex in FILE_FLAGS,
    )
    366 DUP_1_E dup_1_e = "dup" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE | OLD_VERSION} (
        fd: Fd dec,
    )
    367 DUP_1_X dup_1_x = "dup" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE} (
        res: Fd dec, oldfd: Fd dec,
    )
    374 EPOLL_CREATE_E epoll_create_e = "epoll_create" [WAIT | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        size: Int32 dec,
    )
    375 EPOLL_CREATE_X epoll_create_x = "epoll_create" [WAIT | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Errno dec, size: Int32 dec,
    )
    376 EPOLL_CREATE1_E epoll_create1_e = "epoll_create1" [WAIT | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: Flags32 hex in EPOLL_CREATE1_FLAGS,
    )
    377 EPOLL_CREATE1_X epoll_create1_x = "epoll_create1" [WAIT | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Errno dec, flags: Flags32 hex in EPOLL_CREATE1_FLAGS,
    )
    392 PIPE2_E pipe2_e = "pipe2" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} ()
    393 PIPE2_X pipe2_x = "pipe2" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        res: Errno dec, fd1: Fd dec, fd2: Fd dec, ino: UInt64 dec, flags: Flags32 hex in FILE_FLAGS,
    )
    394 INOTIFY_INIT1_E inotify_init1_e = "inotify_init1" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    395 INOTIFY_INIT1_X inotify_init1_x = "inotify_init1" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        res: Fd dec, flags: Flags16 hex in FILE_FLAGS,
    )
    396 EVENTFD2_E eventfd2_e = "eventfd2" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        initval: UInt64 dec,
    )
    397 EVENTFD2_X eventfd2_x = "eventfd2" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, flags: Flags16 hex in FILE_FLAGS, initval: UInt64 dec,
    )
    398 SIGNALFD4_E signalfd4_e = "signalfd4" [SIGNAL | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, mask: UInt32 hex,
    )
    399 SIGNALFD4_X signalfd4_x = "signalfd4" [SIGNAL | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Fd dec, flags: Flags16 hex in FILE_FLAGS, fd: Fd dec, mask: UInt32 hex,
    )
    404 MEMFD_CREATE_E memfd_create_e = "memfd_create" [MEMORY | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    405 MEMFD_CREATE_X memfd_create_x = "memfd_create" [MEMORY | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        fd: Fd dec, name: CharBuf na, flags: Flags32 hex in MEMFD_CREATE_FLAGS,
    )
    406 PIDFD_GETFD_E pidfd_getfd_e = "pidfd_getfd" [PROCESS | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    407 PIDFD_GETFD_X pidfd_getfd_x = "pidfd_getfd" [PROCESS | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        fd: Fd dec, pid_fd: Fd dec, target_fd: Fd dec, flags: UInt32 hex,
    )
    408 PIDFD_OPEN_E pidfd_open_e = "pidfd_open" [PROCESS | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    409 PIDFD_OPEN_X pidfd_open_x = "pidfd_open" [PROCESS | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
        fd: Fd dec, pid: Pid dec, flags: Flags32 hex in PIDFD_OPEN_FLAGS,
    )
    450 CLOSE_RANGE_E close_range_e = "NA" [UNKNOWN] {UNUSED} ()
    451 CLOSE_RANGE_X close_range_x = "close_range" [IO_OTHER | SYSCALL] {MODIFIES_STATE} (
        res: Errno dec, first: UInt32 dec, last: UInt32 dec, flags: Flags32 hex in CLOSE_RANGE_FLAGS,
    )
}
