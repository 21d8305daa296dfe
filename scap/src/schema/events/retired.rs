//! Retired codes, which drivers no longer send; they are needed to read old files and are never reused.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    10 BRK_1_E brk_1_e = "brk" [MEMORY | SYSCALL] {OLD_VERSION | CONVERTED} (size: UInt32 dec)
    11 BRK_1_X brk_1_x = "brk" [MEMORY | SYSCALL] {OLD_VERSION | CONVERTED} (res: UInt64 hex)
    12 EXECVE_8_E execve_8_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    13 EXECVE_8_X execve_8_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec,
    )
    14 CLONE_11_E clone_11_e = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    15 CLONE_11_X clone_11_x = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec,
        gid: UInt32 dec,
    )
    16 PROCEXIT_E procexit_e = "procexit" [PROCESS | TRACEPOINT] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    17 PROCEXIT_X procexit_x = "NA" [UNKNOWN] {UNUSED} ()
    26 ACCEPT_E accept_e = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} ()
    27 ACCEPT_X accept_x = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, tuple: SockTuple na, queuepct: UInt8 dec,
    )
    56 ACCEPT4_E accept4_e = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: Int32 hex,
    )
    57 ACCEPT4_X accept4_x = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, tuple: SockTuple na, queuepct: UInt8 dec,
    )
    84 NEWSELECT_E newselect_e = "select" [WAIT | SYSCALL] {WAITS | OLD_VERSION} ()
    85 NEWSELECT_X newselect_x = "select" [WAIT | SYSCALL] {WAITS | OLD_VERSION | CONVERTED} (res: Errno dec)
    90 IOCTL_2_E ioctl_2_e = "ioctl" [IO_OTHER | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, request: UInt64 hex,
    )
    91 IOCTL_2_X ioctl_2_x = "ioctl" [IO_OTHER | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (res: Errno dec)
    98 MKDIR_E mkdir_e = "mkdir" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (
        path: FsPath na, mode: UInt32 hex,
    )
    99 MKDIR_X mkdir_x = "mkdir" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (res: Errno dec)
    100 RMDIR_E rmdir_e = "rmdir" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (path: FsPath na)
    101 RMDIR_X rmdir_x = "rmdir" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (res: Errno dec)
    102 OPENAT_E openat_e = "openat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        dirfd: Fd dec, name: CharBuf na, flags: Flags32 hex in FILE_FLAGS, mode: UInt32 oct,
    )
    103 OPENAT_X openat_x = "openat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec,
    )
    104 LINK_E link_e = "link" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (
        oldpath: FsPath na, newpath: FsPath na,
    )
    105 LINK_X link_x = "link" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (res: Errno dec)
    106 LINKAT_E linkat_e = "linkat" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (
        olddir: Fd dec, oldpath: CharBuf na, newdir: Fd dec, newpath: CharBuf na,
    )
    107 LINKAT_X linkat_x = "linkat" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (res: Errno dec)
    108 UNLINK_E unlink_e = "unlink" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (path: FsPath na)
    109 UNLINK_X unlink_x = "unlink" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (res: Errno dec)
    110 UNLINKAT_E unlinkat_e = "unlinkat" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (
        dirfd: Fd dec, name: CharBuf na,
    )
    111 UNLINKAT_X unlinkat_x = "unlinkat" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (res: Errno dec)
    124 DUP_E dup_e = "dup" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec,
    )
    125 DUP_X dup_x = "dup" [IO_OTHER | SYSCALL] {CREATES_FD | USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Fd dec,
    )
    146 SCHEDSWITCH_1_E schedswitch_1_e = "switch" [SCHEDULER | TRACEPOINT] {SKIPPARSERESET | OLD_VERSION | CONVERTED} (
        next: Pid dec,
    )
    147 SCHEDSWITCH_1_X schedswitch_1_x = "NA" [UNKNOWN] {UNUSED} ()
    154 EXECVE_13_E execve_13_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    155 EXECVE_13_X execve_13_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec,
    )
    156 CLONE_16_E clone_16_e = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    157 CLONE_16_X clone_16_x = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, flags: Flags32 hex in CLONE_FLAGS,
        uid: UInt32 dec, gid: UInt32 dec,
    )
    172 EXECVE_14_E execve_14_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    173 EXECVE_14_X execve_14_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, env: ByteBuf na,
    )
    182 FORK_E fork_e = "fork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    183 FORK_X fork_x = "fork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, flags: Flags32 hex in CLONE_FLAGS,
        uid: UInt32 dec, gid: UInt32 dec,
    )
    184 VFORK_E vfork_e = "vfork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    185 VFORK_X vfork_x = "vfork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, flags: Flags32 hex in CLONE_FLAGS,
        uid: UInt32 dec, gid: UInt32 dec,
    )
    214 EXECVE_15_E execve_15_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    215 EXECVE_15_X execve_15_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na, env: ByteBuf na,
    )
    216 CLONE_17_E clone_17_e = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    217 CLONE_17_X clone_17_x = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
    )
    218 FORK_17_E fork_17_e = "fork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    219 FORK_17_X fork_17_x = "fork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
    )
    220 VFORK_17_E vfork_17_e = "vfork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    221 VFORK_17_X vfork_17_x = "vfork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
    )
    228 CONTAINER_E container_e = "container" [INTERNAL | METAEVENT] {MODIFIES_STATE | SKIPPARSERESET | OLD_VERSION | CONVERTED} (
        id: CharBuf na, r#type: UInt32 dec, name: CharBuf na, image: CharBuf na,
    )
    229 CONTAINER_X container_x = "NA" [UNKNOWN] {UNUSED} ()
    230 EXECVE_16_E execve_16_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    231 EXECVE_16_X execve_16_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, env: ByteBuf na,
    )
    248 ACCEPT4_5_E accept4_5_e = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: Int32 hex,
    )
    249 ACCEPT4_5_X accept4_5_x = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, tuple: SockTuple na, queuepct: UInt8 dec, queuelen: UInt32 dec, queuemax: UInt32 dec,
    )
    258 UMOUNT_E umount_e = "umount" [FILE | SYSCALL] {MODIFIES_STATE | OLD_VERSION} (
        flags: Flags32 hex in UMOUNT_FLAGS,
    )
    259 UMOUNT_X umount_x = "umount" [FILE | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, name: FsPath na,
    )
    260 K8S_E k8s_e = "k8s" [INTERNAL | METAEVENT] {MODIFIES_STATE | SKIPPARSERESET | OLD_VERSION} (
        json: CharBuf na,
    )
    261 K8S_X k8s_x = "NA" [UNKNOWN] {UNUSED} ()
    268 TRACER_E tracer_e = "tracer" [OTHER | METAEVENT] {OLD_VERSION} (
        id: Int64 dec, tags: CharBufArray na, args: PairArray na,
    )
    269 TRACER_X tracer_x = "NA" [UNKNOWN] {UNUSED} (id: Int64 dec, tags: CharBufArray na, args: PairArray na)
    270 MESOS_E mesos_e = "mesos" [INTERNAL | METAEVENT] {MODIFIES_STATE | SKIPPARSERESET | OLD_VERSION} (
        json: CharBuf na,
    )
    271 MESOS_X mesos_x = "NA" [UNKNOWN] {UNUSED} ()
    272 CONTAINER_JSON_E container_json_e = "container" [PROCESS | METAEVENT] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        json: CharBuf na,
    )
    273 CONTAINER_JSON_X container_json_x = "NA" [UNKNOWN] {UNUSED} ()
    282 EXECVE_17_E execve_17_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} ()
    283 EXECVE_17_X execve_17_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, env: ByteBuf na, tty: Int32 dec,
    )
    288 EXECVE_18_E execve_18_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        filename: FsPath na,
    )
    289 EXECVE_18_X execve_18_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, env: ByteBuf na, tty: Int32 dec,
    )
    296 BPF_E bpf_e = "bpf" [OTHER | SYSCALL] {CREATES_FD | OLD_VERSION | CONVERTED} (cmd: Int64 dec)
    297 BPF_X bpf_x = "bpf" [OTHER | SYSCALL] {CREATES_FD | OLD_VERSION | CONVERTED} (
        res_or_fd: Dyn dec one_of BPF,
    )
}
