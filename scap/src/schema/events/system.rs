//! The system: modules, bpf, seccomp, keys, quotas, and the generic event for every other call.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    0 GENERIC_E generic_e = "syscall" [OTHER | SYSCALL] {OLD_VERSION | CONVERTED} (
        ID: SyscallId dec, nativeID: UInt16 dec,
    )
    1 GENERIC_X generic_x = "syscall" [OTHER | SYSCALL] {CONVERTED} (ID: SyscallId dec, nativeID: UInt16 dec)
    190 QUOTACTL_E quotactl_e = "quotactl" [USER | SYSCALL] {OLD_VERSION | CONVERTED} (
        cmd: Flags16 dec in QUOTACTL_CMDS, r#type: Flags8 dec in QUOTACTL_TYPES, id: UInt32 dec,
        quota_fmt: Flags8 dec in QUOTACTL_QUOTA_FMTS,
    )
    191 QUOTACTL_X quotactl_x = "quotactl" [USER | SYSCALL] {CONVERTED} (
        res: Errno dec, special: CharBuf na, quotafilepath: CharBuf na, dqb_bhardlimit: UInt64 dec,
        dqb_bsoftlimit: UInt64 dec, dqb_curspace: UInt64 dec, dqb_ihardlimit: UInt64 dec,
        dqb_isoftlimit: UInt64 dec, dqb_btime: RelTime dec, dqb_itime: RelTime dec,
        dqi_bgrace: RelTime dec, dqi_igrace: RelTime dec, dqi_flags: Flags8 dec in QUOTACTL_DQI_FLAGS,
        quota_fmt_out: Flags8 dec in QUOTACTL_QUOTA_FMTS, cmd: Flags16 dec in QUOTACTL_CMDS,
        r#type: Flags8 dec in QUOTACTL_TYPES, id: UInt32 dec, quota_fmt: Flags8 dec in QUOTACTL_QUOTA_FMTS,
    )
    298 SECCOMP_E seccomp_e = "seccomp" [OTHER | SYSCALL] {OLD_VERSION | CONVERTED} (
        op: UInt64 dec, flags: UInt64 hex,
    )
    299 SECCOMP_X seccomp_x = "seccomp" [OTHER | SYSCALL] {CONVERTED} (
        res: Errno dec, op: UInt64 dec, flags: UInt64 hex,
    )
    368 BPF_2_E bpf_2_e = "bpf" [OTHER | SYSCALL] {CREATES_FD | OLD_VERSION} (cmd: Int64 dec)
    369 BPF_2_X bpf_2_x = "bpf" [OTHER | SYSCALL] {CREATES_FD} (
        fd: Fd dec, cmd: EnumFlags32 dec in BPF_COMMANDS,
    )
    372 FSCONFIG_E fsconfig_e = "fsconfig" [SYSTEM | SYSCALL] {OLD_VERSION} ()
    373 FSCONFIG_X fsconfig_x = "fsconfig" [SYSTEM | SYSCALL] {USES_FD} (
        res: Errno dec, fd: Fd dec, cmd: EnumFlags32 dec in FSCONFIG_CMDS, key: CharBuf na,
        value_bytebuf: ByteBuf na, value_charbuf: CharBuf na, aux: Int32 dec,
    )
    410 INIT_MODULE_E init_module_e = "init_module" [OTHER | SYSCALL] {OLD_VERSION} ()
    411 INIT_MODULE_X init_module_x = "init_module" [OTHER | SYSCALL] {} (
        res: Errno dec, img: ByteBuf na, length: UInt64 dec, uargs: CharBuf na,
    )
    412 FINIT_MODULE_E finit_module_e = "finit_module" [OTHER | SYSCALL] {OLD_VERSION} ()
    413 FINIT_MODULE_X finit_module_x = "finit_module" [OTHER | SYSCALL] {USES_FD | READS_FROM_FD} (
        res: Errno dec, fd: Fd dec, uargs: CharBuf na, flags: Flags32 hex in FINIT_MODULE_FLAGS,
    )
    414 MKNOD_E mknod_e = "mknod" [OTHER | SYSCALL] {OLD_VERSION} ()
    415 MKNOD_X mknod_x = "mknod" [OTHER | SYSCALL] {} (
        res: Errno dec, path: FsPath na, mode: Mode oct in MKNOD_MODE, dev: UInt32 dec,
    )
    416 MKNODAT_E mknodat_e = "mknodat" [OTHER | SYSCALL] {OLD_VERSION} ()
    417 MKNODAT_X mknodat_x = "mknodat" [OTHER | SYSCALL] {USES_FD} (
        res: Errno dec, dirfd: Fd dec, path: FsRelPath na at 1, mode: Mode oct in MKNOD_MODE,
        dev: UInt32 dec,
    )
    424 DELETE_MODULE_E delete_module_e = "delete_module" [OTHER | SYSCALL] {OLD_VERSION} ()
    425 DELETE_MODULE_X delete_module_x = "delete_module" [OTHER | SYSCALL] {} (
        res: Errno dec, name: CharBuf na, flags: Flags32 hex in DELETE_MODULE_FLAGS,
    )
    452 KEYCTL_E keyctl_e = "NA" [UNKNOWN] {UNUSED} ()
    453 KEYCTL_X keyctl_x = "keyctl" [OTHER | SYSCALL] {} (
        res: Errno dec, operation: EnumFlags32 dec in KEYCTL_OPERATIONS, arg2: Dyn dec one_of KEYCTL,
        arg3: Dyn dec one_of KEYCTL, arg4: Dyn dec one_of KEYCTL, arg5: Dyn dec one_of KEYCTL,
    )
}
