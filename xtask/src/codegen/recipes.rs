//! The parameters of simple events: how each comes from the arguments of its call, one word per parameter.
//!
//! | word | value |
//! |---|---|
//! | `ret`, `ret32` | the result, as it is or sign-extended from 32 bits |
//! | `fd:N` | argument N, sign-extended from 32 bits: file descriptors, pids |
//! | `arg:N` | argument N, cut to the parameter's width |
//! | `arg32:N` | argument N cut to 32 bits, then widened with zeros |
//! | `text:N` | the string at argument N |
//! | `text_ok:N` | the same, empty when the call failed |
//! | `user32:N`, `user64:N` | the number in user memory at argument N; 0 when it cannot be read |
//! | `vm_size`, `vm_rss`, `vm_swap` | memory of the process in kilobytes |
//! | `zero` | 0 |
//! | `F:N` | argument N, translated by the function `F` of the flags header or of `sys/convert.bpf.h` |

/// The event's constant and its words.
pub(super) const RECIPES: &[(&str, &str)] = &[
    // file
    ("STAT_X", "ret text:0"),
    ("LSTAT_X", "ret text:0"),
    ("FSTAT_X", "ret fd:0"),
    ("STAT64_X", "ret text:0"),
    ("LSTAT64_X", "ret text:0"),
    ("FSTAT64_X", "ret"),
    ("LSEEK_X", "ret fd:0 arg:1 lseek_whence:2"),
    ("GETCWD_X", "ret text_ok:0"),
    ("RENAME_X", "ret text:0 text:1"),
    ("RENAMEAT_X", "ret fd:0 text:1 fd:2 text:3"),
    ("RENAMEAT2_X", "ret fd:0 text:1 fd:2 text:3 arg:4"),
    ("SYMLINK_X", "ret text:0 text:1"),
    ("SYMLINKAT_X", "ret text:0 fd:1 text:2"),
    ("GETDENTS_X", "ret fd:0"),
    ("GETDENTS64_X", "ret fd:0"),
    ("FLOCK_X", "ret fd:0 flock_flags:1"),
    ("MOUNT_X", "ret text:0 text:1 text:2 mount_flags:3"),
    ("ACCESS_X", "ret text:0 access_flags:1"),
    ("MKDIR_2_X", "ret text:0 arg:1"),
    ("RMDIR_2_X", "ret text:0"),
    ("UNLINK_2_X", "ret text:0"),
    ("UNLINKAT_2_X", "ret fd:0 text:1 unlinkat_flags:2"),
    ("MKDIRAT_X", "ret fd:0 text:1 arg:2"),
    ("LINK_2_X", "ret text:0 text:1"),
    ("LINKAT_2_X", "ret fd:0 text:1 fd:2 text:3 linkat_flags:4"),
    ("FCHMODAT_X", "ret fd:0 text:1 chmod_mode:2"),
    ("CHMOD_X", "ret text:0 chmod_mode:1"),
    ("FCHMOD_X", "ret fd:0 chmod_mode:1"),
    ("USERFAULTFD_X", "ret arg:0"),
    ("COPY_FILE_RANGE_X", "ret fd:2 arg:3 fd:0 arg:1 arg:4"),
    ("CHOWN_X", "ret text:0 arg:1 arg:2"),
    ("LCHOWN_X", "ret text:0 arg:1 arg:2"),
    ("FCHOWN_X", "ret fd:0 arg:1 arg:2"),
    ("FCHOWNAT_X", "ret fd:0 text:1 arg:2 arg:3 fchownat_flags:4"),
    ("UMOUNT_1_X", "ret text:0"),
    ("UMOUNT2_X", "ret text:0 umount_flags:1"),
    ("NEWFSTATAT_X", "ret fd:0 text:1 newfstatat_flags:3"),
    // fd
    ("CLOSE_X", "ret fd:0"),
    ("CLOSE_RANGE_X", "ret arg:0 arg:1 close_range_flags:2"),
    ("FCNTL_X", "ret fd:0 fcntl_command:1 arg:2"),
    ("IOCTL_3_X", "ret fd:0 arg:1 arg:2"),
    ("DUP_1_X", "ret32 fd:0"),
    ("DUP2_X", "ret32 fd:0 fd:1"),
    ("DUP3_X", "ret32 fd:0 fd:1 dup3_flags:2"),
    ("EVENTFD_X", "ret arg:0 zero"),
    ("EVENTFD2_X", "ret nonblock_cloexec:1 arg32:0"),
    ("INOTIFY_INIT_X", "ret zero"),
    ("INOTIFY_INIT1_X", "ret nonblock_cloexec:0"),
    ("SIGNALFD_X", "ret fd:0 user32:1 zero"),
    ("SIGNALFD4_X", "ret32 nonblock_cloexec:3 fd:0 user32:1"),
    ("TIMERFD_CREATE_X", "ret arg:0 nonblock_cloexec:1"),
    ("IO_URING_REGISTER_X", "ret fd:0 arg:1 arg:2 arg:3"),
    ("EPOLL_CREATE_X", "ret arg:0"),
    ("EPOLL_CREATE1_X", "ret epoll_create1_flags:0"),
    ("MEMFD_CREATE_X", "ret text:0 memfd_create_flags:1"),
    ("PIDFD_GETFD_X", "ret fd:0 fd:1 arg:2"),
    ("PIDFD_OPEN_X", "ret fd:0 pidfd_open_flags:1"),
    // io
    ("SPLICE_X", "ret fd:0 fd:2 arg:4 splice_flags:5"),
    ("SENDFILE_X", "ret user64:2 fd:0 fd:1 arg:3"),
    // memory
    ("BRK_4_X", "ret vm_size vm_rss vm_swap arg:0"),
    ("MMAP_X", "ret vm_size vm_rss vm_swap arg:0 arg:1 prot_flags:2 mmap_flags:3 fd:4 arg:5"),
    ("MMAP2_X", "ret vm_size vm_rss vm_swap arg:0 arg:1 prot_flags:2 mmap_flags:3 fd:4 arg:5"),
    ("MUNMAP_X", "ret vm_size vm_rss vm_swap arg:0 arg:1"),
    ("MPROTECT_X", "ret arg:0 arg:1 prot_flags:2"),
    ("MLOCK_X", "ret arg:0 arg:1"),
    ("MUNLOCK_X", "ret arg:0 arg:1"),
    ("MLOCKALL_X", "ret mlockall_flags:0"),
    ("MUNLOCKALL_X", "ret"),
    ("MLOCK2_X", "ret arg:0 arg:1 mlock2_flags:2"),
    // ipc
    ("FUTEX_X", "ret arg:0 futex_operation:1 arg:2"),
    ("SEMGET_X", "ret arg:0 arg:1 semget_flags:2"),
    // net
    ("SOCKET_X", "ret socket_family:0 arg:1 arg:2 nonblock_cloexec:1"),
    ("LISTEN_X", "ret fd:0 arg:1"),
    ("SHUTDOWN_X", "ret fd:0 shutdown_how:1"),
    ("GETSOCKNAME_X", ""),
    ("GETPEERNAME_X", ""),
    // process
    ("SETNS_X", "ret fd:0 clone_flags:1"),
    ("UNSHARE_X", "ret clone_flags:0"),
    ("CHROOT_X", "ret text:0"),
    ("SETSID_X", "ret"),
    ("SETPGID_X", "ret fd:0 fd:1"),
    // identity
    ("SETUID_X", "ret arg:0"),
    ("SETGID_X", "ret arg:0"),
    ("SETREUID_X", "ret arg:0 arg:1"),
    ("SETREGID_X", "ret arg:0 arg:1"),
    ("SETRESUID_X", "ret arg:0 arg:1 arg:2"),
    ("SETRESGID_X", "ret arg:0 arg:1 arg:2"),
    ("GETUID_X", "ret"),
    ("GETEUID_X", "ret"),
    ("GETGID_X", "ret"),
    ("GETEGID_X", "ret"),
    ("GETRESUID_X", "ret user32:0 user32:1 user32:2"),
    ("GETRESGID_X", "ret user32:0 user32:1 user32:2"),
    // signal
    ("KILL_X", "ret fd:0 arg:1"),
    ("TKILL_X", "ret fd:0 arg:1"),
    ("TGKILL_X", "ret fd:0 fd:1 arg:2"),
    // time
    ("EPOLLWAIT_X", "ret fd:2"),
    ("SELECT_X", "ret"),
    // system
    ("SECCOMP_X", "ret arg:0 arg32:1"),
    ("BPF_2_X", "ret arg:0"),
    ("DELETE_MODULE_X", "ret text:0 delete_module_flags:1"),
    ("FINIT_MODULE_X", "ret fd:0 text:1 finit_module_flags:2"),
    ("MKNOD_X", "ret text:0 mknod_mode:1 device_number:2"),
    ("MKNODAT_X", "ret fd:0 text:1 mknod_mode:2 device_number:3"),
];
