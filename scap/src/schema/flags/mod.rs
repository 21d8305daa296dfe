//! Name and value tables of flag parameters. The order of the rows is the order in which they are printed.

mod file;
mod memory;
mod net;
mod process;
mod system;
pub use file::*;
pub use memory::*;
pub use net::*;
pub use process::*;
pub use system::*;

use super::FlagTable;

/// Every table, for listings.
pub const TABLES: &[&FlagTable] = &[
    &FILE_FLAGS,
    &CREAT_FLAGS,
    &FLOCK_FLAGS,
    &MOUNT_FLAGS,
    &UMOUNT_FLAGS,
    &LSEEK_WHENCE,
    &ACCESS_FLAGS,
    &UNLINKAT_FLAGS,
    &LINKAT_FLAGS,
    &NEWFSTATAT_FLAGS,
    &CHMOD_MODE,
    &FCHOWNAT_FLAGS,
    &RENAMEAT2_FLAGS,
    &OPENAT2_FLAGS,
    &MKNOD_MODE,
    &FSCONFIG_CMDS,
    &FCNTL_COMMANDS,
    &QUOTACTL_DQI_FLAGS,
    &QUOTACTL_CMDS,
    &QUOTACTL_TYPES,
    &QUOTACTL_QUOTA_FMTS,
    &SPLICE_FLAGS,
    &MEMFD_CREATE_FLAGS,
    &CLOSE_RANGE_FLAGS,
    &ANON_INODE_FD_TYPES,
    &SOCKET_FAMILIES,
    &SHUTDOWN_HOW,
    &SOCKOPT_LEVELS,
    &SOCKOPT_OPTIONS,
    &POLL_FLAGS,
    &EPOLL_CREATE1_FLAGS,
    &CLONE_FLAGS,
    &EXECVE_FLAGS,
    &EXECVEAT_FLAGS,
    &FUTEX_OPERATIONS,
    &RLIMIT_RESOURCES,
    &PTRACE_REQUESTS,
    &PRCTL_OPTIONS,
    &PIDFD_OPEN_FLAGS,
    &SEMOP_FLAGS,
    &SEMGET_FLAGS,
    &SEMCTL_COMMANDS,
    &PROT_FLAGS,
    &MMAP_FLAGS,
    &PF_FLAGS,
    &MLOCKALL_FLAGS,
    &MLOCK2_FLAGS,
    &IO_URING_SETUP_FLAGS,
    &IO_URING_SETUP_FEATS,
    &IO_URING_ENTER_FLAGS,
    &IO_URING_REGISTER_OPCODES,
    &KEYCTL_OPERATIONS,
    &BPF_COMMANDS,
    &DELETE_MODULE_FLAGS,
    &FINIT_MODULE_FLAGS,
];
