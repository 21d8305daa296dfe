//! The kernel's values of the flags that the schema numbers in its own way.

use scap::schema::{FlagTable, flags};

/// The kind of translation.
pub(super) enum Kind {
    /// Every bit on its own; bits without a row are left out.
    Bits,
    /// The whole value; one without a row becomes `default`, the name of a row or `0`.
    Values { default: &'static str },
}

/// One translation: a C function from the kernel's value to the schema's.
pub(super) struct Translation {
    pub(super) name: &'static str,
    pub(super) table: &'static FlagTable,
    pub(super) kind: Kind,
    /// The schema's name and the kernel's value on x86_64.
    pub(super) rows: &'static [(&'static str, u32)],
}

macro_rules! translations {
    ($($name:ident $table:ident $kind:ident $(($default:literal))? { $($flag:ident = $value:expr),* $(,)? })*) => {
        pub(super) static TRANSLATIONS: &[Translation] = &[$(Translation {
            name: stringify!($name),
            table: &flags::$table,
            kind: Kind::$kind $({ default: $default })?,
            rows: &[$((stringify!($flag), $value)),*],
        }),*];
    };
}

translations! {
    // Everything of open(2) but the access mode. O_SYNC and O_TMPFILE mean the bit that each adds to O_DSYNC and
    // O_DIRECTORY.
    open_bits FILE_FLAGS Bits {
        O_CREAT = 0o100, O_EXCL = 0o200, O_TRUNC = 0o1000, O_APPEND = 0o2000, O_NONBLOCK = 0o4000, O_DSYNC = 0o10000,
        O_DIRECT = 0o40000, O_LARGEFILE = 0o100000, O_DIRECTORY = 0o200000, O_CLOEXEC = 0o2000000,
        O_SYNC = 0o4000000, O_TMPFILE = 0o20000000,
    }
    nonblock_cloexec FILE_FLAGS Bits { O_NONBLOCK = 0o4000, O_CLOEXEC = 0o2000000 }
    dup3_flags FILE_FLAGS Bits { O_CLOEXEC = 0o2000000 }
    pipe2_flags FILE_FLAGS Bits { O_NONBLOCK = 0o4000, O_CLOEXEC = 0o2000000, O_DIRECT = 0o40000 }
    resolve_flags OPENAT2_FLAGS Bits {
        RESOLVE_NO_XDEV = 1, RESOLVE_NO_MAGICLINKS = 2, RESOLVE_NO_SYMLINKS = 4, RESOLVE_BENEATH = 8,
        RESOLVE_IN_ROOT = 0x10, RESOLVE_CACHED = 0x20,
    }
    flock_flags FLOCK_FLAGS Bits { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 }
    umount_flags UMOUNT_FLAGS Bits { FORCE = 1, DETACH = 2, EXPIRE = 4, NOFOLLOW = 8 }
    lseek_whence LSEEK_WHENCE Values("0") { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2 }
    access_flags ACCESS_FLAGS Bits { X_OK = 1, W_OK = 2, R_OK = 4 }
    unlinkat_flags UNLINKAT_FLAGS Bits { AT_REMOVEDIR = 0x200 }
    linkat_flags LINKAT_FLAGS Bits { AT_SYMLINK_FOLLOW = 0x400, AT_EMPTY_PATH = 0x1000 }
    newfstatat_flags NEWFSTATAT_FLAGS Bits {
        AT_SYMLINK_NOFOLLOW = 0x100, AT_NO_AUTOMOUNT = 0x800, AT_EMPTY_PATH = 0x1000,
    }
    // The schema numbers AT_SYMLINK_NOFOLLOW of fchownat with the value of AT_SYMLINK_FOLLOW.
    fchownat_flags FCHOWNAT_FLAGS Bits { AT_SYMLINK_NOFOLLOW = 0x400, AT_EMPTY_PATH = 0x1000 }
    chmod_mode CHMOD_MODE Bits {
        S_IXOTH = 0o1, S_IWOTH = 0o2, S_IROTH = 0o4, S_IXGRP = 0o10, S_IWGRP = 0o20, S_IRGRP = 0o40, S_IXUSR = 0o100,
        S_IWUSR = 0o200, S_IRUSR = 0o400, S_ISVTX = 0o1000, S_ISGID = 0o2000, S_ISUID = 0o4000,
    }
    mknod_type MKNOD_MODE Values("0") {
        S_IFREG = 0, S_IFREG = 0o100000, S_IFCHR = 0o20000, S_IFBLK = 0o60000, S_IFIFO = 0o10000, S_IFSOCK = 0o140000,
    }
    fcntl_command FCNTL_COMMANDS Values("UNKNOWN") {
        F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7,
        F_SETOWN = 8, F_GETOWN = 9, F_SETSIG = 10, F_GETSIG = 11, F_GETLK64 = 12, F_SETLK64 = 13, F_SETLKW64 = 14,
        F_SETOWN_EX = 15, F_GETOWN_EX = 16, F_OFD_GETLK = 36, F_OFD_SETLK = 37, F_OFD_SETLKW = 38, F_SETLEASE = 1024,
        F_GETLEASE = 1025, F_NOTIFY = 1026, F_CANCELLK = 1029, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031,
        F_GETPIPE_SZ = 1032,
    }
    splice_flags SPLICE_FLAGS Bits {
        SPLICE_F_MOVE = 1, SPLICE_F_NONBLOCK = 2, SPLICE_F_MORE = 4, SPLICE_F_GIFT = 8,
    }
    memfd_create_flags MEMFD_CREATE_FLAGS Bits { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_HUGETLB = 4 }
    close_range_flags CLOSE_RANGE_FLAGS Bits { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 }
    quotactl_command QUOTACTL_CMDS Values("0") {
        Q_SYNC = 0x80_0001, Q_QUOTAON = 0x80_0002, Q_QUOTAOFF = 0x80_0003, Q_GETFMT = 0x80_0004, Q_GETINFO = 0x80_0005,
        Q_SETINFO = 0x80_0006, Q_GETQUOTA = 0x80_0007, Q_SETQUOTA = 0x80_0008, Q_XQUOTAON = 0x5801,
        Q_XQUOTAOFF = 0x5802, Q_XGETQUOTA = 0x5803, Q_XSETQLIM = 0x5804, Q_XGETQSTAT = 0x5805, Q_XQUOTARM = 0x5806,
        Q_XQUOTASYNC = 0x5807,
    }
    quotactl_type QUOTACTL_TYPES Values("0") { USRQUOTA = 0, GRPQUOTA = 1 }
    quotactl_format QUOTACTL_QUOTA_FMTS Values("QFMT_NOT_USED") {
        QFMT_VFS_OLD = 1, QFMT_VFS_V0 = 2, QFMT_VFS_V1 = 4,
    }
    socket_level SOCKOPT_LEVELS Values("UNKNOWN") { SOL_SOCKET = 1, SOL_TCP = 6 }
    socket_option SOCKOPT_OPTIONS Values("UNKNOWN") {
        SO_DEBUG = 1, SO_REUSEADDR = 2, SO_TYPE = 3, SO_ERROR = 4, SO_DONTROUTE = 5, SO_BROADCAST = 6, SO_SNDBUF = 7,
        SO_RCVBUF = 8, SO_KEEPALIVE = 9, SO_OOBINLINE = 10, SO_NO_CHECK = 11, SO_PRIORITY = 12, SO_LINGER = 13,
        SO_BSDCOMPAT = 14, SO_REUSEPORT = 15, SO_PASSCRED = 16, SO_PEERCRED = 17, SO_RCVLOWAT = 18, SO_SNDLOWAT = 19,
        SO_RCVTIMEO = 20, SO_RCVTIMEO = 66, SO_SNDTIMEO = 21, SO_SNDTIMEO = 67, SO_SECURITY_AUTHENTICATION = 22,
        SO_SECURITY_ENCRYPTION_TRANSPORT = 23, SO_SECURITY_ENCRYPTION_NETWORK = 24, SO_BINDTODEVICE = 25,
        SO_ATTACH_FILTER = 26, SO_DETACH_FILTER = 27, SO_PEERNAME = 28, SO_TIMESTAMP = 29, SO_ACCEPTCONN = 30,
        SO_PEERSEC = 31, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33, SO_PASSSEC = 34, SO_TIMESTAMPNS = 35, SO_MARK = 36,
        SO_TIMESTAMPING = 37, SO_PROTOCOL = 38, SO_DOMAIN = 39, SO_RXQ_OVFL = 40, SO_WIFI_STATUS = 41, SO_PEEK_OFF = 42,
        SO_NOFCS = 43, SO_LOCK_FILTER = 44, SO_SELECT_ERR_QUEUE = 45, SO_BUSY_POLL = 46, SO_MAX_PACING_RATE = 47,
        SO_BPF_EXTENSIONS = 48, SO_INCOMING_CPU = 49, SO_ATTACH_BPF = 50, SO_PEERGROUPS = 59, SO_MEMINFO = 55,
        SO_COOKIE = 57,
    }
    shutdown_how SHUTDOWN_HOW Values("SHUT_UNKNOWN") { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 }
    poll_flags POLL_FLAGS Bits {
        POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 0x10, POLLNVAL = 0x20, POLLRDNORM = 0x40,
        POLLRDBAND = 0x80, POLLWRNORM = 0x100, POLLWRBAND = 0x200, POLLRDHUP = 0x2000,
    }
    epoll_create1_flags EPOLL_CREATE1_FLAGS Bits { EPOLL_CLOEXEC = 0o2000000 }
    clone_flags CLONE_FLAGS Bits {
        CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_PTRACE = 0x2000,
        CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000, CLONE_THREAD = 0x10000, CLONE_NEWNS = 0x20000,
        CLONE_SYSVSEM = 0x40000, CLONE_SETTLS = 0x80000, CLONE_PARENT_SETTID = 0x10_0000,
        CLONE_CHILD_CLEARTID = 0x20_0000, CLONE_UNTRACED = 0x80_0000, CLONE_CHILD_SETTID = 0x100_0000,
        CLONE_NEWCGROUP = 0x200_0000, CLONE_NEWUTS = 0x400_0000, CLONE_NEWIPC = 0x800_0000, CLONE_NEWUSER = 0x1000_0000,
        CLONE_NEWPID = 0x2000_0000, CLONE_NEWNET = 0x4000_0000, CLONE_IO = 0x8000_0000,
    }
    futex_command FUTEX_OPERATIONS Values("0") {
        FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_FD = 2, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
        FUTEX_LOCK_PI = 6, FUTEX_UNLOCK_PI = 7, FUTEX_TRYLOCK_PI = 8, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
        FUTEX_WAIT_REQUEUE_PI = 11, FUTEX_CMP_REQUEUE_PI = 12,
    }
    futex_bits FUTEX_OPERATIONS Bits { FUTEX_PRIVATE_FLAG = 128, FUTEX_CLOCK_REALTIME = 256 }
    rlimit_resource RLIMIT_RESOURCES Values("RLIMIT_UNKNOWN") {
        RLIMIT_CPU = 0, RLIMIT_FSIZE = 1, RLIMIT_DATA = 2, RLIMIT_STACK = 3, RLIMIT_CORE = 4, RLIMIT_RSS = 5,
        RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7, RLIMIT_MEMLOCK = 8, RLIMIT_AS = 9, RLIMIT_LOCKS = 10,
        RLIMIT_SIGPENDING = 11, RLIMIT_MSGQUEUE = 12, RLIMIT_NICE = 13, RLIMIT_RTPRIO = 14, RLIMIT_RTTIME = 15,
    }
    ptrace_request PTRACE_REQUESTS Values("PTRACE_UNKNOWN") {
        PTRACE_TRACEME = 0, PTRACE_PEEKTEXT = 1, PTRACE_PEEKDATA = 2, PTRACE_PEEKUSR = 3, PTRACE_POKETEXT = 4,
        PTRACE_POKEDATA = 5, PTRACE_POKEUSR = 6, PTRACE_CONT = 7, PTRACE_KILL = 8, PTRACE_SINGLESTEP = 9,
        PTRACE_GETREGS = 12, PTRACE_SETREGS = 13, PTRACE_GETFPREGS = 14, PTRACE_SETFPREGS = 15, PTRACE_ATTACH = 16,
        PTRACE_DETACH = 17, PTRACE_GETFPXREGS = 18, PTRACE_SETFPXREGS = 19, PTRACE_OLDSETOPTIONS = 21,
        PTRACE_SYSCALL = 24, PTRACE_GET_THREAD_AREA = 25, PTRACE_SET_THREAD_AREA = 26, PTRACE_ARCH_PRCTL = 30,
        PTRACE_SYSEMU = 31, PTRACE_SYSEMU_SINGLESTEP = 32, PTRACE_SINGLEBLOCK = 33, PTRACE_SETOPTIONS = 0x4200,
        PTRACE_GETEVENTMSG = 0x4201, PTRACE_GETSIGINFO = 0x4202, PTRACE_SETSIGINFO = 0x4203,
        PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205, PTRACE_SEIZE = 0x4206, PTRACE_INTERRUPT = 0x4207,
        PTRACE_LISTEN = 0x4208, PTRACE_PEEKSIGINFO = 0x4209, PTRACE_GETSIGMASK = 0x420a, PTRACE_SETSIGMASK = 0x420b,
    }
    pidfd_open_flags PIDFD_OPEN_FLAGS Bits { PIDFD_NONBLOCK = 0o4000 }
    semop_flags SEMOP_FLAGS Bits { IPC_NOWAIT = 0o4000, SEM_UNDO = 0x1000 }
    semget_flags SEMGET_FLAGS Bits { IPC_CREAT = 0o1000, IPC_EXCL = 0o2000 }
    semctl_command SEMCTL_COMMANDS Values("0") {
        IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3, GETPID = 11, GETVAL = 12, GETALL = 13, GETNCNT = 14,
        GETZCNT = 15, SETVAL = 16, SETALL = 17, SEM_STAT = 18, SEM_INFO = 19,
    }
    prot_flags PROT_FLAGS Bits {
        PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_SEM = 8, PROT_GROWSDOWN = 0x100_0000,
        PROT_GROWSUP = 0x200_0000,
    }
    mmap_flags MMAP_FLAGS Bits {
        MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40,
        MAP_GROWSDOWN = 0x100, MAP_DENYWRITE = 0x800, MAP_EXECUTABLE = 0x1000, MAP_LOCKED = 0x2000,
        MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000, MAP_NONBLOCK = 0x1_0000,
    }
    mlockall_flags MLOCKALL_FLAGS Bits { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 }
    mlock2_flags MLOCK2_FLAGS Bits { MLOCK_ONFAULT = 1 }
    page_fault_bits PF_FLAGS Bits {
        PROTECTION_VIOLATION = 1, WRITE_ACCESS = 2, USER_FAULT = 4, RESERVED_PAGE = 8, INSTRUCTION_FETCH = 0x10,
    }
    // The same bits, inverted: their absence has the meaning.
    page_fault_absent PF_FLAGS Bits { PAGE_NOT_PRESENT = 1, READ_ACCESS = 2, SUPERVISOR_FAULT = 4 }
    io_uring_setup_flags IO_URING_SETUP_FLAGS Bits {
        IORING_SETUP_IOPOLL = 1, IORING_SETUP_SQPOLL = 2, IORING_SETUP_SQ_AFF = 4, IORING_SETUP_CQSIZE = 8,
        IORING_SETUP_CLAMP = 0x10, IORING_SETUP_ATTACH_RW = 0x20, IORING_SETUP_R_DISABLED = 0x40,
    }
    io_uring_features IO_URING_SETUP_FEATS Bits {
        IORING_FEAT_SINGLE_MMAP = 1, IORING_FEAT_NODROP = 2, IORING_FEAT_SUBMIT_STABLE = 4, IORING_FEAT_RW_CUR_POS = 8,
        IORING_FEAT_CUR_PERSONALITY = 0x10, IORING_FEAT_FAST_POLL = 0x20, IORING_FEAT_POLL_32BITS = 0x40,
        IORING_FEAT_SQPOLL_NONFIXED = 0x80, IORING_FEAT_ENTER_EXT_ARG = 0x100, IORING_FEAT_NATIVE_WORKERS = 0x200,
        IORING_FEAT_RSRC_TAGS = 0x400,
    }
    io_uring_enter_flags IO_URING_ENTER_FLAGS Bits {
        IORING_ENTER_GETEVENTS = 1, IORING_ENTER_SQ_WAKEUP = 2, IORING_ENTER_SQ_WAIT = 4, IORING_ENTER_EXT_ARG = 8,
    }
    delete_module_flags DELETE_MODULE_FLAGS Bits { O_NONBLOCK = 0o4000, O_TRUNC = 0o1000 }
    finit_module_flags FINIT_MODULE_FLAGS Bits {
        MODULE_INIT_IGNORE_MODVERSIONS = 1, MODULE_INIT_IGNORE_VERMAGIC = 2, MODULE_INIT_COMPRESSED_FILE = 4,
    }
}
