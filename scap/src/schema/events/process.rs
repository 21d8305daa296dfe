//! Processes: clone, fork, exec, exit, sessions, limits, namespaces, ptrace.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    140 GETRLIMIT_E getrlimit_e = "getrlimit" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        resource: EnumFlags8 dec in RLIMIT_RESOURCES,
    )
    141 GETRLIMIT_X getrlimit_x = "getrlimit" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, cur: Int64 dec, max: Int64 dec, resource: EnumFlags8 dec in RLIMIT_RESOURCES,
    )
    142 SETRLIMIT_E setrlimit_e = "setrlimit" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        resource: EnumFlags8 dec in RLIMIT_RESOURCES,
    )
    143 SETRLIMIT_X setrlimit_x = "setrlimit" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, cur: Int64 dec, max: Int64 dec, resource: EnumFlags8 dec in RLIMIT_RESOURCES,
    )
    144 PRLIMIT_E prlimit_e = "prlimit" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        pid: Pid dec, resource: EnumFlags8 dec in RLIMIT_RESOURCES,
    )
    145 PRLIMIT_X prlimit_x = "prlimit" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, newcur: Int64 dec, newmax: Int64 dec, oldcur: Int64 dec, oldmax: Int64 dec,
        pid: Int64 dec, resource: EnumFlags8 dec in RLIMIT_RESOURCES,
    )
    168 PTRACE_E ptrace_e = "ptrace" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        request: EnumFlags16 dec in PTRACE_REQUESTS, pid: Pid dec,
    )
    169 PTRACE_X ptrace_x = "ptrace" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, addr: Dyn hex one_of PTRACE, data: Dyn hex one_of PTRACE,
        request: EnumFlags16 dec in PTRACE_REQUESTS, pid: Pid dec,
    )
    186 PROCEXIT_1_E procexit_1_e = "procexit" [PROCESS | TRACEPOINT] {MODIFIES_STATE} does Exits (
        status: Errno dec, ret: Errno dec, sig: SigType dec, core: UInt8 dec, reaper_tid: Pid dec,
    )
    187 PROCEXIT_1_X procexit_1_x = "NA" [UNKNOWN] {UNUSED} ()
    222 CLONE_20_E clone_20_e = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    223 CLONE_20_X clone_20_x = "clone" [PROCESS | SYSCALL] {MODIFIES_STATE | CONVERTED} does Clones (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
        vtid: Pid dec, vpid: Pid dec, pidns_init_start_ts: UInt64 dec,
    )
    224 FORK_20_E fork_20_e = "fork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    225 FORK_20_X fork_20_x = "fork" [PROCESS | SYSCALL] {MODIFIES_STATE | CONVERTED} does Clones (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
        vtid: Pid dec, vpid: Pid dec, pidns_init_start_ts: UInt64 dec,
    )
    226 VFORK_20_E vfork_20_e = "vfork" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    227 VFORK_20_X vfork_20_x = "vfork" [PROCESS | SYSCALL] {MODIFIES_STATE | CONVERTED} does Clones (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
        vtid: Pid dec, vpid: Pid dec, pidns_init_start_ts: UInt64 dec,
    )
    240 SETNS_E setns_e = "setns" [PROCESS | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd na, nstype: Flags32 hex in CLONE_FLAGS,
    )
    241 SETNS_X setns_x = "setns" [PROCESS | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd na, nstype: Flags32 hex in CLONE_FLAGS,
    )
    266 CHROOT_E chroot_e = "chroot" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    267 CHROOT_X chroot_x = "chroot" [PROCESS | SYSCALL] {MODIFIES_STATE} (res: Errno dec, path: FsPath na)
    274 SETSID_E setsid_e = "setsid" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    275 SETSID_X setsid_x = "setsid" [PROCESS | SYSCALL] {MODIFIES_STATE} (res: Pid dec)
    284 UNSHARE_E unshare_e = "unshare" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        flags: Flags32 hex in CLONE_FLAGS,
    )
    285 UNSHARE_X unshare_x = "unshare" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, flags: Flags32 hex in CLONE_FLAGS,
    )
    292 EXECVE_19_E execve_19_e = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        filename: FsPath na,
    )
    293 EXECVE_19_X execve_19_x = "execve" [PROCESS | SYSCALL] {MODIFIES_STATE | CONVERTED} does Executes (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, env: ByteBuf na, tty: UInt32 dec, vpgid: Pid dec, loginuid: Uid dec,
        flags: Flags32 hex in EXECVE_FLAGS, cap_inheritable: UInt64 hex, cap_permitted: UInt64 hex,
        cap_effective: UInt64 hex, exe_ino: UInt64 dec, exe_ino_ctime: AbsTime dec,
        exe_ino_mtime: AbsTime dec, uid: Uid dec, trusted_exepath: FsPath na, pgid: Pid na, gid: Gid dec,
        filename: FsPath na,
    )
    294 SETPGID_E setpgid_e = "setpgid" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        pid: Pid dec, pgid: Pid dec,
    )
    295 SETPGID_X setpgid_x = "setpgid" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, pid: Pid dec, pgid: Pid dec,
    )
    330 EXECVEAT_E execveat_e = "execveat" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        dirfd: Fd dec, pathname: FsRelPath na at 0, flags: Flags32 hex in EXECVEAT_FLAGS,
    )
    331 EXECVEAT_X execveat_x = "execveat" [PROCESS | SYSCALL] {MODIFIES_STATE | CONVERTED} does Executes (
        res: Errno dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: UInt64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, env: ByteBuf na, tty: UInt32 dec, vpgid: Pid dec, loginuid: Uid dec,
        flags: Flags32 hex in EXECVE_FLAGS, cap_inheritable: UInt64 hex, cap_permitted: UInt64 hex,
        cap_effective: UInt64 hex, exe_ino: UInt64 dec, exe_ino_ctime: AbsTime dec,
        exe_ino_mtime: AbsTime dec, uid: Uid dec, trusted_exepath: FsPath na, pgid: Pid na, gid: Gid dec,
    )
    334 CLONE3_E clone3_e = "clone3" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    335 CLONE3_X clone3_x = "clone3" [PROCESS | SYSCALL] {MODIFIES_STATE | CONVERTED} does Clones (
        res: Pid dec, exe: CharBuf na, args: ByteBuf na, tid: Pid dec, pid: Pid dec, ptid: Pid dec,
        cwd: CharBuf na, fdlimit: Int64 dec, pgft_maj: UInt64 dec, pgft_min: UInt64 dec,
        vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, comm: CharBuf na,
        cgroups: ByteBuf na, flags: Flags32 hex in CLONE_FLAGS, uid: UInt32 dec, gid: UInt32 dec,
        vtid: Pid dec, vpid: Pid dec, pidns_init_start_ts: UInt64 dec,
    )
    400 PRCTL_E prctl_e = "prctl" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    401 PRCTL_X prctl_x = "prctl" [PROCESS | SYSCALL] {MODIFIES_STATE} (
        res: Errno dec, option: EnumFlags32 dec in PRCTL_OPTIONS, arg2_str: CharBuf na,
        arg2_int: Int64 dec,
    )
}
