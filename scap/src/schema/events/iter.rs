//! BPF iterators: records of the tasks and file descriptors that existed before the capture began.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    430 ITER_TASK_E iter_task_e = "task" [PROCESS | ITER] {MODIFIES_STATE} (
        ppid: Pid32 dec, pgid: Pid32 dec, vpgid: Pid32 dec, sid: Pid32 dec, comm: CharBuf na,
        argv: CharBufArray na, exepath: FsPath na, flags: Flags32 hex in EXECVE_FLAGS,
        env: CharBufArray na, cwd: CharBuf na, fdlimit: UInt64 dec, euid: Uid dec, egid: Gid dec,
        cap_permitted: UInt64 hex, cap_effective: UInt64 hex, cap_inheritable: UInt64 hex,
        exe_ino_num: UInt64 dec, exe_ino_ctime: AbsTime dec, exe_ino_mtime: AbsTime dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, pgft_maj: UInt64 dec,
        pgft_min: UInt64 dec, vtgid: Pid32 dec, vpid: Pid32 dec, pidns_init_start_ts: UInt64 dec,
        cgroups: CharBufArray na, root: FsPath na, start_time: AbsTime dec, tty: UInt32 dec,
        loginuid: Uid dec,
    )
    431 ITER_TASK_X iter_task_x = "NA" [UNKNOWN] {UNUSED} ()
    432 ITER_TASK_FILE_PIPE_E iter_task_file_pipe_e = "task_file_pipe" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, path: FsPath na, ino_num: UInt64 dec,
    )
    433 ITER_TASK_FILE_PIPE_X iter_task_file_pipe_x = "NA" [UNKNOWN] {UNUSED} ()
    434 ITER_TASK_FILE_MEMFD_E iter_task_file_memfd_e = "task_file_memfd" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, path: FsPath na, ino_num: UInt64 dec,
    )
    435 ITER_TASK_FILE_MEMFD_X iter_task_file_memfd_x = "NA" [UNKNOWN] {UNUSED} ()
    436 ITER_TASK_FILE_REGULAR_E iter_task_file_regular_e = "task_file_regular" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, path: FsPath na, flags: Flags32 hex in FILE_FLAGS, mnt_id: UInt32 dec,
        ino_num: UInt64 dec,
    )
    437 ITER_TASK_FILE_REGULAR_X iter_task_file_regular_x = "NA" [UNKNOWN] {UNUSED} ()
    438 ITER_TASK_FILE_DIRECTORY_E iter_task_file_directory_e = "task_file_directory" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, path: FsPath na, ino_num: UInt64 dec,
    )
    439 ITER_TASK_FILE_DIRECTORY_X iter_task_file_directory_x = "NA" [UNKNOWN] {UNUSED} ()
    440 ITER_TASK_FILE_SOCKET_INET_E iter_task_file_socket_inet_e = "task_file_socket_inet" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, sk_type: UInt16 dec, sk_proto: UInt16 dec, local_ip: Ipv4Addr hex,
        local_port: Port hex, remote_ip: Ipv4Addr hex, remote_port: Port hex, ino_num: UInt64 dec,
    )
    441 ITER_TASK_FILE_SOCKET_INET_X iter_task_file_socket_inet_x = "NA" [UNKNOWN] {UNUSED} ()
    442 ITER_TASK_FILE_SOCKET_INET6_E iter_task_file_socket_inet6_e = "task_file_socket_inet6" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, sk_type: UInt16 dec, sk_proto: UInt16 dec, local_ip: Ipv6Addr hex,
        local_port: Port hex, remote_ip: Ipv6Addr hex, remote_port: Port hex, ino_num: UInt64 dec,
    )
    443 ITER_TASK_FILE_SOCKET_INET6_X iter_task_file_socket_inet6_x = "NA" [UNKNOWN] {UNUSED} ()
    444 ITER_TASK_FILE_SOCKET_UNIX_E iter_task_file_socket_unix_e = "task_file_socket_unix" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, sk_type: UInt16 dec, sk_proto: UInt16 dec, sk_pointer: UInt64 na,
        sun_path: FsPath na, ino_num: UInt64 dec,
    )
    445 ITER_TASK_FILE_SOCKET_UNIX_X iter_task_file_socket_unix_x = "NA" [UNKNOWN] {UNUSED} ()
    446 ITER_TASK_FILE_SOCKET_NETLINK_E iter_task_file_socket_netlink_e = "task_file_socket_netlink" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, sk_type: UInt16 dec, sk_proto: UInt16 dec, ino_num: UInt64 dec,
    )
    447 ITER_TASK_FILE_SOCKET_NETLINK_X iter_task_file_socket_netlink_x = "NA" [UNKNOWN] {UNUSED} ()
    448 ITER_TASK_FILE_ANON_INODE_E iter_task_file_anon_inode_e = "task_file_anon_inode" [FILE | ITER] {MODIFIES_STATE} (
        fd: Fd32 dec, fd_type: Flags8 dec in ANON_INODE_FD_TYPES, path: FsPath na, ino_num: UInt64 dec,
    )
    449 ITER_TASK_FILE_ANON_INODE_X iter_task_file_anon_inode_x = "NA" [UNKNOWN] {UNUSED} ()
}
